// Tables of what comes after an alert: what its receivers made of it, and how long all of it is kept.
//
// `feedback` is only ever added to, so the newest row of an alert is that of the highest number.
// A stream whose time is over keeps its row without a name while its coverage is kept, so that what
// was examined can still be shown when nobody can be found by it any more.

enum SQLiteAftermathSchema {
    static let v5 = """
        ALTER TABLE alerts ADD COLUMN first_frame_arrived_ms INTEGER;

        CREATE INDEX alerts_opened ON alerts (opened_ms);
        CREATE INDEX alerts_ended ON alerts (ifnull(closed_ms, updated_ms));
        CREATE INDEX alerts_stream ON alerts (stream_id) WHERE stream_id IS NOT NULL;
        CREATE INDEX streams_ended ON streams (ended_ms)
            WHERE ended_ms IS NOT NULL AND name <> '';
        CREATE INDEX streams_bare ON streams (id) WHERE name = '';

        CREATE TABLE feedback (
            alert_id TEXT NOT NULL REFERENCES alerts (id),
            number INTEGER NOT NULL,
            verdict TEXT NOT NULL CHECK (verdict IN ('confirmed', 'rejected', 'taken_over')),
            reason TEXT NOT NULL,
            given_by TEXT NOT NULL CHECK (length(given_by) > 0),
            reference TEXT NOT NULL,
            caller TEXT NOT NULL,
            at_ms INTEGER NOT NULL CHECK (at_ms >= 0),
            PRIMARY KEY (alert_id, number)
        ) WITHOUT ROWID;
        CREATE INDEX feedback_rejected ON feedback (at_ms, alert_id) WHERE verdict = 'rejected';

        CREATE TABLE legal_holds (
            id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 36),
            kind TEXT NOT NULL CHECK (kind IN ('alert', 'stream')),
            subject TEXT NOT NULL CHECK (length(subject) = 36),
            authority TEXT NOT NULL CHECK (length(authority) > 0),
            reason TEXT NOT NULL,
            since_ms INTEGER NOT NULL CHECK (since_ms >= 0),
            until_ms INTEGER CHECK (until_ms >= 0)
        ) WITHOUT ROWID;
        CREATE INDEX legal_holds_subject ON legal_holds (subject);
        """
}

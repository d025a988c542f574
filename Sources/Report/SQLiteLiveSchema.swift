// Tables of what is watched: streams, what was examined of them, and what was done about alerts.
//
// `streams.address` may hold credentials: the database is private to its user (StateDirectory), and
// no query but the one that resumes watches reads the column. An address is watched once at a time,
// which an index sees to. Every second since a stream's `started_ms` stands in `coverage`, once;
// a row is one minute of one session, that is, of one time that the watch ran.

enum SQLiteLiveSchema {
    /// Pictures beyond the limits are missed for a reason of their own.
    static let v7 = """
        ALTER TABLE coverage ADD COLUMN too_large_s REAL NOT NULL DEFAULT 0
            CHECK (too_large_s >= 0);
        """

    /// Who asked for a watch is told apart: hooks end only what hooks asked for.
    static let v6 = """
        ALTER TABLE streams ADD COLUMN is_kept INTEGER NOT NULL DEFAULT 0
            CHECK (is_kept IN (0, 1));
        UPDATE streams SET is_kept = 1 WHERE server IS NULL;
        """

    static let v2 = """
        ALTER TABLE alerts ADD COLUMN stream_id TEXT;
        ALTER TABLE alerts ADD COLUMN frame_arrived_ms INTEGER;
        ALTER TABLE alerts ADD COLUMN examined_s REAL;
        ALTER TABLE alerts ADD COLUMN missed_s REAL;

        CREATE TABLE streams (
            id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 36),
            address TEXT NOT NULL,
            name TEXT NOT NULL,
            labels TEXT NOT NULL,
            is_priority INTEGER NOT NULL CHECK (is_priority IN (0, 1)),
            is_trusted INTEGER NOT NULL CHECK (is_trusted IN (0, 1)),
            server TEXT,
            path TEXT,
            publisher TEXT,
            peer TEXT,
            started_ms INTEGER NOT NULL CHECK (started_ms >= 0),
            ended_ms INTEGER CHECK (ended_ms >= 0),
            end_reason TEXT,
            CHECK ((ended_ms IS NULL) = (end_reason IS NULL)),
            CHECK ((server IS NULL) = (path IS NULL))
        ) WITHOUT ROWID;

        CREATE INDEX alerts_open ON alerts (stream_id)
            WHERE closed_ms IS NULL AND stream_id IS NOT NULL;

        CREATE UNIQUE INDEX streams_watched ON streams (address) WHERE ended_ms IS NULL;
        CREATE INDEX streams_current ON streams (id) WHERE ended_ms IS NULL;
        CREATE INDEX streams_place ON streams (server, path) WHERE ended_ms IS NULL;

        CREATE TABLE coverage (
            stream_id TEXT NOT NULL REFERENCES streams (id),
            minute_s INTEGER NOT NULL CHECK (minute_s % 60 = 0),
            session_ms INTEGER NOT NULL,
            examined_s REAL NOT NULL CHECK (examined_s >= 0),
            not_connected_s REAL NOT NULL CHECK (not_connected_s >= 0),
            no_keyframe_s REAL NOT NULL CHECK (no_keyframe_s >= 0),
            overload_s REAL NOT NULL CHECK (overload_s >= 0),
            undecodable_s REAL NOT NULL CHECK (undecodable_s >= 0),
            low_quality_s REAL NOT NULL CHECK (low_quality_s >= 0),
            not_running_s REAL NOT NULL CHECK (not_running_s >= 0),
            samples INTEGER NOT NULL CHECK (samples >= 0),
            gaps INTEGER NOT NULL CHECK (gaps >= 0),
            PRIMARY KEY (stream_id, minute_s, session_ms)
        ) WITHOUT ROWID;

        CREATE TABLE alert_steps (
            alert_id TEXT NOT NULL REFERENCES alerts (id),
            number INTEGER NOT NULL,
            step TEXT NOT NULL CHECK (length(step) > 0),
            at_ms INTEGER NOT NULL CHECK (at_ms >= 0),
            detail TEXT NOT NULL,
            PRIMARY KEY (alert_id, number)
        ) WITHOUT ROWID;
        CREATE INDEX steps_detected ON alert_steps (alert_id) WHERE step = 'detected';

        CREATE TABLE denials (
            server TEXT NOT NULL,
            path TEXT NOT NULL,
            alert_id TEXT NOT NULL REFERENCES alerts (id),
            since_ms INTEGER NOT NULL CHECK (since_ms >= 0),
            until_ms INTEGER NOT NULL CHECK (until_ms >= 0),
            PRIMARY KEY (server, path)
        ) WITHOUT ROWID;

        CREATE INDEX denials_alert ON denials (alert_id);

        CREATE TABLE holds (
            id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 36),
            server TEXT NOT NULL,
            path TEXT NOT NULL,
            authority TEXT NOT NULL CHECK (length(authority) > 0),
            reason TEXT NOT NULL,
            since_ms INTEGER NOT NULL CHECK (since_ms >= 0),
            until_ms INTEGER NOT NULL CHECK (until_ms >= 0)
        ) WITHOUT ROWID;
        CREATE INDEX holds_place ON holds (server, path, until_ms);
        """
}

// Version 3 of the schema: reports of any event, with a body that never changes, and their
// deliveries to endpoints.
//
// `reports` is made anew, since its alert may be missing now and an alert may have several events of
// a kind. Its state, attempts, next attempt and last error sum up the deliveries, so that a listing
// reads one index. `due_ms` is set exactly where an attempt waits for its time.

enum SQLiteDeliverySchema {
    static let v3 = """
        CREATE TABLE reports_v3 (
            id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 36),
            alert_id TEXT REFERENCES alerts (id),
            stream_id TEXT,
            known_set TEXT NOT NULL,
            input TEXT NOT NULL,
            event TEXT NOT NULL CHECK (length(event) > 0),
            state TEXT NOT NULL CHECK (state IN (
                'queued', 'delivering', 'delivered', 'retrying', 'dead', 'unaddressed')),
            is_routed INTEGER NOT NULL DEFAULT 0 CHECK (is_routed IN (0, 1)),
            attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
            next_attempt_ms INTEGER CHECK (next_attempt_ms >= 0),
            last_error TEXT,
            created_ms INTEGER NOT NULL CHECK (created_ms >= 0),
            updated_ms INTEGER NOT NULL CHECK (updated_ms >= 0),
            CHECK ((state = 'retrying') = (next_attempt_ms IS NOT NULL))
        ) WITHOUT ROWID;
        INSERT INTO reports_v3 (
            id, alert_id, known_set, input, event, state, created_ms, updated_ms)
            SELECT id, alert_id, known_set, input, event, 'queued', created_ms, updated_ms
            FROM reports;
        DROP TABLE reports;
        ALTER TABLE reports_v3 RENAME TO reports;

        CREATE UNIQUE INDEX reports_opened ON reports (alert_id) WHERE event = 'alert.opened';
        CREATE INDEX reports_alert ON reports (alert_id, id) WHERE alert_id IS NOT NULL;
        CREATE INDEX reports_state ON reports (state, id);
        CREATE INDEX reports_event ON reports (event, id);
        CREATE INDEX reports_set ON reports (known_set, id);
        CREATE INDEX reports_input ON reports (input, id);
        CREATE INDEX reports_stream ON reports (stream_id, id)
            WHERE alert_id IS NULL AND stream_id IS NOT NULL;
        CREATE INDEX reports_events ON reports (created_ms, id) WHERE alert_id IS NULL;
        CREATE INDEX reports_unrouted ON reports (id) WHERE is_routed = 0;

        CREATE TABLE report_bodies (
            report_id TEXT NOT NULL PRIMARY KEY REFERENCES reports (id),
            body BLOB NOT NULL CHECK (length(body) < 20480)
        ) WITHOUT ROWID;
        CREATE TRIGGER report_bodies_stay BEFORE UPDATE ON report_bodies
            BEGIN SELECT RAISE(ABORT, 'a body never changes'); END;

        CREATE TABLE deliveries (
            report_id TEXT NOT NULL REFERENCES reports (id),
            endpoint TEXT NOT NULL CHECK (length(endpoint) > 0),
            state TEXT NOT NULL CHECK (
                state IN ('queued', 'delivering', 'delivered', 'retrying', 'dead')),
            attempts INTEGER NOT NULL CHECK (attempts >= 0),
            due_ms INTEGER CHECK (due_ms >= 0),
            last_error TEXT,
            accepted_ms INTEGER CHECK (accepted_ms >= 0),
            updated_ms INTEGER NOT NULL CHECK (updated_ms >= 0),
            PRIMARY KEY (report_id, endpoint),
            CHECK ((state IN ('queued', 'retrying')) = (due_ms IS NOT NULL))
        ) WITHOUT ROWID;
        CREATE INDEX deliveries_due ON deliveries (endpoint, due_ms, report_id)
            WHERE due_ms IS NOT NULL;
        CREATE INDEX deliveries_under_way ON deliveries (report_id) WHERE state = 'delivering';
        CREATE INDEX deliveries_state ON deliveries (endpoint, state, report_id);

        CREATE TABLE disabled_endpoints (
            endpoint TEXT NOT NULL PRIMARY KEY,
            reason TEXT NOT NULL,
            disabled_ms INTEGER NOT NULL CHECK (disabled_ms >= 0)
        ) WITHOUT ROWID;
        """
}

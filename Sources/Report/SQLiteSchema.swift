// Tables, migrations and the checks that a database is one this program can read.
//
// Invariants: a released migration is never edited, only followed by another. Times are Int64 Unix
// milliseconds, ids the text form of a UUIDv7, so that a person with the sqlite3 shell can read
// them; names end in their unit. CHECK constraints hold what the code promises, so that a fault
// fails the transaction and does not reach the queue.
//
// `reports` repeats the alert's set and input, which never change, because each listing must read
// one index in the order of ids and stop at its limit, however many rows there are. All indexes
// therefore end in the id, and a range of creation times is a range of ids. Both tables are
// WITHOUT ROWID: their ids grow, so rows are appended.

import GRDB

package enum SQLiteSchema {
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("v1") { database in
            try database.execute(sql: v1)
        }
        migrator.registerMigration("v2") { database in
            try database.execute(sql: SQLiteLiveSchema.v2)
        }
        migrator.registerMigration("v3") { database in
            try database.execute(sql: SQLiteDeliverySchema.v3)
        }
        migrator.registerMigration("v4") { database in
            try database.execute(sql: SQLiteAuditSchema.v4)
        }
        migrator.registerMigration("v5") { database in
            try database.execute(sql: SQLiteAftermathSchema.v5)
        }
        migrator.registerMigration("v6") { database in
            try database.execute(sql: SQLiteLiveSchema.v6)
        }
        migrator.registerMigration("v7") { database in
            try database.execute(sql: SQLiteLiveSchema.v7)
        }
        migrator.registerMigration("v8") { database in
            try database.execute(sql: SQLiteSuspicionSchema.v8)
        }
        return migrator
    }

    private static let v1 = """
        CREATE TABLE alerts (
            id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 36),
            input TEXT NOT NULL,
            known_set TEXT NOT NULL,
            known_item TEXT NOT NULL,
            category TEXT NOT NULL,
            first_seen_s REAL NOT NULL,
            last_seen_s REAL NOT NULL,
            frames_matched INTEGER NOT NULL CHECK (frames_matched >= 1),
            known_share REAL NOT NULL CHECK (known_share >= 0),
            best_distance INTEGER NOT NULL CHECK (best_distance BETWEEN 0 AND 256),
            variant TEXT NOT NULL,
            rule TEXT NOT NULL,
            opened_ms INTEGER NOT NULL CHECK (opened_ms >= 0),
            updated_ms INTEGER NOT NULL CHECK (updated_ms >= 0),
            closed_ms INTEGER CHECK (closed_ms >= 0)
        ) WITHOUT ROWID;

        CREATE TABLE reports (
            id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 36),
            alert_id TEXT NOT NULL REFERENCES alerts (id),
            known_set TEXT NOT NULL,
            input TEXT NOT NULL,
            event TEXT NOT NULL CHECK (length(event) > 0),
            state TEXT NOT NULL CHECK (
                state IN ('queued', 'delivering', 'delivered', 'retrying', 'dead')),
            attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
            next_attempt_ms INTEGER CHECK (next_attempt_ms >= 0),
            last_error TEXT,
            created_ms INTEGER NOT NULL CHECK (created_ms >= 0),
            updated_ms INTEGER NOT NULL CHECK (updated_ms >= 0),
            UNIQUE (alert_id, event),
            CHECK ((state = 'retrying') = (next_attempt_ms IS NOT NULL))
        ) WITHOUT ROWID;

        CREATE INDEX reports_state ON reports (state, id);
        CREATE INDEX reports_set ON reports (known_set, id);
        CREATE INDEX reports_input ON reports (input, id);
        CREATE INDEX reports_due ON reports (next_attempt_ms, id)
            WHERE next_attempt_ms IS NOT NULL;
        """

    /// What a database's applied migrations mean to a program that knows `known`.
    package enum Age: Equatable {
        case current, empty, older, newer

        package init(applied: Set<String>, known: [String]) {
            self =
                if !applied.isSubset(of: known) {
                    .newer
                } else if applied.count == known.count {
                    .current
                } else {
                    applied.isEmpty ? .empty : .older
                }
        }
    }

    /// Brings a database up to date, or refuses it.
    static func prepare(
        _ queue: DatabaseQueue, readOnly: Bool, in state: StateDirectory
    ) throws {
        let migrator = migrator
        let applied = try queue.read { try migrator.appliedIdentifiers($0) }
        switch Age(applied: applied, known: migrator.migrations) {
        case .current: return
        case .newer:
            throw ReportError(
                .newerSchema, doing: "open the database", at: state.database,
                why: "a newer Vigil wrote it", fix: "use that version, or another state directory")
        case .empty where readOnly: throw state.noDatabase
        case .older where readOnly:
            throw ReportError(
                .olderSchema, doing: "read the database", at: state.database,
                why: "an older Vigil wrote it",
                fix: "open it once for writing to bring it up to date")
        case .empty, .older: try migrator.migrate(queue)
        }
    }
}

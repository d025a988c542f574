// What is remembered of streams that felled the service, in SQLite.

import GRDB

enum SQLiteSuspicionSchema {
    static let v8 = """
        CREATE TABLE suspicions (
            address_sha256 TEXT NOT NULL PRIMARY KEY CHECK (length(address_sha256) = 64),
            falls INTEGER NOT NULL CHECK (falls >= 1),
            is_on_probation INTEGER NOT NULL CHECK (is_on_probation IN (0, 1)),
            fell_ms INTEGER NOT NULL CHECK (fell_ms >= 0),
            next_ms INTEGER NOT NULL CHECK (next_ms >= 0),
            reason TEXT NOT NULL
        ) WITHOUT ROWID;
        CREATE INDEX suspicions_fell ON suspicions (fell_ms);
        """
}

extension SQLiteStore: SuspicionStore {
    private static let mostSuspicions = 10_000

    /// All suspicions; see ``SuspicionStore``.
    public func suspicions() throws(ReportError) -> [StreamSuspicion] {
        let sql = "SELECT * FROM suspicions ORDER BY fell_ms DESC, address_sha256 LIMIT ?"
        return try read("the suspicions") { database in
            try Row.fetchAll(
                database.cachedStatement(sql: sql), arguments: [Self.mostSuspicions]
            ).map(StreamSuspicion.init)
        }
    }

    /// Writes and forgets suspicions; see ``SuspicionStore``.
    public func record(
        _ suspicions: [StreamSuspicion], forgetting forgotten: [String]
    ) throws(ReportError) {
        guard !suspicions.isEmpty || !forgotten.isEmpty else { return }
        try write("store which streams felled the service") { database in
            let removal = try database.cachedStatement(
                sql: "DELETE FROM suspicions WHERE address_sha256 = ?")
            for key in forgotten { try removal.execute(arguments: [key]) }
            let statement = try database.cachedStatement(
                sql: "INSERT OR REPLACE INTO suspicions VALUES (?, ?, ?, ?, ?, ?)")
            for suspicion in suspicions {
                try statement.execute(arguments: [
                    suspicion.key, suspicion.falls, suspicion.isOnProbation,
                    suspicion.fellUnixMilliseconds, suspicion.nextUnixMilliseconds,
                    suspicion.reason,
                ])
            }
            let old = """
                DELETE FROM suspicions WHERE address_sha256 IN (
                    SELECT address_sha256 FROM suspicions
                    ORDER BY fell_ms DESC, address_sha256 LIMIT -1 OFFSET ?)
                """
            try database.cachedStatement(sql: old).execute(arguments: [Self.mostSuspicions])
        }
    }
}

extension StreamSuspicion {
    fileprivate init(_ row: Row) throws {
        self.init(
            key: try row.value("address_sha256"), falls: try row.value("falls"),
            isOnProbation: try row.value("is_on_probation"),
            fellUnixMilliseconds: try row.value("fell_ms"),
            nextUnixMilliseconds: try row.value("next_ms"), reason: try row.value("reason"))
    }
}

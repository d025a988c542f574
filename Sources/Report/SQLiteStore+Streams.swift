// What is watched, and the ledger, in SQLite.

internal import Foundation
import GRDB

extension SQLiteStore: StreamStore {
    private static let columns = """
        id, address, name, labels, is_priority, is_trusted, is_kept, server, path, publisher, peer,
        started_ms, ended_ms, end_reason
        """

    /// Adds a stream whose watch begins; see ``StreamStore``.
    public func add(
        _ stream: WatchedStream
    ) throws(ReportError) -> (stream: WatchedStream, isNew: Bool) {
        try write("store the stream") { database in
            if var known = try Self.watched(
                "address = ? AND ended_ms IS NULL", [stream.address], database)
            {
                let before = known
                known.place = known.place ?? stream.place
                known.isPriority = known.isPriority || stream.isPriority
                known.isTrusted = known.isTrusted || stream.isTrusted
                known.isKept = known.isKept || stream.isKept
                if known != before { try Self.update(known, database) }
                return (known, false)
            }
            let sql = """
                INSERT INTO streams (\(Self.columns))
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL)
                """
            try database.cachedStatement(sql: sql).execute(arguments: [
                stream.id.description, stream.address, stream.name,
                try Self.text(stream.labels), stream.isPriority, stream.isTrusted, stream.isKept,
                stream.place?.server, stream.place?.path, stream.publisher.id,
                stream.publisher.peer, stream.startedUnixMilliseconds,
            ])
            return (stream, true)
        }
    }

    private static func update(_ stream: WatchedStream, _ database: Database) throws {
        let sql = """
            UPDATE streams SET server = ?, path = ?, is_priority = ?, is_trusted = ?, is_kept = ?
            WHERE id = ?
            """
        try database.cachedStatement(sql: sql).execute(arguments: [
            stream.place?.server, stream.place?.path, stream.isPriority, stream.isTrusted,
            stream.isKept, stream.id.description,
        ])
    }

    /// Notes who publishes; see ``StreamStore``.
    public func record(
        _ publisher: StreamPublisher, of id: StreamID
    ) throws(ReportError) {
        try write("store who publishes \(id)") { database in
            let sql = """
                UPDATE streams SET publisher = ?, peer = ? WHERE id = ? AND ended_ms IS NULL
                """
            try database.cachedStatement(sql: sql).execute(arguments: [
                publisher.id, publisher.peer, id.description,
            ])
        }
    }

    /// Ends a watch; see ``StreamStore``.
    public func end(
        _ id: StreamID, at unixMilliseconds: Int64, reason: String
    ) throws(ReportError) {
        try write("end the watch \(id)") { database in
            let sql = """
                UPDATE streams SET ended_ms = ?, end_reason = ?, address = ''
                WHERE id = ? AND ended_ms IS NULL
                """
            try database.cachedStatement(sql: sql).execute(arguments: [
                unixMilliseconds, reason, id.description,
            ])
            guard
                try database.changesCount > 0
                    || Self.watched("id = ?", [id.description], database) != nil
            else {
                throw ReportError(
                    .notFound, doing: "end the watch \(id)", at: path, why: "no stream has this id",
                    fix: "list the streams for their ids")
            }
        }
    }

    /// Closes alerts that were left open; see ``StreamStore``.
    public func closeAbandonedAlerts(at unixMilliseconds: Int64) throws(ReportError) -> Int {
        try write("close alerts that were left open") { database in
            let sql = """
                UPDATE alerts SET closed_ms = ?1, updated_ms = ?1
                WHERE closed_ms IS NULL AND stream_id IN (SELECT id FROM streams)
                RETURNING id, known_set
                """
            let closed = try Row.fetchAll(
                database.cachedStatement(sql: sql), arguments: [unixMilliseconds])
            for row in closed {
                let id: String = try row.value("id")
                try queueChange(
                    of: id, QueuedReport.alertClosed, at: unixMilliseconds, database)
                guard !unaudited.contains(try row.value("known_set")) else { continue }
                let entry = AuditEntry(.alertClosed, about: id, detail: ["abandoned": true])
                try Self.append(entry, at: unixMilliseconds, database)
            }
            return closed.count
        }
    }

    /// Finds a stream; see ``StreamStore``.
    public func stream(_ id: StreamID) throws(ReportError) -> WatchedStream? {
        try read("the streams") { try Self.watched("id = ?", [id.description], $0) }
    }

    /// Whether an address is watched; see ``StreamStore``.
    public func isWatched(address: String) throws(ReportError) -> Bool {
        try read("the streams") {
            try Self.watched("address = ? AND ended_ms IS NULL", [address], $0) != nil
        }
    }

    /// The stream that is watched at a place; see ``StreamStore``.
    public func stream(at place: StreamPlace) throws(ReportError) -> WatchedStream? {
        try read("the streams") {
            try Self.watched(
                "server = ? AND path = ? AND ended_ms IS NULL", [place.server, place.path], $0)
        }
    }

    /// Streams, the newest first; see ``StreamStore``.
    public func streams(
        watchedOnly: Bool, limit: Int, before cursor: StreamID?
    ) throws(ReportError) -> [WatchedStream] {
        let limit = ReportLimits.page.nearest(to: limit)
        let sql = """
            SELECT \(Self.columns) FROM streams
            WHERE id < ?\(watchedOnly ? " AND ended_ms IS NULL" : "") ORDER BY id DESC LIMIT ?
            """
        return try read("the streams") { database in
            // Ids are hex digits: "g" sorts above all of them.
            let statement = try database.cachedStatement(sql: sql)
            return try Row.fetchAll(
                statement, arguments: [cursor?.description ?? "g", limit]
            ).map(WatchedStream.init)
        }
    }

    static func watched(
        _ condition: String, _ arguments: StatementArguments, _ database: Database
    ) throws -> WatchedStream? {
        let sql = "SELECT \(columns) FROM streams WHERE \(condition) LIMIT 1"
        let statement = try database.cachedStatement(sql: sql)
        return try Row.fetchOne(statement, arguments: arguments).map(WatchedStream.init)
    }

    static func labels(_ text: String) throws -> [String: String] {
        let decoded = try? JSONDecoder().decode([String: String].self, from: Data(text.utf8))
        guard let decoded else { throw Row.damage("labels") }
        return decoded
    }

    private static func text(_ labels: [String: String]) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        return String(decoding: try encoder.encode(labels), as: UTF8.self)
    }
}

extension WatchedStream {
    fileprivate init(_ row: Row) throws {
        let server: String? = try row.optional("server")
        let path: String? = try row.optional("path")
        self.init(
            id: StreamID(try row.id("id")), address: try row.value("address"),
            name: try row.value("name"), labels: try SQLiteStore.labels(try row.value("labels")),
            isPriority: try row.value("is_priority"),
            isTrusted: try row.value("is_trusted"), isKept: try row.value("is_kept"),
            place: server.flatMap { server in
                path.map { StreamPlace(server: server, path: $0) }
            },
            publisher: StreamPublisher(
                id: try row.optional("publisher"), peer: try row.optional("peer")),
            startedUnixMilliseconds: try row.value("started_ms"))
        endedUnixMilliseconds = try row.optional("ended_ms")
        endReason = try row.optional("end_reason")
    }
}

// MARK: - The ledger

extension SQLiteStore: CoverageStore {
    private static let causes = MissedCause.allCases.map { "\($0.rawValue)_s" }

    /// Writes entries of the ledger; see ``CoverageStore``.
    public func record(_ entries: [CoverageEntry]) throws(ReportError) {
        guard !entries.isEmpty else { return }
        let columns =
            ["stream_id", "minute_s", "session_ms", "examined_s", "samples", "gaps"] + Self.causes
        let marks = columns.map { _ in "?" }.joined(separator: ", ")
        let sql =
            "INSERT OR REPLACE INTO coverage (\(columns.joined(separator: ", "))) VALUES (\(marks))"
        try write("store what was examined") { database in
            let statement = try database.cachedStatement(sql: sql)
            for entry in entries {
                let minute = entry.minute
                let identity: StatementArguments = [
                    entry.stream.description, minute.startUnixSeconds,
                    entry.sessionUnixMilliseconds,
                    minute.examinedSeconds, minute.samples, minute.gaps,
                ]
                let missed = MissedCause.allCases.map { minute.missedSeconds[$0] ?? 0 }
                try statement.execute(arguments: identity + StatementArguments(missed))
            }
        }
    }

    private static let sums =
        (["examined_s", "samples", "gaps"] + causes)
        .map { "SUM(\($0)) AS \($0)" }.joined(separator: ", ")

    /// The minutes of a stream; see ``CoverageStore``.
    public func minutes(
        of stream: StreamID, in range: Range<Int64>, limit: Int
    ) throws(ReportError) -> [CoverageMinute] {
        let limit = ReportLimits.page.nearest(to: limit)
        let sql = """
            SELECT minute_s, \(Self.sums) FROM coverage
            WHERE stream_id = ? AND minute_s >= ? AND minute_s < ?
            GROUP BY minute_s ORDER BY minute_s LIMIT ?
            """
        return try read("what was examined") { database in
            let statement = try database.cachedStatement(sql: sql)
            return try Row.fetchAll(
                statement,
                arguments: [stream.description, range.lowerBound, range.upperBound, limit]
            ).map(CoverageMinute.init)
        }
    }

    /// The newest minute of a stream; see ``CoverageStore``.
    public func lastMinute(of stream: StreamID) throws(ReportError) -> CoverageMinute? {
        let sql = """
            SELECT minute_s, \(Self.sums) FROM coverage
            WHERE stream_id = ?1
                AND minute_s = (SELECT MAX(minute_s) FROM coverage WHERE stream_id = ?1)
            GROUP BY minute_s
            """
        return try read("what was examined") { database in
            let statement = try database.cachedStatement(sql: sql)
            return try Row.fetchOne(statement, arguments: [stream.description]).map(
                CoverageMinute.init)
        }
    }

    /// The sum of all minutes of a stream; see ``CoverageStore``.
    public func total(of stream: StreamID) throws(ReportError) -> CoverageMinute? {
        let sql = """
            SELECT MIN(minute_s) AS minute_s, \(Self.sums) FROM coverage
            WHERE stream_id = ? HAVING COUNT(*) > 0
            """
        return try read("what was examined") { database in
            let statement = try database.cachedStatement(sql: sql)
            return try Row.fetchOne(statement, arguments: [stream.description]).map(
                CoverageMinute.init)
        }
    }
}

extension CoverageMinute {
    fileprivate init(_ row: Row) throws {
        self.init(startUnixSeconds: try row.value("minute_s"))
        examinedSeconds = try row.value("examined_s")
        samples = try row.value("samples")
        gaps = try row.value("gaps")
        for cause in MissedCause.allCases {
            let seconds: Double = try row.value("\(cause.rawValue)_s")
            if seconds > 0 { missedSeconds[cause] = seconds }
        }
    }
}

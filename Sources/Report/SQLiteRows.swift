// Statements of the SQLite store and the way from rows to values.
//
// Invariants: values go in as arguments, never as text of a statement. A column that does not hold
// what the schema promises is damage and is reported as such; nothing here traps on bad data.
//
// A listing is always a range of ids, also without a filter: `id >= lower AND id < upper` reads
// one index backwards and stops at the limit. Lower and upper come from the cursor and from times,
// since an id starts with the 12 hex digits of its creation time.

import GRDB
import Match

/// A statement with its arguments.
struct Query {
    var sql: String
    var arguments: StatementArguments

    private static let columns = """
        SELECT r.id AS report_id, r.event, r.state, r.attempts, r.next_attempt_ms, r.last_error,
            r.created_ms, r.updated_ms AS report_updated_ms, r.input AS subject, a.*
        FROM reports AS r LEFT JOIN alerts AS a ON a.id = r.alert_id
        """

    /// The reports that pass a filter, newest first.
    static func list(_ filter: ReportFilter, limit: Int, before cursor: AlertID?) -> Query {
        let lower = filter.since.map(timePrefix) ?? ""
        let uppers = [filter.until.map(timePrefix), cursor?.description, aboveAllIDs]
        let upper = uppers.compactMap(\.self).min() ?? aboveAllIDs
        var conditions = ["r.id >= ?", "r.id < ?"]
        var arguments: StatementArguments = [lower, upper]
        // Few reports are on their way or dead; in another state may be nearly all.
        let isRare = [.delivering, .retrying, .dead].contains(filter.state)
        let equalities = [
            ("r.alert_id", filter.alert?.description), ("r.input", filter.input),
            ("r.state", isRare ? filter.state?.rawValue : nil), ("r.known_set", filter.set),
            ("r.event", filter.event), ("r.state", isRare ? nil : filter.state?.rawValue),
        ]
        // The first is looked up in its index; + keeps the others from being chosen instead.
        var plus = ""
        for case (let column, .some(let value)) in equalities {
            conditions.append("\(plus)\(column) = ?")
            arguments += [value]
            plus = "+"
        }
        arguments += [limit]
        let condition = conditions.joined(separator: " AND ")
        return Query(
            sql: "\(columns) WHERE \(condition) ORDER BY r.id DESC LIMIT ?", arguments: arguments)
    }

    /// The report of this id.
    static func report(_ id: AlertID) -> Query {
        Query(sql: "\(columns) WHERE r.id = ?", arguments: [id.description])
    }

    /// The reports of an alert, oldest first.
    static func reports(ofAlert id: AlertID, event: String? = nil) -> Query {
        let one = event == nil ? "" : " AND r.event = ?"
        return Query(
            sql: "\(columns) WHERE r.alert_id = ?\(one) ORDER BY r.id LIMIT 1",
            arguments: event.map { [id.description, $0] } ?? [id.description])
    }

    private static let aboveAllIDs = "g"

    /// Sorts right below the ids of a moment, and above all earlier ones.
    static func timePrefix(_ unixMilliseconds: Int64) -> String {
        guard unixMilliseconds > 0 else { return "" }
        guard unixMilliseconds < 1 << 48 else { return aboveAllIDs }
        let hex = String(unixMilliseconds, radix: 16)
        let digits = String(repeating: "0", count: 12 - hex.count) + hex
        return "\(digits.prefix(8))-\(digits.suffix(4))"
    }

    func first(_ database: Database) throws -> QueuedReport? {
        let statement = try database.cachedStatement(sql: sql)
        return try Row.fetchOne(statement, arguments: arguments).map(QueuedReport.init)
    }

    func all(_ database: Database) throws -> [QueuedReport] {
        let statement = try database.cachedStatement(sql: sql)
        var reports: [QueuedReport] = []
        let rows = try Row.fetchCursor(statement, arguments: arguments)
        while let row = try rows.next() { reports.append(try QueuedReport(row)) }
        return reports
    }
}

extension Row {
    /// What is in a column, which damage may have renamed.
    func stored(_ column: String) throws -> DatabaseValue {
        guard hasColumn(column) else { throw Row.damage(column) }
        return self[column]
    }

    /// The value of a column, or the damage that keeps it from being one.
    ///
    /// Numbers are times, counts and shares: one that is beyond what a Double holds exactly, or is
    /// infinite, is damage, so that sums and differences of those that pass cannot overflow.
    func value<Value: DatabaseValueConvertible>(_ column: String) throws -> Value {
        guard let value = Row.sound(try stored(column)).flatMap(Value.fromDatabaseValue) else {
            throw Row.damage(column)
        }
        return value
    }

    /// A stored value, unless it is a number that damage has made.
    static func sound(_ value: DatabaseValue) -> DatabaseValue? {
        switch value.storage {
        case .int64(let number): Int.boundedRange.contains(Int(number)) ? value : nil
        case .double(let number): number.isFinite ? value : nil
        default: value
        }
    }

    func optional<Value: DatabaseValueConvertible>(_ column: String) throws -> Value? {
        try stored(column).isNull ? nil : try value(column)
    }

    func id(_ column: String) throws -> AlertID {
        guard let id = AlertID(try value(column) as String) else { throw Row.damage(column) }
        return id
    }

    func state() throws -> ReportState {
        guard let state = ReportState(rawValue: try value("state")) else {
            throw Row.damage("state")
        }
        return state
    }

    static func damage(_ column: String) -> DatabaseError {
        DatabaseError(
            resultCode: .SQLITE_CORRUPT, message: "column \(column) holds an unreadable value")
    }
}

extension QueuedReport {
    fileprivate init(_ row: Row) throws {
        let changed: Int64 = try row.value("report_updated_ms")
        let alert = try (row.optional("id") as String?).map { _ in try Alert(row) }
        self.init(
            id: try row.id("report_id"), event: try row.value("event"),
            subject: try row.value("subject"), alert: alert, state: try row.state(),
            attempts: try row.value("attempts"),
            nextAttemptUnixMilliseconds: try row.optional("next_attempt_ms"),
            lastError: try row.optional("last_error"),
            createdUnixMilliseconds: try row.value("created_ms"),
            updatedUnixMilliseconds: max(changed, try row.optional("updated_ms") ?? 0),
            closedUnixMilliseconds: try row.optional("closed_ms"))
    }
}

extension Alert {
    fileprivate init(_ row: Row) throws {
        self.init(
            id: try row.id("id"), input: try row.value("input"),
            known: KnownReference(
                set: try row.value("known_set"), item: try row.value("known_item"),
                category: try row.value("category")),
            firstSeen: try row.value("first_seen_s"), lastSeen: try row.value("last_seen_s"),
            framesMatched: try row.value("frames_matched"),
            knownShare: try row.value("known_share"),
            bestDistance: try row.value("best_distance"), variant: try row.value("variant"),
            rule: try row.value("rule"), stream: try AlertStream(row))
    }

    /// The columns that change while the alert grows, in the order of `growthColumns`.
    private var growth: StatementArguments {
        [
            known.category, firstSeen, lastSeen, framesMatched, knownShare, bestDistance, variant,
            rule, stream?.id, stream?.frameArrivedUnixMilliseconds, stream?.examinedSeconds,
            stream?.missedSeconds, stream?.firstFrameArrivedUnixMilliseconds,
        ]
    }

    private static let growthColumns = [
        "category", "first_seen_s", "last_seen_s", "frames_matched", "known_share",
        "best_distance", "variant", "rule", "stream_id", "frame_arrived_ms", "examined_s",
        "missed_s", "first_frame_arrived_ms",
    ]

    func insert(_ database: Database, at unixMilliseconds: Int64) throws {
        let growth = Self.growthColumns.joined(separator: ", ")
        let sql = """
            INSERT INTO alerts (\(growth), id, input, known_set, known_item, opened_ms, updated_ms)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """
        let identity: StatementArguments = [id.description, input, known.set, known.item]
        try database.cachedStatement(sql: sql).execute(
            arguments: self.growth + identity + [unixMilliseconds, unixMilliseconds])
    }

    /// Writes the alert over its row, unless the row is closed or of another input or item.
    /// - Returns: whether there was such a row.
    func replace(_ database: Database, closed: Bool, at unixMilliseconds: Int64) throws -> Bool {
        let growth = Self.growthColumns.map { "\($0) = ?" }.joined(separator: ", ")
        let sql = """
            UPDATE alerts SET \(growth), updated_ms = ?, closed_ms = ?
            WHERE id = ? AND input = ? AND known_set = ? AND known_item = ? AND closed_ms IS NULL
            """
        let identity: StatementArguments = [id.description, input, known.set, known.item]
        let times: StatementArguments = [unixMilliseconds, closed ? unixMilliseconds : nil]
        try database.cachedStatement(sql: sql).execute(arguments: self.growth + times + identity)
        return database.changesCount == 1
    }
}

extension AlertStream {
    fileprivate init?(_ row: Row) throws {
        guard let id: String = try row.optional("stream_id") else { return nil }
        self.init(
            id: id, frameArrivedUnixMilliseconds: try row.value("frame_arrived_ms"),
            examinedSeconds: try row.value("examined_s"),
            missedSeconds: try row.value("missed_s"),
            firstFrameArrivedUnixMilliseconds: try row.optional("first_frame_arrived_ms"))
    }
}

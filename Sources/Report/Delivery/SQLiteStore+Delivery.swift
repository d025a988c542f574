// Deliveries in SQLite.
//
// One transaction a turn: outcomes are written, new reports get their endpoints, due attempts begin.
// So the disk is synced once for many deliveries, and an attempt that began is on record.

internal import Foundation
import GRDB
public import Match

extension SQLiteStore: DeliveryStore {
    /// Writes outcomes, chooses endpoints, begins attempts; see ``DeliveryStore``.
    public func take(
        _ turn: DeliveryTurn, at unixMilliseconds: Int64
    ) throws(ReportError) -> [DueDelivery] {
        guard try hasWork(turn, at: unixMilliseconds) else { return [] }
        return try write("write what was delivered") { database in
            var moved: [AlertID: [Delivery]] = [:]
            for step in turn.steps {
                guard let old = try Self.delivery(step.report, step.endpoint, database),
                    old.state.next(on: step.event) != nil
                else { continue }
                let new = try old.after(step, at: unixMilliseconds, in: path)
                try Self.write(new, database)
                moved[step.report, default: []].append(new)
            }
            for (report, deliveries) in moved {
                let subject = try Self.sumUp(report, database).alert?.id ?? report
                for delivery in deliveries {
                    try Self.audit(delivery, about: subject, at: unixMilliseconds, database)
                }
            }
            try Self.route(turn, at: unixMilliseconds, database)
            return try turn.wants.sorted { $0.key < $1.key }.flatMap { endpoint, most in
                try Self.begin(
                    endpoint, most, turn.composer, at: unixMilliseconds, in: path, database)
            }
        }
    }

    /// Asked first, so that an idle service writes nothing.
    private func hasWork(
        _ turn: DeliveryTurn, at unixMilliseconds: Int64
    ) throws(ReportError) -> Bool {
        if !turn.steps.isEmpty { return true }
        return try read("what is due") { database in
            let unrouted = "SELECT 1 FROM reports WHERE is_routed = 0 LIMIT 1"
            if try Bool.fetchOne(database.cachedStatement(sql: unrouted)) != nil { return true }
            let due = "SELECT 1 FROM deliveries WHERE endpoint = ? AND due_ms <= ? LIMIT 1"
            return try turn.wants.contains { endpoint, most in
                try most > 0
                    && Bool.fetchOne(
                        database.cachedStatement(sql: due),
                        arguments: [endpoint, unixMilliseconds]) != nil
            }
        }
    }

    /// Moves one delivery on; see ``DeliveryStore``.
    public func apply(
        _ step: DeliveryStep, at unixMilliseconds: Int64
    ) throws(ReportError) -> QueuedReport {
        let what = "apply \(step.event.rawValue) to report \(step.report)"
        return try write(what) { database in
            guard let old = try Self.delivery(step.report, step.endpoint, database) else {
                throw ReportError(
                    .notFound, doing: what, at: path,
                    why: "no report has this id, or it does not go to \(step.endpoint)",
                    fix: "list the reports for their ids")
            }
            try Self.write(try old.after(step, at: unixMilliseconds, in: path), database)
            return try Self.sumUp(step.report, database)
        }
    }

    /// The deliveries of a report; see ``DeliveryStore``.
    public func deliveries(of report: AlertID) throws(ReportError) -> [Delivery] {
        try read("the deliveries of a report") { try Self.deliveries(of: report, $0) }
    }

    /// What is delivered; see ``DeliveryStore``.
    public func body(of report: AlertID) throws(ReportError) -> [UInt8]? {
        try read("the body of a report") { database in
            try Data.fetchOne(
                database.cachedStatement(
                    sql: "SELECT body FROM report_bodies WHERE report_id = ?"),
                arguments: [report.description]
            ).map(Array.init)
        }
    }

    /// Deliveries by state; see ``DeliveryStore``.
    public func deliveryCounts() throws(ReportError) -> [String: [ReportState: Int]] {
        let sql = "SELECT endpoint, state, COUNT(*) AS n FROM deliveries GROUP BY endpoint, state"
        return try read("the deliveries") { database in
            var counts: [String: [ReportState: Int]] = [:]
            let rows = try Row.fetchCursor(database.cachedStatement(sql: sql))
            while let row = try rows.next() {
                counts[try row.value("endpoint"), default: [:]][try row.state()] =
                    try row.value("n")
            }
            return counts
        }
    }
}

extension SQLiteStore {
    /// Records that an endpoint accepted a report, or is sent it no more; attempts on the way are not
    /// recorded, for their last error stands on the delivery.
    static func audit(
        _ delivery: Delivery, about subject: AlertID, at unixMilliseconds: Int64,
        _ database: Database
    ) throws {
        let kind: AuditKind
        switch delivery.state {
        case .delivered: kind = .deliveryAccepted
        case .dead: kind = .deliveryDead
        default: return
        }
        let detail: [String: AuditValue] = [
            "endpoint": .text(delivery.endpoint), "attempt": .number(Int64(delivery.attempts)),
        ]
        let entry = AuditEntry(kind, about: subject.description, detail: detail)
        try append(entry, at: unixMilliseconds, database)
    }
}

// MARK: - Choosing endpoints, beginning attempts

extension SQLiteStore {
    private static func route(
        _ turn: DeliveryTurn, at unixMilliseconds: Int64, _ database: Database
    ) throws {
        let sql = """
            SELECT r.id, r.event, r.known_set, r.alert_id, a.category, s.labels
            FROM reports AS r LEFT JOIN alerts AS a ON a.id = r.alert_id
            LEFT JOIN streams AS s ON s.id = coalesce(a.stream_id, r.stream_id)
            WHERE r.is_routed = 0 ORDER BY r.id LIMIT ?
            """
        let facts = try Row.fetchAll(
            database.cachedStatement(sql: sql), arguments: [turn.mostRouted]
        ).map(ReportFacts.init)
        for facts in facts {
            let endpoints = Set(turn.route(facts)).sorted()
            for endpoint in endpoints where try delivery(facts.id, endpoint, database) == nil {
                try write(
                    Delivery(report: facts.id, endpoint: endpoint, at: unixMilliseconds), database)
            }
            try database.cachedStatement(sql: "UPDATE reports SET is_routed = 1 WHERE id = ?")
                .execute(arguments: [facts.id.description])
            // Most go somewhere, and wait there as they waited before.
            if endpoints.isEmpty { try sumUp(facts.id, database) }
        }
    }

    private static func begin(
        _ endpoint: String, _ most: Int, _ composer: EventComposer, at unixMilliseconds: Int64,
        in place: String, _ database: Database
    ) throws -> [DueDelivery] {
        guard most > 0 else { return [] }
        let sql = """
            SELECT d.*, r.event, r.created_ms, b.body
            FROM deliveries AS d CROSS JOIN reports AS r ON r.id = d.report_id
            LEFT JOIN report_bodies AS b ON b.report_id = d.report_id
            WHERE d.endpoint = ? AND d.due_ms <= ? ORDER BY d.due_ms, d.report_id LIMIT ?
            """
        let rows = try Row.fetchAll(
            database.cachedStatement(sql: sql), arguments: [endpoint, unixMilliseconds, most])
        return try rows.map { row in
            let delivery = try Delivery(row).after(
                DeliveryStep(.started, try row.id("report_id"), to: endpoint),
                at: unixMilliseconds, in: place)
            try write(delivery, database)
            try sumUp(delivery.report, database)
            return DueDelivery(
                report: delivery.report, endpoint: endpoint, event: try row.value("event"),
                createdUnixMilliseconds: try row.value("created_ms"),
                attempt: delivery.attempts,
                body: try (row.optional("body") as Data?).map(Array.init)
                    ?? composed(delivery.report, composer, database))
        }
    }

    /// Makes the body of a report that was queued without one; from then on it stays.
    private static func composed(
        _ id: AlertID, _ composer: EventComposer, _ database: Database
    ) throws -> [UInt8] {
        guard let report = try Query.report(id).first(database), let alert = report.alert else {
            throw Row.damage("alert_id")
        }
        let event = AlertEvent(
            id: id, event: report.event, alert: alert, stream: try stream(of: alert, database),
            openedUnixMilliseconds: try opened(alert.id, database)
                ?? report.createdUnixMilliseconds,
            closedUnixMilliseconds: report.event == QueuedReport.alertClosed
                ? report.closedUnixMilliseconds : nil,
            verdict: nil, unixMilliseconds: report.createdUnixMilliseconds)
        let body = composer.body(event)
        try write(body, of: id, database)
        return body
    }

    /// When an alert opened.
    private static func opened(_ alert: AlertID, _ database: Database) throws -> Int64? {
        try Int64.fetchOne(
            database.cachedStatement(sql: "SELECT opened_ms FROM alerts WHERE id = ?"),
            arguments: [alert.description])
    }

    static func stream(of alert: Alert, _ database: Database) throws -> WatchedStream? {
        guard let id = alert.stream?.id else { return nil }
        return try watched("id = ?", [id], database)
    }
}

// MARK: - Rows

extension SQLiteStore {
    static func delivery(
        _ report: AlertID, _ endpoint: String, _ database: Database
    ) throws -> Delivery? {
        let sql = "SELECT * FROM deliveries WHERE report_id = ? AND endpoint = ?"
        return try Row.fetchOne(
            database.cachedStatement(sql: sql), arguments: [report.description, endpoint]
        ).map(Delivery.init)
    }

    static func deliveries(of report: AlertID, _ database: Database) throws -> [Delivery] {
        let sql = "SELECT * FROM deliveries WHERE report_id = ? ORDER BY endpoint"
        return try Row.fetchAll(
            database.cachedStatement(sql: sql), arguments: [report.description]
        ).map(Delivery.init)
    }

    static func write(_ delivery: Delivery, _ database: Database) throws {
        let sql = """
            INSERT INTO deliveries (report_id, endpoint, state, attempts, due_ms, last_error,
                accepted_ms, updated_ms)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
            ON CONFLICT (report_id, endpoint) DO UPDATE SET state = ?3, attempts = ?4, due_ms = ?5,
                last_error = ?6, accepted_ms = ?7, updated_ms = ?8
            """
        let due: Int64? =
            switch delivery.state {
            case .queued: delivery.updatedUnixMilliseconds
            case .retrying: delivery.nextAttemptUnixMilliseconds
            default: nil
            }
        try database.cachedStatement(sql: sql).execute(arguments: [
            delivery.report.description, delivery.endpoint, delivery.state.rawValue,
            delivery.attempts, due, delivery.lastError, delivery.acceptedUnixMilliseconds,
            delivery.updatedUnixMilliseconds,
        ])
    }

    static func write(_ body: [UInt8], of report: AlertID, _ database: Database) throws {
        let sql = "INSERT INTO report_bodies (report_id, body) VALUES (?, ?)"
        try database.cachedStatement(sql: sql).execute(
            arguments: [report.description, Data(body)])
    }

    /// Writes what the deliveries of a report say together.
    @discardableResult
    static func sumUp(_ id: AlertID, _ database: Database) throws -> QueuedReport {
        guard var report = try Query.report(id).first(database) else { throw Row.damage("id") }
        report.sumUp(try deliveries(of: id, database))
        let sql = """
            UPDATE reports SET state = ?, attempts = ?, next_attempt_ms = ?, last_error = ?,
                updated_ms = ? WHERE id = ?
            """
        try database.cachedStatement(sql: sql).execute(arguments: [
            report.state.rawValue, report.attempts, report.nextAttemptUnixMilliseconds,
            report.lastError, report.updatedUnixMilliseconds, id.description,
        ])
        return report
    }
}

extension Delivery {
    init(_ row: Row) throws {
        self.init(
            report: try row.id("report_id"), endpoint: try row.value("endpoint"),
            at: try row.value("updated_ms"))
        state = try row.state()
        attempts = try row.value("attempts")
        nextAttemptUnixMilliseconds = state == .retrying ? try row.value("due_ms") : nil
        lastError = try row.optional("last_error")
        acceptedUnixMilliseconds = try row.optional("accepted_ms")
    }
}

extension ReportFacts {
    fileprivate init(_ row: Row) throws {
        self.init(
            id: try row.id("id"), event: try row.value("event"), set: try row.value("known_set"),
            category: try row.optional("category") ?? "",
            labels: try (row.optional("labels") as String?).map(SQLiteStore.labels) ?? [:])
    }
}

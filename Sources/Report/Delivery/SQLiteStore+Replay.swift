// Deliveries that are asked for again, by people and after a crash, and endpoints that are delivered
// to no more.

import GRDB
public import Match

extension SQLiteStore {
    /// Queues again what a process left behind; see ``DeliveryStore``.
    public func recoverDeliveries(
        dueAtMost latest: Int64, at unixMilliseconds: Int64
    ) throws(ReportError) -> Int {
        try write("take up deliveries") { database in
            let left = try Row.fetchAll(
                database, sql: "SELECT * FROM deliveries WHERE state = 'delivering'"
            ).map(Delivery.init)
            for delivery in left {
                let step = DeliveryStep(.recovered, delivery.report, to: delivery.endpoint)
                try Self.write(
                    try delivery.after(step, at: unixMilliseconds, in: path), database)
                try Self.sumUp(delivery.report, database)
            }
            try database.cachedStatement(
                // What waits for its first attempt was due when it was queued, by whatever clock.
                sql: """
                    UPDATE deliveries SET due_ms = ?2
                    WHERE due_ms > ?1 OR (state = 'queued' AND due_ms > ?2)
                    """
            ).execute(arguments: [latest, unixMilliseconds])
            return left.count
        }
    }

    /// Gives up what goes nowhere; see ``DeliveryStore``.
    public func abandonDeliveries(
        except endpoints: Set<String>, at unixMilliseconds: Int64
    ) throws(ReportError) -> Int {
        var count = 0
        for name in try endpointsSentTo() where !endpoints.contains(name) {
            var some = ReportLimits.page.upperBound
            while some == ReportLimits.page.upperBound {
                some = try write("give up deliveries") { database in
                    let sql = "SELECT * FROM deliveries WHERE endpoint = ? AND due_ms >= 0 LIMIT ?"
                    let waiting = try Row.fetchAll(
                        database.cachedStatement(sql: sql),
                        arguments: [name, ReportLimits.page.upperBound]
                    ).map(Delivery.init)
                    for delivery in waiting {
                        let step = DeliveryStep(
                            .abandoned, delivery.report, to: name,
                            error: "the endpoint is not configured any more")
                        let new = try delivery.after(step, at: unixMilliseconds, in: path)
                        try Self.write(new, database)
                        let subject = try Self.sumUp(delivery.report, database).alert?.id
                        try Self.audit(
                            new, about: subject ?? delivery.report, at: unixMilliseconds, database)
                    }
                    return waiting.count
                }
                count += some
            }
        }
        return count
    }

    /// Brings forward what is due; see ``DeliveryStore``.
    public func clockWentBack(by milliseconds: Int64) throws(ReportError) {
        try write("bring deliveries forward") { database in
            try database.cachedStatement(
                sql: "UPDATE deliveries SET due_ms = max(0, due_ms - ?) WHERE due_ms IS NOT NULL"
            ).execute(arguments: [milliseconds])
        }
    }

    /// Has deliveries tried again now; see ``DeliveryStore``.
    public func retryDeliveries(
        of report: AlertID?, to endpoint: String?, limit: Int, by actor: String,
        at unixMilliseconds: Int64
    ) throws(ReportError) -> Int {
        let limit = ReportLimits.page.nearest(to: limit)
        if let report {
            let condition = "report_id = ? AND state IN ('dead', 'retrying')"
            return try retry(
                endpoint == nil ? condition : "\(condition) AND endpoint = ?",
                [report.description] + (endpoint.map { [$0] } ?? []),
                limit, to: endpoint, by: actor, at: unixMilliseconds)
        }
        // By endpoint, so that the index by endpoint and state is used.
        var count = 0
        let names = if let endpoint { [endpoint] } else { try endpointsSentTo() }
        for name in names where count < limit {
            count += try retry(
                "endpoint = ? AND state = 'dead'", [name], limit - count, to: name, by: actor,
                at: unixMilliseconds)
        }
        return count
    }

    private func retry(
        _ condition: String, _ values: [String], _ limit: Int, to endpoint: String?,
        by actor: String, at unixMilliseconds: Int64
    ) throws(ReportError) -> Int {
        try write("ask for deliveries again") { database in
            let sql = "SELECT * FROM deliveries WHERE \(condition) LIMIT \(limit)"
            let found = try Row.fetchAll(
                database, sql: sql, arguments: StatementArguments(values)
            ).map(Delivery.init)
            for delivery in found {
                let step = DeliveryStep(.retryRequested, delivery.report, to: delivery.endpoint)
                try Self.write(
                    try delivery.after(step, at: unixMilliseconds, in: path), database)
                try Self.sumUp(delivery.report, database)
            }
            try Self.auditRequest(
                "retry", found.count, to: endpoint, by: actor, at: unixMilliseconds, database)
            return found.count
        }
    }

    /// Names of all endpoints that something was ever sent to.
    private func endpointsSentTo() throws(ReportError) -> [String] {
        try read("the endpoints") { database in
            try String.fetchAll(database, sql: "SELECT DISTINCT endpoint FROM deliveries")
        }
    }

    /// Has reports delivered again; see ``DeliveryStore``.
    public func replay(
        _ filter: ReportFilter, to endpoint: String, before cursor: AlertID?, limit: Int,
        tests: Set<String>, by actor: String, at unixMilliseconds: Int64
    ) throws(ReportError) -> (count: Int, last: AlertID?) {
        let limit = ReportLimits.page.nearest(to: limit)
        return try write("replay reports") { database in
            let reports = try Query.list(filter, limit: limit, before: cursor).all(database)
            var count = 0
            for report in reports where !tests.contains(report.alert?.known.set ?? "") {
                let old = try Self.delivery(report.id, endpoint, database)
                guard let new = try replayed(old, report.id, endpoint, unixMilliseconds) else {
                    continue
                }
                try Self.write(new, database)
                // Routed by this; what has no body gets it with the others.
                try Self.sumUp(report.id, database)
                count += 1
            }
            try Self.auditRequest(
                "replay", count, to: endpoint, by: actor, at: unixMilliseconds, database)
            return (count, reports.count == limit ? reports.last?.id : nil)
        }
    }

    private static func auditRequest(
        _ what: String, _ count: Int, to endpoint: String?, by actor: String,
        at unixMilliseconds: Int64, _ database: Database
    ) throws {
        guard count > 0 else { return }
        var detail: [String: AuditValue] = [
            "what": .text(what), "deliveries": .number(Int64(count)),
        ]
        if let endpoint { detail["endpoint"] = .text(endpoint) }
        let entry = AuditEntry(.deliveryAskedFor, by: actor, detail: detail)
        try append(entry, at: unixMilliseconds, database)
    }

    /// - Returns: `nil` where the delivery is on its way.
    private func replayed(
        _ old: Delivery?, _ report: AlertID, _ endpoint: String, _ unixMilliseconds: Int64
    ) throws -> Delivery? {
        guard let old else {
            return Delivery(report: report, endpoint: endpoint, at: unixMilliseconds)
        }
        guard old.state.next(on: .replayRequested) != nil else { return nil }
        return try old.after(
            DeliveryStep(.replayRequested, report, to: endpoint), at: unixMilliseconds, in: path)
    }
}

// MARK: - Endpoints

extension SQLiteStore {
    /// Delivers no more to an endpoint; see ``DeliveryStore``.
    public func disable(_ standing: EndpointStanding) throws(ReportError) {
        try write("disable an endpoint") { database in
            let sql = """
                INSERT OR IGNORE INTO disabled_endpoints (endpoint, reason, disabled_ms)
                VALUES (?, ?, ?)
                """
            try database.cachedStatement(sql: sql).execute(arguments: [
                standing.endpoint, String(standing.reason.prefix(ReportLimits.errorCharacters)),
                standing.disabledUnixMilliseconds,
            ])
            guard database.changesCount > 0 else { return }
            let entry = AuditEntry(
                .endpointDisabled, detail: ["endpoint": .text(standing.endpoint)])
            try Self.append(entry, at: standing.disabledUnixMilliseconds, database)
        }
    }

    /// Delivers to an endpoint again; see ``DeliveryStore``.
    public func enable(
        _ endpoint: String, by actor: String, at unixMilliseconds: Int64
    ) throws(ReportError) -> Bool {
        try write("enable an endpoint") { database in
            try database.cachedStatement(
                sql: "DELETE FROM disabled_endpoints WHERE endpoint = ?"
            ).execute(arguments: [endpoint])
            guard database.changesCount > 0 else { return false }
            let entry = AuditEntry(
                .endpointEnabled, by: actor, detail: ["endpoint": .text(endpoint)])
            try Self.append(entry, at: unixMilliseconds, database)
            return true
        }
    }

    /// Endpoints that are not delivered to; see ``DeliveryStore``.
    public func disabledEndpoints() throws(ReportError) -> [EndpointStanding] {
        try read("the endpoints") { database in
            try Row.fetchAll(database, sql: "SELECT * FROM disabled_endpoints ORDER BY endpoint")
                .map {
                    EndpointStanding(
                        endpoint: try $0.value("endpoint"), reason: try $0.value("reason"),
                        disabledUnixMilliseconds: try $0.value("disabled_ms"))
                }
        }
    }
}

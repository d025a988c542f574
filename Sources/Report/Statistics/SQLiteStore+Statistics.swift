// Timelines and statistics in SQLite: one pass over the alerts of the range, in the order of an
// index, each with the times of its steps and feedback.

import GRDB
public import Match

extension SQLiteStore: StatisticsStore {
    /// Counts and times of the alerts of a range; see ``StatisticsStore``.
    public func statistics(_ request: StatisticsRequest) throws(ReportError) -> ReportStatistics {
        try read("the statistics") { database in
            var tally = StatisticsTally(request)
            try Self.addAlerts(to: &tally, request, database)
            try Self.addAcceptances(to: &tally, request, database)
            try Self.addReports(to: &tally, request, database)
            tally.set(try Self.coverage(request, database))
            return tally.finish()
        }
    }

    private static func range(_ request: StatisticsRequest) -> StatementArguments {
        ["from": request.from, "to": request.to, "except": request.exceptSet]
    }

    /// Alerts of a range, without those of the set that does not count.
    private static let inRange =
        "a.opened_ms >= :from AND a.opened_ms < :to AND a.known_set IS NOT :except"

    // A group for each alert, in the order of `alerts_opened`: nothing is sorted.
    private static let facts = """
        SELECT a.id, a.known_set, a.category, a.rule, a.input, a.opened_ms,
            CASE WHEN a.stream_id IS NOT NULL
                THEN ifnull(a.first_frame_arrived_ms, a.frame_arrived_ms) END,
            MIN(s.at_ms) FILTER (WHERE s.step = 'detected'),
            MIN(s.at_ms) FILTER (WHERE s.step = 'held'),
            MIN(s.at_ms) FILTER (WHERE s.step = 'stop_requested'),
            MIN(s.at_ms) FILTER (WHERE s.step = 'confirmed_gone'),
            MIN(s.at_ms) FILTER (WHERE s.step = 'ended_by_itself'),
            MIN(s.at_ms) FILTER (WHERE s.step = 'stop_given_up'),
            (SELECT MIN(at_ms) FROM feedback WHERE alert_id = a.id),
            (SELECT MIN(at_ms) FROM feedback WHERE alert_id = a.id AND verdict = 'taken_over'),
            (SELECT MIN(at_ms) FROM feedback WHERE alert_id = a.id AND number > ifnull((
                SELECT MAX(number) FROM feedback
                WHERE alert_id = a.id AND verdict <> 'rejected'), -1)),
            (SELECT verdict FROM feedback WHERE alert_id = a.id ORDER BY number DESC LIMIT 1)
        FROM alerts AS a INDEXED BY alerts_opened
        LEFT JOIN alert_steps AS s ON s.alert_id = a.id
        WHERE \(inRange) GROUP BY a.opened_ms, a.id
        """

    private static func addAlerts(
        to tally: inout StatisticsTally, _ request: StatisticsRequest, _ database: Database
    ) throws {
        let rows = try Row.fetchCursor(
            database.cachedStatement(sql: facts), arguments: range(request))
        while let row = try rows.next() { tally.add(try AlertFacts(row)) }
    }

    private static func addAcceptances(
        to tally: inout StatisticsTally, _ request: StatisticsRequest, _ database: Database
    ) throws {
        let sql = """
            SELECT a.opened_ms, d.endpoint, MIN(d.accepted_ms)
            FROM alerts AS a INDEXED BY alerts_opened
            CROSS JOIN reports AS r ON r.alert_id = a.id
            CROSS JOIN deliveries AS d ON d.report_id = r.id AND d.accepted_ms IS NOT NULL
            WHERE \(inRange) GROUP BY a.opened_ms, a.id, d.endpoint
            """
        let rows = try Row.fetchCursor(
            database.cachedStatement(sql: sql), arguments: range(request))
        while let row = try rows.next() {
            tally.add(
                .alertToAccepted, try row.at(0) as Int64, try row.optional(at: 2) as Int64?,
                group: try row.at(1))
        }
    }

    private static func addReports(
        to tally: inout StatisticsTally, _ request: StatisticsRequest, _ database: Database
    ) throws {
        let sql = """
            SELECT state, COUNT(*) FROM reports
            WHERE id >= ? AND id < ? AND known_set IS NOT ? GROUP BY state
            """
        let rows = try Row.fetchAll(
            database.cachedStatement(sql: sql),
            arguments: [
                Query.timePrefix(request.from), Query.timePrefix(request.to), request.exceptSet,
            ])
        for row in rows {
            guard let state = ReportState(rawValue: try row.value("state")) else {
                throw Row.damage("state")
            }
            tally.set(try row.at(1), state)
        }
    }

    private static func coverage(
        _ request: StatisticsRequest, _ database: Database
    ) throws -> CoverageFigures {
        let causes = MissedCause.allCases.map(\.rawValue)
        let sums = causes.map { "TOTAL(\($0)_s) AS \($0)" }.joined(separator: ", ")
        // Stream by stream, which is the order of the ledger.
        let sql = """
            SELECT TOTAL(examined_s) AS examined, \(sums) FROM streams AS s
            CROSS JOIN coverage AS c ON c.stream_id = s.id AND c.minute_s >= ? AND c.minute_s < ?
            WHERE s.started_ms < ? GROUP BY s.id
            """
        let rows = try Row.fetchCursor(
            database.cachedStatement(sql: sql),
            arguments: [request.from / 1000, request.to / 1000, request.to])
        var figures = CoverageFigures()
        while let row = try rows.next() {
            figures.streams += 1
            figures.examinedSeconds += try row.value("examined") as Double
            for cause in MissedCause.allCases {
                let seconds: Double = try row.value(cause.rawValue)
                if seconds > 0 { figures.missedSeconds[cause, default: 0] += seconds }
            }
        }
        return figures
    }
}

extension AlertFacts {
    /// Of a row of `facts`: by place, since there may be a million.
    fileprivate init(_ row: Row) throws {
        guard let id = AlertID(try row.at(0) as String) else { throw Row.damage("id") }
        self.init(
            id: id, set: try row.at(1), category: try row.at(2), rule: try row.at(3),
            input: try row.at(4), opened: try row.at(5))
        firstFrame = try row.optional(at: 6)
        calledFor = try row.optional(at: 7)
        held = try row.optional(at: 8)
        requested = try row.optional(at: 9)
        gone = try row.optional(at: 10)
        ended = try row.optional(at: 11)
        givenUp = try row.optional(at: 12)
        firstFeedback = try row.optional(at: 13)
        takenOver = try row.optional(at: 14)
        rejected = try row.optional(at: 15)
        let word: String? = try row.optional(at: 16)
        verdict = try word.map {
            guard let verdict = Verdict(rawValue: $0) else { throw Row.damage("verdict") }
            return verdict
        }
    }
}

extension Row {
    /// The value of a column by its place, or the damage that keeps it from being one.
    fileprivate func at<Value: DatabaseValueConvertible>(_ place: Int) throws -> Value {
        guard
            let value = Row.sound(self[place] as DatabaseValue).flatMap(Value.fromDatabaseValue)
        else {
            throw Row.damage("\(place)")
        }
        return value
    }

    /// The same of a column that may be empty.
    fileprivate func optional<Value: DatabaseValueConvertible>(at place: Int) throws -> Value? {
        let stored: DatabaseValue = self[place]
        return stored.isNull ? nil : try at(place) as Value
    }
}

// MARK: - One alert

extension SQLiteStore {
    /// The timeline of an alert; see ``StatisticsStore``.
    public func timeline(of alert: AlertID) throws(ReportError) -> AlertTimeline? {
        guard let report = try report(id: alert), let facts = report.alert, facts.id == alert else {
            return nil
        }
        var entries: [AlertTimeline.Entry] = []
        if let stream = facts.stream {
            let first = stream.firstFrameArrivedUnixMilliseconds
            entries += first.map { [.init(.firstFrame, at: $0)] } ?? []
            entries.append(.init(.frame, at: stream.frameArrivedUnixMilliseconds))
        }
        entries.append(.init(.opened, at: report.createdUnixMilliseconds))
        entries += report.closedUnixMilliseconds.map { [.init(.closed, at: $0)] } ?? []
        for step in try steps(of: alert) {
            guard let moment = AlertTimeline.Moment(step.kind) else { continue }
            entries.append(.init(moment, at: step.unixMilliseconds))
        }
        entries += try acceptances(of: alert)
        for feedback in try feedback(on: alert) {
            entries.append(
                .init(.feedback, at: feedback.unixMilliseconds, detail: feedback.verdict.rawValue))
        }
        return AlertTimeline(entries)
    }

    /// Which endpoints accepted reports of an alert, and when each did first.
    private func acceptances(of alert: AlertID) throws(ReportError) -> [AlertTimeline.Entry] {
        let sql = """
            SELECT d.endpoint, MIN(d.accepted_ms) AS accepted_ms FROM reports AS r
            CROSS JOIN deliveries AS d ON d.report_id = r.id AND d.accepted_ms IS NOT NULL
            WHERE r.alert_id = ? GROUP BY d.endpoint
            """
        return try read("the deliveries") { database in
            try Row.fetchAll(
                database.cachedStatement(sql: sql), arguments: [alert.description]
            ).map { row in
                .init(
                    .accepted, at: try row.value("accepted_ms"),
                    detail: try row.value("endpoint"))
            }
        }
    }
}

extension AlertTimeline.Moment {
    /// What a step is in a timeline; `nil` for what is no end of an interval.
    fileprivate init?(_ step: AlertStep.Kind) {
        switch step {
        case .stopRequested: self = .stopRequested
        case .confirmedGone: self = .confirmedGone
        case .endedByItself: self = .endedByItself
        case .stopGivenUp: self = .stopGivenUp
        case .detected, .held, .stopFailed, .republishDenied: return nil
        }
    }
}

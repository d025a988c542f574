// How events get onto the queue.

import GRDB
public import Match

extension SQLiteStore {
    /// Queues events; see ``ReportStore``.
    public func queue(
        _ events: [EventDraft], at unixMilliseconds: Int64
    ) throws(ReportError) -> [AlertID] {
        guard !events.isEmpty else { return [] }
        let ids = Self.newIDs(events.count, at: unixMilliseconds)
        try write("queue events") { database in
            for (event, id) in zip(events, ids) {
                try Self.insert(
                    id, event.event, alert: event.alert, stream: event.stream, set: event.set,
                    subject: event.subject, at: unixMilliseconds, database)
                try Self.write(event.body(id), of: id, database)
            }
        }
        return ids
    }

    /// Ids of a moment, in ascending order.
    static func newIDs(_ count: Int, at unixMilliseconds: Int64) -> [AlertID] {
        let moment = UInt64(clamping: unixMilliseconds)
        var random = SystemRandomNumberGenerator()
        return (0..<count).map { _ in AlertID(unixMilliseconds: moment, using: &random) }.sorted()
    }

    /// Queues that an alert grew or ended, from what its row says now.
    func queueChange(
        of alert: String, _ event: String, at unixMilliseconds: Int64, _ database: Database
    ) throws {
        guard let id = AlertID(alert),
            var report = try Query.reports(ofAlert: id, event: QueuedReport.alertOpened)
                .first(database),
            let alert = report.alert
        else { throw Row.damage("alert_id") }
        let opened = report.createdUnixMilliseconds
        report.id = Self.newIDs(1, at: unixMilliseconds)[0]
        report.event = event
        try queue(report, alert, opened: opened, at: unixMilliseconds, database)
    }

    /// Queues a report of an alert.
    func queue(
        _ report: QueuedReport, _ alert: Alert, opened: Int64, at unixMilliseconds: Int64,
        _ database: Database
    ) throws {
        try Self.insert(
            report.id, report.event, alert: alert.id, stream: nil, set: alert.known.set,
            subject: alert.input, at: unixMilliseconds, database)
        guard let composer else { return }
        let event = AlertEvent(
            id: report.id, event: report.event, alert: alert,
            stream: try Self.stream(of: alert, database), openedUnixMilliseconds: opened,
            closedUnixMilliseconds: report.closedUnixMilliseconds,
            // Nobody has looked at what was just opened.
            verdict: report.event == QueuedReport.alertOpened
                ? nil : try Self.verdict(on: alert.id, database),
            unixMilliseconds: unixMilliseconds)
        try Self.write(composer.body(event), of: report.id, database)
    }

    /// Queues what came of stopping a stream, where a step says so.
    func queueEnd(
        of alert: AlertID, _ step: AlertStep, _ database: Database
    ) throws {
        guard let composer, let outcome = step.kind.outcome,
            let report = try Query.reports(ofAlert: alert).first(database), let facts = report.alert
        else { return }
        let stream = try Self.stream(of: facts, database)
        let payload = EventPayload.streamStopped(
            alert, outcome: outcome, steps: try Self.steps(of: alert, database), stream: stream,
            // Who asked for a hold is nobody's business who gets reports.
            detail: outcome == .held ? "" : step.detail, at: step.unixMilliseconds,
            origin: composer.origin)
        let id = Self.newIDs(1, at: step.unixMilliseconds)[0]
        try Self.insert(
            id, payload.kind.rawValue, alert: alert, stream: stream?.id, set: facts.known.set,
            subject: stream?.name ?? facts.input, at: step.unixMilliseconds, database)
        try Self.write(payload.body(id: id), of: id, database)
    }

    private static func insert(
        _ id: AlertID, _ event: String, alert: AlertID?, stream: StreamID?, set: String,
        subject: String, at unixMilliseconds: Int64, _ database: Database
    ) throws {
        let sql = """
            INSERT INTO reports (id, alert_id, stream_id, known_set, input, event, state,
                created_ms, updated_ms)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            """
        try database.cachedStatement(sql: sql).execute(arguments: [
            id.description, alert?.description, stream?.description, set, subject, event,
            ReportState.queued.rawValue, unixMilliseconds, unixMilliseconds,
        ])
    }
}

extension AlertStep.Kind {
    /// What it says came of a stop; `nil` where that is not known yet.
    fileprivate var outcome: StreamStoppedData.Outcome? {
        switch self {
        case .confirmedGone: .confirmedGone
        case .stopGivenUp: .givenUp
        case .endedByItself: .endedByItself
        case .held: .held
        case .detected, .stopRequested, .stopFailed, .republishDenied: nil
        }
    }
}

// Feedback in SQLite.

import GRDB
public import Match

extension SQLiteStore: FeedbackStore {
    /// Adds feedback to an alert; see ``FeedbackStore``.
    public func add(
        _ feedback: Feedback, to alert: AlertID
    ) throws(ReportError) -> (feedback: Feedback, isNew: Bool) {
        let what = "store feedback on alert \(alert)"
        return try write(what) { database in
            guard try Self.isKnown(alert: alert, database) else {
                throw ReportError(
                    .notFound, doing: what, at: path, why: "no alert has this id",
                    fix: "list the alerts for their ids")
            }
            let known = try Self.feedback(on: alert, database)
            if let newest = known.last, newest.repeats(feedback) { return (newest, false) }
            let own = known.count { $0.caller == feedback.caller }
            guard own < FeedbackLimits.each else {
                throw ReportError(
                    .full, doing: what, at: path,
                    why: "there are \(own) of this caller already, which is the most",
                    fix: "see what sends so many; another token can still decide")
            }
            let sql = """
                INSERT INTO feedback
                    (alert_id, number, verdict, reason, given_by, reference, caller, at_ms)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                """
            try database.cachedStatement(sql: sql).execute(arguments: [
                alert.description, known.count, feedback.verdict.rawValue, feedback.reason,
                feedback.by, feedback.reference, feedback.caller, feedback.unixMilliseconds,
            ])
            let caller = feedback.caller
            let entry = AuditEntry(
                .feedbackGiven, by: caller.isEmpty ? AuditEntry.vigil : "token:\(caller)",
                about: alert.description,
                detail: ["verdict": .text(feedback.verdict.rawValue)])
            try Self.append(entry, at: feedback.unixMilliseconds, database)
            try queueChange(
                of: alert.description, QueuedReport.alertUpdated, at: feedback.unixMilliseconds,
                database)
            return (feedback, true)
        }
    }

    /// The feedback on an alert; see ``FeedbackStore``.
    public func feedback(on alert: AlertID) throws(ReportError) -> [Feedback] {
        try read("the feedback on an alert") { try Self.feedback(on: alert, $0) }
    }

    private static func feedback(on alert: AlertID, _ database: Database) throws -> [Feedback] {
        let sql = "SELECT * FROM feedback WHERE alert_id = ? ORDER BY number"
        return try Row.fetchAll(
            database.cachedStatement(sql: sql), arguments: [alert.description]
        ).map(Feedback.init)
    }

    /// The newest verdict on an alert.
    static func verdict(on alert: AlertID, _ database: Database) throws -> Verdict? {
        let sql = "SELECT verdict FROM feedback WHERE alert_id = ? ORDER BY number DESC LIMIT 1"
        let word = try String.fetchOne(
            database.cachedStatement(sql: sql), arguments: [alert.description])
        return try word.map {
            guard let verdict = Verdict(rawValue: $0) else { throw Row.damage("verdict") }
            return verdict
        }
    }

    static func isKnown(alert: AlertID, _ database: Database) throws -> Bool {
        try Bool.fetchOne(
            database.cachedStatement(sql: "SELECT 1 FROM alerts WHERE id = ?"),
            arguments: [alert.description]) != nil
    }
}

extension Feedback {
    fileprivate init(_ row: Row) throws {
        guard let verdict = Verdict(rawValue: try row.value("verdict")) else {
            throw Row.damage("verdict")
        }
        self.init(
            verdict, reason: try row.value("reason"), by: try row.value("given_by"),
            reference: try row.value("reference"), caller: try row.value("caller"),
            at: try row.value("at_ms"))
    }
}

// Erasing what is due, in SQLite.
//
// Candidates come in the order of an index, from where the step before ended, so that what is kept is
// not looked at again and again; whether each is still needed is asked in the transaction that
// erases it. Erased rows leave free pages, which new rows use: the file does not shrink, nor grow.

import GRDB
import Match

extension SQLiteStore: RetentionStore {
    /// Erases a batch of a kind; see ``RetentionStore``.
    public func erase(
        _ kind: RetentionKind, _ policy: RetentionPolicy, at unixMilliseconds: Int64,
        after mark: SweepMark?, by actor: String, isDry: Bool
    ) throws(ReportError) -> SweepBatch {
        guard let limit = policy.limit(of: kind, at: unixMilliseconds) else { return SweepBatch() }
        let due = Due(
            kind: kind, limit: limit, now: unixMilliseconds, mark: mark, actor: actor,
            isDry: isDry)
        switch kind {
        case .rejectedAlerts: return try erase(due, .rejectedAlerts)
        case .alerts: return try erase(due, .alerts)
        case .otherReports: return try erase(due, .otherReports)
        case .holds: return try erase(due, .holds)
        case .coverage: return try eraseCoverage(due)
        case .streams:
            let batch = try erase(due, .streams)
            if batch.next == nil, !isDry { try removeBareStreams(due) }
            return batch
        }
    }

    /// Erases in a transaction, which the audit log tells of, or only reads.
    private func sweep(
        _ due: Due, _ body: (Database) throws -> SweepBatch
    ) throws(ReportError) -> SweepBatch {
        if due.isDry { return try read("what is due", body) }
        return try write("erase what is due") { database in
            let batch = try body(database)
            try Self.tell(batch.erased, due, database)
            return batch
        }
    }

    private static func tell(_ erased: Int, _ due: Due, _ database: Database) throws {
        guard erased > 0 else { return }
        let detail: [String: AuditValue] = [
            "what": .text(due.kind.rawValue), "erased": .number(Int64(erased)),
        ]
        let entry = AuditEntry(.retentionSwept, by: due.actor, detail: detail)
        try append(entry, at: due.now, database)
    }

    private func erase(_ due: Due, _ walk: Walk) throws(ReportError) -> SweepBatch {
        try sweep(due) { database in
            let rows = try Row.fetchAll(
                database.cachedStatement(sql: walk.candidates), arguments: due.arguments)
            let reason = try database.cachedStatement(sql: walk.reason)
            let removals =
                try due.isDry
                ? [] : walk.removals.map { try database.cachedStatement(sql: $0) }
            var batch = SweepBatch(next: try SweepMark(last: rows))
            for row in rows {
                let id: String = try row.value("id")
                if let kept = try String.fetchOne(reason, arguments: due.arguments(id)) {
                    guard let kept = KeptReason(rawValue: kept) else { throw Row.damage("kept") }
                    batch.kept[kept, default: 0] += 1
                    continue
                }
                for removal in removals { try removal.execute(arguments: ["id": id]) }
                if !due.isDry {
                    _ = try Self.erase(subject: id, at: due.now, by: due.actor, database)
                }
                batch.erased += 1
            }
            return batch
        }
    }
}

/// What is due, and where the step begins.
private struct Due {
    var kind: RetentionKind
    var limit: Int64
    var now: Int64
    var mark: SweepMark?
    var actor: String
    var isDry: Bool

    var arguments: StatementArguments {
        [
            "limit": limit, "time": mark?.time ?? Int64.min, "id": mark?.id ?? "",
            "batch": RetentionLimits.batch,
        ]
    }

    /// What the question takes whether one candidate is still needed.
    func arguments(_ id: String) -> StatementArguments {
        ["id": id, "now": now, "open": now - RetentionPolicy.longestOpen]
    }
}

/// How one kind is walked over, in SQL.
private struct Walk {
    /// Those that are due: `id`, and `time` by which they are ordered.
    var candidates: String
    /// Why one is still needed; NULL where it is not.
    var reason: String
    /// What removes one and all that belongs to it, in order.
    var removals: [String]

    /// Candidates from a source with `time` and `id`, in the order of an index on both.
    private static func due(time: String, id: String, _ source: String) -> String {
        """
        SELECT \(time) AS time, \(id) AS id FROM \(source)
            AND \(time) < :limit AND \(time) >= :time AND (\(time) > :time OR \(id) > :id)
        ORDER BY \(time), \(id) LIMIT :batch
        """
    }

    /// Whether a legal hold keeps one of the ids in `subjects`.
    static func isHeld(_ subjects: String) -> String {
        """
        EXISTS (SELECT 1 FROM legal_holds WHERE subject IN (\(subjects))
            AND (until_ms IS NULL OR until_ms > :now))
        """
    }

    /// Whether a report is on its way.
    private static let isOnItsWay = """
        EXISTS (SELECT 1 FROM deliveries WHERE report_id = reports.id
            AND state IN ('queued', 'delivering', 'retrying'))
        """

    /// Removes reports, by a condition, with what belongs to them.
    private static func removal(ofReports condition: String) -> [String] {
        SQLiteStore.tablesOfReports.map {
            "DELETE FROM \($0) WHERE report_id IN (SELECT id FROM reports WHERE \(condition))"
        } + ["DELETE FROM reports WHERE \(condition)"]
    }

    private static let alertReason = """
        SELECT CASE
            WHEN \(isHeld("a.id, a.stream_id")) THEN 'legal_hold'
            WHEN a.closed_ms IS NULL AND (a.updated_ms > :open OR EXISTS (
                SELECT 1 FROM streams WHERE id = a.stream_id AND ended_ms IS NULL)) THEN 'open'
            WHEN EXISTS (SELECT 1 FROM reports WHERE alert_id = a.id AND \(isOnItsWay))
                THEN 'not_delivered'
            WHEN EXISTS (SELECT 1 FROM alert_steps WHERE alert_id = a.id AND step = 'detected')
                AND NOT EXISTS (SELECT 1 FROM alert_steps WHERE alert_id = a.id
                    AND step IN ('confirmed_gone', 'stop_given_up', 'ended_by_itself'))
                THEN 'stop_unfinished'
            WHEN EXISTS (SELECT 1 FROM denials WHERE alert_id = a.id AND until_ms > :now)
                THEN 'denial_in_force'
        END FROM alerts AS a WHERE a.id = :id
        """
    private static let alertRemovals =
        removal(ofReports: "alert_id = :id")
        + SQLiteStore.tablesOfAlerts.map { "DELETE FROM \($0) WHERE alert_id = :id" }
        + ["DELETE FROM alerts WHERE id = :id"]

    static let alerts = Walk(
        candidates: due(time: "ifnull(closed_ms, updated_ms)", id: "id", "alerts WHERE 1"),
        reason: alertReason, removals: alertRemovals)

    static let rejectedAlerts = Walk(
        candidates: due(
            time: "at_ms", id: "alert_id",
            """
            feedback AS f WHERE verdict = 'rejected'
                AND number = (SELECT MAX(number) FROM feedback WHERE alert_id = f.alert_id)
            """), reason: alertReason, removals: alertRemovals)

    static let otherReports = Walk(
        candidates: due(time: "created_ms", id: "id", "reports WHERE alert_id IS NULL"),
        reason: """
            SELECT CASE WHEN \(isHeld("stream_id")) THEN 'legal_hold'
                WHEN \(isOnItsWay) THEN 'not_delivered' END FROM reports WHERE id = :id
            """,
        removals: removal(ofReports: "id = :id"))

    static let holds = Walk(
        candidates: due(
            time: "until_ms", id: "id",
            """
            (SELECT until_ms, id FROM holds UNION ALL SELECT until_ms, id FROM legal_holds)
                WHERE until_ms IS NOT NULL
            """),
        reason: "SELECT NULL WHERE :id = :id",
        removals: ["holds", "legal_holds"].map { "DELETE FROM \($0) WHERE id = :id" })

    /// Takes from streams what they can be found by, and what was told of them alone, in which it
    /// stands too; their coverage has a time of its own.
    static let streams = Walk(
        candidates: due(
            time: "ended_ms", id: "id", "streams WHERE ended_ms IS NOT NULL AND name <> ''"),
        reason: """
            SELECT CASE WHEN \(isHeld(":id")) THEN 'legal_hold'
                WHEN EXISTS (SELECT 1 FROM alerts WHERE stream_id = :id) THEN 'has_alerts'
                WHEN EXISTS (SELECT 1 FROM reports WHERE alert_id IS NULL AND stream_id = :id
                    AND \(isOnItsWay)) THEN 'not_delivered' END
            """,
        removals: [
            """
            UPDATE streams SET name = '', labels = '{}', server = NULL, path = NULL,
                publisher = NULL, peer = NULL, end_reason = '' WHERE id = :id
            """
        ] + removal(ofReports: "alert_id IS NULL AND stream_id = :id"))
}

extension SQLiteStore {
    /// Tables with a column `alert_id` that go with their alert.
    static let tablesOfAlerts = ["feedback", "alert_steps", "denials"]

    /// Tables with a column `report_id` that go with their report.
    static let tablesOfReports = ["deliveries", "report_bodies"]
}

extension SweepMark {
    /// The mark after a full batch; `nil` where it was the last.
    fileprivate init?(last rows: [Row]) throws {
        guard rows.count == RetentionLimits.batch, let last = rows.last else { return nil }
        self.init(time: try last.value("time"), id: try last.value("id"))
    }
}

// MARK: - Streams and coverage

extension SQLiteStore {
    /// Removes streams that nothing is left of, not even coverage.
    private func removeBareStreams(_ due: Due) throws(ReportError) {
        let sql = """
            DELETE FROM streams WHERE id IN (
                SELECT id FROM streams AS s WHERE name = ''
                    AND NOT \(Walk.isHeld("s.id"))
                    AND NOT EXISTS (SELECT 1 FROM coverage WHERE stream_id = s.id) LIMIT :batch)
            """
        var removed = RetentionLimits.batch
        while removed == RetentionLimits.batch {
            removed = try write("erase streams that nothing is left of") { database in
                try database.cachedStatement(sql: sql).execute(
                    arguments: ["now": due.now, "batch": RetentionLimits.batch])
                return database.changesCount
            }
        }
    }

    /// Erases old minutes of one stream, the next that has any.
    private func eraseCoverage(_ due: Due) throws(ReportError) -> SweepBatch {
        let limit = due.limit / 1000
        let next = """
            SELECT id FROM streams AS s WHERE id >= :id AND EXISTS (
                SELECT 1 FROM coverage WHERE stream_id = s.id AND minute_s < :limit)
            AND NOT \(Walk.isHeld("s.id")) ORDER BY id LIMIT 1
            """
        // Read by itself: it may pass many streams, and writers do not wait for it.
        let found = try read("what is due") { database in
            try String.fetchOne(
                database.cachedStatement(sql: next),
                arguments: ["id": due.mark?.id ?? "", "limit": limit, "now": due.now])
        }
        guard let id = found else { return SweepBatch() }
        let old = "FROM coverage WHERE stream_id = ?1 AND minute_s < ?2"
        if due.isDry {
            let count = try read("what is due") { database in
                try Int.fetchOne(
                    database.cachedStatement(sql: "SELECT COUNT(*) \(old)"), arguments: [id, limit])
            }
            // Sorts right after the stream.
            return SweepBatch(erased: count ?? 0, next: SweepMark(time: 0, id: "\(id)~"))
        }
        let removal = """
            DELETE \(old) AND minute_s <= ifnull((SELECT minute_s FROM coverage
                WHERE stream_id = ?1 ORDER BY minute_s LIMIT 1 OFFSET ?3), ?2)
                AND NOT EXISTS (SELECT 1 FROM legal_holds WHERE subject = ?1
                    AND (until_ms IS NULL OR until_ms > ?4))
            """
        let erased = try write("erase what is due") { database in
            try database.cachedStatement(sql: removal).execute(
                arguments: [id, limit, RetentionLimits.minutes - 1, due.now])
            let erased = database.changesCount
            try Self.tell(erased, due, database)
            return erased
        }
        return SweepBatch(erased: erased, next: SweepMark(time: 0, id: id))
    }
}

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
        after mark: SweepMark?, isDry: Bool
    ) throws(ReportError) -> SweepBatch {
        guard let limit = policy.limit(of: kind, at: unixMilliseconds) else { return SweepBatch() }
        let due = Due(
            kind: kind, limit: limit, now: unixMilliseconds, mark: mark, isDry: isDry)
        switch kind {
        case .rejectedAlerts: return try eraseAlerts(due, Due.rejected)
        case .alerts:
            let batch = try eraseAlerts(due, Due.ended)
            if batch.next == nil, !isDry { try removeOldEvents(due) }
            return batch
        case .coverage: return try eraseCoverage(due)
        case .streams:
            let batch = try eraseStreams(due)
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
        try append(AuditEntry(.retentionSwept, detail: detail), at: due.now, database)
    }
}

/// What is due, and where the step begins.
private struct Due {
    var kind: RetentionKind
    var limit: Int64
    var now: Int64
    var mark: SweepMark?
    var isDry: Bool

    /// Candidates: `id`, and `time` by which they are ordered.
    static let ended = """
        SELECT ifnull(closed_ms, updated_ms) AS time, id FROM alerts
        WHERE ifnull(closed_ms, updated_ms) < :limit
            AND ifnull(closed_ms, updated_ms) >= :time
            AND (ifnull(closed_ms, updated_ms) > :time OR id > :id)
        ORDER BY ifnull(closed_ms, updated_ms), id LIMIT :batch
        """
    static let rejected = """
        SELECT at_ms AS time, alert_id AS id FROM feedback AS f
        WHERE verdict = 'rejected' AND at_ms < :limit AND at_ms >= :time
            AND (at_ms > :time OR alert_id > :id)
            AND number = (SELECT MAX(number) FROM feedback WHERE alert_id = f.alert_id)
        ORDER BY at_ms, alert_id LIMIT :batch
        """
    static let streams = """
        SELECT ended_ms AS time, id FROM streams
        WHERE ended_ms IS NOT NULL AND name <> '' AND ended_ms < :limit AND ended_ms >= :time
            AND (ended_ms > :time OR id > :id)
        ORDER BY ended_ms, id LIMIT :batch
        """

    var arguments: StatementArguments {
        [
            "limit": limit, "time": mark?.time ?? Int64.min, "id": mark?.id ?? "",
            "batch": RetentionLimits.batch,
        ]
    }

    /// Whether a legal hold keeps one of the ids in `subjects`.
    static func isHeld(_ subjects: String) -> String {
        """
        EXISTS (SELECT 1 FROM legal_holds WHERE subject IN (\(subjects))
            AND (until_ms IS NULL OR until_ms > :now))
        """
    }
}

// MARK: - Alerts

extension SQLiteStore {
    /// Tables with a column `alert_id` that go with their alert.
    static let tablesOfAlerts = ["feedback", "alert_steps", "denials"]

    /// Tables with a column `report_id` that go with their report.
    static let tablesOfReports = ["deliveries", "report_bodies"]

    /// Whether an alert is still needed, and why.
    private static let reasonToKeep = """
        SELECT CASE
            WHEN \(Due.isHeld("a.id, a.stream_id")) THEN 'legal_hold'
            WHEN a.closed_ms IS NULL AND (a.updated_ms > :open OR EXISTS (
                SELECT 1 FROM streams WHERE id = a.stream_id AND ended_ms IS NULL)) THEN 'open'
            WHEN EXISTS (SELECT 1 FROM reports WHERE alert_id = a.id
                AND EXISTS (SELECT 1 FROM deliveries WHERE report_id = reports.id
                    AND state IN ('queued', 'delivering', 'retrying'))) THEN 'not_delivered'
            WHEN EXISTS (SELECT 1 FROM alert_steps WHERE alert_id = a.id AND step = 'detected')
                AND NOT EXISTS (SELECT 1 FROM alert_steps WHERE alert_id = a.id
                    AND step IN ('confirmed_gone', 'stop_given_up', 'ended_by_itself'))
                THEN 'stop_unfinished'
            WHEN EXISTS (SELECT 1 FROM denials WHERE alert_id = a.id AND until_ms > :now)
                THEN 'denial_in_force'
        END FROM alerts AS a WHERE a.id = :id
        """

    private func eraseAlerts(_ due: Due, _ candidates: String) throws(ReportError) -> SweepBatch {
        try sweep(due) { database in
            let rows = try Row.fetchAll(
                database.cachedStatement(sql: candidates), arguments: due.arguments)
            let reason = try database.cachedStatement(sql: Self.reasonToKeep)
            let removals = try due.isDry ? [] : Self.removals(database)
            var batch = SweepBatch(next: try SweepMark(last: rows))
            for row in rows {
                let id: String = try row.value("id")
                let kept = try String.fetchOne(
                    reason,
                    arguments: [
                        "id": id, "now": due.now, "open": due.now - RetentionPolicy.longestOpen,
                    ])
                if let kept {
                    guard let kept = KeptReason(rawValue: kept) else { throw Row.damage("kept") }
                    batch.kept[kept, default: 0] += 1
                    continue
                }
                for removal in removals { try removal.execute(arguments: [id]) }
                if !due.isDry {
                    _ = try Self.erase(
                        subject: id, at: due.now, by: AuditEntry.vigil, database)
                }
                batch.erased += 1
            }
            return batch
        }
    }

    /// The statements that remove an alert and all that belongs to it, in order.
    private static func removals(_ database: Database) throws -> [Statement] {
        let ofReports = tablesOfReports.map {
            "DELETE FROM \($0) WHERE report_id IN (SELECT id FROM reports WHERE alert_id = ?)"
        }
        let ofAlerts = (tablesOfAlerts + ["reports"]).map { "DELETE FROM \($0) WHERE alert_id = ?" }
        return try (ofReports + ofAlerts + ["DELETE FROM alerts WHERE id = ?"]).map {
            try database.cachedStatement(sql: $0)
        }
    }
}

extension SweepMark {
    /// The mark after a full batch; `nil` where it was the last.
    fileprivate init?(last rows: [Row]) throws {
        guard rows.count == RetentionLimits.batch, let last = rows.last else { return nil }
        self.init(time: try last.value("time"), id: try last.value("id"))
    }
}

// MARK: - Streams

extension SQLiteStore {
    /// Takes from streams what they can be found by; their coverage has a time of its own.
    private func eraseStreams(_ due: Due) throws(ReportError) -> SweepBatch {
        let reason = """
            SELECT CASE WHEN \(Due.isHeld(":id")) THEN 'legal_hold'
                WHEN EXISTS (SELECT 1 FROM alerts WHERE stream_id = :id) THEN 'has_alerts' END
            """
        let removal = """
            UPDATE streams SET name = '', labels = '{}', server = NULL, path = NULL,
                publisher = NULL, peer = NULL, end_reason = '' WHERE id = ?
            """
        return try sweep(due) { database in
            let rows = try Row.fetchAll(
                database.cachedStatement(sql: Due.streams), arguments: due.arguments)
            var batch = SweepBatch(next: try SweepMark(last: rows))
            for row in rows {
                let id: String = try row.value("id")
                let kept = try String.fetchOne(
                    database.cachedStatement(sql: reason), arguments: ["id": id, "now": due.now])
                if let kept {
                    guard let kept = KeptReason(rawValue: kept) else { throw Row.damage("kept") }
                    batch.kept[kept, default: 0] += 1
                    continue
                }
                if !due.isDry {
                    try database.cachedStatement(sql: removal).execute(arguments: [id])
                    try Self.removeEvents(ofStream: id, database)
                    _ = try Self.erase(
                        subject: id, at: due.now, by: AuditEntry.vigil, database)
                }
                batch.erased += 1
            }
            return batch
        }
    }

    /// Removes reports that are about no alert, once they arrived or went nowhere.
    private func removeOldEvents(_ due: Due) throws(ReportError) {
        let found = """
            SELECT id FROM reports WHERE alert_id IS NULL AND created_ms < :limit
                AND NOT \(Due.isHeld("reports.stream_id"))
                AND NOT EXISTS (SELECT 1 FROM deliveries WHERE report_id = reports.id
                    AND state IN ('queued', 'delivering', 'retrying')) LIMIT :batch
            """
        var removed = RetentionLimits.batch
        while removed == RetentionLimits.batch {
            removed = try write("erase old events") { database in
                let ids = try String.fetchAll(
                    database.cachedStatement(sql: found),
                    arguments: [
                        "limit": due.limit, "now": due.now, "batch": RetentionLimits.batch,
                    ])
                for table in Self.tablesOfReports {
                    let sql = "DELETE FROM \(table) WHERE report_id = ?"
                    for id in ids {
                        try database.cachedStatement(sql: sql).execute(arguments: [id])
                    }
                }
                for id in ids {
                    try database.cachedStatement(sql: "DELETE FROM reports WHERE id = ?")
                        .execute(arguments: [id])
                }
                try Self.tell(ids.count, due, database)
                return ids.count
            }
        }
    }

    /// Removes what was told of a stream alone: its name and labels stand in it.
    private static func removeEvents(ofStream id: String, _ database: Database) throws {
        let own = "SELECT id FROM reports WHERE alert_id IS NULL AND stream_id = ?"
        for table in tablesOfReports {
            let sql = "DELETE FROM \(table) WHERE report_id IN (\(own))"
            try database.cachedStatement(sql: sql).execute(arguments: [id])
        }
        try database.cachedStatement(
            sql: "DELETE FROM reports WHERE alert_id IS NULL AND stream_id = ?"
        ).execute(arguments: [id])
    }

    /// Removes streams that nothing is left of, not even coverage.
    private func removeBareStreams(_ due: Due) throws(ReportError) {
        let sql = """
            DELETE FROM streams WHERE id IN (
                SELECT id FROM streams AS s WHERE name = ''
                    AND NOT \(Due.isHeld("s.id"))
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
}

// MARK: - Coverage

extension SQLiteStore {
    /// Erases old minutes of one stream, the next that has any.
    private func eraseCoverage(_ due: Due) throws(ReportError) -> SweepBatch {
        let limit = due.limit / 1000
        let next = """
            SELECT id FROM streams AS s WHERE id >= :id AND EXISTS (
                SELECT 1 FROM coverage WHERE stream_id = s.id AND minute_s < :limit)
            AND NOT \(Due.isHeld("s.id")) ORDER BY id LIMIT 1
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
            """
        let erased = try write("erase what is due") { database in
            try database.cachedStatement(sql: removal).execute(
                arguments: [id, limit, RetentionLimits.minutes - 1])
            let erased = database.changesCount
            try Self.tell(erased, due, database)
            return erased
        }
        return SweepBatch(erased: erased, next: SweepMark(time: 0, id: id))
    }
}

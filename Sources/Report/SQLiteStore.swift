// The embedded store: one SQLite database in the state directory, reached through GRDB.
//
// Invariants: an alert and its queue row are written in one IMMEDIATE transaction, so that other
// processes wait and never interleave; WAL mode with synchronous = FULL, so that a commit that
// returned is on the disk and a process killed at any moment leaves a consistent database that the
// next opening repairs by itself. One connection a store: calls on one store run one after the
// other. Whoever must not wait for a writer opens a second, read-only store on the same directory.
//
// All calls block, for up to about ten seconds when another process writes.

import GRDB
internal import Glibc
public import Match

/// Keeps alerts and reports in `vigil.sqlite` in a state directory.
public final class SQLiteStore: ReportStore {
    private let queue: DatabaseQueue
    private let state: StateDirectory
    let composer: EventComposer?
    /// Known sets whose alerts are tests, and leave no trace in the audit log.
    let unaudited: Set<String>

    /// The database file.
    public var path: String { state.database }

    /// Opens the database; for writing, makes what is missing.
    ///
    /// Reading a directory in which nothing was ever stored is the error `noDatabase`.
    /// - Parameters:
    ///   - composer: makes what is delivered of an alert, at the moment of the event; without one
    ///     that is left to whoever delivers.
    ///   - unaudited: known sets whose alerts are tests, which the audit log leaves out.
    public init(
        directory: String, readOnly: Bool = false, composer: EventComposer? = nil,
        unaudited: Set<String> = []
    ) throws(ReportError) {
        self.composer = composer
        let state = StateDirectory(directory)
        self.state = state
        self.unaudited = unaudited
        if readOnly {
            try state.requireDatabase()
            queue = try Self.connect(state, readOnly: true)
        } else {
            try state.create()
            queue = try state.locked { () throws(ReportError) in
                try state.createDatabase()
                return try Self.connect(state, readOnly: false)
            }
        }
    }

    /// Where state belongs unless the user says otherwise.
    ///
    /// It is `vigil` in `$XDG_STATE_HOME`, else in `$HOME/.local/state`, else in `/var/lib`. A
    /// relative `$XDG_STATE_HOME` counts as unset, as its specification asks.
    public static func defaultDirectory(environment: [String: String]) -> String {
        func absolute(_ name: String) -> String? {
            environment[name].flatMap { $0.hasPrefix("/") ? $0 : nil }
        }
        if let state = absolute("XDG_STATE_HOME") { return "\(state)/vigil" }
        if let home = absolute("HOME") { return "\(home)/.local/state/vigil" }
        return "/var/lib/vigil"
    }

    private static func connect(
        _ state: StateDirectory, readOnly: Bool
    ) throws(ReportError) -> DatabaseQueue {
        var configuration = Configuration()
        configuration.readonly = readOnly
        configuration.busyMode = .callback(Self.waitForOthers)
        configuration.label = "vigil.report"
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA cell_size_check = ON")
            guard !readOnly else { return }
            let mode = try String.fetchOne(database, sql: "PRAGMA journal_mode = WAL")
            guard mode == "wal" else {
                throw ReportError(
                    .cannotOpen, doing: "use write-ahead logging", at: state.database,
                    why: "its file system does not support it",
                    fix: "choose a state directory on a local disk")
            }
            try database.execute(sql: "PRAGMA synchronous = FULL")
        }
        do {
            let queue = try DatabaseQueue(path: state.database, configuration: configuration)
            try SQLiteSchema.prepare(queue, readOnly: readOnly, in: state)
            return queue
        } catch {
            throw ReportError(error, doing: "open the database", in: state)
        }
    }

    /// Waits for another process, a moment each time.
    ///
    /// SQLite's own way waits longer and longer, and so never gets a turn beside a process that
    /// writes without a pause.
    private static let waitForOthers: @Sendable (Int) -> Bool = { tries in
        guard tries < 5000 else { return false }
        // Callers are on threads that may block; SQLite asks again after each.
        usleep(UInt32.random(in: 500...2500))
        return true
    }

    func write<Result>(
        _ what: String, _ body: (Database) throws -> Result
    ) throws(ReportError) -> Result {
        do { return try queue.write(body) } catch {
            throw ReportError(error, doing: what, in: state)
        }
    }

    func read<Result>(
        _ what: String, _ body: (Database) throws -> Result
    ) throws(ReportError) -> Result {
        do { return try queue.read(body) } catch {
            throw ReportError(error, doing: "read \(what)", in: state)
        }
    }
}

extension SQLiteStore {
    /// Records new alerts and queues their reports; see ``ReportStore``.
    public func open(
        _ alerts: [Alert], at unixMilliseconds: Int64
    ) throws(ReportError) -> [QueuedReport] {
        guard !alerts.isEmpty else { return [] }
        // Sorted, so that the reports of one call list in the order of their alerts.
        let ids = Self.newIDs(alerts.count, at: unixMilliseconds)
        return try write("store the alerts") { database in
            try zip(alerts, ids).map { alert, id in
                try open(alert, as: id, at: unixMilliseconds, database)
            }
        }
    }

    private func open(
        _ alert: Alert, as id: AlertID, at unixMilliseconds: Int64, _ database: Database
    ) throws -> QueuedReport {
        let event = QueuedReport.alertOpened
        if let known = try Query.reports(ofAlert: alert.id, event: event).first(database) {
            return known
        }
        try alert.insert(database, at: unixMilliseconds)
        let report = QueuedReport(
            id: id, event: event, subject: alert.input, alert: alert, state: .queued, attempts: 0,
            nextAttemptUnixMilliseconds: nil, lastError: nil,
            createdUnixMilliseconds: unixMilliseconds, updatedUnixMilliseconds: unixMilliseconds,
            closedUnixMilliseconds: nil)
        try queue(report, alert, opened: unixMilliseconds, at: unixMilliseconds, database)
        try audit(.alertOpened, alert, at: unixMilliseconds, database)
        return report
    }

    /// Records that an alert grew or ended; see ``ReportStore``.
    public func update(
        _ alert: Alert, closed: Bool, at unixMilliseconds: Int64
    ) throws(ReportError) {
        let what = "update alert \(alert.id)"
        try write(what) { database in
            if try alert.replace(database, closed: closed, at: unixMilliseconds) {
                if closed { try audit(.alertClosed, alert, at: unixMilliseconds, database) }
                let event = closed ? QueuedReport.alertClosed : QueuedReport.alertUpdated
                return try queueChange(
                    of: alert.id.description, event, at: unixMilliseconds, database)
            }
            guard let known = try Query.reports(ofAlert: alert.id).first(database) else {
                throw ReportError(
                    .notFound, doing: what, at: path, why: "no alert has this id",
                    fix: "open the alert first")
            }
            guard known.alertClosed else {
                throw ReportError(
                    .conflict, doing: what, at: path,
                    why: "it is about another input or known item", fix: "use a new id")
            }
            throw ReportError(
                .alertClosed, doing: what, at: path, why: "it has ended", fix: "open a new alert")
        }
    }

    /// Removes all alerts of a known set; see ``ReportStore``.
    public func removeAlerts(ofSet name: String) throws(ReportError) {
        try write("remove test alerts") { database in
            // `reports_set` finds them without reading all alerts.
            let ids = "SELECT alert_id FROM reports WHERE known_set = ?"
            for table in ["alert_steps", "denials", "feedback"] {
                try database.cachedStatement(
                    sql: "DELETE FROM \(table) WHERE alert_id IN (\(ids))"
                ).execute(arguments: [name])
            }
            let reports = "SELECT id FROM reports WHERE known_set = ?"
            for table in ["deliveries", "report_bodies"] {
                try database.cachedStatement(
                    sql: "DELETE FROM \(table) WHERE report_id IN (\(reports))"
                ).execute(arguments: [name])
            }
            let alerts = try String.fetchAll(
                database.cachedStatement(sql: "\(ids) AND alert_id IS NOT NULL"),
                arguments: [name])
            try database.cachedStatement(sql: "DELETE FROM reports WHERE known_set = ?")
                .execute(arguments: [name])
            let removal = try database.cachedStatement(sql: "DELETE FROM alerts WHERE id = ?")
            for alert in Set(alerts) { try removal.execute(arguments: [alert]) }
        }
    }

    /// Lists reports, newest first; see ``ReportStore``.
    public func reports(
        matching filter: ReportFilter, limit: Int, before cursor: AlertID?
    ) throws(ReportError) -> [QueuedReport] {
        let limit = ReportLimits.page.nearest(to: limit)
        return try read("the reports") {
            try Query.list(filter, limit: limit, before: cursor).all($0)
        }
    }

    /// Finds a report by its own id or by its alert's; see ``ReportStore``.
    public func report(id: AlertID) throws(ReportError) -> QueuedReport? {
        try read("the reports") { database in
            try Query.report(id).first(database)
                ?? Query.reports(ofAlert: id, event: QueuedReport.alertOpened).first(database)
                ?? Query.reports(ofAlert: id).first(database)
        }
    }

    /// Counts reports by state; see ``ReportStore``.
    public func counts() throws(ReportError) -> [ReportState: Int] {
        try read("the reports") { database in
            var counts = Dictionary(uniqueKeysWithValues: ReportState.allCases.map { ($0, 0) })
            for state in ReportState.allCases {
                let sql = "SELECT COUNT(*) FROM reports WHERE state = ?"
                counts[state] = try Int.fetchOne(database, sql: sql, arguments: [state.rawValue])
            }
            return counts
        }
    }
}

extension SQLiteStore {
    /// How SQLite would run a listing, a line a step; for the test that each uses an index.
    package func queryPlan(
        _ filter: ReportFilter, before cursor: AlertID?
    ) throws(ReportError) -> [String] {
        let query = Query.list(filter, limit: 50, before: cursor)
        return try read("the reports") { database in
            let rows = try Row.fetchAll(
                database, sql: "EXPLAIN QUERY PLAN \(query.sql)", arguments: query.arguments)
            return rows.compactMap { String.fromDatabaseValue($0["detail"] as DatabaseValue) }
        }
    }

    /// The value of one of the connection's settings; for tests.
    package func setting(_ name: String) throws(ReportError) -> String? {
        do {
            return try queue.inDatabase { try String.fetchOne($0, sql: "PRAGMA \(name)") }
        } catch { throw ReportError(error, doing: "read a setting", in: state) }
    }
}

// What was done because of alerts, in SQLite.

import GRDB
public import Match

extension SQLiteStore: ActionStore {
    /// Adds a step to an alert; see ``ActionStore``.
    public func add(_ step: AlertStep, to alert: AlertID) throws(ReportError) {
        let what = "store a step of alert \(alert)"
        try write(what) { database in
            let set = try String.fetchOne(
                database.cachedStatement(sql: "SELECT known_set FROM alerts WHERE id = ?"),
                arguments: [alert.description])
            guard let set else {
                throw ReportError(
                    .notFound, doing: what, at: path, why: "no alert has this id",
                    fix: "open the alert first")
            }
            let sql = """
                INSERT INTO alert_steps (alert_id, number, step, at_ms, detail)
                SELECT ?1, COUNT(*), ?2, ?3, ?4 FROM alert_steps WHERE alert_id = ?1
                HAVING ?2 IN ('confirmed_gone', 'stop_given_up', 'ended_by_itself')
                    OR COUNT(*) < ?5 AND (?2 <> 'republish_denied'
                        OR COUNT(*) FILTER (WHERE step = 'republish_denied') < ?6)
                """
            try database.cachedStatement(sql: sql).execute(arguments: [
                alert.description, step.kind.rawValue, step.unixMilliseconds,
                String(step.detail.prefix(ActionLimits.detail)), ActionLimits.steps,
                ActionLimits.refusals,
            ])
            // A step that was one too many is no fact, hence no record.
            guard database.changesCount > 0 else { return }
            try queueEnd(of: alert, step, database)
            guard !unaudited.contains(set) else { return }
            let entry = AuditEntry(AuditKind(step.kind), about: alert.description)
            try Self.append(entry, at: step.unixMilliseconds, database)
        }
    }

    /// The steps of an alert; see ``ActionStore``.
    public func steps(of alert: AlertID) throws(ReportError) -> [AlertStep] {
        try read("the steps of an alert") { try Self.steps(of: alert, $0) }
    }

    static func steps(of alert: AlertID, _ database: Database) throws -> [AlertStep] {
        let sql = "SELECT step, at_ms, detail FROM alert_steps WHERE alert_id = ? ORDER BY number"
        return try Row.fetchAll(
            database.cachedStatement(sql: sql), arguments: [alert.description]
        ).map(AlertStep.init)
    }

    /// Alerts whose stop is not finished; see ``ActionStore``.
    public func unfinishedStops() throws(ReportError) -> [AlertID] {
        let sql = """
            SELECT DISTINCT alert_id FROM alert_steps AS asked
            WHERE step = 'detected' AND NOT EXISTS (
                SELECT 1 FROM alert_steps AS done WHERE done.alert_id = asked.alert_id
                AND done.step IN ('confirmed_gone', 'stop_given_up', 'ended_by_itself'))
            ORDER BY alert_id LIMIT \(ActionLimits.listed)
            """
        return try read("the stops that are not finished") { database in
            try Row.fetchAll(database.cachedStatement(sql: sql)).map { try $0.id("alert_id") }
        }
    }
}

// MARK: - Denials

extension SQLiteStore {
    /// Denies a place; see ``ActionStore``.
    public func deny(_ denial: Denial) throws(ReportError) {
        try write("deny a place") { database in
            let sql = """
                INSERT OR REPLACE INTO denials (server, path, alert_id, since_ms, until_ms)
                VALUES (?, ?, ?, ?, ?)
                """
            try database.cachedStatement(sql: sql).execute(arguments: [
                denial.place.server, denial.place.path, denial.alert.description,
                denial.sinceUnixMilliseconds, denial.untilUnixMilliseconds,
            ])
            let entry = AuditEntry(
                .denialSet, about: denial.alert.description,
                detail: [
                    "server": .text(denial.place.server),
                    "until_unix_ms": .number(denial.untilUnixMilliseconds),
                ])
            try Self.append(entry, at: denial.sinceUnixMilliseconds, database)
        }
    }

    /// The denial of a place; see ``ActionStore``.
    public func denial(
        of place: StreamPlace, at unixMilliseconds: Int64
    ) throws(ReportError) -> Denial? {
        let sql = "SELECT * FROM denials WHERE server = ? AND path = ? AND until_ms > ?"
        return try read("the denials") { database in
            try Row.fetchOne(
                database.cachedStatement(sql: sql),
                arguments: [place.server, place.path, unixMilliseconds]
            ).map(Denial.init)
        }
    }

    /// All denials; see ``ActionStore``.
    public func denials(at unixMilliseconds: Int64) throws(ReportError) -> [Denial] {
        let sql = "SELECT * FROM denials WHERE until_ms > ? ORDER BY since_ms DESC LIMIT ?"
        return try read("the denials") { database in
            try Row.fetchAll(
                database.cachedStatement(sql: sql),
                arguments: [unixMilliseconds, ActionLimits.listed]
            ).map(Denial.init)
        }
    }

    /// Lifts a denial; see ``ActionStore``.
    public func lift(
        _ place: StreamPlace, at unixMilliseconds: Int64, by actor: String
    ) throws(ReportError) -> Bool {
        try write("lift a denial") {
            try Self.lift(place, at: unixMilliseconds, by: actor, $0)
        }
    }

    private static func lift(
        _ place: StreamPlace, at unixMilliseconds: Int64, by actor: String, _ database: Database
    ) throws -> Bool {
        let sql = "DELETE FROM denials WHERE server = ? AND path = ? RETURNING alert_id"
        let alert = try String.fetchOne(
            database.cachedStatement(sql: sql), arguments: [place.server, place.path])
        guard let alert else { return false }
        let entry = AuditEntry(
            .denialLifted, by: actor, about: alert, detail: ["server": .text(place.server)])
        try append(entry, at: unixMilliseconds, database)
        return true
    }
}

extension Denial {
    fileprivate init(_ row: Row) throws {
        self.init(
            place: try StreamPlace(row), alert: try row.id("alert_id"),
            sinceUnixMilliseconds: try row.value("since_ms"),
            untilUnixMilliseconds: try row.value("until_ms"))
    }
}

// MARK: - Holds

extension SQLiteStore {
    /// Keeps a hold; see ``ActionStore``.
    public func keep(_ hold: Hold, by actor: String) throws(ReportError) {
        try write("store a hold") { database in
            let sql = """
                INSERT INTO holds (id, server, path, authority, reason, since_ms, until_ms)
                VALUES (?, ?, ?, ?, ?, ?, ?)
                """
            try database.cachedStatement(sql: sql).execute(arguments: [
                hold.id.description, hold.place.server, hold.place.path, hold.authority,
                hold.reason, hold.sinceUnixMilliseconds, hold.untilUnixMilliseconds,
            ])
            let entry = AuditEntry(
                .holdKept, by: actor, about: hold.id.description,
                detail: [
                    "server": .text(hold.place.server),
                    "until_unix_ms": .number(hold.untilUnixMilliseconds),
                ])
            try Self.append(entry, at: hold.sinceUnixMilliseconds, database)
            _ = try Self.lift(hold.place, at: hold.sinceUnixMilliseconds, by: actor, database)
        }
    }

    /// The hold of a place; see ``ActionStore``.
    public func hold(
        of place: StreamPlace, at unixMilliseconds: Int64
    ) throws(ReportError) -> Hold? {
        let sql = """
            SELECT * FROM holds WHERE server = ? AND path = ? AND until_ms > ?
            ORDER BY until_ms DESC LIMIT 1
            """
        return try read("the holds") { database in
            try Row.fetchOne(
                database.cachedStatement(sql: sql),
                arguments: [place.server, place.path, unixMilliseconds]
            ).map(Hold.init)
        }
    }

    /// All holds; see ``ActionStore``.
    public func holds(at unixMilliseconds: Int64) throws(ReportError) -> [Hold] {
        let sql = "SELECT * FROM holds WHERE until_ms > ? ORDER BY id DESC LIMIT ?"
        return try read("the holds") { database in
            try Row.fetchAll(
                database.cachedStatement(sql: sql),
                arguments: [unixMilliseconds, ActionLimits.listed]
            ).map(Hold.init)
        }
    }

    /// Ends a hold; see ``ActionStore``.
    public func endHold(
        _ id: AlertID, at unixMilliseconds: Int64, by actor: String
    ) throws(ReportError) -> Bool {
        try write("end a hold") { database in
            try database.cachedStatement(
                sql: "UPDATE holds SET until_ms = ? WHERE id = ? AND until_ms > ?"
            ).execute(arguments: [unixMilliseconds, id.description, unixMilliseconds])
            guard database.changesCount > 0 else { return false }
            let entry = AuditEntry(.holdEnded, by: actor, about: id.description)
            try Self.append(entry, at: unixMilliseconds, database)
            return true
        }
    }
}

extension Hold {
    fileprivate init(_ row: Row) throws {
        self.init(
            id: try row.id("id"), place: try StreamPlace(row),
            authority: try row.value("authority"), reason: try row.value("reason"),
            sinceUnixMilliseconds: try row.value("since_ms"),
            untilUnixMilliseconds: try row.value("until_ms"))
    }
}

extension StreamPlace {
    fileprivate init(_ row: Row) throws {
        self.init(server: try row.value("server"), path: try row.value("path"))
    }
}

extension AlertStep {
    fileprivate init(_ row: Row) throws {
        guard let kind = Kind(rawValue: try row.value("step")) else { throw Row.damage("step") }
        self.init(kind, at: try row.value("at_ms"), detail: try row.value("detail"))
    }
}

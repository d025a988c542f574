// Legal holds in SQLite.

import GRDB
public import Match

extension SQLiteStore: LegalHoldStore {
    /// Keeps a legal hold; see ``LegalHoldStore``.
    public func keep(_ hold: LegalHold, by actor: String) throws(ReportError) {
        let what = "store a legal hold"
        try write(what) { database in
            guard try Self.kind(of: hold.subject, database) == hold.kind else {
                throw ReportError(
                    .notFound, doing: what, at: path,
                    why: "no \(hold.kind.rawValue) has the id \(hold.subject)",
                    fix: "list alerts or streams for their ids")
            }
            let sql = """
                INSERT INTO legal_holds
                    (id, kind, subject, authority, reason, since_ms, until_ms)
                VALUES (?, ?, ?, ?, ?, ?, ?)
                """
            try database.cachedStatement(sql: sql).execute(arguments: [
                hold.id.description, hold.kind.rawValue, hold.subject.description,
                hold.authority, hold.reason, hold.sinceUnixMilliseconds,
                hold.untilUnixMilliseconds,
            ])
            let entry = AuditEntry(
                .retentionChanged, by: actor, about: hold.subject.description,
                detail: ["legal_hold": .text(hold.id.description), "kept": true])
            try Self.append(entry, at: hold.sinceUnixMilliseconds, database)
        }
    }

    /// What an id is of; see ``LegalHoldStore``.
    public func legalHoldKind(of id: AlertID) throws(ReportError) -> LegalHold.Kind? {
        try read("alerts and streams") { try Self.kind(of: id, $0) }
    }

    static func kind(of id: AlertID, _ database: Database) throws -> LegalHold.Kind? {
        if try isKnown(alert: id, database) { return .alert }
        let stream = try Bool.fetchOne(
            database.cachedStatement(sql: "SELECT 1 FROM streams WHERE id = ?"),
            arguments: [id.description])
        return stream == nil ? nil : .stream
    }

    /// Legal holds that hold at a time; see ``LegalHoldStore``.
    public func legalHolds(at unixMilliseconds: Int64) throws(ReportError) -> [LegalHold] {
        let sql = """
            SELECT * FROM legal_holds WHERE until_ms IS NULL OR until_ms > ?
            ORDER BY id DESC LIMIT ?
            """
        return try read("the legal holds") { database in
            try Row.fetchAll(
                database.cachedStatement(sql: sql),
                arguments: [unixMilliseconds, ActionLimits.listed]
            ).map(LegalHold.init)
        }
    }

    /// Legal holds on an alert or stream; see ``LegalHoldStore``.
    public func legalHolds(on id: AlertID) throws(ReportError) -> [LegalHold] {
        try read("the legal holds") { database in
            try Row.fetchAll(
                database.cachedStatement(
                    sql: "SELECT * FROM legal_holds WHERE subject = ? ORDER BY id LIMIT ?"),
                arguments: [id.description, ActionLimits.listed]
            ).map(LegalHold.init)
        }
    }

    /// Ends legal holds; see ``LegalHoldStore``.
    public func releaseLegalHolds(
        _ id: AlertID, by actor: String, at unixMilliseconds: Int64
    ) throws(ReportError) -> Int {
        try write("release a legal hold") { database in
            let sql = """
                UPDATE legal_holds SET until_ms = ?1
                WHERE (id = ?2 OR subject = ?2) AND (until_ms IS NULL OR until_ms > ?1)
                RETURNING id, subject
                """
            let ended = try Row.fetchAll(
                database.cachedStatement(sql: sql),
                arguments: [unixMilliseconds, id.description])
            for row in ended {
                let entry = AuditEntry(
                    .retentionChanged, by: actor, about: try row.value("subject") as String,
                    detail: ["legal_hold": .text(try row.value("id")), "kept": false])
                try Self.append(entry, at: unixMilliseconds, database)
            }
            return ended.count
        }
    }
}

extension LegalHold {
    fileprivate init(_ row: Row) throws {
        guard let kind = Kind(rawValue: try row.value("kind")) else { throw Row.damage("kind") }
        self.init(
            id: try row.id("id"), kind: kind, subject: try row.id("subject"),
            authority: try row.value("authority"), reason: try row.value("reason"),
            sinceUnixMilliseconds: try row.value("since_ms"),
            untilUnixMilliseconds: try row.optional("until_ms"))
    }
}

// The audit log in SQLite.
//
// Text is read as the bytes that are stored: SQLite's own reading stops at a zero byte and mends
// what is no UTF-8, so that two contents could read alike.

internal import FoundationEssentials
internal import GRDB
internal import Match

extension SQLiteStore: AuditStore {
    /// Adds entries to the end of the log; see ``AuditStore``.
    public func append(
        _ entries: [AuditEntry], at unixMilliseconds: Int64
    ) throws(ReportError) {
        guard !entries.isEmpty else { return }
        try write("write the audit log") { database in
            for entry in entries {
                try Self.append(
                    try Self.withoutErased(entry, database), at: unixMilliseconds, database)
            }
        }
    }

    /// A look at what was erased meanwhile, without its id: that would be there again.
    private static func withoutErased(
        _ entry: AuditEntry, _ database: Database
    ) throws -> AuditEntry {
        guard entry.kind == .lookedAt, let id = entry.subject.flatMap({ AlertID($0) }),
            try kind(of: id, database) == nil
        else { return entry }
        var entry = entry
        entry.subject = nil
        return entry
    }

    /// Adds an entry to the end of the log within a transaction: that of the fact it tells of.
    static func append(
        _ entry: AuditEntry, at unixMilliseconds: Int64, _ database: Database
    ) throws {
        let record = AuditChain.record(
            of: entry, at: unixMilliseconds, after: try lastRecord(database))
        let sql = """
            INSERT INTO audit (number, at_ms, kind, actor, subject, salt, subject_digest, detail,
                previous, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """
        try database.cachedStatement(sql: sql).execute(arguments: [
            record.number, record.unixMilliseconds, record.kind, record.actor, record.subject,
            record.salt.map { Data($0) }, Data(record.subjectDigest), record.detail,
            Data(record.previous), Data(record.hash),
        ])
    }

    /// Records what became of an alert, unless it was a test.
    func audit(
        _ kind: AuditKind, _ alert: Alert, at unixMilliseconds: Int64, _ database: Database
    ) throws {
        guard !unaudited.contains(alert.known.set) else { return }
        let entry = AuditEntry(
            kind, about: alert.id.description,
            detail: [
                "set": .text(alert.known.set), "item": .text(alert.known.item),
                "category": .text(alert.known.category), "rule": .text(alert.rule),
                "frames_matched": .number(Int64(alert.framesMatched)),
            ])
        try Self.append(entry, at: unixMilliseconds, database)
    }

    private static func lastRecord(_ database: Database) throws -> AuditHead? {
        let sql = "SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1"
        let row = try Row.fetchOne(database.cachedStatement(sql: sql))
        return try row.map {
            AuditHead(number: try $0.value("number"), hash: Array(try $0.value("hash") as Data))
        }
    }

    private static let columns = """
        SELECT number, at_ms, CAST(kind AS BLOB) AS kind, CAST(actor AS BLOB) AS actor,
            CAST(subject AS BLOB) AS subject, salt, subject_digest, CAST(detail AS BLOB) AS detail,
            previous, hash FROM audit
        """

    /// Records after one of a number; see ``AuditStore``.
    public func records(
        after number: Int64, limit: Int
    ) throws(ReportError) -> [AuditRecord] {
        try records(
            "WHERE number > ? ORDER BY number LIMIT ?",
            [number, AuditLimits.page.nearest(to: limit)])
    }

    /// The newest records about a subject; see ``AuditStore``.
    public func records(
        about subject: String, limit: Int
    ) throws(ReportError) -> [AuditRecord] {
        let newest = try records(
            "WHERE subject = ? ORDER BY number DESC LIMIT ?",
            [AuditLimits.bounded(subject), AuditLimits.page.nearest(to: limit)])
        return newest.reversed()
    }

    /// The newest record for each subject of a kind; see ``AuditStore``.
    public func latest(_ kind: AuditKind) throws(ReportError) -> [AuditRecord] {
        // In the words of `audit_settings`, so that it is used.
        try records(
            """
            WHERE number IN (
                SELECT MAX(number) FROM audit
                WHERE kind IN ('configuration.changed', 'known.changed') AND kind = ?
                GROUP BY subject)
            ORDER BY number DESC LIMIT ?
            """, [kind.rawValue, AuditLimits.page.upperBound])
    }

    private func records(
        _ condition: String, _ arguments: StatementArguments
    ) throws(ReportError) -> [AuditRecord] {
        try read("the audit log") { database in
            let statement = try database.cachedStatement(sql: "\(Self.columns) \(condition)")
            return try Row.fetchAll(statement, arguments: arguments).map { row in
                switch AuditLine(record: row) {
                case .record(let record): return record
                case .head: throw Row.damage("number")
                case .unreadable(_, let what): throw Row.damage(what)
                }
            }
        }
    }

    /// Erases a subject; see ``AuditStore``.
    public func erase(
        subject: String, at unixMilliseconds: Int64, by actor: String
    ) throws(ReportError) -> Int {
        let what = "erase a subject from the audit log"
        return try write(what) { database in
            let held = """
                SELECT 1 FROM legal_holds WHERE (until_ms IS NULL OR until_ms > ?2) AND subject IN (
                    SELECT ?1 UNION SELECT stream_id FROM alerts WHERE id = ?1) LIMIT 1
                """
            let isHeld = try Bool.fetchOne(
                database.cachedStatement(sql: held), arguments: [subject, unixMilliseconds])
            guard isHeld == nil else {
                throw ReportError(
                    .conflict, doing: what, at: path, why: "a legal hold keeps it",
                    fix: "see `vigil report holds`")
            }
            // What is erased is overwritten, not only unlinked.
            try database.execute(sql: "PRAGMA secure_delete = ON")
            return try Self.erase(
                subject: subject, at: unixMilliseconds, by: actor, database)
        }
    }

    /// Erases a subject within a transaction.
    static func erase(
        subject: String, at unixMilliseconds: Int64, by actor: String, _ database: Database
    ) throws -> Int {
        let sql = "UPDATE audit SET subject = NULL, salt = NULL WHERE subject = ?"
        try database.cachedStatement(sql: sql).execute(arguments: [AuditLimits.bounded(subject)])
        let count = database.changesCount
        guard count > 0 else { return 0 }
        let entry = AuditEntry(
            .subjectErased, by: actor, detail: ["records": .number(Int64(count))])
        try append(entry, at: unixMilliseconds, database)
        return count
    }
}

// MARK: - Heads

extension SQLiteStore {
    /// The newest record; see ``AuditStore``.
    public func head() throws(ReportError) -> AuditHead? {
        try read("the audit log") { try Self.lastRecord($0) }
    }

    /// Signs the newest record; see ``AuditStore``.
    public func signHead(
        with key: AuditKey, at unixMilliseconds: Int64
    ) throws(ReportError) -> SignedHead? {
        try write("sign the audit log") { database in
            guard let last = try Self.lastRecord(database) else { return nil }
            let head = try key.sign(last, at: unixMilliseconds)
            // A second one of the same moment says nothing new.
            let sql = """
                INSERT OR IGNORE INTO audit_heads (number, at_ms, hash, public_key, signature)
                VALUES (?, ?, ?, ?, ?)
                """
            try database.cachedStatement(sql: sql).execute(arguments: [
                head.number, head.unixMilliseconds, Data(head.hash), Data(head.publicKey),
                Data(head.signature),
            ])
            return head
        }
    }

    /// The newest signed heads; see ``AuditStore``.
    public func heads(limit: Int) throws(ReportError) -> [SignedHead] {
        try read("the signed heads") { database in
            let sql = "SELECT * FROM audit_heads ORDER BY number DESC, at_ms DESC LIMIT ?"
            let rows = try Row.fetchAll(
                database.cachedStatement(sql: sql), arguments: [AuditLimits.page.nearest(to: limit)]
            )
            return try rows.reversed().map { row in
                guard let head = SignedHead(row) else { throw Row.damage("audit_heads") }
                return head
            }
        }
    }

    /// Hands over the whole log; see ``AuditStore``.
    public func readAudit(_ each: (AuditLine) -> Bool) throws(ReportError) {
        try read("the audit log") { database in
            let heads = try Row.fetchCursor(
                database, sql: "SELECT * FROM audit_heads ORDER BY number, at_ms")
            let records = try Row.fetchCursor(database, sql: "\(Self.columns) ORDER BY number")
            var head = try heads.next().map { AuditLine(head: $0) }
            while let row = try records.next() {
                let record = AuditLine(record: row)
                while let next = head, next.number < record.number {
                    guard each(next) else { return }
                    head = try heads.next().map { AuditLine(head: $0) }
                }
                guard each(record) else { return }
            }
            while let next = head {
                guard each(next) else { return }
                head = try heads.next().map { AuditLine(head: $0) }
            }
        }
    }
}

extension AuditLine {
    fileprivate var number: Int64 {
        switch self {
        case .record(let record): record.number
        case .head(let head): head.number
        case .unreadable(let number, _): number
        }
    }

    fileprivate init(record row: Row) {
        let number = row.integer("number") ?? 0
        guard let time = row.integer("at_ms"), let kind = row.text("kind"),
            let actor = row.text("actor"), let digest = row.bytes("subject_digest"),
            let detail = row.text("detail"), let previous = row.bytes("previous"),
            let hash = row.bytes("hash"), row.isEmpty("subject") || row.text("subject") != nil,
            row.isEmpty("salt") || row.bytes("salt") != nil
        else {
            self = .unreadable(number: number, what: "a column holds what it cannot hold")
            return
        }
        self = .record(
            AuditRecord(
                number: number, unixMilliseconds: time, kind: kind, actor: actor,
                subject: row.text("subject"), salt: row.bytes("salt"), subjectDigest: digest,
                detail: detail, previous: previous, hash: hash))
    }

    fileprivate init(head row: Row) {
        self =
            SignedHead(row).map { .head($0) }
            ?? .unreadable(
                number: row.integer("number") ?? 0, what: "its signed head cannot be read")
    }
}

extension SignedHead {
    fileprivate init?(_ row: Row) {
        guard let number = row.integer("number"), let time = row.integer("at_ms"),
            let hash = row.bytes("hash"), let key = row.bytes("public_key"),
            let signature = row.bytes("signature")
        else { return nil }
        self.init(
            number: number, unixMilliseconds: time, hash: hash, publicKey: key,
            signature: signature)
    }
}

extension Row {
    /// A column that is missing is damage, and not empty.
    fileprivate func isEmpty(_ column: String) -> Bool {
        (try? stored(column))?.isNull ?? false
    }

    fileprivate func integer(_ column: String) -> Int64? {
        guard case .int64(let value) = (try? stored(column))?.storage else { return nil }
        return value
    }

    fileprivate func bytes(_ column: String) -> [UInt8]? {
        guard case .blob(let data) = (try? stored(column))?.storage else { return nil }
        return Array(data)
    }

    fileprivate func text(_ column: String) -> String? {
        bytes(column).flatMap { String(validating: $0, as: UTF8.self) }
    }
}

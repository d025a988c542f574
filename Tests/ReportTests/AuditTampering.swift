// The small audit log that tests tamper with, and the ways in which they do: as whoever has the file
// would, with triggers and checks put away.

import Foundation
import GRDB
import Match
import Report
import Testing

/// What checking an exported file finds.
func verifiedFile(_ bytes: some Collection<UInt8>) -> AuditVerifier {
    var file = AuditFileVerifier()
    var lines = bytes.split(separator: 10, omittingEmptySubsequences: false)
    let rest = lines.popLast()
    for line in lines { file.check(Array(line)) }
    if let rest, !rest.isEmpty { file.check(Array(rest)) }
    file.finish(isWhole: rest?.isEmpty == true)
    return file.verifier
}

/// A small log with records of all forms, its last one signed.
struct Log {
    let store: SQLiteStore
    let key = AuditKey()
    let outside: DatabaseQueue
    let count: Int

    init(_ directory: String, shift: Int64) throws {
        store = try SQLiteStore(directory: directory)
        try store.append([AuditEntry(.serviceStarted, detail: ["n": 3])], at: noon + shift)
        _ = try store.open([makeAlert(1), makeAlert(2)], at: noon)
        try store.add(AlertStep(.detected, at: noon), to: makeID(1))
        try store.update(makeAlert(1), closed: true, at: noon)
        _ = try store.signHead(with: key, at: noon)
        try store.append([AuditEntry(.lookedAt, by: "token:é", about: "gone")], at: noon)
        _ = try store.erase(subject: "gone", at: noon, by: "user:root")
        try store.append([AuditEntry(.serviceEnded)], at: noon)
        _ = try store.signHead(with: key, at: noon + 1)
        count = try store.records(after: 0, limit: 100).count
        var configuration = Configuration()
        configuration.busyMode = .timeout(5)
        outside = try DatabaseQueue(path: store.path, configuration: configuration)
        try outside.inDatabase { database in
            try database.execute(sql: "PRAGMA synchronous = OFF")
            try database.execute(sql: "PRAGMA ignore_check_constraints = ON")
        }
    }

    private static let triggers = [
        "audit_follows", "audit_stays", "audit_is_fixed", "audit_heads_stay",
        "audit_heads_are_fixed",
    ]

    func verified() throws -> AuditVerifier {
        var verifier = AuditVerifier(trusting: [key.publicKey])
        for line in try lines() { verifier.check(line) }
        verifier.finish()
        return verifier
    }

    func lines() throws -> [AuditLine] {
        var lines: [AuditLine] = []
        try store.readAudit { line in
            lines.append(line)
            return true
        }
        return lines
    }

    func exported() throws -> [UInt8] {
        let texts = try lines().compactMap(AuditFile.text)
        let footer = AuditFile.footer(records: Int64(count), heads: Int64(texts.count - count))
        return Array(([AuditFile.header] + texts + [footer]).map { $0 + "\n" }.joined().utf8)
    }

    /// The database file with all in it.
    func settledFile() throws -> [UInt8] {
        try outside.writeWithoutTransaction {
            try $0.execute(sql: "PRAGMA wal_checkpoint(TRUNCATE)")
        }
        return Array(try Data(contentsOf: URL(filePath: store.path)))
    }

    /// Changes the log, has it checked, and puts it back.
    func tampered(_ sql: String, _ check: (AuditVerifier) throws -> Void) throws {
        let bytes = try settledFile()
        try withDirectory { directory in
            let path = directory + "/vigil.sqlite"
            try Data(bytes).write(to: URL(filePath: path))
            do {
                let database = try DatabaseQueue(path: path)
                try database.writeWithoutTransaction { database in
                    try database.execute(sql: "PRAGMA ignore_check_constraints = ON")
                    for name in Self.triggers { try database.execute(sql: "DROP TRIGGER \(name)") }
                    try database.execute(sql: sql)
                }
            }
            let store = try SQLiteStore(directory: directory, readOnly: true)
            let found = try ReportTests.verified(store)
            #expect(!found.isGood, "\(sql)")
            try check(found)
        }
    }

    /// Puts the triggers away and keeps a copy of all there is.
    func disarm() throws {
        try outside.writeWithoutTransaction { database in
            for name in Self.triggers { try database.execute(sql: "DROP TRIGGER \(name)") }
            for table in ["audit", "audit_heads"] {
                try database.execute(
                    sql: "CREATE TEMP TABLE kept_\(table) AS SELECT * FROM \(table)")
            }
        }
    }

    /// Flips a bit of each byte of a column, of a log that is disarmed.
    /// - Returns: how many bits.
    func flip(_ table: String, _ column: String, number: Int) throws -> Int {
        let row = "FROM \(table) WHERE number = \(number)"
        let (bytes, type) = try outside.read { database in
            let value = try Row.fetchOne(
                database, sql: "SELECT CAST(\(column) AS BLOB) AS b, typeof(\(column)) AS t \(row)")
            return (value?["b"] as Data? ?? Data(), value?["t"] as String? ?? "null")
        }
        let whole = [UInt8](bytes)
        let width = type == "integer" ? 8 : whole.count
        var flips = 0
        for place in 0..<width {
            let bit = UInt8((place + number) % 8)
            let new: String
            if type == "integer" {
                let old = Int64(String(decoding: whole, as: UTF8.self)) ?? 0
                new = "\(old ^ Int64(bitPattern: 1 << UInt64(place * 8 + Int(bit))))"
                if Int64(new) == .min { continue }
            } else {
                var changed = whole
                changed[place] ^= 1 << bit
                let hex = changed.map { String(format: "%02x", $0) }.joined()
                new = type == "text" ? "CAST(x'\(hex)' AS TEXT)" : "x'\(hex)'"
            }
            flips += try check(table, column, number, new)
        }
        return flips
    }

    /// Sets a column, has the log checked, and takes it back; 0 where it cannot be set.
    private func check(
        _ table: String, _ column: String, _ number: Int, _ new: String
    ) throws -> Int {
        do {
            try outside.writeWithoutTransaction { database in
                try database.execute(
                    sql: "UPDATE \(table) SET \(column) = \(new) WHERE number = \(number)")
            }
        } catch is DatabaseError { return 0 }
        let found = try verified()
        let names = [Int64(number), Int64(new)]
        #expect(
            names.contains(found.problems.first?.number),
            "\(table).\(column) of \(number) = \(new): \(found.problems)")
        try outside.writeWithoutTransaction { database in
            try database.execute(sql: "DELETE FROM \(table)")
            try database.execute(sql: "INSERT INTO \(table) SELECT * FROM kept_\(table)")
        }
        return 1
    }
}

func withLog(shift: Int64 = 0, _ body: (Log) throws -> Void) throws {
    try withDirectory { try body(Log($0, shift: shift)) }
}

// Tampering with the audit log: in the columns of its tables, in the bytes of the database file, in
// the bytes of an exported file, in an evidence package, and by moving, adding and removing
// records. Whatever was changed has to be found, and named.
//
// GRDB is used here as whoever has the file would use it: triggers and checks are put away first.

import Foundation
import GRDB
import Match
import Report
import TestSupport
import Testing

@Suite struct AuditTamperTests {
    /// Every byte of every column of every record and head, one bit of it.
    @Test func everyByteOfEveryColumnCounts() throws {
        try withLog { log in
            let columns = [
                "number", "at_ms", "kind", "actor", "subject", "salt", "subject_digest", "detail",
                "previous", "hash",
            ]
            try log.disarm()
            var flips = 0
            for number in 1...log.count {
                for column in columns {
                    flips += try log.flip("audit", column, number: number)
                }
            }
            for column in ["number", "at_ms", "hash", "public_key", "signature"] {
                flips += try log.flip("audit_heads", column, number: log.count)
            }
            #expect(flips > 1500)
            #expect(try log.verified().isGood)
        }
    }

    @Test func everyByteOfAnExportedFileCounts() throws {
        try withLog { log in
            let text = try log.exported()
            #expect(verifiedFile(text).isGood)
            let ends = text.indices.filter { text[$0] == 10 }
            for place in text.indices {
                var changed = text
                changed[place] ^= 1 << UInt8(place % 8)
                let line = ends.count { $0 < place } + 1
                let found = verifiedFile(changed)
                let first = found.problems.first
                let isNamed =
                    first?.what.hasPrefix("line \(line): ") == true || first?.number != nil
                #expect(!found.isGood && isNamed, "byte \(place): \(String(describing: first))")
            }
        }
    }

    @Test func cutAndLengthenedFilesAreFound() throws {
        try withLog { log in
            let text = try log.exported()
            let lines = text.split(separator: 10)
            for count in 0..<lines.count {
                let cut = lines.prefix(count).flatMap { $0 + [10] }
                #expect(!verifiedFile(cut).isGood)
            }
            #expect(!verifiedFile(text.dropLast()).isGood)
            let more = [Array(lines[1]), [], [UInt8](repeating: 0x20, count: 1 << 20)]
            for line in more { #expect(!verifiedFile(text + line + [10]).isGood) }
        }
    }

    /// One bit in some thousand places of the file: an error, or nothing that is read has changed.
    @Test func bytesOfTheDatabaseFileCount() throws {
        try withLog { log in
            let whole = try log.lines()
            let bytes = try log.settledFile()
            var random = SeededGenerator(seed: 7)
            var found = 0
            for number in 0..<1500 {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                var changed = bytes
                changed[place] ^= 1 << UInt8(number % 8)
                try withDirectory { directory in
                    try Data(changed).write(to: URL(filePath: directory + "/vigil.sqlite"))
                    let same = try? read(directory)
                    if same == nil { found += 1 }
                    #expect(same == nil || same == whole, "byte \(place), bit \(number % 8)")
                }
            }
            #expect(found > 50)
        }
    }

    /// - Returns: `nil` where the log is found not to be good.
    private func read(_ directory: String) throws -> [AuditLine]? {
        let store = try SQLiteStore(directory: directory, readOnly: true)
        var lines: [AuditLine] = []
        try store.readAudit { line in
            lines.append(line)
            return true
        }
        return try verified(store).isGood ? lines : nil
    }

    @Test func removedRecordsAreFound() throws {
        try withLog { log in
            for number in 1...log.count {
                try log.tampered("DELETE FROM audit WHERE number = \(number)") { found in
                    #expect(found.problems.first?.number == Int64(number), "\(found.problems)")
                }
                try log.tampered("DELETE FROM audit WHERE number >= \(number)") { found in
                    #expect(found.problems.first?.number == Int64(number), "\(found.problems)")
                }
            }
        }
    }

    @Test func movedAndAddedRecordsAreFound() throws {
        try withLog { log in
            let swap = """
                UPDATE audit SET number = 100 WHERE number = 4;
                UPDATE audit SET number = 4 WHERE number = 5;
                UPDATE audit SET number = 5 WHERE number = 100;
                """
            try log.tampered(swap) { #expect($0.problems.first?.number == 4, "\($0.problems)") }
            let insert = """
                UPDATE audit SET number = number + 100 WHERE number > 5;
                UPDATE audit SET number = number - 99 WHERE number > 100;
                INSERT INTO audit SELECT 6, at_ms, kind, actor, subject, salt, subject_digest,
                    detail, previous, hash FROM audit WHERE number = 5;
                """
            try log.tampered(insert) { #expect($0.problems.first?.number == 6, "\($0.problems)") }
        }
    }

    /// Whoever rewrites the log with right hashes fails at the signed heads; whoever erases a
    /// subject without saying so, at the count.
    @Test func rewrittenAndSilentlyErasedLogsAreFound() throws {
        try withLog { log in
            try withLog(shift: 1) { other in
                let head = try other.lines().last { if case .head = $0 { true } else { false } }
                var verifier = AuditVerifier()
                for line in try log.lines() {
                    if case .record = line { verifier.check(line) }
                }
                if let head { verifier.check(head) }
                #expect(verifier.problems.first?.what.contains("written anew") == true)
            }
            let silent = "UPDATE audit SET subject = NULL, salt = NULL WHERE number = 2"
            try log.tampered(silent) { found in
                #expect(found.problems.map(\.what).first?.contains("lost their subject") == true)
            }
            try log.tampered("UPDATE audit SET salt = NULL WHERE number = 2") { found in
                #expect(found.problems.first?.number == 2)
            }
        }
    }

    @Test func triggersRefuseChanges() throws {
        try withLog { log in
            let database = try DatabaseQueue(path: log.store.path)
            for sql in [
                "DELETE FROM audit WHERE number = 2", "UPDATE audit SET actor = 'x'",
                "UPDATE audit SET subject = 'x' WHERE number = 2", "DELETE FROM audit_heads",
                "UPDATE audit_heads SET at_ms = 1",
                "INSERT OR REPLACE INTO audit SELECT * FROM audit WHERE number = 2",
            ] {
                #expect(throws: DatabaseError.self) {
                    try database.write { try $0.execute(sql: sql) }
                }
            }
            #expect(try log.verified().isGood)
        }
    }

    @Test func everyByteOfAnEvidencePackageCounts() throws {
        try withLog { log in
            let package = try CasePackage.make(
                of: makeID(1), from: log.store, key: log.key, at: noon, by: "user:root")
            let good = CasePackage.check(package, trusting: [log.key.publicKey])
            #expect(good.problems.isEmpty, "\(good.problems)")
            #expect(good.parts == ["alert", "reports", "stream", "steps", "coverage", "audit"])
            #expect(good.alert == "\(makeID(1))" && good.records == 3)
            #expect(!CasePackage.check(package, trusting: [AuditKey().publicKey]).problems.isEmpty)
            for place in package.indices {
                var changed = package
                changed[place] ^= 1 << UInt8(place % 8)
                #expect(!CasePackage.check(changed).problems.isEmpty, "byte \(place)")
            }
            let error = try reportError {
                try CasePackage.make(
                    of: makeID(70), from: log.store, key: log.key, at: noon, by: "user:root")
            }
            #expect(error.code == .notFound)
        }
    }
}

// MARK: - The log that is tampered with

private func verifiedFile(_ bytes: some Collection<UInt8>) -> AuditVerifier {
    var file = AuditFileVerifier()
    var lines = bytes.split(separator: 10, omittingEmptySubsequences: false)
    let rest = lines.popLast()
    for line in lines { file.check(Array(line)) }
    if let rest, !rest.isEmpty { file.check(Array(rest)) }
    file.finish(isWhole: rest?.isEmpty == true)
    return file.verifier
}

/// A small log with records of all forms, its last one signed.
private struct Log {
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

private func withLog(shift: Int64 = 0, _ body: (Log) throws -> Void) throws {
    try withDirectory { try body(Log($0, shift: shift)) }
}

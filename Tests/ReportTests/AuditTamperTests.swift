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

    /// A head that was kept elsewhere finds what a whole new log, signed with the same key, hides.
    @Test func anchorsFindALogThatWasWrittenAnew() throws {
        try withLog { log in
            let records = try log.store.records(after: 0, limit: 100)
            let kept = try records.map { record in
                let digits = record.hash.map { String(format: "%02x", $0) }.joined()
                return try #require(AuditAnchor("\(record.number):\(digits.prefix(16))"))
            }
            func found(_ lines: [AuditLine], _ anchors: [AuditAnchor]) -> AuditVerifier {
                var verifier = AuditVerifier(anchors: anchors)
                for line in lines { verifier.check(line) }
                verifier.finish()
                return verifier
            }
            #expect(found(try log.lines(), kept).isGood)
            try withLog(shift: 1) { other in
                let new = found(try other.lines(), [kept[4]])
                #expect(new.problems.first?.number == kept[4].number && new.problemCount == 1)
            }
            let cut = found(try log.lines().dropLast(2), [kept[records.count - 1]])
            #expect(cut.problems.map(\.number) == [Int64(records.count)], "\(cut.problems)")
            for text in ["", "1", "0:0123456789abcdef", "1:0123", "1:0123456789abcdeg", "x:y:z"] {
                #expect(AuditAnchor(text) == nil)
            }
        }
    }

    /// A file from outside may hold any number; none may end the program.
    @Test func hostileNumbersAreOnlyWrong() throws {
        try withLog { log in
            let record = try #require(try log.store.records(after: 6, limit: 1).first)
            let key = AuditKey()
            let extremes: [Int64] = [.min, .min + 1, -1, 0, 1, 2, .max - 1, .max]
            for first in extremes {
                for second in extremes {
                    var lines: [AuditLine] = []
                    for number in [first, second] {
                        var changed = record
                        (changed.number, changed.unixMilliseconds) = (number, number)
                        changed.detail = #"{"records":\#(number)}"#
                        changed.kind = "subject.erased"
                        let head = AuditHead(number: number, hash: record.hash)
                        lines += [.record(changed), .head(try key.sign(head, at: number))]
                        lines.append(.head(try key.sign(head, at: -1 - number)))
                    }
                    let texts = lines.compactMap(AuditFile.text).map { $0 + "\n" }.joined()
                    #expect(!verifiedFile(Array((AuditFile.header + "\n" + texts).utf8)).isGood)
                }
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

    @Test func anEvidencePackageHasAllThatIsKnown() throws {
        try withDirectory { directory in
            let store = try SQLiteStore(directory: directory, composer: testComposer)
            let opened = try store.open([makeAlert(1), makeAlert(2)], at: noon)
            try store.update(makeAlert(1), closed: true, at: noon + 1)
            try store.settle()
            _ = try store.add(
                Feedback(.rejected, reason: "a cartoon", by: "b", at: noon + 2), to: makeID(1))
            try store.keep(
                LegalHold(
                    id: makeID(90), kind: .alert, subject: makeID(1), authority: "office 12",
                    reason: "", sinceUnixMilliseconds: noon), by: "user:root")
            let package = try CasePackage.make(
                of: makeID(1), from: store, key: AuditKey(), at: noon, by: "user:root")
            let parts = try String(decoding: package, as: UTF8.self).split(separator: "\n")
                .dropFirst().dropLast().map {
                    try #require(
                        try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
                }
            func list(_ name: String) throws -> [[String: Any]] {
                let part = try #require(parts.first { $0["part"] as? String == name })
                return try #require(part["value"] as? [[String: Any]])
            }
            let reports = try list("reports")
            #expect(reports.count == 3)
            let body = try #require(try store.body(of: opened[0].id))
            #expect(reports[0]["body"] as? String == String(decoding: body, as: UTF8.self))
            let deliveries = reports.map { $0["deliveries"] as? [[String: Any]] ?? [] }
            #expect(deliveries.map(\.count) == [1, 1, 0])
            #expect(deliveries[0][0]["endpoint"] as? String == "a")
            #expect(try list("feedback").first?["reason"] as? String == "a cartoon")
            #expect(try list("legal_holds").first?["authority"] as? String == "office 12")
            // Feedback is told to others, with the verdict.
            #expect((reports[2]["body"] as? String)?.contains(#""verdict":"rejected""#) == true)
        }
    }

    @Test func everyByteOfAnEvidencePackageCounts() throws {
        try withLog { log in
            let package = try CasePackage.make(
                of: makeID(1), from: log.store, key: log.key, at: noon, by: "user:root")
            let good = CasePackage.check(package, trusting: [log.key.publicKey])
            #expect(good.problems.isEmpty, "\(good.problems)")
            #expect(
                good.parts == [
                    "alert", "reports", "stream", "steps", "feedback", "legal_holds", "coverage",
                    "audit",
                ])
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

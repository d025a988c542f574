// The key of the audit log: made once, whoever comes at the same time, and never shown.

import Foundation
import Report
import Testing

@Suite struct AuditKeyTests {
    @Test func aKeyIsMadeOnce() throws {
        try withDirectory { directory in
            let path = directory + "/audit.key"
            #expect(
                try reportError { try AuditKey(file: path, createIfMissing: false) }.code
                    == .cannotOpen)
            let keys = Failures()
            DispatchQueue.concurrentPerform(iterations: 8) { _ in
                let key = try? AuditKey(file: path, createIfMissing: true)
                keys.add(key.map { "\($0.publicKey)" } ?? "none")
            }
            #expect(Set(keys.all).count == 1 && keys.all.first?.hasPrefix("whpk_") == true)
            #expect(try mode(of: path) == 0o600)
            #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == ["audit.key"])
            let again = try AuditKey(file: path, createIfMissing: false)
            #expect("\(again.publicKey)" == keys.all.first)
            let secret = try String(contentsOfFile: path, encoding: .utf8).dropFirst(5).prefix(20)
            var shown = "\(again) \(String(reflecting: again))"
            dump(again, to: &shown)
            #expect(!shown.contains(secret))
        }
    }

    @Test func exposedAndDamagedKeysAreRefused() throws {
        try withDirectory { directory in
            let path = directory + "/audit.key"
            _ = try AuditKey(file: path, createIfMissing: true)
            try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
            let exposed = try reportError { try AuditKey(file: path, createIfMissing: true) }
            #expect(exposed.message.contains("chmod 600"))
            for text in [
                "", "whsk_", "whsk_AAAA", "whpk_" + String(repeating: "A", count: 43) + "=",
            ] {
                let bad = directory + "/bad"
                try Data(text.utf8).write(to: URL(filePath: bad))
                try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: bad)
                #expect(throws: ReportError.self) { try AuditKey(file: bad, createIfMissing: true) }
            }
            #expect(throws: ReportError.self) {
                try AuditKey(file: directory, createIfMissing: true)
            }
        }
    }

    @Test func publicKeysHaveOneTextForm() throws {
        let key = AuditKey().publicKey
        #expect(AuditPublicKey("\(key)") == key)
        for text in ["", "whpk_", "whpk_AAAA", "\(key)=", "\(key)".replacing("whpk_", with: "")] {
            #expect(AuditPublicKey(text) == nil, "\(text)")
        }
    }
}

// Who may call: files of tokens, good and bad.

import Foundation
import Serve
import Testing

@Suite struct TokensTests {
    private func file(_ text: String, mode: Int = 0o600) throws -> String {
        let path = FileManager.default.temporaryDirectory
            .appending(path: "vigil-tokens-\(UUID().uuidString)").path
        try Data(text.utf8).write(to: URL(filePath: path))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        return path
    }

    @Test func eachTokenIsItsOwnersAndNobodyElses() throws {
        let made = Role.allCases.map { ($0, Tokens.make($0, name: "the-\($0.rawValue)")) }
        let lines = ["# a comment", ""] + made.map(\.1.line)
        let path = try file(lines.joined(separator: "\n") + "\n")
        defer { try? FileManager.default.removeItem(atPath: path) }
        let tokens = try Tokens(file: path)
        for (role, one) in made {
            #expect(
                tokens.caller(showing: one.token)
                    == Caller(role: role, name: "the-\(role.rawValue)"))
            #expect(!one.line.contains(one.token) && one.token.count > 40)
            for wrong in [one.token + "x", String(one.token.dropLast()), one.token.uppercased()] {
                #expect(tokens.caller(showing: wrong) == nil)
            }
        }
        #expect(tokens.caller(showing: "") == nil)
        #expect(Set(made.map(\.1.token)).count == made.count)
    }

    @Test func aRoleCoversWhatItIsFor() {
        let covered: [Role: Set<Role>] = [
            .operator: [.operator, .reader, .hook, .consumer], .reviewer: [.reviewer, .reader],
            .reader: [.reader], .hook: [.hook], .consumer: [.consumer],
        ]
        for role in Role.allCases {
            #expect(Set(Role.allCases.filter(role.covers)) == covered[role], "\(role)")
        }
    }

    @Test(arguments: [
        "", "# nobody\n", "reader one\n", "reader one abc\n", "admin one \(hash)\n",
        "reader one \(hash) more\n", "reader one \(hash.dropLast(2))\n", "reader one zz\(hash)\n",
    ])
    func badFilesAreRefused(text: String) throws {
        let path = try file(text)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let error = #expect(throws: ServeError.self) { _ = try Tokens(file: path) }
        #expect(error?.message.contains(path) == true)
        #expect(error?.message.contains(Self.hash) == false)
    }

    private static let hash = String(repeating: "0a", count: 32)

    @Test func aFileThatOthersMayWriteIsRefused() throws {
        let line = Tokens.make(.reader, name: "one").line + "\n"
        for mode in [0o666, 0o644, 0o622] {
            let path = try file(line, mode: mode)
            defer { try? FileManager.default.removeItem(atPath: path) }
            #expect(throws: ServeError.self, "\(String(mode, radix: 8))") {
                _ = try Tokens(file: path)
            }
        }
        #expect(throws: ServeError.self) { _ = try Tokens(file: "/nowhere/tokens") }
    }
}

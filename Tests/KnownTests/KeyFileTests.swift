// Key files: the three forms, what is refused, and that the default one is made exactly once.

import FoundationEssentials
import Known
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

@Suite struct KeyFileTests {
    private let raw = (0..<32).map { UInt8($0 * 7 + 1) }

    @Test func explicitThenEnvironmentThenConfig() {
        let both = ["VIGIL_KEY_FILE": "/e", "XDG_CONFIG_HOME": "/x", "HOME": "/h"]
        #expect(KeyFile.resolve(explicit: "k", environment: both) == "k")
        #expect(KeyFile.resolve(explicit: nil, environment: both) == "/e")
        #expect(
            KeyFile.resolve(explicit: nil, environment: ["XDG_CONFIG_HOME": "/x", "HOME": "/h"])
                == "/x/vigil/key")
        #expect(
            KeyFile.resolve(
                explicit: nil,
                environment: ["VIGIL_KEY_FILE": "", "XDG_CONFIG_HOME": "rel", "HOME": "/h"])
                == "/h/.config/vigil/key")
        #expect(KeyFile.resolve(explicit: nil, environment: [:]).hasSuffix("/.config/vigil/key"))
    }

    @Test func readsItsThreeForms() throws {
        let scratch = try Scratch()
        let expected = try #require(SealKey(bytes: raw))
        let hex = raw.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        let base64 = Data(raw).base64EncodedString()
        let texts = [hex, hex.uppercased() + "\n", base64, base64 + "\r\n"]
        for (place, bytes) in ([raw] + texts.map { Array($0.utf8) }).enumerated() {
            let path = try scratch.write(bytes, to: "\(place)")
            #expect(try KeyFile.load(path: path, createIfMissing: false) == expected)
        }
        #expect(SealKey(bytes: raw.dropLast()) == nil)
        #expect(!"\(expected)\(String(reflecting: expected))".contains(hex.prefix(8)))
    }

    @Test func refusesWhatIsNoKey() throws {
        let scratch = try Scratch()
        let bad: [[UInt8]] = [
            [], [10], Array(raw.dropLast()), raw + [10], raw + raw,
            Array(repeating: UInt8(ascii: "g"), count: 64),
            Array(Data(raw.dropLast()).base64EncodedString().utf8),
            Array(repeating: 7, count: 5000),
        ]
        for bytes in bad {
            let path = try scratch.write(bytes, to: "key")
            let error = failure { _ = try KeyFile.load(path: path, createIfMissing: true) }
            #expect(error?.code == .keyMalformed, "\(bytes.count) bytes")
        }
    }

    @Test func refusesWhatOthersCanRead() throws {
        let scratch = try Scratch()
        for bits: mode_t in [0o604, 0o602, 0o601, 0o644, 0o666] {
            let path = try scratch.write(raw, to: "key", mode: bits)
            let error = failure { _ = try KeyFile.load(path: path, createIfMissing: false) }
            #expect(error?.code == .keyExposed)
            #expect(error?.message.contains("chmod 600") == true)
        }
        for bits: mode_t in [0o600, 0o400, 0o640] {
            let path = try scratch.write(raw, to: "key", mode: bits)
            #expect(throws: Never.self) { try KeyFile.load(path: path, createIfMissing: false) }
        }
    }

    @Test func refusesDirectoriesAndPipes() throws {
        let scratch = try Scratch()
        try #require(mkfifo(scratch.file("pipe"), 0o600) == 0)
        for path in [scratch.path, scratch.file("pipe"), "/dev/null"] {
            let error = failure { _ = try KeyFile.load(path: path, createIfMissing: true) }
            #expect(error?.code == .notRegularFile)
        }
    }

    @Test func neverMakesANamedKey() throws {
        let scratch = try Scratch()
        let environment = ["XDG_CONFIG_HOME": scratch.path]
        let path = scratch.file("mistyped")
        for creates in [false, true] {
            let error = failure {
                _ = try KeyFile.load(
                    path: path, createIfMissing: creates, environment: environment)
            }
            #expect(error?.code == .keyMissing)
        }
        let standard = KeyFile.resolve(explicit: nil, environment: environment)
        let error = failure {
            _ = try KeyFile.load(path: standard, createIfMissing: false, environment: environment)
        }
        #expect(error?.code == .keyMissing)
        #expect(try scratch.names().isEmpty)
    }

    @Test func makesTheDefaultKeyOnce() throws {
        let scratch = try Scratch()
        let environment = ["XDG_CONFIG_HOME": scratch.file("a/b")]
        let path = KeyFile.resolve(explicit: nil, environment: environment)
        let first = try KeyFile.load(path: path, createIfMissing: true, environment: environment)
        let again = try KeyFile.load(path: path, createIfMissing: true, environment: environment)
        #expect(first == again)
        #expect(try KeyFile.load(path: path, createIfMissing: false) == first)
        #expect(mode(of: path) == 0o600)
        #expect(mode(of: scratch.file("a/b/vigil")) == 0o700)
        let folder = scratch.file("a/b/vigil")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["key"])
        let line = try contents(of: path)
        #expect(line.count == 45 && line.last == 10)
    }

    @Test func racingCreatorsGetOneKey() async throws {
        for _ in 0..<20 {
            let scratch = try Scratch()
            let environment = ["HOME": scratch.path]
            let path = KeyFile.resolve(explicit: nil, environment: environment)
            let ids = try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        try KeyFile.load(
                            path: path, createIfMissing: true, environment: environment
                        ).id
                    }
                }
                return try await group.reduce(into: Set<String>()) { $0.insert($1) }
            }
            #expect(ids.count == 1)
            let folder = scratch.file(".config/vigil")
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["key"])
        }
    }
}

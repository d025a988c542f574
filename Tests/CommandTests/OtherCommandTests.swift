// known, match, fingerprint and doctor from the command line.

import Fingerprint
import Foundation
import TestSupport
import Testing

@Suite struct OtherCommandTests {
    private let place: Workplace

    init() throws { place = try Workplace() }

    private func list(_ name: String, _ lines: [String]) throws -> String {
        try place.write(name, Data((lines.joined(separator: "\n") + "\n").utf8))
    }

    private static let hashes = (0..<40).map { number -> String in
        var random = SeededGenerator(seed: UInt64(number) + 1000)
        return PDQHash(words: SIMD4(random.next(), random.next(), random.next(), random.next())).hex
    }

    @Test func corruptLinesAreNamedCountedAndSkipped() throws {
        var lines = Self.hashes
        lines[6] = "nonsense"
        lines[20] = String(lines[20].dropLast())
        let path = try list("list.txt", lines)
        let out = place.file("l.vigil")
        let build = try place.vigil("known", "build", out, "--name", "l", "--from", path)
        #expect(build.status == 0, "\(build.error)")
        #expect(
            build.error.contains("list.txt, line 7:") && build.error.contains("list.txt, line 21:"))
        #expect(build.error.contains("2 corrupt lines"))
        #expect(build.output.contains("38 images, 38 hashes"))
        let strict = try place.vigil(
            "known", "build", place.file("s.vigil"), "--name", "s", "--from", path, "--strict")
        #expect(strict.status == 2 && strict.error.contains("--strict"))
        #expect(!FileManager.default.fileExists(atPath: place.file("s.vigil")))
        for text in [build, strict].map({ $0.output + $0.error }) {
            for hash in Self.hashes { #expect(!text.contains(hash.prefix(16))) }
        }
    }

    @Test func setsGrowShrinkAndDiffer() throws {
        let a = try list("a.txt", Array(Self.hashes[..<10].enumerated().map { "\($1),a\($0)" }))
        let b = try list("b.txt", Array(Self.hashes[10..<15].enumerated().map { "\($1),b\($0)" }))
        let (old, new) = (place.file("old.vigil"), place.file("new.vigil"))
        #expect(try place.vigil("known", "build", old, "--name", "n", "--from", a).status == 0)
        #expect(try place.vigil("known", "build", old, "--name", "n", "--from", a).status == 2)
        try FileManager.default.copyItem(atPath: old, toPath: new)
        #expect(try place.vigil("known", "diff", old, new).status == 0)
        let grown = try place.vigil("known", "import", new, "--from", a, b, "--category", "B1")
        #expect(grown.status == 0 && grown.output.contains("5 items added"), "\(grown.output)")
        #expect(grown.error.contains("10 already in the set"), "\(grown.error)")
        #expect(try place.vigil("known", "remove", new, "a3", "a4").status == 0)
        #expect(try place.vigil("known", "remove", new, "a3").status == 2)
        let difference = try place.vigil("known", "diff", old, new)
        #expect(difference.status == 1)
        #expect(
            difference.output == "+ b0\n+ b1\n+ b2\n+ b3\n+ b4\n- a3\n- a4\n",
            "\(difference.output)")
        let facts = try place.vigil("known", "info", new, "--format", "jsonl").objects
        #expect(facts.first?["version"] as? Int == 3 && facts.first?["images"] as? Int == 13)
        #expect(try place.vigil("known", "verify", new, old).status == 0)
    }

    @Test func vpdqTextAndCSVMakeSets() throws {
        let film = try Clips.film()
        let text = place.file("film.txt")
        let print = try place.vigil("fingerprint", film, "--sample", "0.2", "--output", text)
        #expect(print.status == 0 && print.output.isEmpty)
        let csv = try list(
            "signals.csv",
            ["signal_type,signal_str,category", "pdq,\(Self.hashes[0]),A1", "md5,abc,A1"])
        let out = place.file("m.vigil")
        let build = try place.vigil("known", "build", out, "--name", "m", "--from", text, csv)
        #expect(build.status == 0 && build.output.contains("1 video and 1 image"), "\(build.error)")
        #expect(build.error.contains("type md5 not supported"))
        let scan = try place.scan([film], known: out)
        #expect(scan.status == 1)
        let alert = try #require(scan.objects(ofType: "alert").first)
        #expect((alert["known"] as? [String: String])?["item"] == "film")
    }

    @Test func matchFindsWithinTheRadius() throws {
        let from = try list("l.txt", Self.hashes)
        let out = place.file("l.vigil")
        try place.vigil("known", "build", out, "--name", "l", "--from", from)
        let hash = try #require(PDQHash(hex: Self.hashes[3]))
        var near = hash.words
        near[0] ^= (1 << 31) - 1  // 31 bits
        var far = near
        far[1] ^= 1
        let queries = [hash, PDQHash(words: near), PDQHash(words: far)].map(\.hex)
        let result = try place.vigil(
            "match", "--known", out, "--format", "jsonl",
            input: queries.joined(separator: "\n") + "\n")
        #expect(result.status == 1)
        #expect(result.objects.compactMap { $0["distance"] as? Int } == [0, 31])
        #expect(result.objects.compactMap { $0["item"] as? String } == ["l:4", "l:4"])
        #expect(result.objects.compactMap { $0["query"] as? String } == Array(queries[..<2]))
        let wide = try place.vigil(
            "match", "--known", out, "--radius", "32", input: queries.joined(separator: "\n"))
        #expect(wide.output.split(separator: "\n").count == 3)
        let none = try place.vigil(
            "match", "--known", out, input: String(repeating: "0f", count: 32))
        #expect(none.status == 0 && none.output.isEmpty)
        let bad = try place.vigil("match", "--known", out, input: "zz\n\n")
        #expect(bad.status == 2 && bad.error.contains("line 1"))
    }

    @Test func inputThatCannotBeReadIsNotNothingFound() throws {
        let known = try place.known("film", media: Clips.film())
        let result = try Program.run(
            "sh", ["-c", "\(try Program.vigil()) match --known \(known) < /tmp"],
            environment: place.environment)
        #expect(result.status == 2 && result.error.contains("standard input"), "\(result)")
    }

    @Test func matchTakesLinesAsTheyCome() throws {
        let hash = Self.hashes[5]
        let from = try list("l.txt", ["\(Self.hashes[0]),plain/id", "\(hash)"])
        let out = place.file("é \"l\".vigil")
        let name = #"a "quoted\" né"#
        let build = try place.vigil("known", "build", out, "--name", name, "--from", from)
        #expect(build.status == 0, "\(build.error)")
        let lines = [
            "", "  \t", " \t\(hash.uppercased())  \r", "\u{a0}\(hash)\u{2003}", "\(hash)\r\r",
            "\(hash)0", String(repeating: " ", count: 200_000) + "x" + hash,
            String(hash.dropLast()) + "g", String(hash.dropLast()) + "\u{19}", "é", hash,
        ]
        let result = try place.vigil(
            "match", "--known", out, input: lines.joined(separator: "\n"))
        #expect(result.status == 1)
        #expect(result.output == String(repeating: "\(hash) \(name) l:2 0\n", count: 3))
        for number in [5, 6, 7, 8, 9, 10] {
            #expect(result.error.contains("standard input, line \(number): is no PDQ hash"))
        }
        #expect(result.error.split(separator: "\n").count == 6)
        let object = try place.vigil(
            "match", "--known", out, "--format", "jsonl", input: hash)
        #expect(
            object.output
                == #"{"distance":0,"item":"l:2","query":"\#(hash)","set":"a \"quoted\\\" né"}"#
                + "\n")
    }

    @Test func matchAnswersManyLinesInOrder() throws {
        let from = try list("l.txt", Self.hashes)
        let out = place.file("l.vigil")
        try place.vigil("known", "build", out, "--name", "l", "--from", from)
        let numbers = (0..<5000).map { $0 * 7 % 40 }
        let input = numbers.map { Self.hashes[$0] + "\n" }.joined()
        let result = try place.vigil("match", "--known", out, "--format", "jsonl", input: input)
        let expected = numbers.map {
            #"{"distance":0,"item":"l:\#($0 + 1)","query":"\#(Self.hashes[$0])","set":"l"}"# + "\n"
        }
        #expect(result.status == 1 && result.output == expected.joined())
    }

    @Test func matchAnswersEachLineOfAPipeAtOnce() throws {
        let from = try list("l.txt", Self.hashes)
        let out = place.file("l.vigil")
        try place.vigil("known", "build", out, "--name", "l", "--from", from)
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["timeout", "60", try Program.vigil(), "match", "--known", out]
        process.environment = place.environment
        let (input, output) = (Pipe(), Pipe())
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        for number in [3, 30] {
            let hash = Self.hashes[number]
            // In two pieces, neither of which is a line.
            try input.fileHandleForWriting.write(contentsOf: Data(hash.prefix(20).utf8))
            try input.fileHandleForWriting.write(
                contentsOf: Data((hash.dropFirst(20) + "\n" + hash.prefix(9)).utf8))
            let answer = output.fileHandleForReading.availableData
            #expect(String(decoding: answer, as: UTF8.self) == "\(hash) l l:\(number + 1) 0\n")
            try input.fileHandleForWriting.write(contentsOf: Data("\n".utf8))
        }
        try input.fileHandleForWriting.close()
        process.waitUntilExit()
        #expect(process.terminationStatus == 1)
    }

    @Test func fingerprintsOfSeveralInputsNeedAFolder() throws {
        let (film, other) = (try Clips.film(), try Clips.other())
        #expect(try place.vigil("fingerprint", film, other).status == 64)
        let folder = place.file("out")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        #expect(try place.vigil("fingerprint", film, other, "--output", folder).status == 0)
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        #expect(names == ["film.txt", "other.txt"])
        let lines = try String(contentsOfFile: folder + "/film.txt", encoding: .utf8)
            .split(separator: "\n")
        #expect(lines.count == 12)
        #expect(lines.allSatisfy { FrameFingerprint(vpdqLine: $0) != nil })
        let missing = try place.vigil("fingerprint", place.file("gone"))
        #expect(missing.status == 2 && missing.error.contains("no such file"))
    }

    @Test func doctorSaysWhatIsWrongAndMakesNothing() throws {
        let fresh = try place.vigil("doctor")
        #expect(fresh.status == 0, "\(fresh.output)")
        #expect(fresh.output.contains("FFmpeg libraries") && fresh.output.contains("no key yet"))
        #expect(!FileManager.default.fileExists(atPath: place.file("config")))
        #expect(!FileManager.default.fileExists(atPath: place.file("state")))
        let key = try place.write("k", Data("short".utf8))
        let wrong = try place.vigil("doctor", "--key-file", key)
        #expect(wrong.status == 2 && wrong.output.contains("problem"))
    }

    @Test(arguments: [
        [], ["scan"], ["fingerprint"], ["match"], ["bench"], ["doctor"], ["known"], ["report"],
        ["known", "build"], ["known", "info"], ["known", "verify"], ["known", "import"],
        ["known", "remove"], ["known", "diff"], ["known", "lint"], ["report", "list"],
        ["report", "show"], ["audit"], ["audit", "verify"], ["audit", "list"],
        ["audit", "export"], ["audit", "erase"],
    ])
    func helpHasAnExample(_ command: [String]) throws {
        let help = try place.vigil(command + ["--help"])
        #expect(help.status == 0)
        #expect(
            command.isEmpty || help.output.contains("Example: vigil \(command[0])"), "\(command)")
    }

    @Test(arguments: ["bash", "zsh", "fish"])
    func completionScripts(_ shell: String) throws {
        let script = try place.vigil("--generate-completion-script", shell)
        #expect(script.status == 0 && script.output.contains("fingerprint"))
    }
}

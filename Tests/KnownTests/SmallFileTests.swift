// Small files read whole: what is refused, and that nothing is waited for.

import Foundation
import Known
import Testing

@Suite struct SmallFileTests {
    private func outcome(_ path: String, most: Int = 8, _ manner: SmallFile.Manner) -> String {
        do {
            return String(decoding: try SmallFile.read(path, most: most, as: manner), as: UTF8.self)
        } catch {
            return "\(error)"
        }
    }

    @Test func readsFilesUpToALimit() throws {
        let scratch = try Scratch()
        let path = try scratch.write(Array("12345678".utf8), to: "a", mode: 0o600)
        #expect(outcome(path, .secret) == "12345678")
        #expect(outcome(path, most: 7, .plain) == "tooLarge")
        #expect(outcome(scratch.file("none"), .plain) == "missing")
        #expect(outcome(path + "/b", .plain) == "missing")
        let link = scratch.file("link")
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: path)
        #expect(outcome(link, .secret) == "12345678")
        try FileManager.default.setAttributes([.posixPermissions: 0o604], ofItemAtPath: path)
        #expect(outcome(path, .secret) == "exposed" && outcome(path, .plain) == "12345678")
    }

    @Test func waitsForNothing() throws {
        let scratch = try Scratch()
        let pipe = scratch.file("pipe")
        try #require(mkfifo(pipe, 0o600) == 0)
        for manner in [SmallFile.Manner.secret, .plain] {
            for path in [pipe, "/dev/zero", scratch.path] {
                #expect(outcome(path, manner) == "notRegular", "\(path)")
            }
        }
        #expect(outcome(pipe, .plainOrPiped) == "nothingWritten")
        #expect(outcome("/dev/zero", .plainOrPiped) == "notRegular")
        // Sizes that are not true: it is read as far as it goes.
        #expect(outcome("/proc/self/status", .plain) == "tooLarge")
    }

    @Test func takesWhatAWriterPutsIntoAPipe() throws {
        let scratch = try Scratch()
        let pipe = scratch.file("pipe")
        try #require(mkfifo(pipe, 0o600) == 0)
        // Holding both ends, a writer is there, and what it wrote before it goes is kept.
        let both = open(pipe, O_RDWR)
        try #require(both >= 0 && write(both, "words", 5) == 5)
        let writer = Thread {
            usleep(50_000)
            close(both)
        }
        writer.start()
        #expect(outcome(pipe, .plainOrPiped) == "words")
    }
}

// Reports as lines: what others do to the file, what a crash left, and a target that is stuck.

import Dispatch
import Foundation
import Match
import Report
import Serve
import Synchronization
import Testing

/// Takes lines only once it is let go.
private final class StuckTarget: LineTarget {
    let place = "a stuck target"
    private let written = Mutex("")
    // Blocks the sink's own queue, as a pipe that nobody reads does.
    private let gate = DispatchSemaphore(value: 0)

    var text: String { written.withLock { $0 } }

    func append(_ bytes: [UInt8]) -> String? {
        gate.wait()
        gate.signal()
        written.withLock { $0 += String(decoding: bytes, as: UTF8.self) }
        return nil
    }

    func close() {}
    func letGo() { gate.signal() }
}

@Suite struct LineSinkTests {
    private let folder = NSTemporaryDirectory() + "vigil-lines-" + UUID().uuidString

    init() throws {
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
    }

    private var path: String { folder + "/reports.jsonl" }

    private func text(_ name: String = "reports.jsonl") throws -> String {
        try String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8)
    }

    private func file(mostBytes: Int = 1000, kept: Int = 2) -> LineFile {
        LineFile(path: path, mostBytes: mostBytes, kept: kept)
    }

    private func removeFolder() { try? FileManager.default.removeItem(atPath: folder) }

    @Test func aFileThatOthersMovedOrRemovedIsMadeAnew() throws {
        defer { removeFolder() }
        let file = file()
        #expect(file.append(Array("one\n".utf8)) == nil)
        try FileManager.default.moveItem(atPath: path, toPath: folder + "/moved")
        #expect(file.append(Array("two\n".utf8)) == nil)
        #expect(try text() == "two\n" && text("moved") == "one\n")
        try FileManager.default.removeItem(atPath: path)
        #expect(file.append(Array("three\n".utf8)) == nil)
        #expect(try text() == "three\n")
        file.close()
    }

    @Test func itIsMovedAsideWhenItHasGrown() throws {
        defer { removeFolder() }
        let file = file(mostBytes: 10)
        for word in ["first\n", "second\n", "third\n", "fourth\n"] {
            #expect(file.append(Array(word.utf8)) == nil)
        }
        #expect(try text() == "fourth\n" && text("reports.jsonl.1") == "third\n")
        #expect(try text("reports.jsonl.2") == "second\n")
        #expect(!FileManager.default.fileExists(atPath: path + ".3"))
        file.close()
    }

    @Test func halfALineIsEndedBeforeTheNext() throws {
        defer { removeFolder() }
        try Data("half".utf8).write(to: URL(filePath: path))
        let file = file()
        #expect(file.append(Array("whole\n".utf8)) == nil)
        #expect(try text() == "half\nwhole\n")
        file.close()
    }

    @Test func aLinkIsNotFollowedAndAFolderThatIsGoneIsTold() throws {
        try Data("kept".utf8).write(to: URL(filePath: folder + "/other"))
        try FileManager.default.createSymbolicLink(
            atPath: path, withDestinationPath: folder + "/other")
        let file = file()
        #expect(file.append(Array("x\n".utf8))?.contains("cannot be opened") == true)
        #expect(try text("other") == "kept")
        removeFolder()
        #expect(file.append(Array("x\n".utf8))?.contains("cannot be opened") == true)
    }

    @Test func aLineThatWasCutIsEndedBeforeTheNext() throws {
        defer { removeFolder() }
        var ends: [CInt] = [0, 0]
        try #require(pipe(&ends) == 0)
        for end in ends { _ = fcntl(end, F_SETFL, O_NONBLOCK) }
        defer { for end in ends { close(end) } }
        let lines = StreamLines(ends[1], place: "a pipe")
        // More than a pipe holds, and nobody reads.
        #expect(lines.append([UInt8](repeating: 0x61, count: 1 << 20))?.contains("a pipe") == true)
        #expect(lines.append(Array("next\n".utf8)) != nil)
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        while read(ends[0], &bytes, bytes.count) > 0 {}
        #expect(lines.append(Array("next\n".utf8)) == nil)
        let count = read(ends[0], &bytes, bytes.count)
        #expect(String(decoding: bytes.prefix(max(0, count)), as: UTF8.self) == "\nnext\n")
    }

    @Test func aTargetThatIsStuckFailsAttemptsAndHoldsUpNothing() async throws {
        defer { removeFolder() }
        let target = StuckTarget()
        let sink = LineSink(target, rendering: .native, limit: .milliseconds(50))
        var random = SystemRandomNumberGenerator()
        func delivery(_ body: String) -> DueDelivery {
            DueDelivery(
                report: AlertID(unixMilliseconds: 1, using: &random), endpoint: "lines",
                event: "alert.opened", createdUnixMilliseconds: 1, attempt: 1,
                body: Array(body.utf8))
        }
        for body in ["{\"a\":1}", "{\"b\":1}"] {
            guard case .failed(let why, _) = await sink.send(delivery(body)) else {
                Issue.record("accepted what was not written")
                continue
            }
            #expect(why.contains("a stuck target"))
        }
        await sink.close()
        target.letGo()
        let after = LineSink(target, rendering: .native)
        guard case .accepted = await after.send(delivery("{\"c\":1}")) else {
            Issue.record("not accepted")
            return
        }
        // What waited behind the stuck line was taken back.
        #expect(!target.text.contains("b") && target.text.contains("{\"c\":1}\n"))
    }
}

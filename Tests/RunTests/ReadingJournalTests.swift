// What is left of a run that was killed: read while it runs, which is what a kill leaves.

import Foundation
import Match
import Report
import Run
import Synchronization
import Testing

private func newStream() -> StreamID {
    StreamID(AlertID(high: .random(in: 0...UInt64.max), low: .random(in: 0...UInt64.max)))
}

@Suite struct ReadingJournalTests {
    private func withFolder(_ body: (String) throws -> Void) throws {
        let folder = NSTemporaryDirectory() + "vigil-journal-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body(folder)
    }

    private func path(_ folder: String) -> String { "\(folder)/\(ReadingJournal.fileName)" }

    /// Reads a stream on a thread of its own, until the body has ended.
    private func reading(
        _ stream: StreamID, _ journal: ReadingJournal, _ body: () throws -> Void
    ) rethrows {
        let (begun, over, ended) = (
            DispatchSemaphore(value: 0), DispatchSemaphore(value: 0), DispatchSemaphore(value: 0)
        )
        Thread.detachNewThread {
            let slot = journal.takeSlot(reading: stream)
            begun.signal()
            over.wait()
            journal.giveBack(slot)
            ended.signal()
        }
        begun.wait()
        defer {
            over.signal()
            ended.wait()
        }
        try body()
    }

    @Test func aKillLeavesWhatWasReadAndAnEndNothing() throws {
        try withFolder { folder in
            #expect(ReadingJournal.remains(at: path(folder)).end == .unknown)
            let (journal, before) = try ReadingJournal.begin(in: folder, slots: 4)
            #expect(before == JournalRemains())
            let stream = newStream()
            reading(stream, journal) {
                journal.beat()
                let left = ReadingJournal.remains(at: path(folder))
                #expect(left.end == .fell && left.falls == 1 && left.signal == nil)
                #expect(left.acts.map(\.stream) == [stream] && left.crashed == nil)
                #expect(left.acts.allSatisfy { !$0.isLooking && $0.lasted >= 0 && $0.thread != 0 })
            }
            #expect(ReadingJournal.remains(at: path(folder)).acts.isEmpty)
            journal.end()
            let (second, orderly) = try ReadingJournal.begin(in: folder, slots: 4)
            #expect(orderly.end == .orderly && orderly.falls == 0)
            let (_, fallen) = try ReadingJournal.begin(in: folder, slots: 4)
            #expect(fallen.end == .fell && fallen.falls == 1)
            let (_, again) = try ReadingJournal.begin(in: folder, slots: 4)
            #expect(again.end == .fell && again.falls == 2, "in a row")
            second.end()
        }
    }

    @Test func slotsAreBoundedAndUsedAgain() throws {
        try withFolder { folder in
            let (journal, _) = try ReadingJournal.begin(in: folder, slots: 2)
            let streams = (0..<3).map { _ in newStream() }
            reading(streams[0], journal) {
                reading(streams[1], journal) {
                    reading(streams[2], journal) {
                        let acts = ReadingJournal.remains(at: path(folder)).acts
                        #expect(Set(acts.map(\.stream)) == Set(streams.prefix(2)))
                    }
                }
            }
            reading(streams[2], journal) {
                #expect(
                    ReadingJournal.remains(at: path(folder)).acts.map(\.stream) == [streams[2]])
            }
        }
    }

    @Test func aReaderThatComputesIsSeenToBeBusy() throws {
        try withFolder { folder in
            let (journal, _) = try ReadingJournal.begin(in: folder, slots: 4)
            let (busy, idle) = (newStream(), newStream())
            let isOver = IsOver()
            let ended = DispatchSemaphore(value: 0)
            Thread.detachNewThread {
                let slot = journal.takeSlot(reading: busy)
                while !isOver.value {}
                journal.giveBack(slot)
                ended.signal()
            }
            // A thread on a machine with other work gets a part of a core; any that is seen will do.
            var most = 0.0
            reading(idle, journal) {
                for _ in 0..<80 where most < 0.2 {
                    usleep(250_000)
                    journal.beat()
                    let acts = ReadingJournal.remains(at: path(folder)).acts
                    most = max(most, acts.first { $0.stream == busy }?.busy ?? 0)
                    #expect((acts.first { $0.stream == idle }?.busy ?? 0) < 0.2)
                }
            }
            isOver.set()
            ended.wait()
            #expect(most >= 0.2)
        }
    }

    @Test func ofAnotherBootOrDamagedNothingIsBelieved() throws {
        try withFolder { folder in
            let (journal, _) = try ReadingJournal.begin(in: folder, slots: 4)
            let stream = newStream()
            var bytes = Data()
            try reading(stream, journal) {
                bytes = try Data(contentsOf: URL(filePath: path(folder)))
            }
            func left(_ data: Data) throws -> JournalRemains {
                try data.write(to: URL(filePath: "\(folder)/other"))
                return ReadingJournal.remains(at: "\(folder)/other")
            }
            #expect(try left(bytes).acts.map(\.stream) == [stream])
            var otherBoot = bytes
            otherBoot[12] ^= 0xff
            #expect(try left(otherBoot).end == .withMachine)
            #expect(try left(otherBoot).acts.isEmpty)
            #expect(try left(bytes.prefix(100)).end == .unknown)
            // Cut within a slot, and with a count of slots that are not there.
            #expect(try left(bytes.prefix(150)).acts.isEmpty)
            var random = SystemRandomNumberGenerator()
            for _ in 0..<500 {
                var noise = bytes
                for _ in 0..<8 {
                    noise[Int.random(in: 24..<noise.count)] = .random(in: 0...255, using: &random)
                }
                #expect(try left(noise).acts.count <= 4)
            }
            #expect(mkfifo("\(folder)/fifo", 0o600) == 0)
            #expect(ReadingJournal.remains(at: "\(folder)/fifo").end == .unknown)
            #expect(symlink(path(folder), "\(folder)/link") == 0)
            #expect(ReadingJournal.remains(at: "\(folder)/link").end == .unknown)
        }
    }
}

private final class IsOver: Sendable {
    private let state = Atomic<Bool>(false)

    var value: Bool { state.load(ordering: .relaxed) }
    func set() { state.store(true, ordering: .relaxed) }
}

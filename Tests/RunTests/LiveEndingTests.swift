// How a live run ends when a reader does not: here one that its caller's own handler keeps, which is
// called on the reader's thread.

import Decode
import Foundation
import Match
import Report
import Run
import Synchronization
import Testing

/// Keeps a reader in the handler that is told of what was refused.
private final class Hold: Sendable {
    private let gate = DispatchSemaphore(value: 0)
    private let events = Mutex<(refused: Int, stuck: [String])>((0, []))

    var isHeld: Bool { events.withLock { $0.refused > 0 } }
    var stuck: [String] { events.withLock { $0.stuck } }

    func take(_ event: LiveRunEvent) {
        switch event {
        case .refused:
            events.withLock { $0.refused += 1 }
            gate.wait()
        case .stuck(_, let name): events.withLock { $0.stuck.append(name) }
        default: break
        }
    }

    func release() { gate.signal() }
}

@Suite struct LiveEndingTests {
    private func wait(_ seconds: Double, until holds: () -> Bool) -> Bool {
        let end = Date(timeIntervalSinceNow: seconds)
        while Date() < end {
            if holds() { return true }
            usleep(20_000)
        }
        return holds()
    }

    /// A run with one reader that hangs.
    private func withHeldReader(_ body: (LiveRun, Int, Hold) throws -> Void) throws {
        let folder = NSTemporaryDirectory() + "vigil-ending-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let pipeline = Pipeline()
        let hold = Hold()
        let run = LiveRun(
            pipeline: pipeline, index: KnownIndex([], policy: pipeline.matchPolicy),
            store: try SQLiteStore(directory: folder)
        ) { hold.take($0) }
        let number = run.watch(try LiveInput("tcp://10.0.0.1:1"), egress: .service)
        try #require(wait(30) { hold.isHeld })
        defer { hold.release() }
        try body(run, number, hold)
    }

    @Test func aReaderThatHangsIsLeft() throws {
        try withHeldReader { run, number, hold in
            let other = run.watch(try LiveInput("tcp://127.0.0.1:1"), egress: .watch)
            #expect(run.stuckReaders == 0)
            run.unwatch(number)
            #expect(wait(30) { run.status(of: number)?.connection == .ended })
            #expect(wait(5) { hold.stuck == ["tcp://10.0.0.1:1"] } && run.stuckReaders == 1)
            #expect(run.status(of: other)?.connection != .ended)
            // It is let go as any other that is over, and counted until it ends.
            run.letGo(number)
            #expect(run.status(of: number) == nil && run.stuckReaders == 1)
            hold.release()
            #expect(wait(30) { run.stuckReaders == 0 })
            #expect(run.stop() == LiveRun.Remainder())
            #expect(hold.stuck.count == 1, "told once")
        }
    }

    @Test func aRunEndsWithoutThem() throws {
        try withHeldReader { run, number, hold in
            let remainder = run.stop()
            #expect(remainder.readers == 1 && remainder.isRecorded)
            #expect(run.status(of: number)?.connection == .ended)
            #expect(hold.stuck.count == 1)
            // What is asked for now begins and ends at once.
            let late = run.watch(try LiveInput("tcp://127.0.0.1:1"), egress: .watch)
            #expect(wait(30) { run.status(of: late)?.connection == .ended })
            hold.release()
            #expect(wait(30) { run.stuckReaders == 0 })
        }
    }
}

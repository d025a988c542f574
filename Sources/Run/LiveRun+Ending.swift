// How watches and the run end, whatever their inputs do.
//
// A reader that is told to stop ends as soon as the library asks its interrupt. What never asks (a
// look-up of a name, a decoder in an endless loop, a disk that hangs) must hold nothing up: a reader that
// does not end within `longestFarewell` is left. Its watch is over then, for the ledger and for all who
// ask; its thread is counted until it ends. Invariants: `stop` returns within `longestStop`; nothing
// that came out of a decoder is lost to a reader that hangs.

internal import Dispatch
internal import Report
internal import Synchronization

extension LiveRun {
    /// The readers of a run, and those that were told to stop.
    struct Watchers {
        var all: [Int: LiveWatcher] = [:]
        /// When they were told, by the monotonic clock.
        private var leaving: [Int: Double] = [:]
        /// Those that were left.
        private(set) var stuck: Set<Int> = []
        var isEnding = false

        mutating func leave(_ number: Int, at now: Double) -> LiveWatcher? {
            guard let watcher = all[number] else { return nil }
            if leaving[number] == nil { leaving[number] = now }
            return watcher
        }

        mutating func leaveAll(at now: Double) -> [LiveWatcher] {
            isEnding = true
            return all.keys.compactMap { leave($0, at: now) }
        }

        /// Those that were told to stop before a time and did not; each is named once.
        mutating func overdue(since time: Double) -> [LiveWatcher] {
            let numbers = leaving.filter { $0.value <= time && !stuck.contains($0.key) }.keys
            stuck.formUnion(numbers)
            return numbers.compactMap { all[$0] }
        }

        mutating func ended(_ number: Int) {
            all[number] = nil
            leaving[number] = nil
            stuck.remove(number)
        }
    }

    /// What did not end.
    public struct Remainder: Sendable, Hashable {
        /// Readers that do not end.
        public var readers = 0
        /// Whether all that was decoded was looked at, compared and recorded.
        public var isRecorded = true

        /// Nothing.
        public init() {}
    }

    /// How long a reader may take to end, and how long what was found may take to be recorded, seconds.
    public static let longestFarewell = 2.0, longestDrain = 2.0
    /// Of the drain, what is kept for the stages behind the decoders.
    private static let recordingShare = 0.75
    /// From one stream that is connected to to the next, seconds.
    package static let usualSpacing = 0.005

    /// Readers that were told to stop, did not, and are still there.
    public var stuckReaders: Int { watchers.withLock { $0.stuck.count } }

    /// Ends every watch, hands on what was found, and returns when all of it is recorded; after
    /// `longestFarewell` and `longestDrain` in any case.
    /// - Returns: what was left, in whose threads nothing may be expected to be whole: the process
    ///   has to be ended without waiting for them.
    @discardableResult
    public func stop() -> Remainder {
        for watcher in watchers.withLock({ $0.leaveAll(at: monotonicSeconds()) }) {
            watcher.stop()
        }
        _ = readers.join(within: Self.longestFarewell)
        leaveOverdue(since: .infinity)
        var remainder = Remainder()
        let end = monotonicSeconds() + Self.longestDrain
        func rest(_ share: Double = 0) -> Double { end - share - monotonicSeconds() }
        board.finish()
        if !lookers.join(within: rest(Self.recordingShare)) {
            remainder.isRecorded = false
            board.finish(atOnce: true)
            // Those that are in the midst of a picture of some milliseconds.
            _ = lookers.join(within: 0.1)
        }
        finishLooking()
        if !matchers.join(within: rest(Self.recordingShare / 3)) { remainder.isRecorded = false }
        finishMatching()
        if !recorders.join(within: rest()) { remainder.isRecorded = false }
        keeperEnds.signal()
        remainder.readers = stuckReaders
        return remainder
    }

    /// Says that the run is alive and leaves readers that do not end, until the run ends.
    func keepWatch() {
        while keeperEnds.wait(timeout: .now() + ReadingJournal.beatSeconds) == .timedOut {
            journal?.beat()
            leaveOverdue(since: monotonicSeconds() - Self.longestFarewell)
        }
    }

    private func leaveOverdue(since time: Double) {
        for watcher in watchers.withLock({ $0.overdue(since: time) }) {
            let stream = watcher.stream
            stream.set(.ended)
            handle(.stuck(stream.id, name: stream.name))
            readerEnded(of: stream)
        }
    }
}

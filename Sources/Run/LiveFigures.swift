// What a live run measures of itself: how long keyframes take, and what each stage costs.

internal import Foundation
public import Report
internal import Synchronization

/// How often something took how long.
public struct LatencyFigures: Sendable, Hashable {
    /// Upper limits of the classes, seconds; what took longer is only in `count`.
    public static let limits = [
        0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
    ]
    /// How many took no longer than each of the limits and longer than the one before.
    public var classes = Array(repeating: 0, count: limits.count)
    /// How many there were.
    public var count = 0
    /// Sum, seconds.
    public var sum = 0.0
    /// Longest, seconds.
    public var longest = 0.0

    mutating func add(_ seconds: Double) {
        if let place = Self.limits.firstIndex(where: { seconds <= $0 }) { classes[place] += 1 }
        count += 1
        sum += seconds
        longest = max(longest, seconds)
    }
}

/// What a live run measured since it began.
public struct LiveFigures: Sendable, Hashable {
    /// From a keyframe's arrival until its fingerprints were there.
    public var fingerprinted = LatencyFigures()
    /// From a keyframe's arrival until the alert that it led to was recorded.
    public var recorded = LatencyFigures()
    /// Processor time of the stages' threads, seconds: read, look, match, record.
    public var stageSeconds: [String: Double] = [:]
}

/// Sums over all watches of a run, those that are over among them.
public struct WatchTotals: Sendable, Hashable {
    /// Times that a connection stood.
    public var connections = 0
    /// Keyframes that came, were looked at, were dropped because there was no time, and could not
    /// be decoded.
    public var keyframes = 0, samples = 0, dropped = 0, failed = 0
    /// Alerts raised.
    public var alerts = 0
    /// What was examined, and what was not.
    public var coverage = CoverageMinute(startUnixSeconds: 0)

    mutating func add(_ status: WatchStatus) {
        connections += status.connections
        keyframes += status.keyframes
        samples += status.samples
        dropped += status.dropped
        failed += status.failed
        alerts += status.alerts
        coverage.merge(status.coverage)
    }
}

/// Adds up the processor time of the threads of one stage.
final class StageClock: Sendable {
    private let nanoseconds = Atomic<UInt64>(0)

    var seconds: Double { Double(nanoseconds.load(ordering: .relaxed)) / 1e9 }

    /// The processor time of one of its threads; belongs to that thread.
    struct OfThread {
        private let stage: StageClock
        private var last: UInt64

        /// Begins with what the thread used already.
        init(_ stage: StageClock) {
            self.stage = stage
            last = Self.now()
        }

        /// Adds what the thread used since it was asked last.
        /// - Returns: that, seconds.
        @discardableResult
        mutating func note() -> Double {
            let now = Self.now()
            defer { last = now }
            stage.nanoseconds.add(now - last, ordering: .relaxed)
            return Double(now - last) / 1e9
        }

        private static func now() -> UInt64 {
            var time = timespec()
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
            return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
        }
    }
}

// How readers of many streams avoid being woken for each few kilobytes.
//
// A stream brings a message for each frame, and a reader that waits for each of them is woken for
// each: with hundreds of readers that is a large part of what reading takes. So a reader that had
// to wait lets some more gather before it goes on. Invariants: nothing is read more than `longest`
// later for it; a machine with few streams hardly waits; what gathered counts as arrived when the
// gathering began. So no delay looks shorter than it is, but where a reader had no core for longer
// than `longest` while data lay there.

internal import Synchronization

/// How long the readers of one run let data gather.
package final class ReadingPace: Sendable {
    private let connected = Atomic<Int>(0)
    private let wakesPerSecond: Double

    /// Longest that a reader lets data gather, seconds; some 50 kB of a stream of 2 Mb/s.
    package static let longest = 0.2

    /// Wakes a second of all readers of a core together that are too few to save on.
    private static let wakesPerCore = 500.0

    package init(cores: Int) { wakesPerSecond = Self.wakesPerCore * Double(max(1, cores)) }

    /// Seconds that data may gather with so many connections as stand.
    package var limit: Double {
        min(Self.longest, Double(connected.load(ordering: .relaxed)) / wakesPerSecond)
    }

    /// Notes a connection.
    package func begin() { connected.add(1, ordering: .relaxed) }

    /// Notes the end of one.
    package func end() { connected.subtract(1, ordering: .relaxed) }
}

/// When one connection is read on, and when arrived what was read; belongs to its reader.
package struct Gathering {
    /// Since when it was not known that nothing is there.
    private var since: Double

    /// A shorter wait is none, seconds: another thread may have had the core.
    private static let shortestWait = 0.001
    /// How many times as long as it was waited data may gather.
    ///
    /// So a reader falls behind only where it is kept from a core for a twentieth of the time while
    /// data lies there.
    private static let factor = 20.0

    package init(connected now: Double) { since = now }

    /// When a packet came at the earliest.
    /// - Parameter waited: how long it was waited for, seconds.
    package mutating func arrival(waited: Double, now: Double) -> Double {
        since = waited >= Self.shortestWait ? now : max(since, now - ReadingPace.longest)
        return since
    }

    /// How long to let data gather now, seconds.
    /// - Parameters:
    ///   - waited: how long the last packet was waited for, seconds.
    ///   - limit: longest.
    package static func pause(waited: Double, limit: Double) -> Double {
        waited >= shortestWait ? min(limit, factor * waited) : 0
    }
}

// The time of one watch: seconds that go on, whatever a stream's own stamps do.
//
// Stamps come from the outside: they jump by an hour and back, start over when the publisher comes
// again, stand still, or are missing. Between two pictures the stream's own difference is believed as
// long as the time that comes of it stays near to what passed here; else what passed here counts.

/// Makes one line of times of the stamps of a live stream; a pure value.
public struct LiveClock: Sendable {
    private var last: (stamp: Double?, arrival: Double, time: Double)?
    private var firstArrival = 0.0

    /// How far the time may be from what passed here, seconds: bursts of segments, late
    /// connections.
    private static let slack = 15.0
    /// Furthest that a picture is shown before the keyframe that it follows, seconds.
    private static let longestReordering = 2.0

    /// Makes a clock at 0.
    public init() {}

    /// The time of the next picture; never before that of the last.
    /// - Parameters:
    ///   - stamp: its presentation time by the stream, seconds; `nil` where it has none.
    ///   - arrival: when it came, seconds of a clock that nobody sets.
    public mutating func time(stamp: Double?, arrival: Double) -> Double {
        let stamp = stamp.flatMap { $0.isFinite ? $0 : nil }
        guard let last else {
            last = (stamp, arrival, 0)
            firstArrival = arrival
            return 0
        }
        let passed = max(0, arrival - last.arrival)
        var time = last.time + passed
        if let stamp, let before = last.stamp, stamp >= before {
            let own = last.time + (stamp - before)
            if abs(own - (arrival - firstArrival)) <= Self.slack { time = own }
        }
        self.last = (stamp, max(arrival, last.arrival), time)
        return time
    }

    /// The time of a picture after the last one, by the same rule; it is not remembered.
    ///
    /// Pictures between keyframes come in another order than that in which they are shown.
    public func timeBetween(stamp: Double?, arrival: Double) -> Double {
        var copy = self
        if let last, let stamp, let before = last.stamp, stamp < before,
            before - stamp < Self.longestReordering
        {
            // Shown before the keyframe that it follows, as pictures of open groups are.
            return last.time
        }
        return copy.time(stamp: stamp, arrival: arrival)
    }

    /// Notes that what comes next has stamps of its own: the stream was opened again.
    public mutating func reopened() { last?.stamp = nil }
}

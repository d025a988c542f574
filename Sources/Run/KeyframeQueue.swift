// The keyframes of one stream that wait for a worker.
//
// Where keyframes come one after the other, only the newest is kept: what is older would be looked at
// late, and every stream has to be looked at less often before any is not looked at. Where a segment
// brings several at once, they are not late, and none of them stands for another: dropping all but
// the last would show a publisher where to hide. Invariants: nothing that waits arrived before the
// burst of the newest; keyframes and bytes are bounded, the newest excepted; what is dropped is told,
// with the stretch of the stream that it stood for. A pure value, tested without media.

internal import DequeModule

/// What waits of one stream, the oldest first.
package struct KeyframeQueue<Keyframe: ~Copyable>: ~Copyable {
    /// A keyframe that was dropped.
    package struct Dropped: Sendable, Hashable {
        /// When it arrived, seconds.
        package var arrival: Double
        /// From the keyframe before it, by the stream's own time, seconds; `nil` where none was.
        package var stretch: Double?
        /// Whether all that came with it was dropped too, since something newer came later; where
        /// not, another one that arrived at the same time still waits.
        package var isStale: Bool
    }

    private struct Waiting: ~Copyable {
        let keyframe: Keyframe
        let moment: FollowSchedule.Moment
        let byteCount: Int
        let stretch: Double?
    }

    private var waiting = RigidDeque<Waiting>(capacity: Self.mostKeyframes)
    private var byteCount = 0
    /// The newest that was put.
    private var newest: FollowSchedule.Moment?
    /// The time of the newest that was taken.
    private var taken: Double?

    /// A segment of eight seconds with a keyframe each second.
    package static var mostKeyframes: Int { 8 }
    /// Five to twenty keyframes of 1080p.
    package static var mostBytes: Int { 1 << 20 }
    /// What came together arrived in less than this share of the time that it is shown in.
    private static var burstShare: Double { 0.25 }

    package init() {}

    package var isEmpty: Bool { waiting.isEmpty }

    /// When the oldest arrived.
    package var firstArrival: Double? { waiting.isEmpty ? nil : waiting[0].moment.arrival }

    /// Appends a keyframe.
    /// - Returns: what was dropped for it, the oldest first.
    package mutating func put(
        _ keyframe: consuming Keyframe, at moment: FollowSchedule.Moment, byteCount size: Int
    ) -> [Dropped] {
        var dropped: [Dropped] = []
        let stretch = newest.map { max(0, moment.time - $0.time) }
        if !isOfBurst(moment) {
            while !waiting.isEmpty { dropped.append(drop(0, isStale: true)) }
        }
        while !waiting.isEmpty,
            waiting.count == Self.mostKeyframes || byteCount + size > Self.mostBytes
        {
            dropped.append(drop(leastMissed(before: moment), isStale: false))
        }
        byteCount += size
        waiting.append(
            Waiting(keyframe: keyframe, moment: moment, byteCount: size, stretch: stretch))
        newest = moment
        return dropped
    }

    /// Takes the oldest.
    package mutating func take() -> Keyframe? {
        guard !waiting.isEmpty else { return nil }
        let first = waiting.removeFirst()
        byteCount -= first.byteCount
        taken = first.moment.time
        return first.keyframe
    }

    /// Drops all but the newest, where the oldest arrived before a time.
    /// - Returns: how many were dropped.
    package mutating func keepNewest(ifOlderThan arrival: Double) -> Int {
        guard let firstArrival, firstArrival < arrival else { return 0 }
        let count = waiting.count - 1
        for _ in 0..<count { _ = drop(0, isStale: true) }
        return count
    }

    /// Notes that what comes next does not follow what came before.
    package mutating func reopened() { (newest, taken) = (nil, nil) }

    /// Whether a keyframe came together with the one before it.
    private func isOfBurst(_ moment: FollowSchedule.Moment) -> Bool {
        guard let newest else { return false }
        return moment.arrival - newest.arrival < Self.burstShare * (moment.time - newest.time)
    }

    /// The one without which the distance of its neighbours is the shortest, so that what is left
    /// stays spread over the burst.
    private func leastMissed(before next: FollowSchedule.Moment) -> Int {
        var (best, shortest) = (0, Double.infinity)
        for index in 0..<waiting.count {
            let after = index + 1 < waiting.count ? waiting[index + 1].moment.time : next.time
            let time = waiting[index].moment.time
            let before =
                index > 0
                ? waiting[index - 1].moment.time : taken ?? time - (waiting[0].stretch ?? 0)
            if after - before < shortest { (best, shortest) = (index, after - before) }
        }
        return best
    }

    private mutating func drop(_ index: Int, isStale: Bool) -> Dropped {
        let gone = waiting.remove(at: index)
        byteCount -= gone.byteCount
        return Dropped(arrival: gone.moment.arrival, stretch: gone.stretch, isStale: isStale)
    }
}

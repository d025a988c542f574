// Reading ahead of what is known: a pure value, tested without media.
//
// Which keyframes are sampled, and which stretches are read again in full, depends on what the
// pictures before showed. A reader that waited for each of them could keep one core busy. So it
// goes on as if every picture will turn out to be comparable, which nearly all are, and keeps the
// keyframes it passed. Where one turns out otherwise the decisions since are made once more; the
// first that comes out differently is the place to go back to. What is accepted, and in which
// order, is thus what a reader that waits would accept.

/// The keyframes that were read since the oldest one whose picture is not known.
package struct LookAhead<Place> {
    /// One keyframe that was read.
    package struct Step {
        /// Seconds from the start of the track.
        package var time: Double
        /// Where it is.
        package var place: Place
        /// Where the stretch before it begins, should that have to be read again.
        package var anchor: Place?
        /// Whether it may be shown at all.
        package var isShown: Bool
        /// Whether its picture is being looked at.
        package var isWanted: Bool

        package init(time: Double, place: Place, anchor: Place?, isShown: Bool, isWanted: Bool) {
            self.time = time
            self.place = place
            self.anchor = anchor
            self.isShown = isShown
            self.isWanted = isWanted
        }
    }

    /// What came of a picture.
    package enum Outcome: Sendable {
        case usable, unusable
        /// There is none.
        case failed
    }

    /// More keyframes than this are not kept: those that nobody wants, of a stream of nothing else.
    package static var most: Int { 1024 }

    private var steps: [Step] = []
    /// The sampler as it will be if all pictures turn out to be usable.
    package private(set) var sampler: KeyframeSampler

    /// Keyframes that are kept.
    package var count: Int { steps.count }

    package init(from sampler: KeyframeSampler) { self.sampler = sampler }

    /// Notes a keyframe that was read next.
    package mutating func add(_ step: Step) {
        if step.isWanted { sampler.sampled(at: step.time) }
        // Where nothing is open there is nothing that could change the decision.
        if step.isWanted || !steps.isEmpty { steps.append(step) }
    }

    /// Makes decisions once more, now that it is known what came of the oldest picture.
    /// - Parameter known: the sampler up to that picture; is brought up to date.
    /// - Returns: the first keyframe that has to be read again, and how many pictures since then
    ///   were looked at in vain; `nil` where all decisions stand.
    package mutating func settle(
        _ outcome: Outcome, known: inout KeyframeSampler
    ) -> (step: Step, dropped: Int)? {
        guard let oldest = steps.firstIndex(where: \.isWanted) else { return nil }
        let time = steps[oldest].time
        steps.removeFirst(oldest + 1)
        if outcome != .failed { known.sampled(at: time, isUsable: outcome == .usable) }
        if outcome == .usable { return nil }
        sampler = known
        for (index, step) in steps.enumerated() {
            let isWanted = step.isShown && sampler.wantsKeyframe(at: step.time)
            if isWanted != step.isWanted || sampler.needsFilling(until: step.time) {
                let dropped = steps[index...].count(where: \.isWanted)
                steps.removeSubrange(index...)
                return (step, dropped)
            }
            if isWanted { sampler.sampled(at: step.time) }
        }
        return nil
    }
}

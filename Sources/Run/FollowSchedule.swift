// When a stream is decoded between its keyframes, and which pictures of that are looked at.
//
// Keyframes are enough as long as they come, can be decoded and show something. Where they do not,
// for nearly `maximumGap`, what lies between is decoded: keyframes far apart, none after the first
// (intra refresh), all flat, or all broken, are no way to hide. A pure value, tested without media.

package import Decode

/// Decides for one stream.
package struct FollowSchedule: Sendable {
    /// A time by the clock of the watch, and when what has it arrived; seconds.
    package struct Moment: Sendable, Hashable {
        package var time: Double
        package var arrival: Double

        package init(time: Double, arrival: Double) {
            self.time = time
            self.arrival = arrival
        }

        /// Stamps that stand still and bursts do not make it shorter.
        func distance(from other: Moment) -> Double {
            max(time - other.time, arrival - other.arrival)
        }
    }

    /// What a picture showed.
    package enum Sight: Sendable { case usable, flat, damaged }

    private let gap: Double
    /// From one picture that is looked at between keyframes to the next, seconds.
    package var fillInterval: Double { interval }
    private let interval: Double
    /// The newest that was worth something: where the wait for the next begins.
    private var reference: Moment?
    /// The newest keyframe, as long as it was not looked at: it is trusted until then, so that a
    /// machine that is late does not decode more for that.
    private var unjudged: Moment?
    /// The newest picture that was looked at between keyframes, and what it showed.
    private var fill: (moment: Moment, sight: Sight)?
    /// What the pictures between the last keyframe and now showed.
    private var hasUsableFill = false, hasFill = false
    private var keyframesFail = false

    /// In a gap the next picture is taken after this share of it, so that the gap is not exceeded;
    /// 250 frames at 23.976 a second, the commonest longest distance of keyframes, are less.
    private static let share = 0.9
    /// Between keyframes a picture is looked at this often, seconds: what decoding costs is spent.
    private static let usualInterval = 2.0
    /// After one that cannot be compared, the next is tried this much later, seconds.
    private static let retryInterval = 1.0

    package init(_ sampling: SamplingPolicy) {
        gap = sampling.maximumGap * Self.share
        interval = min(gap, max(sampling.minimumInterval, Self.usualInterval))
    }

    /// Whether all that follows the newest keyframe is to be decoded from now on.
    package func isDue(at moment: Moment) -> Bool {
        guard let reference else { return false }
        if keyframesFail, unjudged == nil { return true }
        return moment.distance(from: unjudged ?? reference) > gap
    }

    /// Whether a picture between keyframes is to be looked at.
    package func wantsFill(at moment: Moment) -> Bool {
        guard let reference else { return true }
        guard let fill, fill.moment.arrival >= reference.arrival else {
            return moment.distance(from: reference) >= interval
        }
        let wait = fill.sight == .usable ? interval : min(interval, Self.retryInterval)
        return moment.distance(from: fill.moment) >= wait
    }

    /// Whether pictures should have come of what is decoded, and did not.
    package func isStarved(at moment: Moment) -> Bool {
        let newest = fill?.moment ?? reference
        return newest.map { moment.distance(from: $0) > interval + Self.usualInterval } ?? false
    }

    /// Notes that a keyframe came that will be looked at.
    package mutating func keyframe(at moment: Moment) {
        if reference == nil { reference = moment }
        unjudged = moment
    }

    /// Notes what a keyframe showed.
    /// - Returns: whether keyframes are enough again.
    package mutating func judged(_ sight: Sight, at moment: Moment) -> Bool {
        if unjudged == moment { unjudged = nil }
        defer { (hasFill, hasUsableFill) = (false, false) }
        keyframesFail = sight == .damaged
        switch sight {
        case .usable:
            reference = moment
            return true
        // What lies between flat keyframes is flat too: there will be another look in a while.
        case .flat where hasFill && !hasUsableFill:
            reference = moment
            return true
        case .flat, .damaged: return false
        }
    }

    /// Notes what a picture between keyframes showed.
    package mutating func filled(_ sight: Sight, at moment: Moment) {
        fill = (moment, sight)
        hasFill = hasFill || sight != .damaged
        if sight == .usable {
            hasUsableFill = true
            reference = moment
        }
    }

    /// Notes that the connection was lost: nothing of before says anything of what comes.
    package mutating func reopened() {
        (reference, unjudged, fill) = (nil, nil, nil)
        (hasFill, hasUsableFill, keyframesFail) = (false, false, false)
    }
}

// Which frames of a stream are looked at: a pure function of their times, tested without media.
//
// Two guards make keyframes safe. `minimumInterval` keeps an all-intra stream from being sampled at
// every frame; `maximumGap` bounds how long a stream may go without a sample, so that a GOP that
// never ends, or intra refresh, is no way to hide: the reader decodes in between wherever
// `needsFilling` says so.
// Times are seconds of media time that goes on; whoever reads makes it so (TrackClock).

/// How frames are chosen.
public struct SamplingPolicy: Sendable, Hashable {
    /// The rule that frames are chosen by.
    public enum Mode: Sendable, Hashable {
        /// Keyframes, with both guards.
        case keyframes
        /// One frame each so many seconds, on a grid that starts at the first frame.
        case every(seconds: Double)
        /// Every frame.
        case all
    }

    /// The rule.
    public var mode: Mode
    /// Shortest time between two sampled keyframes, seconds.
    public var minimumInterval: Double
    /// Longest time without a sample, seconds.
    public var maximumGap: Double

    /// Makes a policy.
    ///
    /// The default gap lies above 250 frames at 23.976 a second, the commonest longest GOP, which
    /// would otherwise be decoded in full for nothing.
    public init(mode: Mode = .keyframes, minimumInterval: Double = 0.5, maximumGap: Double = 12) {
        self.mode = mode
        self.minimumInterval = minimumInterval
        self.maximumGap = maximumGap
    }
}

extension SamplingPolicy {
    /// Fewest samples that a short input should give.
    private static let fewestSamples = 4.0

    /// The policy for an input of this length: a short one is sampled more densely, because one
    /// keyframe may be all that it has, and what follows it would never be seen.
    package func fitted(toLength seconds: Double?) -> SamplingPolicy {
        guard let seconds, seconds > 0 else { return self }
        var fitted = self
        fitted.maximumGap = min(maximumGap, max(minimumInterval, seconds / Self.fewestSamples, 1))
        return fitted
    }
}

/// Chooses frames of one stream by their times.
public struct KeyframeSampler: Sendable {
    /// What was chosen by.
    public let policy: SamplingPolicy
    /// Time of the newest sample.
    public private(set) var lastSample: Double?
    /// Longest stretch without a sample so far, between samples and before the first; seconds.
    public private(set) var longestGap = 0.0
    /// Where the longest stretch began.
    public private(set) var longestGapStart = 0.0
    private var nextOnGrid: Double?
    /// Where the stretch without a sample begins: the last sample, or the end of a hole behind it.
    private var reference = 0.0
    /// The same, of samples that can be compared: black keyframes must not stand for what lies
    /// between.
    private var usableReference = 0.0
    private var lastWasUsable = true
    private var isBehindHole = false

    /// In a filled gap a sample is taken after this share of the longest gap, so that the wait for
    /// the next frame does not exceed it.
    private static let fillShare = 0.9

    /// Times are sums of fractions: what lies this little before a grid point lies on it, seconds.
    private static let rounding = 1e-6

    /// After a sample that cannot be compared the next one is tried this much later, seconds.
    private static let retryInterval = 1.0

    /// Makes a sampler for a stream that starts at time 0.
    public init(policy: SamplingPolicy) {
        self.policy = policy
    }

    /// Whether a keyframe at `time` is worth decoding.
    public func wantsKeyframe(at time: Double) -> Bool {
        guard let lastSample else { return true }
        return abs(time - lastSample) >= policy.minimumInterval - Self.rounding
    }

    /// Whether the stretch from the last sample to `time` is too long and must be decoded in
    /// between.
    public func needsFilling(until time: Double) -> Bool {
        time - usableReference > policy.maximumGap
    }

    /// Whether a frame decoded inside a filled gap is to be sampled.
    public func wantsFill(at time: Double) -> Bool {
        guard let lastSample, !isBehindHole else { return true }
        let distance = time - max(lastSample, reference)
        guard lastWasUsable else {
            return distance >= max(policy.minimumInterval, Self.retryInterval)
        }
        return distance >= policy.maximumGap * Self.fillShare
    }

    /// Whether a decoded frame is to be sampled where every frame is decoded.
    public func wantsFrame(at time: Double, isKey: Bool) -> Bool {
        switch policy.mode {
        case .all: return true
        case .every:
            return time >= (nextOnGrid ?? time) - Self.rounding
        case .keyframes: return isKey ? wantsKeyframe(at: time) : wantsFill(at: time)
        }
    }

    /// Notes that the frame at `time` was sampled.
    /// - Parameter isUsable: whether it has enough structure to be compared.
    public mutating func sampled(at time: Double, isUsable: Bool = true) {
        noteGap(until: time)
        if case .every(let seconds) = policy.mode {
            let start = nextOnGrid ?? time
            // Skips grid points that lie behind a hole, without a loop over them.
            let missed = max(0, ((time - start + Self.rounding) / seconds).rounded(.down))
            nextOnGrid = start + (missed + 1) * seconds
        }
        lastSample = time
        reference = time
        lastWasUsable = isUsable
        isBehindHole = false
        if isUsable { usableReference = time }
    }

    /// Notes that time stamps started over: what comes next is sampled, whatever its time.
    public mutating func restart() {
        lastSample = nil
        nextOnGrid = nil
    }

    /// Notes that there is nothing between two packets that follow each other: no stretch without a
    /// sample, but a jump of the time stamps, or a picture that stands.
    ///
    /// The next frame is sampled.
    public mutating func hole(from start: Double, to end: Double) {
        noteGap(until: start)
        isBehindHole = true
        reference = max(reference, end)
        usableReference += max(0, end - start)
    }

    /// Notes that the stream ended at `time`.
    public mutating func ended(at time: Double) { noteGap(until: time) }

    private mutating func noteGap(until time: Double) {
        if time - reference > longestGap {
            longestGap = time - reference
            longestGapStart = reference
        }
    }
}

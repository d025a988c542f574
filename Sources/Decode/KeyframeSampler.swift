// Which frames of a stream are looked at: a pure function of their times, tested without media.
//
// Two guards make keyframes safe. `minimumInterval` keeps an all-intra stream from being sampled at
// every frame; `maximumGap` bounds how long a stream may go without a sample, so that a GOP that
// never ends, or intra refresh, is no way to hide: the reader decodes in between wherever
// `needsFilling` says so. Times are seconds of media time. A time before the last sample's is a
// jump back, never "too early".

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

    /// In a filled gap a sample is taken after this share of the longest gap, so that the wait for
    /// the next frame does not exceed it.
    private static let fillShare = 0.9

    /// Times are sums of fractions: what lies this little before a grid point lies on it, seconds.
    private static let rounding = 1e-6

    /// Makes a sampler for a stream that starts at time 0.
    public init(policy: SamplingPolicy) {
        self.policy = policy
    }

    /// Whether a keyframe at `time` is worth decoding.
    public func wantsKeyframe(at time: Double) -> Bool {
        guard let lastSample, time >= lastSample else { return true }
        return time - lastSample >= policy.minimumInterval
    }

    /// Whether the stretch from the last sample to `time` is too long and must be decoded in
    /// between.
    public func needsFilling(until time: Double) -> Bool {
        time - (lastSample ?? 0) > policy.maximumGap
    }

    /// Whether a frame decoded inside a filled gap is to be sampled.
    public func wantsFill(at time: Double) -> Bool {
        guard let lastSample else { return true }
        return time - lastSample >= policy.maximumGap * Self.fillShare
    }

    /// Whether a decoded frame is to be sampled where every frame is decoded.
    public func wantsFrame(at time: Double, isKey: Bool) -> Bool {
        switch policy.mode {
        case .all: return true
        case .every:
            guard let nextOnGrid, let lastSample, time >= lastSample else { return true }
            return time >= nextOnGrid - Self.rounding
        case .keyframes: return isKey ? wantsKeyframe(at: time) : wantsFill(at: time)
        }
    }

    /// Notes that the frame at `time` was sampled.
    public mutating func sampled(at time: Double) {
        noteGap(until: time)
        if case .every(let seconds) = policy.mode {
            let jumpedBack = lastSample.map { time < $0 } ?? false
            let start = jumpedBack ? time : nextOnGrid ?? time
            // Skips grid points that lie behind a hole, without a loop over them.
            let missed = max(0, ((time - start + Self.rounding) / seconds).rounded(.down))
            nextOnGrid = start + (missed + 1) * seconds
        }
        lastSample = time
    }

    /// Notes that the stream ended at `time`.
    public mutating func ended(at time: Double) { noteGap(until: time) }

    private mutating func noteGap(until time: Double) {
        let start = lastSample ?? 0
        if time - start > longestGap {
            longestGap = time - start
            longestGapStart = start
        }
    }
}

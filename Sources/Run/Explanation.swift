// What `vigil explain` tells of one input: each sampled frame with the known hash that is nearest
// to it and what the evidence has come to, and at the end what decided. Names items by their
// opaque ids; no hash of either side is in it.

public import Fingerprint
internal import Foundation
public import Match

/// The known hash that came nearest to a frame.
public struct Likeness: Sendable, Hashable {
    /// What a distance counts for.
    public enum Strength: String, Sendable, Codable {
        /// Within the radius: a hit by itself.
        case hit
        /// Within reach: weak evidence, for which the item is followed.
        case weak
        /// Further away: a scan does not notice it.
        case far
    }

    /// Whose it is.
    public var known: KnownReference
    /// Hamming distance, bits.
    public var distance: Int
    /// What that counts for.
    public var strength: Strength
    /// Which form of the picture came near.
    public var variant: Variant
    /// Which part of the picture came near.
    public var region: PictureRegion
    /// Media time of that hash in the known item, seconds.
    public var knownTime: Double
    /// Pattern breaks of the simpler of the two pictures.
    public var breaks: Int

    init(_ hit: Hit, in index: KnownIndex) {
        known = index.items[hit.item].reference
        distance = hit.distance
        strength =
            hit.distance <= index.policy.radius ? .hit : hit.distance <= index.reach ? .weak : .far
        variant = hit.variant
        region = hit.region
        knownTime = hit.knownTime
        breaks = hit.breaks
    }
}

/// What is held for one item being shown.
public struct WeighedItem: Sendable, Hashable {
    /// The item.
    public var known: KnownReference
    /// Base-2 logarithm of the bet that it is being shown, against chance.
    public var bits: Double
    /// Frames that this rests on and that look different from one another.
    public var witnesses: Int
    /// Whether a scan follows the item; otherwise this is what it would have, were it followed.
    public var isFollowed: Bool
}

/// One sampled frame, compared.
public struct ExplainedFrame: Sendable {
    /// Number of the video track, from 1.
    public var track: Int
    /// Whether it is of a closer look at a stretch that was sampled before.
    public var isCloserLook: Bool
    /// Seconds from the start of the track.
    public var mediaTime: Double
    /// PDQ's measure of structure, 0 to 100.
    public var quality: Int
    /// Whether the quality lets the frame take part.
    public var isUsable: Bool
    /// Whether its hash has too little structure to be weak evidence.
    public var isLowStructure: Bool
    /// Regions of the picture that were hashed, the whole among them.
    public var regions: Int
    /// Hashes that were compared with each known hash: regions by forms, negatives among them.
    public var probes: Int
    /// Size of the picture, pixels.
    public var size: (width: Int, height: Int)
    /// The known hash that is nearest; `nil` if the frame is not usable.
    public var nearest: Likeness?
    /// The items that have most evidence after this frame, the first with most.
    public var evidence: [WeighedItem] = []
    /// Alerts that this frame opened.
    public var opened: [Alert] = []
    /// The picture, small and grey, where it was asked for and there is one.
    public var picture: GreyPicture?
}

/// An alert and how it came to be.
public struct ExplainedAlert: Sendable {
    /// Its final facts.
    public var alert: Alert
    /// Media time of the frame that opened it, seconds; `nil` if the end of the input did.
    public var openedAt: Double?
    /// Number of the video track, from 1.
    public var track: Int
    /// Whether a closer look opened it.
    public var isCloserLook: Bool
    /// Bits of evidence when it opened; `nil` if the item was not followed.
    public var bits: Double?
}

/// What an explanation tells its caller, in order.
public enum ExplainEvent: Sendable {
    /// A frame was compared.
    case frame(ExplainedFrame)
    /// An alert is final.
    case alert(ExplainedAlert)
    /// A stretch of a track, in seconds, is looked at once more, more closely.
    case closerLook(track: Int, ClosedRange<Double>)
}

/// What decided, over the whole input.
public struct Explanation: Sendable {
    /// When something is enough.
    public struct Limits: Sendable, Hashable {
        /// Largest distance that is a hit by itself, bits.
        public var radius: Int
        /// Largest distance at which an item is worth following, bits.
        public var reach: Int
        /// The same with the effort `thorough`.
        public var thoroughReach: Int
        /// Evidence that is enough, bits.
        public var likelihoodBits: Double
        /// Smallest quality with which a picture takes part.
        public var minimumQuality: Int
        /// Known hashes that were compared with.
        public var hashCount: Int
        /// The rules in full.
        public var rules: EvidenceRules
    }

    /// What was seen that comes nearest to a match, and when.
    public struct Sight: Sendable, Hashable {
        /// The known hash.
        public var likeness: Likeness
        /// Media time of the frame, seconds.
        public var mediaTime: Double
        /// Frames within the radius of its item.
        public var framesWithinRadius = 0
    }

    /// When something is enough.
    public let limits: Limits
    /// What became of the input.
    public internal(set) var result: InputResult
    /// Alerts, the first `mostAlerts` of them.
    public internal(set) var alerts: [ExplainedAlert] = []
    /// Number of alerts.
    public internal(set) var alertCount = 0
    /// Alerts on other items than the one that was asked for.
    public internal(set) var otherAlertCount = 0
    /// Frames compared, closer looks among them.
    public internal(set) var frames = 0
    /// Of these, in closer looks.
    public internal(set) var framesOfCloserLooks = 0
    /// Frames with enough structure to take part.
    public internal(set) var framesUsable = 0
    /// The nearest that any frame came.
    public internal(set) var nearest: Sight?
    /// The most evidence that any item had.
    public internal(set) var strongest: WeighedItem?
    /// When it had it, seconds.
    public internal(set) var strongestTime = 0.0
    /// Comparisons of two hashes.
    public internal(set) var comparisons = 0.0
    /// Whether the run was stopped before its end.
    public internal(set) var stopped = false

    /// Alerts that are kept.
    public static let mostAlerts = 100

    init(limits: Limits, input: String) {
        self.limits = limits
        result = InputResult(input, failed: "")
    }

    /// How many of the comparisons are expected to give so small a distance by chance, base-2
    /// logarithm; `nil` without one.
    public var log2ExpectedByChance: Double? {
        guard let nearest, comparisons > 0 else { return nil }
        let likeness = nearest.likeness
        return ChanceModel.log2Probability(within: likeness.distance, breaks: likeness.breaks)
            + log2(comparisons)
    }
}

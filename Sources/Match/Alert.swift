// An alert: the evidence that one known item was seen in one input. It names the item by its opaque
// id and never carries a hash or a picture. Coding keys are the fields of `scan --format jsonl`.

/// Names a known item without its hashes.
public struct KnownReference: Sendable, Hashable, Codable {
    /// Name of the known set.
    public var set: String
    /// Opaque id of the item within its set.
    public var item: String
    /// Category that the set gives the item; may be empty.
    public var category: String

    /// Makes a reference of its parts.
    public init(set: String, item: String, category: String) {
        self.set = set
        self.item = item
        self.category = category
    }
}

/// One known item seen in one input, from the first matching frame to the last.
public struct Alert: Sendable, Hashable, Codable {
    /// Stable id: stays the same when the alert grows, is stored, or is delivered again.
    public var id: AlertID
    /// Path or URL of the input, without credentials.
    public var input: String
    /// The item that was seen.
    public var known: KnownReference
    /// Media time of the first matching frame, seconds.
    public var firstSeen: Double
    /// Media time of the last matching frame, seconds.
    public var lastSeen: Double
    /// Sampled frames that matched the item.
    public var framesMatched: Int
    /// Share of the known item's length that the matches cover, 0…1.
    public var knownShare: Double
    /// Smallest Hamming distance of any matching frame, bits.
    public var bestDistance: Int
    /// Which form of the picture matched best, for instance `original`.
    public var variant: String
    /// Name of the evidence rule that was met.
    public var rule: String

    /// Makes an alert of its parts.
    public init(
        id: AlertID, input: String, known: KnownReference, firstSeen: Double, lastSeen: Double,
        framesMatched: Int, knownShare: Double, bestDistance: Int, variant: String, rule: String
    ) {
        self.id = id
        self.input = input
        self.known = known
        self.firstSeen = firstSeen
        self.lastSeen = lastSeen
        self.framesMatched = framesMatched
        self.knownShare = knownShare
        self.bestDistance = bestDistance
        self.variant = variant
        self.rule = rule
    }

    private enum CodingKeys: String, CodingKey {
        case id = "alert_id"
        case input, known
        case firstSeen = "first_seen_s"
        case lastSeen = "last_seen_s"
        case framesMatched = "frames_matched"
        case knownShare = "known_share"
        case bestDistance = "best_distance"
        case variant, rule
    }
}

// An alert: the evidence that one known item was seen in one input. It names the item by its opaque
// id and never carries a hash or a picture. Coding keys are the fields of `scan --format jsonl`. Who
// must not be told distances gets a `CoarseAlert`.

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
    /// The live stream that it was seen in; `nil` for a file.
    public var stream: AlertStream?

    /// Makes an alert of its parts.
    public init(
        id: AlertID, input: String, known: KnownReference, firstSeen: Double, lastSeen: Double,
        framesMatched: Int, knownShare: Double, bestDistance: Int, variant: String, rule: String,
        stream: AlertStream? = nil
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
        self.stream = stream
    }

    private enum CodingKeys: String, CodingKey {
        case id = "alert_id"
        case input, known
        case firstSeen = "first_seen_s"
        case lastSeen = "last_seen_s"
        case framesMatched = "frames_matched"
        case knownShare = "known_share"
        case bestDistance = "best_distance"
        case variant, rule, stream
    }

    /// Fields that are made of others.
    private enum MadeKeys: String, CodingKey { case band }

    /// Writes all fields, the distance among them.
    public func encode(to encoder: any Encoder) throws {
        try encode(to: encoder, isDistanceTold: true)
    }

    func encode(to encoder: any Encoder, isDistanceTold: Bool) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(id, forKey: .id)
        try values.encode(input, forKey: .input)
        try values.encode(known, forKey: .known)
        try values.encode(firstSeen, forKey: .firstSeen)
        try values.encode(lastSeen, forKey: .lastSeen)
        try values.encode(framesMatched, forKey: .framesMatched)
        try values.encode(knownShare, forKey: .knownShare)
        try values.encode(isDistanceTold ? bestDistance : nil, forKey: .bestDistance)
        try values.encode(variant, forKey: .variant)
        try values.encode(rule, forKey: .rule)
        try values.encodeIfPresent(stream, forKey: .stream)
        var made = encoder.container(keyedBy: MadeKeys.self)
        try made.encode(band, forKey: .band)
    }
}

/// What an alert says of the live stream that it is about, as of when it was written last.
public struct AlertStream: Sendable, Hashable, Codable {
    /// Id of the watched stream.
    public var id: String
    /// When the frame arrived that made the evidence sufficient, Unix milliseconds.
    public var frameArrivedUnixMilliseconds: Int64
    /// When the first frame arrived that counts as evidence, Unix milliseconds; `nil` in records
    /// that were made before this was noted.
    public var firstFrameArrivedUnixMilliseconds: Int64?
    /// What was examined of the stream since its watch began, seconds.
    public var examinedSeconds: Double
    /// What was not, for whatever reason, seconds.
    public var missedSeconds: Double

    /// Makes it of its parts.
    public init(
        id: String, frameArrivedUnixMilliseconds: Int64, examinedSeconds: Double,
        missedSeconds: Double, firstFrameArrivedUnixMilliseconds: Int64? = nil
    ) {
        self.id = id
        self.frameArrivedUnixMilliseconds = frameArrivedUnixMilliseconds
        self.firstFrameArrivedUnixMilliseconds = firstFrameArrivedUnixMilliseconds
        self.examinedSeconds = examinedSeconds
        self.missedSeconds = missedSeconds
    }

    private enum CodingKeys: String, CodingKey {
        case id
        case frameArrivedUnixMilliseconds = "frame_arrived_unix_ms"
        case firstFrameArrivedUnixMilliseconds = "first_frame_arrived_unix_ms"
        case examinedSeconds = "examined_s"
        case missedSeconds = "missed_s"
    }
}

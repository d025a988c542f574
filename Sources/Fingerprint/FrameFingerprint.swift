// The one value that crosses the trust boundary from the half that parses hostile media to the half
// that holds the known set. Small, Sendable and Codable, so that the first half can move into a
// sandboxed process without a redesign.

/// What is known of one sampled frame: its hash and how far the hash can be trusted.
public struct FrameFingerprint: Sendable, Hashable {
    /// PDQ hash of the frame.
    public var hash: PDQHash
    /// PDQ's own measure of structure, 0 (flat) to 100.
    ///
    /// Below 50 a hash says little.
    public var quality: Int
    /// Media time of the frame in seconds from the start of its stream.
    public var mediaTime: Double
    /// Running number of the frame: of the decoded frame when every frame is sampled, else of the
    /// sample.
    public var frame: Int
    /// Which form of the picture was hashed.
    public var variant: Variant
    /// Which part of the picture was hashed.
    public var region: PictureRegion
    /// Whether the negative, whose hash is the complement, is looked for as well.
    public var isNegativeSought: Bool
    /// Whether the picture has too little structure for its hash to say anything of its own.
    public var isLowStructure: Bool

    /// Makes a fingerprint of its parts.
    public init(
        hash: PDQHash, quality: Int, mediaTime: Double, frame: Int, variant: Variant = .original,
        region: PictureRegion = .whole, isNegativeSought: Bool = false,
        isLowStructure: Bool = false
    ) {
        self.hash = hash
        self.quality = quality
        self.mediaTime = mediaTime
        self.frame = frame
        self.variant = variant
        self.region = region
        self.isNegativeSought = isNegativeSought
        self.isLowStructure = isLowStructure
    }
}

extension FrameFingerprint: Codable {
    private enum CodingKeys: String, CodingKey {
        case hash, quality, mediaTime = "media_s", frame, variant, region
        case isNegativeSought = "negative_sought"
        case isLowStructure = "low_structure"
    }

    /// Reads what `encode(to:)` wrote; a malformed hash is an error.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        let text = try values.decode(String.self, forKey: .hash)
        guard let hash = PDQHash(hex: text) else {
            throw DecodingError.dataCorruptedError(
                forKey: .hash, in: values, debugDescription: "a PDQ hash is 64 hex digits")
        }
        self.init(
            hash: hash, quality: try values.decode(Int.self, forKey: .quality),
            mediaTime: try values.decode(Double.self, forKey: .mediaTime),
            frame: try values.decode(Int.self, forKey: .frame),
            variant: try values.decode(Variant.self, forKey: .variant),
            region: try values.decode(PictureRegion.self, forKey: .region),
            isNegativeSought: try values.decode(Bool.self, forKey: .isNegativeSought),
            isLowStructure: try values.decode(Bool.self, forKey: .isLowStructure))
    }

    /// Writes the hash as hex, the rest as numbers.
    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(hash.hex, forKey: .hash)
        try values.encode(quality, forKey: .quality)
        try values.encode(mediaTime, forKey: .mediaTime)
        try values.encode(frame, forKey: .frame)
        try values.encode(variant, forKey: .variant)
        try values.encode(region, forKey: .region)
        try values.encode(isNegativeSought, forKey: .isNegativeSought)
        try values.encode(isLowStructure, forKey: .isLowStructure)
    }
}

// Which form of a picture a hash was taken of, and how many forms a given effort looks at.
//
// The eight dihedral forms come from one spectrum and the negative's hash is the complement, so all
// sixteen cost little more than one; what they do cost is a look-up each in the index.

/// A form of a picture: turned, mirrored, negative, or none of these.
public struct Variant: Hashable, Sendable {
    /// Turned or mirrored how.
    public var form: DihedralForm
    /// Whether light and dark are exchanged.
    public var isNegative: Bool

    /// Makes a variant.
    public init(form: DihedralForm = .original, isNegative: Bool = false) {
        self.form = form
        self.isNegative = isNegative
    }

    /// The picture as it is.
    public static let original = Variant()

    /// All sixteen, the picture as it is first.
    public static let all: [Variant] =
        DihedralForm.allCases.map { Variant(form: $0) }
        + DihedralForm.allCases.map { Variant(form: $0, isNegative: true) }
}

extension Variant: CustomStringConvertible, Codable {
    /// For instance `original`, `flipY`, `negative`, `negative-flipY`.
    public var description: String {
        guard isNegative else { return form.rawValue }
        return form == .original ? "negative" : "negative-\(form.rawValue)"
    }

    /// Reads the text that `description` gives.
    public init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let variant = Self.all.first(where: { $0.description == text }) else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "unknown variant"))
        }
        self = variant
    }

    /// Writes `description`.
    public func encode(to encoder: any Encoder) throws {
        var value = encoder.singleValueContainer()
        try value.encode(description)
    }
}

/// How much is tried to recognise an edited copy.
public enum Effort: String, Sendable, CaseIterable, Codable {
    /// The picture as it is: one look-up a frame.
    case fast
    /// The picture turned, mirrored and negative too: sixteen look-ups a frame.
    case standard
}

extension PDQSpectrum {
    /// The fingerprints of one frame that an effort asks for, the picture as it is first.
    ///
    /// There is always at least one; where the picture has no trustworthy hash it is the only one,
    /// with quality 0.
    public func fingerprints(
        effort: Effort, mediaTime: Double, frame: Int
    ) -> [FrameFingerprint] {
        func fingerprint(_ hash: PDQHash, _ variant: Variant) -> FrameFingerprint {
            FrameFingerprint(
                hash: hash, quality: isDegenerate ? 0 : quality, mediaTime: mediaTime, frame: frame,
                variant: variant)
        }
        guard effort == .standard, !isDegenerate else {
            return [fingerprint(hash(.original), .original)]
        }
        let hashes = DihedralForm.allCases.map { ($0, hash($0)) }
        return hashes.map { fingerprint($1, Variant(form: $0)) }
            + hashes.map { fingerprint($1.complement, Variant(form: $0, isNegative: true)) }
    }
}

// Which form of a picture a hash was taken of, and how many forms a given effort looks at.
//
// The eight dihedral forms come from one spectrum and the negative's hash is the complement, so all
// sixteen cost little more than one; what they do cost is a look-up each in the index. A negative has
// no fingerprint of its own: a hash is as near to its complement as it is far from the hash.

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
    /// Also turned, mirrored and negative, without its borders, and as a crop or a slight turn of
    /// the original.
    case standard
    /// Also pictures within the picture.
    case thorough
}

extension Effort {
    /// The forms in which a region is looked for.
    ///
    /// Who puts a picture into another one may mirror it, but hardly turns it.
    func forms(of kind: PictureRegion.Kind) -> [DihedralForm] {
        switch (self, kind) {
        case (.fast, _): [.original]
        case (_, .whole), (_, .content), (_, .moving), (_, .framed): DihedralForm.allCases
        case (_, .widened), (_, .window), (_, .uncovered), (.thorough, .turned):
            [.original, .flipY]
        case (.standard, .turned): [.original]
        }
    }

    /// Whether negatives of a region are looked for.
    ///
    /// They cost a linear scan a third more. Who makes a negative of a picture does not crop it by
    /// a little as well.
    func seeksNegatives(of kind: PictureRegion.Kind) -> Bool {
        switch (self, kind) {
        case (.fast, _), (.standard, .widened), (.standard, .turned): false
        default: true
        }
    }
}

extension PDQSpectrum {
    /// The fingerprints of one region of a frame that an effort asks for, the region as it is
    /// first.
    ///
    /// There is always at least one; where the region has no trustworthy hash it is the only one,
    /// with quality 0.
    public func fingerprints(
        effort: Effort, region: PictureRegion = .whole, mediaTime: Double, frame: Int
    ) -> [FrameFingerprint] {
        let forms = isDegenerate ? [.original] : effort.forms(of: region.kind)
        return forms.map {
            let hash = hash($0)
            return FrameFingerprint(
                hash: hash, quality: isDegenerate ? 0 : quality, mediaTime: mediaTime,
                frame: frame, variant: Variant(form: $0), region: region,
                isNegativeSought: !isDegenerate && effort.seeksNegatives(of: region.kind),
                isLowStructure: structure.isLow || hash.isLowStructure)
        }
    }
}

extension PDQHasher {
    /// Fingerprints of the regions of a picture, beside the whole of it.
    /// - Parameters:
    ///   - small: a small copy of the picture.
    ///   - finder: has seen the stream's pictures before it.
    public mutating func fingerprints(
        of small: SmallLuma, effort: Effort, finder: inout RegionFinder, mediaTime: Double,
        frame: Int
    ) -> [FrameFingerprint] {
        var found: [FrameFingerprint] = []
        for view in finder.views(of: small, at: mediaTime) {
            let spectrum = spectrum(
                of: small, in: view.pixels, within: view.bounds,
                degrees: Double(view.region.degrees), painting: view.covered)
            guard let spectrum, !spectrum.isDegenerate else { continue }
            found += spectrum.fingerprints(
                effort: effort, region: view.region, mediaTime: mediaTime, frame: frame)
        }
        return found
    }
}

// Views of a known picture whose hashes stand in a known set beside the picture's own: as a copy
// looks that was cropped or turned. What is put into the set once need not be tried on every frame
// of every scan, and reaches further than what is tried: the two add up.
//
// Where uniform borders were found, views are made of what lies within them, because a scan takes
// borders off too, and of the whole as well, because a plain wall at the edge of a picture looks
// like a border.
//
// Invariant: raw values stand in files, so none is ever changed or given to another view.

/// How a hash of a known picture was made: of the picture as it is, or of a view of it.
public enum KnownVariant: UInt8, Sendable, Hashable, CaseIterable {
    /// The picture as it is.
    case original = 0
    /// Without its uniform borders.
    case content = 1
    /// 5 % of the side cut off on each side.
    case crop5 = 2
    /// 10 % of the side cut off on each side.
    case crop10 = 3
    /// 10 % of the width cut off at the left.
    case cropLeft10 = 4
    /// 10 % of the width cut off at the right.
    case cropRight10 = 5
    /// 10 % of the height cut off at the top.
    case cropTop10 = 6
    /// 10 % of the height cut off at the bottom.
    case cropBottom10 = 7
    /// Turned clockwise by 4°.
    case turnRight4 = 8
    /// Turned counter-clockwise by 4°.
    case turnLeft4 = 9
}

extension KnownVariant: CustomStringConvertible {
    /// For instance `original`, `crop_10`, `turn_left_4`.
    public var description: String {
        switch self {
        case .original: "original"
        case .content: "content"
        case .crop5: "crop_5"
        case .crop10: "crop_10"
        case .cropLeft10: "crop_left_10"
        case .cropRight10: "crop_right_10"
        case .cropTop10: "crop_top_10"
        case .cropBottom10: "crop_bottom_10"
        case .turnRight4: "turn_right_4"
        case .turnLeft4: "turn_left_4"
        }
    }
}

/// How many variants of its pictures a known set gets.
public enum VariantLevel: String, Sendable, Hashable, CaseIterable {
    /// None but the pictures without their borders, if they have any: scans take borders off too.
    case none
    /// Against the usual crops and slight turns.
    case standard
    /// Against crops at one side too.
    case thorough

    /// What is made of each picture, if it differs from what was made before.
    public var variants: [KnownVariant] {
        switch self {
        case .none: [.content]
        case .standard: [.content, .crop5, .crop10, .turnRight4, .turnLeft4]
        case .thorough: KnownVariant.allCases.filter { $0 != .original }
        }
    }
}

/// The hash of a view of a known picture.
public struct VariantFingerprint: Sendable, Hashable {
    /// Which view.
    public var variant: KnownVariant
    /// Its hash.
    public var hash: PDQHash
    /// PDQ's measure of structure, 0 to 100.
    public var quality: Int

    /// Makes a fingerprint of its parts.
    public init(variant: KnownVariant, hash: PDQHash, quality: Int) {
        self.variant = variant
        self.hash = hash
        self.quality = quality
    }
}

/// Says of which pictures of one stream variants are made, and where in them the content is.
///
/// Is given the stream's pictures in order, because borders are what lasts.
public struct KnownVariantFinder: Sendable {
    fileprivate let level: VariantLevel?
    private var borders = BorderFinder()
    private var last: Double?

    /// Makes a finder for a stream of which nothing was seen.
    ///
    /// - Parameter level: `nil` where no variants are wanted.
    public init(level: VariantLevel?) { self.level = level }

    /// Whether variants are wanted of the next picture: of the first in each fifth of a second.
    public func isDue(at time: Double) -> Bool {
        level != nil && RegionFinder.isDue(at: time, after: last)
    }

    /// What views are made of: the content, if it differs from the whole, and the whole.
    fileprivate mutating func bases(of small: SmallLuma, at time: Double) -> [PixelRect] {
        last = time
        let whole = PixelRect(left: 0, top: 0, right: small.width, bottom: small.height)
        let content = borders.contents(of: small).lasting
        return content.overlap(whole) < Self.same ? [content, whole] : [whole]
    }

    /// Content that overlaps the whole more than this is the whole.
    private static let same = 0.97
}

extension KnownVariant {
    /// The part of the base that is seen, and how far its picture is turned back, clockwise.
    fileprivate func view(of base: PixelRect) -> (pixels: PixelRect, degrees: Double) {
        func inset(
            left: Double = 0, top: Double = 0, right: Double = 0, bottom: Double = 0
        ) -> PixelRect {
            func samples(_ share: Double, of length: Int) -> Int {
                Int(bounded: (share * Double(length)).rounded())
            }
            return PixelRect(
                left: base.left + samples(left, of: base.width),
                top: base.top + samples(top, of: base.height),
                right: base.right - samples(right, of: base.width),
                bottom: base.bottom - samples(bottom, of: base.height))
        }
        func inset(all share: Double) -> PixelRect {
            inset(left: share, top: share, right: share, bottom: share)
        }
        switch self {
        case .original, .content: return (base, 0)
        case .crop5: return (inset(all: 0.05), 0)
        case .crop10: return (inset(all: 0.1), 0)
        case .cropLeft10: return (inset(left: 0.1), 0)
        case .cropRight10: return (inset(right: 0.1), 0)
        case .cropTop10: return (inset(top: 0.1), 0)
        case .cropBottom10: return (inset(bottom: 0.1), 0)
        case .turnRight4: return (base, -4)
        case .turnLeft4: return (base, 4)
        }
    }
}

extension PDQHasher {
    /// A variant this near to another hash of the same picture would find nothing new, bits.
    static let sameVariant = 10

    /// The variants of a picture that can be trusted and differ from one another.
    /// - Parameters:
    ///   - small: a small copy of the picture.
    ///   - whole: the hash of the picture as it is.
    ///   - finder: has seen the stream's pictures before it.
    public mutating func variants(
        of small: SmallLuma, whole: PDQHash, finder: inout KnownVariantFinder, mediaTime: Double
    ) -> [VariantFingerprint] {
        guard !small.isEmpty else { return [] }
        let bases = finder.bases(of: small, at: mediaTime)
        var found: [VariantFingerprint] = []
        for variant in finder.level?.variants ?? [] {
            for base in variant == .content ? bases.dropLast() : bases[...] {
                guard let made = fingerprint(variant, of: base, in: small) else { continue }
                let isNew = ([whole] + found.map(\.hash)).allSatisfy {
                    $0.distance(to: made.hash) > Self.sameVariant
                }
                if isNew { found.append(made) }
            }
        }
        return found
    }

    private mutating func fingerprint(
        _ variant: KnownVariant, of base: PixelRect, in small: SmallLuma
    ) -> VariantFingerprint? {
        let (pixels, degrees) = variant.view(of: base)
        let spectrum = spectrum(of: small, in: pixels, within: base, degrees: degrees)
        guard let spectrum, !spectrum.isDegenerate else { return nil }
        let hash = spectrum.hash(.original)
        // A view can have less to show than its picture.
        guard !spectrum.isLowStructure else { return nil }
        return VariantFingerprint(variant: variant, hash: hash, quality: spectrum.quality)
    }
}

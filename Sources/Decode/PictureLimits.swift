// How large pictures may be, and how much memory it may take to decode them.
//
// Whoever sends media says how large its pictures are, and a few bytes can say 16384x16384; a stream
// can say so in its middle. So the size is looked at before any picture of it has memory
// (PictureAllowance), and what the decoder holds is counted. What is beyond is not decoded, and told
// with its size. Pixels count, in whichever orientation: 4096x2304 lets 2304x4096 through.

internal import Synchronization

/// A number of pixels, as the sides of a picture.
public struct PictureSize: Sendable, Hashable, CustomStringConvertible {
    /// Pixels in a row.
    public let width: Int
    /// Number of rows.
    public let height: Int

    /// Makes a size of sides from 1 to `longestSide`; others are brought there.
    public init(_ width: Int, _ height: Int) {
        self.width = min(max(1, width), Self.longestSide)
        self.height = min(max(1, height), Self.longestSide)
    }

    /// Reads `4096x2304`; `nil` where it is none, or larger than 16384x16384 or smaller than 64x64.
    public init?(text: String) {
        let sides = text.split(separator: "x", omittingEmptySubsequences: false)
        guard sides.count == 2, let width = Int(sides[0]), let height = Int(sides[1]),
            (1...Self.longestSide).contains(width), (1...Self.longestSide).contains(height)
        else { return nil }
        self.init(width, height)
        guard (Self.leastPixels...Self.mostPixels).contains(pixels) else { return nil }
    }

    /// Sides beyond this cost out of proportion to the picture.
    static let longestSide = 65_535
    private static let leastPixels = 64 * 64, mostPixels = 16_384 * 16_384

    /// Their product.
    public var pixels: Int { width * height }

    /// Its sides, as they are read.
    public var description: String { "\(width)x\(height)" }
}

/// What pictures of one kind of input may take.
public struct PictureLimits: Sendable, Hashable {
    /// Most pixels of a picture.
    public var mostPixels: PictureSize
    /// Most memory of one decoder: for the pictures that it holds, and for what one call of it takes
    /// besides, bytes each.
    public var mostBytes: Int
    /// The setting of a pipeline file that says how large pictures may be.
    let setting: String

    /// Of live streams: a picture of 14 MB, 28 MB with ten bits.
    public static let live = PictureLimits(
        mostPixels: PictureSize(4096, 2304), mostBytes: 256 << 20, setting: "live.max_video_px")
    /// Of video files: 8K in its widest forms, 57 MB a picture, 113 MB with ten bits.
    public static let video = PictureLimits(
        mostPixels: PictureSize(8192, 4608), mostBytes: 1 << 30, setting: "decode.max_video_px")
    /// Of single pictures, which are decoded one at a time.
    public static let still = PictureLimits(
        mostPixels: PictureSize(16_384, 8192), mostBytes: 1 << 30,
        setting: "decode.max_still_px")

    /// Whether a picture may be shown at this size.
    func admits(_ width: Int, _ height: Int) -> Bool {
        let (product, isTooLarge) = width.multipliedReportingOverflow(by: height)
        return !isTooLarge && product <= mostPixels.pixels && width <= PictureSize.longestSide
            && height <= PictureSize.longestSide
    }

    /// Whether memory for this size may be taken: codecs round sides up to whole blocks.
    ///
    /// What a stream crops away has memory too.
    func admitsMemory(for width: Int, _ height: Int) -> Bool {
        admits(max(1, width - Self.largestBlock + 1), max(1, height - Self.largestBlock + 1))
    }

    private static let largestBlock = 128

    /// The bound for a decoder that knows no other than the product of the sides.
    var roundedPixels: Int64 { Int64(mostPixels.pixels + 2 * Self.largestBlock * 16_384) }
}

/// Why a decoder was not given memory for a picture.
public struct PictureRefusal: Sendable, Hashable {
    /// The kinds that are accounted for differently.
    public enum Kind: Sendable, Hashable {
        /// It is beyond its input's own limits.
        case tooLarge
        /// Others take what there is for all.
        case noRoom
    }

    /// The kind.
    public let kind: Kind
    /// In words that follow the input's name: "is 16384x8192 pixels, more than …".
    public let text: String

    init(width: Int, height: Int, _ limits: PictureLimits) {
        kind = .tooLarge
        text =
            "is \(width)x\(height) pixels, more than \(limits.mostPixels) (\(limits.setting))"
    }

    init(bytes limits: PictureLimits) {
        kind = .tooLarge
        let setting = limits.setting.replacing("video_px", with: "memory_mb")
            .replacing("still_px", with: "memory_mb")
        text = "needs more than \(limits.mostBytes >> 20) MB to be decoded (\(setting))"
    }

    init(block bytes: Int) {
        kind = .tooLarge
        text = "needs more than \(bytes >> 20) MB for a picture at once"
    }

    private init(_ kind: Kind, _ text: String) { (self.kind, self.text) = (kind, text) }

    /// All streams that are followed take all that they may together.
    static let noRoom = PictureRefusal(.noRoom, "finds no memory beside others that are decoded")
}

/// What the decoders of many inputs may hold together; safe to use from any thread.
public final class PictureBudget: Sendable {
    private let bytes = Mutex(0)
    private let mostBytes: Int

    /// - Parameter mostBytes: of all pictures that decoders hold.
    public init(mostBytes: Int) { self.mostBytes = mostBytes }

    /// Bytes that are held now.
    public var heldBytes: Int { bytes.withLock { $0 } }

    /// Counts bytes as held by a decoder that holds some already.
    ///
    /// A decoder may hold as much as it leaves for others, so a large one gives way first and many
    /// small ones find room beside it.
    /// - Returns: `false` where there are too many, and they are not counted.
    package func take(_ count: Int, beside held: Int) -> Bool {
        bytes.withLock { bytes in
            let all = bytes + count
            guard held + count <= mostBytes - all else { return false }
            bytes = all
            return true
        }
    }

    /// Gives back what was counted.
    package func give(_ count: Int) { bytes.withLock { $0 -= count } }
}

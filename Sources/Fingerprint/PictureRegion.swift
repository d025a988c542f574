// Which part of a picture a hash was taken of, and how that part was found. A region may also be
// larger than the picture, or turned: that undoes a crop or a slight rotation.

/// A rectangle of samples; the right and bottom ends are not in it.
public struct PixelRect: Hashable, Sendable {
    /// First column.
    public var left: Int
    /// First row.
    public var top: Int
    /// Behind the last column.
    public var right: Int
    /// Behind the last row.
    public var bottom: Int

    /// Makes a rectangle of its sides.
    public init(left: Int, top: Int, right: Int, bottom: Int) {
        self.left = left
        self.top = top
        self.right = right
        self.bottom = bottom
    }

    /// Columns in it.
    public var width: Int { right - left }
    /// Rows in it.
    public var height: Int { bottom - top }
    var area: Int { max(0, width) * max(0, height) }

    typealias Shares = (left: Double, top: Double, right: Double, bottom: Double)

    /// A part of the rectangle, given in shares of its sides.
    func part(_ shares: Shares) -> PixelRect {
        PixelRect(
            left: left + Int(bounded: shares.left * Double(width)),
            top: top + Int(bounded: shares.top * Double(height)),
            right: left + Int(bounded: shares.right * Double(width)),
            bottom: top + Int(bounded: shares.bottom * Double(height)))
    }

    func scaled(by factor: Int) -> PixelRect {
        PixelRect(
            left: left * factor, top: top * factor, right: right * factor, bottom: bottom * factor)
    }

    /// The samples of a copy this much smaller that lie within.
    func reduced(by factor: Int) -> PixelRect {
        PixelRect(
            left: (left + factor - 1) / factor, top: (top + factor - 1) / factor,
            right: right / factor, bottom: bottom / factor)
    }

    func intersection(_ other: PixelRect) -> PixelRect {
        PixelRect(
            left: max(left, other.left), top: max(top, other.top), right: min(right, other.right),
            bottom: min(bottom, other.bottom))
    }

    /// How far two rectangles are the same: their common area over all they cover.
    package func overlap(_ other: PixelRect) -> Double {
        let common = intersection(other)
        guard common.width > 0, common.height > 0 else { return 0 }
        return Double(common.area) / Double(area + other.area - common.area)
    }
}

/// A part of a picture that was hashed.
public struct PictureRegion: Hashable, Sendable, Codable {
    /// How a region was found.
    public enum Kind: String, Sendable, Codable, CaseIterable {
        /// The whole picture.
        case whole
        /// What is left within uniform borders.
        case content
        /// The picture with a mirrored margin: the place of a cropped picture in its original.
        case widened
        /// The picture turned by some degrees.
        case turned
        /// The rectangle in which something moves, within what stands still.
        case moving
        /// A rectangle with straight edges.
        case framed
        /// A half, a quarter, or the middle of the picture.
        case window
        /// The whole picture with a rectangle of it painted over; the region's sides are the
        /// rectangle's.
        case uncovered
    }

    /// How it was found.
    public var kind: Kind
    /// Left side, as a share of the picture's width.
    public var left: Float
    /// Upper side, as a share of the picture's height.
    public var top: Float
    /// Right side, as a share of the picture's width.
    public var right: Float
    /// Lower side, as a share of the picture's height.
    public var bottom: Float
    /// By how many degrees it is turned, clockwise.
    public var degrees: Float

    /// Makes a region of its parts.
    public init(
        _ kind: Kind, left: Float = 0, top: Float = 0, right: Float = 1, bottom: Float = 1,
        degrees: Float = 0
    ) {
        self.kind = kind
        self.left = left
        self.top = top
        self.right = right
        self.bottom = bottom
        self.degrees = degrees
    }

    /// The whole picture.
    public static let whole = PictureRegion(.whole)
}

extension PictureRegion: CustomStringConvertible {
    /// For instance `whole`, `content 0,13-100,87 %`, `turned 3.5°`.
    public var description: String {
        func percent(_ share: Float) -> String { "\(Int(bounded: (share * 100).rounded()))" }
        switch kind {
        case .whole: return "whole"
        case .turned: return "turned \(degrees)°"
        default:
            return "\(kind.rawValue) \(percent(left)),\(percent(top))"
                + "-\(percent(right)),\(percent(bottom)) %"
        }
    }
}

// Borrowed views of a decoded frame, the forms in which it reaches the hash: 8-bit luma, which is
// quick, or packed RGB, which gives the reference's bits exactly.

/// Value range of 8-bit luma samples.
public enum LumaRange: Sendable, Hashable {
    /// 0…255.
    case full
    /// 16…235, the usual one of video (ITU-R BT.601 and BT.709).
    case limited

    /// Factor that stretches a difference of samples to the full range.
    var scale: Float { self == .full ? 1 : 255 / 219 }
}

/// A view of 8-bit luma samples in someone else's memory; valid as long as that memory is.
public struct LumaPlane {
    /// The first sample of the first row.
    public let base: UnsafePointer<UInt8>
    /// Samples in a row.
    public let width: Int
    /// Number of rows.
    public let height: Int
    /// Bytes from one row to the next; negative where the picture is stored bottom up.
    public let stride: Int
    /// What the sample values mean.
    public let range: LumaRange

    /// Makes a view; the caller guarantees that all rows can be read.
    public init(
        base: UnsafePointer<UInt8>, width: Int, height: Int, stride: Int, range: LumaRange = .full
    ) {
        self.base = base
        self.width = width
        self.height = height
        self.stride = stride
        self.range = range
    }
}

/// A view of packed 8-bit RGB samples in someone else's memory; valid as long as that memory is.
public struct RGBPlane {
    /// The first sample of the first row.
    public let base: UnsafePointer<UInt8>
    /// Pixels in a row.
    public let width: Int
    /// Number of rows.
    public let height: Int
    /// Bytes from one row to the next.
    public let stride: Int

    /// Makes a view; the caller guarantees that all rows can be read.
    public init(base: UnsafePointer<UInt8>, width: Int, height: Int, stride: Int) {
        self.base = base
        self.width = width
        self.height = height
        self.stride = stride
    }
}

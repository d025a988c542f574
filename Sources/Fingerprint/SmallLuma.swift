// A small copy of a picture's luma: what borders, edges and movement are found in, and what parts of
// the picture are hashed from, so that looking at twenty parts of a picture costs less than decoding
// it.
//
// Each sample is the mean of factor x factor samples of the picture, the factor a power of two. At 480
// samples or more along the longer side a quarter of the picture still has more than the 64 that a
// hash is made of.

internal import CHashKernels

/// A small copy of a picture's luma, rows without a gap.
public struct SmallLuma: Sendable {
    /// Samples in a row.
    public private(set) var width = 0
    /// Number of rows.
    public private(set) var height = 0
    /// What the sample values mean.
    public private(set) var range = LumaRange.full
    /// Row-major.
    package private(set) var samples: [UInt8] = []

    /// The longer side is at least this, where the picture's is.
    static let leastLonger = 480

    /// Makes an empty copy, to be filled.
    public init() {}

    /// Memory of its samples, bytes.
    public var byteCount: Int { samples.count }

    /// Whether there is nothing in it.
    public var isEmpty: Bool { samples.isEmpty }

    /// Fills it with a copy of a picture; reuses its memory.
    public mutating func fill(from plane: LumaPlane) {
        let (longer, shorter) = (
            max(plane.width, plane.height), min(plane.width, plane.height)
        )
        var factor = 1
        // A picture 30 times as wide as high keeps its few rows.
        while longer >= 2 * factor * Self.leastLonger, shorter >= 2 * factor * 64, factor < 128 {
            factor *= 2
        }
        fill(from: plane, factor: factor)
    }

    /// Fills it with a copy of half the size; of the same size where the other is small.
    mutating func fill(halving other: SmallLuma) {
        fill(reducing: other, by: max(other.width, other.height) >= Self.leastLonger ? 2 : 1)
    }

    /// Fills it with the means of factor x factor samples of another copy.
    mutating func fill(reducing other: SmallLuma, by factor: Int) {
        other.samples.withUnsafeBufferPointer { samples in
            guard let base = samples.baseAddress else { return }
            fill(
                from: LumaPlane(
                    base: base, width: other.width, height: other.height, stride: other.width,
                    range: other.range), factor: factor)
        }
    }

    /// Takes the place of the samples.
    mutating func replace(with samples: [UInt8]) {
        precondition(samples.count == width * height, "as many samples as before")
        self.samples = samples
    }

    private mutating func fill(from plane: LumaPlane, factor: Int) {
        width = plane.width / factor
        height = plane.height / factor
        range = plane.range
        if samples.count != width * height {
            samples = [UInt8](repeating: 0, count: width * height)
        }
        let (width, height) = (Int32(width), Int32(height))
        samples.withUnsafeMutableBufferPointer { out in
            vigil_reduce_u8(
                plane.base, plane.stride, Int32(factor), width, height, out.baseAddress)
        }
    }
}

extension SmallLuma {
    /// The picture with a turn about its middle undone, 64 x 64, row-major; what is turned in from
    /// outside is mirrored.
    ///
    /// Each sample is weighed from the four about its place, so the copy should be some 240 to 480
    /// samples wide: then that is about as much as PDQ's blur takes in.
    /// - Parameters:
    ///   - degrees: by how much the picture is turned, clockwise.
    ///   - view: within the copy.
    package func turned(by degrees: Double, in view: PixelRect) -> [Float] {
        let side = DownsampleAxis.outputs
        var result = [Float](repeating: 0, count: side * side)
        let (sine, cosine) = Self.sineAndCosine(degrees: degrees)
        samples.withUnsafeBufferPointer { samples in
            guard let base = samples.baseAddress else { return }
            vigil_turn_u8(
                base + view.top * width + view.left, width, Int32(view.width), Int32(view.height),
                sine, cosine, Int32(side), &result)
        }
        return result
    }

    /// Sine and cosine of a small angle by their series, to 1e-7 below 45°.
    private static func sineAndCosine(degrees: Double) -> (Float, Float) {
        let angle = degrees * Double.pi / 180
        let square = angle * angle
        let sine =
            angle * (1 - square / 6 * (1 - square / 20 * (1 - square / 42 * (1 - square / 72))))
        let cosine = 1 - square / 2 * (1 - square / 12 * (1 - square / 30 * (1 - square / 56)))
        return (Float(sine), Float(cosine))
    }
}

extension SmallLuma {
    /// Paints over a rectangle, such as a logo or a bar, with what is about it.
    ///
    /// Each sample is weighed from those just beyond the four sides, the nearer the more; beyond the
    /// picture's own side there is none. Smooth as it is, this is nearer to what was hidden than what
    /// hides it, at the low frequencies that a hash is made of.
    package mutating func paint(over rect: PixelRect) {
        // The side of what hides is blurred.
        let sides = PixelRect(
            left: rect.left - 2, top: rect.top - 2, right: rect.right + 2, bottom: rect.bottom + 2)
        let inner = sides.intersection(PixelRect(left: 0, top: 0, right: width, bottom: height))
        guard inner.width > 0, inner.height > 0 else { return }
        let (hasLeft, hasRight) = (inner.left > 0, inner.right < width)
        let (hasTop, hasBottom) = (inner.top > 0, inner.bottom < height)
        guard hasLeft || hasRight || hasTop || hasBottom else { return }
        let rows = width
        samples.withUnsafeMutableBufferPointer { samples in
            for y in inner.top..<inner.bottom {
                let left = hasLeft ? Float(samples[y * rows + inner.left - 1]) : 0
                let right = hasRight ? Float(samples[y * rows + inner.right]) : 0
                let weightTop = hasTop ? 1 / Float(y - inner.top + 1) : 0
                let weightBottom = hasBottom ? 1 / Float(inner.bottom - y) : 0
                for x in inner.left..<inner.right {
                    let weightLeft = hasLeft ? 1 / Float(x - inner.left + 1) : 0
                    let weightRight = hasRight ? 1 / Float(inner.right - x) : 0
                    var sum = weightLeft * left + weightRight * right
                    if hasTop { sum += weightTop * Float(samples[(inner.top - 1) * rows + x]) }
                    if hasBottom { sum += weightBottom * Float(samples[inner.bottom * rows + x]) }
                    let weight = weightLeft + weightRight + weightTop + weightBottom
                    samples[y * rows + x] = UInt8(bounded: sum / weight + 0.5)
                }
            }
        }
    }
}

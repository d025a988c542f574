// PDQ: from 8-bit luma to 256 bits and a quality, as Meta's reference computes them.
//
// Steps: down-sample to 64x64 (DownsampleAxis) → 16x16 DCT without the constant terms → bit =
// coefficient above the median. Quality is a scaled sum of gradients of the 64x64 picture.
// Invariants: no allocation per frame once a geometry has been seen; the same input gives the same
// bits on every instruction set but for values that lie within float rounding of the median. Affine
// changes of luma (limited range, brightness) leave the bits alone, so only quality is scaled.
//
// Source: facebook/ThreatExchange, pdq/cpp/hashing/pdqhashing.cpp, and "The TMK+PDQF video-hashing
// algorithm and the PDQ image-hashing algorithm" (Meta, 2019).

internal import CHashKernels

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Musl
#endif

/// The 16x16 low-frequency coefficients of a picture: what the bits of all its forms are read from.
public struct PDQSpectrum: Sendable {
    /// Coefficients, row-major: row i is vertical frequency i + 1.
    package var coefficients: [Float]
    /// PDQ's quality, 0…100.
    public var quality: Int
    /// What `isLowStructure` goes by, measured while the 64x64 picture was there.
    var structure = PictureStructure()

    /// Whether the bits are rounding noise: at least half of the coefficients are zero but for it.
    ///
    /// A picture that changes along one axis only (stripes, a plain gradient) has no frequency that
    /// is non-zero along both, which are the only ones that PDQ reads, yet its quality can be 100.
    /// No two implementations agree on its hash, and neither do two copies; it must not be matched.
    public var isDegenerate: Bool {
        coefficients.count { abs($0) < Self.roundingNoise } >= 128
    }

    /// Coefficients are in grey levels.
    ///
    /// Float rounding leaves about 1e-4 of them; the quantisation of an 8-bit 1080p picture alone
    /// leaves 1e-2.
    private static let roundingNoise: Float = 1e-3
}

/// Computes PDQ hashes; keeps weights and scratch memory, so use one per thread.
public struct PDQHasher: ~Copyable {
    /// Pictures with a side shorter than this have no hash: the reference gives zero, quality 0.
    public static let minimumSide = 5
    /// Axes kept: a stream that changes its resolution for ever must not grow memory.
    private static let axisCacheLimit = 32

    private var axes: [DownsampleAxis] = []
    private var row: [Float] = []
    private var rgbLuma: [Float] = []
    private var picture = [Float](repeating: 0, count: 64 * 64)
    /// What turned views are sampled from.
    private var half = SmallLuma()
    private var painted = SmallLuma()
    private var meter = StructureMeter()
    private var spectrum = PDQSpectrum(coefficients: [Float](repeating: 0, count: 256), quality: 0)

    /// Makes a hasher with empty caches.
    public init() {}

    /// Hash and quality of a picture as it is.
    ///
    /// Quality is 0 where there is no hash to trust: pictures too small, and those whose bits are
    /// rounding noise (`PDQSpectrum.isDegenerate`).
    public mutating func hash(_ plane: LumaPlane) -> (hash: PDQHash, quality: Int) {
        guard transform(plane) else { return (.zero, 0) }
        return (spectrum.hash(.original), spectrum.isDegenerate ? 0 : spectrum.quality)
    }

    /// The spectrum of a picture, from which the hashes of all its dihedral forms are read; `nil`
    /// for pictures too small to hash.
    public mutating func spectrum(of plane: LumaPlane) -> PDQSpectrum? {
        transform(plane) ? spectrum : nil
    }

    /// The spectrum of a view of a small copy; `nil` where too little of the picture is in it.
    /// - Parameters:
    ///   - view: may reach beyond `bounds`, by less than half of it; a mirror's image stands there.
    ///   - bounds: within the copy.
    ///   - degrees: by how much the picture in the view is turned, clockwise.
    ///   - covered: what is painted over first.
    package mutating func spectrum(
        of small: SmallLuma, in view: PixelRect, within bounds: PixelRect, degrees: Double = 0,
        painting covered: PixelRect? = nil
    ) -> PDQSpectrum? {
        if let covered {
            painted = small
            painted.paint(over: covered)
            return spectrum(of: painted, in: view, within: bounds, degrees: degrees)
        }
        let inner = view.intersection(bounds)
        guard min(inner.width, inner.height) >= Self.smallestView else { return nil }
        if degrees != 0 {
            guard max(inner.width, inner.height) <= Self.longestTurned else { return nil }
            half.fill(halving: small)
            let scale = half.width == small.width ? 1 : 2
            picture = half.turned(by: degrees, in: inner.reduced(by: scale))
            finish(scale: small.range.scale)
            return spectrum
        }
        let columns = AxisSpan(
            from: view.left - bounds.left, to: view.right - bounds.left, of: bounds.width)
        let rows = AxisSpan(
            from: view.top - bounds.top, to: view.bottom - bounds.top, of: bounds.height)
        small.samples.withUnsafeBufferPointer { samples in
            // Non-nil: the view has samples.
            let base = samples.baseAddress! + inner.top * small.width + inner.left
            downsample(columns, rows) { vertical, horizontal, row, out in
                vigil_downsample_u8(
                    base, small.width, Int32(inner.width), vertical, horizontal, row, out)
            }
        }
        finish(scale: small.range.scale)
        return spectrum
    }

    /// Longest side of a view that can be turned: places in it are numbers of 16 bits and a fraction.
    private static let longestTurned = 32_000
    /// A view with fewer samples than this along a side shows nothing.
    private static let smallestView = 32

    /// The spectrum of an RGB picture, with the reference's own luma.
    ///
    /// Takes several times as long as `spectrum(of: LumaPlane)`.
    public mutating func spectrum(of plane: RGBPlane) -> PDQSpectrum? {
        let (width, height) = (plane.width, plane.height)
        guard min(width, height) >= Self.minimumSide else { return nil }
        if rgbLuma.count != width * height {
            rgbLuma = [Float](repeating: 0, count: width * height)
        }
        rgbLuma.withUnsafeMutableBufferPointer { luma in
            for y in 0..<height {
                vigil_luma_from_rgb24(
                    plane.base + y * plane.stride, width, luma.baseAddress! + y * width)
            }
        }
        let luma = rgbLuma
        return spectrum(ofFloatLuma: luma, width: width, height: height)
    }

    /// The spectrum of a full-range picture given as float luma, row-major, as the reference takes
    /// it.
    public mutating func spectrum(
        ofFloatLuma luma: [Float], width: Int, height: Int
    ) -> PDQSpectrum? {
        precondition(luma.count == width * height, "luma holds width x height samples")
        guard min(width, height) >= Self.minimumSide else { return nil }
        luma.withUnsafeBufferPointer { samples in
            downsample(width: width, height: height) { vertical, horizontal, row, out in
                vigil_downsample_f32(
                    samples.baseAddress, width, Int32(width), vertical, horizontal, row, out)
            }
        }
        finish(scale: 1)
        return spectrum
    }

    private mutating func transform(_ plane: LumaPlane) -> Bool {
        guard downsample(plane) else { return false }
        finish(scale: plane.range.scale)
        return true
    }

    /// The first step by itself, for measuring it.
    /// - Returns: whether the picture is large enough.
    package mutating func downsample(_ plane: LumaPlane) -> Bool {
        guard min(plane.width, plane.height) >= Self.minimumSide else { return false }
        downsample(width: plane.width, height: plane.height) { vertical, horizontal, row, out in
            vigil_downsample_u8(
                plane.base, plane.stride, Int32(plane.width), vertical, horizontal, row, out)
        }
        return true
    }

    private mutating func downsample(
        width: Int, height: Int,
        _ kernel: (
            vigil_axis, vigil_axis, UnsafeMutablePointer<Float>?, UnsafeMutablePointer<Float>?
        )
            -> Void
    ) {
        downsample(AxisSpan(length: width), AxisSpan(length: height), kernel)
    }

    private mutating func downsample(
        _ columns: AxisSpan, _ rows: AxisSpan,
        _ kernel: (
            vigil_axis, vigil_axis, UnsafeMutablePointer<Float>?, UnsafeMutablePointer<Float>?
        )
            -> Void
    ) {
        let vertical = axis(rows)
        let horizontal = axis(columns)
        let needed = columns.present + horizontal.pitch
        if row.count < needed { row = [Float](repeating: 0, count: needed) }
        vertical.withKernelAxis { vertical in
            horizontal.withKernelAxis { horizontal in
                row.withUnsafeMutableBufferPointer { row in
                    picture.withUnsafeMutableBufferPointer { out in
                        kernel(vertical, horizontal, row.baseAddress, out.baseAddress)
                    }
                }
            }
        }
    }

    private mutating func finish(scale: Float) {
        vigil_dct_64_to_16(Self.dctMatrix, picture, &spectrum.coefficients)
        spectrum.quality = min(100, Int(vigil_gradient_sum(picture, scale)) / 90)
        spectrum.structure = meter.measure(
            picture, coefficients: spectrum.coefficients, scale: scale)
    }

    private mutating func axis(_ span: AxisSpan) -> DownsampleAxis {
        if let known = axes.first(where: { $0.span == span }) { return known }
        if axes.count == Self.axisCacheLimit { axes.removeFirst() }
        axes.append(DownsampleAxis(span))
        return axes[axes.count - 1]
    }

    /// Rows 1…16 of the orthonormal 64-point DCT-II, row-major.
    package static let dctMatrix: [Float] = (0..<16 * 64).map { index in
        let (row, column) = (index / 64, index % 64)
        let angle = Double.pi / 2 / 64 * Double(row + 1) * Double(2 * column + 1)
        return Float((2.0 / 64).squareRoot() * cos(angle))
    }
}

extension DownsampleAxis {
    /// Lends the weights in the form that the kernels take.
    func withKernelAxis<Result>(_ body: (vigil_axis) -> Result) -> Result {
        starts.withUnsafeBufferPointer { starts in
            counts.withUnsafeBufferPointer { counts in
                weights.withUnsafeBufferPointer { weights in
                    body(
                        vigil_axis(
                            start: starts.baseAddress, count: counts.baseAddress,
                            weights: weights.baseAddress, pitch: Int32(pitch)))
                }
            }
        }
    }
}

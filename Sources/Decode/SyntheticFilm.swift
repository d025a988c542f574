// A film to measure with: painted, the same in every run, and as hard to encode as a real one.
//
// Each frame is a window that moves over one large texture with structure at every scale, an object
// that moves before it, and noise that is new in each frame. Texture and motion are what codecs are
// good at, the noise is what costs them bits all the same. All motion comes round after
// `loopFrames`, so that a clip can be repeated without a cut.

internal import Glibc

/// Paints the frames of a film in 8-bit YUV 4:2:0, limited range.
package struct SyntheticFilm: Sendable {
    package let width: Int
    package let height: Int
    private let loopFrames: Int
    /// How far the window moves to either side, samples.
    private let reach: Int
    private let textureWidth: Int
    private let texture: [UInt8]
    private let noise: [UInt8]

    /// Start positions in the noise are 16-bit numbers.
    private static let noisePositions = 1 << 16

    /// - Parameters:
    ///   - width: samples in a row, even.
    ///   - height: rows, even.
    ///   - loopFrames: frames after which the film repeats.
    ///   - seed: of the texture.
    package init(width: Int, height: Int, loopFrames: Int, seed: UInt64 = 1) {
        precondition(width >= 16 && height >= 16 && loopFrames > 0, "a film has a size")
        self.width = width
        self.height = height
        self.loopFrames = loopFrames
        reach = height / 8
        textureWidth = width + 2 * reach
        texture = Self.texture(
            width: textureWidth, height: height + 2 * reach, seed: seed)
        var random = NoiseGenerator(seed: 2)
        noise = (0..<Self.noisePositions + width).map { _ in
            // -3…3, the middle more often than the ends, as two's complement.
            let bits = random.next()
            return UInt8(truncatingIfNeeded: Int(bits & 3) - Int(bits >> 2 & 3))
        }
    }

    /// Paints the luma of a frame.
    package func paintLuma(
        frame: Int, into base: UnsafeMutablePointer<UInt8>, stride: Int
    ) {
        let window = window(frame)
        let object = object(frame)
        var random = NoiseGenerator(seed: UInt64(frame) << 1 | 1)
        texture.withUnsafeBufferPointer { texture in
            noise.withUnsafeBufferPointer { noise in
                guard let texture = texture.baseAddress, let noise = noise.baseAddress else {
                    return
                }
                for y in 0..<height {
                    let row = base + y * stride
                    let grain = noise + Int(random.next() % UInt64(Self.noisePositions))
                    let source = texture + (window.y + y) * textureWidth + window.x
                    Self.add(source, grain, count: width, to: row)
                    guard object.rows.contains(y) else { continue }
                    let inner = texture + (y - object.rows.lowerBound) * textureWidth
                    Self.add(inner, grain, count: object.width, to: row + object.x)
                }
            }
        }
    }

    /// Paints one of the two chroma planes of a frame, half as wide and high as luma.
    package func paintChroma(
        frame: Int, plane: Int, into base: UnsafeMutablePointer<UInt8>, stride: Int
    ) {
        let window = window(frame)
        texture.withUnsafeBufferPointer { texture in
            guard let texture = texture.baseAddress else { return }
            for y in 0..<height / 2 {
                let row = base + y * stride
                let source = texture + (window.y + 2 * y) * textureWidth + window.x
                for x in 0..<width / 2 {
                    let value = source[2 * x] >> 2
                    row[x] = plane == 0 ? 96 &+ value : 160 &- value
                }
            }
        }
    }

    /// The luma of one frame, rows without gaps.
    package func luma(frame: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: width * height) { buffer, count in
            if let base = buffer.baseAddress {
                paintLuma(frame: frame, into: base, stride: width)
            }
            count = width * height
        }
    }

    // The texture keeps clear of both ends, so that the sum does not wrap around.
    private static func add(
        _ source: UnsafePointer<UInt8>, _ grain: UnsafePointer<UInt8>, count: Int,
        to row: UnsafeMutablePointer<UInt8>
    ) {
        for x in 0..<count { row[x] = source[x] &+ grain[x] }
    }

    private func angle(_ frame: Int) -> Double {
        2 * .pi * Double(frame % loopFrames) / Double(loopFrames)
    }

    private func window(_ frame: Int) -> (x: Int, y: Int) {
        let (far, angle) = (Double(reach), angle(frame))
        return (Int(bounded: far * (1 + sin(angle))), Int(bounded: far * (1 + cos(angle))))
    }

    private func object(_ frame: Int) -> (x: Int, width: Int, rows: Range<Int>) {
        let angle = 2 * angle(frame)
        let x = Int(bounded: Double(width) * (0.375 + 0.25 * sin(angle)))
        let y = Int(bounded: Double(height) * (0.375 + 0.25 * cos(angle)))
        return (x, width / 4, y..<y + height / 4)
    }
}

// MARK: - Texture

extension SyntheticFilm {
    /// Values of the texture, well within 16…235.
    private static let darkest: Float = 40
    private static let brightest: Float = 212

    /// A sum of octaves of smooth noise: lattices of half the height down to two samples, the finer
    /// ones fainter, as in natural pictures.
    private static func texture(width: Int, height: Int, seed: UInt64) -> [UInt8] {
        var random = NoiseGenerator(seed: seed)
        var sum = [Float](repeating: 0, count: width * height)
        var amplitude: Float = 1
        var cell = height / 2
        while cell >= 2 {
            addOctave(
                to: &sum, width: width, height: height, cell: cell, amplitude: amplitude, &random)
            amplitude *= 0.66
            cell /= 2
        }
        let low = sum.min() ?? 0
        let scale = (brightest - darkest) / max((sum.max() ?? 1) - low, .leastNormalMagnitude)
        return sum.map { UInt8(bounded: darkest + ($0 - low) * scale) }
    }

    private static func addOctave(
        to sum: inout [Float], width: Int, height: Int, cell: Int, amplitude: Float,
        _ random: inout NoiseGenerator
    ) {
        let columns = width / cell + 2
        let lattice = (0..<columns * (height / cell + 2)).map { _ in
            Float(random.next() & 0xffff) / 0xffff * amplitude
        }
        var line = [Float](repeating: 0, count: columns)
        for y in 0..<height {
            let (above, weight) = (y / cell * columns, Float(y % cell) / Float(cell))
            for column in 0..<columns {
                let upper = lattice[above + column]
                line[column] = upper + (lattice[above + columns + column] - upper) * weight
            }
            for column in 0..<columns - 1 {
                let (left, slope) = (line[column], (line[column + 1] - line[column]) / Float(cell))
                let first = column * cell
                for x in first..<max(first, min(first + cell, width)) {
                    sum[y * width + x] += left + slope * Float(x - first)
                }
            }
        }
    }
}

/// SplitMix64: small, seeded, the same everywhere.
package struct NoiseGenerator: RandomNumberGenerator {
    private var state: UInt64

    package init(seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 }

    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

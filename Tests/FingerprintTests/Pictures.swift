// Pictures that the tests of borders, edges, movement and regions are drawn with: seeded, with
// structure at every scale as natural ones have, cut, painted into one another and blurred.

import Fingerprint
import TestSupport

/// A grey picture, rows without a gap.
struct Picture: Equatable {
    private(set) var width: Int
    private(set) var height: Int
    private(set) var luma: [UInt8]

    init(_ width: Int, _ height: Int, _ value: (_ x: Int, _ y: Int) -> UInt8) {
        self.width = width
        self.height = height
        luma = (0..<width * height).map { value($0 % width, $0 / width) }
    }

    init(_ width: Int, _ height: Int, level: UInt8) { self.init(width, height) { _, _ in level } }

    /// Noise of so many levels to either side of a level.
    init(_ width: Int, _ height: Int, noise: Int, about level: Int, seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        self.init(width, height) { _, _ in
            UInt8(level + Int.random(in: -noise...noise, using: &random))
        }
    }

    /// A sum of octaves of smooth noise, stretched over 60…220.
    static func texture(_ width: Int, _ height: Int, seed: UInt64) -> Picture {
        var random = SeededGenerator(seed: seed)
        var sum = [Float](repeating: 0, count: width * height)
        var amplitude: Float = 1
        var cell = max(2, max(width, height) / 3)
        while cell >= 2 {
            let columns = width / cell + 2
            let lattice = (0..<columns * (height / cell + 2)).map { _ in
                Float.random(in: -amplitude...amplitude, using: &random)
            }
            for y in 0..<height {
                let (row, v) = (y / cell * columns, Float(y % cell) / Float(cell))
                for x in 0..<width {
                    let (place, u) = (row + x / cell, Float(x % cell) / Float(cell))
                    let upper = lattice[place] * (1 - u) + lattice[place + 1] * u
                    let lower =
                        lattice[place + columns] * (1 - u) + lattice[place + columns + 1] * u
                    sum[y * width + x] += upper * (1 - v) + lower * v
                }
            }
            amplitude *= 0.6
            cell /= 2
        }
        let (low, high) = (sum.min() ?? 0, sum.max() ?? 1)
        return Picture(width, height) { x, y in
            UInt8(60 + 160 * (sum[y * width + x] - low) / max(high - low, 0.001))
        }
    }

    subscript(x: Int, y: Int) -> UInt8 { luma[y * width + x] }

    /// The picture with another one painted over it.
    func painted(_ other: Picture, left: Int, top: Int) -> Picture {
        Picture(width, height) { x, y in
            (0..<other.width).contains(x - left) && (0..<other.height).contains(y - top)
                ? other[x - left, y - top] : self[x, y]
        }
    }

    /// The picture with noise of so many levels to either side: fine detail, or what a coder adds.
    func grainy(by levels: Int, seed: UInt64) -> Picture {
        var random = SeededGenerator(seed: seed)
        return Picture(width, height) { x, y in
            let value = Int(self[x, y]) + Int.random(in: -levels...levels, using: &random)
            return UInt8(max(0, min(255, value)))
        }
    }

    func cut(_ rect: PixelRect) -> Picture {
        Picture(rect.width, rect.height) { self[rect.left + $0, rect.top + $1] }
    }

    /// The picture with margins that a mirror would show.
    func mirrored(left: Int, top: Int, right: Int, bottom: Int) -> Picture {
        func place(_ index: Int, _ count: Int) -> Int {
            index < 0 ? -1 - index : index >= count ? 2 * count - 1 - index : index
        }
        return Picture(width + left + right, height + top + bottom) {
            self[place($0 - left, width), place($1 - top, height)]
        }
    }

    /// Means of squares of 2 x radius + 1 samples.
    func blurred(radius: Int) -> Picture {
        func pass(_ picture: Picture, _ stepX: Int, _ stepY: Int) -> Picture {
            Picture(width, height) { x, y in
                var (sum, count) = (0, 0)
                for k in -radius...radius {
                    let (i, j) = (x + k * stepX, y + k * stepY)
                    guard i >= 0, j >= 0, i < width, j < height else { continue }
                    sum += Int(picture[i, j])
                    count += 1
                }
                return UInt8(sum / count)
            }
        }
        return pass(pass(self, 1, 0), 0, 1)
    }

    func small(range: LumaRange = .full) -> SmallLuma {
        var small = SmallLuma()
        luma.withUnsafeBufferPointer {
            small.fill(
                from: LumaPlane(
                    base: $0.baseAddress!, width: width, height: height, stride: width,
                    range: range))
        }
        return small
    }

    func spectrum(range: LumaRange = .full) -> PDQSpectrum? {
        var hasher = PDQHasher()
        return luma.withUnsafeBufferPointer {
            hasher.spectrum(
                of: LumaPlane(
                    base: $0.baseAddress!, width: width, height: height, stride: width,
                    range: range))
        }
    }
}

extension PixelRect {
    init(whole width: Int, _ height: Int) {
        self.init(left: 0, top: 0, right: width, bottom: height)
    }
}

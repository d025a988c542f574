// Plain Swift twins of the kernels that look at a small copy, each written from what its
// declaration promises, one sample at a time and in wide integers.

/// A map of bytes, rows without a gap.
struct ByteMap {
    var width: Int
    var height: Int
    var samples: [UInt8]

    subscript(x: Int, y: Int) -> Int { Int(samples[y * width + x]) }

    /// A map of the same size, 0 in the `rim` outermost samples.
    func map(rim: Int, _ value: (_ x: Int, _ y: Int) -> Int) -> [UInt8] {
        var result = [UInt8](repeating: 0, count: width * height)
        guard width > 2 * rim, height > 2 * rim else { return result }
        for y in rim..<height - rim {
            for x in rim..<width - rim { result[y * width + x] = UInt8(value(x, y)) }
        }
        return result
    }
}

enum PictureTwin {
    /// The mean of a square of samples, not rounded.
    static func mean(_ map: ByteMap, _ x: Int, _ y: Int, factor: Int) -> Double {
        var sum = 0
        for row in y * factor..<(y + 1) * factor {
            for column in x * factor..<(x + 1) * factor { sum += map[column, row] }
        }
        return Double(sum) / Double(factor * factor)
    }

    static func outliers(_ values: [Int], level: Int, tolerance: Int) -> Int {
        values.count { abs($0 - level) > tolerance }
    }

    /// Edges across the direction (dx, dy): the difference to the sample before, where neither
    /// difference beside it is greater.
    static func edges(_ map: ByteMap, dx: Int, dy: Int, threshold: Int) -> [UInt8] {
        map.map(rim: 2) { x, y in
            let difference = { (k: Int) in
                abs(
                    map[x + k * dx, y + k * dy] - map[x + (k - 1) * dx, y + (k - 1) * dy])
            }
            let here = difference(0)
            return here >= threshold && here >= difference(-1) && here >= difference(1) ? 1 : 0
        }
    }

    static func activity(_ map: ByteMap) -> [UInt8] {
        map.map(rim: 1) { x, y in
            min(
                255,
                abs(map[x + 1, y] - map[x - 1, y]) + abs(map[x, y + 1] - map[x, y - 1]))
        }
    }

    /// Steps across the direction (dx, dy): the means of 2 x 5 samples, their difference cut.
    static func steps(_ map: ByteMap, dx: Int, dy: Int) -> [UInt8] {
        map.map(rim: 2) { x, y in
            var (before, behind) = (0, 0)
            for along in -2...2 {
                let (i, j) = (x + along * dy, y + along * dx)
                behind += map[i, j] + map[i + dx, j + dy]
                before += map[i - dx, j - dy] + map[i - 2 * dx, j - 2 * dy]
            }
            return Int((Double(abs(behind - before)) / 10).rounded(.down))
        }
    }

    static func ridges(_ steps: [UInt8], apart: Int, threshold: Int) -> [UInt8] {
        steps.indices.map { index in
            guard index >= 2 * apart, index + 2 * apart < steps.count,
                Int(steps[index]) >= threshold
            else { return 0 }
            let neighbours = [-2, -1, 1, 2].map { steps[index + $0 * apart] }
            return neighbours.allSatisfy { $0 <= steps[index] } ? 1 : 0
        }
    }

    /// The value moved a share of the way, not rounded.
    static func aged(_ value: UInt8, isMarked: Bool, share: Int) -> Double {
        let target = isMarked ? 255.0 : 0
        return Double(value) + (target - Double(value)) * Double(share) / 256
    }
}

extension PictureTwin {
    /// The picture turned about its middle, from the four samples about each place.
    static func turned(
        width: Int, height: Int, sine: Double, cosine: Double, side: Int,
        sample: @escaping (_ x: Int, _ y: Int) -> Double
    ) -> [Double] {
        func inside(_ index: Int, _ count: Int) -> Int {
            let mirrored = index < 0 ? -1 - index : index < count ? index : 2 * count - 1 - index
            return min(max(mirrored, 0), count - 1)
        }
        let (stepX, stepY) = (Double(width) / Double(side), Double(height) / Double(side))
        return (0..<side * side).map { place in
            let x = (Double(place % side) - Double(side - 1) / 2) * stepX
            let y = (Double(place / side) - Double(side - 1) / 2) * stepY
            let fromX = Double(width - 1) / 2 + cosine * x - sine * y
            let fromY = Double(height - 1) / 2 + sine * x + cosine * y
            let (left, top) = (Int(fromX.rounded(.down)), Int(fromY.rounded(.down)))
            let (shareX, shareY) = (fromX - Double(left), fromY - Double(top))
            let at = { (x: Int, y: Int) in sample(inside(x, width), inside(y, height)) }
            let above = at(left, top) * (1 - shareX) + at(left + 1, top) * shareX
            let below = at(left, top + 1) * (1 - shareX) + at(left + 1, top + 1) * shareX
            return above * (1 - shareY) + below * shareY
        }
    }
}

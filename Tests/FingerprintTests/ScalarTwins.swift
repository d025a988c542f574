// Plain Swift twins of the kernels, written from the reference's description rather than from the
// kernels: the two box passes and the decimation are carried out literally, with no weights.

enum ScalarTwin {
    /// The reference's box filter along one axis, sums in Double.
    static func box(_ values: [Double], window full: Int) -> [Double] {
        let half = (full + 2) / 2
        return values.indices.map { index in
            let low = max(0, index - (full - half))
            let high = min(values.count - 1, index + half - 1)
            return values[low...high].reduce(0, +) / Double(high - low + 1)
        }
    }

    /// Two passes of the box filter along both axes, then the 64x64 centres.
    static func downsample(_ luma: [Double], width: Int, height: Int) -> [Double] {
        let rowWindow = (width + 127) / 128
        let columnWindow = (height + 127) / 128
        var picture = (0..<height).map { Array(luma[$0 * width..<($0 + 1) * width]) }
        for _ in 0..<2 {
            picture = picture.map { box($0, window: rowWindow) }
            for x in 0..<width {
                let column = box(picture.map { $0[x] }, window: columnWindow)
                for y in 0..<height { picture[y][x] = column[y] }
            }
        }
        let centre = { (o: Int, length: Int) in Int((Float(o) + 0.5) * Float(length) / 64) }
        return (0..<64).flatMap { i in
            (0..<64).map { j in picture[centre(i, height)][centre(j, width)] }
        }
    }

    /// The 16x16 DCT as a double sum.
    static func dct(_ picture: [Float], matrix: [Float]) -> [Float] {
        (0..<256).map { index in
            let (i, j) = (index / 16, index % 16)
            var sum = 0.0
            for y in 0..<64 {
                var row = 0.0
                for x in 0..<64 { row += Double(picture[y * 64 + x]) * Double(matrix[j * 64 + x]) }
                sum += row * Double(matrix[i * 64 + y])
            }
            return Float(sum)
        }
    }

    static func gradientSum(_ picture: [Float], scale: Float) -> Int {
        var sum = 0
        for i in 0..<64 {
            for j in 0..<64 {
                let here = picture[i * 64 + j]
                if i < 63 {
                    sum += abs(Int((here - picture[(i + 1) * 64 + j]) * scale * 100 / 255))
                }
                if j < 63 { sum += abs(Int((here - picture[i * 64 + j + 1]) * scale * 100 / 255)) }
            }
        }
        return sum
    }
}

// One axis of PDQ's down-sampling, as weights.
//
// The reference blurs with two passes of a box filter a 128th of the picture long and then takes
// the 64 samples at the centres of 64 equal parts. Along one axis both are linear and depend on the
// length only, so output o is a fixed sum over the few inputs that its twice-boxed window reaches:
// S = A(height) · Y · A(width)ᵀ. The weights are computed once per length and kept.
//
// Source: facebook/ThreatExchange, pdq/cpp/downscaling/downscaling.cpp (window size, phases,
// centres).

/// Non-zero weights of the 64 outputs along an axis of `length` input samples.
struct DownsampleAxis: Sendable {
    static let outputs = 64
    /// Runs are padded with zeros to a multiple of this, the kernels' vector width in floats.
    static let lanes = 16

    let length: Int
    /// First input of each run.
    let starts: [Int32]
    /// Inputs in each run.
    let counts: [Int32]
    /// Room of each run in `weights`.
    let pitch: Int
    let weights: [Float]

    init(length: Int) {
        precondition(length > 0, "an axis has at least one sample")
        self.length = length
        let runs = (0..<Self.outputs).map { Self.run(output: $0, length: length) }
        let longest = runs.map(\.weights.count).max() ?? 0
        let pitch = (longest + Self.lanes - 1) / Self.lanes * Self.lanes
        self.pitch = pitch
        starts = runs.map { Int32($0.start) }
        counts = runs.map { Int32($0.weights.count) }
        weights = runs.flatMap { run in
            run.weights + [Float](repeating: 0, count: pitch - run.weights.count)
        }
    }

    /// The inputs that the box filter averages for sample `index`, clipped at both ends.
    private static func window(_ index: Int, length: Int) -> ClosedRange<Int> {
        let full = (length + 2 * outputs - 1) / (2 * outputs)
        let half = (full + 2) / 2
        return max(0, index - (full - half))...min(length - 1, index + half - 1)
    }

    private static func run(output: Int, length: Int) -> (start: Int, weights: [Float]) {
        let centre = Int((Float(output) + 0.5) * Float(length) / Float(outputs))
        let outer = window(centre, length: length)
        let start = window(outer.lowerBound, length: length).lowerBound
        let end = window(outer.upperBound, length: length).upperBound
        var weights = [Double](repeating: 0, count: end - start + 1)
        for middle in outer {
            let inner = window(middle, length: length)
            let weight = 1 / (Double(outer.count) * Double(inner.count))
            for index in inner { weights[index - start] += weight }
        }
        return (start, weights.map { Float($0) })
    }
}

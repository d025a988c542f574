// One axis of PDQ's down-sampling, as weights.
//
// The reference blurs with two passes of a box filter a 128th of the picture long and then takes
// the 64 samples at the centres of 64 equal parts. Along one axis both are linear and depend on the
// length only, so output o is a fixed sum over the few inputs that its twice-boxed window reaches:
// S = A(height) · Y · A(width)ᵀ. The weights are computed once per length and kept.
//
// Source: facebook/ThreatExchange, pdq/cpp/downscaling/downscaling.cpp (window size, phases,
// centres).

/// The input samples of an axis: those that are there, and how many are imagined before and behind
/// them, as a mirror would show them.
///
/// A view wider than its picture is what finds a copy that was cropped: in the middle it has all
/// that is left of the picture at its true place, and the mirrored rest is less wrong than a flat
/// margin, which would add an edge.
struct AxisSpan: Hashable, Sendable {
    /// Input samples, with the imagined ones.
    var length: Int
    /// How many of them stand before the first that is there.
    var lead = 0
    /// How many are there.
    var present: Int

    init(length: Int) {
        self.length = length
        present = length
    }

    init(from start: Int, to end: Int, of count: Int) {
        length = end - start
        lead = max(0, -start)
        present = min(count, end) - max(0, start)
    }

    /// The run over those that are there: mirrored samples add to the weight of what they show.
    func folded(_ run: (start: Int, weights: [Float])) -> (start: Int, weights: [Float]) {
        guard length > present else { return run }
        let places = run.weights.indices.map { place($0 + run.start - lead) }
        guard let first = places.min(), let last = places.max() else { return run }
        var weights = [Float](repeating: 0, count: last - first + 1)
        for (place, weight) in zip(places, run.weights) { weights[place - first] += weight }
        return (first, weights)
    }

    private func place(_ index: Int) -> Int {
        index < 0 ? -1 - index : index < present ? index : 2 * present - 1 - index
    }
}

/// Non-zero weights of the 64 outputs along an axis of input samples.
struct DownsampleAxis: Sendable {
    static let outputs = 64
    /// Runs are padded with zeros to a multiple of this, the kernels' vector width in floats.
    static let lanes = 16

    /// Which samples the axis is over.
    let span: AxisSpan
    /// First input of each run.
    let starts: [Int32]
    /// Inputs in each run.
    let counts: [Int32]
    /// Room of each run in `weights`.
    let pitch: Int
    let weights: [Float]

    init(_ span: AxisSpan) {
        precondition(
            span.length > 0 && span.lead < span.present
                && span.length - span.lead - span.present < span.present,
            "an axis has samples, and more of them than are mirrored at either end")
        self.span = span
        let runs = (0..<Self.outputs).map { Self.run(output: $0, length: span.length) }
            .map { span.folded($0) }
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
        let centre = Int(bounded: (Float(output) + 0.5) * Float(length) / Float(outputs))
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

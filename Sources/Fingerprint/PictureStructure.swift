// Pictures too simple to stand for anything: text on plain, bars, gradients, test cards, a logo or
// a single object on black. PDQ's quality lets many through, since one hard edge is enough for it,
// and their hashes lie near those of other such pictures that have nothing to do with them.
//
// Two measures. With the picture at hand: how much of it is plain, how much is flat, how many
// coefficients are clear of noise. With 256 bits alone: whether the signs of the coefficients are a
// product of one for the row and one for the column, as they are where a picture is one thing.
//
// Invariants: the bits' measure comes out the same for a hash, its complement, and what its eight
// dihedral forms would be if no coefficient crossed the median. Nothing here allocates per frame.
// The thresholds were set on photographs, real clips and edits of them against some thousands of
// drawn low-structure pictures; `docs/matching.md` has the figures.

extension PDQHash {
    /// How many of the 196 squares of bits two apart must break the pattern of a simple picture for
    /// a hash to count as structured.
    ///
    /// Of random bits 98 do, give or take 7; all but one in a thousand of the natural pictures
    /// measured have 44 and more.
    static let fewestBreaks = 44

    /// Whether the bits look like those of a picture with next to no structure.
    ///
    /// In such a picture the sign of a coefficient is mostly a sign of its row times a sign of its
    /// column, so of four bits on the corners of a square an even number is set. Corners lie two
    /// apart, which keeps odd and even frequencies apart: a mirror turns the signs of one kind.
    ///
    /// A third of the low-structure pictures of quality 50 and more are told by this, and one in a
    /// thousand natural ones is called so wrongly. With the picture at hand
    /// `PDQSpectrum.isLowStructure` tells far more. Takes some nanoseconds.
    public var isLowStructure: Bool { patternBreaks < Self.fewestBreaks }

    /// In how many of the 14x14 squares with corners two apart an odd number of bits is set: 0 to
    /// 196, about 98 for random bits.
    public var patternBreaks: Int {
        var count = 0
        for index in 0..<4 {
            let word = words[index]
            // Four rows a word: two rows on are the word's upper half and the next one's lower.
            let following = index < 3 ? words[index + 1] << 32 : 0
            let rows = word ^ (word >> 32 | following)
            let squares = rows ^ rows >> 2
            // Columns 0…13 of each row; rows 14 and 15 have none two below them.
            let mask: UInt64 = index < 3 ? 0x3fff_3fff_3fff_3fff : 0x3fff_3fff
            count += (squares & mask).nonzeroBitCount
        }
        return count
    }
}

/// What is measured of a 64x64 picture and its spectrum beside quality.
struct PictureStructure: Sendable {
    /// Share of the picture that has one of its two commonest greys, 0…1.
    var plainShare: Float = 0
    /// Share of the picture without any gradient to speak of, 0…1.
    var flatShare: Float = 0
    /// How many of the 256 coefficients are clear of what compression adds and takes.
    var clearCoefficients = 256

    /// From here on a picture is something on a plain ground.
    private static let plainLimit: Float = 0.7
    /// From here on it is made of flat areas: a drawing or a test card.
    private static let flatLimit: Float = 0.76
    /// Below this, half of all, most bits are noise: bars and gradients.
    private static let fewestClear = 128

    var isLow: Bool {
        plainShare >= Self.plainLimit || flatShare >= Self.flatLimit
            || clearCoefficients < Self.fewestClear
    }
}

/// Measures structure; keeps its scratch memory.
struct StructureMeter {
    /// Grey levels in a step of the histogram.
    ///
    /// Two steps side by side count as one grey, so that none is lost that lies between steps.
    private static let stepWidth: Float = 2
    /// Full range has 128; a scaled limited range, whose black is not at zero, a few more.
    private static let steps = 140
    /// Largest sum of both gradients that counts as none, grey levels.
    private static let noGradient: Float = 1
    /// Magnitude from which a coefficient is clear, grey levels.
    private static let clearMagnitude: Float = 4
    /// Samples looked at: every fourth of every second row, by turns, as on a chess-board.
    private static let samples = 32 * 16
    /// Added to a float, makes its lowest bits the nearest whole number.
    private static let wholeBits: Float = 0x1p23

    /// As long as an index of 8 bits needs.
    private var histogram = [UInt16](repeating: 0, count: 256)

    /// Measures a picture in some microseconds.
    /// - Parameters:
    ///   - picture: 64x64 samples.
    ///   - scale: from the picture's range to full range, as for quality.
    mutating func measure(
        _ picture: [Float], coefficients: [Float], scale: Float
    ) -> PictureStructure {
        precondition(picture.count == 64 * 64 && coefficients.count == 256, "PDQ's sizes")
        for step in histogram.indices { histogram[step] = 0 }
        let flat = picture.withUnsafeBufferPointer { sample($0, scale: scale) }
        let clear = Self.clearMagnitude / scale
        var clearCount = 0
        for value in coefficients { clearCount &+= abs(value) > clear ? 1 : 0 }
        return PictureStructure(
            plainShare: Float(commonestTwoGreys) / Float(Self.samples),
            flatShare: Float(flat) / Float(Self.samples), clearCoefficients: clearCount)
    }

    /// Fills the histogram.
    /// - Returns: how many samples have no gradient.
    private mutating func sample(_ picture: UnsafeBufferPointer<Float>, scale: Float) -> Int {
        let toStep = scale / Self.stepWidth
        let noGradient = Self.noGradient / scale
        var flat = 0
        histogram.withUnsafeMutableBufferPointer { histogram in
            var row = 0
            while row < 64 {
                // In bounds: the last row looked at is 62, the last column 62.
                var place = 64 &* row &+ (row & 2)
                let end = 64 &* (row &+ 1)
                while place < end {
                    let value = picture[place]
                    // Whatever the value is, not-a-number too, 8 bits of it are an index.
                    let step = (value * toStep + Self.wholeBits).bitPattern & 0xff
                    histogram[Int(truncatingIfNeeded: step)] &+= 1
                    let gradient =
                        abs(picture[place &+ 1] - value) + abs(picture[place &+ 64] - value)
                    flat &+= gradient < noGradient ? 1 : 0
                    place &+= 4
                }
                row &+= 2
            }
        }
        return flat
    }

    /// Samples of the commonest grey, and of the commonest that is left without it.
    private var commonestTwoGreys: Int {
        histogram.withUnsafeBufferPointer { histogram in
            let all = Self.commonestGrey(histogram, 0..<Self.steps)
            let below = Self.commonestGrey(histogram, 0..<all.step)
            let above = Self.commonestGrey(histogram, min(all.step + 2, Self.steps)..<Self.steps)
            return all.count + max(below.count, above.count)
        }
    }

    /// The two neighbouring steps of a range that hold most; the lower one is named.
    private static func commonestGrey(
        _ histogram: UnsafeBufferPointer<UInt16>, _ range: Range<Int>
    ) -> (step: Int, count: Int) {
        var best = (step: range.lowerBound, count: 0)
        var step = range.lowerBound
        while step < range.upperBound {
            let next = step &+ 1 < range.upperBound ? Int(histogram[step &+ 1]) : 0
            let count = Int(histogram[step]) &+ next
            if count > best.count { best = (step, count) }
            step &+= 1
        }
        return best
    }
}

extension PDQSpectrum {
    /// Whether the picture has so little structure that its hash says nothing of its own.
    ///
    /// Something on a plain ground, flat areas, bars and gradients, and whatever
    /// `PDQHash.isLowStructure` tells. `isDegenerate` pictures are among them. Nine of ten
    /// low-structure pictures of quality 50 and more are told, and one in two hundred natural ones is
    /// called so wrongly.
    public var isLowStructure: Bool { structure.isLow || hash(.original).isLowStructure }
}

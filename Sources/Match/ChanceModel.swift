// How near unrelated pictures come by chance, and how much evidence a distance is.
//
// The distance of two unrelated pictures' hashes is that of coin flips (128, standard deviation 8)
// with a heavier tail, because pictures have things in common: a horizon, a bright middle. The table
// is a bound on what was measured, not a fit to it; docs/matching.md tells on what. Below the smallest
// distance that was ever measured between unrelated pictures it goes on by halves a bit, which is
// less steep than coin flips are there.
//
// A p-value u, the probability of coming so near by chance in any of the comparisons that were made,
// becomes a bet that can be multiplied: e(u) = k u^(k-1), whose mean is 1 if u is uniform. Where
// unrelated frames give such bets, the probability that their product ever exceeds 1/a is at most a
// (Ville's inequality). Source: Vovk and Wang, "E-values: calibration, combination and applications",
// Annals of Statistics 49 (2021).

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Musl
#endif

/// What chance does to distances.
public enum ChanceModel {
    /// A bound on chance: distances, and base-2 logarithms of the probability that one comparison of
    /// unrelated pictures gives at most these; straight lines between.
    private typealias Table = [(distance: Double, log2: Double)]

    private static let structured: Table = [
        (0, -77), (31, -46), (40, -38.5), (48, -32), (56, -26.5), (64, -24), (72, -21), (78, -18.8),
        (84, -16.8), (90, -14.8), (96, -12.3), (104, -8.4), (112, -4.9), (128, -0.9), (256, 0),
    ]

    private static let simple: Table = [
        (0, -52), (31, -37), (56, -24.5), (64, -21.3), (72, -18.8), (78, -17.2), (84, -15.5),
        (90, -13.6), (96, -11.4), (104, -8.1), (112, -4.9), (128, -0.9), (256, 0),
    ]

    /// From this many pattern breaks on (`PDQHash.patternBreaks`) a picture counts as structured.
    static let structuredBreaks = 75

    /// Base-2 logarithm of the probability that one comparison of unrelated pictures gives at most
    /// this distance, bits.
    /// - Parameter breaks: pattern breaks of the simpler of the two pictures; random bits have 98.
    public static func log2Probability(within distance: Int, breaks: Int = 98) -> Double {
        let table = breaks >= structuredBreaks ? structured : simple
        let distance = Double(min(max(0, distance), 256))
        // Non-nil: the table begins at 0.
        let index = table.lastIndex { $0.distance <= distance }!
        guard index + 1 < table.count else { return 0 }
        let (low, high) = (table[index], table[index + 1])
        let share = (distance - low.distance) / (high.distance - low.distance)
        return low.log2 + share * (high.log2 - low.log2)
    }

    /// The exponent of a bet: small, because true copies come far nearer than chance.
    private static let exponent = 0.1

    /// Base-2 logarithm of the bet on a p-value of which the base-2 logarithm is given.
    package static func log2Bet(log2P: Double) -> Double {
        log2(exponent) + (exponent - 1) * min(0, log2P)
    }

    /// Comparisons that a frame is taken to make, for the choice of the reach.
    private static let usualProbes = 64.0
    /// Largest share of frames that may come within the reach by chance.
    private static let mostFalse = 1.0 / 64

    /// The largest distance, up to 80, that still means something in a set of so many hashes.
    package static func reach(hashes: Int) -> Int {
        let comparisons = log2(usualProbes * Double(max(1, hashes)))
        return (0...80).last {
            log2Probability(within: $0, breaks: structuredBreaks) + comparisons <= log2(mostFalse)
        } ?? 0
    }
}

// Seeded randomness and small builders that the tests of this target share.

import Fingerprint
import Match

/// SplitMix64: small, seeded, the same everywhere.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    mutating func hash() -> PDQHash { PDQHash(words: SIMD4(next(), next(), next(), next())) }

    /// A hash that differs from another in exactly `bits` places.
    mutating func neighbour(of hash: PDQHash, at bits: Int) -> PDQHash {
        var words = hash.words
        for position in (0..<256).shuffled(using: &self).prefix(bits) {
            words[position / 64] ^= 1 << UInt64(position % 64)
        }
        return PDQHash(words: words)
    }
}

// Seeded randomness and small builders that the tests of this target share.

import Fingerprint
import Match
import TestSupport

extension SeededGenerator {
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

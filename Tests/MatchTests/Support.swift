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

extension SeededGenerator {
    /// All zero, all one, halves in common, one word in common, one bit set, many equal ones.
    mutating func adversarialHashes(half: SIMD4<UInt64>) -> [PDQHash] {
        let ones = PDQHash.zero.complement
        var hashes = [PDQHash.zero, ones, .zero, ones]
        for _ in 0..<200 {
            let other = hash().words
            hashes.append(PDQHash(words: SIMD4(half[0], half[1], other[2], other[3])))
            hashes.append(PDQHash(words: SIMD4(other[0], other[1], half[2], half[3])))
            hashes.append(PDQHash(words: SIMD4(half[0], other[1], other[2], other[3])))
        }
        hashes += (0..<256).map { neighbour(of: .zero, at: $0 % 3) }
        hashes += [PDQHash](repeating: PDQHash(words: half), count: 150)
        return hashes
    }
}

/// What every search has to find: the answer of comparing with each hash.
func bruteForce(
    _ hashes: [PDQHash], _ query: PDQHash, _ radius: Int
) -> [HashIndex.Neighbour] {
    hashes.enumerated().compactMap { index, hash in
        let distance = hash.distance(to: query)
        return distance <= radius ? HashIndex.Neighbour(index: index, distance: distance) : nil
    }
}

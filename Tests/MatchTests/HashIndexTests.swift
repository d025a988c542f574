// The index against brute force: same hits, same distances, at several sizes and radii, with
// planted neighbours at and around the radius and with hashes made to break clever engines.

import Fingerprint
import Match
import TestSupport
import Testing

@Suite struct HashIndexTests {
    private func bruteForce(
        _ hashes: [PDQHash], _ query: PDQHash, _ radius: Int
    ) -> [HashIndex.Neighbour] {
        hashes.enumerated().compactMap { index, hash in
            let distance = hash.distance(to: query)
            return distance <= radius
                ? HashIndex.Neighbour(index: index, distance: distance) : nil
        }
    }

    private func expectSame(_ hashes: [PDQHash], _ queries: [PDQHash], _ comment: Comment) {
        let index = HashIndex(hashes)
        #expect(index.count == hashes.count)
        for query in queries {
            for radius in [0, 1, 15, 30, 31, 32, 48, 64, 256] {
                #expect(
                    index.neighbours(of: query, within: radius)
                        == bruteForce(hashes, query, radius), comment)
            }
        }
    }

    @Test(arguments: [0, 1, 2, 63, 64, 65, 127, 1000, 5000])
    func sameAsBruteForceWithPlantedNeighbours(_ size: Int) {
        var random = SeededGenerator(seed: UInt64(size) + 7)
        var hashes = (0..<size).map { _ in random.hash() }
        var queries = (0..<4).map { _ in random.hash() }
        for base in hashes.prefix(6) {
            for bits in [0, 1, 30, 31, 32, 33, 63, 64, 65] {
                queries.append(random.neighbour(of: base, at: bits))
                hashes.append(random.neighbour(of: base, at: bits))
            }
        }
        expectSame(hashes, queries, "\(size) hashes")
    }

    @Test func sameAsBruteForceOnAdversarialHashes() {
        var random = SeededGenerator(seed: 99)
        let half = random.hash().words
        let ones = PDQHash.zero.complement
        // All zero, all one, halves in common, one word in common, one bit set, many equal ones.
        var hashes = [PDQHash.zero, ones, .zero, ones]
        for _ in 0..<200 {
            let other = random.hash().words
            hashes.append(PDQHash(words: SIMD4(half[0], half[1], other[2], other[3])))
            hashes.append(PDQHash(words: SIMD4(other[0], other[1], half[2], half[3])))
            hashes.append(PDQHash(words: SIMD4(half[0], other[1], other[2], other[3])))
        }
        hashes += (0..<256).map { random.neighbour(of: .zero, at: $0 % 3) }
        hashes += [PDQHash](repeating: PDQHash(words: half), count: 150)
        expectSame(
            hashes, [.zero, ones, PDQHash(words: half), random.neighbour(of: ones, at: 31)],
            "adversarial")
    }

    @Test(arguments: [10, 11, 12, 13, 16, 20, 25, 32])
    func tablesAgreeWithBruteForceForEveryNumberOfChunks(_ chunks: Int) {
        var random = SeededGenerator(seed: UInt64(chunks))
        let half = random.hash().words
        var hashes = (0..<400).map { _ in random.hash() } + [.zero, PDQHash.zero.complement]
        for _ in 0..<100 {
            let other = random.hash().words
            hashes.append(PDQHash(words: SIMD4(half[0], half[1], other[2], other[3])))
        }
        hashes += [PDQHash](repeating: PDQHash(words: half), count: 20)
        var queries = [PDQHash.zero, PDQHash(words: half), random.hash()]
        for base in hashes.prefix(20) {
            for bits in [0, 1, 9, 15, 30, 31, 32] {
                queries.append(random.neighbour(of: base, at: bits))
            }
        }
        let index = HashIndex(hashes, radius: 31, chunks: chunks)
        for query in queries {
            for radius in [0, 1, 2, 10, 11, 12, 13, 15, 16, 20, 30, 31] {
                #expect(
                    index.neighboursByTables(of: query, within: radius)
                        == bruteForce(hashes, query, radius), "radius \(radius)")
            }
        }
    }

    @Test func moreHitsThanTheFirstGuessAreAllFound() {
        let hashes = [PDQHash](repeating: .zero, count: 5000)
        let index = HashIndex(hashes, radius: 31, chunks: 16)
        #expect(index.neighboursByTables(of: .zero, within: 31).count == 5000)
    }

    @Test func largeSetsUseTablesAndGiveTheSameAnswers() {
        var random = SeededGenerator(seed: 77)
        var hashes = (0..<200_000).map { _ in random.hash() }
        for number in 0..<50 { hashes.append(random.neighbour(of: hashes[number], at: number)) }
        let index = HashIndex(hashes)
        #expect(index.usesTables(radius: 31) && !index.usesTables(radius: 64))
        for number in 0..<50 {
            for radius in [20, 31, 48] {
                #expect(
                    index.neighbours(of: hashes[number], within: radius)
                        == bruteForce(hashes, hashes[number], radius))
            }
        }
        #expect(!HashIndex(Array(hashes.prefix(1000))).usesTables(radius: 31))
    }

    @Test func negativeRadiusFindsNothing() {
        #expect(HashIndex([.zero]).neighbours(of: .zero, within: -1).isEmpty)
    }
}

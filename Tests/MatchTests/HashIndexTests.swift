// The index against brute force: same hits, same distances, same order, by both engines, alone and
// in batches; at several sizes and radii, with planted neighbours at and around the radius and with
// hashes made to break clever engines.

import Fingerprint
import Match
import TestSupport
import Testing

@Suite struct HashIndexTests {
    /// An index, searched alone and in a batch, against brute force.
    private func expectSame(
        _ hashes: [PDQHash], _ queries: [PDQHash], index: HashIndex? = nil,
        radii: [Int] = [0, 1, 15, 30, 31, 32, 40, 41, 48, 64, 256], _ comment: Comment
    ) {
        let index = index ?? HashIndex(hashes)
        #expect(index.count == hashes.count)
        for radius in radii {
            let expected = queries.map { bruteForce(hashes, $0, radius) }
            #expect(index.neighbours(ofAll: queries, within: radius) == expected, comment)
            #expect(queries.map { index.neighbours(of: $0, within: radius) } == expected, comment)
        }
    }

    @Test(arguments: [0, 1, 2, 31, 32, 33, 63, 64, 65, 127, 255, 256, 257, 1000, 5000])
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

    @Test(arguments: [0, 1, 63, 64, 65, 255, 256, 257, 511, 513])
    func everySizeAroundABlockOfTheScanIsSearchedToItsEnd(_ size: Int) {
        var random = SeededGenerator(seed: UInt64(size))
        let hashes = (0..<size).map { _ in random.hash() }
        expectSame(hashes, Array(hashes.suffix(3)) + [.zero], radii: [0, 31, 64], "\(size) hashes")
    }

    @Test func sameAsBruteForceOnAdversarialHashes() {
        var random = SeededGenerator(seed: 99)
        let half = random.hash().words
        let ones = PDQHash.zero.complement
        let hashes = random.adversarialHashes(half: half)
        expectSame(
            hashes, [.zero, ones, PDQHash(words: half), random.neighbour(of: ones, at: 31)],
            "adversarial")
    }

    @Test func sameAsBruteForceOnClusters() {
        var random = SeededGenerator(seed: 5)
        // Copies of few pictures, each within some bits of its original, as real lists have them.
        let originals = (0..<20).map { _ in random.hash() }
        let hashes = (0..<4000).map {
            random.neighbour(of: originals[$0 % 20], at: $0 % 37)
        }
        let queries = (0..<12).map { random.neighbour(of: originals[$0], at: 3 * $0) }
        expectSame(hashes, queries, "clusters, as planned")
        for chunks in [11, 16] {
            expectSame(
                hashes, queries, index: HashIndex(hashes, radius: 31, chunks: chunks, keyBits: 12),
                "clusters, \(chunks) chunks")
        }
    }

    @Test func everyRadiusGivesTheSameByTheTables() throws {
        var random = SeededGenerator(seed: 64)
        let base = random.hash()
        let hashes = (0..<1500).map { random.neighbour(of: base, at: $0 % 80) }
        let queries = [base, random.neighbour(of: base, at: 9), random.hash()]
        for (chunks, keyBits) in [(9, 15), (11, 16), (13, 19), (16, 16), (16, 9), (32, 8)] {
            let index = HashIndex(hashes, radius: 31, chunks: chunks, keyBits: keyBits)
            var reached = 0
            for radius in 0...64 {
                for query in queries {
                    guard let found = index.neighboursByTables(of: query, within: radius) else {
                        continue
                    }
                    reached = radius
                    #expect(
                        found == bruteForce(hashes, query, radius),
                        "\(chunks) chunks of \(keyBits), radius \(radius)")
                }
            }
            #expect(reached >= 48)
        }
    }

    @Test(arguments: [10, 11, 12, 13, 16, 20, 25, 32])
    func tablesAgreeWithBruteForceForEveryNumberOfChunks(_ chunks: Int) {
        var random = SeededGenerator(seed: UInt64(chunks))
        let half = random.hash().words
        var hashes = (0..<400).map { _ in random.hash() } + [.zero, PDQHash.zero.complement]
        hashes += random.adversarialHashes(half: half)
        var queries = [PDQHash.zero, PDQHash(words: half), random.hash()]
        for base in hashes.prefix(20) {
            for bits in [0, 1, 9, 15, 30, 31, 32] {
                queries.append(random.neighbour(of: base, at: bits))
            }
        }
        for keyBits in [min(18, 256 / chunks), min(18, 256 / chunks) - 3] {
            let index = HashIndex(hashes, radius: 31, chunks: chunks, keyBits: keyBits)
            for query in queries {
                for radius in [0, 1, 2, 10, 11, 12, 13, 15, 16, 20, 30, 31] {
                    #expect(
                        index.neighboursByTables(of: query, within: radius)
                            == bruteForce(hashes, query, radius), "radius \(radius)")
                }
            }
        }
    }

    @Test(arguments: [63, 64, 65, 255, 256, 257, 5000, 70_000])
    func allDuplicatesInOneBucketAreFound(_ copies: Int) {
        var random = SeededGenerator(seed: UInt64(copies))
        let hash = random.hash()
        // 70,000 are more than the directory can count within a block.
        var hashes = (0..<300).map { _ in random.hash() }
        hashes += [PDQHash](repeating: hash, count: copies)
        hashes += (0..<300).map { _ in random.hash() }
        let index = HashIndex(hashes, radius: 31, chunks: 16)
        for query in [hash, random.neighbour(of: hash, at: 31), random.neighbour(of: hash, at: 32)]
        {
            let expected = bruteForce(hashes, query, 31)
            #expect(index.neighboursByTables(of: query, within: 31) == expected)
            #expect(index.neighbours(of: query, within: 31) == expected)
            #expect(index.neighbours(ofAll: [query, hashes[0]], within: 31).first == expected)
        }
        #expect(index.neighboursByTables(of: hashes[0], within: 0)?.first?.index == 0)
        #expect(index.neighboursByTables(of: hashes[copies + 599], within: 0)?.count == 1)
    }

    @Test func largeSetsUseTablesAndGiveTheSameAnswers() {
        var random = SeededGenerator(seed: 77)
        var hashes = (0..<200_000).map { _ in random.hash() }
        for number in 0..<50 { hashes.append(random.neighbour(of: hashes[number], at: number)) }
        let index = HashIndex(hashes)
        #expect(index.usesTables(radius: 31) && !index.usesTables(radius: 64))
        #expect(!index.usesTables(radius: -1) && !index.usesTables(radius: 65))
        expectSame(
            hashes, Array(hashes.prefix(30)), index: index, radii: [20, 31, 48, 64], "large")
        #expect(!HashIndex(Array(hashes.prefix(1000))).usesTables(radius: 31))
    }

    @Test func whatTheTablesCannotAnswerCheaplyTheScanAnswers() {
        var random = SeededGenerator(seed: 3)
        let picture = random.hash()
        // Half of the list is one picture: far more entries than planned for.
        let hashes = (0..<100_000).map {
            $0 % 2 == 0 ? random.neighbour(of: picture, at: $0 % 5) : random.hash()
        }
        let index = HashIndex(hashes)
        #expect(index.usesTables(radius: 31))
        expectSame(
            hashes, [picture, hashes[1], picture], index: index, radii: [3, 31], "one picture")
    }

    @Test func oneIndexServesManyThreads() async {
        var random = SeededGenerator(seed: 12)
        let hashes = (0..<60_000).map { _ in random.hash() }
        let queries = (0..<40).map { random.neighbour(of: hashes[$0], at: $0) }
        let index = HashIndex(hashes)
        let expected = queries.map { bruteForce(hashes, $0, 31) }
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    queries.map { index.neighbours(of: $0, within: 31) } == expected
                        && index.neighbours(ofAll: queries, within: 31) == expected
                }
            }
            for await same in group { #expect(same) }
        }
    }

    @Test func memoryIsCounted() {
        var random = SeededGenerator(seed: 1)
        let hashes = (0..<100_000).map { _ in random.hash() }
        #expect(HashIndex([]).byteCount == 0)
        #expect(HashIndex(Array(hashes.prefix(100))).byteCount == 3200)
        let bytes = HashIndex(hashes).byteCount
        #expect(bytes > 32 * 100_000 && bytes < 120 * 100_000)
    }

    @Test func plansStayWithinTheirMemory() {
        // 32 bytes a hash and at most 58 for the tables, in sets of millions.
        for count in [5_000_000, 10_000_000, 20_000_000, 100_000_000] {
            let bytes = HashIndex.plannedBytes(count: count, radius: 31)
            #expect(Double(bytes) / Double(count) < 90, "\(count) hashes")
            #expect(bytes > 36 * count, "\(count) hashes: there are tables")
        }
    }

    @Test func negativeRadiusFindsNothing() {
        #expect(HashIndex([.zero]).neighbours(of: .zero, within: -1).isEmpty)
        #expect(HashIndex([.zero]).neighbours(ofAll: [.zero], within: -1) == [[]])
        #expect(HashIndex([.zero]).neighbours(ofAll: [], within: 31).isEmpty)
    }
}

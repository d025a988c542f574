// Searches for a hash and its complement, and searches in a range, against brute force: alone, in
// batches, by the scan and by the tables.

import Fingerprint
import Known
import Match
import TestSupport
import Testing

/// Comparing with each hash and with its complement.
private func bruteForceWithNegatives(
    _ hashes: [PDQHash], _ query: PDQHash, _ radius: Int, in range: Range<Int>
) -> [HashIndex.Neighbour] {
    range.compactMap { index in
        let distance = hashes[index].distance(to: query)
        if distance <= radius { return .init(index: index, distance: distance) }
        let other = hashes[index].distance(to: query.complement)
        return other <= radius
            ? .init(index: index, distance: other, isNegative: true) : nil
    }
}

@Suite struct NegativeSearchTests {
    private func expectSame(
        _ hashes: [PDQHash], _ queries: [PDQHash], index: HashIndex, radii: [Int],
        _ comment: Comment
    ) {
        for radius in radii {
            let expected = queries.map {
                bruteForceWithNegatives(hashes, $0, radius, in: hashes.indices)
            }
            let found = index.neighbours(ofAll: queries, within: radius, negatives: true)
            #expect(found == expected, "radius \(radius), \(comment)")
            let alone = queries.map {
                index.neighbours(ofAll: [$0], within: radius, negatives: true)[0]
            }
            #expect(alone == expected, "alone, radius \(radius), \(comment)")
        }
    }

    /// Hashes and queries near to one another and to one another's complements.
    private func planted(
        _ size: Int, _ random: inout SeededGenerator
    ) -> (hashes: [PDQHash], queries: [PDQHash]) {
        var hashes = (0..<size).map { _ in random.hash() }
        var queries = [random.hash(), PDQHash.zero]
        for (number, base) in hashes.prefix(8).enumerated() {
            for bits in [0, 1, 30, 31, 32, 60, 64, 72, 73] {
                let near = random.neighbour(of: base, at: bits)
                queries.append(number % 2 == 0 ? near : near.complement)
                hashes.append(random.neighbour(of: base, at: bits))
                hashes.append(random.neighbour(of: base, at: bits).complement)
            }
        }
        return (hashes, queries)
    }

    @Test(arguments: [0, 1, 31, 63, 64, 65, 255, 256, 257, 1000, 5000])
    func scansFindNegatives(_ size: Int) {
        var random = SeededGenerator(seed: UInt64(size) + 70)
        let (hashes, queries) = planted(size, &random)
        expectSame(
            hashes, queries, index: HashIndex(hashes), radii: [0, 1, 31, 32, 64, 72, 100],
            "\(size) hashes")
    }

    @Test(arguments: [(11, 12), (16, 12), (16, 16), (20, 9)])
    func tablesOfAnyShapeFindNegatives(_ chunks: Int, _ keyBits: Int) {
        var random = SeededGenerator(seed: UInt64(chunks * 100 + keyBits))
        let (hashes, queries) = planted(2000, &random)
        let index = HashIndex(hashes, radius: 31, chunks: chunks, keyBits: keyBits)
        expectSame(
            hashes, queries, index: index, radii: [0, 15, 31, 40, 64], "\(chunks), \(keyBits)")
    }

    @Test func largeSetsFindNegativesByTheTables() {
        var random = SeededGenerator(seed: 71)
        let (hashes, queries) = planted(150_000, &random)
        let index = HashIndex(hashes)
        #expect(index.usesTables(radius: 20, queries: 2, negatives: true))
        #expect(!index.usesTables(radius: 64, queries: 2, negatives: true))
        expectSame(
            hashes, Array(queries.prefix(12)), index: index, radii: [10, 20, 31, 64], "large")
    }

    @Test func whatTheTablesCannotAnswerCheaplyTheScanAnswers() {
        var random = SeededGenerator(seed: 72)
        let picture = random.hash()
        // A third of the list is one picture, a third its negative.
        let hashes = (0..<60_000).map { number in
            let near = random.neighbour(of: picture, at: number % 5)
            return [near, near.complement, random.hash()][number % 3]
        }
        let index = HashIndex(hashes)
        expectSame(
            hashes, [picture, hashes[1], hashes[2]], index: index, radii: [3, 31], "one picture")
    }

    @Test func rangesAreSearchedAlone() {
        var random = SeededGenerator(seed: 73)
        for size in [1, 64, 257, 3000] {
            let (hashes, queries) = planted(size, &random)
            let index = HashIndex(hashes)
            let count = hashes.count
            for range in [
                0..<count, 0..<0, count..<count, 0..<1, count - 1..<count, count / 3..<count / 2,
                min(255, count)..<min(257, count),
            ] {
                for (radius, negatives) in [(0, false), (31, true), (64, false), (100, true)] {
                    let expected = queries.map { query in
                        bruteForceWithNegatives(hashes, query, radius, in: range)
                            .filter { negatives || !$0.isNegative }
                    }
                    let found = index.neighbours(
                        ofAll: queries, within: radius, negatives: negatives, in: range)
                    #expect(found == expected, "\(range) of \(count), radius \(radius)")
                }
            }
            let none = index.neighbours(
                ofAll: queries, within: -1, negatives: true, in: 0..<count)
            #expect(none.joined().isEmpty && none.count == queries.count)
            #expect(index.neighbours(ofAll: [], within: 31, negatives: true).isEmpty)
        }
    }
}

@Suite struct ItemSearchTests {
    /// Sets of images and videos of which some, all or none of the hashes take part.
    private func sets(_ random: inout SeededGenerator, base: PDQHash) throws -> [KnownSet] {
        try [(0, 100), (100, 100), (40, 60), (0, 49), (49, 51)].enumerated().map { number, range in
            var set = KnownSet(name: "set \(number)", createdUnixSeconds: 0)
            for item in 0..<25 {
                let frames = number % 2 == 0 ? Int.random(in: 1...6, using: &random) : 1
                let hashes = (0..<frames).map { frame in
                    let near = random.neighbour(
                        of: base, at: Int.random(in: 1...110, using: &random))
                    return KnownHash(
                        hash: Bool.random(using: &random) ? near : near.complement,
                        quality: UInt8.random(in: UInt8(range.0)...UInt8(range.1), using: &random),
                        time: Float(frame) * 2)
                }
                try set.add(
                    KnownItem(
                        id: "i\(item)", kind: number % 2 == 0 ? .video : .image,
                        durationSeconds: number % 2 == 0 ? 12 : 0),
                    hashes: hashes)
            }
            return set
        }
    }

    @Test func hashesOfAnItemAreThoseThatTakePart() throws {
        var random = SeededGenerator(seed: 21)
        let base = random.hash()
        let sets = try sets(&random, base: base)
        for chosen in [[0], [1], [2], [3], [0, 1, 2, 3, 4], [3, 0], [4, 1, 4]] {
            let used = chosen.map { sets[$0] }
            let index = KnownIndex(used, policy: MatchPolicy())
            var (item, number) = (0, 0)
            for set in used {
                for place in set.items.indices {
                    let count = set.hashes(ofItemAt: place).count { $0.quality >= 50 }
                    #expect(index.hashes(ofItem: item) == number..<number + count, "\(chosen)")
                    item += 1
                    number += count
                }
            }
            #expect(index.hashCount == number)
        }
    }

    @Test func sightingsAreThoseOfBruteForce() throws {
        var random = SeededGenerator(seed: 22)
        let base = random.hash()
        let sets = try sets(&random, base: base)
        let index = KnownIndex(sets, policy: MatchPolicy())
        let frame = [
            FrameFingerprint(hash: base, quality: 90, mediaTime: 0, frame: 0),
            FrameFingerprint(
                hash: random.neighbour(of: base, at: 20), quality: 90, mediaTime: 0, frame: 0,
                variant: Variant(form: .flipX), region: PictureRegion(.window),
                isNegativeSought: true),
            FrameFingerprint(hash: base, quality: 49, mediaTime: 0, frame: 0),
        ]
        var item = 0
        for set in sets {
            for place in set.items.indices {
                for radius in [0, 31, 70, 100] {
                    let found = index.sightings(of: item, in: frame, within: radius)
                    let expected = Self.bruteForce(
                        set.hashes(ofItemAt: place), frame, radius: radius,
                        first: index.hashes(ofItem: item).lowerBound)
                    #expect(
                        Set(found.map(Sighting.init)) == Set(expected), "item \(item), \(radius)")
                    #expect(found.count == expected.count)
                    #expect(found.allSatisfy { $0.item == item })
                }
                item += 1
            }
        }
    }

    @Test func framesTogetherHaveTheHitsOfEach() throws {
        var random = SeededGenerator(seed: 23)
        let base = random.hash()
        let sets = try sets(&random, base: base)
        let index = KnownIndex(sets, policy: MatchPolicy(reach: .affordable))
        #expect(index.reach > index.policy.radius, "there is weak evidence to look for")
        let frames = (0..<40).map { number in
            // Some have no form at all, some none that takes part.
            (0..<number % 5).map { form in
                FrameFingerprint(
                    hash: random.neighbour(of: base, at: Int.random(in: 0...60, using: &random)),
                    quality: number % 7 == 0 ? 49 : 90, mediaTime: Double(number), frame: number,
                    variant: Variant(form: DihedralForm.allCases[(number + form) % 8]),
                    isNegativeSought: form % 2 == 0)
            }
        }
        let each = frames.map { index.hits($0) }
        #expect(index.hits(ofEach: frames) == each)
        #expect(each.count { !$0.isEmpty } > 20)
        #expect(index.hits(ofEach: []).isEmpty)
    }

    fileprivate struct Sighting: Hashable {
        var hash: Int
        var time: Double
        var distance: Int
        var variant: Variant
        var kind: PictureRegion.Kind
        var query: PDQHash
    }

    private static func bruteForce(
        _ known: [KnownHash], _ frame: [FrameFingerprint], radius: Int, first: Int
    ) -> [Sighting] {
        let partaking = known.filter { $0.quality >= 50 }
        return frame.filter { $0.quality >= 50 }.flatMap { form in
            partaking.enumerated().flatMap { number, known -> [Sighting] in
                (form.isNegativeSought ? [false, true] : [false]).compactMap { isNegative in
                    let query = isNegative ? form.hash.complement : form.hash
                    let distance = query.distance(to: known.hash)
                    guard distance <= radius else { return nil }
                    return Sighting(
                        hash: first + number, time: Double(known.time), distance: distance,
                        variant: Variant(form: form.variant.form, isNegative: isNegative),
                        kind: form.region.kind, query: query)
                }
            }
        }
    }
}

extension ItemSearchTests.Sighting {
    fileprivate init(_ hit: Hit) {
        self.init(
            hash: hit.knownHash, time: hit.knownTime, distance: hit.distance,
            variant: hit.variant, kind: hit.region.kind, query: hit.query)
    }
}

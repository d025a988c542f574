// The nearest hash, however far: held to comparing with every one.

import Fingerprint
import Match
import TestSupport
import Testing

@Suite struct NearestTests {
    private func least(
        _ hashes: [PDQHash], _ queries: [PDQHash], _ range: Range<Int>, negatives: Bool
    ) -> Int? {
        queries.flatMap { query in
            range.map { place in
                let distance = query.distance(to: hashes[place])
                return negatives ? min(distance, 256 - distance) : distance
            }
        }.min()
    }

    @Test(arguments: [1, 255, 256, 257, 3000])
    func sameAsComparingWithEachHash(_ count: Int) {
        var random = SeededGenerator(seed: UInt64(count))
        let hashes = (0..<count).map { _ in random.hash() }
        let index = HashIndex(hashes)
        for round in 0..<20 {
            var queries = (0..<1 + round % 5).map { _ in random.hash() }
            // Some stand near to one hash, or near to its complement.
            let near = random.neighbour(of: hashes[round * 7 % count], at: 3 * round)
            queries.append(round % 2 == 0 ? near : near.complement)
            let range = round % 3 == 0 ? 0..<count : count / 3..<count
            for negatives in [false, true] {
                let found = index.nearest(
                    ofAll: queries, within: .max, negatives: negatives, in: range)
                let expected = least(hashes, queries, range, negatives: negatives)
                #expect(found?.neighbour.distance == expected.flatMap { $0 <= 128 ? $0 : nil })
                guard let found else { continue }
                let hash = hashes[found.neighbour.index]
                let query = queries[found.query]
                #expect(range.contains(found.neighbour.index))
                #expect(
                    (found.neighbour.isNegative ? query.complement : query).distance(to: hash)
                        == found.neighbour.distance)
            }
        }
    }

    @Test func looksNoFurtherThanAskedFor() {
        let index = HashIndex([.zero])
        let far = PDQHash(words: SIMD4(0xff, 0, 0, 0))
        let found = { (radius: Int) in
            index.nearest(ofAll: [far], within: radius, negatives: false, in: 0..<1)?.neighbour
        }
        #expect(found(7) == nil && found(-1) == nil)
        #expect(found(8) == .init(index: 0, distance: 8))
        #expect(index.nearest(ofAll: [], within: 128, negatives: true, in: 0..<1) == nil)
    }
}

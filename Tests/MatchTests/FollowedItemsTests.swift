// How many items are followed and how much is kept of them; and that chance, as it was measured,
// raises no alert in sets of any size. The search is made up, so that a set may have any size.

import Fingerprint
import Foundation
import Known
import Match
import Synchronization
import TestSupport
import Testing

/// Counts what it is asked, and answers as it was told to.
private final class ScriptedSearch: ItemSearch {
    let hashCount: Int
    let reach = 80
    let hashesEach: Int
    private let answer: @Sendable (_ item: Int, _ frame: Int) -> [Hit]
    private let asked = Mutex(0)

    init(
        items: Int, hashesEach: Int,
        answer: @escaping @Sendable (_ item: Int, _ frame: Int) -> [Hit]
    ) {
        hashCount = items * hashesEach
        self.hashesEach = hashesEach
        self.answer = answer
    }

    /// How often a frame was compared with an item, since it was last asked.
    func takeCount() -> Int {
        asked.withLock { count in
            defer { count = 0 }
            return count
        }
    }

    func hashes(ofItem item: Int) -> Range<Int> { item * hashesEach..<(item + 1) * hashesEach }

    func sightings(of item: Int, in frame: [FrameFingerprint], within radius: Int) -> [Hit] {
        asked.withLock { $0 += 1 }
        guard let number = frame.first?.frame else { return [] }
        return answer(item, number).filter { $0.distance <= radius }
    }
}

/// Items of a set that is as large as asked.
private struct MadeUpItems: RandomAccessCollection, Sendable {
    let startIndex = 0
    let endIndex: Int

    subscript(number: Int) -> IndexedItem {
        IndexedItem(
            reference: .init(set: "s", item: "\(number)", category: ""), kind: .video,
            duration: 20)
    }
}

@Suite struct FollowedItemsTests {
    private func evidence(_ search: ScriptedSearch) -> Evidence {
        Evidence(
            input: "in", rules: EvidenceRules(),
            items: MadeUpItems(endIndex: search.hashCount / search.hashesEach), search: search)
    }

    private func observe(
        _ evidence: inout Evidence, frame: Int, forms: Int = 1, hits: [Hit]
    ) -> [EvidenceAction] {
        var random = SeededGenerator(seed: UInt64(frame))
        let prints = (0..<forms).map { _ in
            FrameFingerprint(
                hash: random.hash(), quality: 100, mediaTime: Double(frame), frame: frame)
        }
        return evidence.observe(
            at: Double(frame) * 2, isUsable: true, forms: prints, hits: hits,
            makeID: { AlertID(unixMilliseconds: 1, using: &random) })
    }

    private static func hit(item: Int, frame: Int, distance: Int) -> Hit {
        var random = SeededGenerator(seed: UInt64(item * 100_003 + frame))
        return Hit(
            item: item, knownHash: item * 10, knownTime: Double(frame % 10) * 2, knownSpan: 2,
            distance: distance, variant: .original, query: random.hash())
    }

    @Test func itemsFollowedAndFramesKeptAreBounded() {
        // Every frame comes near to another item.
        let search = ScriptedSearch(items: 2000, hashesEach: 10) { item, frame in
            item == frame ? [Self.hit(item: item, frame: frame, distance: 60)] : []
        }
        var evidence = evidence(search)
        for frame in 0..<1000 {
            let actions = observe(
                &evidence, frame: frame,
                hits: [Self.hit(item: frame, frame: frame, distance: 60)])
            #expect(actions.isEmpty)
            #expect(evidence.suspicions.count <= 8, "frame \(frame)")
            // The frame with the items followed, and what is kept with the new one.
            #expect(search.takeCount() <= 8 + 32, "frame \(frame)")
        }
        // A frame that comes near to all of them at once.
        let crowd = (0..<1000).map { Self.hit(item: $0, frame: 1000, distance: 60) }
        _ = observe(&evidence, frame: 1000, hits: crowd)
        #expect(evidence.suspicions.count <= 8)
        #expect(search.takeCount() <= 8 + 32 * 8, "as if it came near to the nearest eight")
        for frame in 1001..<1100 { _ = observe(&evidence, frame: frame, hits: []) }
        #expect(search.takeCount() <= 8 * 99)
    }

    @Test func aSceneNearToThousandsOfItemsCostsNoMoreThanAScene() {
        // Not only those of one frame: the same picture goes on and on.
        let search = ScriptedSearch(items: 3000, hashesEach: 10) { item, frame in
            [Self.hit(item: item, frame: frame, distance: 48 + item % 10)]
        }
        var evidence = evidence(search)
        for frame in 0..<40 {
            let crowd = (0..<3000).map {
                Self.hit(item: $0, frame: frame, distance: 48 + $0 % 10)
            }
            _ = observe(&evidence, frame: frame, hits: crowd)
            #expect(search.takeCount() <= 8 + 32 * 8, "frame \(frame)")
        }
    }

    @Test func whatHasMostToItIsNotCrowdedOut() {
        let search = ScriptedSearch(items: 2000, hashesEach: 10) { item, frame in
            if item == 5 {
                return frame == 1 ? [Self.hit(item: 5, frame: frame, distance: 40)] : []
            }
            return item == frame + 100 ? [Self.hit(item: item, frame: frame, distance: 60)] : []
        }
        var evidence = evidence(search)
        _ = observe(&evidence, frame: 1, hits: [Self.hit(item: 5, frame: 1, distance: 40)])
        for frame in 2..<30 {
            _ = observe(
                &evidence, frame: frame,
                hits: [Self.hit(item: frame + 100, frame: frame, distance: 60)])
            #expect(evidence.suspicions.first?.item == 5, "frame \(frame)")
        }
    }

    @Test func bitsFallAsTheSetGrows() {
        let bits = [1, 10, 1000, 100_000, 10_000_000].map { items in
            let search = ScriptedSearch(items: items, hashesEach: 10) { item, frame in
                frame < 3 ? [Self.hit(item: item, frame: frame, distance: 50)] : []
            }
            var evidence = evidence(search)
            var most = -Double.infinity
            for frame in 0..<3 {
                _ = observe(
                    &evidence, frame: frame,
                    hits: [Self.hit(item: 0, frame: frame, distance: 50)])
                most = max(most, evidence.suspicions.first?.bits ?? most)
            }
            return most
        }
        // By as many bits as there are more items to choose from.
        for (pair, factor) in zip(zip(bits, bits.dropFirst()), [10.0, 100, 100, 100]) {
            #expect(abs(pair.0 - pair.1 - log2(factor)) < 0.001, "\(bits)")
        }
    }

    /// Distances as the model has them: the smallest whose probability is at least u.
    private static let distances: [(log2: Double, distance: Int)] = (0...100).map {
        (ChanceModel.log2Probability(within: $0), $0)
    }

    private static func distance(log2U: Double) -> Int? {
        distances.first { $0.log2 >= log2U }?.distance
    }

    private static let probes = 16

    /// What chance gives of one item in one frame, given that one comparison came within some.
    private static func chance(item: Int, frame: Int, found: Int?) -> [Hit] {
        var random = SeededGenerator(seed: UInt64(item) << 24 | UInt64(frame))
        var hits: [Hit] = []
        let limit = UInt64(exp2(64 + ChanceModel.log2Probability(within: 100)))
        for probe in 0..<probes {
            for hash in 0..<10 {
                let draw = random.next()
                let isFound = found != nil && probe == 0 && hash == frame % 10
                guard draw < limit || isFound else { continue }
                let log2U = log2(Double(draw) + 1) - 64
                guard let distance = isFound ? found : Self.distance(log2U: log2U) else { continue }
                var query = SeededGenerator(seed: UInt64(frame * 64 + probe))
                hits.append(
                    Hit(
                        item: item, knownHash: item * 10 + hash, knownTime: Double(hash) * 2,
                        knownSpan: 2, distance: distance,
                        variant: Variant.all[probe % 4], query: query.hash()))
            }
        }
        return hits
    }

    /// The items that chance brings within reach of a frame, and how near.
    private static func found(_ frame: Int, items: Int, reach: Int) -> [(item: Int, distance: Int)]
    {
        var random = SeededGenerator(seed: UInt64(frame) &* 7 &+ UInt64(items))
        let log2Reach = ChanceModel.log2Probability(within: reach)
        let mean = exp2(log2Reach) * Double(items * 10 * probes)
        var found: [(Int, Int)] = []
        // Ten tries with a tenth of the mean each.
        for _ in 0..<10 where Double.random(in: 0..<1, using: &random) < mean / 10 {
            let log2U = log2Reach + log2(Double.random(in: 1e-12..<1, using: &random))
            let item = Int.random(in: 0..<items, using: &random)
            if let distance = distance(log2U: log2U) { found.append((item, distance)) }
        }
        return found
    }

    @Test(arguments: [10, 1000, 100_000, 10_000_000])
    func whatChanceGivesIsNoAlert(_ items: Int) {
        let frames = 4000
        // As far as a search may go, so that chance has most to give.
        let reach = ChanceModel.reach(hashes: items * 10) + 4
        let found = (0..<frames).map { Self.found($0, items: items, reach: reach) }
        let search = ScriptedSearch(items: items, hashesEach: 10) { item, frame in
            Self.chance(
                item: item, frame: frame,
                found: found[frame].first { $0.item == item }?.distance)
        }
        var evidence = evidence(search)
        var (most, followed) = (-Double.infinity, 0)
        for frame in 0..<frames {
            let hits = found[frame].compactMap { item, distance in
                Self.chance(item: item, frame: frame, found: distance)
                    .min { $0.distance < $1.distance }
            }
            let actions = observe(&evidence, frame: frame, forms: Self.probes, hits: hits)
            #expect(actions.isEmpty, "frame \(frame)")
            let suspicions = evidence.suspicions
            followed = max(followed, suspicions.count)
            most = max(most, suspicions.first?.bits ?? most)
        }
        #expect(followed > 0, "chance gave something to follow")
        #expect(most < EvidenceRules().likelihoodBits, "\(most) bits")
    }
}

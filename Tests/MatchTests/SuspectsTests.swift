// Weak sightings: what adds up to an alert, and what does not. Frames are hashes, a true copy's 45
// bits from the known ones.

import Fingerprint
import Known
import Match
import TestSupport
import Testing

/// Frames shown to evidence, and what came of them.
struct Watcher {
    private var evidence: Evidence
    private let index: KnownIndex
    private var random = SeededGenerator(seed: 1)
    private(set) var opened: [Alert] = []
    private(set) var closed: [Alert] = []
    /// The most bits that any item had after any frame before an alert.
    private(set) var mostBits = -Double.infinity

    init(_ index: KnownIndex, rules: EvidenceRules = EvidenceRules()) {
        self.index = index
        evidence = Evidence(
            input: "in", rules: rules, items: index.items, policy: index.policy, search: index)
    }

    mutating func see(_ forms: [FrameFingerprint], at time: Double) {
        var (evidence, random) = (evidence, random)
        let actions = evidence.observe(
            at: time, isUsable: true, forms: forms, hits: index.hits(forms),
            makeID: { AlertID(unixMilliseconds: 1, using: &random) })
        (self.evidence, self.random) = (evidence, random)
        take(actions)
        for suspicion in evidence.suspicions { mostBits = max(mostBits, suspicion.bits) }
    }

    mutating func end() {
        var (evidence, random) = (evidence, random)
        take(evidence.finish(makeID: { AlertID(unixMilliseconds: 1, using: &random) }))
        (self.evidence, self.random) = (evidence, random)
    }

    private mutating func take(_ actions: [EvidenceAction]) {
        for action in actions {
            switch action {
            case .opened(let alert): opened.append(alert)
            case .closed(let alert): closed.append(alert)
            }
        }
    }
}

@Suite struct SuspectsTests {
    private static let threshold = EvidenceRules().likelihoodBits
    private static let film: [PDQHash] = {
        var random = SeededGenerator(seed: 2024)
        return (0..<40).map { _ in random.hash() }
    }()

    /// The film, a hash a second, among unrelated videos of ten hashes each.
    private func index(others: Int = 200) throws -> KnownIndex {
        var random = SeededGenerator(seed: UInt64(others))
        var set = KnownSet(name: "s", createdUnixSeconds: 0)
        try set.add(
            KnownItem(id: "film", kind: .video, durationSeconds: 40),
            hashes: Self.film.enumerated().map {
                KnownHash(hash: $1, quality: 100, time: Float($0))
            })
        for number in 0..<others {
            try set.add(
                KnownItem(id: "other \(number)", kind: .video, durationSeconds: 20),
                hashes: (0..<10).map {
                    KnownHash(hash: random.hash(), quality: 100, time: Float($0) * 2)
                })
        }
        return KnownIndex([set], policy: MatchPolicy(reach: .full))
    }

    private func frame(
        _ hash: PDQHash, variant: Variant = .original, isLowStructure: Bool = false
    ) -> FrameFingerprint {
        FrameFingerprint(
            hash: hash, quality: 100, mediaTime: 0, frame: 0, variant: variant,
            isLowStructure: isLowStructure)
    }

    /// Shows frames every two seconds, twenty unrelated ones before and behind them.
    private func watch(
        _ frames: [FrameFingerprint], others: Int = 200, seed: UInt64 = 9
    ) throws -> Watcher {
        var watcher = Watcher(try index(others: others))
        var random = SeededGenerator(seed: seed)
        let unrelated = (0..<40).map { _ in frame(random.hash()) }
        let all = Array(unrelated.prefix(20)) + frames + Array(unrelated.suffix(20))
        for (number, frame) in all.enumerated() { watcher.see([frame], at: Double(number) * 2) }
        watcher.end()
        return watcher
    }

    private func weak(
        _ known: [Int], distance: Int = 45, seed: UInt64 = 4
    ) -> [FrameFingerprint] {
        var random = SeededGenerator(seed: seed)
        return known.map { frame(random.neighbour(of: Self.film[$0], at: distance)) }
    }

    @Test func threeWeakSightingsInOrderAreOneAlert() throws {
        for distance in [40, 45] {
            let watcher = try watch(weak([4, 6, 8], distance: distance))
            #expect(watcher.opened.count == 1 && watcher.closed.count == 1)
            let alert = try #require(watcher.closed.first)
            #expect(alert.rule == "likelihood" && alert.known.item == "film")
            #expect(alert.bestDistance == distance && alert.framesMatched >= 2)
            #expect(alert.firstSeen >= 40 && alert.lastSeen <= 44)
        }
    }

    @Test func aShowingIsToldOnce() throws {
        // A chance sighting of the item, long after its showing was over, while the frames of the
        // showing are still remembered.
        for variant in [Variant.original, Variant(form: .flipY)] {
            var watcher = Watcher(try index())
            var random = SeededGenerator(seed: 31)
            for number in 0..<6 {
                let near = random.neighbour(of: Self.film[4 * number], at: 10)
                watcher.see([frame(near)], at: Double(number) * 4)
            }
            for number in 6..<24 { watcher.see([frame(random.hash())], at: Double(number) * 4) }
            let chance = random.neighbour(of: Self.film[9], at: 64)
            watcher.see([frame(chance, variant: variant)], at: 96)
            for number in 25..<40 { watcher.see([frame(random.hash())], at: Double(number) * 4) }
            watcher.end()
            #expect(watcher.opened.count == 1 && watcher.closed.count == 1)
            #expect(watcher.closed.first?.framesMatched == 6)
        }
    }

    @Test func framesThatAreAlikeAmongThemselvesDoNotAddUp() throws {
        // One picture, then thirty that are the same, a little off the first.
        var random = SeededGenerator(seed: 32)
        let first = random.neighbour(of: Self.film[3], at: 56)
        var same = random.neighbour(of: first, at: 20)
        while same.distance(to: Self.film[4]) < 100, same.distance(to: Self.film[3]) > 60 {
            same = random.neighbour(of: first, at: 20)
        }
        let watcher = try watch(
            [frame(first)] + (0..<30).map { _ in frame(same) }, others: 2000)
        #expect(watcher.opened.isEmpty && watcher.mostBits < Self.threshold)
    }

    @Test(arguments: [0.5, 1, 2, -0.5, -1, -2])
    func anySpeedAndDirectionIsRecognised(_ speed: Double) throws {
        let start = speed > 0 ? 5.0 : 35
        let known = (0..<5).map { Int(start + Double($0) * 2 * speed) }
        for seed in 0..<5 {
            let watcher = try watch(weak(known, seed: UInt64(seed)))
            #expect(watcher.opened.map(\.rule) == ["likelihood"], "\(known)")
        }
    }

    @Test func whatFitsInTimeCountsMoreThanWhatDoesNot() throws {
        let inOrder = try watch(weak([10, 12, 14], distance: 54))
        let jumping = try watch(weak([10, 39, 2], distance: 54))
        #expect(inOrder.mostBits > jumping.mostBits)
    }

    @Test func theSameWeakFrameAgainAndAgainIsNotEnough() throws {
        let same = weak([7])[0]
        let still = try watch([FrameFingerprint](repeating: same, count: 60))
        #expect(still.opened.isEmpty && still.mostBits < Self.threshold)
        // Nor with what a coder adds to each.
        var random = SeededGenerator(seed: 6)
        let grainy = (0..<60).map { _ in frame(random.neighbour(of: same.hash, at: 4)) }
        let watcher = try watch(grainy)
        #expect(watcher.opened.isEmpty && watcher.mostBits < Self.threshold)
    }

    @Test func oneWeakFrameOfAVideoIsNotEnough() throws {
        for others in [0, 10, 1000] {
            for distance in [32, 45, 55] {
                let watcher = try watch(weak([7], distance: distance), others: others)
                // However much it is worth: it may be one that the video shares with others.
                #expect(watcher.opened.isEmpty, "\(distance) bits, \(others) others")
            }
        }
    }

    @Test func otherFormsInEachFrameAreNoWitnesses() throws {
        let forms: [Variant] = [
            .original, Variant(form: .flipX), Variant(form: .rotate90, isNegative: true),
            Variant(form: .rotate180), Variant(isNegative: true), Variant(form: .flipPlus1),
        ]
        let sightings = weak([4, 6, 8, 10, 12, 14])
        let mixed = zip(sightings, forms).map { frame($0.hash, variant: $1) }
        #expect(try watch(mixed).opened.isEmpty)
        let mirrored = sightings.map { frame($0.hash, variant: Variant(form: .flipY)) }
        let watcher = try watch(mirrored)
        #expect(watcher.opened.map(\.variant) == ["flipY"])
    }

    @Test func unrelatedFramesAreNoAlert() throws {
        for (others, frames) in [(0, 4000), (20, 4000), (200, 4000), (2000, 1500)] {
            var watcher = Watcher(try index(others: others))
            var random = SeededGenerator(seed: UInt64(others) + 31)
            for number in 0..<frames {
                // Four forms of each, looked for as negatives as well.
                let forms = [DihedralForm.original, .flipX, .flipY, .rotate90].map {
                    var form = frame(random.hash(), variant: Variant(form: $0))
                    form.isNegativeSought = true
                    return form
                }
                watcher.see(forms, at: Double(number) * 2)
            }
            watcher.end()
            #expect(watcher.opened.isEmpty, "\(others) other videos")
            #expect(watcher.mostBits < Self.threshold)
        }
    }

    @Test func aLargerSetNeedsMoreEvidence() throws {
        let sightings = weak([4, 6], distance: 52)
        let bits = try [0, 10, 100, 1000, 3000].map { try watch(sightings, others: $0).mostBits }
        #expect(zip(bits, bits.dropFirst()).allSatisfy { $0 > $1 }, "\(bits)")
        // What is enough in a small set is not in a large one; one frame more is.
        let few = weak([4, 6], distance: 52)
        #expect(try watch(few, others: 0).opened.count == 1)
        #expect(try watch(few, others: 3000).opened.isEmpty)
        #expect(try watch(weak([4, 6, 8, 10], distance: 48), others: 3000).opened.count == 1)
    }
}

@Suite struct LowStructureTests {
    private static let film: [PDQHash] = {
        var random = SeededGenerator(seed: 88)
        return (0..<20).map { _ in random.hash() }
    }()

    private func index(_ kind: KnownKind) throws -> KnownIndex {
        var set = KnownSet(name: "s", createdUnixSeconds: 0)
        let hashes = kind == .video ? Self.film : [Self.film[0]]
        try set.add(
            KnownItem(id: "i", kind: kind, durationSeconds: kind == .video ? 40 : 0),
            hashes: hashes.enumerated().map {
                KnownHash(hash: $1, quality: 100, time: Float($0) * 2)
            })
        return KnownIndex([set], policy: MatchPolicy(reach: .full))
    }

    /// Shows frames of the film at a distance, those of `low` with too little structure.
    private func watch(
        _ known: [Int], low: Set<Int>, distance: Int, kind: KnownKind = .video, padding: Int = 0
    ) throws -> Watcher {
        var watcher = Watcher(try index(kind))
        var random = SeededGenerator(seed: 17)
        var hashes = known.map { (random.neighbour(of: Self.film[$0], at: distance), $0) }
        for _ in 0..<padding { hashes.append((random.hash(), -1)) }
        for (number, (hash, place)) in hashes.enumerated() {
            let form = FrameFingerprint(
                hash: hash, quality: 100, mediaTime: 0, frame: number,
                isLowStructure: low.contains(place))
            watcher.see([form], at: Double(number) * 2)
        }
        watcher.end()
        return watcher
    }

    @Test func strongHitsWithoutStructureAreNoAlert() throws {
        let all = Array(0..<8)
        for padding in [0, 30] {
            let watcher = try watch(all, low: Set(all), distance: 10, padding: padding)
            #expect(watcher.opened.isEmpty, "\(padding) other frames")
            let image = try watch(
                [0, 0, 0], low: [0], distance: 5, kind: .image, padding: padding)
            #expect(image.opened.isEmpty)
        }
    }

    @Test func strongHitsCountWhereOneHasStructure() throws {
        let all = Array(0..<8)
        // Two with structure make the video; one makes the share of a short input.
        let two = try watch(all, low: Set(all.dropLast(2)), distance: 10, padding: 30)
        #expect(two.opened.map(\.rule) == ["video_frames"])
        #expect(two.closed.first?.framesMatched == 8)
        // One does not, whatever those without do: they add nothing.
        let one = try watch(all, low: Set(all.dropFirst()), distance: 10)
        #expect(one.opened.isEmpty)
        let most = try watch(all, low: [1, 3], distance: 10)
        #expect(most.opened.count == 1)
        let image = try watch([0], low: [], distance: 5, kind: .image, padding: 30)
        #expect(image.opened.map(\.rule) == ["image_frames"])
    }

    @Test func weakHitsWithoutStructureAreNoAlert() throws {
        let all = Array(0..<8)
        let without = try watch(all, low: Set(all), distance: 45, padding: 10)
        #expect(without.opened.isEmpty && without.mostBits == -.infinity)
        let one = try watch(all, low: Set(all.dropLast()), distance: 45, padding: 10)
        #expect(one.opened.isEmpty)
        let beside = try watch(all, low: [2, 4, 6], distance: 45, padding: 10)
        #expect(beside.opened.map(\.rule) == ["likelihood"])
    }
}

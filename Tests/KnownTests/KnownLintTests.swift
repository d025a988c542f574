// What lint finds in sets of made-up hashes, and what it does not.

import Fingerprint
import Known
import Testing

@Suite struct KnownLintTests {
    /// Regular signs, as those of bars.
    private static let simple = PDQHash(words: SIMD4(repeating: 0x00ff_00ff_00ff_00ff))

    private var set = KnownSet(name: "n", createdUnixSeconds: 0)

    private mutating func add(_ id: String, _ hashes: [KnownHash]) throws {
        let kind: KnownKind = hashes.count == 1 ? .image : .video
        try set.add(KnownItem(id: id, kind: kind), hashes: hashes)
    }

    private func lint(limit: Int = 100) -> KnownLint {
        KnownLint(set, minimumQuality: 50, limit: limit)
    }

    @Test mutating func aSoundSetHasNoFindings() throws {
        var random = Seeded(1)
        for number in 0..<300 {
            let hashes = (0...number % 4).map {
                KnownHash(hash: random.hash(), quality: 80, time: Float($0))
            }
            try add("i\(number)", hashes)
        }
        let lint = lint()
        #expect(lint.total == 0 && lint.findings.isEmpty && lint.comparedNear)
        #expect(
            KnownLint(KnownSet(name: "", createdUnixSeconds: 0), minimumQuality: 50, limit: 9)
                .total == 0)
    }

    @Test mutating func findsEachReason() throws {
        var random = Seeded(2)
        let (a, b) = (random.hash(), random.hash())
        try add("flat", [KnownHash(hash: a, quality: 49)])
        try add("bars", [KnownHash(hash: Self.simple, quality: 100)])
        try add(
            "film",
            [
                KnownHash(hash: random.hash(), quality: 90),
                KnownHash(hash: b, quality: 9, time: 1),
                KnownHash(hash: Self.simple.complement, quality: 50, time: 2.5),
                KnownHash(hash: Self.simple, quality: 51, time: 3),
            ])
        // Of another item, but of no quality: takes part in nothing, so nothing is shared.
        try add("copy", [KnownHash(hash: a, quality: 80)])
        let found = lint().findings
        #expect(
            found.map { "\($0.item) \($0.reason.rawValue) \($0.hashes)/\($0.itemHashes)" } == [
                "flat low_quality 1/1", "flat no_usable_hash 1/1", "bars low_structure 1/1",
                "bars shared_hash 1/1", "bars no_usable_hash 1/1", "film low_quality 1/4",
                "film low_structure 2/4", "film shared_hash 1/4",
            ])
        #expect(found[6].firstTime == 2.5)
        #expect(found[3].others == ["film"] && found[7].others == ["bars"])
        #expect(
            lint().counts == [.lowQuality: 2, .lowStructure: 2, .sharedHash: 2, .noUsableHash: 2])
    }

    @Test mutating func findsHashesThatAreNearlyShared() throws {
        var random = Seeded(3)
        var expected: Set<String> = []
        for number in 0..<200 {
            let hash = random.hash()
            let flips = number % 21
            var other = hash
            var places: Set<Int> = []
            while places.count < flips { places.insert(Int.random(in: 0..<256, using: &random)) }
            for place in places { other.words[place / 64] ^= 1 << UInt64(place % 64) }
            try add("a\(number)", [KnownHash(hash: hash, quality: 80)])
            try add("b\(number)", [KnownHash(hash: other, quality: 80)])
            if flips <= KnownLint.sharedDistance {
                expected.formUnion(["a\(number)", "b\(number)"])
            }
        }
        let found = lint(limit: 1000).findings
        #expect(Set(found.map(\.item)) == expected)
        #expect(found.allSatisfy { $0.reason == .sharedHash && $0.others.count == 1 })

        let exact = KnownLint(set, minimumQuality: 50, limit: 1000, mostForNear: 399)
        #expect(!exact.comparedNear)
        let equal = (0..<200).filter { $0 % 21 == 0 }.flatMap { ["a\($0)", "b\($0)"] }
        #expect(exact.findings.map(\.item) == equal)
    }

    @Test mutating func aCardOfManyVideosIsFoundInAll() throws {
        var random = Seeded(4)
        let card = random.hash()
        for number in 0..<40 {
            // Longer than what a hash is compared with, so that it is found across the whole run.
            let shown = (0..<50).map { KnownHash(hash: card, quality: 90, time: Float($0)) }
            try add("v\(number)", [KnownHash(hash: random.hash(), quality: 90)] + shown)
        }
        let found = lint().findings
        #expect(found.map(\.item) == (0..<40).map { "v\($0)" })
        #expect(found.allSatisfy { $0.reason == .sharedHash && (1...3).contains($0.others.count) })
        #expect(found.allSatisfy { !$0.others.contains($0.item) })
    }

    @Test mutating func whatRepeatsInOneItemIsNotShared() throws {
        var random = Seeded(5)
        let hash = random.hash()
        try add("v", (0..<100).map { KnownHash(hash: hash, quality: 90, time: Float($0)) })
        #expect(lint().total == 0)
    }

    @Test mutating func findingsAreBoundedAndCountsWhole() throws {
        for number in 0..<50 { try add("i\(number)", [KnownHash(hash: .zero, quality: 1)]) }
        for limit in [0, 1, 7] {
            let lint = lint(limit: limit)
            #expect(lint.findings.count == limit && lint.total == 100)
        }
    }

    @Test mutating func countsHashesOfLowStructureByItem() throws {
        var random = Seeded(6)
        let simple = KnownHash(hash: Self.simple, quality: 50)
        try add("a", [KnownHash(hash: random.hash(), quality: 90)])
        try add("b", [simple, KnownHash(hash: random.hash(), quality: 90), simple])
        try add("c", [KnownHash(hash: Self.simple, quality: 49)])
        let found = KnownLint.lowStructure(of: set, minimumQuality: 50)
        #expect(found.items == [1] && found.hashes == 2)
    }
}

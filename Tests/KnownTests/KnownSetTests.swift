// The set in memory: what it refuses, and that its arrays stay in step.

import Fingerprint
import Known
import Testing

@Suite struct KnownSetTests {
    private func hash(_ seed: UInt64 = 1) -> KnownHash {
        var random = Seeded(seed)
        return random.knownHash()
    }

    @Test func itemsKeepTheirHashes() throws {
        var random = Seeded(1)
        var set = KnownSet(name: "x", createdUnixSeconds: 5)
        var expected: [[KnownHash]] = []
        for number in 0..<50 {
            let (item, hashes) = random.item(number)
            try set.add(item, hashes: hashes)
            expected.append(hashes)
        }
        #expect(set.version == 1 && set.updatedUnixSeconds == 5)
        #expect(set.items.indices.map { set.hashes(ofItemAt: $0) } == expected)
        #expect(set.items.indices.map { set.hashCount(ofItemAt: $0) } == expected.map(\.count))
        #expect(set.contains(id: "item-7") && !set.contains(id: "item-70"))
        for index in set.items.indices {
            #expect(
                set.hashRange(ofItemAt: index).allSatisfy {
                    set.catalogue.item(ofHashAt: $0) == index
                })
        }
    }

    @Test(arguments: ["", String(repeating: "x", count: 129), "a\nb", "a\u{202e}b", "\u{0}"])
    func badIDsAreRefused(id: String) {
        var set = KnownSet(name: "x", createdUnixSeconds: 0)
        let error = failure { try set.add(KnownItem(id: id, kind: .image), hashes: [hash()]) }
        #expect(error?.code == .invalidValue)
        #expect(set.items.isEmpty && set.hashes.isEmpty)
    }

    @Test func badItemsAreRefused() throws {
        var set = KnownSet(name: "x", createdUnixSeconds: 0)
        try set.add(KnownItem(id: "a", kind: .image), hashes: [hash()])
        let before = set
        func code(_ item: KnownItem, _ hashes: [KnownHash]) -> KnownError.Code? {
            failure { try set.add(item, hashes: hashes) }?.code
        }
        #expect(code(KnownItem(id: "a", kind: .video), [hash(2)]) == .duplicateItem)
        #expect(code(KnownItem(id: "b", kind: .video), []) == .noHashes)
        let video = KnownItem(id: "b", kind: .video, durationSeconds: .nan)
        #expect(code(video, [hash()]) == .invalidValue)
        #expect(code(KnownItem(id: "b", kind: .image, category: "a\tb"), [hash()]) == .invalidValue)
        let item = KnownItem(id: "b", kind: .video)
        #expect(code(item, [KnownHash(hash: .zero, quality: 101)]) == .invalidValue)
        #expect(
            code(item, [KnownHash(hash: .zero, quality: 1, time: .infinity)]) == .invalidValue)
        #expect(set == before)
    }

    @Test func idMustNotSpellItsHash() throws {
        var set = KnownSet(name: "x", createdUnixSeconds: 0)
        let known = hash()
        let item = KnownItem(id: "x-" + known.hash.hex.uppercased() + "f", kind: .image)
        let error = try #require(failure { try set.add(item, hashes: [known]) })
        #expect(error.code == .invalidValue && !showsHex(error.message))
        try set.add(item, hashes: [hash(9)])
        let repeated = try #require(failure { try set.add(item, hashes: [hash(9)]) })
        #expect(repeated.code == .duplicateItem && !showsHex(repeated.message))
    }

    @Test func removingEqualsNeverAdding() throws {
        var random = Seeded(3)
        for _ in 0..<40 {
            let count = Int.random(in: 0...30, using: &random)
            let parts = (0..<count).map { random.item($0) }
            let gone = Set(parts.map(\.0.id).filter { _ in Bool.random(using: &random) })
            var set = KnownSet(name: "x", createdUnixSeconds: 0)
            var rebuilt = set
            for (item, hashes) in parts {
                try set.add(item, hashes: hashes)
                if !gone.contains(item.id) { try rebuilt.add(item, hashes: hashes) }
            }
            #expect(set.remove(ids: gone.union(["not there"])) == gone.count)
            #expect(set == rebuilt)
            for (item, hashes) in parts where gone.contains(item.id) {
                try set.add(item, hashes: hashes)
            }
            #expect(set.items.count == count)
        }
    }

    /// What a packed set holds beside its images' ids and hashes appears and goes with its need.
    @Test func lengthsTimesAndManyHashesComeAndGo() throws {
        var set = KnownSet(name: "x", createdUnixSeconds: 0)
        let still = KnownHash(hash: hash().hash, quality: 100)
        for id in ["a", "b"] { try set.add(KnownItem(id: id, kind: .image), hashes: [still]) }
        let images = set
        let film = KnownItem(
            id: "film", kind: .video, category: "A2", source: "s", durationSeconds: 2.5)
        let frames = [hash(2), hash(3), hash(4)]
        try set.add(film, hashes: frames)
        try set.add(KnownItem(id: "é", kind: .image, category: "A2"), hashes: [still])
        #expect(set.items[2] == film && set.hashes(ofItemAt: 2) == frames)
        #expect(set.items.map(\.id) == ["a", "b", "film", "é"])
        #expect((0..<6).map { set.catalogue.item(ofHashAt: $0) } == [0, 1, 2, 2, 2, 3])
        #expect(
            set.catalogue.time(ofHashAt: 1) == 0
                && set.catalogue.time(ofHashAt: 3) == frames[1].time)
        #expect(
            set.items.tally
                == KnownTally(
                    images: 3, videos: 1, videoSeconds: 2.5, categories: ["": 2, "A2": 2],
                    sources: ["": 3, "s": 1]))
        set.remove(ids: ["film", "é"])
        #expect(set == images && set.items.tally.categories == ["": 2])
    }

    /// As Swift compares text: a letter with its accent is one, however it is written.
    @Test func idsThatReadAlikeAreOne() throws {
        var set = KnownSet(name: "x", createdUnixSeconds: 0)
        try set.add(KnownItem(id: "caf\u{e9}", kind: .image), hashes: [hash()])
        let other = KnownItem(id: "cafe\u{301}", kind: .image)
        #expect(failure { try set.add(other, hashes: [hash()]) }?.code == .duplicateItem)
        #expect(set.contains(id: other.id))
    }

    @Test func manyIDsAreFoundAndMissingOnesNamed() throws {
        var random = Seeded(6)
        var set = KnownSet(name: "x", createdUnixSeconds: 0)
        for number in 0..<3000 {
            try set.add(KnownItem(id: "i\(number)", kind: .image), hashes: [random.knownHash()])
        }
        #expect((0..<3000).allSatisfy { set.contains(id: "i\($0)") })
        #expect(!set.contains(id: "i3000") && !set.contains(id: ""))
        #expect(set.missing(of: ["i0", "i2999", "i3000", "x"]) == ["i3000", "x"])
        set.remove(ids: ["i7"])
        #expect(!set.contains(id: "i7") && set.contains(id: "i8"))
    }

    @Test func mergingKeepsWhatIsThere() throws {
        var random = Seeded(7)
        let first = try random.set(items: 40)
        var second = KnownSet(name: "other", createdUnixSeconds: 9)
        for index in 0..<20 {
            try second.add(first.items[index], hashes: first.hashes(ofItemAt: index))
        }
        try second.add(KnownItem(id: "item-30", kind: .image), hashes: [hash()])
        try second.add(KnownItem(id: "item-30-2", kind: .image), hashes: [hash(2)])
        try second.add(KnownItem(id: "new", kind: .image), hashes: [hash(3)])
        var empty = KnownSet(name: first.name, createdUnixSeconds: first.createdUnixSeconds)
        #expect(try empty.merge(first) == KnownSet.Merge(added: 40, present: 0))
        #expect(empty == first)
        #expect(try empty.merge(second) == KnownSet.Merge(added: 3, present: 20))
        #expect(empty.items.suffix(3).map(\.id) == ["item-30-2", "item-30-2-2", "new"])
        #expect(empty.hashes(ofItemAt: 41) == [hash(2)] && empty.name == first.name)
        empty.remove(ids: ["item-30-2", "item-30-2-2", "new"])
        #expect(empty == first)
    }

    @Test func rewritesCountUp() {
        var set = KnownSet(name: "x", createdUnixSeconds: 0)
        set.markRewritten(atUnixSeconds: 9)
        #expect(set.version == 2 && set.updatedUnixSeconds == 9 && set.createdUnixSeconds == 0)
        set.version = .max
        set.markRewritten(atUnixSeconds: 10)
        #expect(set.version == .max)
    }

    @Test func nothingPrintsAHash() throws {
        var random = Seeded(4)
        let set = try random.set(items: 3)
        var dumped = ""
        dump(set, to: &dumped)
        dump(set.hashes(ofItemAt: 0), to: &dumped)
        let texts = [
            "\(set)", "\(set.hashes(ofItemAt: 0))", String(reflecting: set.hashes), dumped,
        ]
        for text in texts {
            #expect(!showsHex(text))
            for word in 0..<4 { #expect(!text.contains(String(set.hashes[0].words[word]))) }
        }
    }

    @Test func differenceNamesWhatChanged() throws {
        var old = KnownSet(name: "x", createdUnixSeconds: 0)
        var new = KnownSet(name: "x", createdUnixSeconds: 0)
        for id in ["same", "gone", "hash", "kind", "category", "duration"] {
            try old.add(KnownItem(id: id, kind: .image), hashes: [hash()])
        }
        try new.add(KnownItem(id: "new", kind: .image), hashes: [hash()])
        try new.add(KnownItem(id: "duration", kind: .image, durationSeconds: 1), hashes: [hash()])
        try new.add(KnownItem(id: "category", kind: .image, category: "A1"), hashes: [hash()])
        try new.add(KnownItem(id: "kind", kind: .video), hashes: [hash()])
        try new.add(KnownItem(id: "hash", kind: .image), hashes: [hash(), hash(2)])
        try new.add(KnownItem(id: "same", kind: .image, source: "else"), hashes: [hash()])
        let difference = KnownDifference(from: old, to: new)
        #expect(difference.added == ["new"] && difference.removed == ["gone"])
        #expect(difference.changed == ["duration", "category", "kind", "hash"])
        #expect(KnownDifference(from: old, to: old).isEmpty && !difference.isEmpty)
    }

    @Test func pruningKeepsANeighbourOfEveryFrame() {
        var random = Seeded(5)
        for distance in [-1, 0, 8, 31, 100] {
            var hash = random.hash()
            var frames: [KnownHash] = []
            for second in 0..<300 {
                for _ in 0..<Int.random(in: 0...6, using: &random) {
                    let bit = Int.random(in: 0..<256, using: &random)
                    hash.words[bit >> 6] ^= 1 << UInt64(bit & 63)
                }
                if second % 50 == 49 { hash = random.hash() }
                frames.append(KnownHash(hash: hash, quality: 100, time: Float(second)))
            }
            var filter = NearDuplicateFilter(within: distance)
            let kept = frames.filter { filter.keeps($0.hash) }
            #expect(kept.first == frames.first)
            for frame in frames {
                let near = kept.contains { $0.hash.distance(to: frame.hash) <= max(0, distance) }
                #expect(near)
            }
            for (place, frame) in kept.enumerated() {
                for earlier in kept[max(0, place - NearDuplicateFilter.memory)..<place] {
                    #expect(earlier.hash.distance(to: frame.hash) > distance)
                }
            }
            if distance < 0 { #expect(kept == frames) }
        }
    }
}

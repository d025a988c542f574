// Variants in known sets: in memory, in the sealed file, and when sets are merged and compared.

import Fingerprint
import FoundationEssentials
import Known
import Testing

@Suite struct VariantSetTests {
    /// Three frames of a video, and variants of two of them.
    private func frames(_ seed: UInt64 = 1) -> [KnownHash] {
        var random = Seeded(seed)
        let plain = [0, 1.5, 4].map { KnownHash(hash: random.hash(), quality: 90, time: $0) }
        let views: [(Float, KnownVariant)] = [
            (0, .crop5), (0, .turnLeft4), (4, .crop5), (4, .crop10),
        ]
        return plain
            + views.map {
                KnownHash(hash: random.hash(), quality: 80, time: $0.0, variant: $0.1)
            }
    }

    private func set(_ items: [(String, [KnownHash])]) throws -> KnownSet {
        var set = KnownSet(name: "x", createdUnixSeconds: 0)
        for (id, hashes) in items {
            try set.add(KnownItem(id: id, kind: .video, durationSeconds: 6), hashes: hashes)
        }
        return set
    }

    @Test func variantsStandBehindTheirFrames() throws {
        let set = try set([("plain", Array(frames(2)[..<3])), ("both", frames())])
        let catalogue = set.catalogue
        #expect(set.hashes(ofItemAt: 1) == frames() && set.hashCount(ofItemAt: 1) == 7)
        #expect(catalogue.hasVariants && catalogue.plainRange(ofItemAt: 0) == 0..<3)
        #expect(catalogue.plainRange(ofItemAt: 1) == 3..<6)
        #expect(catalogue.variantCounts == [.crop5: 2, .turnLeft4: 1, .crop10: 1])
        #expect(catalogue.variant(ofHashAt: 5) == .original)
        #expect(catalogue.variant(ofHashAt: 9) == .crop10)
        let next = (3..<10).map { catalogue.nextFrame(afterHashAt: $0, ofItemAt: 1) }
        #expect(next == [4, 5, nil, 4, 4, nil, nil])
        #expect(
            (0..<3).map { catalogue.nextFrame(afterHashAt: $0, ofItemAt: 0) } == [1, 2, nil])
    }

    @Test func aVariantBeforeAFrameIsRefused() throws {
        var set = KnownSet(name: "x", createdUnixSeconds: 0)
        let (item, all) = (KnownItem(id: "a", kind: .video), frames())
        for hashes in [[all[3]], [all[3], all[0]], all + [all[0]], Array(all.reversed())] {
            #expect(failure { try set.add(item, hashes: hashes) }?.code == .invalidValue)
        }
        #expect(set.items.isEmpty && !set.catalogue.hasVariants)
    }

    @Test func setsWithoutVariantsStayInTheOldFormat() throws {
        let scratch = try Scratch()
        let key = SealKey.random()
        let path = scratch.file("set.vks")
        var random = Seeded(3)
        for chunkSize in [1 << 16, 1 << 20] {
            var set = try random.set(items: 900, hashes: 9, variants: 20)
            try SealedFile.write(set, to: path, key: key, chunkSize: chunkSize)
            #expect(try SealedFile.header(path: path).formatVersion == 2)
            #expect(try SealedFile.read(path: path, key: key) == set)
            let varied = set.items.indices.filter {
                set.catalogue.plainRange(ofItemAt: $0) != set.hashRange(ofItemAt: $0)
            }
            #expect(set.remove(ids: Set(varied.map { set.items.id(at: $0) })) == 600)
            #expect(!set.catalogue.hasVariants)
            try SealedFile.write(set, to: path, key: key, chunkSize: chunkSize)
            #expect(try SealedFile.header(path: path).formatVersion == 1)
            #expect(try SealedFile.read(path: path, key: key) == set)
        }
    }

    /// The old format, byte by byte, so that no change of the writer goes unseen.
    @Test func aFileOfTheOldFormatOpens() throws {
        let scratch = try Scratch()
        let key = SealKey.random()
        let json = Array(
            #"{"name":"old","version":4,"created_s":1,"updated_s":2,"items":1,"hashes":2,"item_bytes":32}"#
                .utf8)
        var bytes: [UInt8] = [UInt8(json.count), 0, 0, 0] + json
        bytes += [1, 0, 0, 0, 2, 0] + Array("A1".utf8)
        bytes += [1, 1, 0] + Array("v".utf8) + [0, 0, 0, 0, 0, 0, 0, 0]
        bytes += [0, 0, 0, 0, 0, 0, 0x08, 0x40] + [2, 0, 0, 0]
        bytes += [UInt8](repeating: 0x0f, count: 32) + [UInt8](repeating: 0x35, count: 32)
        bytes += [99, 50] + [0, 0, 0, 0] + [0, 0, 0xc0, 0x3f]
        let path = scratch.file("old")
        try SealedFile.write(plaintext: bytes, to: path, key: key)
        let set = try SealedFile.read(path: path, key: key)
        #expect(set.name == "old" && set.version == 4 && set.items[0].id == "v")
        #expect(set.items[0].durationSeconds == 3 && set.items[0].category == "A1")
        #expect(
            set.hashes(ofItemAt: 0) == [
                KnownHash(
                    hash: try #require(PDQHash(bytes: [UInt8](repeating: 0x0f, count: 32))),
                    quality: 99),
                KnownHash(
                    hash: try #require(PDQHash(bytes: [UInt8](repeating: 0x35, count: 32))),
                    quality: 50, time: 1.5),
            ])
        try SealedFile.write(set, to: path, key: key)
        let written = try SealedFile.plaintext(path: path, key: key)
        #expect(Array(written.suffix(32 + 74)) == Array(bytes.suffix(32 + 74)))
    }

    /// What a writer that holds the key could seal and this reader must not take.
    @Test func unknownAndMisplacedVariantsAreRefused() throws {
        let scratch = try Scratch()
        let (key, path) = (SealKey.random(), scratch.file("set"))
        try SealedFile.write(try set([("both", frames())]), to: path, key: key)
        let good = try SealedFile.plaintext(path: path, key: key)
        func code(_ variants: [UInt8], formatVersion: UInt16 = 2) throws -> KnownError.Code? {
            try SealedFile.write(
                plaintext: good.dropLast(7) + variants, formatVersion: formatVersion, to: path,
                key: key)
            return failure { _ = try SealedFile.read(path: path, key: key) }?.code
        }
        let own = Array(good.suffix(7))
        #expect(own.prefix(3) == [0, 0, 0] && own.suffix(4).allSatisfy { $0 != 0 })
        #expect(try code(own) == nil)
        #expect(try code([0, 0, 0, 2, 2, 2, 200]) == .newerFormat)
        #expect(try code([0, 0, 2, 0, 2, 2, 2]) == .damaged)
        #expect(try code([2, 2, 2, 2, 2, 2, 2]) == .damaged)
        #expect(try code(Array(own.dropLast())) == .damaged)
        #expect(try code(own + [0]) == .damaged)
        #expect(try code(own, formatVersion: 1) == .damaged)
        #expect(try code([], formatVersion: 2) == .damaged)
        #expect(try code(own, formatVersion: 3) == .newerFormat)
    }

    @Test func mutatedContentsNeverCrash() throws {
        let scratch = try Scratch()
        let (key, path) = (SealKey.random(), scratch.file("set"))
        var random = Seeded(9)
        let set = try random.set(items: 4, hashes: 3, variants: 3)
        try SealedFile.write(set, to: path, key: key)
        let good = try SealedFile.plaintext(path: path, key: key)
        for _ in 0..<2000 {
            var bytes = good
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                // Half of them in the last column.
                let tail = Bool.random(using: &random) ? set.hashes.count : bytes.count
                let place = bytes.count - Int.random(in: 1...tail, using: &random)
                bytes[place] = [0, 1, 9, 10, 0xff].randomElement(using: &random) ?? 0
            }
            try SealedFile.write(plaintext: bytes, formatVersion: 2, to: path, key: key)
            do {
                let set = try SealedFile.read(path: path, key: key)
                for item in set.items.indices {
                    let hashes = set.hashes(ofItemAt: item)
                    let plain = set.catalogue.plainRange(ofItemAt: item).count
                    #expect(
                        plain > 0 && hashes[plain...].allSatisfy { $0.variant != .original })
                }
            } catch {
                #expect([.damaged, .newerFormat].contains(error.code))
                #expect(!showsHex(error.message))
            }
        }
    }

    @Test func mergingAndRemovingKeepVariants() throws {
        let first = try set([("a", frames()), ("b", Array(frames(2)[..<3]))])
        let second = try set([
            ("a", frames()), ("b", frames(2)), ("c", frames(3)),
        ])
        var merged = first
        #expect(try merged.merge(second) == KnownSet.Merge(added: 2, present: 1))
        #expect(merged.items.map(\.id) == ["a", "b", "b-2", "c"])
        #expect(merged.hashes(ofItemAt: 2) == frames(2) && merged.hashes(ofItemAt: 3) == frames(3))
        merged.remove(ids: ["a", "b"])
        #expect(merged.hashes(ofItemAt: 0) == frames(2) && merged.hashes(ofItemAt: 1) == frames(3))
        #expect(merged.catalogue.variantCounts == [.crop5: 4, .turnLeft4: 2, .crop10: 2])
    }

    @Test func differenceSeesVariants() throws {
        var other = frames(2)
        other[3].variant = .cropTop10
        let old = try set([
            ("same", frames()), ("added", Array(frames(2)[..<3])), ("kind", frames(2)),
        ])
        let new = try set([("same", frames()), ("added", frames(2)), ("kind", other)])
        let difference = KnownDifference(from: old, to: new)
        #expect(difference.changed == ["added", "kind"])
        #expect(difference.added.isEmpty && difference.removed.isEmpty)
    }
}

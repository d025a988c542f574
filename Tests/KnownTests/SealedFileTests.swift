// The sealed file: what goes in comes out, and nothing else ever does.

import Fingerprint
import FoundationEssentials
import Known
import Testing

@Suite struct SealedFileTests {
    private let key = SealKey.random()

    private func seal(
        _ set: KnownSet, in scratch: Scratch, chunkSize: Int = 1 << 20
    ) throws
        -> String
    {
        let path = scratch.file("set.vks")
        try SealedFile.write(set, to: path, key: key, chunkSize: chunkSize)
        return path
    }

    /// The code of the error that reading gives, its message checked; nil if it succeeds.
    private func code(_ path: String, key: SealKey? = nil) -> KnownError.Code? {
        let error = failure { _ = try SealedFile.read(path: path, key: key ?? self.key) }
        if let error {
            #expect(!showsHex(error.message) && error.message.contains(path))
        }
        return error?.code
    }

    @Test func roundTrips() throws {
        let scratch = try Scratch()
        var random = Seeded(1)
        for items in [0, 1, 2, 40, 3000] {
            var set = try random.set(items: items)
            set.markRewritten(atUnixSeconds: 1_800_000_000)
            let path = scratch.file("set.vks")
            try SealedFile.write(set, to: path, key: key)
            var read = try SealedFile.read(path: path, key: key)
            #expect(read == set)
            #expect(mode(of: path) == 0o600)
            let (item, hashes) = random.item(items)
            try read.add(item, hashes: hashes)
            #expect(failure { try read.add(item, hashes: hashes) }?.code == .duplicateItem)
            #expect(read.remove(ids: [item.id]) == 1 && read == set)
        }
        #expect(try scratch.names() == ["set.vks"])
    }

    @Test func roundTripsOverManyChunks() throws {
        let scratch = try Scratch()
        var random = Seeded(2)
        for hashes in [3, 900] {
            let set = try random.set(items: 5000 / hashes * 4, hashes: hashes)
            let path = try seal(set, in: scratch, chunkSize: 1 << 16)
            #expect(try SealedFile.read(path: path, key: key) == set)
            let header = try SealedFile.header(path: path)
            #expect(header.chunks > 1 && header.chunkBytes == 1 << 16)
        }
    }

    @Test func headerTellsWithoutTheKey() throws {
        let scratch = try Scratch()
        var random = Seeded(3)
        let path = try seal(try random.set(items: 3), in: scratch)
        let header = try SealedFile.header(path: path)
        #expect(header.formatVersion == 1 && header.keyID == key.id && header.chunks == 1)
        #expect(Int(header.fileBytes) == (try contents(of: path)).count)
    }

    @Test func sealingTwiceGivesOtherBytes() throws {
        let scratch = try Scratch()
        let set = KnownSet(name: "x", createdUnixSeconds: 0)
        let first = try contents(of: try seal(set, in: scratch))
        let second = try contents(of: try seal(set, in: scratch))
        #expect(first != second && first.count == second.count)
    }

    @Test func wrongKeyIsNamed() throws {
        let scratch = try Scratch()
        let path = try seal(KnownSet(name: "x", createdUnixSeconds: 0), in: scratch)
        let other = SealKey.random()
        let error = failure { _ = try SealedFile.read(path: path, key: other) }
        #expect(error?.code == .wrongKey)
        #expect(error?.message.contains("--key-file") == true)
        #expect(error?.message.contains(key.id) == true)
    }

    @Test(arguments: [0, 2])
    func anyFlippedByteIsNoticed(variants: Int) throws {
        let scratch = try Scratch()
        var random = Seeded(4)
        let path = try seal(
            try random.set(items: 3, hashes: 2, variants: variants), in: scratch)
        let good = try contents(of: path)
        for place in good.indices {
            for bits: UInt8 in [0x01, 0x80, 0xff] {
                var bad = good
                bad[place] ^= bits
                try scratch.write(bad, to: "bad")
                let code = code(scratch.file("bad"))
                #expect(code != nil, "byte \(place)")
                if place < 8 { #expect(code == .notKnownSet) }
                if place >= 62 { #expect(code == .damaged) }
                _ = failure { _ = try SealedFile.header(path: scratch.file("bad")) }
            }
        }
    }

    @Test(arguments: [0, 2])
    func anyTruncationIsNoticed(variants: Int) throws {
        let scratch = try Scratch()
        var random = Seeded(5)
        let path = try seal(
            try random.set(items: 3, hashes: 2, variants: variants), in: scratch)
        let good = try contents(of: path)
        for length in good.indices {
            try scratch.write(Array(good[..<length]), to: "bad")
            let expected: KnownError.Code = length == 0 ? .notKnownSet : .truncated
            #expect(code(scratch.file("bad")) == expected, "\(length) bytes")
        }
        try scratch.write(good + [0], to: "bad")
        #expect(code(scratch.file("bad")) == .trailingBytes)
        #expect(failure { _ = try SealedFile.header(path: scratch.file("bad")) } != nil)
    }

    @Test func newerFormatsAndWildHeadersAreNamed() throws {
        let scratch = try Scratch()
        let path = try seal(KnownSet(name: "x", createdUnixSeconds: 0), in: scratch)
        let good = try contents(of: path)
        func patched(_ range: Range<Int>, _ value: UInt8) throws -> KnownError.Code? {
            var bad = good
            for place in range { bad[place] = value }
            try scratch.write(bad, to: "bad")
            return code(scratch.file("bad"))
        }
        #expect(try patched(8..<9, 3) == .newerFormat)
        #expect(try patched(8..<9, 2) == .damaged)
        #expect(try patched(8..<10, 0) == .damaged)
        #expect(try patched(10..<14, 0) == .damaged)
        #expect(try patched(10..<14, 0xff) == .damaged)
        #expect(try patched(14..<22, 0) == .wrongKey)
        #expect(try patched(54..<62, 0xff) == .truncated)
        #expect(try patched(54..<62, 0) == .trailingBytes)
    }

    @Test func chunksCannotBeSwappedOrCutOff() throws {
        let scratch = try Scratch()
        var random = Seeded(6)
        let path = try seal(try random.set(items: 2000), in: scratch, chunkSize: 1 << 16)
        let good = try contents(of: path)
        let sealed = (1 << 16) + 16
        let chunks = try SealedFile.header(path: path).chunks
        try #require(chunks >= 3)
        let first = 62..<(62 + sealed)
        let second = (62 + sealed)..<(62 + 2 * sealed)
        try scratch.write(
            Array(good[..<62] + good[second] + good[first] + good[second.upperBound...]), to: "bad")
        #expect(code(scratch.file("bad")) == .damaged)
        try scratch.write(Array(good[..<second.upperBound]), to: "bad")
        #expect(code(scratch.file("bad")) == .truncated)
        // Cut at a chunk's end, and the length in the header made to agree.
        var cut = Array(good[..<second.upperBound])
        for place in 0..<8 { cut[54 + place] = UInt8(truncatingIfNeeded: (2 << 16) >> (8 * place)) }
        try scratch.write(cut, to: "bad")
        #expect(code(scratch.file("bad")) == .damaged)
    }

    /// What a faulty writer that holds the key could seal: never a crash, and what is read holds
    /// together.
    @Test func mutatedContentsNeverCrash() throws {
        let scratch = try Scratch()
        var random = Seeded(9)
        let path = try seal(try random.set(items: 4, hashes: 3), in: scratch)
        let good = try SealedFile.plaintext(path: path, key: key)
        let bad = scratch.file("bad")
        for round in 0..<3000 {
            var bytes = good
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place = Int.random(in: bytes.indices, using: &random)
                bytes[place] = [0, 1, 0x39, 0x7f, 0xff].randomElement(using: &random) ?? 0
            }
            if round % 5 == 0 { bytes.removeLast(Int.random(in: 0...bytes.count, using: &random)) }
            try SealedFile.write(plaintext: bytes, to: bad, key: key)
            do {
                let set = try SealedFile.read(path: bad, key: key)
                #expect(set.items.indices.allSatisfy { set.hashCount(ofItemAt: $0) > 0 })
                #expect(set.hashes.count == set.catalogue.hashCount)
                #expect(set.hashes.count == set.qualities.count)
            } catch {
                #expect(error.code == .damaged && !showsHex(error.message))
            }
        }
        try SealedFile.write(plaintext: good + [0], to: bad, key: key)
        #expect(code(bad) == .damaged)
    }

    @Test func hugeCountsInTheContentsAreRefused() throws {
        let scratch = try Scratch()
        let bad = scratch.file("bad")
        for count in ["-1", "4294967296", "9223372036854775807", "1e300"] {
            for name in ["items", "hashes", "item_bytes"] {
                var counts = ["items": "0", "hashes": "0", "item_bytes": "4"]
                counts[name] = count
                let fields = counts.map { "\"\($0)\":\($1)" }.joined(separator: ",")
                let json = Array(
                    "{\"name\":\"x\",\"version\":1,\"created_s\":0,\"updated_s\":0,\(fields)}".utf8)
                let length = [UInt8(json.count), 0, 0, 0]
                try SealedFile.write(
                    plaintext: length + json + [0, 0, 0, 0], to: bad, key: key)
                #expect(code(bad) == .damaged)
            }
        }
    }

    @Test func garbageIsNoKnownSet() throws {
        let scratch = try Scratch()
        var random = Seeded(7)
        for round in 0..<300 {
            let length = Int.random(in: 0...400, using: &random)
            var bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
            if round % 2 == 0 { bytes = Array("VIGILKS1".utf8) + [1, 0, 0, 0, 16, 0] + bytes }
            try scratch.write(bytes, to: "bad")
            #expect(code(scratch.file("bad")) != nil)
        }
        #expect(code(scratch.path) == .notRegularFile)
        #expect(code(scratch.file("nothing")) == .fileMissing)
        #expect(code("/dev/null") == .notRegularFile)
    }

    @Test func failureLeavesTheOldFile() throws {
        let scratch = try Scratch()
        var random = Seeded(8)
        let set = try random.set(items: 2)
        let folder = scratch.file("taken")
        try FileManager.default.createDirectory(
            atPath: folder + "/in", withIntermediateDirectories: true)
        #expect(
            failure { try SealedFile.write(set, to: folder, key: key) }?.code == .writeFailed)
        #expect(try scratch.names() == ["taken"])
        let nowhere = scratch.file("no/such/set")
        #expect(
            failure { try SealedFile.write(set, to: nowhere, key: key) }?.code == .writeFailed)
        let path = scratch.file("set")
        try SealedFile.write(set, to: path, key: key)
        let nameless = KnownSet(name: "", createdUnixSeconds: 0)
        #expect(
            failure { try SealedFile.write(nameless, to: path, key: key) }?.code == .invalidValue)
        #expect(try SealedFile.read(path: path, key: key) == set)
        #expect(try scratch.names().sorted() == ["set", "taken"])
    }
}

// Importers on good lists, on lists with faults, and on mutated ones.

import Fingerprint
import FoundationEssentials
import Known
import Testing

@Suite struct ImportListTests {
    private let hashes: [PDQHash] = {
        var random = Seeded(42)
        return (0..<8).map { _ in random.hash() }
    }()

    private func hex(_ place: Int) -> String { hashes[place].hex }

    private func parse(
        _ text: String, name: String = "dir/list.txt", category: String = ""
    )
        throws -> ImportList.Result
    {
        try ImportList.parse(Array(text.utf8), name: name, category: category)
    }

    private func lines(_ result: ImportList.Result) -> [Int] { result.corruptLines.map(\.line) }

    @Test func readsPDQLists() throws {
        let text = """
            # a comment
            \(hex(0))

            hash=\(hex(1).uppercased()),id-1
              \(hex(2)) , id/2@x
            \(hex(3)),has a space
            \(hex(0)),id-1
            \(hex(3)),\(hex(3))
            \(hex(0))
            """
        let result = try parse(text, category: "A1")
        #expect(result.format == .pdq && result.corruptCount == 0 && result.duplicates == 1)
        #expect(
            result.items.map(\.item.id) == [
                "list:2", "id-1", "id/2@x", "list:6", "list:7", "list:8",
            ])
        #expect(
            result.items.map { $0.hashes.map(\.hash) } == [0, 1, 2, 3, 0, 3].map { [hashes[$0]] })
        for (item, hashes) in result.items {
            #expect(item.kind == .image && item.category == "A1" && item.source == "list.txt")
            #expect(hashes[0].quality == 100 && hashes[0].time == 0)
        }
    }

    @Test func idsStayUnique() throws {
        let result = try parse("\(hex(0)),list:2\n\(hex(1))\n\(hex(2)),list:2:2\n")
        #expect(result.items.map(\.item.id) == ["list:2", "list:2:2", "list:3"])
        var set = KnownSet(name: "x", createdUnixSeconds: 0)
        for (item, hashes) in result.items { try set.add(item, hashes: hashes) }
    }

    @Test func corruptLinesAreCountedAndSkipped() throws {
        let bytes =
            Array("not a hash\n\(hex(0))\n\(hex(1))x\n\(hex(2).dropLast())\n\(hex(3)),".utf8)
            + [0xff, 0xfe] + Array("\nhash=\n\(hex(4)),ok\n".utf8)
        let result = try ImportList.parse(bytes, name: "l")
        #expect(result.items.count == 2 && result.corruptCount == 5)
        #expect(lines(result) == [1, 3, 4, 5, 6])
        for line in result.corruptLines { #expect(!showsHex(line.reason)) }
    }

    @Test func toleratesMarkAndCRLF() throws {
        let mark: [UInt8] = [0xef, 0xbb, 0xbf]
        let pdq = mark + Array("\(hex(0))\r\n\r\n\(hex(1)),a\r\n".utf8)
        #expect(try ImportList.parse(pdq, name: "l").items.map(\.item.id) == ["l:1", "a"])
        let csv = mark + Array("signal_type,signal_str\r\npdq,\(hex(0))\r\n".utf8)
        #expect(try ImportList.parse(csv, name: "l").items.count == 1)
        let vpdq = mark + Array("0,99,\(hex(0)),0.000\r\n1,50,\(hex(1)),1.5\r\n".utf8)
        #expect(try ImportList.parse(vpdq, name: "l").items.first?.hashes.count == 2)
    }

    @Test func readsVPDQText() throws {
        let text =
            "0,100,\(hex(0)),0.000\n30,7,\(hex(1)),1.001\nbad\n60,101,\(hex(2)),2\n"
            + "90,50,\(hex(0)),1e1\n91,50,\(hex(0)),nan\n92,50,\(hex(0)),-1\n"
        let result = try parse(text, name: "/a/My clip.v2.txt", category: "B")
        let (item, frames) = try #require(result.items.first)
        #expect(result.format == .vpdq && result.items.count == 1)
        #expect(item.id == "My clip.v2" && item.kind == .video && item.durationSeconds == 10)
        #expect(frames.map(\.quality) == [100, 7, 50] && frames.map(\.time) == [0, 1.001, 10])
        #expect(lines(result) == [3, 4, 6, 7])
    }

    @Test func readsSignalCSV() throws {
        let array = "[\"\"\(hex(1)),90,0.5\"\", \"\"80,\(hex(2)),1.5\"\", \"\"3,70,\(hex(3)),2\"\"]"
        let text = """
            tags,category,signal_str,collab,signal_type
            "a,""b""\nc",,\(hex(0)),NCMEC,pdq
            x,"A2","\(array)",,vpdq
            x,,d41d8cd98f00b204e9800998ecf8427e,,video_md5
            x,,d41d8cd98f00b204e9800998ecf8427e,,video_md5
            x,"A2","\(array)",,vpdq

            """
        let result = try parse(text, category: "A1")
        #expect(result.format == .signalCSV && result.corruptCount == 0)
        #expect(result.duplicates == 1 && result.unsupported == ["video_md5": 2])
        try #require(result.items.count == 2)
        let image = result.items[0].item
        #expect(image.kind == .image && image.id == "list:2" && image.category == "A1")
        #expect(image.source == "NCMEC (list.txt)")
        let (video, frames) = result.items[1]
        #expect(video.kind == .video && video.id == "list:4" && video.category == "A2")
        #expect(video.durationSeconds == 2 && frames.map(\.hash) == Array(hashes[1...3]))
        #expect(frames.map(\.quality) == [90, 80, 70] && frames.map(\.time) == [0.5, 1.5, 2])
    }

    @Test func corruptRowsAreCountedAndSkipped() throws {
        let rows = [
            "pdq,\(hex(0)),", "pdq,\(hex(0))", "pdq,\(hex(0)),a,b", "pdq,zz,",
            "vpdq,\"[\"\"\(hex(1)),90\"\"]\",", "vpdq,[],", "vpdq,\"[\"\"90,1,\(hex(1))\"\"]\",",
            "\(hex(1)),x,", "pdq,\(hex(2)),\(hex(2))", "pdq,\"\(hex(2))\"x,",
            "pdq,\"\(hex(3)),", "pdq,\(hex(4)),", "vpdq,\"[\"\"\(hex(1)),90,1\"\"]x\",",
        ]
        let text = "signal_type,signal_str,category\n" + rows.joined(separator: "\n")
        let result = try parse(text)
        #expect(result.items.map { $0.hashes[0].hash } == [hashes[0], hashes[4]])
        #expect(lines(result) == [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14])
        for line in result.corruptLines { #expect(!showsHex(line.reason)) }
        #expect(!result.unsupported.keys.contains { showsHex($0) })
    }

    @Test func invalidUTF8InCSVIsCorrupt() throws {
        let bytes =
            Array("signal_type,signal_str,tags\npdq,\(hex(0)),".utf8) + [0xc3, 0x28]
            + Array("\npdq,\(hex(1)),é\n".utf8)
        let result = try ImportList.parse(bytes, name: "l")
        #expect(lines(result) == [2] && result.items.count == 1)
    }

    @Test func whatIsNoListIsAnError() throws {
        let texts = [
            "\n", "# only a comment\n", "hello\nworld\n", "\0\0\0", "\(hex(0))\0", "{\"a\": 1}",
            "signal_type,signal_str\npdq,x\n",
        ]
        for text in texts {
            let error = failure { _ = try parse(text) }
            #expect(error?.code == .notHashList, "\(text.count) characters")
            #expect(error.map { showsHex($0.message) } == false)
        }
        #expect(try parse("").items.isEmpty)
        #expect(try parse("signal_type,signal_str\n").items.isEmpty)
        #expect(try parse("signal_type,signal_str\nmd5,x\n").unsupported == ["md5": 1])
        let secret = failure { _ = try parse("x", name: "/tmp/\(hex(0)).txt") }
        #expect(secret.map { showsHex($0.message) } == false)
    }

    @Test func hugeLinesAreCorrupt() throws {
        let huge = [UInt8](repeating: UInt8(ascii: "a"), count: (16 << 20) + 1)
        let after = Array("\n\(hex(1))\n".utf8)
        let result = try ImportList.parse(huge + after, name: "l")
        #expect(lines(result) == [1] && result.items.count == 1)
        let header = Array("signal_type,signal_str\npdq,\"".utf8)
        let csv = try ImportList.parse(
            header + huge + Array("\npdq,\(hex(1))\n".utf8), name: "l")
        #expect(lines(csv) == [2] && csv.items.count == 1)
        let commas = [UInt8](repeating: UInt8(ascii: ","), count: 1 << 20)
        let wide = try ImportList.parse(
            Array("signal_type,signal_str\n".utf8) + commas + Array("\npdq,\(hex(1))\n".utf8),
            name: "l")
        #expect(lines(wide) == [2] && wide.items.count == 1)
    }

    @Test func onlyTheFirstThousandCorruptLinesAreNamed() throws {
        let text = hex(0) + "\n" + String(repeating: "x\n", count: 5000)
        let result = try parse(text)
        #expect(result.corruptCount == 5000 && result.corruptLines.count == 1000)
    }

    /// Pages that were read leave memory; what they held must not leave the set.
    @Test func largeListsKeepEveryLine() throws {
        let scratch = try Scratch()
        var random = Seeded(12)
        let hashes = (0..<300_000).map { _ in random.hash() }
        var bytes: [UInt8] = []
        for (place, hash) in hashes.enumerated() {
            bytes += hash.hex.utf8
            if place % 3 == 0 { bytes += ",id-\(place)".utf8 }
            bytes.append(10)
        }
        bytes += Array((hashes[0].hex + ",id-0\n" + hashes[0].hex + ",id-1\n").utf8)
        let path = try scratch.write(bytes, to: "large.txt")
        let result = try ImportList.read(path: path)
        #expect(result.set.hashes == hashes + [hashes[0]] && result.duplicates == 1)
        #expect(result.set.items[3].id == "id-3" && result.set.items[299_999].id == "large:300000")
        #expect(result.set.items.last?.id == "id-1")
    }

    @Test func anIDThatSpellsItsHashIsAnError() throws {
        let error = failure { _ = try parse("\(hex(0))\n", name: hex(0) + ".txt") }
        #expect(error?.code == .invalidValue && error.map { showsHex($0.message) } == false)
    }

    @Test func readsFilesAndRefusesOthers() throws {
        let scratch = try Scratch()
        let path = try scratch.write(Array("\(hex(0))\n\(hex(1))".utf8), to: "a list.pdq")
        let result = try ImportList.read(path: path, category: "A1")
        #expect(result.items.map(\.item.id) == ["a list:1", "a list:2"])
        let empty = try scratch.write([], to: "empty")
        #expect(try ImportList.read(path: empty).items.isEmpty)
        let code = { path in failure { _ = try ImportList.read(path: path) }?.code }
        #expect(code(scratch.path) == .notRegularFile)
        #expect(code(scratch.file("nothing")) == .fileMissing)
        #expect(code("/dev/null") == .notRegularFile)
    }

    @Test func mutatedListsNeverCrash() throws {
        let array = "\"[\"\"\(hex(1)),90,0.5\"\",\"\"\(hex(2)),80,1.5\"\"]\""
        let seeds = [
            "hash=\(hex(0)),a\r\n\(hex(1))\n# x\n\(hex(2)),b c\n",
            "0,100,\(hex(0)),0.000\n30,7,\(hex(1)),1.001\n",
            "signal_type,signal_str,category\npdq,\(hex(0)),\"q\"\"r\"\nvpdq,\(array),A1\n",
        ].map { Array($0.utf8) }
        let telling = Array("\",\n\r#=[]\\0a\u{7f}".utf8) + [0, 0xff, 0xc3, 0xef]
        var random = Seeded(99)
        for round in 0..<9000 {
            var bytes = seeds[round % seeds.count]
            for _ in 0..<Int.random(in: 1...6, using: &random) where !bytes.isEmpty {
                let place = Int.random(in: bytes.indices, using: &random)
                let byte = telling.randomElement(using: &random) ?? 0
                switch Int.random(in: 0..<5, using: &random) {
                case 0: bytes[place] = byte
                case 1: bytes.insert(byte, at: place)
                case 2: bytes.remove(at: place)
                case 3: bytes.removeSubrange(place...)
                default: bytes.insert(contentsOf: bytes[place...].prefix(80), at: place)
                }
            }
            do {
                let result = try ImportList.parse(bytes, name: "fuzz")
                var set = KnownSet(name: "x", createdUnixSeconds: 0)
                for (item, hashes) in result.items { try set.add(item, hashes: hashes) }
                #expect(!result.corruptLines.contains { showsHex($0.reason) })
                #expect(!result.unsupported.keys.contains { showsHex($0) })
            } catch {
                #expect(error.code == .notHashList && !showsHex(error.message))
            }
        }
    }
}

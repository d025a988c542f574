// The sealed known set's inner form: what the chunks decrypt to. Integers are little-endian.
//
//   4 bytes  length of the JSON header, at most 64 KiB
//   JSON     name, version, created_s, updated_s, items, hashes, item_bytes; unknown keys are
//            ignored
//   items    item_bytes: a table of texts (4-byte count, then each as 2-byte length and UTF-8),
//            then each item: kind (0 image, 1 video), id (2-byte length and UTF-8), category and
//            source (4-byte places in the table), duration (Float64), number of hashes (4 bytes)
//   hashes   32 bytes each, most significant first; then all qualities, 1 byte each; then all
//            times, Float32 each. They stand in the order of the items.
//
// Invariants: every count is compared with the bytes that are there before room is made for it;
// what is read keeps the same rules as what `KnownSet.add` takes. Memory: the item section and one
// block beside the finished arrays.

import Fingerprint
import FoundationEssentials

/// The JSON header inside the seal.
private struct SetHeader: Codable {
    var name: String
    var version: Int
    var created: Int64
    var updated: Int64
    var items: Int
    var hashes: Int
    var itemBytes: Int

    private enum CodingKeys: String, CodingKey {
        case name, version, items, hashes
        case created = "created_s"
        case updated = "updated_s"
        case itemBytes = "item_bytes"
    }

    static let longest = 1 << 16
}

/// Bytes of a hash with its quality and time.
private let hashBytes = PDQHash.byteCount + 1 + 4
/// Bytes of the smallest item.
private let smallestItem = 1 + 2 + 1 + 4 + 4 + 8 + 4
/// Hashes that are converted at a time.
private let blockHashes = 1 << 14

/// Turns a set into plaintext.
struct SetEncoder {
    private let set: KnownSet
    private let front: [UInt8]

    init(_ set: KnownSet) throws(KnownError) {
        if let problem = KnownRules.problem(ofID: set.name) {
            throw KnownError(
                .invalidValue,
                "a known set needs a name of 1 to \(KnownRules.longestID) printable characters; "
                    + "of this one \(problem)")
        }
        self.set = set
        let items = Self.itemSection(of: set)
        let header = SetHeader(
            name: set.name, version: max(1, set.version), created: set.createdUnixSeconds,
            updated: set.updatedUnixSeconds, items: set.items.count, hashes: set.hashes.count,
            itemBytes: items.count)
        guard let json = try? JSONEncoder().encode(header) else {
            throw KnownError(.invalidValue, "the header of set “\(set.name)” cannot be encoded")
        }
        var front: [UInt8] = []
        front.append(integer: UInt32(json.count))
        front += json
        front += items
        self.front = front
    }

    /// Length of the plaintext.
    var byteCount: Int { front.count + set.hashes.count * hashBytes }

    /// Writes the plaintext piece by piece.
    func write(to writer: inout ChunkWriter) throws(KnownError) {
        try front.withRawBytes { bytes throws(KnownError) in try writer.write(bytes) }
        for start in stride(from: 0, to: set.hashes.count, by: blockHashes) {
            var words: [UInt64] = []
            words.reserveCapacity(4 * blockHashes)
            for hash in set.hashes[start..<min(start + blockHashes, set.hashes.count)] {
                for word in [3, 2, 1, 0] { words.append(hash.words[word].bigEndian) }
            }
            try words.withRawBytes { bytes throws(KnownError) in try writer.write(bytes) }
        }
        try set.qualities.withRawBytes { bytes throws(KnownError) in try writer.write(bytes) }
        for start in stride(from: 0, to: set.times.count, by: blockHashes) {
            let block = set.times[start..<min(start + blockHashes, set.times.count)]
            let patterns = block.map(\.bitPattern.littleEndian)
            try patterns.withRawBytes { bytes throws(KnownError) in try writer.write(bytes) }
        }
    }

    private static func itemSection(of set: KnownSet) -> [UInt8] {
        var places: [String: UInt32] = [:]
        var table: [UInt8] = []
        var records: [UInt8] = []
        func place(of text: String) -> UInt32 {
            if let place = places[text] { return place }
            let place = UInt32(places.count)
            places[text] = place
            table.append(text: text)
            return place
        }
        var position = 0
        for (index, item) in set.items.enumerated() {
            let start = position
            while position < set.itemIndexes.count, set.itemIndexes[position] == UInt32(index) {
                position += 1
            }
            records.append(item.kind == .image ? 0 : 1)
            records.append(text: item.id)
            records.append(integer: place(of: item.category))
            records.append(integer: place(of: item.source))
            records.append(integer: item.durationSeconds.bitPattern)
            records.append(integer: UInt32(position - start))
        }
        var section: [UInt8] = []
        section.append(integer: UInt32(places.count))
        return section + table + records
    }
}

/// Turns plaintext back into a set.
struct SetDecoder: ~Copyable {
    private var reader: ChunkReader

    init(_ reader: consuming ChunkReader) {
        self.reader = reader
    }

    consuming func set() throws(KnownError) -> KnownSet {
        let header = try header()
        let (items, counts) = try items(of: header)
        var indexes: [UInt32] = []
        indexes.reserveCapacity(header.hashes)
        for (index, count) in counts.enumerated() {
            indexes.append(contentsOf: repeatElement(UInt32(index), count: Int(count)))
        }
        let hashes = try hashes(header.hashes)
        let qualities = try qualities(header.hashes)
        let times = try times(header.hashes)
        guard reader.left == 0 else { throw malformed("something follows its last hash") }
        var empty = KnownSet(name: header.name, createdUnixSeconds: header.created)
        empty.version = header.version
        empty.updatedUnixSeconds = header.updated
        return KnownSet(
            restored: empty, items: items, hashes: hashes, itemIndexes: indexes,
            qualities: qualities, times: times)
    }

    private func malformed(_ what: String) -> KnownError {
        KnownError(
            .damaged,
            "\(reader.path) opens with the key, but its contents do not add up: \(what); make or "
                + "fetch the set again")
    }

    private mutating func bytes(_ count: Int) throws(KnownError) -> [UInt8] {
        guard count <= reader.left else { throw malformed("it is shorter than it says") }
        var result = [UInt8](repeating: 0, count: count)
        try result.withMutableRawBytes { buffer throws(KnownError) in
            try reader.fill(buffer)
        }
        return result
    }

    private mutating func header() throws(KnownError) -> SetHeader {
        var prefix = ByteCursor(try bytes(4))
        guard let length = prefix.integer(UInt32.self), length <= SetHeader.longest else {
            throw malformed("its header is too long")
        }
        let json = Data(try bytes(Int(length)))
        guard let header = try? JSONDecoder().decode(SetHeader.self, from: json) else {
            throw malformed("its header cannot be read")
        }
        let left = reader.left
        guard KnownRules.problem(ofID: header.name) == nil, header.version >= 1,
            (0...left).contains(header.itemBytes),
            (0...(left / hashBytes)).contains(header.hashes),
            (0...(left / smallestItem)).contains(header.items), header.items <= header.hashes,
            header.hashes <= KnownRules.mostHashes,
            left - header.itemBytes == header.hashes * hashBytes
        else { throw malformed("the counts in its header are not those of its contents") }
        return header
    }

    private mutating func items(
        of header: SetHeader
    ) throws(KnownError)
        -> ([KnownItem], [UInt32])
    {
        var cursor = ByteCursor(try bytes(header.itemBytes))
        let table = try table(&cursor)
        var items: [KnownItem] = []
        var counts: [UInt32] = []
        items.reserveCapacity(header.items)
        counts.reserveCapacity(header.items)
        var total = 0
        for _ in 0..<header.items {
            guard let (item, count) = record(&cursor, table: table) else {
                throw malformed("item \(items.count + 1) cannot be read")
            }
            total += Int(count)
            items.append(item)
            counts.append(count)
        }
        guard cursor.left == 0, total == header.hashes else {
            throw malformed("its items and hashes are not as many as it says")
        }
        return (items, counts)
    }

    private func table(_ cursor: inout ByteCursor) throws(KnownError) -> [String] {
        guard let count = cursor.integer(UInt32.self), Int(count) <= cursor.left / 2 else {
            throw malformed("its table of texts cannot be read")
        }
        var table: [String] = []
        for _ in 0..<count {
            guard let text = cursor.text(), KnownRules.problem(ofText: text) == nil else {
                throw malformed("its table of texts cannot be read")
            }
            table.append(text)
        }
        return table
    }

    private func record(_ cursor: inout ByteCursor, table: [String]) -> (KnownItem, UInt32)? {
        guard let kind = cursor.integer(UInt8.self), kind <= 1,
            let id = cursor.text(), KnownRules.problem(ofID: id) == nil,
            let category = cursor.integer(UInt32.self), Int(category) < table.count,
            let source = cursor.integer(UInt32.self), Int(source) < table.count,
            let duration = cursor.integer(UInt64.self),
            let count = cursor.integer(UInt32.self), count > 0
        else { return nil }
        let seconds = Double(bitPattern: duration)
        guard seconds.isFinite, seconds >= 0 else { return nil }
        let item = KnownItem(
            id: id, kind: kind == 0 ? .image : .video, category: table[Int(category)],
            source: table[Int(source)], durationSeconds: seconds)
        return (item, count)
    }

    private mutating func hashes(_ count: Int) throws(KnownError) -> [PDQHash] {
        var result: [PDQHash] = []
        result.reserveCapacity(count)
        var words = [UInt64](repeating: 0, count: 4 * min(count, blockHashes))
        while result.count < count {
            let block = min(blockHashes, count - result.count)
            try words.withMutableRawBytes { buffer throws(KnownError) in
                try reader.fill(.init(rebasing: buffer[..<(block * PDQHash.byteCount)]))
            }
            for start in stride(from: 0, to: 4 * block, by: 4) {
                result.append(
                    PDQHash(
                        words: SIMD4(
                            UInt64(bigEndian: words[start + 3]),
                            UInt64(bigEndian: words[start + 2]),
                            UInt64(bigEndian: words[start + 1]),
                            UInt64(bigEndian: words[start]))))
            }
        }
        return result
    }

    private mutating func qualities(_ count: Int) throws(KnownError) -> [UInt8] {
        let result = try bytes(count)
        guard result.allSatisfy({ $0 <= 100 }) else { throw malformed("a quality is over 100") }
        return result
    }

    private mutating func times(_ count: Int) throws(KnownError) -> [Float] {
        var result: [Float] = []
        result.reserveCapacity(count)
        var patterns = [UInt32](repeating: 0, count: min(count, blockHashes))
        while result.count < count {
            let block = min(blockHashes, count - result.count)
            try patterns.withMutableRawBytes { buffer throws(KnownError) in
                try reader.fill(.init(rebasing: buffer[..<(block * 4)]))
            }
            for pattern in patterns[..<block] {
                result.append(Float(bitPattern: UInt32(littleEndian: pattern)))
            }
        }
        guard result.allSatisfy(\.isFinite) else { throw malformed("a time is not a number") }
        return result
    }
}

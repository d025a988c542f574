// The sealed known set's inner form: what the chunks decrypt to. Integers are little-endian.
//
//   4 bytes  length of the JSON header, at most 64 KiB
//   JSON     name, version, created_s, updated_s, items, hashes, item_bytes; unknown keys are
//            ignored
//   items    item_bytes: a table of texts (4-byte count, then each as 2-byte length and UTF-8),
//            then each item: kind (0 image, 1 video), id (2-byte length and UTF-8), category and
//            source (4-byte places in the table), duration (Float64), number of hashes (4 bytes)
//   hashes   32 bytes each, most significant first; then all qualities, 1 byte each; then all
//            times, Float32 each; then, in format version 2, all variants (KnownVariant), 1 byte
//            each. They stand in the order of the items, an item's variants behind its others.
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

/// Bytes of a hash with its quality and time, and its variant where there are any.
private func hashBytes(hasVariants: Bool) -> Int {
    PDQHash.byteCount + 1 + 4 + (hasVariants ? 1 : 0)
}
/// Bytes of an item apart from its id.
private let itemFixedBytes = 1 + 2 + 4 + 4 + 8 + 4
/// Bytes of the smallest item.
private let smallestItem = itemFixedBytes + 1
/// Hashes that are converted at a time.
private let blockHashes = 1 << 14

/// Turns a set into plaintext.
struct SetEncoder {
    private let set: KnownSet
    /// The header and the table of texts.
    private let front: [UInt8]
    private let headerBytes: Int
    private let itemBytes: Int
    /// For each label of the items, the places of its category and source in the table of texts.
    private let labelTexts: [(category: UInt32, source: UInt32)]

    init(_ set: KnownSet) throws(KnownError) {
        if let problem = KnownRules.problem(ofID: set.name) {
            throw KnownError(
                .invalidValue,
                "a known set needs a name of 1 to \(KnownRules.longestID) printable characters; "
                    + "of this one \(problem)")
        }
        self.set = set
        let (table, labelTexts) = Self.table(of: set.items)
        self.labelTexts = labelTexts
        itemBytes = table.count + set.items.count * itemFixedBytes + set.items.idBytes.count
        let header = SetHeader(
            name: set.name, version: max(1, set.version), created: set.createdUnixSeconds,
            updated: set.updatedUnixSeconds, items: set.items.count, hashes: set.hashes.count,
            itemBytes: itemBytes)
        guard let json = try? JSONEncoder().encode(header) else {
            throw KnownError(.invalidValue, "the header of set “\(set.name)” cannot be encoded")
        }
        var front: [UInt8] = []
        front.append(integer: UInt32(json.count))
        front += json
        headerBytes = front.count
        self.front = front + table
    }

    /// Version of the file format: the oldest that can hold the set.
    var formatVersion: UInt16 {
        self.set.catalogue.hasVariants ? SealedFormat.variantVersion : SealedFormat.plainVersion
    }

    /// Length of the plaintext.
    var byteCount: Int {
        headerBytes + itemBytes
            + set.hashes.count * hashBytes(hasVariants: set.catalogue.hasVariants)
    }

    /// Writes the plaintext piece by piece.
    func write(to writer: inout ChunkWriter) throws(KnownError) {
        try front.withRawBytes { bytes throws(KnownError) in try writer.write(bytes) }
        try writeItems(to: &writer)
        for start in stride(from: 0, to: set.hashes.count, by: blockHashes) {
            var words: [UInt64] = []
            words.reserveCapacity(4 * blockHashes)
            for hash in set.hashes[start..<min(start + blockHashes, set.hashes.count)] {
                for word in [3, 2, 1, 0] { words.append(hash.words[word].bigEndian) }
            }
            try words.withRawBytes { bytes throws(KnownError) in try writer.write(bytes) }
        }
        try set.qualities.withRawBytes { bytes throws(KnownError) in try writer.write(bytes) }
        for start in stride(from: 0, to: set.hashes.count, by: blockHashes) {
            let patterns = (start..<min(start + blockHashes, set.hashes.count)).map {
                set.catalogue.time(ofHashAt: $0).bitPattern.littleEndian
            }
            try patterns.withRawBytes { bytes throws(KnownError) in try writer.write(bytes) }
        }
        if set.catalogue.hasVariants { try writeVariants(to: &writer) }
    }

    private func writeVariants(to writer: inout ChunkWriter) throws(KnownError) {
        for start in stride(from: 0, to: set.hashes.count, by: blockHashes) {
            let values = (start..<min(start + blockHashes, set.hashes.count)).map {
                set.catalogue.variant(ofHashAt: $0).rawValue
            }
            try values.withRawBytes { bytes throws(KnownError) in try writer.write(bytes) }
        }
    }

    private func writeItems(to writer: inout ChunkWriter) throws(KnownError) {
        let items = set.items
        for start in stride(from: 0, to: items.count, by: blockHashes) {
            var records: [UInt8] = []
            records.reserveCapacity(2 * itemFixedBytes * blockHashes)
            for place in start..<min(start + blockHashes, items.count) {
                let label = items.labelPlace(at: place)
                records.append(items.labels[label].kind == .image ? 0 : 1)
                records.append(text: items.idBytes(at: place))
                records.append(integer: labelTexts[label].category)
                records.append(integer: labelTexts[label].source)
                records.append(integer: items.duration(at: place).bitPattern)
                records.append(integer: UInt32(set.hashCount(ofItemAt: place)))
            }
            try records.withRawBytes { bytes throws(KnownError) in try writer.write(bytes) }
        }
    }

    /// The table of texts, and where each label's stand in it.
    private static func table(
        of items: KnownItems
    ) -> ([UInt8], [(category: UInt32, source: UInt32)]) {
        var places: [String: UInt32] = [:]
        var texts: [UInt8] = []
        func place(of text: String) -> UInt32 {
            if let place = places[text] { return place }
            let place = UInt32(places.count)
            places[text] = place
            texts.append(text: text.utf8)
            return place
        }
        let labelTexts = items.labels.map {
            (category: place(of: $0.category), source: place(of: $0.source))
        }
        var table: [UInt8] = []
        table.append(integer: UInt32(places.count))
        return (table + texts, labelTexts)
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
        let hashes = try hashes(header.hashes)
        let qualities = try qualities(header.hashes)
        let times = try times(header.hashes)
        let variants = try variants(header.hashes, counts)
        guard reader.left == 0 else { throw malformed("something follows its last hash") }
        var empty = KnownSet(name: header.name, createdUnixSeconds: header.created)
        empty.version = header.version
        empty.updatedUnixSeconds = header.updated
        return KnownSet(
            restored: empty,
            catalogue: KnownCatalogue(
                items: items, counts: counts, times: times, variants: variants),
            hashes: hashes, qualities: qualities)
    }

    private var hasVariants: Bool { reader.formatVersion >= SealedFormat.variantVersion }

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
        let hashBytes = hashBytes(hasVariants: hasVariants)
        guard KnownRules.problem(ofID: header.name) == nil, header.version >= 1,
            KnownRules.times.contains(header.created), KnownRules.times.contains(header.updated),
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
        -> (KnownItems, [UInt32])
    {
        var cursor = ByteCursor(try bytes(header.itemBytes))
        var records = RecordReader(table: try table(&cursor))
        var items = KnownItems()
        var counts: [UInt32] = []
        items.reserveCapacity(
            header.items, idBytes: max(0, cursor.left - header.items * itemFixedBytes))
        counts.reserveCapacity(header.items)
        var total = 0
        for _ in 0..<header.items {
            guard let count = records.next(&cursor, into: &items) else {
                throw malformed("item \(items.count + 1) cannot be read")
            }
            total += Int(count)
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

    private mutating func times(_ count: Int) throws(KnownError) -> SparseColumn<Float> {
        var result = SparseColumn<Float>()
        var patterns = [UInt32](repeating: 0, count: min(count, blockHashes))
        while result.count < count {
            let block = min(blockHashes, count - result.count)
            try patterns.withMutableRawBytes { buffer throws(KnownError) in
                try reader.fill(.init(rebasing: buffer[..<(block * 4)]))
            }
            for pattern in patterns[..<block] {
                let time = Float(bitPattern: UInt32(littleEndian: pattern))
                guard time.isFinite else { throw malformed("a time is not a number") }
                result.append(time)
            }
            result.reserveCapacity(count)
        }
        return result
    }
}

extension SetDecoder {
    /// The column of variants, which older formats do not have.
    /// - Parameter counts: number of hashes of each item.
    private mutating func variants(
        _ count: Int, _ counts: [UInt32]
    ) throws(KnownError) -> SparseColumn<UInt8> {
        guard hasVariants else { return SparseColumn(zeros: count) }
        let values = try bytes(count)
        if let unknown = values.first(where: { KnownVariant(rawValue: $0) == nil }) {
            throw KnownError(
                .newerFormat,
                "\(reader.path) has variants of a kind that this Vigil does not know (number "
                    + "\(unknown)); use a newer Vigil, or make the set again with this one")
        }
        var place = 0
        for count in counts {
            let own = values[place..<place + Int(count)]
            let variants = own.drop { $0 == 0 }
            guard variants.count < own.count, !variants.contains(0) else {
                throw malformed("an item's variants do not stand behind its other hashes")
            }
            place += Int(count)
        }
        return SparseColumn(values)
    }
}

/// Reads the items one after another.
private struct RecordReader {
    let table: [String]
    /// The label last read and where it stands among the items': most items of a list share one.
    private var lastLabel: (kind: UInt8, category: UInt32, source: UInt32, place: UInt32)?

    init(table: [String]) { self.table = table }

    /// Adds the next item and gives the number of its hashes; `nil` if it breaks a rule.
    mutating func next(_ cursor: inout ByteCursor, into items: inout KnownItems) -> UInt32? {
        guard let kind = cursor.integer(UInt8.self), kind <= 1,
            let id = cursor.textBytes(), KnownRules.isID(id),
            id.count <= KnownItems.mostIDBytes - items.idBytes.count,
            let category = cursor.integer(UInt32.self), Int(category) < table.count,
            let source = cursor.integer(UInt32.self), Int(source) < table.count,
            let duration = cursor.integer(UInt64.self),
            let count = cursor.integer(UInt32.self), count > 0
        else { return nil }
        let seconds = Double(bitPattern: duration)
        guard seconds.isFinite, seconds >= 0 else { return nil }
        items.append(
            id: id, label: label(kind, category, source, in: &items), duration: seconds)
        return count
    }

    private mutating func label(
        _ kind: UInt8, _ category: UInt32, _ source: UInt32, in items: inout KnownItems
    ) -> UInt32 {
        if let last = lastLabel, last.kind == kind, last.category == category,
            last.source == source
        {
            return last.place
        }
        let place = items.place(
            of: .init(
                kind: kind == 0 ? .image : .video, category: table[Int(category)],
                source: table[Int(source)]))
        lastLabel = (kind, category, source, place)
        return place
    }
}

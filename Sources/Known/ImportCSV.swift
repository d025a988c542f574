// CSV as ThreatExchange's tools exchange it: a header with `signal_type` and `signal_str` and, in
// any order, `category`, `collab` and others; quoting as in RFC 4180, so a record may span lines.
//
// Invariants: every record is used, or counted by its type, or named as corrupt. A quote that is
// never closed costs only its own line: reading goes on at the next one, and from then on records
// may no longer span lines, so that a damaged file is read in linear time.

import Fingerprint

/// Reads `signal_type,signal_str,…` CSV.
enum SignalCSVReader {
    /// Where the header says that things are.
    struct Columns {
        var count: Int
        var type: Int
        var signal: Int
        var category: Int?
        var collection: Int?
    }

    private static let longestType = 32
    private static let longestCategory = 256

    static func read(_ bytes: Span<UInt8>, into collector: inout ItemCollector) {
        var walker = RecordWalker(bytes)
        var columns: Columns?
        while let (line, outcome) = walker.next(in: bytes) {
            do throws(LineFault) {
                let record = try outcome.get()
                if let columns {
                    try add(record, columns, line: line, in: bytes, to: &collector)
                } else if let header = Self.columns(of: record, in: bytes) {
                    columns = header
                } else {
                    throw LineFault("stands before the header")
                }
            } catch {
                collector.corrupt(line: line, error.reason)
            }
            collector.pages.passed(walker.position)
        }
    }

    /// The columns, if this line is a header.
    static func columns(of line: Range<Int>, in bytes: Span<UInt8>) -> Columns? {
        guard let record = try? CSVRecord(in: bytes, from: line.lowerBound, spansLines: false)
        else { return nil }
        return columns(of: record, in: bytes)
    }

    private static func columns(of record: CSVRecord, in bytes: Span<UInt8>) -> Columns? {
        let names = record.fields.indices.map { place in
            String(decoding: record.content(of: place, in: bytes), as: UTF8.self).lowercased()
        }
        guard let type = names.firstIndex(of: "signal_type"),
            let signal = names.firstIndex(of: "signal_str")
        else { return nil }
        return Columns(
            count: names.count, type: type, signal: signal,
            category: names.firstIndex(of: "category"), collection: names.firstIndex(of: "collab"))
    }

    private static func add(
        _ record: CSVRecord, _ columns: Columns, line: Int, in bytes: Span<UInt8>,
        to collector: inout ItemCollector
    ) throws(LineFault) {
        guard record.fields.count == columns.count else {
            throw LineFault(
                "has \(record.fields.count) fields where the header has \(columns.count)")
        }
        guard ImportText.isText(record.range, in: bytes) else {
            throw LineFault("is not UTF-8 text")
        }
        let type = try type(record.content(of: columns.type, in: bytes))
        guard ["pdq", "vpdq", "video_vpdq"].contains(type) else {
            collector.unsupported(type: type)
            return
        }
        let category = try label(columns.category, "category", of: record, in: bytes)
        let collection = try label(columns.collection, "collab", of: record, in: bytes)
        let others = record.fields.indices.filter { $0 != columns.type && $0 != columns.signal }
        var rest = Hasher()
        for place in others { rest.combine(record.content(of: place, in: bytes)) }
        let signal = record.content(of: columns.signal, in: bytes)
        let isImage = type == "pdq"
        let hashes = isImage ? [try image(signal.span)] : try VideoSignal.frames(signal.span)
        collector.add(
            isImage ? .image : .video, hashes, line: line, id: nil, category: category,
            collection: collection, rest: rest.finalize())
    }

    private static func image(_ signal: Span<UInt8>) throws(LineFault) -> KnownHash {
        let range = ImportText.trimmed(0..<signal.count, in: signal)
        guard let hash = ImportText.hash(range, in: signal) else {
            throw LineFault("its signal is not 64 hex digits")
        }
        return KnownHash(hash: hash, quality: 100)
    }

    /// A signal type: a short plain word, so that counting by type can never show a hash.
    private static func type(_ bytes: [UInt8]) throws(LineFault) -> String {
        let text = String(decoding: bytes, as: UTF8.self).lowercased()
        let isWord = text.utf8.allSatisfy { byte in
            byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-") || byte &- 0x30 < 10
                || byte &- 0x61 < 26
        }
        guard isWord, (1...longestType).contains(text.utf8.count) else {
            throw LineFault("its signal type is not a short word")
        }
        return text
    }

    private static func label(
        _ place: Int?, _ name: String, of record: CSVRecord, in bytes: Span<UInt8>
    ) throws(LineFault) -> String {
        guard let place else { return "" }
        let text = String(decoding: record.content(of: place, in: bytes), as: UTF8.self)
        guard text.utf8.count <= longestCategory, KnownRules.isPrintable(text) else {
            throw LineFault("its \(name) is too long or cannot be printed")
        }
        guard !HexRun.isPresent(in: text) else {
            throw LineFault("its \(name) holds what could be a hash")
        }
        return text
    }
}

/// A video's signal: a JSON array of strings, each one frame.
///
/// The reference writes "hash,quality,seconds"; "quality,hash,seconds" and
/// "frame,quality,hash,seconds" can be told apart from it by the place of the hash and are
/// taken too.
enum VideoSignal {
    static func frames(_ signal: Span<UInt8>) throws(LineFault) -> [KnownHash] {
        var place = 0
        func skipSpace() {
            while place < signal.count, signal[place] <= 0x20 { place += 1 }
        }
        func take(_ byte: UInt8) -> Bool {
            skipSpace()
            guard place < signal.count, signal[place] == byte else { return false }
            place += 1
            return true
        }
        var frames: [KnownHash] = []
        guard take(UInt8(ascii: "[")) else { throw LineFault("its signal is not a JSON array") }
        repeat {
            guard take(ImportText.quote) else {
                throw LineFault("its JSON array holds something other than texts")
            }
            let start = place
            while place < signal.count, signal[place] != ImportText.quote { place += 1 }
            guard place < signal.count else { throw LineFault("its JSON array is cut off") }
            frames.append(try frame(start..<place, in: signal))
            place += 1
        } while take(ImportText.comma)
        guard take(UInt8(ascii: "]")) else { throw LineFault("its JSON array is cut off") }
        skipSpace()
        guard place == signal.count else { throw LineFault("something follows its JSON array") }
        return frames
    }

    private static func frame(
        _ text: Range<Int>, in signal: Span<UInt8>
    ) throws(LineFault)
        -> KnownHash
    {
        if let four = ImportText.fields(text, in: signal, count: 4) {
            guard ImportText.integer(four[0], in: signal) != nil else {
                throw LineFault("a frame's number is not a number")
            }
            return try VPDQTextReader.frame(
                hash: four[2], quality: four[1], seconds: four[3], in: signal)
        }
        guard let three = ImportText.fields(text, in: signal, count: 3) else {
            throw LineFault("a frame does not have the fields hash,quality,seconds")
        }
        let hashFirst = ImportText.hash(three[0], in: signal) != nil
        return try VPDQTextReader.frame(
            hash: three[hashFirst ? 0 : 1], quality: three[hashFirst ? 1 : 0], seconds: three[2],
            in: signal)
    }
}

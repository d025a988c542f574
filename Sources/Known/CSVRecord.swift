// Records of RFC 4180: fields between commas, quoted ones with doubled quotes and line ends inside.
//
// Invariants: a record is at most 16 MiB; a record that cannot be read costs its first line only
// (see the note on unclosed quotes in ImportCSV.swift); fields are ranges of the file's bytes, and
// only a field with doubled quotes is copied to read it.

/// One record's fields.
struct CSVRecord {
    /// A field's content, without its quotes.
    struct Field {
        var range: Range<Int>
        var hasDoubledQuotes: Bool
    }

    /// More fields than a list has; a line of commas must not cost memory for each of them.
    static let mostFields = 1000

    private(set) var fields: [Field] = []
    /// The whole record, without its line end.
    private(set) var range: Range<Int>
    /// Line ends inside quoted fields.
    private(set) var innerLines = 0
    /// Where the next record starts.
    private(set) var next: Int

    /// Reads the record that starts at a place.
    init(in bytes: Span<UInt8>, from start: Int, spansLines: Bool) throws(LineFault) {
        range = start..<start
        next = start
        var place = start
        while true {
            let isQuoted = place < bytes.count && bytes[place] == ImportText.quote
            place =
                isQuoted
                ? try quoted(in: bytes, from: place + 1, start: start, spansLines: spansLines)
                : try plain(in: bytes, from: place, start: start)
            guard place < bytes.count, bytes[place] == ImportText.comma else { break }
            place += 1
            guard fields.count < Self.mostFields else { throw LineFault("has over 1000 fields") }
        }
        range = start..<place
        if place < bytes.count, bytes[place] == ImportText.carriageReturn { place += 1 }
        next = min(place + 1, bytes.count)
    }

    /// The content of a field, doubled quotes made single.
    func content(of place: Int, in bytes: Span<UInt8>) -> [UInt8] {
        let field = fields[place]
        var content: [UInt8] = []
        content.reserveCapacity(field.range.count)
        var wasQuote = false
        for place in field.range {
            let byte = bytes[place]
            wasQuote = field.hasDoubledQuotes && byte == ImportText.quote && !wasQuote
            if !wasQuote { content.append(byte) }
        }
        return content
    }

    private mutating func plain(
        in bytes: Span<UInt8>, from first: Int, start: Int
    )
        throws(LineFault) -> Int
    {
        var place = first
        while place < bytes.count, bytes[place] != ImportText.comma {
            if Self.isLineEnd(place, in: bytes) { break }
            place += 1
            if place - start > ImportList.longestLine { throw LineFault("longer than 16 MiB") }
        }
        fields.append(.init(range: first..<place, hasDoubledQuotes: false))
        return place
    }

    private mutating func quoted(
        in bytes: Span<UInt8>, from first: Int, start: Int, spansLines: Bool
    ) throws(LineFault) -> Int {
        var place = first
        var hasDoubled = false
        while true {
            guard place < bytes.count else { throw LineFault(Self.unclosed) }
            guard place - start <= ImportList.longestLine else {
                throw LineFault("longer than 16 MiB")
            }
            let byte = bytes[place]
            if byte == ImportText.quote {
                guard place + 1 < bytes.count, bytes[place + 1] == ImportText.quote else { break }
                hasDoubled = true
                place += 1
            } else if byte == ImportText.newline {
                guard spansLines else { throw LineFault(Self.unclosed) }
                innerLines += 1
            }
            place += 1
        }
        fields.append(.init(range: first..<place, hasDoubledQuotes: hasDoubled))
        place += 1
        let isEnd = place == bytes.count || bytes[place] == ImportText.comma
        guard isEnd || Self.isLineEnd(place, in: bytes) else {
            throw LineFault("has something after a closing quote")
        }
        return place
    }

    private static let unclosed = "has a quote that is never closed"

    /// Whether LF or CRLF stands here.
    private static func isLineEnd(_ place: Int, in bytes: Span<UInt8>) -> Bool {
        if bytes[place] == ImportText.newline { return true }
        return bytes[place] == ImportText.carriageReturn
            && (place + 1 == bytes.count || bytes[place + 1] == ImportText.newline)
    }
}

/// Walks over the records of a CSV file, past blank lines and comments.
struct RecordWalker {
    private var lines: Int
    /// Where the next record starts.
    private(set) var position: Int
    private var spansLines = true

    init(_ bytes: Span<UInt8>) {
        lines = 0
        position = 0
        let hasMark = bytes.count >= 3 && bytes[0] == 0xef && bytes[1] == 0xbb && bytes[2] == 0xbf
        if hasMark { position = 3 }
    }

    /// The next record, or why there is none, with the number of its first line.
    mutating func next(in bytes: Span<UInt8>) -> (line: Int, Swift.Result<CSVRecord, LineFault>)? {
        while position < bytes.count {
            let start = position
            lines += 1
            let line = lines
            if isSkipped(start, in: bytes) {
                position = ImportText.lineEnd(from: start, in: bytes) + 1
                continue
            }
            do throws(LineFault) {
                let record = try CSVRecord(in: bytes, from: start, spansLines: spansLines)
                position = record.next
                lines += record.innerLines
                return (line, .success(record))
            } catch {
                spansLines = false
                position = ImportText.lineEnd(from: start, in: bytes) + 1
                return (line, .failure(error))
            }
        }
        return nil
    }

    private func isSkipped(_ start: Int, in bytes: Span<UInt8>) -> Bool {
        var place = start
        while place < bytes.count, ImportText.isBlank(bytes[place]) { place += 1 }
        guard place < bytes.count else { return true }
        if bytes[place] == ImportText.carriageReturn { place += 1 }
        guard place < bytes.count else { return true }
        return bytes[place] == ImportText.newline || bytes[start] == UInt8(ascii: "#")
    }
}

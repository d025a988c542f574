// Reading of numbers, hashes and lines straight from bytes. A list has millions of lines, and
// making a String of each would cost more than all the rest; so text is made only where it is
// kept.
//
// Invariants: every read is bounds-checked (Span); nothing here traps on any input; ranges that are
// passed in lie within the bytes.

import Fingerprint

/// Why a line of a list could not be used; never holds anything of the line.
struct LineFault: Error {
    let reason: String
    init(_ reason: String) { self.reason = reason }
}

/// Small parsers over bytes.
enum ImportText {
    static let comma = UInt8(ascii: ",")
    static let quote = UInt8(ascii: "\"")
    static let newline = UInt8(ascii: "\n")
    static let carriageReturn = UInt8(ascii: "\r")

    /// The range without spaces and tabs at its ends.
    static func trimmed(_ range: Range<Int>, in bytes: Span<UInt8>) -> Range<Int> {
        var start = range.lowerBound
        var end = range.upperBound
        while start < end, isBlank(bytes[start]) { start += 1 }
        while end > start, isBlank(bytes[end - 1]) { end -= 1 }
        return start..<end
    }

    static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    /// The 64 hex digits that start at a place, as a hash.
    static func hash(in bytes: Span<UInt8>, at start: Int) -> PDQHash? {
        guard start >= 0, bytes.count - start >= HexRun.length else { return nil }
        return PDQHash(hexDigits: bytes.extracting(start..<start + HexRun.length))
    }

    /// A range that is nothing but 64 hex digits, as a hash.
    static func hash(_ range: Range<Int>, in bytes: Span<UInt8>) -> PDQHash? {
        range.count == HexRun.length ? hash(in: bytes, at: range.lowerBound) : nil
    }

    /// A whole number of up to 18 decimal digits.
    static func integer(_ range: Range<Int>, in bytes: Span<UInt8>) -> Int? {
        guard (1...18).contains(range.count) else { return nil }
        var value = 0
        for place in range {
            let digit = bytes[place] &- UInt8(ascii: "0")
            guard digit < 10 else { return nil }
            value = value * 10 + Int(digit)
        }
        return value
    }

    /// A quality, 0…100.
    static func quality(_ range: Range<Int>, in bytes: Span<UInt8>) -> UInt8? {
        guard let value = integer(range, in: bytes), value <= 100 else { return nil }
        return UInt8(value)
    }

    /// A number of seconds, 0 to 1e9, in decimal or scientific form; no sign, no words.
    static func seconds(_ range: Range<Int>, in bytes: Span<UInt8>) -> Float? {
        guard (1...40).contains(range.count), bytes[range.lowerBound] &- 0x30 < 10 else {
            return nil
        }
        for place in range {
            switch bytes[place] {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "e"),
                UInt8(ascii: "E"), UInt8(ascii: "+"), UInt8(ascii: "-"):
                continue
            default: return nil
            }
        }
        guard let value = Float(text(range, in: bytes)), value >= 0, value <= 1e9 else {
            return nil
        }
        return value
    }

    /// Whether a range is UTF-8 without zero bytes.
    static func isText(_ range: Range<Int>, in bytes: Span<UInt8>) -> Bool {
        var isPlain = true
        for place in range where bytes[place] &- 1 >= 0x7f {
            if bytes[place] == 0 { return false }
            isPlain = false
        }
        if isPlain { return true }
        return bytes.withUnsafeBufferPointer {
            String(validating: UnsafeBufferPointer(rebasing: $0[range]), as: UTF8.self) != nil
        }
    }

    /// A range as text; the caller has checked that it is UTF-8.
    static func text(_ range: Range<Int>, in bytes: Span<UInt8>) -> String {
        bytes.withUnsafeBufferPointer {
            String(decoding: UnsafeBufferPointer(rebasing: $0[range]), as: UTF8.self)
        }
    }

    /// Where the line that holds a place ends: the place of its newline, or the end of the bytes.
    static func lineEnd(from place: Int, in bytes: Span<UInt8>) -> Int {
        var end = place
        while end < bytes.count, bytes[end] != newline { end += 1 }
        return end
    }

    /// The fields of a line between its commas, blanks cut off; `nil` if they are not `count`.
    static func fields(_ line: Range<Int>, in bytes: Span<UInt8>, count: Int) -> [Range<Int>]? {
        var fields: [Range<Int>] = []
        var start = line.lowerBound
        for place in line where bytes[place] == comma {
            guard fields.count < count - 1 else { return nil }
            fields.append(trimmed(start..<place, in: bytes))
            start = place + 1
        }
        fields.append(trimmed(start..<line.upperBound, in: bytes))
        return fields.count == count ? fields : nil
    }
}

/// Walks over the lines of a list: LF or CRLF, with or without a byte order mark.
struct LineWalker {
    /// Number of the line last given, from 1.
    private(set) var number = 0
    private var position: Int

    init(_ bytes: Span<UInt8>) {
        let hasMark = bytes.count >= 3 && bytes[0] == 0xef && bytes[1] == 0xbb && bytes[2] == 0xbf
        position = hasMark ? 3 : 0
    }

    /// The next line without its end and without blanks around it.
    mutating func next(in bytes: Span<UInt8>) -> Range<Int>? {
        guard position < bytes.count else { return nil }
        let start = position
        var end = ImportText.lineEnd(from: start, in: bytes)
        position = end + 1
        number += 1
        if end > start, bytes[end - 1] == ImportText.carriageReturn { end -= 1 }
        return ImportText.trimmed(start..<end, in: bytes)
    }

    /// The next line that is neither blank nor a comment.
    mutating func nextWithContent(in bytes: Span<UInt8>) -> Range<Int>? {
        while let line = next(in: bytes) {
            if !line.isEmpty, bytes[line.lowerBound] != UInt8(ascii: "#") { return line }
        }
        return nil
    }
}

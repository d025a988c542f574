// The module's one error type. A message says what failed, where, why, and what to do about it.
//
// Invariants: no message holds a hash value or key bytes. Callers put in neither, and as a second
// net every run of 64 or more hex digits is taken out here, whatever text it came with (a file name
// or an id may hold one). Line text of an imported list never enters a message at all.

/// Why a known set, a list or a key file could not be used.
public struct KnownError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kind of failure, stable for programs.
    public enum Code: String, Sendable, Hashable, CaseIterable {
        /// A file or directory is not there.
        case fileMissing
        /// A file could not be opened or read.
        case fileUnreadable
        /// A file could not be written; what stood there before still stands.
        case writeFailed
        /// A directory, device or pipe stands where a file is needed.
        case notRegularFile
        /// The key file is not there.
        case keyMissing
        /// The key file can be read or written by everyone.
        case keyExposed
        /// The key file holds no key.
        case keyMalformed
        /// The file is not a Vigil known set.
        case notKnownSet
        /// The known set was written by a newer Vigil.
        case newerFormat
        /// The known set was sealed with another key.
        case wrongKey
        /// The known set was altered or damaged.
        case damaged
        /// The known set ends too early.
        case truncated
        /// Bytes follow the end of the known set.
        case trailingBytes
        /// The file is not a list of hashes.
        case notHashList
        /// The set has an item of that id already.
        case duplicateItem
        /// An item or set has a value that is not allowed.
        case invalidValue
        /// An item came without hashes.
        case noHashes
        /// The set cannot hold so many hashes.
        case tooManyHashes
    }

    /// The kind of failure.
    public let code: Code
    /// What failed, where, why, and what to do.
    public let message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = HexRun.redacting(message)
    }

    /// The message.
    public var description: String { message }
}

/// Finds text that could be a hash: 64 or more hex digits in a row.
enum HexRun {
    static let length = 64

    static func isPresent(in text: some StringProtocol) -> Bool {
        var run = 0
        for byte in text.utf8 {
            run = HexDigit.value(of: byte) < 16 ? run + 1 : 0
            if run == length { return true }
        }
        return false
    }

    /// The text with every run of 64 or more hex digits replaced by a remark.
    static func redacting(_ text: String) -> String {
        guard isPresent(in: text) else { return text }
        var result = ""
        var run = ""
        for scalar in text.unicodeScalars {
            if scalar.isASCII, HexDigit.value(of: UInt8(truncatingIfNeeded: scalar.value)) < 16 {
                run.unicodeScalars.append(scalar)
            } else {
                result += shown(run)
                run = ""
                result.unicodeScalars.append(scalar)
            }
        }
        return result + shown(run)
    }

    private static func shown(_ run: String) -> String {
        run.utf8.count < length ? run : "(hex digits withheld)"
    }
}

/// One hex digit as a byte of text.
enum HexDigit {
    /// The value, 0…15, or 255 for a byte that is no hex digit.
    @inline(__always)
    static func value(of byte: UInt8) -> UInt8 {
        let digit = byte &- UInt8(ascii: "0")
        if digit < 10 { return digit }
        let letter = (byte | 0x20) &- UInt8(ascii: "a")
        return letter < 6 ? letter &+ 10 : 255
    }
}

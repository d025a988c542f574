// A secret that is shared with a media server, from a file.
//
// Invariants: it prints itself nowhere; a file that everyone may read or write is refused.

import Crypto
import FoundationEssentials

/// A secret text: a password, a token, or the key of a signature.
public struct SecretText: Sendable, Hashable {
    /// Longest secret, bytes.
    public static let longest = 4096

    let text: String

    /// Wraps a text of 1 to `longest` bytes without control characters; others give `nil`.
    public init?(_ text: String) {
        guard !text.isEmpty, text.utf8.count <= Self.longest,
            text.unicodeScalars.allSatisfy({ $0.value >= 32 && $0.value != 127 })
        else { return nil }
        self.text = text
    }

    /// Reads it from a file that not everyone may read or write; one line end is cut off.
    /// - Throws: `configuration`, with the path and what to do.
    public init(file path: String) throws(ServeError) {
        let bytes = try PrivateFile.read(path, "secret", most: Self.longest + 2)
        let line =
            bytes.last == 10 ? bytes.dropLast(bytes.suffix(2) == [13, 10] ? 2 : 1) : bytes[...]
        guard let text = String(validating: line, as: UTF8.self), let secret = SecretText(text)
        else {
            throw ServeError(
                .configuration,
                "the file \(path) holds no secret: it takes one line of 1 to \(Self.longest) bytes")
        }
        self = secret
    }

    /// The key for signatures.
    var key: SymmetricKey { SymmetricKey(data: Array(text.utf8)) }

    /// Compares with what somebody sent, without telling by its duration where they differ.
    func matches(_ other: String) -> Bool {
        let key = SymmetricKey(size: .bits256)
        let expected = HMAC<SHA256>.authenticationCode(for: Array(text.utf8), using: key)
        return HMAC<SHA256>.isValidAuthenticationCode(
            Array(expected), authenticating: Array(other.utf8), using: key)
    }
}

extension SecretText: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Never the text.
    public var description: String { "SecretText" }
    /// Never the text.
    public var debugDescription: String { description }
    /// Empty, so that `dump` shows nothing either.
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}

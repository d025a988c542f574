// What may be the name of a stream or of an application, and how such names stand in addresses.
//
// Invariants: a name that passed holds no slash, no control character and is neither "." nor "..";
// so once its bytes are encoded it cannot leave the place in an address where it is put.

/// Checks of names that a media server passes on from whoever publishes.
enum StreamName {
    /// Longest name, bytes of UTF-8.
    static let longest = 256
    /// Longest path, bytes of UTF-8.
    static let longestPath = 1024
    /// Longest other text that is kept: ids, addresses of peers.
    static let longestText = 256

    /// Checks one name.
    static func check(_ name: String, as what: String) throws(HookError) -> String {
        guard !name.isEmpty else { throw malformed(what, "is empty") }
        guard name.utf8.count <= longest else {
            throw malformed(what, "is longer than \(longest) bytes")
        }
        guard !hasControl(name) else { throw malformed(what, "holds a control character") }
        guard !name.utf8.contains(where: { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "\\") })
        else { throw malformed(what, "holds a slash") }
        guard name != ".", name != ".." else { throw malformed(what, "is a step in a path") }
        return name
    }

    /// Checks a path of names with single slashes between them.
    static func checkPath(_ path: String, as what: String) throws(HookError) -> String {
        guard path.utf8.count <= longestPath else {
            throw malformed(what, "is longer than \(longestPath) bytes")
        }
        for name in path.split(separator: "/", omittingEmptySubsequences: false) {
            _ = try check(String(name), as: "a part of \(what)")
        }
        return path
    }

    /// Checks an id or an address of a peer; an empty one counts as missing.
    static func checkText(_ text: String?, as what: String) throws(HookError) -> String? {
        guard let text, !text.isEmpty else { return nil }
        guard text.utf8.count <= longestText else {
            throw malformed(what, "is longer than \(longestText) bytes")
        }
        guard !hasControl(text) else { throw malformed(what, "holds a control character") }
        return text
    }

    private static func hasControl(_ text: String) -> Bool {
        text.unicodeScalars.contains {
            $0.properties.generalCategory == .control || $0.properties.generalCategory == .format
                || $0.properties.generalCategory == .lineSeparator
                || $0.properties.generalCategory == .paragraphSeparator
        }
    }

    private static func malformed(_ what: String, _ why: String) -> HookError {
        HookError(.malformed, "\(what) \(why)")
    }
}

/// Percent-encoding (RFC 3986).
enum PercentCoding {
    /// Where a text is put, which says which characters may stay as they are.
    enum Place {
        /// A segment of a path, between slashes.
        case segment
        /// A query's name or value, or a form's.
        case query
    }

    /// Encodes every byte that is not plainly harmless there.
    static func encode(_ text: some StringProtocol, in place: Place) -> String {
        var result = ""
        for byte in text.utf8 {
            if isPlain(byte, in: place) {
                result.unicodeScalars.append(UnicodeScalar(byte))
            } else {
                let digits = String(byte, radix: 16, uppercase: true)
                result += byte < 16 ? "%0\(digits)" : "%\(digits)"
            }
        }
        return result
    }

    /// Whether a byte may stay as it is.
    static func isPlain(_ byte: UInt8, in place: Place) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"):
            true
        case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"): true
        default: place == .segment && "!$'()*+,;=@".utf8.contains(byte)
        }
    }

    /// Decodes; `nil` where an escape or the UTF-8 is invalid.
    static func decode(_ text: some Sequence<UInt8>, plusIsSpace: Bool) -> String? {
        var bytes: [UInt8] = []
        var rest = text.makeIterator()
        while let byte = rest.next() {
            switch byte {
            case UInt8(ascii: "%"):
                guard let high = rest.next().flatMap(digit), let low = rest.next().flatMap(digit)
                else { return nil }
                bytes.append(high << 4 | low)
            case UInt8(ascii: "+") where plusIsSpace: bytes.append(UInt8(ascii: " "))
            default: bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        Character(UnicodeScalar(byte)).hexDigitValue.map { UInt8($0) }
    }
}

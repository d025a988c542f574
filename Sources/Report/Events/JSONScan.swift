// Finds members in a JSON text without changing a byte of it: what is taken out of a frozen body is
// passed on exactly as it was written.
//
// Invariants: reads what JSONEncoder writes (no white space is expected, some is endured); anything
// that is not JSON gives `nil`, never a trap; depth and length are those of the text, read once.

/// A JSON value within a text.
struct JSONScan: Sendable {
    /// The value, as it is written.
    let bytes: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) {
        let start = bytes.drop(while: Self.isBlank)
        let end = start.lastIndex { !Self.isBlank($0) } ?? start.startIndex - 1
        self.bytes = start[start.startIndex..<end + 1]
    }

    init(_ bytes: [UInt8]) { self.init(bytes[...]) }

    private static func isBlank(_ byte: UInt8) -> Bool {
        byte == 32 || byte == 10 || byte == 13 || byte == 9
    }

    var isNull: Bool { bytes.elementsEqual("null".utf8) }
    var isObject: Bool { bytes.first == UInt8(ascii: "{") }
    var isArray: Bool { bytes.first == UInt8(ascii: "[") }
    var isString: Bool { bytes.first == UInt8(ascii: "\"") && bytes.count >= 2 }

    /// A string's characters as they are written, escapes among them; else the whole value.
    var inner: ArraySlice<UInt8> { isString ? bytes.dropFirst().dropLast() : bytes }

    /// The members of an object in the order in which they are written; names as they are written.
    /// - Returns: `nil` where it is no object.
    var members: [(name: String, value: JSONScan)]? {
        guard isObject, bytes.last == UInt8(ascii: "}"), bytes.count >= 2 else { return nil }
        var found: [(name: String, value: JSONScan)] = []
        for part in Self.split(bytes.dropFirst().dropLast(), at: UInt8(ascii: ",")) {
            let halves = Self.split(part, at: UInt8(ascii: ":"), most: 1)
            guard halves.count == 2 else { return part.isEmpty && found.isEmpty ? [] : nil }
            let name = JSONScan(halves[0])
            guard name.isString else { return nil }
            found.append((String(decoding: name.inner, as: UTF8.self), JSONScan(halves[1])))
        }
        return found
    }

    /// The member of an object; `nil` where there is none.
    func member(_ name: some StringProtocol) -> JSONScan? {
        members?.first { $0.name == name }?.value
    }

    /// Parts between separators that are in no string, object or array.
    private static func split(
        _ bytes: ArraySlice<UInt8>, at separator: UInt8, most: Int = .max
    ) -> [ArraySlice<UInt8>] {
        var parts: [ArraySlice<UInt8>] = []
        var (start, depth) = (bytes.startIndex, 0)
        var (isInString, isEscaped) = (false, false)
        for (index, byte) in zip(bytes.indices, bytes) {
            if isInString {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isInString = false
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): isInString = true
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            case separator where depth == 0 && parts.count < most:
                parts.append(bytes[start..<index])
                start = bytes.index(after: index)
            default: break
            }
        }
        parts.append(bytes[start...])
        return parts
    }

    /// A text as a JSON string, quotes included.
    static func string(_ text: String) -> [UInt8] {
        var bytes: [UInt8] = [UInt8(ascii: "\"")]
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                bytes += [UInt8(ascii: "\\"), byte]
            case ..<32:
                let digits = String(byte, radix: 16)
                bytes += Array("\\u00\(digits.count == 1 ? "0" : "")\(digits)".utf8)
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
        return bytes
    }
}

extension EventPayload {
    /// The kind that a body names, whether this version knows it or not.
    /// - Returns: `nil` where it names none of letters, digits, `_`, `-` and full stops.
    package static func type(of body: [UInt8]) -> String? {
        guard let type = JSONScan(body).member("type"), type.isString,
            (1...100).contains(type.inner.count),
            type.inner.allSatisfy({ byte in
                (48...57).contains(byte) || (65...90).contains(byte & 0xdf)
                    || [45, 46, 95].contains(byte)
            })
        else { return nil }
        return String(decoding: type.inner, as: UTF8.self)
    }
}

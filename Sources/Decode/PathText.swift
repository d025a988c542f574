// File names are bytes; text is not. A name that is no UTF-8 (from an old disk, say) must still be
// opened, so bytes that are no text are carried through Strings as private-use characters,
// U+10FF80…U+10FFFF, one for each byte value 0x80…0xFF, and turned back where a system call needs
// the name.

/// Carries any file name through a String.
public enum PathText {
    private static let first: UInt32 = 0x10ff00

    /// Text for a name; the same as the name where that is UTF-8.
    public static func text(ofName name: [UInt8]) -> String {
        if let text = String(validating: name, as: UTF8.self) { return text }
        var text = ""
        var rest = name[...]
        while let byte = rest.first {
            let length = (1...4).first { count in
                rest.count >= count && String(validating: rest.prefix(count), as: UTF8.self) != nil
            }
            if let length, let part = String(validating: rest.prefix(length), as: UTF8.self) {
                text += part
                rest = rest.dropFirst(length)
            } else {
                // In range: a byte that is no text by itself is 0x80 or more.
                text.unicodeScalars.append(Unicode.Scalar(first + UInt32(byte))!)
                rest = rest.dropFirst()
            }
        }
        return text
    }

    /// Lends the name that a text stands for, for a system call.
    public static func withName<Result>(
        _ text: String, _ body: (UnsafePointer<CChar>) throws -> Result
    ) rethrows -> Result {
        var name: [CChar] = []
        for scalar in text.unicodeScalars {
            if let byte = byte(of: scalar) {
                name.append(CChar(bitPattern: byte))
            } else {
                name += String(scalar).utf8.map { CChar(bitPattern: $0) }
            }
        }
        name.append(0)
        return try name.withUnsafeBufferPointer { try body($0.baseAddress!) }
    }

    /// The text for people: bytes that are no text as `\xff`.
    public static func readable(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: { byte(of: $0) != nil }) else { return text }
        return text.unicodeScalars.map { scalar in
            byte(of: scalar).map { "\\x" + String($0, radix: 16) } ?? String(scalar)
        }.joined()
    }

    private static func byte(of scalar: Unicode.Scalar) -> UInt8? {
        scalar.value >= first + 0x80 ? UInt8(truncatingIfNeeded: scalar.value - first) : nil
    }
}

// Text from outside, as people may see it: on a terminal, in a log, on a page. One rule for all.
//
// A control or format character can forge a line, drive a terminal (U+009B begins a command of it as
// ESC [ does), or turn the order of what is read (U+202E). So such characters are written out, as
// `\u{202e}`. Unassigned and private characters go the same way: a terminal may make anything of them.
//
// Source: The Unicode Standard, chapter 4.5 (general category); UTR 36, section 2.

/// What may stand in a line for people.
public enum PlainText {
    /// Whether a character does nothing but show itself.
    public static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.value < 0x7f { return scalar.value >= 0x20 }
        return switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse,
            .unassigned:
            false
        default: true
        }
    }

    /// Whether a character may stand in a text that a caller gives us to keep.
    ///
    /// The zero-width joiner and non-joiner may: Persian, Indic scripts and emoji are written with them.
    public static func isKept(_ scalar: Unicode.Scalar) -> Bool {
        isPlain(scalar) || scalar.value == 0x200c || scalar.value == 0x200d
    }

    /// The text with all that is not plain written out.
    public static func escaped(_ text: String) -> String {
        replacing(text) { "\\u{\(String($0.value, radix: 16))}" }
    }

    /// JSON that means the same and is plain.
    ///
    /// Such characters stand in JSON only within strings, where `\u` writes them (RFC 8259, section 7).
    public static func escapedJSON(_ json: String) -> String {
        replacing(json) { scalar in
            // A line break between the parts of a document means nothing in a string, where it is escaped.
            if scalar.value < 0x20 { return String(scalar) }
            return String(scalar).utf16.map { unit in
                let digits = String(unit, radix: 16)
                return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }.joined()
        }
    }

    private static func replacing(
        _ text: String, with form: (Unicode.Scalar) -> String
    ) -> String {
        if text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7f }) { return text }
        var plain = ""
        plain.reserveCapacity(text.utf8.count)
        for scalar in text.unicodeScalars {
            if isPlain(scalar) {
                plain.unicodeScalars.append(scalar)
            } else {
                plain += form(scalar)
            }
        }
        return plain
    }
}

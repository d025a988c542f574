// Chat messages out of events: a template of the operator's with paths in double braces, for
// instance `{{type}}: {{known.item}} in {{input}}`.
//
// Invariants: the result is JSON whatever the event says, because values go into strings as they
// are written in the body, escapes included. A path that no event has is an error when the template
// is read; one that this event does not have, or that is null, is shown as `-`.

/// A template of chat messages.
public struct ChatTemplate: Sendable, Hashable {
    /// How values are kept from being read as formatting.
    public enum Escaping: String, Sendable, Hashable, CaseIterable {
        /// As they are.
        case none
        /// A zero-width space after `@` and `<`: what a publisher wrote into a stream's name calls
        /// nobody (`@everyone`, `<!channel>`).
        case mentions
        /// `&`, `<` and `>` as entities, as Slack asks for; nobody is called by `<!channel>` then.
        case slack
    }

    private enum Part: Hashable {
        case text([UInt8])
        case path([String], isInString: Bool)
    }

    private let parts: [Part]
    private let escaping: Escaping

    /// Longest template, bytes.
    public static let longest = 8000
    /// Most paths in it.
    public static let mostPaths = 32

    /// Reads a template of plain text; messages are `{"text":"…"}`.
    /// - Throws: `invalidValue`, naming the path that no event has.
    public init(text: String, escaping: Escaping = .none) throws(ReportError) {
        let quoted = String(decoding: JSONScan.string(text), as: UTF8.self)
        try self.init(json: #"{"text":\#(quoted)}"#, escaping: escaping)
    }

    /// Reads a template that is JSON once its paths are filled in; they may stand within strings
    /// (`"of {{known.set}}"`) or for values (`"frames":{{evidence.frames_matched}}`).
    /// - Throws: `invalidValue`, naming the path that no event has, or where it is no JSON.
    public init(json: String, escaping: Escaping = .none) throws(ReportError) {
        guard json.utf8.count <= Self.longest else {
            throw Self.refusal("it is longer than \(Self.longest) bytes")
        }
        self.escaping = escaping
        parts = try Self.parts(of: json)
        for event in EventSamples.all {
            guard JSONText.isObject(fill(event)) else {
                throw Self.refusal("with its paths filled in it is not a JSON object")
            }
        }
    }

    /// The message of an event.
    func fill(_ event: FrozenEvent) -> [UInt8] {
        var message: [UInt8] = []
        for part in parts {
            switch part {
            case .text(let text): message += text
            case .path(let path, let isInString):
                let value = event.value(path)
                if isInString {
                    let isMissing = value.map(\.isNull) ?? true
                    message += isMissing ? [UInt8(ascii: "-")] : escaped(value?.inner ?? [])
                } else {
                    message += value.map { escaped($0.bytes) } ?? Array("null".utf8)
                }
            }
        }
        return message
    }

    private func escaped(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        guard escaping != .none else { return Array(bytes) }
        return bytes.flatMap { byte -> [UInt8] in
            switch (escaping, byte) {
            case (.mentions, UInt8(ascii: "@")), (.mentions, UInt8(ascii: "<")):
                [byte] + Array("\u{200b}".utf8)
            case (.slack, UInt8(ascii: "&")): Array("&amp;".utf8)
            case (.slack, UInt8(ascii: "<")): Array("&lt;".utf8)
            case (.slack, UInt8(ascii: ">")): Array("&gt;".utf8)
            default: [byte]
            }
        }
    }

    private static func parts(of json: String) throws(ReportError) -> [Part] {
        var parts: [Part] = []
        var rest = json[...]
        var isInString = false
        while let open = rest.firstRange(of: "{{") {
            let text = rest[..<open.lowerBound]
            // Two braces that open objects are no path.
            guard let close = rest[open.upperBound...].firstRange(of: "}}"),
                let path = path(rest[open.upperBound..<close.lowerBound])
            else {
                throw refusal("after {{ has to come a path and }}, for instance {{known.item}}")
            }
            isInString = isQuoteOpen(text, isInString)
            try check(path)
            parts += [.text(Array(text.utf8)), .path(path, isInString: isInString)]
            rest = rest[close.upperBound...]
            guard parts.count <= 2 * mostPaths else {
                throw refusal("it has more than \(mostPaths) paths")
            }
        }
        return parts + [.text(Array(rest.utf8))]
    }

    private static func path(_ text: Substring) -> [String]? {
        let names = text.split(separator: ".", omittingEmptySubsequences: false)
            .map { String($0.filter { $0 != " " }) }
        return names.contains("") || text.utf8.count > 200 ? nil : names
    }

    /// Whether a string is open at the end of a text.
    private static func isQuoteOpen(_ text: Substring, _ wasOpen: Bool) -> Bool {
        var (isOpen, isEscaped) = (wasOpen, false)
        for byte in text.utf8 {
            if isEscaped {
                isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if byte == UInt8(ascii: "\"") {
                isOpen.toggle()
            }
        }
        return isOpen
    }

    private static func check(_ path: [String]) throws(ReportError) {
        let text = path.joined(separator: ".")
        // Labels are the caller's: any may come.
        if path.count == 3, path[0] == "stream", path[1] == "labels" { return }
        guard EventSamples.paths.contains(text) else {
            throw refusal(
                "no event has \(text.prefix(100)); there are "
                    + EventSamples.paths.sorted().joined(separator: ", ")
                    + ", and stream.labels.NAME")
        }
    }

    private static func refusal(_ why: String) -> ReportError {
        ReportError(.invalidValue, "the chat template cannot be used: \(why)")
    }
}

// Templates for addresses in which the names of a stream are put, and for bodies of requests.
//
// Invariants: fields stand behind the host, so that no name can change scheme, user, host or port;
// what is put in is encoded so that it cannot begin another segment, a query, a fragment or another
// parameter; an unknown field is a mistake in the configuration.

/// A template with fields in braces, for instance `rtmp://127.0.0.1:1935/{app}/{name}`.
public struct AddressTemplate: Sendable, Hashable {
    /// What may stand in braces.
    enum Field: String, Sendable, CaseIterable {
        case app, name, path, vhost, publisher
    }

    enum Part: Sendable, Hashable {
        case text(String)
        case field(Field)
    }

    /// Longest address that is made, bytes.
    public static let longest = 4096

    /// The template as it was written.
    public let text: String
    let parts: [Part]

    /// Reads a template of the address of a stream; fields are app, name, path and vhost.
    public init(_ text: String) throws(ServeError) {
        try self.init(text, fields: [.app, .name, .path, .vhost])
    }

    init(_ text: String, fields: Set<Field>) throws(ServeError) {
        self.text = text
        parts = try Self.parse(text, fields: fields)
        try Self.checkHost(parts, text)
    }

    /// The address of a stream.
    ///
    /// RTMP's names cannot be percent-encoded, so a name that would have to be is an error there.
    public func address(of hook: PublishHook) throws(HookError) -> String {
        try address([
            .app: hook.app, .name: hook.name, .path: hook.path, .vhost: hook.vhost,
        ])
    }

    func address(_ values: [Field: String]) throws(HookError) -> String {
        var result = ""
        var isQuery = false
        for part in parts {
            switch part {
            case .text(let text):
                result += text
                if text.contains("?") { isQuery = true }
            case .field(let field):
                guard let value = values[field], !value.isEmpty else {
                    throw HookError(
                        .malformed,
                        "this stream has no {\(field.rawValue)}; use {path} in the template, which "
                            + "every stream has")
                }
                result += try encoded(value, field, isQuery: isQuery)
            }
        }
        guard result.utf8.count <= Self.longest else {
            throw HookError(
                .malformed, "the stream's address would be longer than \(Self.longest) bytes")
        }
        return result
    }

    private func encoded(
        _ value: String, _ field: Field, isQuery: Bool
    ) throws(HookError) -> String {
        let names = value.split(separator: "/", omittingEmptySubsequences: false)
        for name in names { _ = try StreamName.check(String(name), as: "{\(field.rawValue)}") }
        let coded = names.map {
            PercentCoding.encode($0, in: isQuery ? .query : .segment)
        }
        guard !isRTMP || isQuery || !coded.contains(where: { $0.contains("%") }) else {
            throw HookError(
                .refused,
                "the stream's name holds characters that cannot stand in an RTMP address; use "
                    + "letters, digits and -._~!$'()*+,;=@")
        }
        return coded.joined(separator: "/")
    }

    private var isRTMP: Bool { text.lowercased().hasPrefix("rtmp") }

    static func parse(_ text: String, fields: Set<Field>) throws(ServeError) -> [Part] {
        var parts: [Part] = []
        var rest = text[...]
        while let open = rest.firstIndex(where: { $0 == "{" || $0 == "}" }) {
            guard rest[open] == "{", let close = rest[open...].firstIndex(of: "}") else {
                throw mistake(text, "a brace without its partner")
            }
            if open > rest.startIndex { parts.append(.text(String(rest[..<open]))) }
            let name = rest[rest.index(after: open)..<close]
            guard let field = Field(rawValue: String(name)), fields.contains(field) else {
                let known = Field.allCases.filter(fields.contains).map { "{\($0.rawValue)}" }
                throw mistake(
                    text, "no field {\(name)}; there are \(known.joined(separator: ", "))")
            }
            parts.append(.field(field))
            rest = rest[rest.index(after: close)...]
        }
        if !rest.isEmpty { parts.append(.text(String(rest))) }
        return parts
    }

    private static func checkHost(_ parts: [Part], _ text: String) throws(ServeError) {
        guard case .text(let start)? = parts.first, let mark = start.firstRange(of: "://"),
            mark.lowerBound > start.startIndex,
            start[..<mark.lowerBound].utf8.allSatisfy({ isSchemeByte($0) })
        else { throw mistake(text, "no scheme:// before the first field") }
        let host = start[mark.upperBound...].prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        guard !host.isEmpty else { throw mistake(text, "no host") }
        guard parts.count == 1 || host.endIndex < start.endIndex else {
            throw mistake(text, "a field in the host; put a slash before the first field")
        }
        let isPlain = parts.allSatisfy { part in
            guard case .text(let text) = part else { return true }
            return text.utf8.allSatisfy { $0 > 32 && $0 < 127 } && !text.contains("#")
        }
        guard isPlain else { throw mistake(text, "a space, a '#' or a character beyond ASCII") }
    }

    private static func isSchemeByte(_ byte: UInt8) -> Bool {
        PercentCoding.isPlain(byte, in: .query) && byte != UInt8(ascii: "_")
            && byte != UInt8(ascii: "~") || byte == UInt8(ascii: "+")
    }

    /// The template itself may hold a password, so only what is wrong with it is told.
    private static func mistake(_ text: String, _ why: String) -> ServeError {
        let shown = text.prefix { $0 != ":" }
        return ServeError(
            .configuration,
            "an address template (\(shown.prefix(20)):…) has \(why); it looks like "
                + "rtmp://127.0.0.1:1935/{app}/{name}")
    }
}

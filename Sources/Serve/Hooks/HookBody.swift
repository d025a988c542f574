// Bodies of hooks, decoded strictly.
//
// Invariants: of several form fields with one name the first counts, since nginx appends what the
// publisher put behind the stream's name; errors name fields, never values.

import FoundationEssentials

/// The fields of a form body.
struct HookForm {
    /// Most fields that are looked at.
    static let mostFields = 200

    private var fields: [String: String] = [:]

    init(_ body: [UInt8]) throws(HookError) {
        var count = 0
        for pair in body.split(separator: UInt8(ascii: "&")) {
            count += 1
            guard count <= Self.mostFields else { break }
            let parts = pair.split(
                separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = PercentCoding.decode(parts[0], plusIsSpace: true) else { continue }
            guard fields[name] == nil else { continue }
            let coded = parts.count > 1 ? parts[1] : []
            guard let value = PercentCoding.decode(coded, plusIsSpace: true) else {
                guard Self.known.contains(name) else { continue }
                throw HookError(.malformed, "the field \(name) has an invalid percent escape")
            }
            fields[name] = value
        }
    }

    /// Fields that are used; an invalid escape in any other is the publisher's own affair.
    private static let known: Set<String> = [
        "call", "app", "name", "addr", "clientid", "event", "path", "source_id", "id", "action",
        "streamName", "publisher", "peer", "vhost",
    ]

    /// A field; `nil` where it is not there.
    subscript(name: String) -> String? { fields[name] }

    /// A field that has to be there.
    func required(_ name: String) throws(HookError) -> String {
        guard let value = fields[name] else {
            throw HookError(.malformed, "the field \(name) is missing")
        }
        return value
    }
}

/// JSON bodies.
enum HookJSON {
    /// Decodes a body of a type.
    static func decode<Body: Decodable>(
        _ type: Body.Type, _ request: HookRequest
    ) throws(HookError) -> Body {
        do {
            return try JSONDecoder().decode(type, from: Data(request.body))
        } catch let error as DecodingError {
            throw HookError(.malformed, text(of: error))
        } catch {
            throw HookError(.malformed, "the body is not JSON")
        }
    }

    private static func text(of error: DecodingError) -> String {
        func field(_ path: [any CodingKey], _ last: String? = nil) -> String {
            (path.map { printable($0.stringValue) } + (last.map { [$0] } ?? [])).joined(
                separator: ".")
        }
        return switch error {
        case .keyNotFound(let key, let context):
            "the field \(field(context.codingPath, key.stringValue)) is missing"
        case .typeMismatch(_, let context):
            context.codingPath.isEmpty
                ? "the body is JSON, but not an object"
                : "the field \(field(context.codingPath)) has the wrong type"
        case .valueNotFound(_, let context): "the field \(field(context.codingPath)) is null"
        case .dataCorrupted(let context):
            context.codingPath.isEmpty
                ? "the body is not JSON"
                : "the field \(field(context.codingPath)) has an unusable value"
        @unknown default: "the body is not what this server sends"
        }
    }

    /// Keys are those of this program's own types, except the indices of arrays.
    private static func printable(_ key: String) -> String { String(key.prefix(40)) }
}

/// A text, or a whole number in its stead, as some servers' versions write ids.
struct TextOrNumber: Decodable {
    let text: String

    init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if let number = try? value.decode(Int64.self) {
            text = String(number)
        } else {
            text = try value.decode(String.self)
        }
    }
}

/// Addresses of peers.
enum PeerText {
    /// Address and port as one text: `192.0.2.7:4711`, `[2001:db8::1]:4711`.
    static func joined(_ address: String, port: Int?) -> String {
        guard let port, (1...65535).contains(port), !address.isEmpty else { return address }
        return address.contains(":") && !address.hasPrefix("[")
            ? "[\(address)]:\(port)" : "\(address):\(port)"
    }

    /// Whether it is an address of this machine's own loopback.
    static func isLoopback(_ address: String) -> Bool {
        if address == "::1" { return true }
        let text = address.hasPrefix("::ffff:") ? address.dropFirst(7) : address[...]
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
        return parts.count == 4 && parts[0] == 127 && !parts.contains(nil)
    }
}

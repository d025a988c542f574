// What several events have in common: times, texts of bounded length, streams, origins.

/// A time as events write it: RFC 3339, UTC, with milliseconds.
public struct EventTime: Sendable, Hashable, Codable {
    /// Unix milliseconds, within the years 0 to 9999.
    public let unixMilliseconds: Int64

    /// Wraps a time.
    public init(_ unixMilliseconds: Int64) {
        self.unixMilliseconds = min(max(unixMilliseconds, -62_167_219_200_000), 253_402_300_799_999)
    }

    /// Reads the text form.
    public init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let time = UTCTime.unixMilliseconds(text) else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "not a time in UTC"))
        }
        unixMilliseconds = time
    }

    /// Writes the text form.
    public func encode(to encoder: any Encoder) throws {
        var value = encoder.singleValueContainer()
        try value.encode(description)
    }
}

extension EventTime: CustomStringConvertible {
    /// The text form.
    public var description: String { UTCTime.text(unixMilliseconds: unixMilliseconds) }
}

/// A value that is written as null where it is not known, in the stead of being left out.
@propertyWrapper
public struct Nullable<Value: Codable & Sendable & Hashable>: Codable, Sendable, Hashable {
    /// The value.
    public var wrappedValue: Value?

    /// Wraps a value.
    public init(wrappedValue: Value?) { self.wrappedValue = wrappedValue }

    /// Reads the value, or null.
    public init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        wrappedValue = value.decodeNil() ? nil : try value.decode(Value.self)
    }

    /// Writes the value, or null.
    public func encode(to encoder: any Encoder) throws {
        var value = encoder.singleValueContainer()
        guard let wrappedValue else { return try value.encodeNil() }
        try value.encode(wrappedValue)
    }
}

/// Where an event comes from.
public struct EventOrigin: Sendable, Hashable, Codable {
    /// Name of the machine.
    public let host: String
    /// Version of Vigil.
    public let vigilVersion: String

    /// Makes it of its parts.
    public init(host: String, vigilVersion: String) {
        self.host = host.bounded(to: 255)
        self.vigilVersion = vigilVersion.bounded(to: 50)
    }

    private enum CodingKeys: String, CodingKey {
        case host
        case vigilVersion = "vigil_version"
    }
}

/// A live stream in an event.
public struct EventStream: Sendable, Hashable, Codable {
    /// Id of the watch.
    public let id: String
    /// Its address without secrets.
    public let name: String
    /// What whoever asked for the watch calls it; the first 16 by name.
    public let labels: [String: String]

    /// Most labels.
    public static let mostLabels = 16
    /// The label that names the publisher's account.
    public static let accountLabel = "account_id"

    /// Takes what is told of a watched stream.
    public init(_ stream: WatchedStream) {
        self.init(id: stream.id.description, name: stream.name, labels: stream.labels)
    }

    init(id: String, name: String, labels: [String: String]) {
        self.id = id.bounded(to: 100)
        self.name = name.bounded(to: 1000, bytes: 1000)
        var kept: [String: String] = [:]
        for (key, value) in labels.sorted(by: { $0.key < $1.key })
        where kept.count < Self.mostLabels {
            let key = key.bounded(to: 100, bytes: 300)
            if kept[key] == nil { kept[key] = value.bounded(to: 100, bytes: 300) }
        }
        self.labels = kept
    }
}

/// A publisher's address, taken apart.
public struct SourceAddress: Sendable, Hashable {
    /// The address, without port and brackets.
    public let address: String
    /// The port; `nil` where the media server told none.
    public let port: Int?

    /// Reads `192.0.2.7`, `192.0.2.7:4711`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:4711`,
    /// and names in the stead of addresses.
    ///
    /// What cannot be a port is left out; an address is never guessed at. Empty text gives `nil`.
    public init?(_ peer: String) {
        let text = peer.bounded(to: 255)[...]
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { return nil }
            address = String(text[text.index(after: text.startIndex)..<end])
            let rest = text[text.index(after: end)...]
            port = rest.hasPrefix(":") ? Self.port(rest.dropFirst()) : nil
        } else {
            let parts = text.split(separator: ":", omittingEmptySubsequences: false)
            // More than one colon is a bare IPv6 address, of which no port can be told.
            address = parts.count == 2 ? String(parts[0]) : String(text)
            port = parts.count == 2 ? Self.port(parts[1]) : nil
        }
        if address.isEmpty { return nil }
    }

    private static func port(_ text: Substring) -> Int? {
        guard (1...5).contains(text.utf8.count), text.utf8.allSatisfy({ (48...57).contains($0) }),
            let port = Int(text), (1...65_535).contains(port)
        else { return nil }
        return port
    }
}

extension String {
    /// At most so many characters (Unicode scalars), and twice as many bytes of JSON unless told
    /// otherwise; what is cut ends in `…`.
    func bounded(to most: Int, bytes mostBytes: Int? = nil) -> String {
        let mostBytes = mostBytes ?? most * 2
        let isPlain = utf8.allSatisfy { $0 >= 32 && $0 < 127 && $0 != 34 && $0 != 92 }
        if utf8.count <= most, isPlain { return self }
        var kept: [Unicode.Scalar] = []
        var bytes = 0
        // How many fit together with the mark.
        var fitting = 0
        for scalar in unicodeScalars {
            bytes += scalar.bytesOfJSON
            guard kept.count < most, bytes <= mostBytes else {
                return String(String.UnicodeScalarView(kept[..<fitting])) + "…"
            }
            kept.append(scalar)
            if kept.count < most, bytes <= mostBytes - 3 { fitting = kept.count }
        }
        return self
    }
}

extension Unicode.Scalar {
    /// Bytes that it takes in a JSON text.
    fileprivate var bytesOfJSON: Int {
        switch value {
        case 34, 92: 2
        case ..<32, 127: 6
        default: UTF8.width(self)
        }
    }
}

extension Double {
    /// To the thousandth, and a number of JSON.
    var rounded: Double {
        guard isFinite, abs(self) < 1e12 else { return 0 }
        return (self * 1000).rounded() / 1000
    }
}

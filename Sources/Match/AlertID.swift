// Ids of alerts and reports: UUID version 7 (RFC 9562, section 5.7), whose first 48 bits are the
// time, so that ids sort by creation and a database index on them grows at its end.

/// A UUID of version 7.
public struct AlertID: Hashable, Sendable, Comparable {
    /// The id's 128 bits, most significant half first.
    public let high: UInt64
    /// The lower half.
    public let low: UInt64

    /// Makes an id for a moment.
    /// - Parameters:
    ///   - unixMilliseconds: milliseconds since 1970-01-01T00:00:00Z; the lower 48 bits count.
    ///   - random: source of the 74 random bits.
    public init(unixMilliseconds: UInt64, using random: inout some RandomNumberGenerator) {
        let top: UInt64 = random.next()
        let bottom: UInt64 = random.next()
        high = unixMilliseconds << 16 | 0x7000 | top & 0x0fff
        low = 0x8000_0000_0000_0000 | bottom & 0x3fff_ffff_ffff_ffff
    }

    /// Makes an id of its bits, most significant half first.
    package init(high: UInt64, low: UInt64) { (self.high, self.low) = (high, low) }

    /// Reads the 36-character text form; anything else gives `nil`.
    public init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8)
        guard bytes.count == 36 else { return nil }
        var digits: [UInt64] = []
        for (position, byte) in bytes.enumerated() {
            if [8, 13, 18, 23].contains(position) {
                guard byte == UInt8(ascii: "-") else { return nil }
            } else {
                guard let digit = Character(UnicodeScalar(byte)).hexDigitValue else { return nil }
                digits.append(UInt64(digit))
            }
        }
        high = digits[..<16].reduce(0) { $0 << 4 | $1 }
        low = digits[16...].reduce(0) { $0 << 4 | $1 }
    }

    /// Milliseconds since 1970 at which the id was made.
    public var unixMilliseconds: UInt64 { high >> 16 }

    /// Orders ids by time of creation, then by their random bits.
    public static func < (left: AlertID, right: AlertID) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }
}

extension AlertID: CustomStringConvertible, Codable {
    /// The usual text form, lower case: 8-4-4-4-12 hex digits.
    public var description: String {
        func padded(_ value: UInt64) -> String {
            let text = String(value, radix: 16)
            return String(repeating: "0", count: 16 - text.count) + text
        }
        let digits = Array(padded(high) + padded(low))
        let groups = [0..<8, 8..<12, 12..<16, 16..<20, 20..<32]
        return groups.map { String(digits[$0]) }.joined(separator: "-")
    }

    /// Reads the text form.
    public init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let id = AlertID(text) else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "not a UUID"))
        }
        self = id
    }

    /// Writes the text form.
    public func encode(to encoder: any Encoder) throws {
        var value = encoder.singleValueContainer()
        try value.encode(description)
    }
}

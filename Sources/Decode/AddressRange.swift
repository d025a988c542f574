// Network addresses and ranges of them, in the one form that is compared.
//
// Text is parsed strictly: what one reader takes for decimal and another for octal is refused. An
// IPv6 address that stands for an IPv4 one (::ffff:a.b.c.d) is that address, since it is what would
// be connected to.

internal import Glibc

/// An IPv4 or IPv6 address.
public struct IPAddress: Sendable, Hashable, CustomStringConvertible {
    /// Four or sixteen bytes, in network order.
    let bytes: [UInt8]

    private static let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]

    init(bytes: [UInt8]) {
        self.bytes =
            bytes.count == 16 && bytes.starts(with: Self.mapped) ? Array(bytes[12...]) : bytes
    }

    /// Takes the usual text forms, `192.0.2.1` and `2001:db8::1`; nil for all else, such as
    /// `0x7f.1` and `010.0.0.1`.
    public init?(_ text: String) {
        var four = in_addr()
        var six = in6_addr()
        if inet_pton(AF_INET, text, &four) == 1 {
            self.init(bytes: withUnsafeBytes(of: four) { Array($0) })
        } else if inet_pton(AF_INET6, text, &six) == 1 {
            self.init(bytes: withUnsafeBytes(of: six) { Array($0) })
        } else {
            return nil
        }
    }

    /// Takes the address that a socket is about to connect to; nil where it is of no network.
    init?(_ address: UnsafePointer<sockaddr>, length: Int) {
        let raw = UnsafeRawBufferPointer(start: address, count: length)
        switch Int32(address.pointee.sa_family) {
        case AF_INET where length >= MemoryLayout<sockaddr_in>.size:
            let place = MemoryLayout<sockaddr_in>.offset(of: \.sin_addr) ?? 4
            self.init(bytes: Array(raw[place..<place + 4]))
        case AF_INET6 where length >= MemoryLayout<sockaddr_in6>.size:
            let place = MemoryLayout<sockaddr_in6>.offset(of: \.sin6_addr) ?? 8
            self.init(bytes: Array(raw[place..<place + 16]))
        default: return nil
        }
    }

    /// The first address of the network that an IPv6 address lies in; an IPv4 address itself.
    public func network(bits: Int) -> IPAddress {
        guard bytes.count == 16 else { return self }
        return IPAddress(bytes: AddressRange.masked(bytes, bits))
    }

    /// Whether it is that of a group.
    var isMulticast: Bool {
        bytes.count == 4 ? bytes[0] & 0xf0 == 0xe0 : bytes[0] == 0xff
    }

    /// The usual text form.
    public var description: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let family = bytes.count == 4 ? AF_INET : AF_INET6
        guard inet_ntop(family, bytes, &text, socklen_t(text.count)) != nil else { return "?" }
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

/// A range of addresses, such as `10.0.0.0/8` or `2001:db8::/32`.
public struct AddressRange: Sendable, Hashable, CustomStringConvertible {
    let first: IPAddress
    /// Bits that all its addresses have in common.
    let prefix: Int

    /// The addresses of this machine alone.
    public static let loopback = [
        AddressRange(IPAddress(bytes: [127, 0, 0, 0]), 8),
        AddressRange(IPAddress(bytes: [UInt8](repeating: 0, count: 15) + [1]), 128),
    ]

    private init(_ first: IPAddress, _ prefix: Int) {
        self.first = first
        self.prefix = prefix
    }

    /// Takes `address/bits`, or an address alone for the range of that one.
    /// - Throws: `DecodeError` that says what is wrong, for instance bits set beyond the prefix.
    public init(_ text: String) throws(DecodeError) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        let shown = "'\(text.prefix(64))'"
        guard let address = IPAddress(String(parts[0])) else {
            throw DecodeError(
                .unsupported,
                "\(shown) is no range of addresses; write it as 10.0.0.0/8 or 2001:db8::/32")
        }
        guard !parts[0].lowercased().hasPrefix("::ffff:") || address.bytes.count == 16 else {
            throw DecodeError(.unsupported, "\(shown) is an IPv4 range: write it as one")
        }
        let width = address.bytes.count * 8
        var prefix = width
        if parts.count == 2 {
            let digits = parts[1]
            guard !digits.isEmpty, digits.utf8.count <= 3,
                digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                digits == "0" || !digits.hasPrefix("0"), let bits = Int(digits), bits <= width
            else {
                throw DecodeError(
                    .unsupported, "\(shown) must end in a number of bits from 0 to \(width)")
            }
            prefix = bits
        }
        let masked = Self.masked(address.bytes, prefix)
        guard masked == address.bytes else {
            throw DecodeError(
                .unsupported,
                "\(shown) has bits beyond its prefix; the range is "
                    + "\(IPAddress(bytes: masked))/\(prefix)")
        }
        first = address
        self.prefix = prefix
    }

    /// Takes ranges with commas or spaces between them.
    /// - Throws: `DecodeError` about the first that is none.
    public static func list(_ text: String) throws(DecodeError) -> [AddressRange] {
        var ranges: [AddressRange] = []
        for part in text.split(whereSeparator: { $0 == "," || $0.isWhitespace }) {
            ranges.append(try AddressRange(String(part)))
        }
        return ranges
    }

    /// Whether an address lies in it.
    public func contains(_ address: IPAddress) -> Bool {
        address.bytes.count == first.bytes.count
            && Self.masked(address.bytes, prefix) == first.bytes
    }

    fileprivate static func masked(_ bytes: [UInt8], _ prefix: Int) -> [UInt8] {
        bytes.enumerated().map { place, byte in
            let kept = min(8, max(0, prefix - place * 8))
            return kept == 8 ? byte : byte & ~(0xff >> UInt8(kept))
        }
    }

    /// `address/bits`.
    public var description: String { "\(first)/\(prefix)" }
}

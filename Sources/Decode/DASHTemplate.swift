// Templates of a DASH manifest (ISO/IEC 23009-1, 5.3.9.4.4), and addresses of
// manifests, as bytes: what is the same for all segments of a representation is worked out once.

/// A template whose identifiers are known but for a segment's number and time.
struct DASHTemplate {
    /// What a representation fills in.
    struct Names {
        var identifier: ArraySlice<UInt8>?
        var bandwidth: ArraySlice<UInt8>?
    }

    private enum Part {
        case text([UInt8])
        /// With zeros in front up to so many digits.
        case number(width: Int)
        case time(width: Int)
    }

    private var parts: [Part] = []

    private static let mostDigits = 20
    /// Most identifiers of one template.
    private static let mostParts = 64
    private static let dollar = UInt8(ascii: "$"), percent = UInt8(ascii: "%")

    init(_ template: ArraySlice<UInt8>, _ names: Names) {
        var text: [UInt8] = []
        var rest = template[...]
        while let open = rest.firstIndex(of: Self.dollar), parts.count < Self.mostParts {
            text += rest[..<open]
            rest = rest[(open + 1)...]
            guard let close = rest.firstIndex(of: Self.dollar) else {
                text.append(Self.dollar)
                break
            }
            let name = rest[..<close]
            rest = rest[(close + 1)...]
            let pieces = name.split(
                separator: Self.percent, maxSplits: 1, omittingEmptySubsequences: false)
            let format = pieces.count > 1 ? pieces[1] : []
            switch pieces.first.map({ String(decoding: $0, as: UTF8.self) }) {
            case "": text.append(Self.dollar)
            case "RepresentationID": text += names.identifier ?? []
            case "Bandwidth":
                text += Self.zeros(Self.width(format), names.bandwidth?.count ?? 0)
                text += names.bandwidth ?? []
            case "Number": add(.number(width: Self.width(format)), after: &text)
            case "Time": add(.time(width: Self.width(format)), after: &text)
            default: text += [Self.dollar] + name + [Self.dollar]
            }
        }
        parts.append(.text(text + rest))
    }

    private mutating func add(_ part: Part, after text: inout [UInt8]) {
        if !text.isEmpty { parts.append(.text(text)) }
        text = []
        parts.append(part)
    }

    /// Digits that a format such as `05d` asks for.
    private static func width(_ format: ArraySlice<UInt8>) -> Int {
        guard format.first == UInt8(ascii: "0"), format.last == UInt8(ascii: "d"),
            format.count < 24,
            let width = PlaylistNumber.whole(format.dropLast())
        else { return 0 }
        return min(max(0, width), mostDigits)
    }

    private static func zeros(_ width: Int, _ count: Int) -> [UInt8] {
        [UInt8](repeating: UInt8(ascii: "0"), count: max(0, width - count))
    }

    /// The template with the whole address that what it gives has, escaped.
    func against(_ base: [UInt8]) -> DASHTemplate {
        // Digits change nothing in what an address is relative to.
        let sample = filled(number: 0, time: 0)
        var whole = self
        whole.parts = parts.map { part in
            if case .text(let text) = part { .text(PlaylistAddress.escaped(text)) } else { part }
        }
        whole.parts.insert(.text(Array(PlaylistAddress.prefix(of: sample, against: base))), at: 0)
        return whole
    }

    func filled(number: Int, time: Int) -> [UInt8] {
        var text: [UInt8] = []
        fill(&text, number: number, time: time)
        return text
    }

    /// Adds the address of a segment.
    func fill(_ text: inout [UInt8], number: Int, time: Int) {
        for part in parts {
            switch part {
            case .text(let same): text += same
            case .number(let width): text.append(decimal: number, width: width)
            case .time(let width): text.append(decimal: time, width: width)
            }
        }
    }
}

extension [UInt8] {
    /// Adds a number's digits, with zeros in front up to a width; a sign counts as a digit.
    mutating func append(decimal number: Int, width: Int = 0) {
        let magnitude = number.magnitude
        var scale: UInt = 1
        var count = number < 0 ? 2 : 1
        while magnitude / scale >= 10 {
            scale *= 10
            count += 1
        }
        for _ in 0..<Swift.max(0, width - count) { append(UInt8(ascii: "0")) }
        if number < 0 { append(UInt8(ascii: "-")) }
        while scale > 0 {
            append(UInt8(ascii: "0") + UInt8(magnitude / scale % 10))
            scale /= 10
        }
    }
}

/// Addresses in playlists and manifests.
enum PlaylistAddress {
    /// Longest that the library takes, bytes.
    static let longest = 4000

    /// Refuses an address that the library would cut off.
    static func check(_ count: Int) throws(DecodeError) {
        guard count <= longest else {
            throw DecodeError(
                .refused, "the manifest names addresses of more than \(longest) bytes")
        }
    }

    /// An address relative to another (RFC 3986, 5.2), but for dot segments, which servers and
    /// clients remove; what would end a playlist's line or quotes is escaped.
    static func resolve(_ address: [UInt8], against base: [UInt8]) -> [UInt8] {
        prefix(of: address, against: base) + escaped(address)
    }

    /// What an address lacks to be whole.
    static func prefix(of text: [UInt8], against base: [UInt8]) -> ArraySlice<UInt8> {
        if text.isEmpty { return base[...] }
        if hasScheme(text) { return [] }
        let whole = base.prefix { $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") }
        guard let colon = whole.firstIndex(of: UInt8(ascii: ":")) else { return folder(whole) }
        let slash = UInt8(ascii: "/")
        if text.starts(with: [slash, slash]) { return whole[...colon] }
        let authority = whole[(colon + 1)...].dropFirst(2)
        let path = authority.firstIndex(of: slash) ?? whole.endIndex
        if text.first == slash { return whole[..<path] }
        if text.first == UInt8(ascii: "?") { return whole }
        return path == whole.endIndex ? whole + [slash] : folder(whole)
    }

    private static func folder(_ base: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        guard let slash = base.lastIndex(of: UInt8(ascii: "/")) else { return [] }
        return base[...slash]
    }

    private static func hasScheme(_ text: [UInt8]) -> Bool {
        guard let colon = text.firstIndex(of: UInt8(ascii: ":")) else { return false }
        let scheme = text[..<colon]
        return !scheme.isEmpty
            && scheme.allSatisfy {
                (0x61...0x7a).contains($0 | 0x20)
                    || (0x2b...0x39).contains($0) && $0 != 0x2f
                        && $0 != 0x2c
            }
    }

    static func escaped(_ text: [UInt8]) -> [UInt8] {
        let isBad: (UInt8) -> Bool = { $0 <= 0x20 || $0 == 0x22 || $0 == 0x7f }
        guard text.contains(where: isBad) else { return text }
        let digits = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        for byte in text {
            guard isBad(byte) else {
                bytes.append(byte)
                continue
            }
            bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        }
        return bytes
    }
}

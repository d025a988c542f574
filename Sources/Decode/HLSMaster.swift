// Rewrites an HLS master playlist (RFC 8216) so that one variant remains.
//
// The library would open every variant that a master names and read a part of each. What goes out is
// written anew from tags that are known: the chosen variant, its address, and what is said of the
// whole presentation. Groups of sound, captions and other angles go, and so do I-frame playlists: an
// address beside a variant always carries the variant's own picture (4.3.4.2). A text that is no
// master goes through as it came, byte for byte.

/// A master playlist.
struct HLSMaster {
    /// One variant of it.
    struct Variant {
        /// Its tag, without the line's end.
        let tag: [UInt8]
        /// Its address, as written.
        let address: [UInt8]
        let rendition: Rendition
    }

    /// Variants that are looked at; no encoder makes as many.
    static let mostVariants = 256
    /// Longest line that the library reads whole.
    private static let longestLine = 4000

    /// In the order of the playlist.
    private(set) var variants: [Variant] = []
    /// Tags of the whole presentation that are kept.
    private var common: [[UInt8]] = []

    private static let variantTag = Array("#EXT-X-STREAM-INF:".utf8)
    private static let first = Array("#EXTM3U".utf8)
    private static let kept = [
        "#EXT-X-VERSION:", "#EXT-X-INDEPENDENT-SEGMENTS", "#EXT-X-DEFINE:", "#EXT-X-SESSION-KEY:",
    ].map { Array($0.utf8) }
    private static let mostCommon = 64

    /// Reads a text; `nil` where it is no master playlist.
    /// - Throws: `DecodeError` where it is more than the load's budget allows.
    init?(_ text: [UInt8], load: ListLoad) throws(DecodeError) {
        var lines = text[...]
        if lines.starts(with: [0xef, 0xbb, 0xbf]) { lines = lines.dropFirst(3) }
        guard lines.starts(with: Self.first), Self.mentionsVariants(text) else { return nil }
        var count = 0
        var tag: ArraySlice<UInt8>?
        var isMaster = false
        while let line = Self.nextLine(of: &lines) {
            count += 1
            try load.step(1 + line.count / 64)
            try PlaylistLines.check(count)
            if line.first == UInt8(ascii: "#") {
                if line.starts(with: Self.variantTag) {
                    isMaster = true
                    tag = line
                } else if line.count <= Self.longestLine, common.count < Self.mostCommon,
                    Self.kept.contains(where: { line.starts(with: $0) })
                {
                    common.append(Array(line))
                }
            } else if !line.isEmpty, let described = tag.take() {
                add(described, address: line)
            }
        }
        guard isMaster else { return nil }
    }

    /// Whether it is worth the while to take its lines apart; media playlists are long.
    private static func mentionsVariants(_ text: [UInt8]) -> Bool {
        text.withUnsafeBufferPointer { $0.mentions("#EXT-X-STREAM-INF:") }
    }

    private mutating func add(_ tag: ArraySlice<UInt8>, address: ArraySlice<UInt8>) {
        guard variants.count < Self.mostVariants, address.count <= Self.longestLine else { return }
        let attributes = AttributeList(tag.dropFirst(Self.variantTag.count))
        let size = attributes.size("RESOLUTION")
        let rendition = Rendition(
            width: size?.width, height: size?.height,
            bandwidth: attributes.number("AVERAGE-BANDWIDTH") ?? attributes.number("BANDWIDTH"),
            codecs: attributes.text("CODECS"))
        let isShort = tag.count <= Self.longestLine
        let minimal = Self.variantTag + Array("BANDWIDTH=\(rendition.bandwidth ?? 1)".utf8)
        variants.append(
            Variant(
                tag: isShort ? Array(tag) : minimal, address: Array(address), rendition: rendition))
    }

    /// The master with one variant.
    /// - Parameter attempt: connections that failed before. Variants that are as good as the chosen
    ///   one (backups on other servers, mostly) take turns, and each fourth time another rendition is
    ///   tried, lest one that is missing keep the stream from being looked at.
    func written(_ choice: RenditionChoice, attempt: Int = 0) -> [UInt8] {
        var text = Self.first + [UInt8(ascii: "\n")]
        guard let chosen = choice.pick(from: variants.map(\.rendition)).map({ variants[$0] }) else {
            return text
        }
        let same = variants.filter { $0.rendition == chosen.rendition }
        let others = variants.filter {
            $0.rendition != chosen.rendition && $0.rendition.fitness == chosen.rendition.fitness
        }
        let turn = Int(clamping: attempt.magnitude)
        let variant =
            turn % 4 == 3 && !others.isEmpty
            ? others[turn / 4 % others.count] : same[turn % same.count]
        for line in common + [variant.tag, variant.address] {
            text += line
            text.append(UInt8(ascii: "\n"))
        }
        return text
    }

    /// Takes a line off the front, without its end and the spaces around it.
    private static func nextLine(of text: inout ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard !text.isEmpty else { return nil }
        let isEnd: (UInt8) -> Bool = { $0 == 0x0a || $0 == 0x0d || $0 == 0 }
        let end = text.firstIndex(where: isEnd) ?? text.endIndex
        var line = text[..<end]
        text = end < text.endIndex ? text[(end + 1)...] : []
        let isSpace: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 }
        line = line.drop(while: isSpace)
        while let last = line.last, isSpace(last) { line.removeLast() }
        return line
    }
}

/// The attributes of a tag (RFC 8216, 4.2): names and values, with commas inside quotes.
struct AttributeList {
    private var values: [String: String] = [:]
    /// Attributes of a tag that are looked at, and bytes of one.
    private static let most = 256, longest = 1024

    init(_ text: ArraySlice<UInt8>) {
        var rest = text
        var looked = 0
        while !rest.isEmpty, looked < Self.most {
            looked += 1
            let name = rest.prefix { $0 != UInt8(ascii: "=") && $0 != UInt8(ascii: ",") }
            rest = rest.dropFirst(name.count)
            guard rest.first == UInt8(ascii: "=") else {
                rest = rest.dropFirst()
                continue
            }
            rest = rest.dropFirst()
            var value: ArraySlice<UInt8>
            if rest.first == UInt8(ascii: "\"") {
                rest = rest.dropFirst()
                value = rest.prefix { $0 != UInt8(ascii: "\"") }
                rest = rest.dropFirst(value.count).drop { $0 != UInt8(ascii: ",") }
            } else {
                value = rest.prefix { $0 != UInt8(ascii: ",") }
                rest = rest.dropFirst(value.count)
            }
            rest = rest.dropFirst()
            guard name.count <= Self.longest, value.count <= Self.longest else { continue }
            let key = String(decoding: name.filter { $0 != 0x20 && $0 != 0x09 }, as: UTF8.self)
            // The first counts: one that comes twice is not to be given.
            if values[key] == nil { values[key] = String(decoding: value, as: UTF8.self) }
        }
    }

    /// The value; empty where there is none.
    func text(_ name: String) -> String { values[name] ?? "" }

    func number(_ name: String) -> Int? { values[name].flatMap { PlaylistNumber.whole($0) } }

    func size(_ name: String) -> (width: Int, height: Int)? {
        let sides = text(name).split(whereSeparator: { $0 == "x" || $0 == "X" })
        guard sides.count == 2, let width = PlaylistNumber.whole(sides[0]),
            let height = PlaylistNumber.whole(sides[1])
        else { return nil }
        return (width, height)
    }
}

/// Numbers of playlists and manifests, as far as they make sense.
enum PlaylistNumber {
    /// A whole number that fits in 53 bits, so that sums and products of times can be formed.
    static func whole(_ text: some StringProtocol) -> Int? { whole(Array(text.utf8)[...]) }

    /// A whole number, of bytes.
    static func whole(_ text: ArraySlice<UInt8>) -> Int? {
        var digits = text.drop { $0 == 0x20 }.prefix { $0 != 0x20 }
        let sign = digits.first
        if sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") { digits = digits.dropFirst() }
        guard !digits.isEmpty else { return nil }
        var number = 0
        for digit in digits {
            guard (0x30...0x39).contains(digit) else { return nil }
            // Below 10 * 2^53.
            number = number * 10 + Int(digit - 0x30)
            guard number < 1 << 53 else { return nil }
        }
        return sign == UInt8(ascii: "-") ? -number : number
    }
}

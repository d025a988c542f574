// An HLS media playlist (RFC 8216) as the library is to have it.
//
// The library keeps for each segment a whole address, which a base that a redirect made long makes
// thousands of times longer than its line, and an initialization for each tag, from one load to the
// next. So what a list would make it keep is counted first, line by line as the library reads them.
// Of a list that goes on only the newest segments are of use: where there are more, a list of those
// takes its place, with the numbers, keys, initializations and byte ranges that they have in it. A
// list of ordinary size passes as it came, byte for byte, but for numbers that no list has.

internal import Glibc

/// Lines of a playlist as the library takes them: ended by CR, LF or NUL.
enum PlaylistLines {
    /// Longest line that the library reads whole, bytes.
    static let longest = 4095

    /// Refuses a list of too many lines.
    static func check(_ count: Int) throws(DecodeError) {
        guard count <= ListLimits.lines else {
            throw DecodeError(.refused, "a playlist has more than \(ListLimits.lines) lines")
        }
    }

    /// Calls for each line that is not empty, without its end and the spaces before that.
    static func forEach(
        of text: UnsafeBufferPointer<UInt8>, _ body: (Range<Int>) throws(DecodeError) -> Void
    ) throws(DecodeError) {
        var ends = (Next(0x0a), Next(0x0d), Next(0))
        var count = 0
        var start = 0
        while start < text.count {
            let end = min(
                ends.0.place(in: text, from: start), ends.1.place(in: text, from: start),
                ends.2.place(in: text, from: start))
            count += 1
            try check(count)
            var last = min(end, start + longest)
            while last > start, text[last - 1] == 0x20 || text[last - 1] == 0x09 { last -= 1 }
            if last > start { try body(start..<last) }
            start = end + 1
        }
    }

    /// Where a byte stands next; each place is looked for once.
    private struct Next {
        private let byte: CInt
        private var found = -1

        init(_ byte: CInt) { self.byte = byte }

        mutating func place(in text: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
            if found >= start { return found }
            let base = UnsafeRawPointer(text.baseAddress!)
            found =
                memchr(base + start, byte, text.count - start).map {
                    base.distance(to: UnsafeRawPointer($0))
                } ?? text.count
            return found
        }
    }
}

/// What a media playlist says, and its newest segments.
package struct MediaPlaylist {
    private struct ByteRange {
        var offset: Int
        let count: Int
    }

    /// A segment; ranges are of the text.
    private struct Entry {
        let duration: Range<Int>
        let address: Range<Int>
        let range: ByteRange?
        /// The tags that hold for it, and the key that held for its initialization.
        let key: Range<Int>?
        let map: Range<Int>?
        let keyOfMap: Range<Int>?
    }

    /// Something in the text that the library is not to see.
    private enum Edit {
        case duration(Range<Int>)
        case tag(Int)
    }

    /// Playlists that it names: one that names any is a master.
    package private(set) var playlists = 0
    package private(set) var segments = 0
    /// Bytes that the library keeps of its segments, and of its initializations.
    package private(set) var held = 0, initializations = 0
    /// Whether it says that nothing will be added.
    package private(set) var isOver = false

    private let base: AddressLengths
    private var sequence = 0
    private var tags = 0
    private var target: Range<Int>?
    private var newest: [Entry] = []
    private var edits: [Edit] = []
    // What holds for the next segment.
    private var duration: Range<Int>?
    private var key: Range<Int>?
    private var keyLength = 0
    private var map: Range<Int>?
    private var keyOfMap: Range<Int>?
    private var range: ByteRange?
    private var offset = 0

    /// What the library keeps of a segment besides addresses, bytes.
    private static let heldBySegment = 160
    /// Most numbers that are mended, and digits of a byte range and of seconds.
    private static let mostEdits = ListLimits.segments, mostDigits = 15, mostSecondsDigits = 7

    /// Reads a list.
    /// - Parameter url: where it came from.
    /// - Throws: `DecodeError` where it is more than a budget allows.
    package init(_ text: [UInt8], url: String, load: ListLoad) throws(DecodeError) {
        base = AddressLengths(Array(url.utf8))
        try text.withUnsafeBufferPointer { text throws(DecodeError) in
            try PlaylistLines.forEach(of: text) { line throws(DecodeError) in
                try load.step(1 + line.count / 64)
                try take(line, text)
            }
        }
    }

    private mutating func take(
        _ line: Range<Int>, _ text: UnsafeBufferPointer<UInt8>
    ) throws(DecodeError) {
        let bytes = UnsafeBufferPointer(rebasing: text[line])
        guard bytes[0] == UInt8(ascii: "#") else {
            if let duration { add(address: line, bytes, duration: duration) }
            return
        }
        guard bytes.has("#EXT") else { return }
        if bytes.has("#EXTINF:") {
            duration = line
            if let absurd = Self.absurdNumber(bytes, after: 8) {
                try edit(
                    .duration(
                        line.lowerBound + absurd.lowerBound..<line.lowerBound
                            + absurd.upperBound))
            }
        } else if bytes.has("#EXT-X-BYTERANGE:") {
            try take(range: bytes.dropFirst(17), tag: line.lowerBound)
        } else if bytes.has("#EXT-X-KEY:") {
            key = line
            tags += 1
            keyLength = bytes.mentions("METHOD=NONE") ? 0 : base.length(in: bytes)
        } else if bytes.has("#EXT-X-MAP:") {
            (map, keyOfMap) = (line, key)
            tags += 1
            initializations += Self.heldBySegment + base.length(in: bytes) + keyLength
        } else if bytes.has("#EXT-X-MEDIA-SEQUENCE:") {
            sequence = Self.number(bytes.dropFirst(22), digits: 19)?.value ?? 0
        } else if bytes.has("#EXT-X-TARGETDURATION:") {
            target = line
        } else if bytes.has("#EXT-X-ENDLIST") {
            isOver = true
        } else if bytes.has("#EXT-X-STREAM-INF") || bytes.has("#EXT-X-MEDIA:") {
            playlists += 1
        }
    }

    private mutating func add(
        address line: Range<Int>, _ bytes: UnsafeBufferPointer<UInt8>, duration: Range<Int>
    ) {
        segments += 1
        held += Self.heldBySegment + base.length(of: bytes) + keyLength
        let entry = Entry(
            duration: duration, address: line, range: range, key: key, map: map, keyOfMap: keyOfMap)
        if newest.count < ListLimits.liveSegments {
            newest.append(entry)
        } else {
            newest[(segments - 1) % ListLimits.liveSegments] = entry
        }
        // Below 2^61: `take` lets no more through.
        offset = range.map { $0.offset + $0.count } ?? 0
        self.duration = nil
        range = nil
    }

    /// Takes a byte range; one that is none becomes a comment, and its resource is read as a whole.
    private mutating func take(
        range text: Slice<UnsafeBufferPointer<UInt8>>, tag: Int
    ) throws(DecodeError) {
        guard let count = Self.number(text, digits: Self.mostDigits) else {
            return try edit(.tag(tag))
        }
        var start = offset
        if let at = text.firstIndex(of: UInt8(ascii: "@")) {
            guard let named = Self.number(text[(at + 1)...], digits: Self.mostDigits) else {
                return try edit(.tag(tag))
            }
            start = named.value
        }
        guard start < 1 << 60 else { return try edit(.tag(tag)) }
        range = ByteRange(offset: start, count: count.value)
    }

    private mutating func edit(_ edit: Edit) throws(DecodeError) {
        guard edits.count < Self.mostEdits else {
            throw DecodeError(
                .refused, "a playlist has more than \(Self.mostEdits) numbers that are none")
        }
        edits.append(edit)
    }

    // MARK: - Numbers

    /// The digits at the beginning of a text, spaces left out.
    private static func number(
        _ text: Slice<UnsafeBufferPointer<UInt8>>, digits most: Int
    ) -> (value: Int, count: Int)? {
        var value = 0
        var count = 0
        for byte in text.drop(while: { $0 == 0x20 }) {
            guard (0x30...0x39).contains(byte) else { break }
            count += 1
            let (scaled, isTooLarge) = value.multipliedReportingOverflow(by: 10)
            let (sum, isOver) = scaled.addingReportingOverflow(Int(byte - 0x30))
            guard !isTooLarge, !isOver, count <= most else { return nil }
            value = sum
        }
        return count > 0 ? (value, count) : nil
    }

    /// Where a duration stands that the library would make something else of than seconds of a
    /// segment: negative, infinite, of a year.
    private static func absurdNumber(
        _ line: UnsafeBufferPointer<UInt8>, after start: Int
    ) -> Range<Int>? {
        let end = line[start...].firstIndex(of: UInt8(ascii: ",")) ?? line.endIndex
        guard let first = line[start..<end].firstIndex(where: { $0 > 0x20 }) else { return nil }
        let digits = line[first..<end].prefix { (0x30...0x39).contains($0) }
        let rest = line[digits.endIndex..<end]
        let fraction = rest.first == UInt8(ascii: ".")
        let after = fraction ? rest.dropFirst().drop { (0x30...0x39).contains($0) } : rest
        let isNumber = !digits.isEmpty || fraction
        // Exponents, and hexadecimal.
        let goesOn = after.first.map { "eExXpP".utf8.contains($0) } ?? false
        guard !isNumber || goesOn || digits.count > mostSecondsDigits else { return nil }
        return first..<end
    }

    // MARK: - For the library

    /// The list as the library is to have it.
    /// - Parameter isLive: whether it went on when it was loaded before.
    /// - Throws: `DecodeError` where it is too much, and no part of it is the newest.
    package mutating func served(_ text: [UInt8], isLive: Bool) throws(DecodeError) -> [UInt8] {
        var text = text
        for edit in edits {
            switch edit {
            case .tag(let place): text[place + 1] = UInt8(ascii: "x")
            case .duration(let range):
                for place in range { text[place] = 0x20 }
                text[range.lowerBound] = UInt8(ascii: "1")
            }
        }
        let hasFewTags = tags <= 2 * segments + 16
        if hasFewTags, segments <= ListLimits.liveSegments { return text }
        if playlists == 0, isLive || !isOver { return window(of: text) }
        guard segments <= ListLimits.segments else {
            throw DecodeError(
                .refused, "a playlist names more than \(ListLimits.segments) segments")
        }
        guard hasFewTags else {
            throw DecodeError(
                .refused, "a playlist names more keys or initializations than segments")
        }
        return text
    }

    /// A list of the newest segments.
    private mutating func window(of text: [UInt8]) -> [UInt8] {
        let oldest = segments % max(1, newest.count)
        let entries = segments > newest.count ? newest[oldest...] + newest[..<oldest] : newest[...]
        // Above 2^62 the library takes bits off; below, the sum is one.
        let first = (sequence & (Int.max / 2)) + segments - newest.count
        var list = Array("#EXTM3U\n#EXT-X-VERSION:7\n".utf8)
        if let target { list += text[target] + [0x0a] }
        list += "#EXT-X-MEDIA-SEQUENCE:".utf8
        list.append(decimal: first)
        list.append(0x0a)
        var last: Entry?
        var key: Range<Int>?
        held = 0
        initializations = 0
        for entry in entries {
            if let map = entry.map, map != last?.map {
                Self.append(key: entry.keyOfMap, after: &key, to: &list, text)
                list += text[map] + [0x0a]
                initializations += Self.heldBySegment + base.dots + map.count + keyLength
            }
            Self.append(key: entry.key, after: &key, to: &list, text)
            list += text[entry.duration] + [0x0a]
            if let range = entry.range {
                list += "#EXT-X-BYTERANGE:".utf8
                list.append(decimal: range.count)
                list.append(UInt8(ascii: "@"))
                list.append(decimal: range.offset)
                list.append(0x0a)
            }
            list += text[entry.address] + [0x0a]
            held += Self.heldBySegment + base.dots + entry.address.count + (entry.key?.count ?? 0)
            last = entry
        }
        if isOver { list += "#EXT-X-ENDLIST\n".utf8 }
        return list
    }

    private static func append(
        key wanted: Range<Int>?, after current: inout Range<Int>?, to list: inout [UInt8],
        _ text: [UInt8]
    ) {
        guard wanted != current else { return }
        if let wanted {
            list += text[wanted] + [0x0a]
        } else {
            list += "#EXT-X-KEY:METHOD=NONE\n".utf8
        }
        current = wanted
    }
}

/// How long addresses become when they are made whole; at least as long as the library makes them.
private struct AddressLengths {
    /// What an address in the same folder is put behind, and one that begins with "/".
    let dots: Int
    private let root: Int
    private let whole: Int

    init(_ url: [UInt8]) {
        let bare = url.prefix { $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") }
        let slash = UInt8(ascii: "/")
        whole = bare.count
        dots = bare.lastIndex(of: slash).map { $0 + 1 } ?? 0
        let authority = bare.firstRange(of: [UInt8(ascii: ":"), slash, slash])?.upperBound ?? 0
        root = bare[authority...].firstIndex(of: slash) ?? bare.count
    }

    /// Of an address as a playlist has it.
    func length(of address: UnsafeBufferPointer<UInt8>) -> Int {
        let slash = UInt8(ascii: "/")
        let before: Int
        switch address.first {
        case slash: before = root
        case UInt8(ascii: "?"): before = whole
        default: before = address.mentions("://") ? 0 : dots
        }
        return min(PlaylistLines.longest, before + address.count)
    }

    /// Of the address that stands in a tag, with the tag.
    func length(in tag: UnsafeBufferPointer<UInt8>) -> Int {
        min(PlaylistLines.longest, tag.count + (tag.mentions("://") ? 0 : max(dots, whole)))
    }
}

extension UnsafeBufferPointer<UInt8> {
    fileprivate func has(_ prefix: StaticString) -> Bool {
        count >= prefix.utf8CodeUnitCount
            && memcmp(baseAddress!, prefix.utf8Start, prefix.utf8CodeUnitCount) == 0
    }

    /// Whether a text stands in it.
    func mentions(_ text: StaticString) -> Bool {
        guard let baseAddress, count >= text.utf8CodeUnitCount else { return false }
        let last = count - text.utf8CodeUnitCount
        var place = 0
        while place <= last,
            let found = memchr(baseAddress + place, CInt(text.utf8Start[0]), last - place + 1)
        {
            place = UnsafeRawPointer(baseAddress).distance(to: UnsafeRawPointer(found))
            if memcmp(found, text.utf8Start, text.utf8CodeUnitCount) == 0 { return true }
            place += 1
        }
        return false
    }
}

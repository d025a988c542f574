// A manifest as an HLS playlist, which is what the library reads.

/// Writes a manifest's segments as an HLS playlist, the same segment with the same number each time.
///
/// A live connection has one initialization, since the library's reader of MP4 takes no second. Where
/// a Period comes with another one, the playlist ends, and the next connection begins with it. It
/// ends after some thousand segments too: that reader keeps something of every frame.
struct DASHPlaylist {
    /// What the newest stretch of this connection was, when it was listed last.
    private var current: (source: String, map: DASHManifest.Piece?)?
    private var numbers: [DASHManifest.Key: Int] = [:]
    private var next = Self.firstNumber

    /// High enough that a list that reaches further back later has no negative numbers.
    private static let firstNumber = 1_000_000
    /// Most segments of a live connection.
    private static let mostSegments = 2000
    /// Seconds that a segment is said to play: what the library waits before it loads again.
    private static let seconds = 0.25...60.0

    /// A stretch and those of its segments that are listed.
    private typealias Listed = (stretch: DASHManifest.Stretch, segments: Range<Int>)

    mutating func written(
        _ manifest: DASHManifest, _ load: ListLoad
    ) throws(DecodeError) -> [UInt8] {
        guard let last = manifest.stretches.last else { return Self.empty }
        if current == nil, !manifest.isLive {
            // It is read once, so that no segment has to be known again.
            current = (last.source, last.map)
            let listed = manifest.stretches.map { ($0, $0.segments.indices) }
            next += listed.reduce(0) { $0 + $1.1.count }
            return try Self.text(listed, first: Self.firstNumber, isOver: true, load)
        }
        // The addresses of one that goes on may change, where they hold what expires.
        let known = current ?? (last.source, last.map)
        let same = manifest.stretches.filter { $0.source == known.source || $0.map == known.map }
        let newest = same.last.map { ($0.source, $0.map) } ?? known
        current = newest
        let listed = Self.newest(of: same)
        let first = number(listed)
        // What lies before was read.
        let isOver =
            !manifest.isLive || last.source != newest.0
            || next - Self.firstNumber > Self.mostSegments
        return try Self.text(listed, one: .some(newest.1), first: first, isOver: isOver, load)
    }

    // Written for each segment.
    private static let durationTag = Array("#EXTINF:".utf8), lineEnd = Array(",\n".utf8)
    private static let rangeTag = Array("#EXT-X-BYTERANGE:".utf8)
    private static let empty = Array("#EXTM3U\n#EXT-X-TARGETDURATION:2\n".utf8)

    /// The newest segments, as many as are listed of a live stream.
    private static func newest(of stretches: [DASHManifest.Stretch]) -> [Listed] {
        var listed: [Listed] = []
        var missing = DASHManifest.mostLive
        for stretch in stretches.reversed() where missing > 0 {
            let segments = stretch.segments.indices.suffix(missing)
            missing -= segments.count
            listed.append((stretch, segments))
        }
        return listed.reversed()
    }

    /// Gives each segment the number that it had before, or one after all that were.
    /// - Returns: the first's.
    private mutating func number(_ listed: [Listed]) -> Int {
        let keys = listed.flatMap { stretch, segments in
            segments.map { stretch.key(of: stretch.segments[$0]) }
        }
        var first = next
        if let index = keys.firstIndex(where: { numbers[$0] != nil }),
            let number = numbers[keys[index]]
        {
            first = number - index
        }
        numbers.removeAll(keepingCapacity: true)
        for (index, key) in keys.enumerated() { numbers[key] = first + index }
        next = max(next, first + keys.count)
        return first
    }

    /// - Parameter one: the one initialization of all, in a list of which each stretch has its own
    ///   else.
    private static func text(
        _ listed: [Listed], one: DASHManifest.Piece?? = nil, first: Int, isOver: Bool,
        _ load: ListLoad
    ) throws(DecodeError) -> [UInt8] {
        var longest: Double?
        for (stretch, segments) in listed {
            for index in segments {
                longest = max(longest ?? 0, stretch.segments[index].seconds)
            }
        }
        var text = Array("#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:".utf8)
        let target = min(max(longest ?? 2, 1), seconds.upperBound).rounded(.up)
        text.append(decimal: Int(exactly: target) ?? 2)
        text += "\n#EXT-X-MEDIA-SEQUENCE:".utf8
        text.append(decimal: first)
        text.append(0x0a)
        var map: DASHManifest.Piece?
        for (place, (stretch, segments)) in listed.enumerated() {
            if one == nil, place > 0 { text += "#EXT-X-DISCONTINUITY\n".utf8 }
            let wanted = one ?? stretch.map
            if let piece = wanted, piece != map { append(map: piece, to: &text) }
            map = wanted
            for index in segments {
                try load.step()
                append(stretch.segments[index], of: stretch, to: &text)
            }
        }
        if isOver { text += "#EXT-X-ENDLIST\n".utf8 }
        return text
    }

    private static func append(map piece: DASHManifest.Piece, to text: inout [UInt8]) {
        text += "#EXT-X-MAP:URI=\"".utf8
        text += piece.url
        text.append(UInt8(ascii: "\""))
        if let range = piece.range {
            text += ",BYTERANGE=\"".utf8
            append(range, to: &text)
            text.append(UInt8(ascii: "\""))
        }
        text.append(0x0a)
    }

    private static func append(
        _ segment: DASHManifest.Segment, of stretch: DASHManifest.Stretch, to text: inout [UInt8]
    ) {
        text += durationTag
        let duration = thousandths(segment.seconds)
        text.append(decimal: duration / 1000)
        text.append(UInt8(ascii: "."))
        text.append(decimal: duration % 1000, width: 3)
        text += lineEnd
        if let range = segment.range {
            text += rangeTag
            append(range, to: &text)
            text.append(0x0a)
        }
        text += stretch.addresses[segment.address]
        text.append(0x0a)
    }

    private static func append(_ range: DASHManifest.Range, to text: inout [UInt8]) {
        text.append(decimal: range.count)
        text.append(UInt8(ascii: "@"))
        text.append(decimal: range.offset)
    }

    /// Thousandths of a second that are told, whatever the number.
    private static func thousandths(_ value: Double) -> Int {
        let bounded = value.isFinite ? min(max(value, seconds.lowerBound), seconds.upperBound) : 2
        return Int(exactly: (bounded * 1000).rounded()) ?? 2000
    }
}

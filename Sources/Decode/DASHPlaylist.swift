// A manifest as an HLS playlist, which is what the library reads.

/// Writes a manifest's segments as an HLS playlist, the same segment with the same number each time.
///
/// A live connection has one initialization, since the library's reader of MP4 takes no second. Where
/// a Period comes with another one, the playlist ends, and the next connection begins with it. It
/// ends after some thousand segments too: that reader keeps something of every frame.
struct DASHPlaylist {
    /// The newest stretch of this connection, as it was listed last.
    private var current: DASHManifest.Stretch?
    private var numbers: [DASHManifest.Segment.Key: Int] = [:]
    private var next = Self.firstNumber

    /// High enough that a list that reaches further back later has no negative numbers.
    private static let firstNumber = 1_000_000
    /// Most segments of a live connection.
    private static let mostSegments = 2000
    /// Seconds that a segment is said to play: what the library waits before it loads again.
    private static let seconds = 0.25...60.0

    mutating func written(_ manifest: DASHManifest) -> [UInt8] {
        guard let last = manifest.stretches.last else { return Self.empty }
        if current == nil, !manifest.isLive {
            current = last
            let first = number(manifest.stretches.flatMap(\.segments))
            return Self.text(manifest.stretches, first: first, isOver: true)
        }
        // The addresses of one that goes on may change, where they hold what expires.
        let known = current ?? last
        let same = manifest.stretches.filter { $0.source == known.source || $0.map == known.map }
        let newest = same.last ?? known
        current = newest
        // What lies before was read.
        let segments = Array(same.flatMap(\.segments).suffix(DASHManifest.mostLive))
        let first = number(segments)
        let isOver =
            !manifest.isLive || last.source != newest.source
            || next - Self.firstNumber > Self.mostSegments
        let listed = DASHManifest.Stretch(
            source: newest.source, map: newest.map, segments: segments)
        return Self.text([listed], first: first, isOver: isOver)
    }

    private static let empty = Array("#EXTM3U\n#EXT-X-TARGETDURATION:2\n".utf8)

    /// Gives each segment the number that it had before, or one after all that were.
    /// - Returns: the first's.
    private mutating func number(_ segments: [DASHManifest.Segment]) -> Int {
        var first = next
        if let index = segments.firstIndex(where: { numbers[$0.key] != nil }),
            let number = numbers[segments[index].key]
        {
            first = number - index
        }
        numbers.removeAll(keepingCapacity: true)
        for (index, segment) in segments.enumerated() { numbers[segment.key] = first + index }
        next = max(next, first + segments.count)
        return first
    }

    private static func text(
        _ stretches: [DASHManifest.Stretch], first: Int, isOver: Bool
    ) -> [UInt8] {
        let longest = stretches.flatMap(\.segments).map(\.seconds).max() ?? 2
        let target = Int(bounded: min(max(longest, 1), seconds.upperBound).rounded(.up))
        var text =
            "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:\(target)\n"
            + "#EXT-X-MEDIA-SEQUENCE:\(first)\n"
        var map: DASHManifest.Piece?
        for (index, stretch) in stretches.enumerated() {
            if index > 0 { text += "#EXT-X-DISCONTINUITY\n" }
            if let piece = stretch.map, piece != map {
                text += "#EXT-X-MAP:URI=\"\(piece.url)\"\(range(of: piece, "BYTERANGE=\""))\n"
            }
            map = stretch.map
            for segment in stretch.segments {
                text += "#EXTINF:\(decimal(segment.seconds)),\n"
                if segment.piece.count != nil {
                    text += range(of: segment.piece, "#EXT-X-BYTERANGE:") + "\n"
                }
                text += segment.piece.url + "\n"
            }
        }
        return Array((text + (isOver ? "#EXT-X-ENDLIST\n" : "")).utf8)
    }

    private static func range(of piece: DASHManifest.Piece, _ name: String) -> String {
        guard let offset = piece.offset, let count = piece.count else { return "" }
        let isAttribute = name.hasSuffix("\"")
        return (isAttribute ? "," : "") + "\(name)\(count)@\(offset)" + (isAttribute ? "\"" : "")
    }

    /// With three decimals, whatever the number.
    private static func decimal(_ value: Double) -> String {
        let bounded = value.isFinite ? min(max(value, seconds.lowerBound), seconds.upperBound) : 2
        let thousandths = Int(bounded: (bounded * 1000).rounded())
        let rest = "\(thousandths % 1000)"
        return "\(thousandths / 1000)." + String(repeating: "0", count: 3 - rest.count) + rest
    }
}

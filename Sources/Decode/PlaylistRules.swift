// How much a playlist may make an input open: pure decisions on its text, and budgets of openings.
//
// A live playlist is reloaded for ever, so there is no cap for a lifetime; there is one for a minute.
// A playlist of playlists may name such as name segments and no others (RFC 8216, 4.3.4.2), so one
// that names itself ends at once.

/// Rewrites the text of a playlist or manifest before the library reads it: the first and each
/// reload.
///
/// A pure function: of the text as the server sent it and of the address that it came from, which
/// may hold secrets.
public typealias PlaylistRewriter = @Sendable (_ text: [UInt8], _ url: String) -> [UInt8]

/// Openings in a minute; a pure value.
package struct OpeningBudget {
    private let perMinute: Double
    private var left: Double
    private var last: Double?

    package init(perMinute: Int) {
        self.perMinute = Double(perMinute)
        left = Double(perMinute)
    }

    /// Takes one, if there is one.
    /// - Parameter now: seconds of a clock that nobody sets.
    package mutating func take(now: Double) -> Bool {
        if let last { left = min(perMinute, left + max(0, now - last) / 60 * perMinute) }
        last = now
        guard left >= 1 else { return false }
        left -= 1
        return true
    }
}

/// What kind of list a text is.
package enum PlaylistKind: Equatable {
    /// HLS that names playlists, so many of them.
    case master(playlists: Int)
    /// HLS that names segments.
    case media
    /// A DASH manifest.
    case manifest

    /// Bytes that tell whether a text is a list at all.
    static let telling = 1024

    /// Whether a resource that begins so is read as a list by the library.
    package static func isList(_ beginning: some Collection<UInt8>) -> Bool {
        beginning.starts(with: "#EXTM3U".utf8) || isManifest(beginning)
    }

    private static func isManifest(_ text: some Collection<UInt8>) -> Bool {
        let beginning = String(decoding: text.prefix(telling), as: UTF8.self)
        return beginning.contains("<MPD")
    }

    /// The kind of a list.
    package init(_ text: [UInt8]) {
        if Self.isManifest(text), !text.starts(with: "#EXTM3U".utf8) {
            self = .manifest
            return
        }
        var playlists = 0
        for line in text.split(whereSeparator: { $0 == 0x0a || $0 == 0x0d || $0 == 0 })
        where line.starts(with: "#EXT-X-STREAM-INF".utf8) || line.starts(with: "#EXT-X-MEDIA:".utf8)
        {
            playlists += 1
        }
        self = playlists > 0 ? .master(playlists: playlists) : .media
    }
}

/// What one input may open.
struct OpeningRules {
    private var playlists = OpeningBudget(perMinute: mostPlaylists)
    private var resources = OpeningBudget(perMinute: mostResources)

    /// Playlists in a minute: a reload each half a second, of some renditions.
    private static let mostPlaylists = 600
    /// Segments, keys and playlists in a minute.
    private static let mostResources = 3000
    /// Playlists that one may name: the library opens them all.
    private static let mostNamed = 64
    /// Bytes of a list: a day of two-second segments.
    static let longestList = 4 << 20

    /// Counts an opening.
    mutating func open(now: Double) throws(DecodeError) {
        guard resources.take(now: now) else {
            throw DecodeError(
                .refused, "a playlist makes it open more than \(Self.mostResources) things a minute"
            )
        }
    }

    /// Counts a list, and decides on it.
    /// - Parameters:
    ///   - text: as the server sent it.
    ///   - isNamed: whether another list led to it.
    mutating func take(
        list text: [UInt8], isNamed: Bool, now: Double
    ) throws(DecodeError) {
        guard playlists.take(now: now) else {
            throw DecodeError(
                .refused, "reads more than \(Self.mostPlaylists) playlists a minute")
        }
        switch PlaylistKind(text) {
        case .media, .manifest: break
        case .master:
            guard !isNamed else {
                throw DecodeError(
                    .refused,
                    "a playlist that another names must name segments; this one names playlists")
            }
        }
    }

    /// Decides on a list as the library will read it.
    static func check(rewritten text: [UInt8]) throws(DecodeError) {
        guard !text.isEmpty else {
            throw DecodeError(
                .noVideo, "is DASH that names no video which can be read; use the stream's HLS")
        }
        switch PlaylistKind(text) {
        case .media: break
        case .master(let count):
            guard count <= mostNamed else {
                throw DecodeError(
                    .refused, "a playlist names \(count) others, more than \(mostNamed)")
            }
        case .manifest:
            // The library would open what it names by itself, past every policy.
            throw DecodeError(.unsupported, "is DASH, which is read rewritten as HLS only")
        }
    }
}

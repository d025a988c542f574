// How much a playlist may make an input open: pure decisions on its text, and budgets of openings.
//
// A live playlist is reloaded for ever, so there is no cap for a lifetime; there is one for a minute.
// A playlist of playlists may name such as name segments and no others (RFC 8216, 4.3.4.2), so one
// that names itself ends at once.

/// Rewrites the text of a playlist or manifest before the library reads it: the first and each
/// reload.
///
/// A function of the text as the server sent it and of the address that it came from, which may hold
/// secrets; within the budget of the load.
public typealias PlaylistRewriter =
    @Sendable (_ text: [UInt8], _ url: String, _ load: ListLoad) throws(DecodeError) -> [UInt8]

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
    /// - Throws: `DecodeError` where it has too many lines.
    package init(_ text: [UInt8]) throws(DecodeError) {
        if Self.isManifest(text), !text.starts(with: "#EXTM3U".utf8) {
            self = .manifest
            return
        }
        var playlists = 0
        try text.withUnsafeBufferPointer { text throws(DecodeError) in
            try PlaylistLines.forEach(of: text) { line in
                // The letter that such a tag has and hardly a line besides.
                guard line.count > 12, text[line.lowerBound] == UInt8(ascii: "#") else { return }
                if text[line].starts(with: "#EXT-X-STREAM-INF".utf8)
                    || text[line].starts(with: "#EXT-X-MEDIA:".utf8)
                {
                    playlists += 1
                }
            }
        }
        self = playlists > 0 ? .master(playlists: playlists) : .media
    }
}

/// What one input may open.
struct OpeningRules {
    /// What is known of a list that the library may load again.
    private struct Known {
        var held = 0
        var isLive = false
    }

    private var playlists = OpeningBudget(perMinute: mostPlaylists)
    private var lists: [String: Known] = [:]
    /// Bytes that the library keeps of initializations, of all loads.
    private var initializations = 0
    private var resources = OpeningBudget(perMinute: mostResources)

    /// Playlists in a minute: a reload each half a second, of some renditions.
    private static let mostPlaylists = 600
    /// Segments, keys and playlists in a minute.
    private static let mostResources = 3000
    /// Playlists that one may name: the library opens them all.
    private static let mostNamed = 64

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
        switch try PlaylistKind(text) {
        case .media, .manifest: break
        case .master:
            guard !isNamed else {
                throw DecodeError(
                    .refused,
                    "a playlist that another names must name segments; this one names playlists")
            }
        }
    }

    /// Decides on a list after it was rewritten.
    /// - Parameters:
    ///   - address: what the library asked for.
    ///   - location: where it came from.
    /// - Returns: what the library is to read.
    mutating func served(
        _ text: [UInt8], for address: String, from location: String, _ load: ListLoad
    ) throws(DecodeError) -> [UInt8] {
        guard !text.isEmpty else {
            throw DecodeError(
                .noVideo, "is DASH that names no video which can be read; use the stream's HLS")
        }
        if try PlaylistKind(text) == .manifest {
            // The library would open what it names by itself, past every policy.
            throw DecodeError(.unsupported, "is DASH, which is read rewritten as HLS only")
        }
        var list = try MediaPlaylist(text, url: location, load: load)
        guard list.playlists <= Self.mostNamed else {
            throw DecodeError(
                .refused, "a playlist names \(list.playlists) others, more than \(Self.mostNamed)")
        }
        var known = lists[address] ?? Known()
        let served = try list.served(text, isLive: known.isLive)
        if list.segments > 0, !list.isOver { known.isLive = true }
        known.held = list.held
        lists[address] = known
        initializations += list.initializations
        try checkHeld()
        return served
    }

    private func checkHeld() throws(DecodeError) {
        guard lists.count <= ListLimits.listsOfConnection else {
            throw DecodeError(
                .refused, "reads more than \(ListLimits.listsOfConnection) different playlists")
        }
        guard lists.values.reduce(0, { $0 + $1.held }) <= ListLimits.heldBytes else {
            throw DecodeError(
                .refused,
                "the addresses in its playlists, with what they are relative to, take more than "
                    + "\(ListLimits.heldBytes >> 20) MiB")
        }
        guard initializations <= ListLimits.initializationBytes else {
            throw DecodeError(
                .refused,
                "its playlists have named initializations of more than "
                    + "\(ListLimits.initializationBytes >> 20) MiB; it is opened anew")
        }
    }
}

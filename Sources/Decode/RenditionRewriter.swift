// Every playlist and manifest of a stream passes here on its way to the library, which then knows of
// one rendition only, opens nothing else, and reads DASH as HLS.
//
// The library's own DASH reader is not used. It loads a manifest again, and opens segments, past the
// function that guards openings; it takes one Period for all; and it gives up where a manifest that
// is loaded again has another number of renditions. Its HLS reader does all that is needed here: it
// loads a list again, drops what is too old, and reads an initialization before segments.

internal import Glibc
internal import Synchronization

/// Rewrites the playlists of one connection; the choice is the same each time they are loaded.
package final class RenditionRewriter: Sendable {
    private let choice: RenditionChoice
    private let attempt: Int
    private let dash = Mutex(DASHPlaylist())

    /// - Parameter attempt: connections in a row that gave nothing before this one: of renditions
    ///   and servers that are as good as each other the next is tried.
    package init(_ choice: RenditionChoice, attempt: Int = 0) {
        self.choice = choice
        self.attempt = attempt
    }

    /// A text as the library is to see it: a master with one variant, a manifest as a playlist of one
    /// representation, any other as it is.
    ///
    /// What cannot be read, or names no video, becomes nothing.
    /// - Parameter url: where it came from.
    /// - Throws: `DecodeError` where it is more than the load's budget allows.
    package func rewritten(
        _ text: [UInt8], url: String, load: ListLoad
    ) throws(DecodeError) -> [UInt8] {
        try rewritten(text, url: url, now: Self.now(), load: load)
    }

    package func rewritten(
        _ text: [UInt8], url: String, now: Double, load: ListLoad
    ) throws(DecodeError) -> [UInt8] {
        if let master = try HLSMaster(text, load: load) {
            return master.written(choice, attempt: attempt)
        }
        guard DASHManifest.isManifest(text) else { return text }
        let manifest = try DASHManifest(
            text, url: url, choice: choice, now: now, attempt: attempt, load: load)
        guard let manifest else { return [] }
        // Of one connection, which belongs to one thread: nobody waits here.
        return try dash.withLock { list throws(DecodeError) in
            try list.written(manifest, load)
        }
    }

    /// Seconds since 1970.
    private static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}

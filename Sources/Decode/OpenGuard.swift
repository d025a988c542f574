// Watches over every file that an input makes the library open: the input itself and, for
// playlists, all that it names. The library would open a named pipe (and wait for ever, where no
// interrupt is looked at), a device, or a playlist that names itself.

internal import CFFmpeg
internal import Glibc
internal import Synchronization

/// Decides on each opening of one input; belongs to one AVFormatContext.
final class OpenGuard: Sendable {
    /// Most files that one input may open: a day of two-second segments.
    private static let maximumOpens = 50_000
    /// Most playlists among them: a master, its renditions, and reloads.
    ///
    /// A playlist that names itself would go on for ever.
    private static let maximumPlaylists = 64

    private struct State {
        var opens = 0
        var playlists = 0
        var failures = 0
        /// The library's own function, which does the opening.
        var original: OpenFunction?
    }

    private typealias OpenFunction =
        @convention(c) (
            UnsafeMutablePointer<AVFormatContext>?,
            UnsafeMutablePointer<UnsafeMutablePointer<AVIOContext>?>?, UnsafePointer<CChar>?, CInt,
            UnsafeMutablePointer<OpaquePointer?>?
        ) -> CInt

    private let isLocal: Bool
    private let interrupt: Interrupt
    private let state = Mutex(State())

    init(isLocal: Bool, interrupt: Interrupt) {
        self.isLocal = isLocal
        self.interrupt = interrupt
    }

    /// Openings that were refused or failed, after the first.
    var failures: Int { state.withLock { $0.failures } }

    /// Takes the place of the context's own function.
    ///
    /// The guard must outlive the context.
    func install(in context: UnsafeMutablePointer<AVFormatContext>) {
        let original = context.pointee.io_open
        state.withLock { $0.original = original }
        context.pointee.opaque = Unmanaged.passUnretained(self).toOpaque()
        context.pointee.io_open = { context, io, url, flags, options in
            guard let context, let opaque = context.pointee.opaque, let url else { return -EINVAL }
            // Sound: the demuxer that installed the guard holds a strong reference.
            let openGuard = Unmanaged<OpenGuard>.fromOpaque(opaque).takeUnretainedValue()
            return openGuard.open(context, io, url, flags, options)
        }
    }

    private func open(
        _ context: UnsafeMutablePointer<AVFormatContext>,
        _ io: UnsafeMutablePointer<UnsafeMutablePointer<AVIOContext>?>?,
        _ url: UnsafePointer<CChar>, _ flags: CInt, _ options: UnsafeMutablePointer<OpaquePointer?>?
    ) -> CInt {
        let original = state.withLock { state in
            state.opens += 1
            if isPlaylist(url) { state.playlists += 1 }
            let isWithin =
                state.opens <= Self.maximumOpens && state.playlists <= Self.maximumPlaylists
            return isWithin ? state.original : nil
        }
        var status = -EPERM
        if interrupt.isCancelled {
            status = vigil_AVERROR_EXIT
        } else if let original, !isLocal || isRegularFile(url) {
            status = original(context, io, url, flags, options)
        }
        if status < 0 { state.withLock { $0.failures += 1 } }
        return status
    }

    private func isPlaylist(_ url: UnsafePointer<CChar>) -> Bool {
        strstr(url, ".m3u") != nil
    }

    /// Whether a URL of the file protocol, plain or decrypting, names a regular file.
    ///
    /// Inline data is fine.
    private func isRegularFile(_ url: UnsafePointer<CChar>) -> Bool {
        var path = url
        for prefix in ["crypto+", "crypto:", "file:"]
        where strncmp(path, prefix, prefix.utf8.count) == 0 {
            path += prefix.utf8.count
        }
        if strncmp(path, "data:", 5) == 0 { return true }
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }
}

// Watches over every file that an input makes the library open beside the input itself: the lists,
// segments and keys of a playlist. A file on a disk leads to regular files beneath the playlist's own
// folder, which are opened here and read by descriptor; the library's own protocols are closed to it.
// No other format that is let in needs another file, and none gets one.

internal import CFFmpeg
internal import Glibc
internal import Synchronization

/// Decides on each opening of one input; belongs to one AVFormatContext.
final class OpenGuard: Sendable {
    /// Most files that one input may open: a day of two-second segments.
    static let maximumOpens = 50_000
    /// Most playlists among them: a master, its renditions, and reloads.
    ///
    /// A playlist that names itself would go on for ever.
    static let maximumPlaylists = 64

    /// What an input may lead to.
    enum Reach {
        /// Nothing.
        case nowhere
        /// What its protocols allow.
        case network
        /// Files beneath the folder of a playlist of this name, which is open already.
        case folder(OpenFolder, name: String, playlist: LocalFile)
    }

    private struct State {
        var opens = 0
        var playlists = 0
        var names = 0
        var bytes = 0
        var tally = PartTally()
        /// The library's own function, which opens what comes over a network.
        var original: OpenFunction?
    }

    private typealias OpenFunction =
        @convention(c) (
            UnsafeMutablePointer<AVFormatContext>?,
            UnsafeMutablePointer<UnsafeMutablePointer<AVIOContext>?>?, UnsafePointer<CChar>?, CInt,
            UnsafeMutablePointer<OpaquePointer?>?
        ) -> CInt

    private let reach: Reach
    private let interrupt: Interrupt
    private let state = Mutex(State())

    init(_ reach: Reach, interrupt: Interrupt) {
        self.reach = reach
        self.interrupt = interrupt
    }

    /// What could not be opened, in one line; `nil` where all could.
    var problem: String? { state.withLock { $0.tally.line } }

    /// An error of opening together with the parts that could not be opened, which mostly are why.
    func explained(_ error: DecodeError) -> DecodeError {
        guard error.code != .cancelled, let problem else { return error }
        return DecodeError(error.code, "\(error.message); \(problem)")
    }

    /// Takes the place of the context's own functions.
    ///
    /// The guard must outlive the context.
    func install(in context: UnsafeMutablePointer<AVFormatContext>) {
        let original = context.pointee.io_open
        state.withLock { $0.original = original }
        context.pointee.opaque = Unmanaged.passUnretained(self).toOpaque()
        context.pointee.io_open = { context, io, url, flags, options in
            guard let context, let opaque = context.pointee.opaque, let url, let io else {
                return -EINVAL
            }
            // Sound: the demuxer that installed the guard holds a strong reference.
            let openGuard = Unmanaged<OpenGuard>.fromOpaque(opaque).takeUnretainedValue()
            return openGuard.open(context, io, url, flags, options)
        }
        vigil_take_over_closing(context)
    }

    /// What the library is to read a local input by: the file, or a playlist's text.
    func first(
        _ file: LocalFile
    ) throws(DecodeError) -> (io: UnsafeMutablePointer<AVIOContext>, address: String) {
        guard case .folder(_, let name, _) = reach else {
            return (try FileReader(file, interrupt: interrupt).makeContext(location: ""), "")
        }
        let address = LocalPlaylist.address(of: name)
        do throws(PartError) {
            return (try list(file, at: address), address)
        } catch {
            throw DecodeError(.refused, "is a playlist that is not followed: \(error.problem.text)")
        }
    }

    // MARK: - Openings

    private func open(
        _ context: UnsafeMutablePointer<AVFormatContext>,
        _ io: UnsafeMutablePointer<UnsafeMutablePointer<AVIOContext>?>,
        _ url: UnsafePointer<CChar>, _ flags: CInt, _ options: UnsafeMutablePointer<OpaquePointer?>?
    ) -> CInt {
        guard !interrupt.isCancelled else { return vigil_AVERROR_EXIT }
        let isWithin = state.withLock { state in
            state.opens += 1
            if case .network = reach, strstr(url, ".m3u") != nil { state.playlists += 1 }
            return state.opens <= Self.maximumOpens && state.playlists <= Self.maximumPlaylists
        }
        let address = PathText.text(
            ofName: Array(UnsafeRawBufferPointer(start: url, count: strlen(url))))
        do throws(PartError) {
            guard isWithin else { throw PartError(.tooMany) }
            if case .network = reach {
                let original = state.withLock { $0.original }
                let status = original?(context, io, url, flags, options) ?? -EINVAL
                if status < 0 {
                    let shown = MediaInput.url(address).redacted
                    state.withLock { $0.tally.note(.unreadable, shown) }
                }
                return status
            }
            io.pointee = try part(address, options?.pointee)
            return 0
        } catch {
            if interrupt.isCancelled { return vigil_AVERROR_EXIT }
            note(error.problem, address)
            return error.problem == .missing ? -ENOENT : -EPERM
        }
    }

    private func note(_ problem: PartProblem, _ address: String) {
        let prefix = LocalPlaylist.address(of: "")
        let name = address.hasPrefix(prefix) ? address.dropFirst(prefix.count) : address[...]
        state.withLock { state in
            // Addresses were counted as they stand in the list.
            guard problem != .address || !state.tally.has(.address) else { return }
            state.tally.note(problem, name.hasPrefix("file:") ? name.dropFirst(5) : name)
        }
    }

    /// Opens a part of a playlist.
    private func part(
        _ address: String, _ options: OpaquePointer?
    ) throws(PartError) -> UnsafeMutablePointer<AVIOContext> {
        guard case .folder(let folder, let own, let playlist) = reach else {
            throw PartError(.notPlaylist)
        }
        let key = Self.option("key", options)
        var plain = address[...]
        // Only the library's own prefix comes with a key.
        if key != nil, plain.hasPrefix("crypto+") || plain.hasPrefix("crypto:") {
            plain = plain.dropFirst("crypto+".count)
        }
        let name = try LocalPlaylist.name(of: plain)
        let file = name == own ? playlist : try opened(name, beneath: folder)
        if let key, plain.count < address.count {
            guard
                let cipher = SegmentCipher(key: key, vector: Self.option("iv", options) ?? "")
            else { throw PartError(.key) }
            let resource = ServedResource(
                FileReader(file, interrupt: interrupt), cipher: cipher)
            return try context { () throws(DecodeError) in
                try resource.makeContext(location: address, type: nil)
            }
        }
        guard let beginning = file.beginning(8) else { throw PartError(.unreadable) }
        if PlaylistKind.isList(beginning) { return try list(file, at: address) }
        return try context { () throws(DecodeError) in
            try FileReader(file, interrupt: interrupt).makeContext(location: address)
        }
    }

    private func opened(_ name: String, beneath folder: OpenFolder) throws(PartError) -> LocalFile {
        do throws(LocalFile.Failure) {
            return try LocalFile.beneath(folder, name, interrupt: interrupt)
        } catch {
            throw PartError(error.ofPart)
        }
    }

    /// A playlist as the text that was looked through.
    private func list(
        _ file: LocalFile, at address: String
    ) throws(PartError) -> UnsafeMutablePointer<AVIOContext> {
        let (bytes, playlists) = state.withLock { ($0.bytes, $0.playlists) }
        guard playlists < Self.maximumPlaylists else { throw PartError(.tooMany) }
        let left = LocalPlaylist.mostBytes - bytes
        guard let text = file.beginning(min(left, Int(file.size ?? 0)) + 1) else {
            throw PartError(.unreadable)
        }
        let names = LocalPlaylist.names(in: text)
        let isWithin = state.withLock { state in
            state.playlists += 1
            state.bytes += text.count
            state.names += names.count
            for address in names.addresses { state.tally.note(.address, address) }
            return text.count <= left && state.names <= LocalPlaylist.mostNames
        }
        guard isWithin else { throw PartError(.longList) }
        return try context { () throws(DecodeError) in
            try ServedResource(text: text).makeContext(
                location: address, type: "application/vnd.apple.mpegurl")
        }
    }

    private func context(
        _ make: () throws(DecodeError) -> UnsafeMutablePointer<AVIOContext>
    ) throws(PartError) -> UnsafeMutablePointer<AVIOContext> {
        do throws(DecodeError) { return try make() } catch { throw PartError(.unreadable) }
    }

    private static func option(_ name: String, _ options: OpaquePointer?) -> String? {
        av_dict_get(options, name, nil, 0).map { String(cString: $0.pointee.value) }
    }
}

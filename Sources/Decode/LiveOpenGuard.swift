// Stands between the library and the network for one live input: everything that is opened for it is
// decided on here.
//
// http(s) goes through a transport of ours, which decides on the address of each connection; the
// library's own is not among the protocols that it may use, so what would open something past this
// guard fails. Of other protocols the host is looked up and decided on first, and the library may
// open once: a server that redirects leads nowhere.

internal import CFFmpeg
internal import Glibc

/// Decides on each opening of one live input; belongs to its reader's thread and outlives the
/// context.
final class LiveOpenGuard {
    private typealias OpenFunction =
        @convention(c) (
            UnsafeMutablePointer<AVFormatContext>?,
            UnsafeMutablePointer<UnsafeMutablePointer<AVIOContext>?>?, UnsafePointer<CChar>?, CInt,
            UnsafeMutablePointer<OpaquePointer?>?
        ) -> CInt

    private let input: LiveInput
    private let interrupt: Interrupt
    private let client: HTTPClient?
    private let rewrite: PlaylistRewriter?
    private let lists: ListBudget
    private var rules = OpeningRules()
    private var first: UnsafeMutablePointer<AVIOContext>?
    private var original: OpenFunction?
    /// Openings by the library, of protocols other than http.
    private var opens = 0
    private var context: UnsafeMutablePointer<AVFormatContext>?
    /// The first opening that the policy or the rules did not allow.
    private(set) var refusal: DecodeError?
    private var problem: DecodeError?

    /// Decides on the input's own address.
    /// - Throws: `DecodeError` where it may not be opened.
    init(
        _ input: LiveInput, policy: EgressPolicy, rewrite: PlaylistRewriter?, lists: ListBudget,
        interrupt: Interrupt
    ) throws(DecodeError) {
        self.input = input
        self.lists = lists
        self.interrupt = interrupt
        self.rewrite = rewrite
        guard policy.schemes.contains(input.scheme) else {
            throw DecodeError(.refused, "not allowed to open \(input.scheme.rawValue): addresses")
        }
        if input.isHTTP {
            client = try HTTPClient(
                policy: policy, named: HTTPAddress(input.url), interrupt: interrupt)
        } else {
            client = nil
            if !policy.trustsNamedHost { try HostCheck.check(input.url, policy) }
        }
    }

    deinit { closeFirst() }

    /// What to tell of an input that failed: the first refusal, else the opening that failed last,
    /// else what the library says.
    func explained(_ error: DecodeError) -> DecodeError {
        error.code == .cancelled ? error : refusal ?? problem ?? error
    }

    /// Takes the place of the context's own functions, and opens what the library does not open by
    /// itself.
    /// - Returns: the address that the context is to have.
    func install(
        in context: UnsafeMutablePointer<AVFormatContext>
    ) throws(DecodeError) -> String {
        self.context = context
        original = context.pointee.io_open
        context.pointee.opaque = Unmanaged.passUnretained(self).toOpaque()
        context.pointee.io_open = { context, io, url, flags, options in
            guard let context, let opaque = context.pointee.opaque, let url, let io else {
                return -EINVAL
            }
            // Sound: the reader that installed the guard holds a strong reference.
            let openGuard = Unmanaged<LiveOpenGuard>.fromOpaque(opaque).takeUnretainedValue()
            return openGuard.open(context, io, url, flags, options)
        }
        vigil_take_over_closing(context)
        context.pointee.interrupt_callback =
            input.isRTSP ? callbackThatLocks : interrupt.callback
        guard let client else { return input.url }
        do throws(DecodeError) {
            let address = try HTTPAddress(input.url)
            let (io, location) = try serve(address, nil, nil, client, isNamed: false)
            first = io
            context.pointee.pb = io
            return location
        } catch {
            note(error)
            throw error
        }
    }

    /// Closes what was opened for the context, which is closed.
    func closeFirst() {
        if let first { vigil_io_close(first) }
        first = nil
    }

    private func note(_ error: DecodeError) {
        if error.code == .refused { refusal = refusal ?? error } else { problem = error }
    }

    // MARK: - Openings

    private func open(
        _ context: UnsafeMutablePointer<AVFormatContext>,
        _ io: UnsafeMutablePointer<UnsafeMutablePointer<AVIOContext>?>,
        _ url: UnsafePointer<CChar>, _ flags: CInt, _ options: UnsafeMutablePointer<OpaquePointer?>?
    ) -> CInt {
        guard !interrupt.isOverdue else { return vigil_AVERROR_EXIT }
        // Inline data comes from no network; and the one opening of other protocols is theirs.
        opens += client == nil ? 1 : 0
        if strncmp(url, "data:", 5) == 0 || opens == 1 {
            return original?(context, io, url, flags, options) ?? -EINVAL
        }
        do throws(DecodeError) {
            guard let client else {
                throw DecodeError(.refused, "leads to another address, which is not followed")
            }
            io.pointee = try open(String(cString: url), options?.pointee, client)
            problem = nil
            return 0
        } catch {
            note(error)
            switch error.code {
            case .refused: return -EPERM
            case .notFound: return -ENOENT
            default: return interrupt.reason == nil ? -EIO : vigil_AVERROR_EXIT
            }
        }
    }

    private func open(
        _ url: String, _ options: OpaquePointer?, _ client: HTTPClient
    ) throws(DecodeError) -> UnsafeMutablePointer<AVIOContext> {
        try rules.open(now: Self.now)
        var text = url[...]
        var cipher: SegmentCipher?
        if url.hasPrefix("crypto+") || url.hasPrefix("crypto:") {
            text = url.dropFirst("crypto+".count)
            guard let key = Self.option("key", options), let vector = Self.option("iv", options),
                let made = SegmentCipher(key: key, vector: vector)
            else { throw DecodeError(.unsupported, "a segment's key is of no known kind") }
            cipher = consume made
        }
        let address = try HTTPAddress(String(text))
        return try serve(address, Self.range(options), cipher, client, isNamed: true).io
    }

    private static var now: Double { Double(av_gettime_relative()) / 1_000_000 }

    private static func option(_ name: String, _ options: OpaquePointer?) -> String? {
        av_dict_get(options, name, nil, 0).map { String(cString: $0.pointee.value) }
    }

    /// The bytes of a resource that are asked for, as the library's own protocol takes them.
    private static func range(_ options: OpaquePointer?) -> (offset: Int64, end: Int64?)? {
        let offset = option("offset", options).flatMap { Int64($0) } ?? 0
        let end = option("end_offset", options).flatMap { Int64($0) } ?? 0
        guard offset >= 0, offset > 0 || end > 0 else { return nil }
        return (offset, end > offset ? end : nil)
    }

    private func serve(
        _ address: HTTPAddress, _ range: (offset: Int64, end: Int64?)?,
        _ cipher: consuming SegmentCipher?, _ client: HTTPClient, isNamed: Bool
    ) throws(DecodeError) -> (io: UnsafeMutablePointer<AVIOContext>, location: String) {
        let transfer = try client.open(address, range: range)
        let location = transfer.address.url
        var type = transfer.contentType
        let resource: ServedResource
        if cipher == nil, range == nil, try isList(transfer) {
            resource = ServedResource(
                text: try list(transfer, asked: address.url, isNamed: isNamed))
            // By which newer versions of the library know a list whose name does not tell.
            type = "application/vnd.apple.mpegurl"
        } else {
            resource = ServedResource(transfer, cipher: cipher)
        }
        return (try resource.makeContext(location: location, type: type), location)
    }

    /// A list as the library is to read it, within the budgets of the load and of the minute.
    private func list(
        _ transfer: HTTPTransfer, asked address: String, isNamed: Bool
    ) throws(DecodeError) -> [UInt8] {
        try waitForBudget()
        let load = ListLoad(interrupt)
        defer { lists.spend(load) }
        let sent = try transfer.readAll(most: ListLimits.textBytes)
        try rules.take(list: sent, isNamed: isNamed, now: Self.now)
        let location = transfer.address.url
        let text = try rewrite?(sent, location, load) ?? sent
        return try rules.served(text, for: address, from: location, load)
    }

    /// Waits, on the reader's own thread, until the input's lists may take processor time again.
    private func waitForBudget() throws(DecodeError) {
        let end = Self.now + (try lists.wait(now: Self.now))
        while Self.now < end {
            guard !interrupt.isOverdue else {
                throw interrupt.reason ?? DecodeError(.timedOut, "no data for too long")
            }
            usleep(50_000)
        }
    }

    /// Whether the library would read it as a list, by its beginning.
    private func isList(_ transfer: HTTPTransfer) throws(DecodeError) -> Bool {
        var isThere = transfer.wait(for: 8)
        // "<", or the mark that some put before it.
        if let byte = transfer.waiting.first, byte == 0x3c || byte == 0xef || byte <= 0x20 {
            isThere = transfer.wait(for: PlaylistKind.telling)
        }
        guard isThere else {
            throw interrupt.reason ?? DecodeError(.timedOut, "no data for too long")
        }
        return PlaylistKind.isList(transfer.waiting)
    }

    // MARK: - RTSP

    /// The interrupt's callback that also takes all protocols from the context.
    ///
    /// It is called first while the connection is made, for which the library has copied what it
    /// needs. A connection that a redirect asks for is another, and is refused.
    private var callbackThatLocks: AVIOInterruptCB {
        AVIOInterruptCB(
            callback: { opaque in
                guard let opaque else { return 0 }
                // Sound: the reader that installed the callback holds a strong reference.
                return Unmanaged<LiveOpenGuard>.fromOpaque(opaque).takeUnretainedValue()
                    .lockAndAsk()
            }, opaque: Unmanaged.passUnretained(self).toOpaque())
    }

    private func lockAndAsk() -> CInt {
        if let context {
            av_opt_set(UnsafeMutableRawPointer(context), "protocol_whitelist", "none", 0)
            self.context = nil
        }
        return interrupt.isOverdue ? 1 : 0
    }
}

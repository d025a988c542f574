// What the http(s) transfers of one input share: connections, names, cookies, the policy, and the
// wait.
//
// Belongs to the reader's thread. The wait ends by the interrupt: its deadline bounds each poll, and
// cancelling wakes the poll. Redirects are followed here, one request each, because the policy is to
// know whose address a connection is for.

internal import CCurl

/// Opens http(s) resources of one input.
final class HTTPClient {
    let policy: EgressPolicy
    let interrupt: Interrupt
    /// The service that is exempt from the policy.
    private let named: HTTPAddress?
    private let multi: UnsafeMutableRawPointer
    private let share: UnsafeMutableRawPointer?
    private var idle: [UnsafeMutableRawPointer] = []
    /// Weak in effect: a transfer takes itself out in its deinit.
    private var transfers: [UnsafeMutableRawPointer: Unmanaged<HTTPTransfer>] = [:]
    private var cookies = 0

    /// Redirects that one opening follows.
    private static let mostRedirects = 5
    /// Handles and connections that are kept for later.
    private static let mostIdle = 4
    /// Resources that may be open at a time.
    private static let mostTransfers = 64
    /// Cookies after which all are forgotten: a server could set other ones for ever.
    private static let mostCookies = 256
    /// Longest single wait, milliseconds.
    private static let longestPoll: Int64 = 1000

    private static let isReady = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

    /// `curl_multi_wakeup` may be called on any thread as long as the handle is there.
    private struct Waker: @unchecked Sendable {
        let multi: UnsafeMutableRawPointer
    }

    /// - Parameter named: the address that the input has, as it was given.
    init(policy: EgressPolicy, named: HTTPAddress?, interrupt: Interrupt) throws(DecodeError) {
        guard Self.isReady, let multi = curl_multi_init() else {
            throw DecodeError(.io, "out of memory")
        }
        self.multi = multi
        self.policy = policy
        self.named = policy.trustsNamedHost ? named : nil
        self.interrupt = interrupt
        share = curl_share_init()
        if let share { vigil_curl_share(share, CURL_LOCK_DATA_COOKIE) }
        vigil_curl_multi_set_number(multi, CURLMOPT_MAXCONNECTS, Self.mostIdle)
        let waker = Waker(multi: multi)
        interrupt.onCancel { curl_multi_wakeup(waker.multi) }
    }

    deinit {
        interrupt.onCancel(nil)
        for easy in idle { curl_easy_cleanup(easy) }
        curl_multi_cleanup(multi)
        if let share { curl_share_cleanup(share) }
    }

    /// Whether an address is exempt from the policy.
    func isTrusted(_ address: HTTPAddress) -> Bool { named?.isSameService(as: address) ?? false }

    /// Opens a resource and follows redirects until data or its end is there.
    /// - Throws: `DecodeError` with what the server or the policy said.
    func open(
        _ address: HTTPAddress, range: (offset: Int64, end: Int64?)? = nil
    ) throws(DecodeError) -> HTTPTransfer {
        var address = address
        for _ in 0...Self.mostRedirects {
            guard policy.allows(scheme: address.scheme) else {
                throw DecodeError(.refused, "not allowed to open \(address.scheme): addresses")
            }
            let transfer = try HTTPTransfer(address, range: range, client: self)
            guard transfer.wait(for: 1) else {
                throw interrupt.reason ?? DecodeError(.timedOut, "no data for too long")
            }
            let status = transfer.status
            if status >= 300, status < 400, let next = transfer.redirection {
                address = try address.redirected(to: next)
                continue
            }
            if let error = transfer.error { throw error }
            try check(status, of: address, isPart: range.map { $0.offset > 0 } ?? false)
            return transfer
        }
        throw DecodeError(
            .refused, "\(address.host) redirects more than \(Self.mostRedirects) times")
    }

    private func check(
        _ status: Int, of address: HTTPAddress, isPart: Bool
    ) throws(DecodeError) {
        switch status {
        case 200..<300:
            if isPart, status != 206 {
                throw DecodeError(.io, "\(address.host) hands out no parts of files")
            }
        case 404, 410: throw DecodeError(.notFound, "\(address.host) answered \(status)")
        case 401, 403: throw DecodeError(.permission, "\(address.host) answered \(status)")
        default: throw DecodeError(.io, "\(address.host) answered \(status)")
        }
    }

    // MARK: - For transfers

    func takeHandle() -> UnsafeMutableRawPointer? {
        guard transfers.count < Self.mostTransfers else { return nil }
        return idle.popLast() ?? curl_easy_init()
    }

    func begin(_ transfer: HTTPTransfer) -> Bool {
        if let share {
            vigil_curl_set_pointer(transfer.easy, CURLOPT_SHARE, share)
            // No file: it has cookies kept at all.
            vigil_curl_set_text(transfer.easy, CURLOPT_COOKIEFILE, "")
        }
        if cookies > Self.mostCookies {
            vigil_curl_set_text(transfer.easy, CURLOPT_COOKIELIST, "ALL")
            cookies = 0
        }
        transfers[transfer.easy] = .passUnretained(transfer)
        return curl_multi_add_handle(multi, transfer.easy) == CURLM_OK
    }

    func end(_ transfer: HTTPTransfer) {
        curl_multi_remove_handle(multi, transfer.easy)
        transfers[transfer.easy] = nil
        if idle.count < Self.mostIdle {
            curl_easy_reset(transfer.easy)
            idle.append(transfer.easy)
        } else {
            curl_easy_cleanup(transfer.easy)
        }
    }

    func noteCookie() { cookies += 1 }

    /// Does what can be done now; then waits for the network where that was not enough.
    func step(_ isNotEnough: () -> Bool) {
        var running: CInt = 0
        curl_multi_perform(multi, &running)
        var result = CURLE_OK
        while let easy = vigil_curl_next_ended(multi, &result) {
            // Sound: transfers take themselves out before they go.
            transfers[easy]?.takeUnretainedValue().ended(result)
        }
        guard isNotEnough() else { return }
        let limit = min(Self.longestPoll, interrupt.remainingMilliseconds ?? Self.longestPoll)
        curl_multi_poll(multi, nil, 0, CInt(limit), nil)
    }
}

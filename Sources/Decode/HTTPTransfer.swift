// One http(s) resource while it is read: pulled by the reader's thread, which does nothing else.
//
// Data comes only while somebody asks for it. What came and was not asked for is bounded: the
// transfer is paused, and the peer has to wait. Headers and the bodies of errors are bounded as well.
// libcurl calls back on the same thread, within the calls made here.

internal import CCurl
internal import Glibc

/// Reads one http(s) resource, of one client.
final class HTTPTransfer {
    /// What came of asking for data.
    enum Read: Equatable {
        case bytes(Int)
        case end
        case failed
    }

    let address: HTTPAddress
    let easy: UnsafeMutableRawPointer
    private let client: HTTPClient
    private let isTrusted: Bool
    private var received: [UInt8] = []
    private var place = 0
    private var isPaused = false
    private var headerBytes = 0
    private var ignoredBytes = 0
    /// Bytes that may still come, where a range was asked for.
    private var left: Int64?
    private(set) var result: CURLcode?
    private(set) var error: DecodeError?

    /// Most bytes that wait to be read.
    private static let mostWaiting = 64 << 10
    /// Most bytes of headers, of all answers of one request.
    private static let mostHeaders = 64 << 10
    /// Most bytes of an error's body that are read to keep the connection.
    private static let mostIgnored = 16 << 10

    /// Begins a request.
    /// - Parameter range: bytes of the resource; without an upper bound where that is `nil`.
    init(
        _ address: HTTPAddress, range: (offset: Int64, end: Int64?)?, client: HTTPClient
    ) throws(DecodeError) {
        self.address = address
        self.client = client
        isTrusted = client.isTrusted(address)
        guard let easy = client.takeHandle() else { throw DecodeError(.io, "out of memory") }
        self.easy = easy
        if let range, let end = range.end { left = max(0, end - range.offset) }
        setOptions()
        if let range {
            let end = range.end.map { String($0 - 1) } ?? ""
            vigil_curl_set_text(easy, CURLOPT_RANGE, "\(range.offset)-\(end)")
        }
        guard client.begin(self) else { throw DecodeError(.io, "cannot begin a request") }
    }

    deinit { client.end(self) }

    private func setOptions() {
        vigil_curl_allow_http_only(easy)
        vigil_curl_leave_lookups(easy)
        vigil_curl_set_text(easy, CURLOPT_URL, address.url)
        vigil_curl_set_text(easy, CURLOPT_USERAGENT, "vigil")
        // None from the environment, and no signals in a process of many threads.
        vigil_curl_set_text(easy, CURLOPT_PROXY, "")
        vigil_curl_set_number(easy, CURLOPT_NOSIGNAL, 1)
        // Version 2 would keep megabytes for a transfer that is paused.
        vigil_curl_set_number(easy, CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
        vigil_curl_set_number(easy, CURLOPT_FOLLOWLOCATION, 0)
        vigil_curl_set_number(easy, CURLOPT_CONNECTTIMEOUT, 10)
        vigil_curl_set_number(easy, CURLOPT_TCP_KEEPALIVE, 1)
        if address.hasCredentials {
            vigil_curl_set_number(easy, CURLOPT_HTTPAUTH, vigil_CURLAUTH_OF_URLS)
        }
        let this = Unmanaged.passUnretained(self).toOpaque()
        vigil_curl_set_pointer(easy, CURLOPT_WRITEDATA, this)
        vigil_curl_set_pointer(easy, CURLOPT_HEADERDATA, this)
        vigil_curl_set_pointer(easy, CURLOPT_OPENSOCKETDATA, this)
        // Sound, all three: libcurl calls back within `HTTPClient.step` only, and `deinit` takes the
        // handle out of it.
        vigil_curl_set_sink(easy, CURLOPT_WRITEFUNCTION) { data, size, count, this in
            guard let data, let this else { return 0 }
            return Unmanaged<HTTPTransfer>.fromOpaque(this).takeUnretainedValue()
                .take(UnsafeRawBufferPointer(start: data, count: size * count))
        }
        vigil_curl_set_sink(easy, CURLOPT_HEADERFUNCTION) { data, size, count, this in
            guard let data, let this else { return 0 }
            return Unmanaged<HTTPTransfer>.fromOpaque(this).takeUnretainedValue()
                .takeHeader(UnsafeRawBufferPointer(start: data, count: size * count))
        }
        vigil_curl_set_socket_opener(easy) { this, purpose, address in
            guard let this, let address, purpose == CURLSOCKTYPE_IPCXN else {
                return vigil_CURL_SOCKET_BAD
            }
            return Unmanaged<HTTPTransfer>.fromOpaque(this).takeUnretainedValue()
                .openSocket(&address.pointee)
        }
    }

    // MARK: - Called by libcurl

    private func openSocket(_ target: inout curl_sockaddr) -> curl_socket_t {
        guard let address = IPAddress(&target.addr, length: Int(target.addrlen)) else {
            return vigil_CURL_SOCKET_BAD
        }
        if !isTrusted, let reason = client.policy.refusal(of: address) {
            error = .refused(address, of: self.address.host, reason)
            return vigil_CURL_SOCKET_BAD
        }
        return socket(target.family, target.socktype | CInt(SOCK_CLOEXEC.rawValue), target.protocol)
    }

    private func takeHeader(_ line: UnsafeRawBufferPointer) -> Int {
        headerBytes += line.count
        if headerBytes > Self.mostHeaders {
            error = DecodeError(.io, "the server's headers are too long")
            return 0
        }
        if line.count > 10, strncasecmp(line.baseAddress!, "set-cookie", 10) == 0 {
            client.noteCookie()
        }
        return line.count
    }

    private func take(_ data: UnsafeRawBufferPointer) -> Int {
        guard status < 300 else {
            ignoredBytes += data.count
            return ignoredBytes <= Self.mostIgnored ? data.count : 0
        }
        if received.count - place + data.count > Self.mostWaiting {
            isPaused = true
            return vigil_CURL_WRITEFUNC_PAUSE
        }
        let wanted = left.map { Int(min($0, Int64(data.count))) } ?? data.count
        received += data.prefix(wanted)
        left? -= Int64(wanted)
        // More than was asked for: the rest is not wanted.
        return wanted == data.count ? wanted : 0
    }

    // MARK: - Called by the client

    func ended(_ result: CURLcode) {
        self.result = result
        if error == nil, !isComplete { error = problem(of: result) }
    }

    private var isComplete: Bool { result == CURLE_OK || left == 0 }

    private func problem(of result: CURLcode) -> DecodeError? {
        if status >= 300 { return nil }
        let text = String(cString: curl_easy_strerror(result)).lowercased()
        return DecodeError(.io, "\(address.host): \(text)")
    }

    // MARK: - Called by the reader

    /// The answer's status; 0 before there is one.
    var status: Int { vigil_curl_get_number(easy, CURLINFO_RESPONSE_CODE) }

    /// Where a redirect leads.
    var redirection: String? {
        vigil_curl_get_text(easy, CURLINFO_REDIRECT_URL).map { String(cString: $0) }
    }

    /// The type of its content, by the server.
    var contentType: String? {
        vigil_curl_get_text(easy, CURLINFO_CONTENT_TYPE).map { String(cString: $0) }
    }

    /// Bytes that came and were not read.
    var waiting: ArraySlice<UInt8> { received[place...] }

    /// Waits until so many bytes wait, or there will be no more.
    /// - Returns: false where the interrupt ended the wait.
    func wait(for count: Int) -> Bool {
        while received.count - place < count, result == nil {
            if client.interrupt.isOverdue { return false }
            if isPaused {
                isPaused = false
                // Calls back at once with what was held back.
                curl_easy_pause(easy, CURLPAUSE_CONT)
                continue
            }
            client.step { received.count - place < count && result == nil && !isPaused }
            if isPaused, received.count - place > 0 { break }
        }
        return true
    }

    /// Reads at least one byte, waiting for it.
    func read(into target: UnsafeMutableRawBufferPointer) -> Read {
        guard wait(for: 1) else { return .failed }
        let count = min(target.count, received.count - place)
        guard count > 0 else { return error == nil && isComplete ? .end : .failed }
        received.withUnsafeBytes {
            target.copyMemory(from: .init(rebasing: $0[place..<place + count]))
        }
        place += count
        if place == received.count {
            received.removeAll(keepingCapacity: result == nil)
            place = 0
        }
        return .bytes(count)
    }

    /// Reads all of it.
    /// - Throws: `DecodeError` where it is longer than `most`.
    func readAll(most: Int) throws(DecodeError) -> [UInt8] {
        var all: [UInt8] = []
        while true {
            guard wait(for: 1) else {
                throw client.interrupt.reason ?? DecodeError(.timedOut, "no data for too long")
            }
            if received.count == place {
                if let error { throw error }
                return all
            }
            all += received[place...]
            received.removeAll(keepingCapacity: true)
            place = 0
            if all.count > most {
                throw DecodeError(.refused, "a playlist is longer than \(most >> 20) MiB")
            }
        }
    }
}

extension DecodeError {
    /// A connection that the policy does not allow.
    static func refused(_ address: IPAddress, of host: String, _ reason: String) -> DecodeError {
        let text = address.description
        let name = host == text || host == "[\(text)]" ? "" : " (\(host))"
        return DecodeError(
            .refused,
            "not allowed to connect to \(text)\(name): \(reason); allow its range if it is meant")
    }
}

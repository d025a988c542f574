// A TCP connection to loopback, byte by byte: for requests that no HTTP library would send, and for
// plain ones too, so that nothing stands between a test and what the service says.

import Foundation
import Testing

/// A connection; closed when nobody holds it any more.
final class RawConnection {
    private let descriptor: Int32

    /// - Parameter patience: how long reading and writing may wait, seconds.
    init(port: Int, patience: Int = 10) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var limit = timeval(tv_sec: patience, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(
                descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        address.sin_port = UInt16(port).bigEndian
        let isOpen = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        guard isOpen else {
            close(descriptor)
            throw NoConnection(port: port)
        }
    }

    struct NoConnection: Error { var port: Int }

    deinit { close(descriptor) }

    /// Sends all of it.
    /// - Returns: whether the peer took it.
    @discardableResult
    func send(_ bytes: Data) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                Foundation.send(
                    descriptor, buffer.baseAddress! + sent, buffer.count - sent,
                    Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    @discardableResult
    func send(_ text: String) -> Bool { send(Data(text.utf8)) }

    /// What comes next; empty at the end, `nil` where nothing came in time.
    func read() -> Data? {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        if count < 0 { return errno == ECONNRESET ? Data() : nil }
        return Data(buffer[..<count])
    }

    /// All that comes until the peer closes, or says nothing for too long.
    func readToEnd() -> Data {
        var all = Data()
        while let part = read(), !part.isEmpty { all += part }
        return all
    }

    /// Sends a request and reads its answer; what the peer answers before it has read all is not held
    /// up by the rest, which it may never take.
    func exchange(_ bytes: Data) -> Data {
        var sent = 0
        while sent < bytes.count {
            var state = pollfd(fd: descriptor, events: Int16(POLLIN | POLLOUT), revents: 0)
            guard poll(&state, 1, 10_000) > 0, state.revents & Int16(POLLIN) == 0 else { break }
            let count = bytes.withUnsafeBytes { buffer in
                Foundation.send(
                    descriptor, buffer.baseAddress! + sent, min(1 << 16, buffer.count - sent),
                    Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
            }
            guard count > 0 || errno == EAGAIN else { break }
            sent += max(0, count)
        }
        return readToEnd()
    }

    /// Whether the peer has closed its side; takes what came from it.
    var isClosed: Bool {
        var buffer = [UInt8](repeating: 0, count: 1 << 12)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            if count == 0 { return true }
            if count < 0 { return errno != EAGAIN }
        }
    }
}

/// An answer of an HTTP server.
struct HTTPAnswer {
    var status = 0
    /// Names in lower case.
    var headers: [String: String] = [:]
    var body = Data()

    /// Reads an answer that ended with its connection.
    init(_ bytes: Data) {
        let separator = Data("\r\n\r\n".utf8)
        guard let end = bytes.range(of: separator) else { return }
        let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self)
            .components(separatedBy: "\r\n")
        status = lines[0].split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else { continue }
            headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces)
        }
        body = Data(bytes[end.upperBound...])
    }

    var text: String { String(decoding: body, as: UTF8.self) }

    var object: [String: Any] {
        (try? JSONSerialization.jsonObject(with: body)) as? [String: Any] ?? [:]
    }

    var items: [[String: Any]] { object["items"] as? [[String: Any]] ?? [] }

    var errorMessage: String {
        (object["error"] as? [String: Any])?["message"] as? String ?? ""
    }
}

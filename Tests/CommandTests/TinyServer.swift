// An HTTP server on loopback that answers as a test says, also badly, and remembers who came.

import Foundation
import Synchronization
import Testing

/// Serves one test; every connection has a thread of its own.
final class TinyServer: Sendable {
    struct Request: Sendable {
        var path: String
        /// By their names in small letters.
        var headers: [String: String]
    }

    struct Response: Sendable {
        var status = "HTTP/1.1 200 OK"
        var headers: [String] = []
        var body: [UInt8] = []
        /// Says that more will come than does, and is silent then.
        var stalls = false

        static func text(_ text: String, _ type: String = "application/vnd.apple.mpegurl") -> Self {
            Response(headers: ["Content-Type: \(type)"], body: Array(text.utf8))
        }

        static func redirect(_ to: String) -> Self {
            Response(status: "HTTP/1.1 302 Found", headers: ["Location: \(to)"])
        }

        static let missing = Response(status: "HTTP/1.1 404 Not Found")
    }

    private struct State {
        var requests: [Request] = []
        var connections = 0
        var open: Set<Int32> = []
        var isOver = false
    }

    let port: Int
    private let listeners: [Int32]
    private let state = Mutex(State())
    private let handler: @Sendable (Request) -> Response

    /// Listens on some loopback addresses, on one free port.
    init(
        _ hosts: [String] = ["127.0.0.1"], handler: @escaping @Sendable (Request) -> Response
    ) throws {
        self.handler = handler
        var port = 0
        var listeners: [Int32] = []
        for host in hosts {
            let (listener, bound) = try Self.listen(on: host, port: port)
            port = bound
            listeners.append(listener)
        }
        self.port = port
        self.listeners = listeners
        for listener in listeners {
            Thread { [weak self] in
                while true {
                    let peer = accept(listener, nil, nil)
                    guard peer >= 0, let self, self.admit(peer) else { return }
                    Thread { [self] in serve(peer) }.start()
                }
            }.start()
        }
    }

    deinit { stop() }

    /// Ends all connections.
    func stop() {
        let open = state.withLock { state in
            if state.isOver { return Set<Int32>() }
            state.isOver = true
            return state.open
        }
        guard state.withLock({ $0.isOver }) else { return }
        for descriptor in open { shutdown(descriptor, Int32(SHUT_RDWR)) }
        for listener in listeners { shutdown(listener, Int32(SHUT_RDWR)) }
    }

    var requests: [Request] { state.withLock { $0.requests } }
    var connections: Int { state.withLock { $0.connections } }

    func count(_ path: String) -> Int { requests.count { $0.path == path } }

    private static func listen(on host: String, port: Int) throws -> (Int32, Int) {
        var hints = addrinfo()
        hints.ai_flags = AI_NUMERICHOST | AI_PASSIVE
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        try #require(getaddrinfo(host, "\(port)", &hints, &found) == 0)
        defer { freeaddrinfo(found) }
        let entry = try #require(found).pointee
        let listener = socket(entry.ai_family, entry.ai_socktype, 0)
        var yes: Int32 = 1
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, 4)
        try #require(bind(listener, entry.ai_addr, entry.ai_addrlen) == 0, "\(host):\(port)")
        try #require(Glibc.listen(listener, 512) == 0)
        var address = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer -> Int in
                getsockname(listener, pointer, &length)
                let raw = UnsafeRawPointer(pointer).loadUnaligned(
                    fromByteOffset: 2, as: UInt16.self)
                return Int(UInt16(bigEndian: raw))
            }
        }
        return (listener, bound)
    }

    private func admit(_ peer: Int32) -> Bool {
        state.withLock { state in
            if state.isOver {
                close(peer)
                return false
            }
            state.connections += 1
            state.open.insert(peer)
            return true
        }
    }

    private func serve(_ peer: Int32) {
        var rest: [UInt8] = []
        while let request = Self.receive(peer, &rest) {
            state.withLock { $0.requests.append(request) }
            let response = handler(request)
            var head = response.status + "\r\n"
            for line in response.headers { head += line + "\r\n" }
            head += "Content-Length: \(response.body.count + (response.stalls ? 1000 : 0))\r\n\r\n"
            guard Self.send(peer, Array(head.utf8) + response.body) else { break }
        }
        state.withLock { state in
            state.open.remove(peer)
            close(peer)
        }
    }

    private static func send(_ peer: Int32, _ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(
                    peer, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    private static func receive(_ peer: Int32, _ rest: inout [UInt8]) -> Request? {
        while true {
            let text = String(decoding: rest, as: UTF8.self)
            if let end = text.range(of: "\r\n\r\n") {
                rest = Array(text[end.upperBound...].utf8)
                let lines = text[..<end.lowerBound].components(separatedBy: "\r\n")
                let words = lines[0].split(separator: " ")
                guard words.count == 3 else { return nil }
                var headers: [String: String] = [:]
                for line in lines.dropFirst() {
                    guard let colon = line.firstIndex(of: ":") else { continue }
                    headers[line[..<colon].lowercased()] =
                        line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
                }
                return Request(path: String(words[1]), headers: headers)
            }
            var bytes = [UInt8](repeating: 0, count: 4096)
            let count = recv(peer, &bytes, bytes.count, 0)
            guard count > 0 else { return nil }
            rest += bytes.prefix(count)
        }
    }
}

// A small HTTP server on loopback that a test gives its answers: it stands for media servers' interfaces
// of control, and can be as bad as they can: answer with garbage, with too much, or never.

import Foundation
import Synchronization
import Testing

/// A request as it came over the wire.
struct SeenRequest: Sendable {
    var method: String
    /// Path and query, as sent.
    var target: String
    /// Names in lower case.
    var headers: [String: String]
    var body: String
}

/// What the stub does with a request.
enum StubReply: Sendable {
    case answer(Int, String, [String: String] = [:])
    /// These bytes, whatever they are.
    case raw([UInt8])
    /// Nothing, until the server is stopped.
    case silence
    /// A byte at a time, without end.
    case trickle
}

/// An HTTP server on a free port of loopback, one connection at a time, closed after each answer.
final class StubServer: Sendable {
    let port: Int
    private let descriptor: Int32
    private let reply: @Sendable (SeenRequest) -> StubReply
    private let requests = Mutex<[SeenRequest]>([])
    private let isStopped = Mutex(false)

    init(_ reply: @escaping @Sendable (SeenRequest) -> StubReply) throws {
        self.reply = reply
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let socket = descriptor
        let isOpen = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(socket, pointer, length) == 0 && listen(socket, 64) == 0
                    && getsockname(socket, pointer, &length) == 0
            }
        }
        try #require(isOpen, "no free port")
        port = Int(UInt16(bigEndian: address.sin_port))
        Thread.detachNewThread { [self] in serve() }
    }

    var address: String { "http://127.0.0.1:\(port)" }

    /// What was asked so far.
    var seen: [SeenRequest] { requests.withLock { $0 } }

    /// Ends the server and whatever it answers just now.
    func stop() {
        isStopped.withLock { $0 = true }
        shutdown(descriptor, Int32(SHUT_RDWR))
    }

    private func serve() {
        defer { close(descriptor) }
        while true {
            let connection = accept(descriptor, nil, nil)
            guard connection >= 0 else { return }
            Thread.detachNewThread { [self] in
                defer { close(connection) }
                if let request = Self.read(connection) {
                    requests.withLock { $0.append(request) }
                    send(reply(request), to: connection)
                }
            }
        }
    }

    private func send(_ reply: StubReply, to connection: Int32) {
        switch reply {
        case .answer(let status, let body, let headers):
            var text = "HTTP/1.1 \(status) Status\r\nContent-Length: \(body.utf8.count)\r\n"
            for (name, value) in headers { text += "\(name): \(value)\r\n" }
            _ = Self.write(Array((text + "Connection: close\r\n\r\n" + body).utf8), connection)
        case .raw(let bytes): _ = Self.write(bytes, connection)
        case .silence: while !isStopped.withLock({ $0 }) { usleep(10_000) }
        case .trickle:
            let head = "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
            guard Self.write(Array(head.utf8), connection) else { return }
            while !isStopped.withLock({ $0 }), Self.write([32], connection) { usleep(20_000) }
        }
    }

    private static func write(_ bytes: [UInt8], _ connection: Int32) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Foundation.send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    private static func read(_ connection: Int32) -> SeenRequest? {
        var bytes: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 4096)
        func more() -> Bool {
            let count = recv(connection, &block, block.count, 0)
            if count > 0 { bytes += block[..<count] }
            return count > 0
        }
        func headEnd() -> Int? {
            String(decoding: bytes, as: UTF8.self).range(of: "\r\n\r\n").map {
                String(decoding: bytes, as: UTF8.self)[..<$0.upperBound].utf8.count
            }
        }
        while headEnd() == nil { guard more() else { return nil } }
        guard let end = headEnd() else { return nil }
        let lines = String(decoding: bytes[..<end], as: UTF8.self)
            .components(separatedBy: "\r\n")
        let first = lines[0].split(separator: " ")
        guard first.count == 3 else { return nil }
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            headers[line[..<colon].lowercased()] =
                line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
        }
        let length = headers["content-length"].flatMap(Int.init) ?? 0
        while bytes.count < end + length { guard more() else { return nil } }
        return SeenRequest(
            method: String(first[0]), target: String(first[1]), headers: headers,
            body: String(decoding: bytes[end..<(end + length)], as: UTF8.self))
    }
}

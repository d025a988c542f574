// A server on loopback that sends what a script says, as fast as it says, and keeps a log of it: for
// streams that break in ways in which real encoders and servers do only once in a while.

public import Foundation
import Synchronization

/// Listens on a TCP port; serves one connection at a time, each with the next part of the script.
public final class ScriptedPublisher: Sendable {
    /// What is done next.
    public enum Step: Sendable {
        /// Sends data evenly over so many seconds.
        case send(Data, seconds: Double)
        /// Leaves the connection open and sends nothing.
        case stall(seconds: Double)
        /// Closes the connection and the port for so long; what follows is for the next connection.
        case close(seconds: Double)
    }

    /// What was done, seconds of a monotonic clock.
    public struct Entry: Sendable {
        /// Its place in the script.
        public var step: Int
        /// When it began.
        public var start: Double
        /// When it ended.
        public var end: Double
        /// Whether the peer took all of it.
        public var isComplete: Bool
    }

    /// Where it listens.
    public let port: Int
    private let log = Mutex<[Entry]>([])
    private let connections = Atomic<Int>(0)
    private let isStopped = Atomic<Bool>(false)

    /// Listens, and begins with the script when somebody connects.
    /// - Parameter repeats: whether the script begins anew at its end.
    public init(_ steps: [Step], repeats: Bool = false) throws {
        let listener = try Self.listen(port: 0)
        port = try Self.port(of: listener)
        Thread.detachNewThread { [self] in run(steps, repeats, listener) }
    }

    /// What was done so far.
    public var entries: [Entry] { log.withLock { $0 } }
    /// Connections that were taken.
    public var connectionCount: Int { connections.load(ordering: .relaxed) }

    /// Ends it, soon.
    public func stop() { isStopped.store(true, ordering: .relaxed) }

    private func run(_ steps: [Step], _ repeats: Bool, _ first: Int32) {
        var (listener, peer): (Int32?, Int32?) = (first, nil)
        defer { for open in [listener, peer] { open.map { _ = close($0) } } }
        repeat {
            for (number, step) in steps.enumerated() {
                if listener == nil { listener = try? Self.listen(port: port) }
                if let connection = peer, isGone(connection) {
                    close(connection)
                    peer = nil
                }
                if peer == nil { peer = listener.flatMap(accept) }
                guard let connection = peer, !isStopped.load(ordering: .relaxed) else { return }
                let start = Self.now
                var isComplete = true
                switch step {
                case .send(let data, let seconds):
                    isComplete = send(data, seconds: seconds, to: connection)
                case .stall(let seconds): pause(seconds)
                case .close(let seconds):
                    close(connection)
                    peer = nil
                    if seconds > 0 {
                        listener.map { _ = close($0) }
                        listener = nil
                        pause(seconds)
                    }
                }
                let entry = Entry(step: number, start: start, end: Self.now, isComplete: isComplete)
                log.withLock { $0.append(entry) }
                if !isComplete {
                    close(connection)
                    peer = nil
                }
            }
        } while repeats
        // The peer decides how long it waits for more.
        while !isStopped.load(ordering: .relaxed) { usleep(50_000) }
    }

    /// Whether the peer has closed its side.
    private func isGone(_ peer: Int32) -> Bool {
        var byte: UInt8 = 0
        return recv(peer, &byte, 1, Int32(MSG_DONTWAIT)) == 0
    }

    private func pause(_ seconds: Double) {
        let end = Self.now + seconds
        while Self.now < end, !isStopped.load(ordering: .relaxed) { usleep(10_000) }
    }

    private func send(_ data: Data, seconds: Double, to peer: Int32) -> Bool {
        let start = Self.now
        var sent = 0
        while sent < data.count {
            if isStopped.load(ordering: .relaxed) { return false }
            let share = seconds > 0 ? min(1, (Self.now - start) / seconds) : 1
            let due = share == 1 ? data.count : Int(share * Double(data.count))
            guard due > sent else {
                usleep(10_000)
                continue
            }
            let count = data.withUnsafeBytes { bytes in
                Foundation.send(peer, bytes.baseAddress! + sent, due - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    private func accept(_ listener: Int32) -> Int32? {
        while !isStopped.load(ordering: .relaxed) {
            var waiting = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
            guard poll(&waiting, 1, 50) > 0 else { continue }
            let peer = Foundation.accept(listener, nil, nil)
            guard peer >= 0 else { continue }
            connections.add(1, ordering: .relaxed)
            // A peer that stops reading must not stop the script for ever.
            var limit = timeval(tv_sec: 5, tv_usec: 0)
            setsockopt(
                peer, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
            return peer
        }
        return nil
    }

    /// The clock of the log, seconds.
    public static var now: Double { Double(DispatchTime.now().uptimeNanoseconds) / 1e9 }

    private struct NoPort: Error {}

    private static func listen(port: Int) throws -> Int32 {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var yes: Int32 = 1
        setsockopt(
            listener, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        address.sin_port = UInt16(port).bigEndian
        let isBound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        guard isBound, Foundation.listen(listener, 64) == 0 else {
            close(listener)
            throw NoPort()
        }
        return listener
    }

    private static func port(of listener: Int32) throws -> Int {
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isKnown = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                getsockname(listener, $0, &length) == 0
            }
        }
        guard isKnown else { throw NoPort() }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}

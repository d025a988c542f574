// Sends the canary's film over loopback, to this process and to nobody else.
//
// Whoever may open sockets on this machine may connect to any port of loopback, and may come first. An
// accepted connection is ours if one of our own descriptors is its other end.

internal import Foundation
internal import Synchronization

/// Tells our own connections from those of other processes.
enum OwnConnection {
    /// Whether the other end of an accepted IPv4 connection is a socket of this process.
    static func isOurs(accepted: Int32) -> Bool {
        guard let here = name(of: accepted, getsockname),
            let there = name(of: accepted, getpeername)
        else { return false }
        guard let folder = opendir("/proc/self/fd") else { return false }
        defer { closedir(folder) }
        while let entry = readdir(folder) {
            let text = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard let descriptor = Int32(text), descriptor != accepted else { continue }
            if name(of: descriptor, getsockname) == there,
                name(of: descriptor, getpeername) == here
            {
                return true
            }
        }
        return false
    }

    private struct Name: Equatable {
        var address: UInt32
        var port: UInt16
    }

    private static func name(
        of descriptor: Int32,
        _ ask: (Int32, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
    ) -> Name? {
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                ask(descriptor, $0, &length)
            }
        }
        guard result == 0, address.sin_family == sa_family_t(AF_INET) else { return nil }
        return Name(address: address.sin_addr.s_addr, port: address.sin_port)
    }
}

/// Sends bytes, at the pace of the film, to the first connection over loopback that is our own.
package final class LoopbackFeed: @unchecked Sendable {
    // Sound: what changes is atomic or touched by the feed's one thread alone.
    private let listener: Int32
    private let isStopped = Atomic<Bool>(false)
    package let port: Int
    /// Connections of others, which were closed.
    private let strangers = Atomic<Int>(0)
    private let seconds: Double

    /// - Parameter seconds: how long the bytes take to send.
    package init(_ bytes: [UInt8], over seconds: Double) throws(ServeError) {
        self.seconds = seconds
        let listener = socket(
            AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isOpen = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                listener >= 0 && bind(listener, pointer, length) == 0
                    && getsockname(listener, pointer, &length) == 0 && listen(listener, 16) == 0
            }
        }
        guard isOpen else {
            let reason = String(cString: strerror(errno))
            close(listener)
            throw ServeError(.network, "the canary cannot listen on 127.0.0.1: \(reason)")
        }
        self.listener = listener
        port = Int(UInt16(bigEndian: address.sin_port))
        // A thread of its own: it waits in `poll` and in `send`, for seconds.
        let thread = Thread { [self] in feed(bytes) }
        thread.name = "canary"
        thread.start()
    }

    /// How many connections were not ours.
    package var strangerCount: Int { strangers.load(ordering: .relaxed) }

    /// Ends the feed, soon.
    package func stop() { isStopped.store(true, ordering: .relaxed) }

    private var goesOn: Bool { !isStopped.load(ordering: .relaxed) }

    private func feed(_ bytes: [UInt8]) {
        defer { close(listener) }
        guard let peer = ownPeer() else { return }
        defer { close(peer) }
        // Ten pieces a second, so that keyframes come one by one.
        let pieces = max(1, Int(bounded: seconds * 10))
        let size = max(1, bytes.count / pieces + 1)
        for start in stride(from: 0, to: bytes.count, by: size) where goesOn {
            let end = min(bytes.count, start + size)
            guard Self.send(bytes[start..<end], to: peer) else { return }
            usleep(100_000)
        }
        // The end of the stream would be taken for a loss of the connection.
        while goesOn { usleep(50_000) }
    }

    /// Waits for a connection that this process has made; those of others are closed.
    private func ownPeer() -> Int32? {
        while goesOn {
            var waiting = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
            guard poll(&waiting, 1, 100) > 0 else { continue }
            let peer = accept(listener, nil, nil)
            guard peer >= 0 else {
                // Out of descriptors, for instance: not again at once.
                usleep(50_000)
                continue
            }
            _ = fcntl(peer, F_SETFD, FD_CLOEXEC)
            if OwnConnection.isOurs(accepted: peer) { return peer }
            strangers.add(1, ordering: .relaxed)
            close(peer)
        }
        return nil
    }

    private static func send(_ bytes: ArraySlice<UInt8>, to peer: Int32) -> Bool {
        bytes.withUnsafeBytes { buffer in
            var sent = 0
            while sent < buffer.count {
                let count = Glibc.send(
                    peer, buffer.baseAddress! + sent, buffer.count - sent, Int32(MSG_NOSIGNAL))
                guard count > 0 else { return false }
                sent += count
            }
            return true
        }
    }
}

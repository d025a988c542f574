// Log lines that nothing can forge, and the canary's film that nobody else gets.

import Foundation
import Serve
import Testing

@Suite struct PlainLogTests {
    @Test func aMessageMakesOneLine() {
        let forged = "authority\n2026-12-01T00:00:00+0000 notice vigil: audit head 7 abc"
        #expect(
            PlainLog.line(forged + "\n")
                == "authority\\u{a}2026-12-01T00:00:00+0000 notice vigil: audit head 7 abc\n")
        #expect(PlainLog.line("http://x/\u{9b}31m\u{202e}y") == "http://x/\\u{9b}31m\\u{202e}y\n")
        #expect(PlainLog.line("two ends\n\n") == "two ends\\u{a}\n")
    }

    @Test func aLineIsBounded() {
        let line = PlainLog.line(String(repeating: "x", count: PlainLog.longestLine + 5))
        #expect(line.hasSuffix("x … (5 more characters)\n"))
    }
}

@Suite struct LoopbackFeedTests {
    private func connect(_ port: Int) -> Int32 {
        let descriptor = socket(
            AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        address.sin_port = UInt16(port).bigEndian
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Foundation.connect(
                    descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        #expect(result == 0)
        return descriptor
    }

    @Test func anotherProcessThatComesFirstGetsNothing() throws {
        let film = Array("the film".utf8)
        let feed = try LoopbackFeed(film, over: 0.2)
        defer { feed.stop() }
        let stranger = Process()
        let pipe = Pipe()
        stranger.executableURL = URL(filePath: "/usr/bin/env")
        stranger.arguments = ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/\(feed.port); cat <&3"]
        stranger.standardOutput = pipe
        stranger.standardError = FileHandle.nullDevice
        try stranger.run()
        #expect(pipe.fileHandleForReading.readDataToEndOfFile().isEmpty, "it got the film")
        stranger.waitUntilExit()
        #expect(feed.strangerCount == 1)
        let descriptor = connect(feed.port)
        defer { close(descriptor) }
        var got: [UInt8] = []
        while got.count < film.count {
            var buffer = [UInt8](repeating: 0, count: 64)
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { break }
            got += buffer[..<count]
        }
        #expect(got == film)
    }
}

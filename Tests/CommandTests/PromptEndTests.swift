// Whatever a peer does or does not do, DELETE lets go of it at once, and SIGTERM ends the program within
// its time: against peers that stall in each phase of each protocol.

import Foundation
import Report
import Run
import TestSupport
import Testing

/// Peers that hold a reader up, each in its own way.
private final class StallingPeers {
    private(set) var addresses: [String] = []
    private var publishers: [ScriptedPublisher] = []
    private let datagrams: Int32

    /// Longest that a test can take, seconds.
    private static let long = 600.0

    init() throws {
        datagrams = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        // Accepts and says nothing.
        for scheme in ["rtmp", "rtmps", "http", "https", "rtsp", "rtsps", "tcp"] {
            try add([.stall(seconds: Self.long)]) { "\(scheme)://127.0.0.1:\($0)/live/one" }
        }
        // The whole handshake of RTMP, and no answer to "connect".
        let handshake = Data([3]) + Data(count: 1536 * 2)
        try add([.send(handshake, seconds: 0.1), .stall(seconds: Self.long)]) {
            "rtmp://127.0.0.1:\($0)/live/one"
        }
        // The beginning of a server's first message in TLS.
        let hello = Data([0x16, 3, 3, 0, 0x7a, 2, 0, 0, 0x76, 3, 3])
        for scheme in ["https", "rtmps", "rtsps"] {
            try add([.send(hello, seconds: 0.1), .stall(seconds: Self.long)]) {
                "\(scheme)://127.0.0.1:\($0)/live/one"
            }
        }
        // Half an answer of RTSP.
        try add([
            .send(Data("RTSP/1.0 200 OK\r\nCSeq: 1\r\nPub".utf8), seconds: 0.1),
            .stall(seconds: Self.long),
        ]) { "rtsp://127.0.0.1:\($0)/live/one" }
        // Headers, and bodies of a playlist and a manifest, that drip.
        let head = "HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\nX-Long: "
        for text in [
            head + String(repeating: "x", count: 600),
            "HTTP/1.1 200 OK\r\n\r\n#EXTM3U\n" + String(repeating: "#\n", count: 300),
            "HTTP/1.1 200 OK\r\n\r\n<MPD>" + String(repeating: " ", count: 600),
        ] {
            try add([
                .send(Data(text.utf8.prefix(40)), seconds: 0.1),
                .send(Data(text.utf8.dropFirst(40)), seconds: Self.long),
            ]) { "http://127.0.0.1:\($0)/live/one" }
        }
        // A stream of another kind than any that is known, that drips.
        try add([.send(Data(repeating: 0x47, count: 600), seconds: Self.long)]) {
            "tcp://127.0.0.1:\($0)"
        }
        // Takes datagrams and answers none; and none come.
        addresses.append("srt://127.0.0.1:\(try Self.bind(datagrams))")
        addresses.append("udp://127.0.0.1:\(try Loopback.freePort(datagrams: true))")
    }

    deinit {
        for publisher in publishers { publisher.stop() }
        close(datagrams)
    }

    private func add(
        _ script: [ScriptedPublisher.Step], _ address: (Int) -> String
    ) throws {
        let publisher = try ScriptedPublisher(script, repeats: true)
        publishers.append(publisher)
        addresses.append(address(publisher.port))
    }

    /// Connections that were taken by all of them.
    var connectionCounts: [Int] { publishers.map(\.connectionCount) }

    private static func bind(_ socket: Int32) throws -> Int {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.bind(socket, $0, length) == 0 && getsockname(socket, $0, &length) == 0
            }
        }
        try #require(isBound)
        return Int(UInt16(bigEndian: address.sin_port))
    }
}

extension ServiceAsUsed {
    @Suite struct PromptEndTests {
        /// Time that a machine which also runs the peers may take longer, seconds.
        private static let patience = 1.0

        private func service(_ place: Workplace) throws -> Service {
            let known = try place.known("film", media: try Clips.generated("rich-film", seed: 1))
            return try Service(
                place, known: known,
                Service.Settings(
                    egress:
                        "{allow: [127.0.0.1/32], schemes: [rtmp, rtmps, http, https, srt, rtsp, "
                        + "rtsps, udp, tcp]}"))
        }

        /// Threads that read.
        private func readers(_ service: Service) -> Int {
            ReadingJournal.remains(at: "\(service.state)/\(ReadingJournal.fileName)").acts
                .count { !$0.isLooking }
        }

        @Test func deletingLetsGoOfAnyPeerAtOnce() throws {
            let peers = try StallingPeers()
            let place = try Workplace()
            let service = try service(place)
            let ids = try peers.addresses.map { try service.watch($0) }
            #expect(wait(20) { peers.connectionCounts.allSatisfy { $0 > 0 } }, "all connect")
            usleep(1_500_000)
            #expect(readers(service) == ids.count)
            let began = Date()
            for id in ids {
                #expect(try service.ask("DELETE", "/v1/streams/\(id)").status == 200)
            }
            let answered = -began.timeIntervalSinceNow
            let areGone = wait(2 + Self.patience) { readers(service) == 0 }
            print(
                "deleted \(ids.count) in \(answered) s, gone after \(-began.timeIntervalSinceNow) s"
            )
            #expect(areGone, "\(readers(service)) readers are left")
            #expect(try service.get("/metrics").text.contains("vigil_readers_stuck 0\n"))
            try service.end()
        }

        @Test func theServiceEndsInTimeWhateverPeersDo() throws {
            let peers = try StallingPeers()
            let place = try Workplace()
            let service = try service(place)
            for address in peers.addresses { try service.watch(address) }
            #expect(wait(20) { peers.connectionCounts.allSatisfy { $0 > 0 } }, "all connect")
            // Callers that do not leave, in the midst of a request and while they listen.
            let listener = try RawConnection(port: service.port)
            listener.send(
                "GET /v1/events HTTP/1.1\r\nHost: x\r\n"
                    + "Authorization: Bearer \(service.tokens["reader"] ?? "")\r\n\r\n")
            let slow = try RawConnection(port: service.port)
            slow.send("POST /v1/streams HTTP/1.1\r\nHost: x\r\nContent-Le")
            let began = Date()
            try service.end()
            let seconds = -began.timeIntervalSinceNow
            print("ended after \(seconds) s")
            #expect(seconds < 5 + Self.patience)
            #expect(
                service.log.contains(
                    "watches to resume at the next start: \(peers.addresses.count)"))
            #expect(!service.log.contains("does not end"))
            withExtendedLifetime((listener, slow)) {}
        }

        @Test func aSecondSignalEndsItAtOnce() throws {
            let place = try Workplace()
            let service = try service(place)
            let slow = try RawConnection(port: service.port)
            slow.send("POST /v1/streams HTTP/1.1\r\nHost: x\r\nContent-Le")
            let began = Date()
            kill(service.pid, SIGTERM)
            usleep(20_000)
            kill(service.pid, SIGTERM)
            service.waitForFall()
            #expect(-began.timeIntervalSinceNow < 2 + Self.patience)
            try service.start()
            #expect(!service.log.contains("the last run"), "an end by hand is no fall")
            try service.end()
            withExtendedLifetime(slow) {}
        }

        @Test func watchingAndScanningEndInTimeToo() throws {
            let peers = try StallingPeers()
            let place = try Workplace()
            let known = try place.known("film", media: try Clips.generated("rich-film", seed: 1))
            let http = peers.addresses.filter { $0.hasPrefix("http") }
            let key = ["--key-file", place.file("config/vigil/key")]
            let compared = ["--known", known, "--state", place.file("state")] + key
            let commands =
                peers.addresses.map { ["watch", $0] + compared } + [
                    ["scan"] + http + compared, ["explain", http[0], "--known", known] + key,
                    ["fingerprint", http[2]],
                    ["known", "build", place.file("new"), "--name", "new", "--media", http[1]]
                        + key,
                ]
            let programs = try commands.map {
                try BackgroundProgram(try Program.vigil(), $0, folder: place.path)
            }
            usleep(4_000_000)
            let began = Date()
            for program in programs where program.isRunning { kill(program.pid, SIGTERM) }
            for (program, command) in zip(programs, commands) {
                let hasEnded = wait(5 + Self.patience + began.timeIntervalSinceNow) {
                    !program.isRunning
                }
                #expect(hasEnded, "\(command) goes on: \(program.output)")
                program.stop()
            }
            print("\(programs.count) programs ended after \(-began.timeIntervalSinceNow) s")
        }
    }
}

// What live inputs reach for, against real servers on loopback: nothing that the policy does not
// allow, by any of the ways that a playlist or a redirect has; and that what is allowed still works.

import Decode
import Foundation
import Synchronization
import Testing

@Suite(.serialized) struct EgressTests {
    private let segment: [UInt8]

    init() throws { segment = try LiveHTTP.segment() }

    /// A server that nobody is to come to.
    private func forbidden() throws -> TinyServer {
        try TinyServer(["127.0.0.1", "127.0.0.2", "::1"]) { _ in .missing }
    }

    // MARK: - Refusals

    private static let innerHosts = [
        "127.0.0.1", "127.0.0.2", "[::1]", "localhost", "2130706433", "0x7f.1", "0177.0.0.1",
        "127.1", "[::ffff:127.0.0.1]", "%31%32%37.0.0.1",
    ]

    @Test(arguments: innerHosts) func noInnerHostIsReached(_ host: String) throws {
        let other = try forbidden()
        let target = "http://\(host):\(other.port)/x.ts"
        let ways: [String: TinyServer.Response] = [
            "/segment.m3u8": LiveHTTP.playlist("#EXTINF:2,", target),
            "/start.m3u8": LiveHTTP.playlist(
                "#EXT-X-MAP:URI=\"\(target)\"", "#EXTINF:2,", "/segment.ts"),
            "/key.m3u8": LiveHTTP.playlist(
                "#EXT-X-KEY:METHOD=AES-128,URI=\"\(target)\"", "#EXTINF:2,", "/segment.ts"),
            "/coded.m3u8": LiveHTTP.playlist(
                "#EXT-X-KEY:METHOD=AES-128,URI=\"/key\"", "#EXTINF:2,", target),
            "/master.m3u8": .text(
                "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n\(target)\n"),
            "/redirect.m3u8": .redirect(target),
            "/redirects.m3u8": LiveHTTP.playlist("#EXTINF:2,", "/redirect.m3u8"),
            "/key": .text("0123456789abcdef", "application/octet-stream"),
        ]
        let server = try TinyServer { ways[$0.path] ?? .missing }
        for path in ways.keys.sorted() where path.hasSuffix("m3u8") {
            let found = try LiveHTTP.read("http://127.0.0.1:\(server.port)\(path)")
            #expect(found.keyframes == 0)
            let error = try #require(found.error, "\(path)")
            #expect(error.code == .refused, "\(path): \(error)")
            #expect(error.message.contains("not allowed to connect to"), "\(path): \(error)")
        }
        #expect(other.connections == 0)
    }

    @Test(arguments: [
        "file:///etc/passwd", "/etc/passwd", "file:/etc/passwd", "ftp://127.0.0.1:%d/x",
        "tcp://127.0.0.1:%d", "rtmp://127.0.0.1:%d/a/b", "concat:http://127.0.0.1:%d/a",
        "crypto+file:///etc/passwd", "crypto:http://127.0.0.1:%d/a", "subfile,,start,0,end,9,,:/a",
        "gopher://127.0.0.1:%d/x",
    ])
    func noOtherSchemeIsOpened(_ pattern: String) throws {
        let other = try forbidden()
        let target = pattern.replacing("%d", with: "\(other.port)")
        let server = try TinyServer { request in
            switch request.path {
            case "/a.m3u8": LiveHTTP.playlist("#EXTINF:2,", target)
            case "/b.m3u8": .text("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n\(target)\n")
            case "/c.m3u8": .redirect(target)
            default: .missing
            }
        }
        for path in ["/a.m3u8", "/b.m3u8", "/c.m3u8"] {
            let found = try LiveHTTP.read("http://127.0.0.1:\(server.port)\(path)")
            #expect(found.keyframes == 0 && found.error != nil, "\(path)")
        }
        #expect(other.connections == 0)
    }

    @Test(arguments: ["http", "rtmp", "rtsp", "tcp", "rtmps", "rtsps", "https"])
    func theServiceTrustsNoNamedHost(_ scheme: String) throws {
        let other = try forbidden()
        for host in ["127.0.0.1", "localhost", "[::1]", "u:p@127.0.0.2"] {
            let found = try LiveHTTP.read("\(scheme)://\(host):\(other.port)/a/b", .service)
            #expect(found.error?.code == .refused, "\(host): \(String(describing: found.error))")
            #expect(found.error?.message.contains("u:p") == false)
        }
        #expect(other.connections == 0)
        #expect(try LiveHTTP.read("udp://239.1.1.1:1234", .service).error?.code == .refused)
        #expect(try LiveHTTP.read("udp://:1234", .service).error?.code == .refused)
        #expect(try LiveHTTP.read("srt://10.0.0.1:1234", .service).error?.code == .refused)
        let policy = EgressPolicy(trustsNamedHost: true, schemes: [.srt])
        #expect(
            try LiveHTTP.read("\(scheme)://127.0.0.1:\(other.port)/a", policy).error?.code
                == .refused)
        #expect(other.connections == 0)
    }

    @Test func rtspIsNotRedirected() throws {
        let other = try forbidden()
        let server = try TinyServer { request in
            TinyServer.Response(
                status: "RTSP/1.0 302 Found",
                headers: [
                    "CSeq: \(request.headers["cseq"] ?? "1")",
                    "Location: rtsp://127.0.0.1:\(other.port)/x",
                ])
        }
        let found = try LiveHTTP.read("rtsp://127.0.0.1:\(server.port)/a")
        #expect(found.error?.code == .refused, "\(String(describing: found.error))")
        #expect(server.connections == 1 && other.connections == 0)
    }

    @Test func rangesOfTheCommandAreChecked() throws {
        let place = try Workplace()
        let result = try place.vigil(
            "watch", "rtmp://127.0.0.1/a/b", "--known", "none", "--allow", "10.0.0.5/8")
        #expect(result.status == 64)
        #expect(result.error.contains("--allow: '10.0.0.5/8' has bits beyond its prefix"))
    }

    // MARK: - Playlists without an end

    @Test func playlistsDoNotNest() throws {
        let server = try TinyServer { request in
            let number = Int(request.path.dropFirst().prefix { $0 != "." }) ?? 0
            let next = request.path == "/self.m3u8" ? "self" : "\(number + 1)"
            return .text(
                "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n\(next).m3u8\n"
                    + "#EXT-X-STREAM-INF:BANDWIDTH=2\n\(next).m3u8?2\n")
        }
        for path in ["/self.m3u8", "/1.m3u8"] {
            let found = try LiveHTTP.read("http://127.0.0.1:\(server.port)\(path)")
            #expect(
                found.error?.message.contains("must name segments") == true,
                "\(String(describing: found.error))")
        }
        #expect(server.requests.count <= 6)
    }

    @Test func redirectsEnd() throws {
        let server = try TinyServer { .redirect($0.path + "a") }
        let found = try LiveHTTP.read("http://127.0.0.1:\(server.port)/")
        #expect(found.error?.message.contains("redirects more than 5 times") == true)
        #expect(server.requests.count == 6)
    }

    @Test func whatIsTooLongIsRefused() throws {
        let long = String(repeating: "#EXTINF:2,\nsegment.ts\n", count: 300_000)
        let server = try TinyServer { request in
            switch request.path {
            case "/long.m3u8": LiveHTTP.playlist(long)
            case "/headers.m3u8":
                TinyServer.Response(
                    headers: (0..<2000).map { "X-\($0): " + String(repeating: "a", count: 1000) })
            default:
                .text(
                    "#EXTM3U\n"
                        + String(
                            repeating: "#EXT-X-STREAM-INF:BANDWIDTH=1\na.m3u8\n", count: 100))
            }
        }
        let address = "http://127.0.0.1:\(server.port)"
        #expect(
            try LiveHTTP.read(address + "/long.m3u8").error?.message.contains("longer than") == true
        )
        #expect(
            try LiveHTTP.read(address + "/headers.m3u8").error?.message.contains("headers") == true)
        #expect(
            try LiveHTTP.read(address + "/many.m3u8").error?.message.contains("names 100") == true)
        #expect(server.requests.count == 3)
    }

    @Test func whatTheServerAnswersIsSaid() throws {
        let server = try TinyServer { _ in .missing }
        let found = try LiveHTTP.read("http://user:secret@127.0.0.1:\(server.port)/a?key=secret")
        #expect(found.error?.message == "127.0.0.1 answered 404" && found.error?.code == .notFound)
        let manifest = try TinyServer { _ in
            .text("<?xml version=\"1.0\"?>\n<MPD type=\"dynamic\"></MPD>", "application/dash+xml")
        }
        let dash = try LiveHTTP.read("http://127.0.0.1:\(manifest.port)/a.mpd")
        #expect(dash.error?.message.contains("DASH") == true)
    }

    // MARK: - Stalls

    @Test func stallsEndByTheInterrupt() throws {
        let segment = segment
        let server = try TinyServer { request in
            switch request.path {
            case "/a.m3u8": LiveHTTP.playlist("#EXTINF:2,", "1.ts", "#EXTINF:2,", "stall.ts")
            case "/b.m3u8": TinyServer.Response(body: Array("#EXTM3U\n".utf8), stalls: true)
            case "/1.ts": TinyServer.Response(body: segment)
            default: TinyServer.Response(body: Array(segment.prefix(5000)), stalls: true)
            }
        }
        let address = "http://127.0.0.1:\(server.port)"
        #expect(try LiveHTTP.read(address + "/a.m3u8", within: 0.5).error?.code == .timedOut)
        for path in ["/a.m3u8", "/b.m3u8"] {
            let interrupt = Interrupt()
            Thread {
                usleep(300_000)
                interrupt.cancel()
            }.start()
            let found = try LiveHTTP.read(address + path, within: 60, interrupt: interrupt)
            #expect(found.error?.code == .cancelled)
        }
    }
}

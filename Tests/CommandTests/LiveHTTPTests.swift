// That live http still does what it did over the library's own: encrypted segments, byte ranges,
// redirects, credentials, reloads without an end; and leaves nothing behind.

import Decode
import Foundation
import Synchronization
import Testing

@Suite(.serialized) struct LiveHTTPTests {
    private let segment: [UInt8]

    init() throws { segment = try LiveHTTP.segment() }

    @Test func segmentsAreReadOverOneConnection() throws {
        let segment = segment
        let server = try TinyServer { request in
            guard request.path.hasSuffix("m3u8") else {
                return TinyServer.Response(headers: ["Content-Type: video/mp2t"], body: segment)
            }
            var list = LiveHTTP.playlist(
                "#EXTINF:2,", "1.ts", "#EXTINF:2,", "2 ä.ts", "#EXTINF:2,", "3.ts")
            list.headers.append("Set-Cookie: token=1")
            return list
        }
        let found = try LiveHTTP.read("http://127.0.0.1:\(server.port)/a.m3u8")
        #expect(found.keyframes >= 11 && found.error == nil, "\(found)")
        #expect(server.count("/2%20%c3%a4.ts") == 1 && server.connections == 1)
        #expect(server.requests.last?.headers["cookie"] == "token=1")
    }

    @Test func redirectsAndTheirRelativesAreFollowed() throws {
        let segment = segment
        let server = try TinyServer { request in
            switch request.path {
            case "/a.m3u8": .redirect("/deep/er/b.m3u8")
            case "/deep/er/b.m3u8":
                .text("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nc.m3u8\n")
            case "/deep/er/c.m3u8": .redirect("/deeper/d.m3u8")
            case "/deeper/d.m3u8": LiveHTTP.playlist("#EXTINF:2,", "1.ts")
            case "/deeper/1.ts": TinyServer.Response(body: segment)
            default: .missing
            }
        }
        let found = try LiveHTTP.read("http://127.0.0.1:\(server.port)/a.m3u8")
        #expect(found.keyframes == 4 && found.error == nil, "\(found)")
    }

    @Test func credentialsStayWithTheirServer() throws {
        let segment = segment
        let other = try TinyServer { _ in TinyServer.Response(body: segment) }
        let server = try TinyServer { request in
            guard request.headers["authorization"] != nil else {
                return TinyServer.Response(
                    status: "HTTP/1.1 401 Unauthorized",
                    headers: ["WWW-Authenticate: Basic realm=\"x\""])
            }
            switch request.path {
            case "/a.m3u8": return .redirect("/b.m3u8")
            case "/b.m3u8": return LiveHTTP.playlist("#EXTINF:2,", "1.ts")
            default: return .redirect("http://127.0.0.1:\(other.port)/1.ts")
            }
        }
        var policy = EgressPolicy.watch
        policy.allowed = [try AddressRange("127.0.0.0/8")]
        let found = try LiveHTTP.read("http://user:secret@127.0.0.1:\(server.port)/a.m3u8", policy)
        #expect(found.keyframes == 4, "\(found)")
        #expect(!other.requests.isEmpty)
        #expect(other.requests.allSatisfy { $0.headers["authorization"] == nil })
    }

    @Test func encryptedSegmentsAreRead() throws {
        let place = try Workplace()
        let key = Array("0123456789abcdef".utf8)
        let file = try place.write("key", Data(key))
        let info = try place.write("info", Data("key\n\(file)\n".utf8))
        let source = try place.write("in.ts", Data(segment))
        try Program.ffmpeg(
            "-i \(source) -c copy -f hls -hls_time 1 -hls_list_size 0 -hls_key_info_file \(info) "
                + place.file("a.m3u8"))
        let folder = place.path
        let server = try TinyServer { request in
            guard let data = FileManager.default.contents(atPath: folder + request.path) else {
                return .missing
            }
            return TinyServer.Response(body: Array(data))
        }
        let found = try LiveHTTP.read("http://127.0.0.1:\(server.port)/a.m3u8")
        #expect(found.keyframes >= 2 && found.error == nil, "\(found)")
        #expect(server.count("/key") == 1)
        withExtendedLifetime(place) {}
    }

    @Test func byteRangesAreRead() throws {
        let segment = segment
        let server = try TinyServer { request in
            if request.path.hasSuffix("m3u8") {
                return LiveHTTP.playlist(
                    "#EXTINF:2,", "#EXT-X-BYTERANGE:\(segment.count)@0", "1.ts", "#EXTINF:2,",
                    "#EXT-X-BYTERANGE:\(segment.count)@\(segment.count)", "1.ts")
            }
            let bounds = (request.headers["range"] ?? "").dropFirst("bytes=".count)
                .split(separator: "-").compactMap { Int($0) }
            guard bounds.count == 2, bounds[1] < segment.count * 2 else {
                return TinyServer.Response(body: segment + segment)
            }
            return TinyServer.Response(
                status: "HTTP/1.1 206 Partial Content",
                body: Array((segment + segment)[bounds[0]...bounds[1]]))
        }
        let found = try LiveHTTP.read("http://127.0.0.1:\(server.port)/a.m3u8")
        #expect(found.keyframes >= 7 && found.error == nil, "\(found)")
        let ranges = server.requests.compactMap { $0.headers["range"] }
        let size = segment.count
        #expect(ranges == ["bytes=0-\(size - 1)", "bytes=\(size)-\(2 * size - 1)"])
    }

    @Test func playlistsAreRewritten() throws {
        let segment = segment
        let server = try TinyServer { request in
            switch request.path {
            case "/a.m3u8": LiveHTTP.playlist("#EXTINF:2,", "bad.ts")
            case "/good.ts": TinyServer.Response(body: segment)
            default: .missing
            }
        }
        let address = "http://127.0.0.1:\(server.port)/a.m3u8"
        let found = try LiveHTTP.read(address) { text, url, _ in
            url == address
                ? Array(String(decoding: text, as: UTF8.self).replacing("bad", with: "good").utf8)
                : text
        }
        #expect(found.keyframes == 4 && server.count("/good.ts") == 1, "\(found)")
    }

    // MARK: - For long

    @Test func liveReloadsGoOn() throws {
        let segment = segment
        let counter = Counter()
        let server = try TinyServer { request in
            guard request.path.hasSuffix("m3u8") else { return TinyServer.Response(body: segment) }
            let number = counter.next()
            return .text(
                "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:\(number)\n"
                    + "#EXTINF:0.01,\n\(number).ts\n")
        }
        let interrupt = Interrupt()
        var reader = try LiveReader(
            LiveInput("http://127.0.0.1:\(server.port)/a.m3u8"), egress: .watch,
            interrupt: interrupt)
        var keyframes = 0
        while keyframes < 130 * 4 {
            if case .keyframe = try reader.next(within: 20) { keyframes += 1 }
        }
        #expect(server.count("/a.m3u8") > 120)
        #expect(server.connections == 1)
    }

    @Test func nothingIsLeftBehind() throws {
        let segment = segment
        let server = try TinyServer { request in
            request.path.hasSuffix("m3u8")
                ? .text("#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:2,\n1.ts\n")
                : TinyServer.Response(body: segment)
        }
        let address = "http://127.0.0.1:\(server.port)/a.m3u8"
        func openMany(_ count: Int) throws {
            for _ in 0..<count {
                var reader = try LiveReader(
                    LiveInput(address), egress: .watch, interrupt: Interrupt())
                if case .ended = try reader.next(within: 5) { Issue.record("ended") }
            }
        }
        func mine() throws -> Int {
            // Sockets of the server in this process go with those of the readers.
            try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count
        }
        try openMany(5)
        usleep(200_000)
        let before = try mine()
        try openMany(100)
        var after = try mine()
        for _ in 0..<50 where after > before + 4 {
            usleep(100_000)
            after = try mine()
        }
        #expect(after <= before + 4, "\(before) descriptors before, \(after) after")
    }
}

/// Counts on any thread.
private final class Counter: Sendable {
    private let count = Atomic<Int>(0)

    func next() -> Int { count.add(1, ordering: .relaxed).newValue }
}

/// Lists and reading, for the tests of live http.
enum LiveHTTP {
    /// Two seconds, a keyframe every half.
    static func segment() throws -> [UInt8] {
        let path = try Clips.make(
            "egress.ts",
            "-f lavfi -i testsrc2=s=320x180:r=10:d=2 \(Clips.x264) -g 5 -sc_threshold 0 -f mpegts")
        return Array(try Data(contentsOf: URL(filePath: path)))
    }

    static func playlist(_ lines: String...) -> TinyServer.Response {
        .text(
            "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n" + lines.joined(separator: "\n")
                + "\n#EXT-X-ENDLIST\n")
    }

    /// Reads to the end.
    static func read(
        _ url: String, _ policy: EgressPolicy = .watch, within limit: Double = 5,
        interrupt: Interrupt = Interrupt(), rewrite: PlaylistRewriter? = nil
    ) throws -> (keyframes: Int, error: DecodeError?) {
        var keyframes = 0
        let input = try LiveInput(url)
        do throws(DecodeError) {
            var reader = try LiveReader(
                input, egress: policy, interrupt: interrupt, rewrite: rewrite)
            while true {
                switch try reader.next(within: limit) {
                case .keyframe: keyframes += 1
                case .between: continue
                case .ended: return (keyframes, nil)
                }
            }
        } catch {
            return (keyframes, error)
        }
    }
}

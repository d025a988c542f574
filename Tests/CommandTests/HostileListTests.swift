// Playlists and manifests that would cost much, from a server on loopback: each is refused with its
// reason, or its newest part is read; and a stream beside them is examined as ever.

import Decode
import Foundation
import Synchronization
import Testing

@Suite(.serialized) struct HostileListTests {
    private let segment: [UInt8]

    init() throws { segment = try LiveHTTP.segment() }

    private func entries(_ count: Int, end: String = "") -> TinyServer.Response {
        .text(
            "#EXTM3U\n#EXT-X-TARGETDURATION:2\n"
                + (0..<count).map { "#EXTINF:2,\n\($0).ts\n" }.joined() + end)
    }

    /// As `LiveWatcher` reads.
    private func read(_ address: String) throws -> (keyframes: Int, error: DecodeError?) {
        let rewriter = RenditionRewriter(.standard)
        return try LiveHTTP.read(address) { text, url, load throws(DecodeError) in
            try rewriter.rewritten(text, url: url, load: load)
        }
    }

    private func manifest(periods: Int, name: Int) -> TinyServer.Response {
        let all = (0..<periods).map { index in
            """
            <Period start="PT\(index * 20_000)S" duration="PT20000S"><AdaptationSet
            mimeType="video/mp4"><SegmentTemplate duration="2" initialization="i"
            media="\(String(repeating: "a", count: name))$Number$"/><Representation id="r"/>
            </AdaptationSet></Period>
            """
        }
        return .text("<MPD>\(all.joined())</MPD>", "application/dash+xml")
    }

    @Test func theReasonIsTold() throws {
        let long = "/" + String(repeating: "b", count: 3900) + "/x.m3u8"
        let ended = entries(20_000, end: "#EXT-X-ENDLIST\n")
        let many = entries(60_000, end: "#EXT-X-ENDLIST\n")
        let (segments, bytes) = (manifest(periods: 6, name: 1), manifest(periods: 64, name: 800))
        let server = try TinyServer { request in
            switch request.path {
            case "/redirect.m3u8": .redirect(long)
            case long: ended
            case "/many.m3u8": many
            case "/segments.mpd": segments
            case "/bytes.mpd": bytes
            default: .missing
            }
        }
        for (path, reason) in [
            ("/redirect.m3u8", "with what they are relative to, take more than 12 MiB"),
            ("/many.m3u8", "a playlist names more than 50000 segments"),
            ("/segments.mpd", "the manifest names more than 50000 segments"),
            ("/bytes.mpd", "the manifest's addresses take more than 4 MiB in all"),
        ] {
            let found = try read("http://127.0.0.1:\(server.port)\(path)")
            #expect(found.error?.code == .refused, "\(path): \(found)")
            #expect(found.error?.message.contains(reason) == true, "\(path): \(found)")
        }
    }

    @Test func theNewestPartOfALongListIsRead() throws {
        let (segment, live) = (segment, entries(5000))
        let over = entries(5001, end: "#EXT-X-ENDLIST\n")
        let loads = Atomic<Int>(0)
        let server = try TinyServer { request in
            guard request.path.hasSuffix("m3u8") else { return TinyServer.Response(body: segment) }
            return loads.add(1, ordering: .relaxed).newValue == 1 ? live : over
        }
        let found = try read("http://127.0.0.1:\(server.port)/a.m3u8")
        #expect(found.keyframes >= 7 && found.error == nil, "\(found)")
        let names = server.requests.map(\.path).filter { $0.hasSuffix("ts") }
        #expect(names == ["/4999.ts", "/5000.ts"])
    }

    /// The library keeps an initialization for each tag of each load.
    @Test func initializationsOfAConnectionAreCounted() throws {
        let segment = segment
        let name = String(repeating: "i", count: 3000)
        let loads = Atomic<Int>(0)
        let server = try TinyServer { request in
            guard request.path.hasSuffix("m3u8") else { return TinyServer.Response(body: segment) }
            let first = loads.add(200, ordering: .relaxed).newValue
            return .text(
                "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:\(first)\n"
                    + (first..<first + 200).map {
                        "#EXT-X-MAP:URI=\"\(name)\"\n#EXTINF:0.01,\n\($0).ts\n"
                    }.joined())
        }
        let found = try read("http://127.0.0.1:\(server.port)/a.m3u8")
        #expect(found.error?.message.contains("initializations of more than 8 MiB") == true)
    }

    /// What its lists cost counts from one connection to the next.
    @Test func aBudgetThatIsSpentIsToldBeforeTheListIsLoaded() throws {
        let list = entries(3, end: "#EXT-X-ENDLIST\n")
        let server = try TinyServer { _ in list }
        let input = try LiveInput("http://127.0.0.1:\(server.port)/a.m3u8")
        let error = #expect(throws: DecodeError.self) {
            _ = try LiveReader(
                input, egress: .watch, interrupt: Interrupt(), lists: ListBudget(perMinute: 0))
        }
        #expect(error?.message.contains("processor time a minute") == true)
    }

    @Test func aStreamBesideThemIsExamined() throws {
        let place = try Workplace()
        let film = try Clips.generated("rich-film", seed: 1)
        let known = try place.known("film", media: film)
        let file = place.file("film.ts")
        try Program.ffmpeg("-i \(film) -c copy -f mpegts \(file)")
        let media = Array(try Data(contentsOf: URL(filePath: file)))
        let (bomb, list) = (
            manifest(periods: 64, name: 800), LiveHTTP.playlist("#EXTINF:2,", "film.ts")
        )
        let server = try TinyServer { request in
            switch request.path {
            case "/bomb.mpd": bomb
            case "/good.m3u8": list
            default: TinyServer.Response(body: media)
            }
        }
        let (program, environment) = (try Program.vigil(), place.environment)
        let states = ["bomb.mpd", "good.m3u8"].map { ($0, place.file("state-" + $0)) }
        let results = Mutex<[String: Finished]>([:])
        DispatchQueue.concurrentPerform(iterations: states.count) { index in
            let (name, state) = states[index]
            let finished = try? Program.run(
                program,
                [
                    "watch", "http://127.0.0.1:\(server.port)/\(name)", "--known", known,
                    "--format",
                    "jsonl", "--state", state, "--for", "8",
                ], environment: environment)
            results.withLock { $0[name] = finished }
        }
        let found = results.withLock { $0 }
        let good = try #require(found["good.m3u8"]), bad = try #require(found["bomb.mpd"])
        #expect(good.status == 1 && !good.objects(ofType: "alert").isEmpty, "\(good)")
        #expect(bad.status == 2 && bad.objects(ofType: "alert").isEmpty, "\(bad)")
        // It was tried again, at longer and longer intervals.
        #expect((2...12).contains(server.count("/bomb.mpd")), "\(server.count("/bomb.mpd"))")
    }
}

// Manifests read as playlists of one representation: addresses, times, choice, and reloads.

import Decode
import TestSupport
import Testing

@Suite struct DASHPlaylistTests {
    private func rewrite(_ text: String, now: Double = 0) -> String {
        rewrite(text, with: RenditionRewriter(.standard), now: now)
    }

    private func rewrite(
        _ text: String, with rewriter: RenditionRewriter, now: Double = 0
    ) -> String {
        // What is refused names nothing; the reasons are tested in ListBudgetTests.
        let bytes = try? rewriter.rewritten(
            Array(text.utf8), url: "http://host/live/x.mpd?token=1", now: now,
            load: ListLoad(Interrupt(), seconds: 600))
        return String(decoding: bytes ?? [], as: UTF8.self)
    }

    private func lines(_ text: String, _ prefix: String) -> [String] {
        text.split(separator: "\n").filter { $0.hasPrefix(prefix) }.map(String.init)
    }

    private func addresses(_ text: String) -> [String] {
        text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map(String.init)
    }

    private func representations(_ more: String = "") -> String {
        """
        <Representation id="s" bandwidth="200000" width="320" height="180"/>
        <Representation id="m" bandwidth="700000" width="640" height="360"/>
        <Representation id="l" bandwidth="2700000" width="1280" height="720"/>\(more)
        """
    }

    private func live(_ entries: String, more: String = "", period: String = "id=\"0\"") -> String {
        """
        <?xml version="1.0" encoding="utf-8"?>
        <MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="dynamic"
            availabilityStartTime="1970-01-01T00:00:00Z"><Period \(period) start="PT0S">
        <AdaptationSet contentType="video" codecs="avc1.42c01e">
        <SegmentTemplate timescale="1000" initialization="i-$RepresentationID$.mp4"
            media="c-$RepresentationID$-$Time$.m4s"><SegmentTimeline>\(entries)</SegmentTimeline>
        </SegmentTemplate>\(representations())</AdaptationSet>
        <AdaptationSet contentType="audio"><SegmentTemplate media="audio-$Number$"/>
        <Representation id="a" bandwidth="1"/></AdaptationSet></Period>\(more)</MPD>
        """
    }

    @Test func timelinesAreListed() {
        let text = rewrite(live("<S t=\"4000\" d=\"2000\" r=\"2\"/><S d=\"1500\"/>"))
        #expect(
            text == """
                #EXTM3U
                #EXT-X-VERSION:7
                #EXT-X-TARGETDURATION:2
                #EXT-X-MEDIA-SEQUENCE:1000000
                #EXT-X-MAP:URI="http://host/live/i-m.mp4"
                #EXTINF:2.000,
                http://host/live/c-m-4000.m4s
                #EXTINF:2.000,
                http://host/live/c-m-6000.m4s
                #EXTINF:2.000,
                http://host/live/c-m-8000.m4s
                #EXTINF:1.500,
                http://host/live/c-m-10000.m4s

                """)
    }

    @Test func segmentsKeepTheirNumbersWhenTheListMoves() {
        let rewriter = RenditionRewriter(.standard)
        let first = { (entries: String) in
            lines(rewrite(live(entries), with: rewriter), "#EXT-X-MEDIA-SEQUENCE:").first
        }
        #expect(first("<S t=\"0\" d=\"2000\" r=\"3\"/>") == "#EXT-X-MEDIA-SEQUENCE:1000000")
        #expect(first("<S t=\"4000\" d=\"2000\" r=\"3\"/>") == "#EXT-X-MEDIA-SEQUENCE:1000002")
        // None of those before: after all of them.
        #expect(first("<S t=\"90000\" d=\"2000\"/>") == "#EXT-X-MEDIA-SEQUENCE:1000006")
        // A list that reaches back again.
        #expect(first("<S t=\"86000\" d=\"2000\" r=\"2\"/>") == "#EXT-X-MEDIA-SEQUENCE:1000004")
    }

    @Test func addressesMayChangeWhileTheStreamGoesOn() {
        let rewriter = RenditionRewriter(.standard)
        func load(_ token: String, from time: Int) -> String {
            let text = live("<S t=\"\(time)\" d=\"2000\" r=\"3\"/>")
            return rewrite(
                text.replacing("<Period ", with: "<BaseURL>\(token)/</BaseURL><Period "),
                with: rewriter)
        }
        #expect(load("a", from: 0).contains("SEQUENCE:1000000\n"))
        let moved = load("b", from: 4000)
        #expect(moved.contains("SEQUENCE:1000002\n") && !moved.contains("ENDLIST"))
        #expect(moved.contains("live/b/i-m.mp4") && addresses(moved)[0].contains("live/b/c-m-4000"))
    }

    @Test func aConnectionEndsBeforeTheLibraryKeepsTooMuch() {
        let rewriter = RenditionRewriter(.standard)
        let loads = (0..<100).map { load in
            rewrite(live("<S t=\"\(load * 40_000)\" d=\"1000\" r=\"59\"/>"), with: rewriter)
        }
        #expect(!loads[40].contains("ENDLIST") && loads[60].contains("ENDLIST"))
    }

    @Test func fixedDurationsFollowTheClock() {
        let text = """
            <MPD type="dynamic" availabilityStartTime="1970-01-01T00:00:00Z">
            <BaseURL>http://other/base/</BaseURL><Period start="PT10S"><AdaptationSet mimeType="video/mp4">
            <SegmentTemplate duration="90000" timescale="45000" startNumber="5"
                media="../$RepresentationID$/$Number%05d$-$Bandwidth$$$.m4s" initialization="/i.mp4"/>
            \(representations())</AdaptationSet></Period></MPD>
            """
        // 10 s into the Period: five segments are there, and the newest is not asked for yet.
        let out = rewrite(text, now: 20.5)
        #expect(
            addresses(out)
                == (5...8).map { "http://other/base/../m/0000\($0)-700000$.m4s" })
        #expect(lines(out, "#EXT-X-MAP") == ["#EXT-X-MAP:URI=\"http://other/i.mp4\""])
        #expect(addresses(rewrite(text, now: 11)).isEmpty)
        #expect(addresses(rewrite(text, now: 1e9)).count == 64)
        #expect(addresses(rewrite(text, now: .infinity)).isEmpty)
    }

    @Test func listsAndSingleFilesAreRead() {
        let list = """
            <MPD type="static" mediaPresentationDuration="PT8S"><Period><AdaptationSet mimeType="video/mp4">
            <Representation id="a" height="360" width="640" bandwidth="9"><BaseURL>a.mp4</BaseURL>
            <SegmentList duration="4"><Initialization range="0-99"/><SegmentURL mediaRange="100-199"/>
            <SegmentURL media="b.mp4"/></SegmentList></Representation></AdaptationSet></Period></MPD>
            """
        let out = rewrite(list)
        #expect(lines(out, "#EXT-X-MAP").first?.hasSuffix("a.mp4\",BYTERANGE=\"100@0\"") == true)
        #expect(lines(out, "#EXT-X-BYTERANGE") == ["#EXT-X-BYTERANGE:100@100"])
        #expect(addresses(out) == ["http://host/live/a.mp4", "http://host/live/b.mp4"])
        #expect(out.hasSuffix("#EXT-X-ENDLIST\n"))
        let single = """
            <MPD><Period><AdaptationSet><Representation mimeType="video/mp4"><BaseURL>a b".mp4</BaseURL>
            <SegmentBase indexRange="1-2"/></Representation></AdaptationSet></Period></MPD>
            """
        #expect(addresses(rewrite(single)) == ["http://host/live/a%20b%22.mp4"])
    }

    @Test(arguments: ["", "startNumber"]) func listsThatMoveGoOn(_ attribute: String) {
        let rewriter = RenditionRewriter(.standard)
        let first = { (start: Int) in
            let urls = (start..<(start + 3)).map { "<SegmentURL media=\"\($0).m4s\"/>" }.joined()
            let number = attribute.isEmpty ? "" : " \(attribute)=\"\(start)\""
            let text = """
                <MPD type="dynamic"><Period start="PT0S"><AdaptationSet mimeType="video/mp4">
                <Representation id="a"><SegmentList duration="2"\(number)>\(urls)</SegmentList>
                </Representation></AdaptationSet></Period></MPD>
                """
            return lines(rewrite(text, with: rewriter), "#EXT-X-MEDIA-SEQUENCE:").first
        }
        #expect(first(7) == "#EXT-X-MEDIA-SEQUENCE:1000000")
        #expect(first(9) == "#EXT-X-MEDIA-SEQUENCE:1000002")
    }

    @Test func aPeriodWithAnotherInitializationEndsTheConnection() {
        let next = """
            <Period start="PT8S"><AdaptationSet mimeType="video/mp4"><SegmentTemplate timescale="1"
            duration="2" media="n-$Number$" initialization="next"/><Representation id="n" height="480"
            width="640"/></AdaptationSet></Period>
            """
        let rewriter = RenditionRewriter(.standard)
        let before = live("<S t=\"0\" d=\"2000\" r=\"1\"/>", more: next)
        #expect(!rewrite(before, with: rewriter, now: 4).contains("ENDLIST"))
        let after = live("<S t=\"0\" d=\"2000\" r=\"3\"/>", more: next)
        let out = rewrite(after, with: rewriter, now: 14)
        #expect(out.hasSuffix("c-m-6000.m4s\n#EXT-X-ENDLIST\n"))
        #expect(addresses(out).count == 4)
        // The next connection begins with the new Period.
        #expect(
            addresses(rewrite(after, now: 14)) == ["http://host/live/n-1", "http://host/live/n-2"])
        // One with the same goes on.
        let same = live("<S t=\"0\" d=\"2000\"/>").replacing("</Period></MPD>", with: "")
        let joined =
            same + "</Period><Period start=\"PT2S\">"
            + live("<S t=\"2000\" d=\"2000\"/>").split(separator: "start=\"PT0S\">")[1]
        #expect(addresses(rewrite(joined)).count == 2 && !rewrite(joined).contains("ENDLIST"))
    }

    @Test func theChoiceLooksAtAllThatIsSaid() {
        func pick(_ sets: String) -> [String] {
            addresses(
                rewrite(
                    "<MPD><Period duration=\"PT1S\"><SegmentTemplate duration=\"1\" "
                        + "media=\"$RepresentationID$\"/>\(sets)</Period></MPD>"))
        }
        let video = "<AdaptationSet mimeType=\"video/mp4\""
        let normal = "\(video)>\(representations())</AdaptationSet>"
        #expect(pick(normal) == ["http://host/live/m"])
        let trick = """
            \(video)><EssentialProperty schemeIdUri="http://dashif.org/guidelines/trickmode"/>
            <Representation id="t" height="240" width="320"/></AdaptationSet>
            """
        #expect(pick(trick + normal) == ["http://host/live/m"])
        let sealed = """
            \(video)><ContentProtection/><Representation id="e" height="300" width="400"/></AdaptationSet>
            """
        #expect(pick(sealed + normal) == ["http://host/live/m"])
        #expect(pick(sealed) == ["http://host/live/e"])
        let inherited = """
            \(video) height="300" width="400" codecs="vvc1.1"><Representation id="v"/></AdaptationSet>
            \(video) height="400" width="500" codecs="avc1.4"><Representation id="h"/></AdaptationSet>
            """
        #expect(pick(inherited) == ["http://host/live/h"])
        #expect(
            pick("<AdaptationSet mimeType=\"audio/mp4\"><Representation id=\"a\"/></AdaptationSet>")
                .isEmpty)
    }

    @Test(arguments: [
        "<!DOCTYPE MPD [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><MPD><Period>&a;</Period></MPD>",
        "<MPD><Period>", "<MPD/>", "<MPD xmlns:x=\"y\"><x:Period/></MPD>",
        "<?xml version=\"1.0\" encoding=\"none\"?><MPD></MPD>",
    ])
    func whatIsRefusedNamesNothing(_ text: String) {
        #expect(addresses(rewrite(text)).isEmpty)
    }

    @Test func hostileNumbersAreBounded() {
        let big = "9007199254740990"
        for entries in [
            "<S t=\"\(big)\" d=\"\(big)\" r=\"\(big)\"/>", "<S d=\"1\" r=\"\(big)\"/>",
            "<S d=\"0\"/>", "<S d=\"-5\" r=\"-1\"/>", "<S t=\"-\(big)\" d=\"1\" r=\"-1\"/>",
            "<S d=\"274877906944\" r=\"4194303\"/>", "<S d=\"1\" r=\"-1\"/><S t=\"-9\" d=\"1\"/>",
            String(repeating: "<S d=\"274877906944\" r=\"4194303\"/>", count: 100),
        ] {
            #expect(addresses(rewrite(live(entries), now: 1e12)).count <= 64)
        }
        let deep = String(repeating: "<a>", count: 100_000)
        #expect(addresses(rewrite("<MPD>" + deep)).isEmpty)
        let wide = "<MPD>" + String(repeating: "<Period/>", count: 100_000) + "</MPD>"
        #expect(addresses(rewrite(wide)).isEmpty)
        // Attributes without end: the library's time goes with their square.
        let many = (0..<300_000).map { " a\($0)=''" }.joined()
        #expect(rewrite("<MPD\(many)/>").isEmpty)
        let packed = (0..<250).map { _ in "<S\((0..<1800).map { " a\($0)=''" }.joined())/>" }
            .joined()
        #expect(addresses(rewrite(live("<S d=\"1\"/>" + packed))).isEmpty)
        let line = live("<S t=\"0\" d=\"1000\"/>").replacing("c-$", with: "c&#10;&quot;#EXT$")
        #expect(addresses(rewrite(line)) == ["http://host/live/c%0A%22#EXTm-0.m4s"])
        let wideNumber = live("<S t=\"0\" d=\"1000\"/>").replacing(
            "$Time$", with: "$Time%09999999d$")
        #expect(rewrite(wideNumber).utf8.count < 1000)
    }

    @Test func manifestsWithFlippedBytesAreSurvived() {
        var random = SeededGenerator(seed: 23_009)
        let whole = Array(live("<S t=\"4000\" d=\"2000\" r=\"5\"/>").utf8)
        for _ in 0..<3000 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: place)
                default: bytes.insert(UInt8.random(in: 0x22...0x3f, using: &random), at: place)
                }
            }
            let out = try? RenditionRewriter(.standard).rewritten(
                bytes, url: "http://h/x", now: 1e6, load: ListLoad(Interrupt(), seconds: 600))
            let text = String(decoding: out ?? [], as: UTF8.self)
            #expect(out == bytes || addresses(text).count <= 64)
        }
    }

    @Test func timesAreRead() {
        #expect(DASHTime.duration("PT1H2M3.5S") == 3723.5)
        #expect(DASHTime.duration("P1DT0S") == 86_400 && DASHTime.duration("PT0S") == 0)
        for text in ["", "1S", "PT", "PTS", "P1S", "PT1", "PT-1S", "PT1e9S", "PT9\u{663}S"] {
            #expect((DASHTime.duration(text) ?? 0) == 0, "\(text)")
        }
        #expect(DASHTime.date("1970-01-01T00:00:00Z") == 0)
        #expect(DASHTime.date("2026-03-01T12:30:15.25+02:00") == 1_772_361_015.25)
        #expect(DASHTime.date("2000-02-29T00:00:00") == 951_782_400)
        for text in ["", "now", "2026-13-01T00:00:00Z", "2026-01-01", "2026-01-01T99:00:00Z"] {
            #expect(DASHTime.date(text) == nil, "\(text)")
        }
    }
}

// The budgets of playlists and manifests: limits that would multiply, documents that cost much to read,
// and what is told of them. No test measures time: what ends a load is counted.

import Decode
import Testing

@Suite struct ListBudgetTests {
    /// A budget of all but processor time, which a busy machine would decide on.
    private static func patient() -> ListLoad { ListLoad(Interrupt(), seconds: 600) }

    private func rewritten(
        _ text: String, now: Double = 1e9, load: ListLoad = ListBudgetTests.patient()
    ) -> Result<String, DecodeError> {
        do throws(DecodeError) {
            let bytes = try RenditionRewriter(.standard).rewritten(
                Array(text.utf8), url: "http://host/live/x.mpd", now: now, load: load)
            return .success(String(decoding: bytes, as: UTF8.self))
        } catch {
            return .failure(error)
        }
    }

    private func reason(_ text: String) -> String {
        switch rewritten(text) {
        case .success(let list): "read: \(list.prefix(200))"
        case .failure(let error): error.message
        }
    }

    private func segments(_ text: String) -> Int {
        guard case .success(let list) = rewritten(text) else { return -1 }
        return list.split(separator: "\n").count { !$0.hasPrefix("#") }
    }

    // MARK: - Manifests

    /// Periods of so many seconds, two for each segment, each with a name of so many bytes.
    private func manifest(
        periods: Int, seconds: Int, name: Int = 1, type: String = "static", base: String = ""
    ) -> String {
        let all = (0..<periods).map { index in
            """
            <Period id="p\(index)" start="PT\(index * seconds)S" duration="PT\(seconds)S">\(base)
            <AdaptationSet mimeType="video/mp4">\(base)<SegmentTemplate duration="2"
            media="\(String(repeating: "a", count: name))$Number$" initialization="i"/>
            <Representation id="r" width="640" height="360">\(base)</Representation>
            </AdaptationSet></Period>
            """
        }
        return """
            <MPD type="\(type)" availabilityStartTime="1970-01-01T00:00:00Z">\(base)
            \(all.joined())</MPD>
            """
    }

    @Test func segmentsOfAllPeriodsAreCountedTogether() {
        #expect(segments(manifest(periods: 2, seconds: 20_000)) == 20_000)
        #expect(segments(manifest(periods: 5, seconds: 20_000)) == 50_000)
        for periods in [6, 64] {
            let reason = reason(manifest(periods: periods, seconds: 20_000))
            #expect(reason == "the manifest names more than 50000 segments")
        }
        #expect(reason(manifest(periods: 1, seconds: 900_000_000)).contains("50000 segments"))
    }

    @Test func bytesOfAllPeriodsAreCountedTogether() {
        #expect(segments(manifest(periods: 4, seconds: 2000, name: 800)) == 4000)
        for periods in [6, 64] {
            let reason = reason(manifest(periods: periods, seconds: 2000, name: 800))
            #expect(reason == "the manifest's addresses take more than 4 MiB in all")
        }
    }

    @Test func ofALiveManifestTheNewestAreKept() throws {
        let text = manifest(periods: 64, seconds: 20_000, name: 200, type: "dynamic")
        let list = try rewritten(text).get()
        let names = list.split(separator: "\n").filter { !$0.hasPrefix("#") }
        #expect(names.count == 64 && names.last?.hasSuffix("a10000") == true)
    }

    @Test func baseAddressesOfEachLevelCannotGrowWithoutEnd() {
        let base = "<BaseURL>\(String(repeating: "b", count: 1500))/</BaseURL>"
        let reason = reason(manifest(periods: 1, seconds: 20, base: base))
        #expect(reason == "the manifest names addresses of more than 4000 bytes")
        #expect(segments(manifest(periods: 1, seconds: 20, base: "<BaseURL>b/</BaseURL>")) == 10)
    }

    private func timeline(_ entries: String, type: String = "static", id: String = "r") -> String {
        """
        <MPD type="\(type)" availabilityStartTime="1970-01-01T00:00:00Z"
        mediaPresentationDuration="PT2000000S"><Period><AdaptationSet mimeType="video/mp4">
        <SegmentTemplate media="$RepresentationID$-$Number%09999d$-$Time$"><SegmentTimeline>\(entries)
        </SegmentTimeline></SegmentTemplate><Representation id="\(id)"/></AdaptationSet></Period></MPD>
        """
    }

    @Test func timelinesThatRepeatAreCounted() {
        #expect(segments(timeline("<S t=\"0\" d=\"2\" r=\"49999\"/>")) == 50_000)
        for entries in [
            "<S t=\"0\" d=\"2\" r=\"50000\"/>", "<S t=\"0\" d=\"1\" r=\"-1\"/>",
            "<S t=\"0\" d=\"1\" r=\"9007199254740990\"/>",
            String(repeating: "<S d=\"274877906944\" r=\"4194303\"/>", count: 1000),
        ] {
            #expect(reason(timeline(entries)) == "the manifest names more than 50000 segments")
            #expect(segments(timeline(entries, type: "dynamic")) == 64)
        }
        // A width that nobody has, and an identifier as long as an attribute may be.
        let one = "<S t=\"0\" d=\"2\"/>"
        #expect(segments(timeline(one)) == 1)
        let long = timeline(one, id: String(repeating: "i", count: 3999))
        #expect(reason(long) == "the manifest names addresses of more than 4000 bytes")
    }

    @Test func listsAreCounted() {
        func list(_ count: Int, base: String, _ entry: String) -> String {
            """
            <MPD><Period><BaseURL>\(base)</BaseURL><AdaptationSet mimeType="video/mp4"><Representation>
            <SegmentList duration="2">\(String(repeating: entry, count: count))</SegmentList>
            </Representation></AdaptationSet></Period></MPD>
            """
        }
        #expect(segments(list(50_000, base: "b", "<SegmentURL media=\"a\"/>")) == 50_000)
        #expect(reason(list(50_001, base: "b", "<SegmentURL media=\"a\"/>")).contains("50000 seg"))
        // Each is the whole base address.
        let base = String(repeating: "b", count: 3900)
        #expect(reason(list(2000, base: base, "<SegmentURL/>")).contains("more than 4 MiB"))
    }

    @Test func elementsAttributesAndDepthAreBounded() {
        let wide = "<MPD>" + String(repeating: "<Period/>", count: 100_001) + "</MPD>"
        #expect(reason(wide) == "the manifest has more than 100000 elements")
        // Those that are not looked at count as well.
        let others = "<MPD>" + String(repeating: "<x/>", count: 100_001) + "</MPD>"
        #expect(reason(others) == "the manifest has more than 100000 elements")
        let many = (0..<300).map { " a\($0)=''" }.joined()
        let names = (0..<300).map { " xmlns:a\($0)='u'" }.joined()
        for attributes in [many, names] {
            #expect(reason("<MPD><S\(attributes)/></MPD>").contains("more than 256 attributes"))
        }
        let nested = (0..<4).map { level in
            "<a\((0..<100).map { " xmlns:n\(level)x\($0)='u'" }.joined())>"
        }
        #expect(reason("<MPD>" + nested.joined()).contains("more than 256 attributes"))
        let long = "<MPD><BaseURL>" + String(repeating: "a", count: 20_000) + "</BaseURL></MPD>"
        #expect(reason(long).contains("more than 16384 bytes"))
        #expect(rewritten("<MPD>" + String(repeating: "<a>", count: 100_000)) == .success(""))
        let type = "<!DOCTYPE MPD [<!ENTITY a \"aaaa\">]><MPD><BaseURL>&a;</BaseURL></MPD>"
        #expect(reason(type) == "the manifest has a document type")
        #expect(rewritten("<MPD><BaseURL>&a;</BaseURL></MPD>") == .success(""))
    }

    @Test func escapesOfAttributesAndTextAreRead() throws {
        let text = """
            <MPD><BaseURL> http://h/<![CDATA[a&]]>b&amp;c/ </BaseURL><Period><AdaptationSet
            mimeType="video/mp4"><Representation id="&#x72;"><SegmentTemplate duration="2"
            media="m?a=1&amp;b=2&#38;&lt;$RepresentationID$"/></Representation></AdaptationSet>
            </Period></MPD>
            """
        let list = try rewritten(text.replacing("<Period>", with: "<Period duration=\"PT2S\">"))
            .get()
        #expect(list.contains("\nhttp://h/a&b&c/m?a=1&b=2&<r\n"), "\(list)")
    }

    // MARK: - The interrupt and the processor's time

    @Test func anInterruptEndsALoad() {
        let interrupt = Interrupt()
        interrupt.cancel()
        let texts = [
            manifest(periods: 2, seconds: 20_000),
            timeline(String(repeating: "<S d='2'/>", count: 9999)),
            "#EXTM3U\n" + String(repeating: "#EXT-X-STREAM-INF:\na\n", count: 5000),
        ]
        for text in texts {
            guard case .failure(let error) = rewritten(text, load: ListLoad(interrupt)) else {
                Issue.record("not ended: \(text.prefix(100))")
                continue
            }
            #expect(error.code == .cancelled)
        }
        #expect(throws: DecodeError.self) {
            try MediaPlaylist(
                Array(media(5000).utf8), url: "http://h/x", load: ListLoad(interrupt))
        }
    }

    @Test func processorTimeEndsALoad() {
        let load = ListLoad(Interrupt(), seconds: 0)
        guard
            case .failure(let error) = rewritten(manifest(periods: 1, seconds: 20_000), load: load)
        else {
            Issue.record("not ended")
            return
        }
        #expect(error.code == .refused && error.message.contains("processor time"))
    }

    @Test func processorTimeIsForAMinuteAndNotForALife() {
        var budget = ProcessorBudget(perMinute: 1)
        let first = budget.wait(now: 0)
        budget.spend(0.9)
        let second = budget.wait(now: 0)
        // More than there was: one that is long is paid for afterwards.
        budget.spend(0.6)
        let waits = [0, 15, 31].map { budget.wait(now: $0).rounded() }
        #expect(first == 0 && second == 0 && waits == [30, 15, 0])
        // Time that was not used is not kept for later.
        budget.spend(0.5)
        let later = [10_000, 10_000].map { now in
            budget.spend(1.2)
            return budget.wait(now: now).rounded()
        }
        #expect(later == [0, 12], "\(later)")
    }

    @Test func theBudgetOfAnInputSaysWhyItRefuses() throws {
        let budget = ListBudget(perMinute: 0)
        let error = #expect(throws: DecodeError.self) { try budget.wait(now: 0) }
        #expect(error?.code == .refused)
        #expect(error?.message.contains("s of processor time a minute") == true)
    }

    // MARK: - Media playlists

    private func media(_ count: Int, from first: Int = 0, end: String = "") -> String {
        "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:\(first)\n"
            + (0..<count).map { "#EXTINF:2,\n\(first + $0).ts\n" }.joined() + end
    }

    private func served(_ text: String, isLive: Bool = false) throws -> String {
        var list = try MediaPlaylist(
            Array(text.utf8), url: "http://h/x.m3u8", load: Self.patient())
        return String(
            decoding: try list.served(Array(text.utf8), isLive: isLive), as: UTF8.self)
    }

    private func lines(_ text: String, _ prefix: String) -> [String] {
        text.split(separator: "\n").filter { $0.hasPrefix(prefix) }.map(String.init)
    }

    @Test func ordinaryListsPassUnchanged() throws {
        for text in [
            media(6), media(256), media(4000, end: "#EXT-X-ENDLIST\n"), "#EXTM3U\n",
            "#EXTM3U\r\n#EXTINF:2.5,title,-1\r\n#EXT-X-BYTERANGE:5@0\r\na\r\n#EXTINF: 3.\r\nb",
            "#EXTM3U\n#EXTINF:.5\na\n#EXTINF:,\nb\n#EXTINF:10 tvg=\"1e9\",\nc\n",
        ] { #expect(try served(text) == text) }
    }

    @Test func ofALongListThatGoesOnTheNewestPartIsServed() throws {
        let list = try served(media(5000, from: 7))
        #expect(lines(list, "#EXT-X-MEDIA-SEQUENCE") == ["#EXT-X-MEDIA-SEQUENCE:4751"])
        #expect(lines(list, "#EXT-X-TARGETDURATION") == ["#EXT-X-TARGETDURATION:2"])
        let names = list.split(separator: "\n").filter { !$0.hasPrefix("#") }
        #expect(names.map(String.init) == (4751..<5007).map { "\($0).ts" })
        // It ends while it is watched.
        let over = media(5000, from: 7, end: "#EXT-X-ENDLIST\n")
        #expect(try served(over) == over)
        #expect(try served(over, isLive: true) == list + "#EXT-X-ENDLIST\n")
    }

    @Test func whatHoldsForTheNewestPartGoesWithIt() throws {
        var text = "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-KEY:METHOD=AES-128,URI=\"a\"\n"
        text += "#EXT-X-MAP:URI=\"i\"\n#EXT-X-KEY:METHOD=AES-128,URI=\"b\"\n"
        for index in 0..<600 {
            if index == 590 { text += "#EXT-X-KEY:METHOD=NONE\n#EXT-X-MAP:URI=\"j\"\n" }
            text += "#EXTINF:2,\n#EXT-X-BYTERANGE:100\(index == 0 ? "@50" : "")\nall.mp4\n"
        }
        let list = try served(text)
        #expect(
            list.hasPrefix(
                """
                #EXTM3U
                #EXT-X-VERSION:7
                #EXT-X-MEDIA-SEQUENCE:344
                #EXT-X-KEY:METHOD=AES-128,URI="a"
                #EXT-X-MAP:URI="i"
                #EXT-X-KEY:METHOD=AES-128,URI="b"
                #EXTINF:2,
                #EXT-X-BYTERANGE:100@34450
                all.mp4
                """))
        #expect(lines(list, "#EXT-X-KEY").count == 3 && lines(list, "#EXT-X-MAP").count == 2)
    }

    @Test func numbersThatNoListHasAreTakenOut() throws {
        for number in ["1e308", "nan", "-1", "inf", "123456789", "0x10", "1.5e300", "abc"] {
            let list = try served("#EXTM3U\n#EXTINF:\(number),\na\n")
            let mended = "1" + String(repeating: " ", count: number.count - 1)
            #expect(list == "#EXTM3U\n#EXTINF:\(mended),\na\n", "\(number)")
        }
        for range in ["99999999999999999999@0", "5@9999999999999999", "-5@3", "x", "5@-1"] {
            let list = try served("#EXTM3U\n#EXTINF:2,\n#EXT-X-BYTERANGE:\(range)\na\n")
            #expect(list == "#EXTM3U\n#EXTINF:2,\n#xXT-X-BYTERANGE:\(range)\na\n", "\(range)")
        }
        for first in ["9223372036854775807", "18446744073709551615", "99999999999999999999", "-1"] {
            let text = media(300).replacing("SEQUENCE:0", with: "SEQUENCE:\(first)")
            #expect(lines(try served(text), "#EXT-X-MEDIA-SEQUENCE").count == 1)
        }
        // A list of nothing else is no list.
        let many = String(repeating: "#EXTINF:nan,\na\n", count: 60_000)
        #expect(throws: DecodeError.self) { try served("#EXTM3U\n" + many) }
    }

    @Test func floodsAreRefusedOrTakenOut() throws {
        let lines = "#EXTM3U\n" + String(repeating: "\n", count: 500_001)
        #expect(throws: DecodeError.self) { try served(lines) }
        let keys = String(repeating: "#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n", count: 10_000)
        let maps = String(repeating: "#EXT-X-MAP:URI=\"i\"\n", count: 10_000)
        #expect(try served("#EXTM3U\n\(keys)\(maps)#EXTINF:2,\na\n").utf8.count < 300)
        let over = "#EXTM3U\n\(keys)\(maps)#EXTINF:2,\na\n#EXT-X-ENDLIST\n"
        #expect(throws: DecodeError.self) { try served(over) }
        let long = media(50_001, end: "#EXT-X-ENDLIST\n")
        let error = #expect(throws: DecodeError.self) { try served(long) }
        #expect(error?.message == "a playlist names more than 50000 segments")
        let jumps = String(repeating: "#EXT-X-DISCONTINUITY\n", count: 100_000)
        #expect(try served("#EXTM3U\n\(jumps)#EXTINF:2,\na\n").utf8.count > 100_000)
    }

    /// The library keeps each address whole.
    @Test func addressesCountAsLongAsTheyBecome() throws {
        let text = Array(media(10_000, end: "#EXT-X-ENDLIST\n").utf8)
        func held(_ url: String) throws -> Int {
            try MediaPlaylist(text, url: url, load: Self.patient()).held
        }
        let folder = String(repeating: "b", count: 3900)
        #expect(try held("http://h/x.m3u8") < 2 << 20)
        #expect(try held("http://h/\(folder)/x.m3u8") > 10_000 * 3900)
        // What a query adds goes.
        #expect(try held("http://h/x.m3u8?\(folder)/\(folder)") < 2 << 20)
    }
}

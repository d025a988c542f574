// Masters with one variant left: which one, and that nothing a stranger writes does more than that.

import Decode
import TestSupport
import Testing

@Suite struct RenditionTests {
    private static let variants = [
        "BANDWIDTH=4000000,RESOLUTION=1920x1080,CODECS=\"avc1.640028,mp4a.40.2\"",
        "BANDWIDTH=200000,RESOLUTION=256x144,CODECS=\"avc1.42c00b,mp4a.40.2\"",
        "BANDWIDTH=900000,RESOLUTION=640x360,CODECS=\"avc1.42c01e,mp4a.40.2\"",
        "BANDWIDTH=700000,RESOLUTION=640x360,CODECS=\"avc1.42c01e,mp4a.40.2\"",
        "BANDWIDTH=64000,CODECS=\"mp4a.40.2\"",
    ]

    private func master(_ attributes: [String], end: String = "\n") -> String {
        (["#EXTM3U"]
            + attributes.enumerated().flatMap { ["#EXT-X-STREAM-INF:\($1)", "v\($0).m3u8"] })
            .map { $0 + end }.joined()
    }

    private func rewrite(
        _ text: String, _ choice: RenditionChoice = .standard, attempt: Int = 0
    ) -> String {
        let rewriter = RenditionRewriter(choice, attempt: attempt)
        let bytes = try? rewriter.rewritten(
            Array(text.utf8), url: "http://host/master.m3u8",
            load: ListLoad(Interrupt(), seconds: 600))
        return String(decoding: bytes ?? [], as: UTF8.self)
    }

    private func addresses(_ text: String) -> [String] {
        text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map(String.init)
    }

    private func chosen(
        _ attributes: [String], _ choice: RenditionChoice = .standard, attempt: Int = 0
    ) -> [String] {
        addresses(rewrite(master(attributes), choice, attempt: attempt))
    }

    @Test func theChoiceIsAsAskedFor() {
        #expect(chosen(Self.variants) == ["v3.m3u8"])
        #expect(chosen(Self.variants, .smallest(atLeastLines: 100)) == ["v1.m3u8"])
        #expect(chosen(Self.variants, .smallest(atLeastLines: 361)) == ["v0.m3u8"])
        #expect(chosen(Self.variants, .smallest(atLeastLines: 5000)) == ["v0.m3u8"])
        #expect(chosen(Self.variants, .first) == ["v0.m3u8"])
        #expect(chosen(Self.variants, .largest) == ["v0.m3u8"])
    }

    @Test(arguments: [
        // The shorter side counts: the first stands upright.
        (["BANDWIDTH=9,RESOLUTION=180x320", "BANDWIDTH=8,RESOLUTION=360x640"], 1),
        // A size that is known goes before one that is not.
        (["BANDWIDTH=300000", "BANDWIDTH=800000,RESOLUTION=640x360"], 1),
        // One that is known to be too small goes after.
        (["BANDWIDTH=200000,RESOLUTION=256x144", "BANDWIDTH=800000"], 1),
        // What says nothing and takes next to nothing is likely sound.
        (["BANDWIDTH=64000", "BANDWIDTH=800000", "BANDWIDTH=1800000"], 1),
        (["BANDWIDTH=64000,CODECS=\"avc1.42c00b\"", "BANDWIDTH=800000"], 0),
        // The average counts where it is told.
        (["BANDWIDTH=900000", "BANDWIDTH=990000,AVERAGE-BANDWIDTH=500000"], 1),
        // Commas and names in quotes.
        (["NAME=\"x,RESOLUTION=640x360\",BANDWIDTH=1,RESOLUTION=16x16", "RESOLUTION=640x360"], 1),
        // Codecs without a decoder here, and those that nobody knows.
        (["RESOLUTION=640x360,CODECS=\"vvc1.1.L51\"", "RESOLUTION=1280x720,CODECS=\"avc1.4\""], 1),
        (["RESOLUTION=640x360,CODECS=\"mp4a.40.2, hev1.1\"", "RESOLUTION=1280x720"], 0),
        // Numbers that are none.
        (
            [
                "RESOLUTION=640x,BANDWIDTH=x", "RESOLUTION=99999999999999999999x1",
                "RESOLUTION=640x360",
            ], 2
        ),
    ])
    func whatIsSaidDecides(_ attributes: [String], _ expected: Int) {
        #expect(chosen(attributes) == ["v\(expected).m3u8"])
    }

    @Test func oneRemainsHoweverBadAllAre() {
        #expect(chosen(["CODECS=\"mp4a.40.2\"", "CODECS=\"ec-3\""]).count == 1)
        #expect(chosen(["CODECS=\"mp4a.40.2\"", "CODECS=\"zzzz\""]) == ["v1.m3u8"])
    }

    @Test func backupsTakeTurns() {
        let twice = Array(repeating: Self.variants[2], count: 3) + [Self.variants[0]]
        let taken = (0..<6).flatMap { chosen(twice, attempt: $0) }
        #expect(taken == [0, 1, 2, 3, 1, 2].map { "v\($0).m3u8" }, "each fourth is another")
        #expect(chosen(twice, attempt: .min).count == 1)
        // Sound is no other rendition.
        #expect(chosen([Self.variants[2], Self.variants[4]], attempt: 3) == ["v0.m3u8"])
    }

    @Test func onlyWhatTheVariantNeedsStays() {
        let text = """
            \u{feff}#EXTM3U\r
            #EXT-X-VERSION:6\r
            # a comment\r
            #EXT-X-INDEPENDENT-SEGMENTS\r
            #EXT-X-SESSION-KEY:METHOD=AES-128,URI="k"\r
            #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="en",URI="audio.m3u8"\r
            #EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,RESOLUTION=640x360,URI="i.m3u8"\r
            #EXT-X-STREAM-INF:BANDWIDTH=700000,RESOLUTION=640x360,AUDIO="a"\r
            \r
            # another comment\r
            small.m3u8?a=b&c\r
            #EXT-X-STREAM-INF:BANDWIDTH=900000,RESOLUTION=1280x720,AUDIO="a"\r
            large.m3u8
            """
        #expect(
            rewrite(text) == """
                #EXTM3U
                #EXT-X-VERSION:6
                #EXT-X-INDEPENDENT-SEGMENTS
                #EXT-X-SESSION-KEY:METHOD=AES-128,URI="k"
                #EXT-X-STREAM-INF:BANDWIDTH=700000,RESOLUTION=640x360,AUDIO="a"
                small.m3u8?a=b&c

                """)
    }

    @Test(arguments: [
        "", "#EXTM3U", "#EXTM3U\r\n#EXT-X-TARGETDURATION:2\r\n#EXTINF:2,\r\na.ts\r\n",
        "\u{feff}#EXTM3U\n#EXTINF:2,#EXT-X-STREAM-INF:\na.ts", "#EXT-X-STREAM-INF:\na.m3u8", "<",
        "\u{0}\u{1}\u{ff}", "<html><body>MPD</body></html>",
    ])
    func otherTextsPassUnchanged(_ text: String) { #expect(rewrite(text) == text) }

    @Test(arguments: ["BANDWIDTH", "AVERAGE-BANDWIDTH", "RESOLUTION"])
    func numbersWithoutSenseAreNone(_ name: String) {
        for number in [Int.min, .min + 1, .max, -1] {
            let value = name == "RESOLUTION" ? "\(number)x\(number)" : "\(number)"
            #expect(chosen(["\(name)=\(value)", "RESOLUTION=640x360"]).count == 1)
        }
    }

    @Test func hostileLinesAreBounded() {
        let long = String(repeating: "x", count: 65_536)
        let text = master([
            "NAME=\"\(long)\",BANDWIDTH=5,RESOLUTION=640x360", "RESOLUTION=1280x720",
        ])
        #expect(rewrite(text) == "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=5\nv0.m3u8\n")
        // An address that the library would cut off is none.
        let cut = "#EXTM3U\n#EXT-X-STREAM-INF:RESOLUTION=640x360\n\(long)\n"
        #expect(rewrite(cut + "#EXT-X-STREAM-INF:RESOLUTION=1280x720\nb\n").hasSuffix("720\nb\n"))
        let many = Array(repeating: "BANDWIDTH=900000", count: 10_000) + ["RESOLUTION=426x240"]
        #expect(chosen(many) == ["v0.m3u8"])
        #expect(rewrite("#EXTM3U\n" + String(repeating: ",=\"", count: 100_000)).count > 100_000)
    }

    @Test func randomMastersKeepOneVariantOfTheirOwn() {
        var random = SeededGenerator(seed: 8216)
        let pieces = [
            "#EXT-X-STREAM-INF:", "BANDWIDTH=1", "RESOLUTION=640x360", ",", "\"", "=", "\n", "\r\n",
            "a.m3u8", "\n", "#", "#EXT-X-MEDIA:URI=\"b\"", "#EXTINF:1,\n", " ", "\t",
            "CODECS=\"avc1\"",
            "\u{0}", "9999999999999999999999", "-1", "x", "\u{10ffff}", "\n#EXT-X-STREAM-INF:",
            "v\n",
        ]
        for round in 0..<4000 {
            var text = "#EXTM3U\n"
            for _ in 0..<Int.random(in: 0..<60, using: &random) {
                text += pieces.randomElement(using: &random) ?? ""
            }
            let choice = [RenditionChoice.standard, .first, .largest][round % 3]
            let out = rewrite(text, choice)
            let tags = out.split(separator: "\n").filter { $0.hasPrefix("#EXT-X-STREAM-INF:") }
            if out != text {
                #expect(
                    tags.count == addresses(out).count && tags.count <= 1,
                    "\(text.debugDescription)")
                #expect(addresses(out).allSatisfy { text.contains($0) })
            }
            #expect(rewrite(out, choice) == out, "once is enough: \(text.debugDescription)")
        }
    }

    @Test func randomBytesAreSurvived() throws {
        var random = SeededGenerator(seed: 1)
        let starts = ["", "#EXTM3U\n", "#EXTM3U\n#EXT-X-STREAM-INF:", "<MPD>", "<?xml?><MPD "]
        for round in 0..<2000 {
            var bytes = Array((starts.randomElement(using: &random) ?? "").utf8)
            for _ in 0..<Int.random(in: 0..<400, using: &random) {
                bytes.append(UInt8.random(in: 0...255, using: &random))
            }
            let out = try RenditionRewriter(.standard).rewritten(
                bytes, url: "http://h/\(round)", load: ListLoad(Interrupt(), seconds: 600))
            #expect(out.count <= bytes.count + 100)
        }
    }

    @Test func wordsStandForChoices() {
        #expect(RenditionChoice(text: "smallest") == .standard)
        #expect(RenditionChoice(text: "smallest", atLeastLines: 9) == .smallest(atLeastLines: 9))
        #expect(RenditionChoice.words.allSatisfy { RenditionChoice(text: $0) != nil })
        #expect(RenditionChoice(text: "best") == nil)
    }
}

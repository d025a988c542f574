// `vigil explain`: that it decides as `vigil scan` does, tells each picture, and gives nothing
// away.

import Foundation
import FoundationXML
import Testing

@Suite struct ExplainTests {
    private let place: Workplace
    private let known: String

    init() throws {
        place = try Workplace()
        known = try place.known("film", media: Clips.film(), Clips.other())
    }

    private func explain(_ input: String, _ options: String...) throws -> Finished {
        try place.vigil(["explain", input, "--known", known] + options)
    }

    /// A mirrored copy with something else around it.
    private func mirrored() throws -> String {
        try Clips.make(
            "mirrored.mp4", "-i \(try Clips.film()) -vf hflip \(Clips.x264) -g 50 -crf 26")
    }

    /// Nothing that the set knows.
    private func unrelated() throws -> String {
        try Clips.make(
            "unrelated.mp4",
            "-f lavfi -i cellauto=s=320x240:r=25:rule=110:seed=7 -t 6 \(Clips.x264) -g 50")
    }

    /// A second of the film, between keyframes of something unknown: settled by a closer look.
    private func brief() throws -> String {
        let noise = "-f lavfi -i cellauto=s=320x240:r=25:rule=30:seed=3"
        return try Clips.make(
            "brief.mp4",
            "-t 31.8 \(noise) -i \(try Clips.film()) -t 30 \(noise) -filter_complex "
                + "[0:v]format=yuv420p,setsar=1[a];[1:v]trim=3:4.4,setpts=PTS-STARTPTS,setsar=1[b];"
                + "[2:v]format=yuv420p,setsar=1[c];[a][b][c]concat=n=3:v=1[o] -map [o] "
                + "\(Clips.x264) -g 50 -sc_threshold 0")
    }

    private func facts(_ alert: [String: Any]) -> String {
        let known = alert["known"] as? [String: String] ?? [:]
        let fields = [
            "input", "first_seen_s", "last_seen_s", "frames_matched", "known_share",
            "best_distance", "variant", "rule",
        ]
        return "\(known.sorted { $0.key < $1.key }) "
            + fields.map { "\(alert[$0] ?? "-")" }.joined(separator: " ")
    }

    @Test func decidesAsScanDoes() throws {
        let inputs = [try Clips.film(), try mirrored(), try unrelated(), try brief()]
        var (closerLooks, alerts) = (0, 0)
        for input in inputs {
            for options in [[], ["--effort", "thorough"], ["--sample", "1", "--effort", "fast"]] {
                let scan = try place.vigil(
                    ["scan", input, "--known", known, "--format", "jsonl", "--no-progress"]
                        + options)
                let explained = try place.vigil(
                    ["explain", input, "--known", known, "--format", "jsonl"] + options)
                #expect(explained.status == scan.status, "\(input) \(options)")
                let expected = scan.objects(ofType: "alert").map(facts)
                #expect(explained.objects(ofType: "alert").map(facts) == expected)
                let frames = explained.objects(ofType: "frame")
                let result = try #require(scan.objects(ofType: "input").first)
                #expect(frames.count == result["frames_sampled"] as? Int)
                closerLooks += frames.filter { $0["closer_look"] as? Bool == true }.count
                alerts += expected.count
            }
        }
        #expect(closerLooks > 0 && alerts >= 4)
    }

    @Test func jsonLinesTellEachPictureAndTheVerdictLast() throws {
        let result = try explain(try mirrored(), "--format", "jsonl")
        #expect(result.status == 1 && result.error.isEmpty, "\(result.error)")
        let types = result.objects.compactMap { $0["type"] as? String }
        #expect(types.last == "verdict" && types.filter { $0 == "verdict" }.count == 1)
        let frames = result.objects(ofType: "frame")
        let fields = [
            "media_s", "track", "closer_look", "quality", "usable", "low_structure", "regions",
            "probes", "evidence", "opened", "width_px", "height_px",
        ]
        for frame in frames { #expect(Set(fields).isSubset(of: frame.keys), "\(frame)") }
        let nearest = try #require(frames.last?["nearest"] as? [String: Any])
        #expect((nearest["known"] as? [String: String])?["item"] == "film")
        #expect(nearest["variant"] as? String == "flipY")
        #expect((nearest["distance_bits"] as? Int).map { $0 <= 31 } == true)
        let evidence = frames.compactMap { frame in
            (frame["evidence"] as? [[String: Any]])?.first?["evidence_bits"] as? Double
        }
        #expect(evidence.count == frames.count && evidence.max() ?? 0 > 30)
        let opened = frames.flatMap { $0["opened"] as? [[String: Any]] ?? [] }
        #expect(opened.count == 1)
        #expect(
            opened.first?["alert_id"] as? String
                == result.objects(ofType: "alert").first?["alert_id"] as? String)
        let verdict = try #require(result.objects.last)
        #expect(verdict["matched"] as? Bool == true && verdict["alerts"] as? Int == 1)
        let text = (verdict["text"] as? [String] ?? []).joined(separator: "\n")
        #expect(text.contains("matched film/film by rule video_frames"), "\(text)")
    }

    @Test func whatDoesNotMatchIsTold() throws {
        let result = try explain(try unrelated())
        #expect(result.status == 0 && result.error.isEmpty, "\(result.output)\(result.error)")
        #expect(result.output.contains("nothing matched: nearest was film/"), "\(result.output)")
        #expect(result.output.contains("--effort thorough"))
        let fast = try explain(try mirrored(), "--effort", "fast")
        #expect(fast.status == 0 && fast.output.contains("--effort standard"), "\(fast.output)")
        #expect(try explain(try mirrored(), "--effort", "standard").status == 1)
    }

    @Test func oneItemCanBeAskedFor() throws {
        let own = try explain(try mirrored(), "--item", "film/film")
        #expect(own.status == 1 && own.output.contains("matched film/film"), "\(own.output)")
        let other = try explain(try mirrored(), "--item", "other", "--format", "jsonl")
        #expect(other.status == 0 && other.objects(ofType: "alert").isEmpty)
        for frame in other.objects(ofType: "frame") {
            let nearest = frame["nearest"] as? [String: Any]
            #expect((nearest?["known"] as? [String: String])?["item"] == "other")
        }
        #expect(other.objects.last?["alerts_on_others"] as? Int == 1)
        let unknown = try explain(try mirrored(), "--item", "nothing")
        #expect(unknown.status == 64 && unknown.error.contains("nothing"))
    }

    @Test func exitCodesAreThoseOfScan() throws {
        let broken = try place.write("broken.mp4", Data("not a video".utf8))
        let failed = try explain(broken)
        #expect(failed.status == 2 && failed.output.contains("failed"), "\(failed.output)")
        #expect(try explain(place.file("absent.mp4")).status == 2)
        #expect(try explain(place.path).status == 64)
        #expect(try place.vigil("explain", broken).status == 64)
        #expect(try explain(try mirrored(), "--format", "xml").status == 64)
        #expect(try explain(try mirrored(), "--with-pictures").status == 64)
    }

    @Test func nothingIsRecordedAndNothingWrittenOver() throws {
        let input = place.file("copy.mp4")
        try FileManager.default.copyItem(atPath: try mirrored(), toPath: input)
        let before = try Data(contentsOf: URL(filePath: input))
        #expect(try explain(input, "--output", input).status == 64)
        #expect(try explain(input, "--output", known).status == 64)
        #expect(try Data(contentsOf: URL(filePath: input)) == before)
        let out = place.file("why.txt")
        let result = try explain(input, "--output", out)
        #expect(result.status == 1 && result.output.isEmpty, "\(result.error)")
        let text = try String(contentsOfFile: out, encoding: .utf8)
        #expect(text.contains("matched film/film"))
        let mode = try FileManager.default.attributesOfItem(atPath: out)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        #expect(!FileManager.default.fileExists(atPath: place.file("state")))
        let left = try FileManager.default.contentsOfDirectory(atPath: place.path)
        #expect(left.filter { $0.hasPrefix("why.txt") } == ["why.txt"])
        #expect(try explain(input, "--output", place.file("no/such/why.txt")).status == 2)
    }

    // MARK: - The page

    /// Names of the elements of a page that is well-formed XML, and the values of what they refer to.
    private func parse(_ page: String) throws -> PageFacts {
        let facts = PageFacts()
        let parser = XMLParser(data: Data(page.utf8))
        parser.delegate = facts
        let isWellFormed = parser.parse()
        try #require(isWellFormed, "\(String(describing: parser.parserError)) \(parser.lineNumber)")
        return facts
    }

    @Test func pageIsWellFormedAndNeedsNothing() throws {
        for input in [try mirrored(), try unrelated(), try brief()] {
            let out = place.file("why.html")
            let result = try explain(input, "--format", "html", "--output", out)
            #expect(result.output.isEmpty && result.error.isEmpty)
            let page = try String(contentsOfFile: out, encoding: .utf8)
            let facts = try parse(page)
            #expect(facts.count("svg") > 3 && facts.count("table") == 1 && facts.count("title") > 3)
            #expect(facts.count("th") > 10 && facts.count("desc") == 1)
            #expect(facts.count("tr") > 3 && facts.count("polyline") >= 1)
            #expect(facts.references.isEmpty, "\(facts.references)")
            for element in ["script", "link", "img", "iframe", "object", "a", "use", "image"] {
                #expect(facts.count(element) == 0, "\(element)")
            }
            for text in ["http:", "https:", "url(", "@import", "data:image"] {
                #expect(!page.contains(text), "\(text)")
            }
        }
    }

    @Test func pageShowsAlertsAndCloserLooks() throws {
        let page = try explain(try brief(), "--format", "html")
        #expect(page.status == 1)
        let facts = try parse(page.output)
        #expect(facts.classes.contains("band") && facts.classes.contains("alert"))
        #expect(facts.classes.contains("opened") && facts.classes.contains("evidence e0 closer"))
        #expect(page.output.contains("(a closer look) with"), "\(page.output.prefix(3000))")
    }

    @Test func picturesAreShownOnlyWhereAskedFor() throws {
        let page = try explain(try mirrored(), "--format", "html", "--with-pictures")
        let facts = try parse(page.output)
        #expect(facts.count("img") > 3 && facts.count("img") == facts.references.count)
        #expect(page.output.contains("This page holds pictures of the input"))
        for reference in facts.references {
            let prefix = "data:image/bmp;base64,"
            #expect(reference.hasPrefix(prefix))
            let bytes = [UInt8](
                try #require(Data(base64Encoded: String(reference.dropFirst(prefix.count)))))
            let sizes = [2, 18, 22].map { start in
                (0..<4).reduce(0) { $0 | Int(bytes[start + $1]) << (8 * $1) }
            }
            #expect(Array(bytes.prefix(2)) == Array("BM".utf8) && sizes[0] == bytes.count)
            #expect(max(sizes[1], sizes[2]) <= 160 && min(sizes[1], sizes[2]) > 0)
        }
        let fast = try explain(
            try mirrored(), "--format", "html", "--with-pictures", "--effort", "fast")
        #expect(fast.status == 64 && fast.error.contains("standard"))
    }

    @Test func signsAreEscapedWhateverJoinsThem() throws {
        // A letter that joins what follows it, and an accent that joins what it follows: with
        // either, `<` is a part of another character.
        let name = "\u{d4e}<meta http-equiv=refresh content=0>\u{d4e}\"<\u{301}b>\u{301}&.mp4"
        let input = place.file(name)
        try FileManager.default.copyItem(atPath: try Clips.film(), toPath: input)
        let set = try place.known("plain", media: try Clips.film())
        let page = try place.vigil("explain", input, "--known", set, "--format", "html")
        #expect(page.status == 1, "\(page.error)")
        let facts = try parse(page.output)
        #expect(facts.count("b") == 0)
        let bytes = Data(page.output.utf8)
        for raw in ["<meta http-equiv=refresh", "<\u{301}b", "\u{d4e}\"<"] {
            #expect(bytes.firstRange(of: Data(raw.utf8)) == nil, "\(raw)")
        }
        #expect(bytes.firstRange(of: Data("\u{d4e}&lt;meta".utf8)) != nil)
    }

    @Test func namesFromOutsideAreEscaped() throws {
        let name = "<script>alert(1)<\u{202e}&\"'.mp4"
        let input = place.file(name)
        try FileManager.default.copyItem(atPath: try Clips.film(), toPath: input)
        let media = place.file("<b onload='x'>&.mp4")
        try FileManager.default.copyItem(atPath: try Clips.film(), toPath: media)
        let set = try place.known("hostile", media: media)
        let page = try place.vigil("explain", input, "--known", set, "--format", "html")
        #expect(page.status == 1, "\(page.error)")
        let facts = try parse(page.output)
        #expect(facts.count("script") == 0 && !page.output.contains("<script"))
        #expect(
            facts.count("b") == 0 && page.output.contains("hostile/&lt;b onload=&#39;x&#39;&gt;"))
        #expect(page.output.contains("&lt;script&gt;alert(1)&lt;\\u{202e}&amp;&quot;&#39;"))
        let table = try place.vigil("explain", input, "--known", set)
        #expect(table.output.contains("<script>") && !table.output.contains("\u{202e}"))
        let url = "http://user:secret@127.0.0.1:9/a.mp4?token=secret"
        for format in ["table", "jsonl", "html"] {
            let result = try explain(url, "--format", format)
            #expect(result.status == 2)
            #expect(!(result.output + result.error).contains("secret"), "\(result.output)")
        }
    }

    @Test func noHashIsInAnyFormat() throws {
        let digits = /[0-9a-fA-F]{64}/
        for input in [try Clips.film(), try mirrored(), try unrelated()] {
            for format in ["table", "jsonl", "html"] {
                let result = try explain(input, "--format", format, "--effort", "thorough")
                #expect(result.output.count > 500)
                #expect((result.output + result.error).firstMatch(of: digits) == nil)
            }
        }
    }

    @Test func longInputsGiveAPageOfBoundedLength() throws {
        let input = place.file("long.mp4")
        try Program.ffmpeg("-stream_loop 11 -i \(try Clips.film()) -c copy \(input)")
        let page = try explain(
            input, "--format", "html", "--sample", "all", "--effort", "fast", "--item", "other")
        let facts = try parse(page.output)
        #expect((1500...3001).contains(facts.count("tr")), "\(facts.count("tr"))")
        #expect(page.output.contains("Of each 2 neighbouring pictures"))
    }
}

/// What a strict reading of a page found.
private final class PageFacts: NSObject, XMLParserDelegate {
    private var elements: [String: Int] = [:]
    private(set) var classes: Set<String> = []
    /// Values of attributes that make a browser fetch something.
    private(set) var references: [String] = []

    func count(_ element: String) -> Int { elements[element] ?? 0 }

    func parser(
        _ parser: XMLParser, didStartElement element: String, namespaceURI: String?,
        qualifiedName: String?, attributes: [String: String]
    ) {
        elements[element, default: 0] += 1
        if let name = attributes["class"] { classes.insert(name) }
        references += ["src", "href", "xlink:href", "srcset", "action"].compactMap {
            attributes[$0]
        }
    }
}

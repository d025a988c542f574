// `vigil explain`: that it decides as `vigil scan` does, tells each picture, and gives nothing away.

import Foundation
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
}

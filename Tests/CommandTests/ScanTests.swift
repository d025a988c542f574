// `vigil scan` as its users meet it: the contract of its output, directories, efforts, the report
// queue, stopping.

import Fingerprint
import Foundation
import TestSupport
import Testing

@Suite struct ScanTests {
    private let place: Workplace
    private let known: String

    init() throws {
        place = try Workplace()
        known = try place.known("film", media: Clips.film())
    }

    @Test func jsonLinesKeepTheContract() throws {
        let result = try place.scan(
            [try Clips.other(), try Clips.film()], known: known, "--jobs", "1")
        #expect(result.status == 1)
        let lines = result.output.split(separator: "\n")
        #expect(lines.allSatisfy { $0.hasPrefix(#"{"type":""#) })
        #expect(
            result.objects.compactMap { $0["type"] as? String } == [
                "input", "alert", "input", "summary",
            ])
        let alert = try #require(result.objects(ofType: "alert").first)
        let fields = [
            "type", "alert_id", "input", "known", "first_seen_s", "last_seen_s", "frames_matched",
            "known_share", "best_distance", "variant", "rule",
        ]
        #expect(Set(fields).isSubset(of: alert.keys), "\(alert)")
        #expect(
            (alert["known"] as? [String: String])?.keys.sorted() == ["category", "item", "set"])
        #expect(alert["input"] as? String == (try Clips.film()))
        #expect(alert["frames_matched"] as? Int == 12 && alert["best_distance"] as? Int == 0)
        for input in result.objects(ofType: "input") {
            let fields = [
                "input", "status", "duration_s", "frames_sampled", "frames_low_quality",
                "frames_failed",
            ]
            #expect(Set(fields).isSubset(of: input.keys))
        }
        let summary = try #require(result.objects(ofType: "summary").first)
        #expect(
            Set(["inputs", "alerts", "failed", "media_s", "wall_s"]).isSubset(of: summary.keys))
        #expect(summary["inputs"] as? Int == 2 && summary["alerts"] as? Int == 1)
    }

    @Test func alertsStandOnTheReportQueue() throws {
        let none = try place.vigil("report", "list")
        #expect(none.status == 0 && none.output.isEmpty && none.error.contains("no reports yet"))
        let scan = try place.scan([try Clips.film()], known: known)
        let alert = try #require(scan.objects(ofType: "alert").first)
        let list = try place.vigil("report", "list", "--format", "jsonl")
        let report = try #require(list.objects.first)
        #expect(list.objects.count == 1 && report["state"] as? String == "queued")
        let stored = try #require(report["alert"] as? [String: Any])
        for field in ["alert_id", "input", "variant", "rule"] {
            #expect(stored[field] as? String == alert[field] as? String)
        }
        #expect(stored["frames_matched"] as? Int == 12)
        let id = try #require(alert["alert_id"] as? String)
        let show = try place.vigil("report", "show", id)
        #expect(show.status == 0 && show.output.contains(id) && show.output.contains("queued"))
        let filtered = try place.vigil("report", "list", "--set", "nothing")
        #expect(filtered.status == 0 && filtered.output.isEmpty)
        let unknown = try place.vigil("report", "show", "00000000-0000-7000-8000-000000000000")
        #expect(unknown.status == 2)
    }

    @Test func directoriesAreWalkedByContent() throws {
        let tree = place.file("tree/deep")
        try FileManager.default.createDirectory(atPath: tree, withIntermediateDirectories: true)
        let film = try Clips.film()
        try FileManager.default.copyItem(atPath: film, toPath: tree + "/renamed.dat")
        try FileManager.default.copyItem(atPath: try Clips.other(), toPath: tree + "/other")
        for (name, text) in [
            ("notes.txt", "hello"), ("empty", ""), ("data.json", "{}"), ("x.svg", "<svg/>"),
        ] {
            try Data(text.utf8).write(to: URL(filePath: "\(tree)/\(name)"))
        }
        try Data("not a video".utf8).write(to: URL(filePath: tree + "/broken.mp4"))
        let result = try place.scan([place.file("tree")], known: known)
        #expect(result.status == 1)
        let inputs = result.objects(ofType: "input")
        #expect(inputs.count == 3)
        let failed = inputs.filter { $0["status"] as? String == "failed" }
        #expect(
            failed.count == 1 && (failed[0]["input"] as? String)?.hasSuffix("broken.mp4") == true)
        let summary = try #require(result.objects(ofType: "summary").first)
        #expect(summary["skipped"] as? Int == 4 && summary["failed"] as? Int == 1)
        #expect(result.error.isEmpty)
    }

    @Test(arguments: [
        ("mirrored", "hflip", "flipY"), ("upside down", "vflip", "flipX"),
        ("turned round", "hflip,vflip", "rotate180"), ("turned", "transpose=1", "rotate"),
        ("negative", "negate", "negative"),
    ])
    func turnedAndNegativeCopiesNeedStandardEffort(
        _ name: String, _ filter: String, _ variant: String
    ) throws {
        let path = place.file("edited.mp4")
        try Program.ffmpeg("-i \(try Clips.film()) -vf \(filter) \(Clips.x264) -g 50 \(path)")
        let standard = try place.scan([path], known: known)
        #expect(standard.status == 1, "\(name): \(standard.output)")
        let alert = try #require(standard.objects(ofType: "alert").first)
        #expect((alert["variant"] as? String)?.hasPrefix(variant) == true, "\(alert)")
        #expect(try place.scan([path], known: known, "--effort", "fast").status == 0)
    }

    @Test func copyInsideALongerVideoGivesOneAlertWithItsTimes() throws {
        let path = place.file("long.mp4")
        try Program.ffmpeg(
            "-f lavfi -i testsrc2=s=320x240:r=25:d=30 -i \(try Clips.film()) "
                + "-f lavfi -i testsrc2=s=320x240:r=25:d=30 -filter_complex "
                + "[0:v]setsar=1[a];[1:v]setsar=1,eq=brightness=0.1[b];[2:v]setsar=1[c];[a][b][c]concat=n=3:v=1[o] "
                + "-map [o] \(Clips.x264) -g 50 \(path)")
        let result = try place.scan([path], known: known)
        let alerts = result.objects(ofType: "alert")
        #expect(alerts.count == 1)
        let alert = try #require(alerts.first)
        #expect((30.0...32).contains(alert["first_seen_s"] as? Double ?? 0))
        #expect((40.0...42).contains(alert["last_seen_s"] as? Double ?? 0))
        #expect(alert["known_share"] as? Double ?? 0 > 0.7)
    }

    @Test func samplesFurtherApartThanTheHoldAreOneShowing() throws {
        let path = place.file("slow.mp4")
        try Program.ffmpeg("-stream_loop 19 -i \(try Clips.film()) -c copy \(path)")
        let pipeline = try place.write("p.yaml", Data("evidence: {hold_s: 0}".utf8))
        let result = try place.scan([path], known: known, "--pipeline", pipeline, "--sample", "70")
        #expect(result.objects(ofType: "alert").count == 1, "\(result.output)")
    }

    @Test func aSetThatCanMatchNothingIsRefused() throws {
        var random = SeededGenerator(seed: 1)
        let lines = (0..<5).map { number in
            let hash = PDQHash(
                words: SIMD4(random.next(), random.next(), random.next(), random.next()))
            return "\(number),30,\(hash.hex),\(number).000"
        }
        let list = try place.write("flat.txt", Data(lines.joined(separator: "\n").utf8))
        let flat = place.file("flat.vigil")
        #expect(
            try place.vigil("known", "build", flat, "--name", "flat", "--from", list).status == 0)
        let result = try place.scan([try Clips.other()], known: flat)
        #expect(result.status == 2 && result.output.isEmpty)
        #expect(result.error.contains("nothing could ever be found"))
    }

    @Test func coverPicturesAreImagesOfTheirOwn() throws {
        let (cover, path) = (place.file("cover.jpg"), place.file("with-cover.mp4"))
        try Program.ffmpeg("-ss 2 -i \(try Clips.other()) -frames:v 1 \(cover)")
        try Program.ffmpeg(
            "-i \(try Clips.film()) -i \(cover) -map 0:v -map 1 -c copy -disposition:v:1 attached_pic \(path)"
        )
        let set = place.file("cover.vigil")
        try place.vigil("known", "build", set, "--name", "c", "--media", path)
        let facts = try place.vigil("known", "info", set, "--format", "jsonl").objects.first
        #expect(facts?["images"] as? Int == 1 && facts?["videos"] as? Int == 1, "\(facts ?? [:])")
    }

    @Test func theSameAnswersWithManyJobs() throws {
        var inputs: [String] = []
        for number in 0..<12 {
            let path = place.file("\(number).mp4")
            try FileManager.default.copyItem(
                atPath: number % 3 == 0 ? try Clips.film() : try Clips.other(), toPath: path)
            inputs.append(path)
        }
        func found(_ jobs: String) throws -> [String] {
            try place.scan(inputs, known: known, "--jobs", jobs).objects(ofType: "alert")
                .compactMap { $0["input"] as? String }.sorted()
        }
        let one = try found("1")
        #expect(one.count == 4)
        #expect(try found("8") == one)
    }

    @Test func closedOutputDoesNotLoseAlerts() throws {
        let vigil = try Program.vigil()
        let film = try Clips.film()
        _ = try Program.run(
            "sh",
            [
                "-c",
                "\(vigil) scan \(film) \(film) \(film) --known \(known) --format jsonl | true",
            ], environment: place.environment)
        #expect(try place.vigil("report", "list").output.split(separator: "\n").count == 3)
        let full = try Program.run(
            "sh", ["-c", "\(vigil) scan \(film) --known \(known) > /dev/full"],
            environment: place.environment)
        #expect(full.status == 1 && full.error.contains("standard output"), "\(full.error)")
    }

    @Test(arguments: ["INT", "TERM"])
    func stoppingDrainsAndIsNotClean(_ signal: String) throws {
        // A long file decoded in full takes seconds; the signal comes in its midst.
        let path = place.file("long.mp4")
        try Program.ffmpeg(
            "-stream_loop 40 -i \(try Clips.film()) -c copy \(path)")
        let script =
            "\(try Program.vigil()) scan \(path) --known \(known) --sample all --format jsonl & "
            + "pid=$!; sleep 0.7; kill -\(signal) $pid; wait $pid"
        let result = try Program.run("bash", ["-c", script], environment: place.environment)
        let summary = try #require(result.objects(ofType: "summary").first, "\(result.error)")
        #expect(summary["stopped"] as? Bool == true)
        let input = try #require(result.objects(ofType: "input").first)
        #expect(input["status"] as? String != "examined", "\(input)")
        #expect((input["error"] as? String)?.contains("stopped") == true)
        let alerts = result.objects(ofType: "alert").count
        #expect(result.status == (alerts > 0 ? 1 : 2))
        #expect(try place.vigil("report", "list").output.split(separator: "\n").count == alerts)
    }

    @Test func noHashLeavesTheSealedSet() throws {
        let film = try Clips.film()
        let listing = try place.vigil("fingerprint", film, "--sample", "all", "--format", "jsonl")
        let hashes = listing.objects.compactMap { $0["hash"] as? String }
        #expect(hashes.count == 300)
        let scan = try place.scan([film], known: known)
        let text = try place.vigil("scan", film, "--known", known)
        let info = try place.vigil("known", "info", known, "--items", "--format", "jsonl")
        let report = try place.vigil("report", "list", "--format", "jsonl")
        var written = [scan, text, info, report].map { $0.output + $0.error }.joined()
        let state = place.file("state/vigil")
        var binary = Data()
        for name in try FileManager.default.contentsOfDirectory(atPath: state) {
            binary += try Data(contentsOf: URL(filePath: "\(state)/\(name)"))
        }
        binary += try Data(contentsOf: URL(filePath: known))
        written += String(decoding: binary, as: UTF8.self)
        for hash in Set(hashes) {
            #expect(!written.contains(hash))
            let bytes = Data(try #require(PDQHash(hex: hash)).bytes)
            #expect(binary.range(of: bytes) == nil)
        }
    }
}

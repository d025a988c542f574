// `vigil bench`: that it measures, says so in the promised form, and leaves nothing behind. How long
// things take is no matter of tests.

import Foundation
import Testing

// One at a time: encoding takes all cores, which other tests want too.
@Suite(.serialized) struct BenchTests {
    private let place: Workplace
    private let temporary: String

    init() throws {
        place = try Workplace()
        temporary = place.file("tmp")
        try FileManager.default.createDirectory(
            atPath: temporary, withIntermediateDirectories: true)
        place.environment["TMPDIR"] = temporary
    }

    private func leftovers() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: temporary)
    }

    /// Field names of each type of line; those after the bar may hold null.
    private static let schema: [String: [String]] = [
        "machine": [
            "cpu", "cores", "kernels", "ffmpeg", "vigil", "load_average_1min",
        ],
        "luma": ["resolution", "median_ms", "best_ms", "p90_ms", "cpu_ms"],
        "pdq": ["resolution", "median_ms", "best_ms", "p90_ms", "cpu_ms", "per_second"],
        "index": [
            "hashes", "radius", "median_us", "best_us", "p90_us", "cpu_us", "build_s",
            "bytes_per_hash", "engine",
        ],
        "decode": [
            "codec", "resolution", "median_ms", "best_ms", "p90_ms", "cpu_ms", "keyframes",
            "keyframe_bytes",
        ],
        "pipeline": [
            "codec", "resolution", "keyframe_interval_s", "media_s", "cpu_s", "cpu_best_s",
            "wall_s", "runs",
        ],
        "streams": [
            "profile", "codec", "bitrate_kbps", "keyframe_interval_s", "hashes",
            "demux_ms_per_media_s", "decode_ms_per_media_s", "hash_ms_per_media_s",
            "match_ms_per_media_s", "cpu_ms_per_media_s", "streams_per_core",
        ],
    ]

    @Test func everyLineHasItsFields() throws {
        let result = try place.vigil(
            "bench", "--quick", "--seconds", "0.001", "--index-sizes", "500,1k", "--format",
            "jsonl")
        #expect(result.status == 0 && result.error.isEmpty, "\(result.error)")
        #expect(result.objects.count == result.output.split(separator: "\n").count)
        let types = result.objects.compactMap { $0["type"] as? String }
        #expect(
            types == ["machine"] + Array(repeating: "luma", count: 4)
                + Array(repeating: "pdq", count: 4) + ["index", "index"]
                + ["decode", "decode", "pipeline", "pipeline", "streams", "streams"])
        for object in result.objects {
            let type = try #require(object["type"] as? String)
            let fields = try #require(Self.schema[type])
            #expect(Set(object.keys) == Set(fields + ["type"]), "\(object)")
            for (name, value) in object where (value as? Double).map({ $0 <= 0 }) == true {
                #expect(name == "load_average_1min", "\(type).\(name) is \(value)")
            }
        }
        for stream in result.objects(ofType: "streams") {
            let cost = try #require(stream["cpu_ms_per_media_s"] as? Double)
            let streams = try #require(stream["streams_per_core"] as? Double)
            #expect(abs(cost * streams / 1000 - 1) < 0.01)
        }
        #expect(result.objects(ofType: "index").allSatisfy { $0["engine"] is String })
        #expect(try leftovers().isEmpty)
    }

    @Test func theTableFitsATerminal() throws {
        let result = try place.vigil(
            "bench", "--quick", "--seconds", "0.001", "--only", "luma,index,decode,streams",
            "--index-sizes", "1k,1M", "--keyframe-interval", "0.5")
        #expect(result.status == 0 && result.error.isEmpty, "\(result.error)")
        for line in result.output.split(separator: "\n").dropFirst() {
            #expect(line.count <= 80, "\(line)")
        }
        #expect(result.output.contains("H.264 1080p30") && result.output.contains("1 000 000"))
        #expect(!result.output.contains("PDQ hash") && !result.output.contains("vigil scan"))
        #expect(result.output.contains("a keyframe every 0.5 s"))
    }

    @Test(arguments: [
        ["--only", "speed"], ["--only", ""], ["--only", "luma,,pdq"], ["--seconds", "0"],
        ["--seconds", "61"], ["--seconds", "x"], ["--index-sizes", "0"], ["--index-sizes", "10x"],
        ["--index-sizes", "1G"], ["--index-sizes", "99999999999M"], ["--keyframe-interval", "0"],
        ["--keyframe-interval", "13"], ["--keyframe-interval", "nan"], ["--format", "csv"],
        ["clip.mp4"],
    ])
    func wrongUsage(_ options: [String]) throws {
        let result = try place.vigil(["bench"] + options)
        #expect(result.status == 64 && result.output.isEmpty, "\(options): \(result.status)")
        #expect(try leftovers().isEmpty)
    }

    @Test(arguments: ["INT", "TERM"])
    func stoppingRemovesTheClips(_ signal: String) throws {
        // An hour's work; the signal comes in its midst.
        let script =
            "\(try Program.vigil()) bench --only pipeline --seconds 60 --format jsonl & "
            + "pid=$!; for i in {1..200}; do sleep 0.05; ls $TMPDIR/*/clip.mp4 > /dev/null 2>&1 "
            + "&& break; done; ls $TMPDIR/*/clip.mp4; kill -\(signal) $pid; wait $pid"
        let result = try Program.run("bash", ["-c", script], environment: place.environment)
        #expect(result.output.contains("clip.mp4"), "the signal came before a clip was there")
        #expect(result.status == 2 && result.error.contains("stopped"), "\(result.error)")
        #expect(try leftovers().isEmpty)
    }

    @Test func whatCannotBeMeasuredIsSaid() throws {
        place.environment["TMPDIR"] = place.file("gone")
        let result = try place.vigil("bench", "--only", "luma")
        #expect(result.status == 2 && result.error.contains("temporary folder"), "\(result.error)")
    }
}

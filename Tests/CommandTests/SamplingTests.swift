// The two guards of keyframe sampling on real streams: a long GOP is no way to hide, and an
// all-intra file is no way to cost.

import Foundation
import Testing

@Suite struct SamplingTests {
    private let place: Workplace

    init() throws { place = try Workplace() }

    private static let picture = "-f lavfi -i testsrc2=s=320x240:r=25"

    private func clip(_ name: String, _ arguments: String) throws -> String {
        let path = place.file(name)
        try Program.ffmpeg("\(Self.picture) \(arguments) \(path)")
        return path
    }

    /// No two samples further apart than the longest gap, the start and the end included.
    private func expectCovered(_ times: [Double], length: Double, _ comment: Comment) {
        let ends = [0] + times + [length]
        let widest = zip(ends, ends.dropFirst()).map { $1 - $0 }.max() ?? 0
        #expect(widest <= 12, comment)
        #expect(times.count >= Int(length / 12), comment)
    }

    @Test(arguments: ["mp4", "mkv", "ts", "flv", "avi"])
    func aGOPThatNeverEnds(_ container: String) throws {
        let path = try clip(
            "endless.\(container)",
            "-t 50 \(Clips.x264) -g 100000 -keyint_min 100000 -sc_threshold 0")
        expectCovered(try place.sampleTimes(path), length: 50, "\(container)")
    }

    @Test(arguments: ["mp4", "ts"])
    func intraRefresh(_ container: String) throws {
        let path = try clip(
            "refresh.\(container)",
            "-t 50 -c:v libx264 -preset veryfast -x264-params intra-refresh=1:keyint=infinite")
        expectCovered(try place.sampleTimes(path), length: 50, "\(container)")
    }

    @Test func otherGapsAreKeptToo() throws {
        let path = try clip("endless.mp4", "-t 30 \(Clips.x264) -g 100000 -sc_threshold 0")
        let pipeline = try place.write("p.yaml", Data("sampling: {max_gap_s: 3}".utf8))
        let times = try place.sampleTimes(path, "--pipeline", pipeline)
        #expect(zip(times, times.dropFirst()).allSatisfy { $1 - $0 <= 3 })
        #expect(times.count >= 10)
    }

    @Test(arguments: [
        ("mjpeg.mkv", "-t 8 -c:v mjpeg -q:v 8"), ("intra.mp4", "-t 8 \(Clips.x264) -g 1"),
        ("intra.ts", "-t 8 -c:v mpeg2video -g 1"),
    ])
    func allIntraIsNotSampledMoreOftenThanTheMinimumInterval(
        _ name: String, _ encoder: String
    ) throws {
        let times = try place.sampleTimes(try clip(name, encoder))
        #expect(zip(times, times.dropFirst()).allSatisfy { $1 - $0 >= 0.499 }, "\(times)")
        #expect((14...17).contains(times.count), "\(times)")
    }

    @Test func aClipHiddenInAnEndlessGOPIsFound() throws {
        let known = try place.known("film", media: Clips.film())
        let path = place.file("hidden.mp4")
        try Program.ffmpeg(
            "\(Self.picture):d=20 -i \(try Clips.film()) \(Self.picture):d=20 -filter_complex "
                + "[0:v]setsar=1[a];[1:v]setsar=1[b];[2:v]setsar=1[c];"
                + "[a][b][c]concat=n=3:v=1[o] -map [o] \(Clips.x264) -g 100000 -sc_threshold 0 \(path)"
        )
        let pipeline = try place.write("p.yaml", Data("sampling: {max_gap_s: 4}".utf8))
        let result = try place.scan([path], known: known, "--pipeline", pipeline)
        #expect(result.status == 1, "\(result.output)")
        let alert = try #require(result.objects(ofType: "alert").first)
        #expect(alert["first_seen_s"] as? Double ?? 0 >= 20)
        #expect(alert["last_seen_s"] as? Double ?? 99 <= 32)
    }

    @Test(arguments: ["mkv", "mp4", "ts"])
    func reorderedFramesAreNoJumpOfTheClock(_ container: String) throws {
        // HEVC with B-frames and one keyframe in 20 s: Matroska stores no decoding time stamps.
        let path = try clip(
            "hevc.\(container)",
            "-t 40 -c:v libx265 -preset ultrafast -x265-params "
                + "log-level=none:bframes=4:keyint=500:min-keyint=500:scenecut=0")
        let times = try place.sampleTimes(path)
        #expect((4...6).contains(times.count), "\(times)")
        expectCovered(times, length: 40, "\(container)")
    }

    @Test func aSlideShowIsExaminedInFull() throws {
        let path = place.file("slides.mp4")
        try Program.ffmpeg(
            "-f lavfi -i testsrc2=s=320x240:r=1/20:d=100 \(Clips.x264) -g 2 \(path)")
        let known = try place.known("film", media: Clips.film())
        let result = try place.scan([path], known: known)
        #expect(result.status == 0, "\(result.output)")
        #expect(result.objects(ofType: "input").first?["frames_sampled"] as? Int == 5)
    }

    @Test func secondsBetweenFrames() throws {
        let path = try clip("plain.mp4", "-t 5 \(Clips.x264) -g 30")
        #expect(try place.sampleTimes(path, "--sample", "1") == [0, 1, 2, 3, 4])
        #expect(try place.sampleTimes(path, "--sample", "all").count == 125)
        #expect(try place.sampleTimes(path, "--sample", "0.04").count == 125)
    }

    @Test func streamsThatDoNotStartAtZeroDo() throws {
        let path = try clip("offset.ts", "-t 4 \(Clips.x264) -g 25 -output_ts_offset 1000")
        let times = try place.sampleTimes(path)
        #expect(times == [0, 1, 2, 3], "\(times)")
    }
}

// Media made to hide something, to hang the scan, or to cost more than it should. Each of these
// once got through.

import Foundation
import Testing

@Suite struct HostileMediaTests {
    private let place: Workplace
    private let known: String

    init() throws {
        place = try Workplace()
        known = try place.known("film", media: Clips.film())
    }

    private func input(_ result: Finished) throws -> [String: Any] {
        try #require(result.objects(ofType: "input").first, "\(result.error)")
    }

    private func expectFound(_ path: String) throws {
        let result = try place.scan([path], known: known)
        #expect(result.status == 1, "\(result.output)\(result.error)")
        #expect(try input(result)["status"] as? String == "examined", "\(result.output)")
    }

    // MARK: Hiding

    @Test func contentAfterTheOnlyKeyframeOfAShortFile() throws {
        let path = place.file("black-first.mp4")
        try Program.ffmpeg(
            "-f lavfi -i color=black:s=320x240:r=25:d=0.4 -i \(try Clips.film()) -filter_complex "
                + "[0:v]setsar=1[a];[1:v]setsar=1[b];[a][b]concat=n=2:v=1[o] -map [o] \(Clips.x264) "
                + "-g 100000 -sc_threshold 0 \(path)")
        try expectFound(path)
    }

    @Test func shortShowingInAGOPThatNeverEnds() throws {
        // One sample in twelve seconds hits it once; the closer look settles it.
        let path = place.file("endless.mp4")
        try Program.ffmpeg(
            "-f lavfi -i testsrc2=s=320x240:r=25:d=33 -t 5 -i \(try Clips.film()) "
                + "-f lavfi -i testsrc2=s=320x240:r=25:d=30 -filter_complex "
                + "[0:v]setsar=1[a];[1:v]setsar=1[b];[2:v]setsar=1[c];[a][b][c]concat=n=3:v=1[o] "
                + "-map [o] \(Clips.x264) -g 100000 -sc_threshold 0 \(path)")
        let pipeline = try place.write("p.yaml", Data("sampling: {max_gap_s: 5}".utf8))
        let result = try place.scan([path], known: known, "--pipeline", pipeline)
        #expect(result.status == 1, "\(result.output)")
        let alert = try #require(result.objects(ofType: "alert").first)
        #expect((32.5...34.5).contains(alert["first_seen_s"] as? Double ?? 0), "\(alert)")
        #expect((36.5...38.5).contains(alert["last_seen_s"] as? Double ?? 0), "\(alert)")
    }

    @Test func blackKeyframesDoNotStandForWhatLiesBetween() throws {
        let path = place.file("black-keys.mp4")
        try Program.ffmpeg(
            "-stream_loop 1 -i \(try Clips.film()) -vf drawbox=t=fill:c=black:enable='lt(mod(n,250),5)' "
                + "\(Clips.x264) -g 250 -keyint_min 250 -sc_threshold 0 \(path)")
        try expectFound(path)
    }

    @Test func editListsHideNothing() throws {
        // Players show half a second of this file; the rest of the film is in it all the same.
        let path = place.file("edit.mp4")
        try Program.ffmpeg("-i \(try Clips.film()) -c copy \(path)")
        var data = try Data(contentsOf: URL(filePath: path))
        let list = try #require(data.range(of: Data("elst".utf8)))
        // Version and flags, number of entries, then the duration of the first in milliseconds.
        let duration = list.upperBound + 8
        data.replaceSubrange(duration..<duration + 4, with: [0, 0, 1, 0xf4])
        let result = try place.scan([place.write("edit.mp4", data)], known: known)
        #expect(result.status == 1)
        #expect(try input(result)["frames_sampled"] as? Int ?? 0 >= 12, "\(result.output)")
    }

    @Test func everyOneOfJoinedPicturesIsExamined() throws {
        let (first, second) = (place.file("a.jpg"), place.file("b.jpg"))
        try Program.ffmpeg("-ss 2 -i \(try Clips.other()) -frames:v 1 -q:v 3 \(first)")
        try Program.ffmpeg("-ss 2 -i \(try Clips.film()) -frames:v 1 -q:v 3 \(second)")
        let joined = try place.write(
            "joined.jpg",
            Data(contentsOf: URL(filePath: first)) + Data(contentsOf: URL(filePath: second)))
        try expectFound(joined)
    }

    @Test func aTrackThatCannotBeDecodedDoesNotHideTheNext() throws {
        let path = place.file("two.mkv")
        try Program.ffmpeg(
            "-i \(try Clips.other()) -i \(try Clips.film()) -map 0:v -map 1:v -c copy \(path)")
        var data = try Data(contentsOf: URL(filePath: path))
        let codec = try #require(data.range(of: Data("V_MPEG4/ISO/AVC".utf8)))
        data.replaceSubrange(codec, with: Data("V_MPEG4/ISO/XYZ".utf8))
        let result = try place.scan([place.write("two.mkv", data)], known: known)
        #expect(result.status == 1, "\(result.output)")
        #expect(try input(result)["status"] as? String == "partial", "\(result.output)")
    }

    @Test func equalTimeStampsNeitherLoopNorHide() throws {
        // Matroska blocks whose times all lie within one millisecond of each other.
        let path = place.file("still-clock.mkv")
        try Program.ffmpeg(
            "-i \(try Clips.film()) \(Clips.x264) -g 25 -vf setpts=N*0.0001/TB -vsync passthrough "
                + "-enc_time_base 1/100000 \(path)")
        let result = try place.scan([path], known: known)
        #expect(result.status == 1 || result.status == 2, "\(result.output)")
    }

    @Test func keyFlagsOnEveryFrame() throws {
        // Without its table of sync samples, every sample of an MP4 counts as a keyframe.
        let path = place.file("all-key.mp4")
        try Program.ffmpeg("-i \(try Clips.film()) -c:v mpeg4 -q:v 4 -g 250 -bf 0 \(path)")
        var data = try Data(contentsOf: URL(filePath: path))
        let table = try #require(data.range(of: Data("stss".utf8)))
        data.replaceSubrange(table, with: Data("free".utf8))
        try expectFound(try place.write("all-key.mp4", data))
    }

    @Test func intraRefreshWithRecoveryPoints() throws {
        let path = place.file("refresh.mp4")
        try Program.ffmpeg(
            "-i \(try Clips.film()) -c:v libx264 -preset veryfast -x264-params intra-refresh=1:keyint=50 "
                + path)
        try expectFound(path)
    }

    @Test func timeStampsThatStartOver() throws {
        // An endless GOP, cut every four seconds with its time stamps reset, and joined again.
        let path = place.file("reset.ts")
        try Program.ffmpeg(
            "-f lavfi -i testsrc2=s=320x240:r=25:d=10 -i \(try Clips.film()) -filter_complex "
                + "[0:v]setsar=1[a];[1:v]setsar=1[b];[a][b]concat=n=2:v=1[o] -map [o] \(Clips.x264) "
                + "-g 100000 -sc_threshold 0 -bf 0 -f segment -segment_time 4 -break_non_keyframes 1 "
                + "-reset_timestamps 1 \(place.file("part%02d.ts"))")
        var joined = Data()
        for number in 0..<6 {
            joined += try Data(contentsOf: URL(filePath: place.file("part0\(number).ts")))
        }
        try joined.write(to: URL(filePath: path))
        try expectFound(path)
    }

    @Test func startThatIsNotZeroIsNoTruncation() throws {
        for name in ["offset.mkv", "offset.mp4"] {
            let path = place.file(name)
            try Program.ffmpeg("-i \(try Clips.film()) -c copy -output_ts_offset 1000 \(path)")
            let result = try place.scan([path], known: known)
            let input = try input(result)
            #expect(input["status"] as? String == "examined", "\(input)")
            #expect(abs((input["duration_s"] as? Double ?? 0) - 12) < 0.2, "\(input)")
        }
    }

    @Test func rawStreamsHaveTheirLength() throws {
        let path = place.file("raw.h264")
        try Program.ffmpeg("-i \(try Clips.film()) -c:v copy -bsf:v h264_mp4toannexb \(path)")
        let input = try input(try place.scan([path], known: known))
        #expect(abs((input["duration_s"] as? Double ?? 0) - 12) < 0.5, "\(input)")
    }

    @Test func namesThatAreNotText() throws {
        let folder = place.file("old-disk")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let copy = "cp \(try Clips.film()) \(folder)/$(printf 'caf\\351.mp4')"
        _ = try Program.run("bash", ["-c", copy])
        let result = try place.scan([folder], known: known)
        #expect(result.status == 1, "\(result.output)")
        #expect((try input(result)["input"] as? String)?.hasSuffix("caf\\xe9.mp4") == true)
    }

    // MARK: Hanging and cost

    @Test func playlistThatNamesAPipe() throws {
        #expect(mkfifo(place.file("pipe.ts"), 0o600) == 0)
        try expectPlaylistFails(
            "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\npipe.ts\n#EXT-X-ENDLIST\n")
    }

    @Test func playlistThatNamesItself() throws {
        let line = "#EXT-X-STREAM-INF:BANDWIDTH=1\nlist.m3u8\n"
        try expectPlaylistFails("#EXTM3U\n" + String(repeating: line, count: 20))
    }

    @Test(arguments: ["/etc/passwd", "/dev/zero", "http://127.0.0.1:9/x.ts"])
    func playlistThatNamesWhatItMayNot(_ target: String) throws {
        try expectPlaylistFails(
            "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n\(target)\n#EXT-X-ENDLIST\n")
    }

    private func expectPlaylistFails(_ text: String) throws {
        let result = try place.scan([place.write("list.m3u8", Data(text.utf8))], known: known)
        #expect(result.status == 2, "\(result.output)\(result.error)")
        #expect(try input(result)["status"] as? String == "failed")
    }

    @Test func playlistWithAMissingSegment() throws {
        let path = place.file("hole.m3u8")
        try Program.ffmpeg(
            "-i \(try Clips.other()) -c copy -hls_time 2 -hls_list_size 0 "
                + "-hls_segment_filename \(place.file("hole%d.ts")) \(path)")
        try FileManager.default.removeItem(atPath: place.file("hole2.ts"))
        let result = try place.scan([path], known: known)
        #expect(result.status == 2)
        #expect(try input(result)["status"] as? String == "partial", "\(result.output)")
    }

    @Test func pictureThatAsksForTooMuchMemory() throws {
        let path = place.file("huge.png")
        try Program.ffmpeg(
            "-f lavfi -i color=red:s=16000x8000 -pix_fmt rgb48be -frames:v 1 \(path)")
        let script =
            "ulimit -v 1500000; \(try Program.vigil()) scan \(path) --known \(known) --format jsonl"
        let result = try Program.run("bash", ["-c", script], environment: place.environment)
        #expect(result.status == 2, "\(result.status) \(result.error)")
        #expect(try input(result)["status"] as? String == "failed")
    }

    @Test func picturesThatAreCutShort() throws {
        for name in ["cut.jpg", "cut.png"] {
            let whole = place.file(name)
            try Program.ffmpeg("-ss 2 -i \(try Clips.film()) -frames:v 1 \(whole)")
            let data = try Data(contentsOf: URL(filePath: whole))
            let path = try place.write(name, data.prefix(data.count / 3))
            let result = try place.scan([path], known: known)
            #expect(try input(result)["status"] as? String != "examined", "\(result.output)")
            #expect(result.status != 0)
        }
    }
}

// `vigil watch` on streams that come in three renditions, 180, 360 and 720 lines: one is downloaded,
// and a copy is found in it.

import Foundation
import Testing

@Suite(.serialized, .enabled(if: FolderServer.isInstalled)) struct RenditionWatchTests {
    private let place: Workplace
    private let known: String
    /// Four seconds of something else, then a mirrored copy of a known film; a keyframe every second.
    private let stream: String
    private let folder: String
    private let server: FolderServer

    init() throws {
        place = try Workplace()
        let film = try Clips.generated("rich-film", seed: 1)
        known = try place.known("film", media: film)
        stream = try Clips.make(
            "three.mp4",
            "-f lavfi -i testsrc2=s=320x180:r=10:d=4 -i \(film) -filter_complex "
                + "[0]format=yuv420p,setsar=1[a];[1:v]hflip,trim=duration=8,format=yuv420p,setsar=1[b];"
                + "[a][b]concat=n=2,split=3[s][m][l];[m]scale=640:360[n];[l]scale=1280:720[k] "
                + "-map [s] -map [n] -map [k] \(Clips.x264) -g 10 -keyint_min 10 -sc_threshold 0 -bf 2 "
                + "-b:v:0 150k -b:v:1 400k -b:v:2 1500k")
        folder = place.file("served")
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        server = try FolderServer(folder: folder, place: place.path)
    }

    private func publishHLS() throws -> BackgroundProgram {
        try publish(
            "-f hls -hls_time 1 -hls_list_size 8 -master_pl_name master.m3u8 "
                + "-hls_segment_filename \(folder)/r%v-%d.ts \(folder)/r%v.m3u8",
            waitingFor: "master.m3u8", variants: true)
    }

    private func publish(
        _ arguments: String, waitingFor name: String, variants: Bool = false
    ) throws -> BackgroundProgram {
        let program = try BackgroundProgram(
            "ffmpeg",
            ["-nostdin", "-v", "error", "-re", "-i", stream, "-map", "0", "-c", "copy"]
                + (variants ? ["-var_stream_map", "v:0 v:1 v:2"] : [])
                + arguments.split(separator: " ").map(String.init), folder: place.path)
        for _ in 0..<200 where !FileManager.default.fileExists(atPath: "\(folder)/\(name)") {
            usleep(50_000)
        }
        return program
    }

    private func watch(_ name: String, seconds: Int, _ more: String...) throws -> Finished {
        try place.vigil(
            ["watch", server.address(name), "--known", known, "--format", "jsonl", "--for"]
                + ["\(seconds)"] + more)
    }

    /// Renditions of which segments were asked for.
    private func renditions(_ pattern: Regex<(Substring, Substring)>) -> Set<String> {
        Set(server.served().compactMap { $0.path.firstMatch(of: pattern).map { String($0.1) } })
    }

    private func expectOneAlert(_ result: Finished) throws {
        let alerts = result.objects(ofType: "alert")
        try #require(alerts.count == 1, "\(result.output) \(result.error) \(server.served())")
        #expect(alerts[0]["variant"] as? String == "flipY" && result.status == 1)
    }

    @Test func oneVariantOfAMasterIsDownloaded() throws {
        let publisher = try publishHLS()
        try expectOneAlert(try watch("master.m3u8", seconds: 16))
        #expect(renditions(/r(\d)-/) == ["1"], "\(server.served())")
        #expect(renditions(/r(\d)\.m3u8/) == ["1"])
        withExtendedLifetime(publisher) {}
    }

    @Test func anotherIsDownloadedWhereThatIsAskedFor() throws {
        let publisher = try publishHLS()
        _ = try watch("master.m3u8", seconds: 5, "--rendition", "largest")
        #expect(renditions(/r(\d)-/) == ["2"], "\(server.served())")
        withExtendedLifetime(publisher) {}
    }

    /// With a timeline that moves, and with numbers by the clock.
    @Test(arguments: ["-use_timeline 1", "-use_timeline 0"])
    func oneRepresentationOfAManifestIsDownloaded(_ addressing: String) throws {
        let publisher = try publish(
            "-f dash -seg_duration 1 -window_size 6 -extra_window_size 6 \(addressing) "
                + "-init_seg_name i$RepresentationID$.mp4 "
                + "-media_seg_name c$RepresentationID$-$Number%05d$.m4s \(folder)/live.mpd",
            waitingFor: "live.mpd")
        try expectOneAlert(try watch("live.mpd", seconds: 16))
        #expect(renditions(/c(\d)-/) == ["1"], "\(server.served())")
        #expect(renditions(/i(\d)\.mp4/) == ["1"])
        withExtendedLifetime(publisher) {}
    }

    /// A manifest of two Periods, the first of another size and codec, one second further each time.
    private func manifest(_ second: Int) -> String {
        let counts = [min(second, 5), min(second - 5, 12)]
        let periods = zip(["a", "b"], counts).filter { $0.1 > 0 }.map { name, count in
            """
            <Period id="\(name)" start="PT\(name == "a" ? 0 : 5)S"><AdaptationSet mimeType="video/mp4">
            <SegmentTemplate initialization="\(name)-i" media="\(name)-$Number$.part"><SegmentTimeline>
            <S t="0" d="1" r="\(count - 1)"/></SegmentTimeline></SegmentTemplate>
            <Representation id="\(name)" width="640" height="360"/></AdaptationSet></Period>
            """
        }
        return "<MPD type=\"dynamic\">\(periods.joined())</MPD>"
    }

    @Test func aPeriodMayBringAnotherSizeAndCodec() throws {
        let other = place.file("other.mp4")
        try Program.ffmpeg(
            "-f lavfi -i testsrc2=s=320x240:r=10:d=5 -c:v mpeg4 -g 10 -b:v 500k \(other)")
        for (name, input) in [("a", "\(other)"), ("b", "\(stream) -map 0:1")] {
            try Program.ffmpeg(
                "-i \(input) -c copy -f dash -seg_duration 1 -init_seg_name \(name)-i "
                    + "-media_seg_name \(name)-$Number$.part \(folder)/\(name).mpd")
        }
        let (path, texts) = (URL(filePath: "\(folder)/live.mpd"), (3...24).map(manifest))
        try Data(texts[0].utf8).write(to: path, options: .atomic)
        let publisher = Thread {
            for text in texts {
                try? Data(text.utf8).write(to: path, options: .atomic)
                sleep(1)
            }
        }
        publisher.start()
        let result = try watch("live.mpd", seconds: 20)
        try expectOneAlert(result)
        let watch = try #require(result.objects(ofType: "watch").first)
        #expect((watch["connections"] as? NSNumber)?.intValue ?? 0 >= 2, "\(watch)")
        let paths = Set(server.served().map(\.path))
        #expect(paths.isSuperset(of: ["/a-i", "/a-5.part", "/b-i"]), "\(paths)")
    }
}

// `vigil watch` against real servers and publishers: every protocol, and what goes wrong on live
// streams. Each stream begins with something else and goes on with a mirrored copy of a known film.

import Foundation
import Testing

/// One after the other: publishers send in real time, which a busy machine does not keep.
@Suite(.serialized) struct WatchTests {
    private let place: Workplace
    private let known: String
    /// Four seconds of something else, then a mirrored copy; a keyframe every second.
    private let stream: String

    private static let encoder = "\(Clips.x264) -g 10 -keyint_min 10 -sc_threshold 0 -bf 2 -crf 23"

    init() throws {
        place = try Workplace()
        let film = try Clips.generated("rich-film", seed: 1)
        known = try place.known("film", media: film)
        stream = try Clips.make(
            "stream.mp4",
            "-f lavfi -i testsrc2=s=320x180:r=10:d=4 -i \(film) -filter_complex "
                + "[0]format=yuv420p,setsar=1[a];[1:v]hflip,trim=duration=8,format=yuv420p,setsar=1[b];"
                + "[a][b]concat=n=2 \(Self.encoder)")
    }

    private func watch(
        _ url: String, seconds: Double, _ more: String...
    ) throws -> (alerts: [[String: Any]], watch: [String: Any], finished: Finished) {
        let result = try place.vigil(
            ["watch", url, "--known", known, "--format", "jsonl", "--for", "\(seconds)"] + more)
        let watch = try #require(result.objects(ofType: "watch").first, "\(result.error)")
        return (result.objects(ofType: "alert"), watch, result)
    }

    private func publish(_ arguments: String) throws -> BackgroundProgram {
        try BackgroundProgram(
            "ffmpeg",
            ["-nostdin", "-v", "error", "-re"] + arguments.split(separator: " ").map(String.init),
            folder: place.path)
    }

    private func expectOneAlert(
        _ found: (alerts: [[String: Any]], watch: [String: Any], finished: Finished)
    ) throws {
        try #require(found.alerts.count == 1, "\(found.watch) \(found.finished.error)")
        let alert = found.alerts[0]
        #expect(alert["variant"] as? String == "flipY" && alert["recorded"] as? Bool == true)
        #expect((alert["known"] as? [String: Any])?["item"] as? String == "rich-film")
        #expect(found.finished.status == 1)
        let reports = try place.vigil("report", "list", "--format", "jsonl")
        #expect(reports.output.contains(try #require(alert["alert_id"] as? String)))
        #expect(number("samples", of: found.watch) >= 4)
        let sum =
            number("examined_s", of: found.watch)
            + missed(found.watch).values.reduce(0, +)
        #expect(sum > 10, "every second is accounted for: \(found.watch)")
    }

    private func number(_ name: String, of object: [String: Any]) -> Double {
        (object[name] as? NSNumber)?.doubleValue ?? -1
    }

    private func missed(_ object: [String: Any]) -> [String: Double] {
        (object["missed_s"] as? [String: NSNumber] ?? [:]).mapValues(\.doubleValue)
    }

    // MARK: - Protocols

    @Test(arguments: ["udp", "tcp", "http", "srt"])
    func transportStreamsAreWatched(_ scheme: String) throws {
        let port = try Loopback.freePort(datagrams: scheme == "udp" || scheme == "srt")
        let address = "\(scheme)://127.0.0.1:\(port)"
        let (from, to) =
            switch scheme {
            case "udp": (address + "?pkt_size=1316", address)
            case "tcp": (address + "?listen=1", address)
            case "http": (address + "/x.ts -listen 1", address + "/x.ts")
            default: (address + "?mode=listener", address)
            }
        let parts = from.split(separator: " ", maxSplits: 1)
        let options = parts.count > 1 ? "\(parts[1]) " : ""
        let publisher = try publish("-i \(stream) -c copy -f mpegts \(options)\(parts[0])")
        let found = try watch(to, seconds: 14)
        try expectOneAlert(found)
        withExtendedLifetime(publisher) {}
    }

    @Test(.enabled(if: RTMPServer.isInstalled)) func rtmpIsWatched() throws {
        let server = try RTMPServer(folder: place.path)
        // The key that it is published with is in no output.
        let address = server.address("secretstreamkey")
        let publisher = try publish("-i \(stream) -c copy -f flv \(address)")
        let found = try watch(address, seconds: 14)
        try expectOneAlert(found)
        #expect(!found.finished.output.contains("secretstreamkey"))
        #expect(!found.finished.error.contains("secretstreamkey"))
        let reports = try place.vigil("report", "list", "--format", "jsonl")
        #expect(!reports.output.contains("secretstreamkey"))
        withExtendedLifetime((publisher, server)) {}
    }

    @Test(.enabled(if: RTMPServer.isInstalled)) func hlsIsWatched() throws {
        let server = try RTMPServer(folder: place.path)
        let publisher = try publish("-i \(stream) -c copy -f flv \(server.publishing(hls: "one"))")
        let found = try watch(server.playlist("one"), seconds: 18)
        try expectOneAlert(found)
        withExtendedLifetime((publisher, server)) {}
    }

    @Test(.enabled(if: RTSPServer.isInstalled)) func rtspIsWatched() throws {
        let server = try RTSPServer(file: stream, folder: place.path)
        let found = try watch(server.address, seconds: 14)
        try expectOneAlert(found)
        withExtendedLifetime(server) {}
    }

    // MARK: - What goes wrong

    @Test(.enabled(if: RTMPServer.isInstalled))
    func aPublisherThatComesAgainWithAnotherCodecIsTheSameWatch() throws {
        let server = try RTMPServer(folder: place.path)
        let address = server.address("one")
        let other = place.file("other.flv")
        try Program.ffmpeg(
            "-f lavfi -i testsrc2=s=640x480:r=25:d=4 -c:v flv -g 25 -b:v 800k \(other)")
        let (folder, stream) = (place.path, stream)
        let publishers = Thread {
            for input in [other, stream] {
                let publisher = try? BackgroundProgram(
                    "ffmpeg",
                    ["-nostdin", "-v", "error", "-re", "-i", input, "-c", "copy", "-f", "flv"]
                        + [address], folder: folder)
                publisher?.waitForEnd()
            }
        }
        publishers.start()
        let found = try watch(address, seconds: 22)
        try expectOneAlert(found)
        #expect(number("connections", of: found.watch) >= 2, "\(found.watch)")
        #expect(missed(found.watch)["not_connected"] ?? 0 > 0)
        withExtendedLifetime(server) {}
    }

    @Test func aPublisherThatStallsIsLeftAndFoundAgain() throws {
        let port = try Loopback.freePort()
        let address = "tcp://127.0.0.1:\(port)"
        let publisher = try publish("-i \(stream) -c copy -f mpegts \(address)?listen=1")
        let pid = publisher.pid
        let (folder, stream) = (place.path, stream)
        let trouble = Thread {
            sleep(3)
            kill(pid, SIGSTOP)
            sleep(9)
            publisher.stop()
            let again = try? BackgroundProgram(
                "ffmpeg",
                ["-nostdin", "-v", "error", "-re", "-i", stream, "-c", "copy", "-f", "mpegts"]
                    + [address + "?listen=1"], folder: folder)
            again?.waitForEnd()
        }
        trouble.start()
        let found = try watch(address, seconds: 32)
        try expectOneAlert(found)
        #expect(number("connections", of: found.watch) >= 2, "\(found.watch)")
        #expect(number("examined_s", of: found.watch) < 26, "a stall is not examined")
    }

    @Test func garbageBetweenIsSurvived() throws {
        let port = try Loopback.freePort(datagrams: true)
        let address = "udp://127.0.0.1:\(port)"
        let noise = try place.write(
            "noise",
            Data((0..<600_000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 13) }))
        let (folder, stream) = (place.path, stream)
        let publishers = Thread {
            // Packets of the right size and of nothing, then the stream.
            let garbage = try? BackgroundProgram(
                "ffmpeg",
                ["-nostdin", "-v", "error", "-re", "-f", "data", "-i", noise, "-map", "0", "-c"]
                    + ["copy", "-f", "data", address + "?pkt_size=1316"], folder: folder)
            sleep(3)
            garbage?.stop()
            let publisher = try? BackgroundProgram(
                "ffmpeg",
                [
                    "-nostdin", "-v", "error", "-re", "-stream_loop", "1", "-i", stream, "-c",
                    "copy", "-f", "mpegts",
                ]
                    + [address + "?pkt_size=1316"], folder: folder)
            publisher?.waitForEnd()
        }
        publishers.start()
        // Opening may be at the garbage for as long as opening may take.
        try expectOneAlert(try watch(address, seconds: 32))
    }

    @Test func whatNeverCameIsNotClean() throws {
        let port = try Loopback.freePort()
        let found = try watch("rtmp://127.0.0.1:\(port)/live/none", seconds: 3)
        #expect(found.finished.status == 2 && found.alerts.isEmpty)
        #expect(number("examined_s", of: found.watch) == 0)
        #expect(abs((missed(found.watch)["not_connected"] ?? 0) - 3) < 1.5, "\(found.watch)")
    }

    @Test(arguments: [
        "file:///etc/passwd", "/etc/passwd", "concat:a|b", "rtmp://", "gopher://a/b", "",
        "rtmp://a b/c", "rtmp://a/\u{1b}[31m",
    ])
    func otherAddressesAreRefused(_ url: String) throws {
        let result = try place.vigil("watch", url, "--known", known, "--for", "1")
        #expect(result.status == 64 && result.error.contains("the url "), "\(result.error)")
    }
}

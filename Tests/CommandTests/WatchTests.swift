// `vigil watch` against real servers and publishers: every protocol, and what goes wrong on live
// streams. Each stream begins with something else and goes on with a mirrored copy of a known film.

import Foundation
import Synchronization
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

    private typealias Found = (
        alerts: [[String: Any]], watch: [String: Any], finished: Finished
    )

    private func watch(_ url: String, seconds: Double) throws -> Found {
        try watchTogether([url], seconds: seconds)[0]
    }

    /// Watches several at the same time, each with a program of its own: they take as long as one.
    private func watchTogether(_ urls: [String], seconds: Double) throws -> [Found] {
        let (program, environment, known) = (try Program.vigil(), place.environment, known)
        let results = Mutex<[Int: Result<Finished, any Error>]>([:])
        let group = DispatchGroup()
        for (number, url) in urls.enumerated() {
            group.enter()
            Thread.detachNewThread {
                let result = Result {
                    try Program.run(
                        program,
                        ["watch", url, "--known", known, "--format", "jsonl"]
                            + ["--for", "\(seconds)"], environment: environment)
                }
                results.withLock { $0[number] = result }
                group.leave()
            }
        }
        group.wait()
        return try urls.indices.map { number in
            let result = try #require(try results.withLock { try $0[number]?.get() })
            place.look(at: result, of: ["watch"])
            let watch = try #require(result.objects(ofType: "watch").first, "\(result.error)")
            return (result.objects(ofType: "alert"), watch, result)
        }
    }

    private func publish(_ arguments: String) throws -> BackgroundProgram {
        try BackgroundProgram(
            "ffmpeg",
            ["-nostdin", "-v", "error", "-re"] + arguments.split(separator: " ").map(String.init),
            folder: place.path)
    }

    private func expectOneAlert(_ found: Found) throws {
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

    /// A publisher of a transport stream, and where it is watched.
    private func transport(_ scheme: String) throws -> (BackgroundProgram, String) {
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
        return (try publish("-i \(stream) -c copy -f mpegts \(options)\(parts[0])"), to)
    }

    @Test func transportStreamsAreWatched() throws {
        let publishers = try ["udp", "tcp", "http", "srt"].map(transport)
        for found in try watchTogether(publishers.map(\.1), seconds: 14) {
            try expectOneAlert(found)
        }
        withExtendedLifetime(publishers) {}
    }

    @Test(.enabled(if: RTMPServer.isInstalled)) func rtmpAndHLSAreWatched() throws {
        let server = try RTMPServer(folder: place.path)
        // The key that it is published with is in no output.
        let address = server.address("secretstreamkey")
        let publishers = try [address, server.publishing(hls: "one")].map {
            try publish("-i \(stream) -c copy -f flv \($0)")
        }
        let all = try watchTogether([address, server.playlist("one")], seconds: 18)
        for found in all {
            try expectOneAlert(found)
            #expect(!found.finished.output.contains("secretstreamkey"))
            #expect(!found.finished.error.contains("secretstreamkey"))
        }
        let reports = try place.vigil("report", "list", "--format", "jsonl")
        #expect(!reports.output.contains("secretstreamkey"))
        withExtendedLifetime((publishers, server)) {}
    }

    @Test(.enabled(if: RTSPServer.isInstalled)) func rtspIsWatched() throws {
        let server = try RTSPServer(file: stream, folder: place.path)
        let found = try watch(server.address, seconds: 14)
        try expectOneAlert(found)
        withExtendedLifetime(server) {}
    }

    // MARK: - What goes wrong

    @Test(.enabled(if: RTMPServer.isInstalled))
    func garbageAndAnotherCodecAreTheSameWatch() throws {
        let server = try RTMPServer(folder: place.path)
        let address = server.address("one")
        let garbage = try publishGarbage()
        try publishTwice(to: address)
        // Opening may be at the garbage for as long as opening may take.
        let found = try watchTogether([address, garbage], seconds: 32)
        for each in found { try expectOneAlert(each) }
        #expect(number("connections", of: found[0].watch) >= 2, "\(found[0].watch)")
        #expect(missed(found[0].watch)["not_connected"] ?? 0 > 0)
        withExtendedLifetime(server) {}
    }

    /// A publisher that comes again with another codec.
    private func publishTwice(to address: String) throws {
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
    }

    /// Packets of nothing, then a stream.
    private func publishGarbage() throws -> String {
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
        return address
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

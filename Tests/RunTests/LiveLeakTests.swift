// Two hundred connections that come to nothing: threads, file descriptors, decoders and packets that
// are kept are as before.

import Decode
import Foundation
import Known
import Match
import Report
import Run
import TestSupport
import Testing

@Suite(.serialized) struct LiveLeakTests {
    /// What a process holds.
    private struct Held {
        var threads: Int
        var descriptors: Int
        var decoders: Int

        static func now() throws -> Held {
            let files = FileManager.default
            return Held(
                threads: try files.contentsOfDirectory(atPath: "/proc/self/task").count,
                descriptors: try files.contentsOfDirectory(atPath: "/proc/self/fd").count,
                decoders: MediaLibrary.openDecoders)
        }
    }

    private static let streams = 40, connections = 200
    /// Other tests run in this process: what is lost for each connection shows all the same.
    private static let noise = 150

    @Test func connectionsThatBreakLeaveNothing() throws {
        MediaLibrary.prepare()
        let place = FileManager.default.temporaryDirectory
            .appending(path: "vigil-test-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: place) }
        let clip = try Self.clip(in: place)
        let store = try SQLiteStore(directory: place)
        let before = try Held.now()
        var pipeline = Pipeline()
        pipeline.sampling.maximumGap = 0.5
        let index = KnownIndex(
            [KnownSet(name: "none", createdUnixSeconds: 0)], policy: pipeline.matchPolicy)
        let run = LiveRun(pipeline: pipeline, index: index, store: store) { _ in }
        let publishers = try (0..<Self.streams).map { number in
            try ScriptedPublisher(Self.script(number, clip), repeats: true)
        }
        defer { for publisher in publishers { publisher.stop() } }
        let numbers = try publishers.enumerated().map { number, publisher in
            let scheme = Self.schemes[number % Self.schemes.count]
            return run.watch(
                try LiveInput("\(scheme)://127.0.0.1:\(publisher.port)/live/x"), egress: .watch)
        }
        for _ in 0..<1200 where Self.connections(to: publishers) < Self.connections {
            usleep(50_000)
        }
        #expect(Self.connections(to: publishers) >= Self.connections)
        let statuses = numbers.compactMap { run.status(of: $0) }
        #expect(statuses.count == Self.streams)
        #expect(statuses.contains { $0.samples > $0.keyframes }, "some were followed")
        run.stop()
        #expect(run.limits.followed == 0 && run.limits.keptBytes == 0)
        #expect(run.numbers.isEmpty)
        for number in numbers {
            let status = try #require(run.status(of: number))
            #expect(status.connection == .ended && status.coverage.seconds > 0)
            run.letGo(number)
        }
        for publisher in publishers { publisher.stop() }
        var after = try Held.now()
        // Threads that have ended go a moment later, those of other tests when they are over:
        // nothing tells of either but the list. A thread that is leaked stays.
        for _ in 0..<1200 where after.threads >= before.threads + Self.noise {
            usleep(50_000)
            after = try .now()
        }
        #expect(after.threads < before.threads + Self.noise, "\(before) \(after)")
        #expect(after.descriptors < before.descriptors + Self.noise, "\(before) \(after)")
        #expect(after.decoders < before.decoders + Self.noise, "\(before) \(after)")
    }

    private static let schemes = ["tcp", "http", "rtmp", "rtsp", "tcp"]

    private static func connections(to publishers: [ScriptedPublisher]) -> Int {
        publishers.reduce(0) { $0 + $1.connectionCount }
    }

    /// One keyframe and two seconds.
    private static func clip(in folder: String) throws -> Data {
        let codec = try #require(SyntheticCodec.allCases.first { SyntheticClip.canEncode($0) })
        let clip = try SyntheticClip(
            SyntheticSettings(
                codec: codec, width: 320, height: 180, kilobitsPerSecond: 300, keyframeInterval: 2,
                keyframes: 1), limit: 60, interrupt: Interrupt())
        try clip.write(to: folder + "/clip.ts", as: .mpegts, repeats: 1)
        return try Data(contentsOf: URL(filePath: folder + "/clip.ts"))
    }

    /// What a stream does again and again: nothing, noise, half of a clip, all of it.
    private static func script(_ number: Int, _ clip: Data) -> [ScriptedPublisher.Step] {
        let close = ScriptedPublisher.Step.close(seconds: 0)
        let head = Data("HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\n\r\n".utf8)
        let isHTTP = schemes[number % schemes.count] == "http"
        var random = SeededGenerator(seed: UInt64(number))
        let noise = Data((0..<20_000).map { _ in UInt8.random(in: 0...255, using: &random) })
        let beginning: [ScriptedPublisher.Step] = isHTTP ? [.send(head, seconds: 0)] : []
        switch number % 4 {
        case 0: return [close]
        case 1: return beginning + [.send(noise, seconds: 0.1), close]
        case 2: return beginning + [.send(clip.prefix(clip.count / 2), seconds: 0.1), close]
        default: return beginning + [.send(clip, seconds: 1.2), close]
        }
    }
}

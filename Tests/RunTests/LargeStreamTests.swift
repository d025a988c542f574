// A live stream whose pictures are too large, beside ordinary ones: it is told, they are not disturbed.

import Decode
import Foundation
import Known
import Match
import Report
import Run
import TestSupport
import Testing

@Suite(.serialized) struct LargeStreamTests {
    private static let ordinary = 4

    /// Eight seconds of MPEG-TS, a keyframe each second.
    private static func stream(width: Int, height: Int, in folder: String) throws -> Data {
        let clip = try SyntheticClip(
            SyntheticSettings(
                codec: .h264, width: width, height: height, kilobitsPerSecond: 300,
                keyframeInterval: 1, keyframes: 8), limit: 60, interrupt: Interrupt())
        let path = "\(folder)/\(width).ts"
        try clip.write(to: path, as: .mpegts, repeats: 1)
        return try Data(contentsOf: URL(filePath: path))
    }

    private static func withRun(
        _ body: (LiveRun, _ folder: String) throws -> Void
    ) throws {
        MediaLibrary.prepare()
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "vigil-test-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let pipeline = try Pipeline(yaml: "live: {max_video_px: 320x180}", name: "test")
        let index = KnownIndex(
            [KnownSet(name: "none", createdUnixSeconds: 0)], policy: pipeline.matchPolicy)
        let run = LiveRun(
            pipeline: pipeline, index: index, store: try SQLiteStore(directory: folder)
        ) { _ in }
        try body(run, folder)
    }

    private static func watch(_ publisher: ScriptedPublisher, _ run: LiveRun) throws -> Int {
        run.watch(try LiveInput("tcp://127.0.0.1:\(publisher.port)"), egress: .watch)
    }

    @Test(.enabled(if: SyntheticClip.canEncode(.h264)))
    func theOthersAreNotDisturbed() throws {
        try Self.withRun { run, folder in
            let small = try Self.stream(width: 180, height: 320, in: folder)
            let large = try Self.stream(width: 640, height: 360, in: folder)
            let publishers = [large] + Array(repeating: small, count: Self.ordinary)
            let all = try publishers.map {
                try ScriptedPublisher([.send($0, seconds: 8), .stall(seconds: 30)])
            }
            defer { for publisher in all { publisher.stop() } }
            let numbers = try all.map { try Self.watch($0, run) }
            for _ in 0..<1200 where numbers.contains(where: { Self.judged(run, $0) < 5 }) {
                usleep(50_000)
            }
            run.stop()
            let statuses = numbers.compactMap { run.status(of: $0) }
            try #require(statuses.count == numbers.count)
            #expect(statuses[0].samples == 0 && statuses[0].failed >= 5)
            let problem = statuses[0].problem ?? ""
            #expect(
                problem.hasPrefix("is 640x3") && problem.contains("pixels, more than 320x180"),
                "\(problem)")
            let missed = statuses[0].coverage.missedSeconds
            #expect(missed[.tooLarge, default: 0] > 2 && missed[.undecodable] == nil, "\(missed)")
            #expect(statuses[0].coverage.examinedSeconds == 0)
            for status in statuses.dropFirst() {
                #expect(status.problem == nil && status.failed == 0 && status.samples >= 5)
                #expect(status.coverage.missedSeconds[.tooLarge] == nil)
            }
            #expect(run.limits.pictures.heldBytes == 0 && run.limits.keptBytes == 0)
        }
    }

    @Test(.enabled(if: SyntheticClip.canEncode(.h264)))
    func aStreamThatGrowsAndShrinksIsLookedAtWhereItIsWithin() throws {
        try Self.withRun { run, folder in
            let small = try Self.stream(width: 320, height: 180, in: folder)
            let large = try Self.stream(width: 640, height: 360, in: folder)
            let publisher = try ScriptedPublisher(
                [small, large, small].map { .send($0, seconds: 3) } + [.stall(seconds: 30)])
            defer { publisher.stop() }
            let number = try Self.watch(publisher, run)
            for _ in 0..<1200 where Self.judged(run, number) < 22 { usleep(50_000) }
            run.stop()
            let status = try #require(run.status(of: number))
            #expect(status.failed >= 6 && status.samples >= 12, "\(status)")
            #expect(status.problem == nil, "it is within again")
            #expect(status.coverage.missedSeconds[.tooLarge, default: 0] > 0)
        }
    }

    /// Keyframes of which it is known what became of them.
    private static func judged(_ run: LiveRun, _ number: Int) -> Int {
        run.status(of: number).map { $0.samples + $0.failed + $0.dropped } ?? 0
    }

    @Test func largeKeyframesShareARoom() {
        let limits = FollowLimits(mostPlaces: 1)
        let half = FollowLimits.mostLargeBytes / 2
        var rooms = [limits.takeRoom(half), limits.takeRoom(half)]
        #expect(rooms.allSatisfy { $0 != nil })
        let none = limits.takeRoom(1)
        #expect(none == nil)
        rooms.removeLast()
        let again = limits.takeRoom(half)
        #expect(again != nil)
    }
}

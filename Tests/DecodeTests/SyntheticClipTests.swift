// Clips that are made here decode again and are what they were asked to be.

import Decode
import Foundation
import Testing

@Suite struct SyntheticClipTests {
    init() { MediaLibrary.prepare() }

    private static func settings(
        _ codec: SyntheticCodec, interval: Double = 0.5, keyframes: Int = 3
    ) -> SyntheticSettings {
        SyntheticSettings(
            codec: codec, width: 320, height: 180, kilobitsPerSecond: 600,
            keyframeInterval: interval, keyframes: keyframes)
    }

    private static func withFile<Value>(
        _ clip: SyntheticClip, as container: SyntheticContainer, repeats: Int,
        _ body: (MediaInput) throws -> Value
    ) throws -> Value {
        let path = FileManager.default.temporaryDirectory
            .appending(path: "vigil-test-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try clip.write(to: path, as: container, repeats: repeats)
        return try body(.file(path))
    }

    @Test(arguments: SyntheticCodec.allCases)
    func keyframesStandWhereAskedFor(_ codec: SyntheticCodec) throws {
        guard SyntheticClip.canEncode(codec) else { return }
        let clip = try SyntheticClip(Self.settings(codec), limit: 60, interrupt: Interrupt())
        #expect(clip.settings.seconds == 1.5)
        try Self.withFile(clip, as: .mp4, repeats: 2) { input in
            var source = try FrameSource(
                input, policy: SamplingPolicy(minimumInterval: 0), interrupt: Interrupt())
            var (times, sizes): ([Double], Set<[Int]>) = ([], [])
            var looker = ImmediateLooker { frame in
                times.append(frame.mediaTime)
                sizes.insert([frame.width, frame.height])
            }
            let report = source.forEachFrame(&looker)
            #expect(report.problems.isEmpty, "\(report.problems)")
            #expect(sizes == [[320, 180]])
            try #require(times.count == 6, "\(times)")
            for (number, time) in times.enumerated() {
                #expect(abs(time - 0.5 * Double(number)) < 0.001, "\(times)")
            }
        }
    }

    @Test func transportStreamsHoldEveryPacket() throws {
        guard SyntheticClip.canEncode(.h264) else { return }
        let clip = try SyntheticClip(Self.settings(.h264), limit: 60, interrupt: Interrupt())
        try Self.withFile(clip, as: .mpegts, repeats: 2) { input in
            var walk = try PacketWalk(input, interrupt: Interrupt())
            let count = try walk.readAll()
            #expect(count.packets == 90 && count.keyframes == 6)
            #expect(count.bytes >= 2 * clip.byteCount)
        }
    }

    @Test func keyframesAreDecodedAgainAndAgain() throws {
        guard SyntheticClip.canEncode(.h264) else { return }
        let clip = try SyntheticClip(Self.settings(.h264), limit: 60, interrupt: Interrupt())
        try Self.withFile(clip, as: .mp4, repeats: 1) { input in
            var replay = try KeyframeReplay(input, limit: 2, interrupt: Interrupt())
            #expect(replay.count == 2 && replay.byteCount > 1000)
            for number in 0..<6 {
                let frame = try replay.decode(number)
                #expect(frame.width == 320 && frame.height == 180)
            }
        }
    }

    @Test func theBitrateIsAboutWhatWasAskedFor() throws {
        guard SyntheticClip.canEncode(.h264) else { return }
        let clip = try SyntheticClip(
            Self.settings(.h264, interval: 1), limit: 60, interrupt: Interrupt())
        #expect((300...1200).contains(clip.kilobitsPerSecond), "\(clip.kilobitsPerSecond)")
    }

    @Test func encodingCanBeStoppedAndIsGivenUp() throws {
        guard SyntheticClip.canEncode(.h264) else { return }
        let interrupt = Interrupt()
        interrupt.cancel()
        let settings = Self.settings(.h264)
        let stopped = #expect(throws: DecodeError.self) {
            try SyntheticClip(settings, limit: 60, interrupt: interrupt)
        }
        #expect(stopped?.code == .cancelled)
        let late = #expect(throws: DecodeError.self) {
            try SyntheticClip(settings, limit: 0, interrupt: Interrupt())
        }
        #expect(late?.code == .timedOut)
    }

    @Test func theFilmMovesAndComesRound() {
        let film = SyntheticFilm(width: 64, height: 48, loopFrames: 30)
        let same = SyntheticFilm(width: 64, height: 48, loopFrames: 30)
        #expect(film.luma(frame: 3) == same.luma(frame: 3))
        func difference(_ one: Int, _ other: Int) -> Int {
            zip(film.luma(frame: one), film.luma(frame: other))
                .reduce(0) { $0 + abs(Int($1.0) - Int($1.1)) }
        }
        // Only the noise differs after a whole loop.
        #expect(difference(0, 30) > 0)
        #expect(difference(0, 15) > 4 * difference(0, 30))
        #expect(film.luma(frame: 0).allSatisfy { (16...235).contains($0) })
    }
}

/// Looks at each picture at once and finds all of them usable.
struct ImmediateLooker: PictureLooker {
    let body: (borrowing LumaFrame) -> Void
    private(set) var waiting = 0

    init(_ body: @escaping (borrowing LumaFrame) -> Void) { self.body = body }

    var mostWaiting: Int { 0 }
    var hasRoom: Bool { false }
    var isOldestReady: Bool { true }

    mutating func begin(_ coded: consuming Coded) { Issue.record("there is no room") }
    mutating func begin(_ picture: consuming LumaFrame) {
        body(picture)
        waiting += 1
    }
    mutating func oldest() -> Looked { .seen(isUsable: true) }
    mutating func replaceOldest(with picture: consuming LumaFrame) { body(picture) }
    mutating func acceptOldest(number: Int?) -> Int {
        waiting -= 1
        return 1
    }
    mutating func dropOldest() { waiting -= 1 }
    mutating func dropNewest(_ count: Int) { waiting -= count }
}

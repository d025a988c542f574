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
            let report = source.forEachFrame { frame in
                times.append(frame.mediaTime)
                sizes.insert([frame.width, frame.height])
                return true
            }
            #expect(report.problems.isEmpty, "\(report.problems)")
            #expect(sizes == [[320, 180]])
            try #require(times.count == 6, "\(times)")
            // The MP4 demuxer mixes up the reordering of the frames that it discards, so a keyframe's
            // time can be a few frames off.
            for (number, time) in times.enumerated() {
                #expect(abs(time - 0.5 * Double(number)) < 0.15, "\(times)")
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

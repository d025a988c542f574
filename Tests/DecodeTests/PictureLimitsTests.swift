// Pictures beyond the limits are not decoded, whatever codec says so, and told with their size.

import Decode
import Foundation
import Testing

@Suite struct PictureLimitsTests {
    init() { MediaLibrary.prepare() }

    private static func limits(_ width: Int, _ height: Int, bytes: Int = 1 << 30) -> PictureLimits {
        var limits = PictureLimits.video
        limits.mostPixels = PictureSize(width, height)
        limits.mostBytes = bytes
        return limits
    }

    /// Examines a clip of 320x180, three keyframes.
    private static func examine(
        _ codec: SyntheticCodec, _ limits: PictureLimits, sampling: SamplingPolicy.Mode = .keyframes
    ) throws -> SourceReport {
        let clip = try SyntheticClip(
            SyntheticSettings(
                codec: codec, width: 320, height: 180, kilobitsPerSecond: 300,
                keyframeInterval: 0.5, keyframes: 3), limit: 60, interrupt: Interrupt())
        let path = FileManager.default.temporaryDirectory
            .appending(path: "vigil-test-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try clip.write(to: path, as: .mp4, repeats: 1)
        let interrupt = Interrupt()
        var source = try FrameSource(
            OpenMedia(.file(path), interrupt: interrupt),
            policy: SamplingPolicy(mode: sampling, minimumInterval: 0),
            limits: (limits, .still), interrupt: interrupt)
        var looker = ImmediateLooker { _ in }
        return source.forEachFrame(&looker)
    }

    @Test(arguments: SyntheticCodec.allCases)
    func whatIsTooLargeIsToldWithItsSize(_ codec: SyntheticCodec) throws {
        guard SyntheticClip.canEncode(codec) else { return }
        let report = try Self.examine(codec, Self.limits(150, 100))
        #expect(report.sampled == 0 && report.failed > 0)
        let reason = "is 320x180 pixels, more than 150x100 (decode.max_video_px)"
        // Codecs store whole blocks.
        let stored = "is 320x192 pixels, more than 150x100 (decode.max_video_px)"
        #expect(
            report.problems.contains { $0 == reason || $0 == stored || $0.hasPrefix("is 320x184") },
            "\(report.problems)")
    }

    @Test(arguments: [(320, 180), (180, 320), (100, 576)])
    func theProductCounts(_ width: Int, _ height: Int) throws {
        guard SyntheticClip.canEncode(.h264) else { return }
        let report = try Self.examine(.h264, Self.limits(width, height))
        #expect(report.sampled == 3 && report.problems.isEmpty, "\(report.problems)")
        let less = try Self.examine(.h264, Self.limits(width, height - 1))
        #expect(less.sampled == 0 && !less.problems.isEmpty)
    }

    @Test func memoryOfADecoderIsBounded() throws {
        guard SyntheticClip.canEncode(.h264) else { return }
        // Not enough for one picture, and for all that decoding between keyframes holds.
        for sampling in [SamplingPolicy.Mode.keyframes, .all] {
            let report = try Self.examine(
                .h264, Self.limits(320, 180, bytes: 64 << 10), sampling: sampling)
            #expect(report.sampled == 0)
            #expect(
                report.problems.contains {
                    $0.hasPrefix("needs more than 0 MB to be decoded (decode.max_memory_mb)")
                }, "\(report.problems)")
        }
    }

    @Test func largeDecodersLeaveAsMuchAsTheyTake() {
        let budget = PictureBudget(mostBytes: 1000)
        let (half, more) = (budget.take(500, beside: 0), budget.take(1, beside: 500))
        #expect(half && !more)
        // A second one may hold half of what is left, small ones find room.
        let (toomuch, quarter) = (budget.take(251, beside: 0), budget.take(250, beside: 0))
        #expect(!toomuch && quarter)
        for _ in 0..<10 {
            let isRoom = budget.take(10, beside: 0)
            #expect(isRoom)
        }
        #expect(budget.heldBytes == 850)
        budget.give(850)
        #expect(budget.heldBytes == 0)
    }

    @Test(arguments: [
        ("4096x2304", 4096, 2304), ("64x64", 64, 64), ("16384x16384", 16384, 16384),
    ])
    func sizesAreRead(_ text: String, _ width: Int, _ height: Int) {
        #expect(PictureSize(text: text) == PictureSize(width, height))
        #expect(PictureSize(width, height).description == text)
    }

    @Test(arguments: [
        "", "x", "4096", "4096x", "x2304", "4096X2304", "4096 x 2304", "-1x-1", "0x0", "63x64",
        "16385x16384", "65536x100", "99999999999999999999x1", "640x360x2", "1e3x1e3",
    ])
    func othersAreNot(_ text: String) { #expect(PictureSize(text: text) == nil) }

    @Test func sidesAreBounded() {
        #expect(PictureSize(.max, .max).pixels == 65_535 * 65_535)
        #expect(PictureSize(.min, 0).pixels == 1)
    }
}

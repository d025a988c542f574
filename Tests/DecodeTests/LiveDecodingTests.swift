// What becomes of a live stream's keyframes where decoders are shared, and of those that nobody
// decodes by themselves.

import Decode
import Foundation
import TestSupport
import Testing

@Suite struct LiveDecodingTests {
    private static let keyframes = 4

    /// A stream of MPEG-TS.
    private static func stream(width: Int) throws -> Data {
        let clip = try SyntheticClip(
            SyntheticSettings(
                codec: .h264, width: width, height: 144, kilobitsPerSecond: 200,
                keyframeInterval: 1, keyframes: keyframes), limit: 60, interrupt: Interrupt())
        let place = FileManager.default.temporaryDirectory
            .appending(path: "vigil-test-\(UUID().uuidString).ts")
        defer { try? FileManager.default.removeItem(at: place) }
        try clip.write(to: place.path, as: .mpegts, repeats: 1)
        return try Data(contentsOf: place)
    }

    /// The same without the parameter sets of all keyframes but the first ones: they become filler.
    private static func withoutSets(_ stream: Data, but first: Int) -> Data {
        var stream = stream
        for type in [0x67, 0x68] as [UInt8] {
            var (from, count) = (stream.startIndex, 0)
            while let place = stream.range(of: Data([0, 0, 1, type]), in: from..<stream.endIndex) {
                count += 1
                if count > first { stream[place.upperBound - 1] = 0x0c }
                from = place.upperBound
            }
        }
        return stream
    }

    /// Hands out the keyframes of a stream as a watch reads them.
    private static func read(
        _ stream: Data, _ body: (consuming CodedKeyframe) throws -> Void
    ) throws {
        MediaLibrary.prepare()
        let publisher = try ScriptedPublisher([.send(stream, seconds: 0), .close(seconds: 0)])
        defer { publisher.stop() }
        var reader = try LiveReader(
            try LiveInput("tcp://127.0.0.1:\(publisher.port)"), egress: .watch,
            interrupt: Interrupt())
        while true {
            switch try reader.next(within: 10) {
            case .ended: return
            case .between: break
            case .keyframe(let keyframe, _): try body(keyframe)
            }
        }
    }

    /// Decodes all keyframes.
    /// - Returns: the widths of the pictures; 0 where there was none.
    private static func widths(
        _ stream: Data, _ decoder: inout StandaloneDecoder
    ) throws -> [Int] {
        var widths: [Int] = []
        try read(stream) { keyframe in
            var width = 0
            let isWhole = decoder.decode(.keyframe(keyframe)) { width = $0.width }
            widths.append(isWhole ? width : 0)
        }
        return widths
    }

    @Test(.enabled(if: SyntheticClip.canEncode(.h264)))
    func noStreamIsDecodedWithAnothersParameters() throws {
        let (small, large) = (try Self.stream(width: 192), try Self.stream(width: 256))
        var decoder = StandaloneDecoder(keeping: 4, isBrief: true)
        for _ in 0..<2 {
            let widths = try Self.widths(small, &decoder) + Self.widths(large, &decoder)
            #expect(widths == [192, 192, 192, 192, 256, 256, 256, 256])
        }
        #expect(decoder.openings == 2, "those of one kind share one")
        // What brings no parameters of its own is not decoded with those that somebody left there.
        let without = try Self.widths(Self.withoutSets(small, but: 0), &decoder)
        #expect(!without.isEmpty && without.allSatisfy { $0 == 0 })
    }

    @Test(.enabled(if: SyntheticClip.canEncode(.h264)))
    func parametersThatAreSaidOnceHoldForAllThatFollows() throws {
        let (small, large) = (try Self.stream(width: 192), try Self.stream(width: 256))
        let once = Self.withoutSets(small, but: 1)
        #expect(once != small)
        var decoder = StandaloneDecoder()
        try Self.read(once) { keyframe in
            // Others use it in between.
            let others = try Self.widths(large, &decoder)
            #expect(others.last == 256)
            var width = 0
            let isWhole = decoder.decode(.keyframe(keyframe)) { width = $0.width }
            #expect(isWhole && width == 192)
        }
    }

    @Test(arguments: [true, false])
    func onlyKeyframesThatAreLookedAtAloneAreLeftOut(_ areLookedAt: Bool) throws {
        guard SyntheticClip.canEncode(.h264) else { return }
        let decoder = FollowingDecoder()
        var arrivals: [Double] = []
        var arrival = 0.0
        try Self.read(try Self.stream(width: 192)) { keyframe in
            arrival += 1
            // All have the same time, as leading pictures do.
            let packet = try keyframe.packet(arrival: arrival, isLookedAtAlone: areLookedAt)
            decoder.decode(packet, wants: { _, _ in true }) { _, _, arrival in
                arrivals.append(arrival)
            }
        }
        // The decoder keeps some back.
        #expect(areLookedAt ? arrivals.isEmpty : arrivals.starts(with: [1]), "\(arrivals)")
    }
}

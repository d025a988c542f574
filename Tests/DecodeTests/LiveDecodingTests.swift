// What becomes of a live stream's keyframes that nobody decodes by themselves.

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

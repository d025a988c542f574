// Time stamps of a track: ordinary ones stay as they are, and no others trap, run away, or pass in
// silence.

import Decode
import TestSupport
import Testing

@Suite struct StampLineTests {
    private func line(_ num: Int32 = 1, _ den: Int32 = 1000, start: Int64? = nil) -> StampLine {
        StampLine(timeBase: (num, den), frameRate: (25, 1), start: start)
    }

    /// Sees to packets that are shown when they are decoded, keyframes each 25.
    private func steps(_ line: inout StampLine, _ stamps: [Int64?]) -> [StampLine.Step] {
        stamps.enumerated().map { index, stamp in
            line.next(presentation: stamp, decoding: stamp, isKey: index % 25 == 0)
        }
    }

    @Test func ordinaryStampsStayAsTheyAre() {
        var line = line(start: 80)
        // Reordered, and decoded before they are shown.
        let stamps: [(Int64, Int64)] = [(80, 0), (240, 40), (160, 80), (121, 120), (200, 160)]
        for (index, (pts, dts)) in stamps.enumerated() {
            let step = line.next(presentation: pts, decoding: dts, isKey: index == 0)
            #expect(step.presentation == pts && step.decoding == dts && !step.isDiscontinuity)
            #expect(abs(step.time - Double(pts - 80) / 1000) < 1e-9)
        }
        #expect(line.state.absurd == 0)
    }

    @Test(arguments: [3_600_000, 95_443_000, 86_400_000_000] as [Int64])
    func pausesOfRecordingsAreBelieved(_ pause: Int64) {
        var line = line()
        let times = steps(&line, [0, 40, 40 + pause, 80 + pause]).map(\.time)
        #expect(abs(times[3] - Double(80 + pause) / 1000) < 1e-3)
        #expect(line.state.absurd == 0)
    }

    @Test func timeGoesOnWhereStampsStartOver() {
        var line = line()
        let part = (0..<50).map { Int64($0 * 40) as Int64? }
        let all = steps(&line, part + part + part)
        for (before, after) in zip(all, all.dropFirst()) {
            #expect(abs(after.time - before.time - 0.04) < 1e-6)
        }
        #expect(all.count { $0.isDiscontinuity } == 2)
        #expect(line.state.absurd == 0)
    }

    @Test(arguments: [8_900_000_000_000_000, -8_900_000_000_000_000] as [Int64])
    func stampsThatStartOverByAgesAreNotBelieved(_ far: Int64) {
        var line = line()
        let all = steps(&line, (0..<4000).map { $0 % 2 == 0 ? 0 : far })
        for (before, after) in zip(all, all.dropFirst()) {
            #expect((0...0.05).contains(after.time - before.time))
        }
        #expect(line.state.absurd > 1000)
    }

    @Test func whatIsNoStampIsCounted() {
        for stamp in [.max, .min + 1, 9_000_000_000_000_000, -1 << 62] as [Int64] {
            var line = line()
            let all = steps(&line, [0, stamp, 80])
            #expect(line.state.absurd == 1, "\(stamp)")
            #expect(abs(all[1].time - 0.04) < 1e-6 && abs(all[2].time - 0.08) < 1e-6, "\(stamp)")
        }
    }

    @Test func manyLongPausesDoNotAddUpWithoutEnd() {
        var line = line()
        let pause: Int64 = 90_000_000_000
        let all = steps(&line, (0..<5000).map { Int64($0) * pause })
        #expect(all.allSatisfy { $0.time <= StampLine.longestTrack + 5000 })
        #expect(line.state.absurd > 0)
    }

    @Test func aFirstPacketFarFromTheDeclaredStartIsNotBelieved() {
        for start in [Int64(8_900_000_000_000_000), -8_900_000_000_000_000] {
            var line = line(start: start)
            let all = steps(&line, [0, 40, 80])
            #expect(all.allSatisfy { (0...0.1).contains($0.time) }, "\(all.map(\.time))")
            #expect(line.state.absurd == 1)
        }
    }

    @Test func aTimeBaseOfAgesIsReplaced() {
        for (num, den) in [(Int32.max, 1), (1_000_000, 3)] as [(Int32, Int32)] {
            var line = line(num, den)
            #expect(line.isUnitAbsurd)
            #expect(abs((steps(&line, [0, 1, 2]).last?.time ?? 0) - 0.08) < 1e-6)
        }
        for (num, den) in [(1, Int32.max), (0, 0), (-1, 5), (1, -1), (600, 1)] as [(Int32, Int32)] {
            #expect(!line(num, den).isUnitAbsurd)
        }
    }

    /// Whatever comes, in whatever time base: times are finite and bounded, and stamps fit.
    @Test func noStampsTrapOrRunAway() {
        var random = SeededGenerator(seed: 16)
        let extremes: [Int64?] = [
            nil, .min, .min + 1, .max, .max - 1, 0, 1, -1, 8_999_999_999_999_999,
            -8_999_999_999_999_999, 9_000_000_000_000_000, 1 << 33, 1 << 53, 1 << 62, 90_000,
        ]
        let bases: [(Int32, Int32)] = [
            (1, 1000), (1, 90_000), (1, .max), (.max, 1), (0, 0), (.min, 1), (1, .min), (599, 1),
            (.max, .max), (1, 1_000_000_000),
        ]
        let rates: [(Int32, Int32)] = [(25, 1), (0, 0), (.max, 1), (1, .max), (-1, -1), (1, 600)]
        for base in bases {
            for rate in rates {
                var line = StampLine(
                    timeBase: base, frameRate: rate, start: extremes.randomElement(using: &random)!)
                #expect(line.unit > 0 && line.unit <= 600 && line.frameDuration > 0)
                var place: (StampLine.State, Double)?
                for number in 0..<400 {
                    let stamp = { () -> Int64? in
                        Bool.random(using: &random)
                            ? extremes.randomElement(using: &random)!
                            : Int64.random(in: .min ... .max, using: &random)
                                >> Int64.random(in: 0...63, using: &random)
                    }
                    let (pts, dts) = (stamp(), stamp())
                    let before = line.state
                    let step = line.next(
                        presentation: pts, decoding: dts, isKey: Bool.random(using: &random))
                    #expect(step.time.isFinite && abs(step.time) <= 2 * StampLine.longestTrack)
                    for stamp in [step.presentation, step.decoding].compactMap({ $0 }) {
                        #expect(stamp.magnitude <= 1 << 62)
                        #expect(line.seconds(Double(stamp)).isFinite)
                    }
                    if number == 100 { place = (before, step.time) }
                    if number == 101, let place {
                        // What is read again has the same time again.
                        line.rewind(to: place.0)
                        #expect(line.state.packets == before.packets - 1)
                    }
                }
            }
        }
    }
}

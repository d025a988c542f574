// A reader that goes ahead accepts what a reader that waits for every picture accepts, in the same
// order, whatever the pictures turn out to show and whenever that becomes known.

import Decode
import TestSupport
import Testing

/// A track without media: when its keyframes are and what is in them.
private struct Track {
    struct Keyframe {
        var time: Double
        var isShown: Bool
        var outcome: LookAhead<Int>.Outcome
    }

    var keyframes: [Keyframe] = []

    init(using random: inout SeededGenerator) {
        var time = 0.0
        // Tracks differ in how often something goes wrong, and in how far keyframes lie apart.
        let trouble = Double.random(in: 0...1, using: &random)
        let spacing = Double.random(in: 0.1...8, using: &random)
        for _ in 0..<Int.random(in: 0...60, using: &random) {
            let isTroubled = Double.random(in: 0..<1, using: &random) < trouble
            keyframes.append(
                Keyframe(
                    time: time, isShown: Int.random(in: 0..<20, using: &random) > 0,
                    outcome: !isTroubled
                        ? .usable : Bool.random(using: &random) ? .unusable : .failed))
            time += Double.random(in: 0.05...2, using: &random) * spacing
        }
    }
}

/// What a reader did that others can see.
private enum Event: Equatable {
    case filled(from: Int?, until: Int)
    case accepted(Int)
}

private struct Reader {
    let track: Track
    var sampler = KeyframeSampler(policy: SamplingPolicy())
    var events: [Event] = []

    /// Stands for decoding a stretch in full: every sixth second a picture, some of them flat.
    mutating func fill(from anchor: Int?, until number: Int) {
        events.append(.filled(from: anchor, until: number))
        let start = anchor.map { track.keyframes[$0].time } ?? 0
        let times = stride(from: start, to: track.keyframes[number].time, by: 0.7)
        for time in times where sampler.wantsFill(at: time) && time > sampler.lastSample ?? -1 {
            sampler.sampled(at: time, isUsable: Int(time * 10) % 3 != 0)
        }
    }

    mutating func readWaiting() {
        for (number, keyframe) in track.keyframes.enumerated() {
            if sampler.needsFilling(until: keyframe.time) {
                fill(from: number == 0 ? nil : number - 1, until: number)
            }
            guard keyframe.isShown, sampler.wantsKeyframe(at: keyframe.time),
                keyframe.outcome != .failed
            else { continue }
            events.append(.accepted(number))
            sampler.sampled(at: keyframe.time, isUsable: keyframe.outcome == .usable)
        }
    }

    mutating func readAhead(by most: Int, using random: inout SeededGenerator) {
        var ahead = LookAhead<Int>(from: sampler)
        var waiting: [Int] = []
        var next = 0

        /// Returns whether reading goes back.
        func settle(leaving limit: Int) -> Bool {
            while waiting.count > limit || !waiting.isEmpty && Bool.random(using: &random) {
                let number = waiting.removeFirst()
                let outcome = track.keyframes[number].outcome
                if outcome != .failed { events.append(.accepted(number)) }
                guard let back = ahead.settle(outcome, known: &sampler) else { continue }
                waiting.removeLast(back.dropped)
                next = back.step.place
                #expect(back.step.anchor == (next == 0 ? nil : next - 1))
                return true
            }
            return false
        }

        while true {
            guard next < track.keyframes.count else {
                if settle(leaving: 0) { continue }
                return
            }
            let (number, keyframe) = (next, track.keyframes[next])
            if ahead.sampler.needsFilling(until: keyframe.time) {
                if settle(leaving: 0) { continue }
                if sampler.needsFilling(until: keyframe.time) {
                    fill(from: number == 0 ? nil : number - 1, until: number)
                }
                ahead = LookAhead(from: sampler)
            }
            let isWanted = keyframe.isShown && ahead.sampler.wantsKeyframe(at: keyframe.time)
            ahead.add(
                LookAhead.Step(
                    time: keyframe.time, place: number, anchor: number == 0 ? nil : number - 1,
                    isShown: keyframe.isShown, isWanted: isWanted))
            next += 1
            if isWanted { waiting.append(number) }
            _ = settle(leaving: most)
        }
    }
}

@Suite struct LookAheadTests {
    @Test func goingAheadChangesNothing() {
        for seed in 0..<3000 {
            var random = SeededGenerator(seed: UInt64(seed))
            let track = Track(using: &random)
            var waiting = Reader(track: track)
            waiting.readWaiting()
            for most in [0, 1, 3, 8, 64] {
                var ahead = Reader(track: track)
                ahead.readAhead(by: most, using: &random)
                #expect(ahead.events == waiting.events, "seed \(seed), \(most) ahead")
                #expect(ahead.sampler.longestGap == waiting.sampler.longestGap)
            }
        }
    }
}

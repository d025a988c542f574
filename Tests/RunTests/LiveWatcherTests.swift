// How readers of live streams wait: between tries, for silent streams, and for their turn.

import Run
import TestSupport
import Testing

@Suite struct LiveWatcherTests {
    @Test func waitsBetweenTriesGrowToABound() {
        var random = SeededGenerator(seed: 1)
        var backoff = Backoff()
        var limit = 0.25
        for _ in 0..<100 {
            let wait = backoff.next(using: &random)
            #expect(wait >= min(limit, 15) / 2 && wait <= min(limit, 15))
            limit = min(2 * limit, 1000)
        }
        backoff.succeeded()
        #expect(backoff.next(using: &random) <= 0.25)
        // A thousand that fail at once do not come again at once.
        let waits = (0..<1000).map { _ in
            var other = Backoff()
            for _ in 0..<8 { _ = other.next(using: &random) }
            return other.next(using: &random)
        }
        #expect(waits.max()! - waits.min()! > 6)
    }

    @Test func aStreamThatIsAnnouncedIsTriedOften() {
        var random = SeededGenerator(seed: 1)
        var backoff = Backoff()
        for _ in 0..<20 { _ = backoff.next(now: 100, using: &random) }
        backoff.expect(now: 100)
        for time in 100..<130 { #expect(backoff.next(now: Double(time), using: &random) <= 0.5) }
        #expect(backoff.next(now: 131, using: &random) > 5)
    }

    @Test func silenceIsJudgedByTheStreamsOwnKeyframes() {
        var silence = SilenceLimit()
        #expect(silence.seconds == 6)
        for number in 0..<5 { silence.keyframe(at: Double(number) * 1) }
        #expect(silence.seconds == 6)
        for number in 1...5 { silence.keyframe(at: 4 + Double(number) * 10) }
        #expect(silence.seconds == 30)
        silence.reopened()
        silence.keyframe(at: 1000)
        #expect(silence.seconds <= 30, "a lost connection is no distance of keyframes")
        silence.keyframe(at: 1300)
        #expect(silence.seconds == 60)
        for number in 1...100 { silence.keyframe(at: 1300 + Double(number)) }
        #expect(silence.seconds == 6, "one late keyframe is forgotten in time")
    }

    @Test func whatCameAheadOfItsTimeIsNoSilence() {
        var silence = SilenceLimit()
        silence.keyframe(at: 100)
        // Two segments of six seconds at once, before any distance is known.
        for frame in 0..<300 { silence.packet(of: Double(frame) / 25, at: 100.1) }
        #expect(silence.seconds > 17 && silence.seconds < 19)
        // What comes in time has no credit, nor has another connection.
        silence.packet(of: 24, at: 124.1)
        #expect(silence.seconds == 6)
        silence.packet(of: 40, at: 124.2)
        silence.reopened()
        silence.packet(of: 40, at: 130)
        #expect(silence.seconds == 6)
    }

    @Test func turnsAreSpacedOutAndNobodyWaitsForTheSlow() {
        let gate = OpenGate(spacing: 0.01)
        let waits = (0..<100).map { _ in gate.takeTurn(now: 5) }
        for (number, wait) in waits.enumerated() {
            #expect(abs(wait - Double(number) * 0.01) < 1e-9)
        }
        #expect(gate.takeTurn(now: 100) == 0)
    }
}

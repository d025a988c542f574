// The ledger's arithmetic: every second is accounted for, once, for the right reason.

import Report
import TestSupport
import Testing

@Suite struct CoverageTests {
    private func tracker(at time: Double = 100, unix: Double = 6030) -> CoverageTracker {
        CoverageTracker(at: time, unixSeconds: unix, longestStretch: 12)
    }

    @Test func stretchesBetweenSamplesAreExamined() {
        var coverage = tracker()
        coverage.connection(isUp: true, at: 101)
        for time in stride(from: 102.0, through: 122, by: 2) {
            coverage.keyframe(at: time, .examined)
        }
        coverage.end(at: 123)
        #expect(coverage.total.examinedSeconds == 20 && coverage.total.samples == 11)
        #expect(coverage.total.missedSeconds == [.notConnected: 1, .noKeyframe: 2])
    }

    @Test func aStretchThatIsTooLongIsNot() {
        var coverage = tracker()
        coverage.connection(isUp: true, at: 100)
        coverage.keyframe(at: 100, .examined)
        coverage.keyframe(at: 112, .examined)
        coverage.keyframe(at: 124.5, .examined)
        #expect(coverage.total.examinedSeconds == 12)
        #expect(coverage.total.missedSeconds == [.noKeyframe: 12.5])
    }

    @Test func whatIsShownMeanwhileIsNoLaterThanAStretch() {
        var coverage = tracker()
        coverage.connection(isUp: true, at: 100)
        coverage.keyframe(at: 100, .examined)
        coverage.settle(at: 111)
        #expect(coverage.total.seconds == 0, "it may still turn out to be examined")
        coverage.settle(at: 150)
        #expect(coverage.total.missedSeconds == [.noKeyframe: 38])
        coverage.keyframe(at: 160, .examined)
        #expect(coverage.total.missedSeconds == [.noKeyframe: 60])
        coverage.keyframe(at: 161, .examined)
        #expect(coverage.total.examinedSeconds == 1)
    }

    @Test func reasonsAreKeptApart() {
        var coverage = tracker()
        coverage.connection(isUp: true, at: 100)
        coverage.keyframe(at: 100, .examined)
        coverage.keyframe(at: 102, .missed(.overload))
        coverage.keyframe(at: 104, .missed(.undecodable))
        coverage.keyframe(at: 106, .missed(.lowQuality))
        coverage.keyframe(at: 108, .examined)
        coverage.connection(isUp: false, at: 109)
        coverage.connection(isUp: false, at: 111)
        coverage.connection(isUp: true, at: 119)
        coverage.keyframe(at: 120, .examined)
        coverage.end(at: 120)
        #expect(coverage.total.examinedSeconds == 2)
        #expect(
            coverage.total.missedSeconds == [
                .overload: 2, .undecodable: 2, .lowQuality: 2, .notConnected: 10, .noKeyframe: 2,
            ])
    }

    @Test func keyframesThatArriveAtOnceStandForTheirOwnTime() {
        var coverage = tracker()
        coverage.connection(isUp: true, at: 100)
        coverage.keyframe(at: 100, .examined)
        // A segment of 6 s with three keyframes; the second had no room beside the third.
        coverage.dropped(at: nil, stretch: 2)
        coverage.keyframe(at: 106, .examined)
        coverage.keyframe(at: 106.002, .examined)
        #expect(abs(coverage.total.examinedSeconds - 4.002) < 1e-9)
        // Of the next, the first was looked at, and the others were not before another came.
        coverage.keyframe(at: 112, .examined)
        coverage.dropped(at: 112.002, stretch: 4)
        coverage.keyframe(at: 118, .examined)
        #expect(abs(coverage.total.examinedSeconds - 12) < 1e-9)
        // Of two more, none.
        coverage.dropped(at: 124.002, stretch: 6)
        coverage.dropped(at: 130.002, stretch: 6)
        coverage.keyframe(at: 136, .examined)
        #expect(abs(coverage.total.examinedSeconds - 12) < 1e-9, "more than 12 s apart")
        #expect(abs(coverage.total.seconds - 36) < 1e-9)
    }

    @Test func keyframesThatArriveInTimeOweNothing() {
        var coverage = tracker()
        coverage.connection(isUp: true, at: 100)
        coverage.keyframe(at: 100, .examined)
        // Early and late by turns, every other one dropped.
        for number in 1...100 {
            let time = 100 + 2 * Double(number)
            let late = number % 4 < 2 ? 0.3 : 0
            if number % 2 == 0 {
                coverage.keyframe(at: time + late, .examined)
            } else {
                coverage.dropped(at: time + late, stretch: 2)
            }
        }
        #expect(abs(coverage.total.examinedSeconds - 100) < 1)
        #expect(abs(coverage.total.missedSeconds[.overload, default: 0] - 100) < 1)
        // What was owed does not outlive the connection.
        coverage.dropped(at: nil, stretch: 30)
        coverage.connection(isUp: false, at: 301)
        coverage.connection(isUp: true, at: 301)
        coverage.keyframe(at: 302, .examined)
        coverage.keyframe(at: 304, .examined)
        #expect(coverage.total.examinedSeconds > 101)
    }

    @Test func whatWasMissedBetweenIsNotHiddenByASampleAfterIt() {
        var coverage = tracker()
        coverage.connection(isUp: true, at: 100)
        coverage.keyframe(at: 100, .examined)
        // Each is near to the one before, but the two that were looked at are 18 s apart.
        coverage.keyframe(at: 106, .missed(.undecodable))
        coverage.keyframe(at: 112, .missed(.undecodable))
        coverage.keyframe(at: 118, .examined)
        #expect(coverage.total.examinedSeconds == 0)
        #expect(coverage.total.missedSeconds == [.undecodable: 18])
        coverage.keyframe(at: 120, .examined)
        #expect(coverage.total.examinedSeconds == 2)
        // Nothing was seen in this connection before the first that could be decoded.
        coverage.connection(isUp: false, at: 120)
        coverage.connection(isUp: true, at: 120)
        coverage.keyframe(at: 121, .missed(.undecodable))
        coverage.keyframe(at: 123, .examined)
        #expect(coverage.total.examinedSeconds == 2)
        #expect(coverage.total.missedSeconds == [.undecodable: 21])
    }

    @Test func whatTheMachineCannotDoIsNotTheStreamsFault() {
        var coverage = tracker()
        coverage.connection(isUp: true, at: 100)
        coverage.keyframe(at: 100, .examined)
        coverage.lacksTime()
        coverage.settle(at: 130)
        #expect(coverage.total.missedSeconds == [.overload: 18])
        coverage.keyframe(at: 140, .examined)
        #expect(coverage.total.missedSeconds == [.overload: 40])
        // Where nothing was missed for it, it is no reason.
        coverage.lacksTime()
        coverage.keyframe(at: 150, .examined)
        coverage.keyframe(at: 170, .examined)
        #expect(coverage.total.missedSeconds == [.overload: 40, .noKeyframe: 20])
        #expect(coverage.total.examinedSeconds == 10)
    }

    @Test func minutesAreThoseOfTheWallClock() {
        var coverage = tracker(at: 100, unix: 6030)
        coverage.connection(isUp: true, at: 100)
        coverage.keyframe(at: 100, .examined)
        for time in stride(from: 110.0, through: 230, by: 10) {
            coverage.keyframe(at: time, .examined)
        }
        let minutes = coverage.takeFinished()
        #expect(minutes.map(\.startUnixSeconds) == [6000, 6060])
        #expect(minutes.map(\.seconds) == [30, 60] && coverage.takeFinished().isEmpty)
        coverage.end(at: 240)
        coverage.end(at: 300)
        coverage.settle(at: 300)
        coverage.keyframe(at: 300, .examined)
        let rest = coverage.takeFinished()
        #expect(rest.map(\.startUnixSeconds) == [6120] && rest.map(\.seconds) == [50])
        #expect(coverage.total.seconds == 140)
    }

    @Test func everySecondCountsOnceWhateverHappens() {
        var random = SeededGenerator(seed: 9)
        for _ in 0..<50 {
            var coverage = tracker(at: 0, unix: Double.random(in: 0...1e9, using: &random))
            var (time, minutes) = (0.0, [CoverageMinute]())
            for _ in 0..<200 {
                time += Double.random(in: 0...30, using: &random)
                switch Int.random(in: 0..<5, using: &random) {
                case 0: coverage.connection(isUp: Bool.random(using: &random), at: time)
                case 1: coverage.settle(at: time)
                case 2: coverage.keyframe(at: time, .missed(.overload))
                // What was dropped or looked at arrived some time ago.
                case 3: coverage.keyframe(at: time - 5, .examined)
                default: coverage.keyframe(at: time, .examined)
                }
                minutes += coverage.takeFinished()
            }
            coverage.end(at: time)
            minutes += coverage.takeFinished()
            #expect(abs(coverage.total.seconds - time) < 1e-6)
            #expect(abs(minutes.map(\.seconds).reduce(0, +) - time) < 1e-6)
            let starts = minutes.map(\.startUnixSeconds)
            #expect(zip(starts, starts.dropFirst()).allSatisfy { $1 == $0 + 60 })
            #expect(minutes.dropFirst().dropLast().allSatisfy { abs($0.seconds - 60) < 1e-6 })
        }
    }
}

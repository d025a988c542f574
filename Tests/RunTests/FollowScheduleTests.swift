// When a stream is decoded between its keyframes, and how little of that is looked at.

import Decode
import Run
import Testing

@Suite struct FollowScheduleTests {
    private typealias Moment = FollowSchedule.Moment

    private func at(_ seconds: Double) -> Moment { Moment(time: seconds, arrival: seconds + 100) }

    private func expect(
        _ isEnough: Bool, _ schedule: inout FollowSchedule, _ sight: FollowSchedule.Sight,
        at moment: Moment
    ) {
        let answer = schedule.judged(sight, at: moment)
        #expect(answer == isEnough)
    }

    @Test func streamsWhoseKeyframesComeAreNotFollowed() {
        var schedule = FollowSchedule(SamplingPolicy())
        #expect(!schedule.isDue(at: at(0)), "there is nothing to begin with")
        // The longest distance of keyframes that is common.
        for time in stride(from: 0.0, to: 100, by: 10.43) {
            #expect(!schedule.isDue(at: at(time - 0.04)))
            schedule.keyframe(at: at(time))
            expect(true, &schedule, .usable, at: at(time))
        }
    }

    @Test func aLongGapIsDecodedBeforeItIsTooLong() {
        var schedule = FollowSchedule(SamplingPolicy())
        schedule.keyframe(at: at(0))
        _ = schedule.judged(.usable, at: at(0))
        #expect(!schedule.isDue(at: at(10.7)) && schedule.isDue(at: at(10.9)))
        var samples = [0.0]
        for time in stride(from: 0.04, to: 300, by: 0.04) where schedule.wantsFill(at: at(time)) {
            schedule.filled(.usable, at: at(time))
            samples.append(time)
        }
        #expect(zip(samples, samples.dropFirst()).allSatisfy { (1.99...2.1).contains($1 - $0) })
    }

    @Test func neitherStampsThatStandStillNorBurstsHideAGap() {
        var schedule = FollowSchedule(SamplingPolicy())
        let start = Moment(time: 5, arrival: 50)
        schedule.keyframe(at: start)
        _ = schedule.judged(.usable, at: start)
        #expect(schedule.isDue(at: Moment(time: 5, arrival: 61)))
        #expect(schedule.isDue(at: Moment(time: 16, arrival: 50.1)))
    }

    @Test func aMachineThatIsLateDoesNotDecodeMoreForThat() {
        var schedule = FollowSchedule(SamplingPolicy())
        for time in stride(from: 0.0, to: 60, by: 2) {
            schedule.keyframe(at: at(time))
            #expect(!schedule.isDue(at: at(time + 1.9)), "none was looked at, but they came")
        }
        #expect(schedule.isDue(at: at(69)))
    }

    @Test func brokenKeyframesAreFollowedAtOnce() {
        var schedule = FollowSchedule(SamplingPolicy())
        schedule.keyframe(at: at(0))
        #expect(!schedule.isDue(at: at(0.1)))
        expect(false, &schedule, .damaged, at: at(0))
        #expect(schedule.isDue(at: at(0.2)))
        schedule.keyframe(at: at(2))
        expect(true, &schedule, .usable, at: at(2))
        #expect(!schedule.isDue(at: at(2.1)))
        schedule.reopened()
        #expect(!schedule.isDue(at: at(50)))
    }

    @Test func flatKeyframesDoNotStandForWhatLiesBetween() {
        var schedule = FollowSchedule(SamplingPolicy())
        for time in stride(from: 0.0, through: 10, by: 2) {
            schedule.keyframe(at: at(time))
            expect(false, &schedule, .flat, at: at(time))
        }
        #expect(schedule.isDue(at: at(11)))
        #expect(schedule.wantsFill(at: at(11)))
        // Something is hidden: it goes on.
        schedule.filled(.usable, at: at(11))
        schedule.keyframe(at: at(12))
        expect(false, &schedule, .flat, at: at(12))
        // It is as flat as the keyframes are: another look in a while.
        schedule.filled(.flat, at: at(13.5))
        schedule.keyframe(at: at(14))
        expect(true, &schedule, .flat, at: at(14))
        #expect(!schedule.isDue(at: at(24)) && schedule.isDue(at: at(25)))
    }

    @Test func whatGivesNoPicturesIsNoticed() {
        var schedule = FollowSchedule(SamplingPolicy())
        schedule.keyframe(at: at(0))
        _ = schedule.judged(.damaged, at: at(0))
        #expect(!schedule.isStarved(at: at(3)) && schedule.isStarved(at: at(5)))
        schedule.filled(.damaged, at: at(5))
        #expect(!schedule.isStarved(at: at(6)))
    }

    @Test func aStreamThatNobodyCanDecodeIsOpenedAgainMoreAndMoreSeldom() {
        var repair = RepairLimit()
        var (start, opened) = (0.0, [Double]())
        for now in stride(from: 0.0, to: 7200, by: 1) {
            let isDue = repair.isDue(failingSince: start, samples: 3, now: now)
            if isDue {
                opened.append(now)
                start = now
            }
        }
        #expect(opened.count >= 10 && opened.count <= 24, "\(opened)")
        #expect(opened[0] <= 10)
        let whileItHolds = repair.isDue(failingSince: nil, samples: 4, now: 9000)
        let afterwards = repair.isDue(failingSince: 9000, samples: 4, now: 9007)
        #expect(!whileItHolds && afterwards)
    }

    @Test func whichKeyframesArePassedOverCannotBeKnown() {
        var times: [[Double]] = []
        for _ in 0..<2 {
            var spacing = KeyframeSpacing(shortest: 0.5)
            times.append(
                stride(from: 0.0, to: 60, by: 0.04).filter {
                    spacing.wants(time: $0, arrival: $0)
                })
        }
        for each in times {
            #expect(
                zip(each, each.dropFirst()).allSatisfy {
                    (0.499...0.8).contains($1 - $0)
                })
        }
        #expect(times[0] != times[1])
    }
}

// The course of a stop, step by step, without a clock.

import Match
import Report
import Serve
import Testing

@Suite struct StopProcessTests {
    private func kinds(_ actions: [StopProcess.Action]) -> [AlertStep.Kind] {
        actions.compactMap { if case .record(let step) = $0 { step.kind } else { nil } }
    }

    private func begun(at time: Int64 = 1000) -> StopProcess {
        var process = StopProcess()
        _ = process.begin(isHeld: false, at: time)
        return process
    }

    @Test func itIsAskedForAtOnceAndRecordedBefore() {
        var process = StopProcess()
        let actions = process.begin(isHeld: false, at: 1000)
        #expect(
            actions == [
                .record(AlertStep(.detected, at: 1000)),
                .record(AlertStep(.stopRequested, at: 1000)), .deny, .drop,
            ])
        #expect(process.phase == .dropping && process.wakeAt == nil)
        #expect(process.begin(isHeld: false, at: 1001).isEmpty)
    }

    @Test func itIsGoneWhenSeenSoTwiceASecondApart() {
        var process = begun()
        #expect(process.dropped(.dropped, at: 1010) == [.check])
        #expect(process.looked(false, at: 1020).isEmpty)
        #expect(process.wakeAt == 2020)
        #expect(process.tick(at: 2019).isEmpty)
        #expect(process.tick(at: 2020) == [.check])
        let end = process.looked(false, at: 2030)
        #expect(kinds(end) == [.confirmedGone] && process.phase == .gone)
        #expect(process.tick(at: 999_999).isEmpty && process.wakeAt == nil)
    }

    @Test func oneSightOfNothingIsNotEnough() {
        var process = begun()
        _ = process.dropped(.dropped, at: 1010)
        _ = process.looked(false, at: 1020)
        #expect(process.tick(at: 2020) == [.check])
        #expect(process.looked(true, at: 2030).isEmpty)
        // Back to looking; a new sight of nothing starts over.
        var time = process.wakeAt ?? 0
        var actions = process.tick(at: time)
        while actions != [.check], time < 20_000 {
            actions = process.dropped(.dropped, at: time)
        }
        #expect(process.looked(false, at: time + 10).isEmpty)
        time = process.wakeAt ?? 0
        #expect(process.tick(at: time) == [.check])
        #expect(kinds(process.looked(false, at: time)) == [.confirmedGone])
    }

    @Test func afterTheServersWordOneLookIsEnough() {
        var process = begun()
        _ = process.dropped(.dropped, at: 1010)
        _ = process.looked(true, at: 1020)
        #expect(process.unpublished(at: 1030) == [.check])
        #expect(kinds(process.looked(false, at: 1040)) == [.confirmedGone])
        #expect(process.looked(true, at: 1050).isEmpty && process.isFinished)
        // Its word may come before the answer to the request, or instead of one.
        var early = begun()
        #expect(early.unpublished(at: 1005).isEmpty)
        #expect(early.dropFailed("no answer", at: 1010).last == .check)
        #expect(kinds(early.looked(nil, at: 1020)) == [.confirmedGone])
        // Before anything was asked it says nothing about the stop.
        var idle = StopProcess()
        #expect(idle.unpublished(at: 1).isEmpty && idle.phase == .idle)
    }

    /// Somebody else who is turned away at the same place makes the server say that they ended.
    @Test func theWordAboutAnotherPublisherEndsNothingAndDelaysNothing() {
        var process = begun(at: 0)
        _ = process.dropped(.dropped, at: 0)
        _ = process.looked(true, at: 0)
        var drops = 0
        for time in stride(from: Int64(0), to: 30_000, by: 50) {
            var actions = process.unpublished(at: time) + process.tick(at: time)
            for _ in 0..<4 {
                if actions.contains(.drop) {
                    drops += 1
                    actions = process.dropped(.dropped, at: time)
                } else if actions.contains(.check) {
                    actions = process.looked(true, at: time)
                }
            }
            #expect(!process.isFinished)
        }
        #expect(drops >= 5)
    }

    @Test func failuresAreTriedAgainWithGrowingPauses() {
        var process = begun(at: 0)
        var time: Int64 = 0
        var pauses: [Int64] = []
        for _ in 0..<9 {
            #expect(kinds(process.dropFailed("no answer", at: time)) == [.stopFailed])
            let wake = process.wakeAt ?? time
            pauses.append(wake - time)
            time = wake
            #expect(kinds(process.tick(at: time)) == [.stopRequested])
            #expect(process.phase == .dropping)
        }
        #expect(pauses == [250, 500, 1000, 2000, 4000, 8000, 15000, 15000, 15000])
    }

    @Test func itIsGivenUpAfterFiveMinutesAndNotBefore() {
        var process = begun(at: 0)
        var time: Int64 = 0
        var steps = 0
        var last: [StopProcess.Action] = []
        while !process.isFinished, steps < 1000 {
            steps += 1
            last = process.dropFailed("no answer", at: time)
            if process.isFinished { break }
            time = process.wakeAt ?? time
            last = process.tick(at: time)
        }
        #expect(time == 300_000 && process.phase == .givenUp && steps < 40)
        #expect(kinds(last) == [.stopGivenUp] && last.last == .giveUp)
        #expect("\(last)".contains("no answer"))
    }

    @Test func whatIsStillThereIsAskedForAgain() {
        var process = begun(at: 0)
        _ = process.dropped(.dropped, at: 0)
        var time: Int64 = 0
        var requests = 0
        var looks = 0
        while !process.isFinished, looks < 10_000 {
            looks += 1
            _ = process.looked(true, at: time)
            if process.isFinished { break }
            time = process.wakeAt ?? time
            if process.tick(at: time).contains(.drop) {
                requests += 1
                #expect(process.dropped(.dropped, at: time) == [.check])
            }
        }
        #expect(process.phase == .givenUp && time == 300_000)
        #expect(requests > 5 && requests < 40 && looks < 400)
    }

    @Test func aServerThatCannotTellIsAskedUntilItFindsNothing() {
        var process = begun(at: 0)
        _ = process.dropped(.dropped, at: 10)
        #expect(process.looked(nil, at: 10).isEmpty)
        #expect(process.tick(at: 1010).contains(.drop))
        _ = process.dropped(.notThere, at: 1020)
        #expect(process.looked(nil, at: 1020).isEmpty && !process.isFinished)
        #expect(process.tick(at: process.wakeAt ?? 0).contains(.drop))
        _ = process.dropped(.notThere, at: 2100)
        #expect(kinds(process.looked(nil, at: 2100)) == [.confirmedGone])
    }

    @Test func aServerThatTellsNothingAtAllEndsWithAPerson() {
        var process = begun(at: 0)
        var time: Int64 = 0
        for _ in 0..<1000 where !process.isFinished {
            _ = process.dropped(.dropped, at: time)
            _ = process.looked(nil, at: time)
            if process.isFinished { break }
            time = process.wakeAt ?? time
            _ = process.tick(at: time)
        }
        #expect(process.phase == .givenUp && time == 300_000)
    }

    @Test func underAHoldNothingIsDone() {
        var process = StopProcess()
        let actions = process.begin(isHeld: true, at: 5)
        #expect(kinds(actions) == [.detected, .held] && actions.count == 2)
        #expect(process.tick(at: 900_000).isEmpty && process.phase == .held)
        #expect(process.unpublished(at: 900_001).isEmpty)
        let later = process.holdEnded(at: 1_000_000)
        #expect(kinds(later) == [.stopRequested] && later.suffix(2) == [.deny, .drop])
        // Its five minutes begin with the request.
        _ = process.dropFailed("x", at: 1_000_001)
        #expect(!process.isFinished)
    }

    @Test func aHoldThatComesLaterStopsTheTriesAndLiftsTheDenial() {
        var process = begun()
        _ = process.dropFailed("x", at: 1010)
        let actions = process.held(at: 1020)
        #expect(kinds(actions) == [.held] && actions.last == .lift)
        #expect(process.tick(at: 99_999).isEmpty && process.wakeAt == nil)
        #expect(process.held(at: 1021).isEmpty)
    }

    @Test func whatWasBegunIsTakenUpAgain() {
        let steps = [
            AlertStep(.detected, at: 1), AlertStep(.stopRequested, at: 2),
            AlertStep(.stopFailed, at: 3),
        ]
        var process = StopProcess()
        // Long after: the service was down, so its time begins anew.
        let actions = process.resume(steps, isHeld: false, at: 9_000_000)
        #expect(kinds(actions) == [.stopRequested] && actions.suffix(2) == [.deny, .drop])
        _ = process.dropped(.notThere, at: 9_000_010)
        #expect(!process.isFinished)
        var held = StopProcess()
        let lifted = held.resume(steps, isHeld: true, at: 9_000_000)
        #expect(kinds(lifted) == [.held] && lifted.last == .lift && !lifted.contains(.drop))
        for end in [AlertStep.Kind.confirmedGone, .stopGivenUp, .endedByItself] {
            var over = StopProcess()
            let none = over.resume(steps + [AlertStep(end, at: 4)], isHeld: false, at: 10)
            #expect(none.isEmpty && over.isFinished)
        }
        var never = StopProcess()
        #expect(never.resume([], isHeld: false, at: 2).isEmpty)
        // Killed before it was asked for, or while a hold kept it waiting.
        for steps in [[AlertStep(.detected, at: 1)], [steps[0], AlertStep(.held, at: 2)]] {
            var early = StopProcess()
            #expect(early.resume(steps, isHeld: false, at: 5).contains(.drop))
        }
    }

    @Test func somebodyWhoComesBackIsStoppedAgain() {
        var process = begun()
        _ = process.dropped(.dropped, at: 1010)
        _ = process.looked(false, at: 1020)
        #expect(process.republished(at: 1100).contains(.drop))
        _ = process.dropped(.dropped, at: 1110)
        _ = process.looked(false, at: 1120)
        #expect(!process.isFinished && process.wakeAt == 2120)
    }

    /// However long somebody hammers, an alert's steps stay within what a store keeps.
    @Test func stepsAreBounded() {
        var process = begun(at: 0)
        var count = 2
        for time in 0..<Int64(500) {
            count += kinds(process.republishDenied("203.0.113.5", at: time)).count
            count += kinds(process.dropFailed("x", at: time)).count
            if let wake = process.wakeAt { count += kinds(process.tick(at: wake)).count }
        }
        #expect(count < ActionLimits.steps)
    }

    @Test func aClockThatGoesBackChangesNothing() {
        var process = begun(at: 10_000)
        _ = process.dropped(.dropped, at: 5000)
        _ = process.looked(false, at: 4000)
        #expect(process.wakeAt == 11_000)
        #expect(process.tick(at: 0).isEmpty)
    }

    // MARK: Rules

    @Test func rulesMatchWhatTheyName() throws {
        var random = SystemRandomNumberGenerator()
        let alert = Alert(
            id: AlertID(unixMilliseconds: 0, using: &random), input: "x",
            known: KnownReference(set: "hotline", item: "1", category: "A1"), firstSeen: 0,
            lastSeen: 1, framesMatched: 3, knownShare: 0.1, bestDistance: 12, variant: "original",
            rule: "video_frames")
        #expect(![StopRule]().matches(alert) && !StopRule().matches(alert))
        #expect(StopRule(set: "hotline").matches(alert))
        #expect(!StopRule(set: "other").matches(alert) && StopRule(set: "*").matches(alert))
        #expect(StopRule(category: "A1").matches(alert) && !StopRule(category: "").matches(alert))
        #expect(StopRule(leastFrames: 3).matches(alert) && !StopRule(leastFrames: 4).matches(alert))
        #expect(StopRule(mostDistance: 12).matches(alert))
        #expect(!StopRule(set: "hotline", mostDistance: 11).matches(alert))
        #expect([StopRule(set: "other"), StopRule(category: "A1")].matches(alert))
    }
}

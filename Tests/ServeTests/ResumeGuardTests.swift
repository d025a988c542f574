// Which streams are read after the service fell, and when: by a clock that the test sets.

import Match
import Report
import Run
import Serve
import Testing

private let noon: Int64 = 1_800_000_000_000
private let key = String(repeating: "a", count: 64), other = String(repeating: "b", count: 64)
private let stream = StreamID(newID()), innocent = StreamID(newID())

private func fall(
    crashed: JournalRemains.Act? = nil, _ acts: [JournalRemains.Act] = []
)
    -> JournalRemains
{
    var remains = JournalRemains()
    remains.end = .fell
    (remains.crashed, remains.acts) = (crashed, acts)
    remains.signal = crashed == nil ? nil : 11
    return remains
}

private func orderly() -> JournalRemains {
    var remains = JournalRemains()
    remains.end = .orderly
    return remains
}

/// A service that falls and begins again, with what it wrote.
private struct Life {
    var written: [String: StreamSuspicion] = [:]
    var now = noon
    var guardian = ResumeGuard()

    mutating func write(_ step: ResumeGuard.Step) {
        for key in step.forgotten { written[key] = nil }
        for suspicion in step.changed { written[suspicion.key] = suspicion }
    }

    mutating func begin(
        _ remains: JournalRemains, suspects: [String] = [], isCertain: Bool = true
    ) {
        guardian = ResumeGuard()
        write(
            guardian.begin(
                Array(written.values), after: remains, suspects: (suspects, isCertain), at: now))
    }

    /// Seconds until the stream is read, alone; `nil` where it is read at once.
    mutating func wait() -> Double? {
        guard case .later(let time, _) = guardian.stand(of: key, stream, at: now) else {
            return nil
        }
        let start = now
        now = time - 1
        let early = guardian.step(at: now)
        #expect(!early.begun.contains(stream), "too early")
        write(early)
        for _ in 0..<100 {
            now += 1000
            let step = guardian.step(at: now)
            write(step)
            if step.begun == [stream] { return Double(now - start) / 1000 }
        }
        return .infinity
    }
}

@Suite struct ResumeGuardTests {
    @Test func whatCrashesIsHeldBackForLongerAndLonger() {
        var life = Life()
        var waits: [Double] = []
        for _ in 0..<5 {
            life.begin(fall(), suspects: [key])
            waits.append(life.wait() ?? 0)
            #expect(life.written[key]?.isOnProbation == true, "written before it is read")
            life.now += 5000
        }
        for (wait, expected) in zip(waits, [10, 600, 3600, 21_600, 21_600]) {
            #expect(abs(wait - Double(expected)) <= 1.1, "\(waits)")
        }
    }

    @Test func oneThatWasOnProbationNeedsNoFurtherProof() {
        var life = Life()
        life.begin(fall(), suspects: [key], isCertain: false)
        let first = life.wait() ?? 0
        #expect(abs(first - 3) <= 1.1)
        // Nobody knows who did it; but this one was read alone.
        life.begin(fall())
        let second = life.wait() ?? 0
        #expect(abs(second - 600) <= 1.1)
        // Another one did it.
        life.begin(fall(), suspects: [other])
        #expect(life.written[key]?.falls == 2 && life.written[key]?.isOnProbation == false)
    }

    @Test func chanceIsForgiven() {
        var life = Life()
        life.begin(fall(), suspects: [key])
        _ = life.wait()
        life.now += 61_000
        life.write(life.guardian.step(at: life.now))
        // It has stood its probation: a fall that others cause is none of its.
        life.begin(fall())
        #expect(life.wait() == nil)
        // But what it did is remembered for a day.
        life.begin(fall(), suspects: [key])
        let wait = life.wait() ?? 0
        #expect(abs(wait - 600) <= 1.1, "\(wait)")
        life.now += 25 * 3_600_000
        life.begin(orderly())
        #expect(life.written.isEmpty && life.wait() == nil)
    }

    @Test func anEndInOrderClearsTheFirstFall() {
        var life = Life()
        life.begin(fall(), suspects: [key])
        life.write(.init(changed: life.guardian.endAll()))
        life.begin(orderly())
        #expect(life.wait() == nil)
        life.begin(fall(), suspects: [key])
        life.begin(orderly())
        let wait = life.wait() ?? 0
        #expect(wait > 500, "one that is held back stays so: \(wait)")
    }

    @Test func suspectsAreReadOneByOne() {
        var life = Life()
        life.begin(fall(), suspects: [key, other])
        guard case .later = life.guardian.stand(of: key, stream, at: life.now),
            case .later = life.guardian.stand(of: other, innocent, at: life.now)
        else { return #expect(Bool(false), "both wait") }
        var begun: [(Int64, [StreamID])] = []
        for second in 0..<120 {
            let step = life.guardian.step(at: noon + Int64(second) * 1000)
            if !step.begun.isEmpty { begun.append((Int64(second), step.begun)) }
        }
        #expect(begun.count == 2 && begun.allSatisfy { $0.1.count == 1 })
        #expect(begun.last.map { $0.0 - begun[0].0 >= 30 } ?? false, "each alone for a while")
        #expect(Set(begun.flatMap(\.1)) == [stream, innocent])
    }

    @Test func anOperatorReleasesAndAnEndedWatchWaitsNoMore() {
        var life = Life()
        for _ in 0..<2 {
            life.begin(fall(), suspects: [key])
            _ = life.wait()
        }
        life.begin(fall(), suspects: [key])
        #expect(life.guardian.stand(of: key, stream, at: life.now) != .free)
        #expect(life.guardian.release(key, at: life.now)?.isOnProbation == true)
        #expect(life.guardian.stand(of: key, stream, at: life.now) == .free)
        #expect(life.guardian.release(key, at: life.now) == nil, "it is read already")
        #expect(life.guardian.ended(key)?.isOnProbation == false)
        // A new watch of the same address begins where the old one was.
        #expect(life.guardian.stand(of: key, innocent, at: life.now) != .free)
    }

    @Test func aClockThatGoesBackHoldsNobodyUp() {
        var life = Life()
        life.begin(fall(), suspects: [key])
        life.now -= 30 * 86_400_000
        life.begin(fall())
        guard case .later(let time, _) = life.guardian.stand(of: key, stream, at: life.now) else {
            return
        }
        #expect(time - life.now <= 21_600_000)
    }

    @Test func suspectsAreThoseInHand() {
        let looked = JournalRemains.Act(stream: stream, isLooking: true, lasted: 1.5)
        let brief = JournalRemains.Act(stream: innocent, isLooking: true, lasted: 0.01)
        let idle = JournalRemains.Act(stream: innocent, isLooking: false, lasted: 900, busy: 0.02)
        let busy = JournalRemains.Act(stream: stream, isLooking: false, lasted: 900, busy: 0.9)
        #expect(ResumeGuard.suspects(in: fall([looked, brief, idle])).streams == [stream])
        #expect(ResumeGuard.suspects(in: fall([idle, busy])).streams == [stream])
        #expect(ResumeGuard.suspects(in: fall([idle, brief])).streams.isEmpty)
        let crash = ResumeGuard.suspects(in: fall(crashed: idle, [looked, idle]))
        #expect(crash.streams == [innocent] && crash.isCertain)
        let many = (0..<9).map { _ in
            JournalRemains.Act(stream: StreamID(newID()), isLooking: true, lasted: 2)
        }
        #expect(ResumeGuard.suspects(in: fall(many)).streams.isEmpty, "it is the machine")
        for end in [JournalRemains.End.withMachine, .orderly, .unknown] {
            var remains = fall([looked])
            remains.end = end
            #expect(ResumeGuard.suspects(in: remains).streams.isEmpty)
        }
    }

    @Test func readersAreSpacedOutFromFallToFall() {
        let spacings = (0..<2000).map(ResumeGuard.spacing)
        #expect(spacings[0] == LiveRun.usualSpacing && spacings.max() == 0.05)
        #expect(zip(spacings, spacings.dropFirst()).allSatisfy { $0 <= $1 })
    }
}

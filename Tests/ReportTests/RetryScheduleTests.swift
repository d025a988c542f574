// The schedule of attempts, the header Retry-After, and the circuit breaker.

import Report
import TestSupport
import Testing

@Suite struct RetryScheduleTests {
    @Test func theScheduleIsThatOfTheSpecification() {
        let schedule = RetrySchedule.standard
        var sums: [Int64] = []
        for delay in schedule.delaysSeconds { sums.append((sums.last ?? 0) + delay) }
        // The column "time since start" of its table.
        #expect(
            sums == [0, 5, 305, 2105, 9305, 27_305, 63_305, 113_705, 185_705, 272_105])
        #expect(schedule.attempts == 10)
    }

    @Test func delaysAreVariedUpwardsWithinBounds() {
        var random = SeededGenerator(seed: 1)
        let schedule = RetrySchedule.standard
        for attempts in 0..<10 {
            let least = schedule.delaysSeconds[attempts] * 1000
            let delays = (0..<200).compactMap { _ in
                schedule.delayMilliseconds(afterAttempts: attempts, using: &random)
            }
            #expect(delays.count == 200)
            #expect(delays.allSatisfy { $0 >= least && $0 <= least + least / 10 })
            if least > 0 { #expect(Set(delays).count > 50) }
        }
        for attempts in [10, 11, Int.max] {
            let delay = schedule.delayMilliseconds(
                afterAttempts: attempts, retryAfterSeconds: 5, using: &random)
            #expect(delay == nil)
        }
    }

    @Test func aReceiverMayAskForLaterButNotForEver() throws {
        var random = SeededGenerator(seed: 2)
        func delay(_ attempts: Int, _ asked: Int64) throws -> Int64 {
            try #require(
                RetrySchedule.standard.delayMilliseconds(
                    afterAttempts: attempts, retryAfterSeconds: asked, using: &random))
        }
        for _ in 0..<100 {
            #expect((120_000...132_000).contains(try delay(1, 120)))
            #expect((7_200_000...7_920_000).contains(try delay(4, 120)))
            #expect((86_400_000...95_040_000).contains(try delay(1, .max)))
            #expect((5000...5500).contains(try delay(1, -9)))
        }
    }

    @Test func oddSchedulesAreBroughtIntoBounds() {
        var random = SeededGenerator(seed: 3)
        #expect(RetrySchedule(delaysSeconds: []).attempts == 1)
        let schedule = RetrySchedule(delaysSeconds: [-5, .max], jitter: .nan)
        #expect(schedule.delaysSeconds == [0, 604_800] && schedule.jitter == 0)
        #expect(schedule.delayMilliseconds(afterAttempts: -1, using: &random) == 0)
    }
}

@Suite struct RetryAfterTests {
    /// 1994-11-06 08:49:37, RFC 9110's example.
    private let example: Int64 = 784_111_777

    @Test func secondsAndAllThreeDatesAreRead() {
        let now = example - 100
        for text in [
            "100", " 100\t", "0000100", "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
        ] {
            #expect(RetryAfter.seconds(text, now: now) == 100, "\(text)")
        }
    }

    @Test func itIsBoundedOnBothSides() {
        let day: Int64 = 86_400
        #expect(RetryAfter.seconds("0", now: example) == 0)
        #expect(RetryAfter.seconds(String(repeating: "9", count: 60), now: example) == day)
        #expect(RetryAfter.seconds("Sun, 06 Nov 1994 08:49:37 GMT", now: example + 5) == 0)
        #expect(RetryAfter.seconds("Fri, 31 Dec 9999 23:59:59 GMT", now: example) == day)
        #expect(RetryAfter.seconds("Thu, 01 Jan 1970 00:00:00 GMT", now: .max) == 0)
        #expect(RetryAfter.seconds("Fri, 31 Dec 9999 23:59:59 GMT", now: .min) == nil)
        // A year of two digits is the one nearest below 50 years from now.
        let today: Int64 = 1_795_000_000
        #expect(RetryAfter.seconds("Sunday, 06-Nov-94 08:49:37 GMT", now: today) == 0)
        #expect(RetryAfter.seconds("Sunday, 06-Nov-70 08:49:37 GMT", now: today) == day)
        #expect(RetryAfter.seconds("Thu, 29 Feb 2024 00:00:01 GMT", now: 1_709_164_800) == 1)
    }

    @Test func anythingElseIsNothing() {
        for text in [
            "", " ", "-1", "1.5", "soon", "1e3", "Sun, 06 Nov 1994 08:49:37",
            "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT",
            "Sun, 06 Nov 19940 08:49:37 GMT", "Sun, 06 Nov 1994 08:49 GMT",
            "Sun, 29 Feb 2023 00:00:01 GMT", "Sun, +6 Nov 1994 08:49:37 GMT",
            String(repeating: " ", count: 70) + "1", String(repeating: "1", count: 70),
            "Sun Nov  6 08:49:37 94x", "٣", "Sun, 06 Nov 1994 08:49:٣٧ GMT",
        ] {
            #expect(RetryAfter.seconds(text, now: example) == nil, "\(text)")
        }
    }
}

@Suite struct CircuitBreakerTests {
    private func broken(at time: Int64) -> CircuitBreaker {
        var breaker = CircuitBreaker()
        for _ in 0..<5 { breaker.failed(isProbe: false, at: time) }
        return breaker
    }

    @Test func failuresInARowOpenIt() {
        var breaker = CircuitBreaker()
        for _ in 0..<4 { breaker.failed(isProbe: false, at: 0) }
        #expect(breaker.ask(at: 0) == .send(isProbe: false))
        breaker.succeeded()
        for _ in 0..<4 { breaker.failed(isProbe: false, at: 0) }
        #expect(breaker.ask(at: 0) == .send(isProbe: false))
        breaker.failed(isProbe: false, at: 10)
        #expect(breaker.ask(at: 10) == .wait(until: 5010))
        #expect(breaker.ask(at: 5009) == .wait(until: 5010))
    }

    @Test func oneProbeAtATimeDecides() {
        var breaker = broken(at: 0)
        #expect(breaker.ask(at: 5000) == .send(isProbe: true))
        #expect(breaker.ask(at: 5001) == .wait(until: 65_000))
        // What began before it opened and fails now says nothing new.
        breaker.failed(isProbe: false, at: 5002)
        #expect(breaker.state == .probing(since: 5000))
        breaker.succeeded()
        #expect(breaker.ask(at: 5003) == .send(isProbe: false))
        #expect(breaker.state == .closed(failures: 0))
    }

    @Test func pausesGrowToABoundAndBeginAnewAfterASuccess() {
        var breaker = broken(at: 0)
        var (now, pauses): (Int64, [Int64]) = (0, [])
        for _ in 0..<10 {
            guard case .open(let until) = breaker.state else { break }
            pauses.append((until - now) / 1000)
            now = until
            #expect(breaker.ask(at: now) == .send(isProbe: true))
            breaker.failed(isProbe: true, at: now)
        }
        #expect(pauses == [5, 10, 20, 40, 80, 160, 320, 600, 600, 600])
        breaker.succeeded()
        for _ in 0..<5 { breaker.failed(isProbe: false, at: now) }
        #expect(breaker.state == .open(until: now + 5000))
    }

    @Test func aLostProbeDoesNotShutItForEver() {
        var breaker = broken(at: 0)
        #expect(breaker.ask(at: 5000) == .send(isProbe: true))
        #expect(breaker.ask(at: 64_999) == .wait(until: 65_000))
        #expect(breaker.ask(at: 65_000) == .send(isProbe: true))
    }

    @Test func anEndpointMayAskForAPause() {
        var breaker = CircuitBreaker()
        breaker.failed(isProbe: false, at: 0, notBefore: 60_000)
        #expect(breaker.ask(at: 59_999) == .wait(until: 60_000))
        breaker.failed(isProbe: false, at: 1, notBefore: .max)
        #expect(breaker.ask(at: 2) == .wait(until: 600_001), "not all of a day: others wait too")
    }

    @Test func itNeverSendsWhileOpenWhateverHappens() {
        var random = SeededGenerator(seed: 7)
        var breaker = CircuitBreaker()
        var (now, probes): (Int64, [Int64]) = (0, [])
        for _ in 0..<20_000 {
            now += Int64.random(in: 0...3000, using: &random)
            let state = breaker.state
            switch (breaker.ask(at: now), state) {
            case (.send(false), .closed), (.wait, .open), (.wait, .probing): break
            case (.send(true), .open(let until)):
                #expect(now >= until)
                probes.append(now)
            case (.send(true), .probing(let since)):
                #expect(now >= since + 60_000)
                probes.append(now)
            default: Issue.record("\(state) at \(now)")
            }
            switch Int.random(in: 0..<10, using: &random) {
            case 0: breaker.succeeded()
            case 1..<7: breaker.failed(isProbe: breaker.state == .probing(since: now), at: now)
            default: break
            }
        }
        #expect(probes.count > 10)
    }
}

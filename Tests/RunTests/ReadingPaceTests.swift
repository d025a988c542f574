// How long readers let data gather, and when what they read counts as arrived.

import Run
import Testing

struct ReadingPaceTests {
    private func pace(cores: Int, connections: Int) -> ReadingPace {
        let pace = ReadingPace(cores: cores)
        for _ in 0..<connections { pace.begin() }
        return pace
    }

    @Test func fewStreamsAreReadAtOnce() {
        #expect(pace(cores: 2, connections: 0).limit == 0)
        #expect(pace(cores: 2, connections: 1).limit == 0.001)
        #expect(pace(cores: 16, connections: 16).limit == 0.002)
    }

    @Test func manyWaitNoLongerThanTheLongest() {
        #expect(pace(cores: 2, connections: 200).limit == ReadingPace.longest)
        #expect(pace(cores: 2, connections: 5000).limit == ReadingPace.longest)
        #expect(pace(cores: 0, connections: 5000).limit == ReadingPace.longest)
    }

    @Test func connectionsThatEndedDoNotCount() {
        let pace = pace(cores: 1, connections: 50)
        for _ in 0..<49 { pace.end() }
        #expect(pace.limit == 0.002)
    }

    @Test func whatWasNotWaitedForIsNotLetGather() {
        #expect(Gathering.pause(waited: 0, limit: 0.2) == 0)
        // As long as another thread may have had the core.
        #expect(Gathering.pause(waited: 0.0009, limit: 0.2) == 0)
        #expect(Gathering.pause(waited: 0.002, limit: 0.2) == 0.04)
        #expect(Gathering.pause(waited: 0.03, limit: 0.2) == 0.2)
        #expect(Gathering.pause(waited: 0.03, limit: 0) == 0)
        #expect(Gathering.pause(waited: .infinity, limit: 0.2) == 0.2)
    }

    @Test func whatGatheredCountsAsArrivedWhenTheGatheringBegan() {
        var gathering = Gathering(connected: 10)
        #expect(gathering.arrival(waited: 0.05, now: 10.05) == 10.05)
        // Let gather until 10.2, then there at once.
        #expect(gathering.arrival(waited: 0.0001, now: 10.2001) == 10.05)
        #expect(gathering.arrival(waited: 0.0001, now: 10.2002) == 10.05)
        #expect(gathering.arrival(waited: 0.02, now: 10.22) == 10.22)
    }

    @Test func arrivalsGoOnWhereNothingHasToBeWaitedFor() {
        var gathering = Gathering(connected: 0)
        var last = 0.0
        for step in 1...100 {
            let now = 0.1 * Double(step)
            let arrival = gathering.arrival(waited: 0.0001, now: now)
            #expect(arrival >= last && now - arrival < ReadingPace.longest + 1e-6)
            last = arrival
        }
        #expect(last > 9)
    }

    /// A reader that loses its core for 5 ms at each tenth packet takes each of these for a wait.
    @Test func aReaderThatIsKeptFromACoreNowAndThenKeepsUp() {
        let frame = 1.0 / 30
        var (now, read, most) = (0.0, 0, 0.0)
        while now < 60 {
            let due = Double(read) * frame
            most = max(most, now - due)
            read += 1
            let waited = max(due - now, read.isMultiple(of: 10) ? 0.005 : 0.0001)
            now += waited
            now += Gathering.pause(waited: waited, limit: ReadingPace.longest)
        }
        #expect(most < 0.5)
        #expect(read >= 60 * 30 - 15)
    }
}

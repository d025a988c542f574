// The arithmetic of `vigil bench`: streams for each core, and spreads.

import Measure
import Testing

@Suite struct StreamCostTests {
    private func cost(interval: Double) -> StreamCost {
        StreamCost(
            demux: 0.001, decode: 0.010, hash: 0.001, match: 0.005, keyframeInterval: interval)
    }

    @Test func keyframesArePaidForOnceAnInterval() {
        #expect(abs(cost(interval: 2).cpuPerMediaSecond - 0.009) < 1e-12)
        #expect(abs(cost(interval: 0.5).cpuPerMediaSecond - 0.033) < 1e-12)
    }

    @Test func streamsFillOneCore() {
        #expect(abs(cost(interval: 2).streamsPerCore - 1 / 0.009) < 1e-9)
        let endless = cost(interval: 1e9)
        #expect(abs(endless.streamsPerCore - 1000) < 0.01, "reading remains")
        let free = StreamCost(demux: 0, decode: 0, hash: 0, match: 0, keyframeInterval: 1)
        #expect(free.streamsPerCore == .infinity)
    }

    @Test func spreadsAreByRank() {
        let spread = Spread([5, 1, 4, 2, 3, 10, 9, 8, 7, 6])
        #expect(spread.best == 1 && spread.median == 5 && spread.p90 == 9 && spread.count == 10)
        let single = Spread([3])
        #expect(single.best == 3 && single.median == 3 && single.p90 == 3)
    }
}

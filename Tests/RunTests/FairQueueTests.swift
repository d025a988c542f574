// Turns by what they cost: equal shares of time, no one starves, and first come, first served while
// all cost alike.

import Run
import TestSupport
import Testing

@Suite struct FairQueueTests {
    private typealias Queue = FairQueue<Int>

    /// Serves streams that always have something waiting.
    /// - Returns: how often each was served, and the time that it took.
    private static func serve(
        _ costs: [Double], for seconds: Double
    ) -> (turns: [Int], times: [Double]) {
        var queue = Queue()
        var turns = Array(repeating: 0, count: costs.count)
        var times = Array(repeating: 0.0, count: costs.count)
        for stream in costs.indices { queue.put(stream, account: nil) }
        while times.reduce(0, +) < seconds, let (stream, account) = queue.next() {
            turns[stream] += 1
            times[stream] += costs[stream]
            queue.put(stream, account: queue.charged(account, costs[stream]))
        }
        return (turns, times)
    }

    @Test func whoeverCostsAlikeIsServedInTheOrderOfArrival() {
        var queue = Queue()
        for stream in [3, 1, 2] { queue.put(stream, account: nil) }
        var served: [Int] = []
        for _ in 0..<9 {
            guard let (stream, account) = queue.next() else { break }
            served.append(stream)
            queue.put(stream, account: queue.charged(account, 0.005))
        }
        #expect(served == [3, 1, 2, 3, 1, 2, 3, 1, 2] && queue.count == 3)
    }

    @Test func aDearStreamGetsNoMoreTimeThanOthers() {
        let (turns, times) = Self.serve([0.2] + Array(repeating: 0.005, count: 9), for: 20)
        // Each a tenth of the time, to one turn of the dearest.
        for time in times { #expect(abs(time - 2) < 0.25, "\(times)") }
        #expect(turns[0] >= 9 && turns[0] <= 11, "\(turns)")
        #expect(turns[1...].allSatisfy { $0 > 350 })
    }

    @Test func nobodySavesUpTurnsByWaiting() {
        var queue = Queue()
        var account: Double?
        for _ in 0..<1000 {
            queue.put(1, account: account)
            account = queue.charged(queue.next()?.account ?? -1, 0.1)
        }
        // The other rested for a hundred seconds of work: it is next once, not a thousand times.
        queue.put(1, account: account)
        queue.put(2, account: 0)
        var served: [Int] = []
        for _ in 0..<8 {
            guard let (stream, account) = queue.next() else { break }
            served.append(stream)
            queue.put(stream, account: queue.charged(account, 0.1))
        }
        #expect(served.count { $0 == 2 } <= 5, "\(served)")
    }

    @Test func thoseWhoAreNewStarveNobody() {
        var queue = Queue()
        queue.put(0, account: queue.charged(0, 0.2))
        var newcomers = 0
        for stream in 1...1000 {
            // Each has one turn and is never seen again.
            queue.put(stream, account: nil)
            guard let (served, account) = queue.next(), served != 0 else { break }
            newcomers += 1
            _ = queue.charged(account, 0.005)
        }
        #expect(newcomers < 60, "as many as cost what the one cost that waits")
    }

    @Test func theOneWithTheLowestAccountIsNextWhateverComes() {
        var random = SeededGenerator(seed: 16)
        var queue = Queue()
        var model: [(stream: Int, account: Double)] = []
        var (served, next) = (0.0, 0)
        for _ in 0..<5000 {
            if model.isEmpty || Bool.random(using: &random) {
                let account = Double.random(in: 0...10, using: &random) + served / 2
                queue.put(next, account: account)
                model.append((next, max(served, account)))
                next += 1
            } else {
                let least = model.indices.min { model[$0].account < model[$1].account }!
                let expected = model.remove(at: least)
                served = max(served, expected.account)
                let found = queue.next()
                #expect(found?.element == expected.stream && found?.account == expected.account)
            }
        }
        #expect(queue.count == model.count)
    }

    @Test func oddCostsDoNoHarm() {
        var queue = Queue()
        let (less, none, most) = (
            queue.charged(1, -5), queue.charged(1, .nan), queue.charged(1, .infinity)
        )
        #expect(less == 1 && none == 1 && most == 61)
        let nobody = queue.next()
        #expect(nobody == nil && queue.count == 0)
    }
}

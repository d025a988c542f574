// What waits of a stream: all that a segment brings, as far as there is room, and never what is old.

import Run
import Testing

@Suite struct KeyframeQueueTests {
    private typealias Dropped = KeyframeQueue<Int>.Dropped

    /// Puts keyframes, each named by its place, and says what was dropped and what is left.
    private func put(
        _ moments: [(time: Double, arrival: Double)], bytes: Int = 1000
    ) -> (dropped: [Dropped], left: [Int]) {
        var queue = KeyframeQueue<Int>()
        var dropped: [Dropped] = []
        for (number, moment) in moments.enumerated() {
            dropped += queue.put(
                number, at: .init(time: moment.time, arrival: moment.arrival), byteCount: bytes)
        }
        var left: [Int] = []
        while let next = queue.take() { left.append(next) }
        #expect(queue.isEmpty && queue.firstArrival == nil)
        return (dropped, left)
    }

    @Test func whatASegmentBringsIsKept() {
        let (dropped, left) = put([(0, 100), (2, 100.001), (4, 100.002)])
        #expect(dropped.isEmpty && left == [0, 1, 2])
    }

    @Test func onlyTheNewestIsKeptOfWhatComesOneAfterTheOther() {
        let (dropped, left) = put((0..<5).map { (Double($0) * 2, 100 + Double($0) * 2) })
        #expect(left == [4] && dropped.map(\.arrival) == [100, 102, 104, 106])
        #expect(dropped.allSatisfy { $0.isStale } && dropped.map(\.stretch) == [nil, 2, 2, 2])
        // Nor do stamps that stand still make a burst of it.
        #expect(put([(0, 100), (0, 102), (0, 104)]).left == [2])
    }

    @Test func aNewSegmentTakesThePlaceOfTheOneBefore() {
        let (dropped, left) = put([
            (0, 100), (2, 100.001), (4, 100.002), (6, 106), (8, 106.001), (10, 106.002),
        ])
        #expect(left == [3, 4, 5])
        #expect(dropped.map(\.stretch) == [nil, 2, 2] && dropped.allSatisfy { $0.isStale })
    }

    @Test func whatIsLeftOfABurstThatIsTooLongIsSpreadOverIt() {
        let (dropped, left) = put((0..<16).map { (Double($0), 100 + Double($0) / 1000) })
        #expect(left.count == KeyframeQueue<Int>.mostKeyframes && left.last == 15)
        #expect(zip(left, left.dropFirst()).allSatisfy { $1 - $0 <= 3 }, "\(left)")
        #expect(dropped.allSatisfy { !$0.isStale } && dropped.count == 8)
    }

    @Test func bytesAreBounded() {
        let most = KeyframeQueue<Int>.mostBytes
        #expect(put((0..<6).map { (Double($0), 100) }, bytes: most / 3).left.count == 3)
        #expect(put([(0, 100), (2, 100), (4, 100)], bytes: most * 2).left == [2])
    }

    @Test func onlyTheNewestIsKeptOfWhatIsLate() {
        var queue = KeyframeQueue<Int>()
        for number in 0..<3 {
            _ = queue.put(number, at: .init(time: Double(number), arrival: 100), byteCount: 1)
        }
        let early = queue.keepNewest(ifOlderThan: 100)
        #expect(early == 0)
        let late = queue.keepNewest(ifOlderThan: 101)
        #expect(late == 2)
        let (left, none) = (queue.take(), queue.take())
        #expect(left == 2 && none == nil)
    }

    @Test func anotherConnectionIsNoBurst() {
        var queue = KeyframeQueue<Int>()
        var dropped = queue.put(1, at: .init(time: 0, arrival: 100), byteCount: 1)
        queue.reopened()
        dropped += queue.put(2, at: .init(time: 8, arrival: 100.5), byteCount: 1)
        dropped += queue.put(3, at: .init(time: 10, arrival: 102.5), byteCount: 1)
        #expect(dropped.map(\.stretch) == [nil, nil] && dropped.allSatisfy { $0.isStale })
    }
}

// The bounded queue under several producers.

import DequeModule
import Foundation
import Run
import Synchronization
import Testing

@Suite struct StageQueueTests {
    @Test func nothingIsLostAndTheBoundHolds() {
        let queue = StageQueue<Int>(capacity: 4)
        let producers = DispatchGroup()
        for producer in 0..<4 {
            producers.enter()
            Thread {
                for number in 0..<2000 { queue.push(producer * 10_000 + number) }
                producers.leave()
            }.start()
        }
        Thread {
            producers.wait()
            queue.finish()
        }.start()
        var received: [Int] = []
        var batch = Deque<Int>()
        while queue.popAll(into: &batch) {
            #expect(batch.count <= 4)
            received += batch
        }
        #expect(received.count == 8000 && Set(received).count == 8000)
        for producer in 0..<4 {
            let own = received.filter { $0 / 10_000 == producer }
            #expect(own == own.sorted())
        }
        #expect(queue.highestCount <= 4)
    }

    @Test func finishedQueueDrainsAndThenRefuses() {
        let queue = StageQueue<Int>(capacity: 3)
        #expect(queue.push(1) && queue.push(2))
        queue.finish()
        #expect(!queue.push(3))
        var taken: Deque = [7]
        #expect(queue.popAll(into: &taken) && taken == [1, 2])
        #expect(!queue.popAll(into: &taken) && taken.isEmpty)
    }

    @Test func finishWakesAProducerThatWaits() {
        let queue = StageQueue<Int>(capacity: 1)
        queue.push(1)
        let done = DispatchSemaphore(value: 0)
        let accepted = Mutex(true)
        Thread {
            let result = queue.push(2)
            accepted.withLock { $0 = result }
            done.signal()
        }.start()
        queue.finish()
        done.wait()
        #expect(accepted.withLock { $0 } == false)
    }
}

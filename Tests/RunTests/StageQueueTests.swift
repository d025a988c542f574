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

    @Test func aConsumerWithOtherThingsToDoDoesNotWaitForEver() {
        let queue = StageQueue<Int>(capacity: 3)
        var taken: Deque = [7]
        #expect(queue.popAll(into: &taken, within: .milliseconds(1)) && taken.isEmpty)
        queue.push(1)
        #expect(queue.popAll(into: &taken, within: .seconds(100)) && taken == [1])
        // One that comes while it waits ends the wait.
        Thread { queue.push(2) }.start()
        while taken != [2] { #expect(queue.popAll(into: &taken, within: .seconds(100))) }
        queue.finish()
        #expect(!queue.popAll(into: &taken, within: .seconds(100)))
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

    @Test func aConsumerThatGathersGetsManyAtOnce() {
        let queue = StageQueue<Int>(capacity: 8)
        Thread { for number in 0..<6 { queue.push(number) } }.start()
        var taken = Deque<Int>()
        #expect(queue.popAll(into: &taken, gathering: 6, for: .never) && taken.count == 6)
        // More than fit are not waited for.
        Thread { for number in 0..<8 { queue.push(number) } }.start()
        #expect(queue.popAll(into: &taken, gathering: 100, for: .never) && taken.count == 8)
    }

    @Test func whatIsUrgentOrLastEndsGathering() {
        let queue = StageQueue<Int>(capacity: 8)
        Thread {
            queue.push(1)
            queue.push(2, isUrgent: true)
        }.start()
        var taken = Deque<Int>()
        #expect(queue.popAll(into: &taken, gathering: 5, for: .never) && taken == [1, 2])
        queue.push(3)
        // Urgent was what has been taken, not what comes after it.
        #expect(queue.popAll(into: &taken, gathering: 5, for: .milliseconds(1)) && taken == [3])
        queue.push(4)
        Thread { queue.finish() }.start()
        #expect(queue.popAll(into: &taken, gathering: 5, for: .never) && taken == [4])
        #expect(!queue.popAll(into: &taken, gathering: 5, for: .never))
    }

    @Test func gatheringEndsWhenTheTimeIsUp() {
        let queue = StageQueue<Int>(capacity: 8)
        queue.push(1)
        var taken = Deque<Int>()
        #expect(queue.popAll(into: &taken, gathering: 2, for: .milliseconds(20)) && taken == [1])
    }
}

// The bounded queue between two stages. It holds at most `capacity` elements,
// whatever happens; the consumer has as many again while it works on them.
//
// Today's one full-policy is *block*: the producers of a file scan wait for their consumer, so
// nothing is dropped and memory stays flat. `finish` lets the consumer drain what is there and then
// end.
//
// A consumer that works cheaper on many at once may let them gather for a moment.

package import DequeModule
package import Dispatch
internal import Foundation

/// A bounded first-in-first-out queue that blocks its producers when full and its consumer when
/// empty.
package final class StageQueue<Element: Sendable>: @unchecked Sendable {
    // Sound: all variables are only touched with `condition` locked.
    private let condition = NSCondition()
    /// Ends the wait of a consumer that gathers; by a clock that nobody sets.
    private let gathered = DispatchSemaphore(value: 0)
    private var isGathering = false
    private var gatheredEnough = 0
    private var hasUrgent = false
    private var elements = Deque<Element>()
    private var isFinished = false
    private var highest = 0
    package let capacity: Int

    package init(capacity: Int) {
        precondition(capacity > 0, "a queue holds at least one element")
        self.capacity = capacity
        elements.reserveCapacity(capacity)
    }

    /// Waits for room and appends.
    /// - Parameter isUrgent: whether someone waits for what becomes of it, so that nothing is
    ///   gathered.
    /// - Returns: `false`, with nothing appended, once the queue is finished.
    @discardableResult
    package func push(_ element: Element, isUrgent: Bool = false) -> Bool {
        condition.lock()
        defer { condition.unlock() }
        while elements.count >= capacity, !isFinished { condition.wait() }
        guard !isFinished else { return false }
        elements.append(element)
        highest = max(highest, elements.count)
        hasUrgent = hasUrgent || isUrgent
        if hasUrgent || elements.count >= gatheredEnough { endGathering() }
        condition.broadcast()
        return true
    }

    /// Waits for elements and takes all that are there.
    /// - Parameters:
    ///   - taken: what it held is dropped, its room is used again.
    ///   - enough: while there are fewer, more are waited for, unless something is urgent.
    ///   - limit: for how long, from the first on.
    ///   - patience: how long the first is waited for; there may be none then.
    /// - Returns: `false` once the queue is finished and empty.
    package func popAll(
        into taken: inout Deque<Element>, gathering enough: Int = 1,
        for limit: DispatchTimeInterval = .never, within patience: DispatchTimeInterval? = nil
    ) -> Bool {
        taken.removeAll(keepingCapacity: true)
        condition.lock()
        defer { condition.unlock() }
        if let patience {
            gather(1, for: patience)
        } else {
            while elements.isEmpty, !isFinished { condition.wait() }
        }
        if !elements.isEmpty { gather(min(enough, capacity), for: limit) }
        let isOver = elements.isEmpty && isFinished
        swap(&elements, &taken)
        hasUrgent = false
        condition.broadcast()
        return !isOver
    }

    private func gather(_ enough: Int, for limit: DispatchTimeInterval) {
        guard elements.count < enough, !hasUrgent, !isFinished else { return }
        gatheredEnough = enough
        isGathering = true
        condition.unlock()
        // A signal that comes just after the time is up is left for the next wait, which it ends
        // early: that does no harm.
        _ = gathered.wait(timeout: .now() + limit)
        condition.lock()
        isGathering = false
    }

    private func endGathering() {
        guard isGathering else { return }
        isGathering = false
        gathered.signal()
    }

    /// Nothing more will be pushed.
    package func finish() {
        condition.lock()
        isFinished = true
        endGathering()
        condition.broadcast()
        condition.unlock()
    }

    /// The most elements that were ever waiting.
    package var highestCount: Int {
        condition.lock()
        defer { condition.unlock() }
        return highest
    }
}

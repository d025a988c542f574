// The bounded queue between two stages. It holds at most `capacity` elements,
// whatever happens; the consumer has as many again while it works on them.
//
// Today's one full-policy is *block*: the producers of a file scan wait for their consumer, so
// nothing is dropped and memory stays flat. `finish` lets the consumer drain what is there and then
// end.

package import DequeModule
internal import Foundation

/// A bounded first-in-first-out queue that blocks its producers when full and its consumer when
/// empty.
package final class StageQueue<Element: Sendable>: @unchecked Sendable {
    // Sound: `elements`, `isFinished` and `highest` are only touched with `condition` locked.
    private let condition = NSCondition()
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
    /// - Returns: `false`, with nothing appended, once the queue is finished.
    @discardableResult
    package func push(_ element: Element) -> Bool {
        condition.lock()
        defer { condition.unlock() }
        while elements.count >= capacity, !isFinished { condition.wait() }
        guard !isFinished else { return false }
        elements.append(element)
        highest = max(highest, elements.count)
        condition.broadcast()
        return true
    }

    /// Waits for elements and takes all that are there.
    /// - Parameter taken: what it held is dropped, its room is used again.
    /// - Returns: whether there are any; `false` once the queue is finished and empty.
    package func popAll(into taken: inout Deque<Element>) -> Bool {
        taken.removeAll(keepingCapacity: true)
        condition.lock()
        defer { condition.unlock() }
        while elements.isEmpty, !isFinished { condition.wait() }
        swap(&elements, &taken)
        condition.broadcast()
        return !taken.isEmpty
    }

    /// Nothing more will be pushed.
    package func finish() {
        condition.lock()
        isFinished = true
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

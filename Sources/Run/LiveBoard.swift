// Which stream a free core looks at next.
//
// First come, first served, those of priority before all others. A stream stands here once at most,
// whatever it sends, so none crowds out another, and the board is as long as there are streams.

internal import DequeModule
internal import Foundation

/// The streams whose keyframe waits.
final class LiveBoard: @unchecked Sendable {
    // Sound: every variable is only touched with `condition` locked.
    private let condition = NSCondition()
    private var urgent = Deque<LiveStream>()
    private var others = Deque<LiveStream>()
    private var isFinished = false

    /// Puts a stream behind those that wait.
    func put(_ stream: LiveStream) {
        condition.lock()
        if stream.isPriority {
            urgent.append(stream)
        } else {
            others.append(stream)
        }
        condition.signal()
        condition.unlock()
    }

    /// Waits for a stream; `nil` once there are none and there will be none.
    func next() -> LiveStream? {
        condition.lock()
        defer { condition.unlock() }
        while true {
            if let stream = urgent.popFirst() ?? others.popFirst() { return stream }
            if isFinished { return nil }
            condition.wait()
        }
    }

    /// Nothing more will be put.
    func finish() {
        condition.lock()
        isFinished = true
        condition.broadcast()
        condition.unlock()
    }
}

// Which stream a free core looks at next.
//
// Those of priority before all others; among them, and among the others, the one that took the least
// processor time of late (FairQueue), which is first come, first served while they cost alike. A
// stream stands here once at most, whatever it sends, so none crowds out another, and the board is as
// long as there are streams.

internal import Foundation
internal import Synchronization

/// What a stream's turns have cost; belongs to the board.
final class TurnAccount: Sendable {
    fileprivate let seconds = Mutex<Double?>(nil)
}

/// The streams whose keyframe waits.
final class LiveBoard: @unchecked Sendable {
    // Sound: every variable is only touched with `condition` locked.
    private let condition = NSCondition()
    private var urgent = FairQueue<LiveStream>()
    private var others = FairQueue<LiveStream>()
    private var isFinished = false

    /// Puts a stream among those that wait.
    func put(_ stream: LiveStream) {
        let account = stream.turns.seconds.withLock { $0 }
        condition.lock()
        if stream.isPriority {
            urgent.put(stream, account: account)
        } else {
            others.put(stream, account: account)
        }
        condition.signal()
        condition.unlock()
    }

    /// Waits for a stream; `nil` once there are none and there will be none.
    func next() -> LiveStream? {
        condition.lock()
        defer { condition.unlock() }
        while true {
            if let (stream, account) = urgent.next() ?? others.next() {
                stream.turns.seconds.withLock { $0 = account }
                return stream
            }
            if isFinished { return nil }
            condition.wait()
        }
    }

    /// Notes what a turn cost, before the stream is put again.
    /// - Parameter seconds: processor time.
    func charge(_ stream: LiveStream, _ seconds: Double) {
        condition.lock()
        stream.turns.seconds.withLock {
            let account = $0 ?? 0
            $0 =
                stream.isPriority
                ? urgent.charged(account, seconds) : others.charged(account, seconds)
        }
        condition.unlock()
    }

    /// Nothing more will be put.
    /// - Parameter atOnce: whether what still waits is not looked at either.
    func finish(atOnce: Bool = false) {
        condition.lock()
        isFinished = true
        if atOnce {
            urgent.removeAll()
            others.removeAll()
        }
        condition.broadcast()
        condition.unlock()
    }
}

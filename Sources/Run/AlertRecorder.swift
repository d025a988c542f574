// Puts alerts on the report queue as they open and completes them as they close; belongs to one
// thread, the only one of a run that writes.
//
// A store may refuse for a second (busy) or for hours (a full disk). What it refused is kept, and it is
// asked again after 1 s, 2 s, and so on up to 30 s. Invariants: what waits goes out in the order in
// which it opened, before anything newer; what waits is bounded; a run that lasts forgets no alert
// for having closed while the store refused it.

package import Match
package import Report

/// Records the alerts of a run.
package struct AlertRecorder {
    private struct Refused {
        var alert: Alert
        var isClosed = false
    }

    private let store: any ReportStore
    private let isLasting: Bool
    /// Alerts that the store refused, the oldest first.
    private var refused: [Refused] = []
    private var why = ""
    /// Whether there were more than are kept.
    private var hasForgotten = false
    /// When the store is asked again, and how long after the time before.
    private var next = (time: Double.infinity, wait: AlertRecorder.firstWait)

    /// Most refused alerts that are kept: a store that refuses for long refuses what comes next as
    /// well.
    private static let mostRefused = 10_000
    private static let firstWait = 1.0, longestWait = 30.0
    /// Alerts in a row that may be refused before the rest is left for the next time: one that the
    /// store refuses for its own sake holds up no others.
    private static let mostInARow = 3

    /// Makes a recorder for one run.
    /// - Parameter isLasting: whether the run goes on after an alert has closed, so that it can be
    ///   recorded later.
    package init(_ store: any ReportStore, isLasting: Bool) {
        self.store = store
        self.isLasting = isLasting
    }

    /// When `retry` is due, seconds of a clock that nobody sets; `nil` where nothing waits.
    package var retryTime: Double? { refused.isEmpty ? nil : next.time }

    /// Queues a report of a new alert.
    /// - Returns: why the store refused; `nil` where it did not.
    @discardableResult
    package mutating func open(_ alert: Alert, now: Double = monotonicSeconds()) -> String? {
        if refused.isEmpty {
            guard let problem = record({ _ = try store.open([alert], at: unixMilliseconds()) })
            else { return nil }
            refused = [Refused(alert: alert)]
            failed(problem, now: now)
        } else if refused.count < Self.mostRefused {
            refused.append(Refused(alert: alert))
            tryAgain(now: now, mostInARow: 1)
        } else {
            hasForgotten = true
        }
        guard refused.last?.alert.id == alert.id || refused.count == Self.mostRefused else {
            return nil
        }
        return "alert \(alert.id) could not be recorded: \(why)" + again
    }

    /// Completes an alert.
    /// - Returns: why it is not recorded, or why it is but not how it ended; `nil` where it is.
    package mutating func close(
        _ alert: Alert, now: Double = monotonicSeconds()
    ) -> (problem: String?, late: String?) {
        if let place = refused.firstIndex(where: { $0.alert.id == alert.id }) {
            refused[place] = Refused(alert: alert, isClosed: true)
            tryAgain(now: now, mostInARow: isLasting ? 1 : Self.mostInARow)
            guard let place = refused.firstIndex(where: { $0.alert.id == alert.id }) else {
                return (nil, nil)
            }
            if !isLasting { refused.remove(at: place) }
            return ("alert \(alert.id) could not be recorded: \(why)" + again, nil)
        }
        if hasForgotten,
            let problem = record({ _ = try store.open([alert], at: unixMilliseconds()) })
        {
            return ("alert \(alert.id) could not be recorded: \(problem)", nil)
        }
        // The queue row is there; what may be lost here are the alert's final facts.
        let late = record { try store.update(alert, closed: true, at: unixMilliseconds()) }
        return (nil, late.map { "alert \(alert.id) is recorded, but not how it ended: \($0)" })
    }

    /// Asks the store again, if it is time.
    package mutating func retry(now: Double = monotonicSeconds()) {
        if !refused.isEmpty, now >= next.time { tryAgain(now: now, mostInARow: Self.mostInARow) }
    }

    /// Asks the store a last time, at the end of the run.
    /// - Returns: alerts that are not recorded.
    package mutating func finish(now: Double = monotonicSeconds()) -> [Alert] {
        tryAgain(now: now, mostInARow: Self.mostInARow)
        return refused.map(\.alert)
    }

    private mutating func tryAgain(now: Double, mostInARow: Int) {
        var (place, inARow) = (0, 0)
        while place < refused.count, inARow < mostInARow {
            let waiting = refused[place]
            let problem = record {
                _ = try store.open([waiting.alert], at: unixMilliseconds())
                guard waiting.isClosed else { return }
                try store.update(waiting.alert, closed: true, at: unixMilliseconds())
            }
            if let problem {
                why = problem
                (place, inARow) = (place + 1, inARow + 1)
            } else {
                refused.remove(at: place)
                inARow = 0
            }
        }
        if refused.isEmpty {
            next = (.infinity, Self.firstWait)
        } else if inARow > 0, now >= next.time {
            failed(why, now: now)
        }
    }

    private var again: String { isLasting ? "; it is tried again for as long as this runs" : "" }

    private mutating func failed(_ problem: String, now: Double) {
        why = problem
        next = (now + next.wait, min(2 * next.wait, Self.longestWait))
    }

    /// - Returns: why the store refused; `nil` where it did not.
    private func record(_ body: () throws -> Void) -> String? {
        do {
            try body()
            return nil
        } catch {
            return (error as? ReportError)?.message ?? "\(error)"
        }
    }
}

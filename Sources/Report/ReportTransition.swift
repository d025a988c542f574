// One step of a report's life with all that goes with it: the attempt count, the next attempt, the
// last reason. Pure, so that every store takes the same step; the store only writes the result.

import Match

extension QueuedReport {
    /// The report after an event; arguments as in ``ReportStore``.
    package func after(
        _ event: ReportEvent, at unixMilliseconds: Int64, error: String?, nextAttempt: Int64?,
        in place: String
    ) throws(ReportError) -> QueuedReport {
        let what = "apply \(event.rawValue) to report \(id)"
        guard let next = state.next(on: event) else {
            throw ReportError(
                .forbiddenTransition, doing: what, at: place, why: "it is \(state.rawValue)",
                fix: "list the reports again, another process may have moved it on")
        }
        if next == .retrying, nextAttempt == nil {
            throw ReportError(
                .invalidValue, doing: what, at: place,
                why: "the time of the next attempt is missing",
                fix: "this is a fault in what sent the report")
        }
        var report = self
        report.state = next
        report.nextAttemptUnixMilliseconds = next == .retrying ? nextAttempt : nil
        report.updatedUnixMilliseconds = max(updatedUnixMilliseconds, unixMilliseconds)
        if let error { report.lastError = String(error.prefix(ReportLimits.errorCharacters)) }
        switch event {
        case .started: report.attempts += 1
        case .retryRequested: report.attempts = 0
        case .succeeded: report.lastError = nil
        case .failed, .abandoned, .recovered: break
        }
        return report
    }
}

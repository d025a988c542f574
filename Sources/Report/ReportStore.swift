// The one seam to durable state about alerts and their reports. Everything that must survive a
// crash goes through here, and each implementation passes the same conformance suite.
//
// Promises of every store: a call that returns without an error is durable, also against loss of
// power; a call that throws has changed nothing; calls from several threads, and from several
// processes on the same state, are safe. Calls block (they touch the disk), so they must not be
// made inside an `async` function. No clock inside: the caller passes the time.

public import Match

/// Keeps alerts and their reports.
public protocol ReportStore: Sendable {
    /// Records new alerts and queues a report for each, all or nothing.
    ///
    /// An alert that is already known adds nothing and changes nothing: its report is returned as
    /// it stands. So a caller that is unsure whether an earlier call succeeded may repeat it.
    /// - Returns: one report for each alert, in the same order.
    func open(
        _ alerts: [Alert], at unixMilliseconds: Int64
    ) throws(ReportError) -> [QueuedReport]

    /// Queues events that are about no alert, or about more than its facts, all or nothing.
    /// - Returns: the ids of their reports, in the same order.
    @discardableResult
    func queue(
        _ events: [EventDraft], at unixMilliseconds: Int64
    ) throws(ReportError) -> [AlertID]

    /// Records that an alert grew, or ended, and queues a report of that.
    ///
    /// An unknown id, an alert that has already ended, and an alert that would change its input or
    /// known item are errors.
    func update(
        _ alert: Alert, closed: Bool, at unixMilliseconds: Int64
    ) throws(ReportError)

    /// Removes all alerts of a known set, their reports and what was done about them: for alerts
    /// that were a test.
    func removeAlerts(ofSet name: String) throws(ReportError)

    /// Lists reports, newest first.
    /// - Parameters:
    ///   - filter: which reports.
    ///   - limit: how many at most; brought into 1…10 000.
    ///   - cursor: the last id of the page before; `nil` for the first page.
    func reports(
        matching filter: ReportFilter, limit: Int, before cursor: AlertID?
    ) throws(ReportError) -> [QueuedReport]

    /// Finds a report by its own id or by its alert's.
    /// - Returns: `nil` when neither is known; for an alert with several reports, the oldest.
    func report(id: AlertID) throws(ReportError) -> QueuedReport?

    /// Counts reports by state; every state is a key.
    func counts() throws(ReportError) -> [ReportState: Int]
}

/// What every store has in common.
package enum ReportLimits {
    package static let page = 1...10_000
    package static let errorCharacters = 1000
}

extension ClosedRange {
    /// The value of the range that is nearest to another.
    func nearest(to value: Bound) -> Bound { Swift.min(Swift.max(value, lowerBound), upperBound) }
}

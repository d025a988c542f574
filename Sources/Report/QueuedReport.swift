// A report: one event, mostly about an alert, on its way to the people who act. Its id is the webhook's
// id and never changes, so that a consumer can drop repeats (delivery is at least once).
//
// Invariants: the first 48 bits of the id are `createdUnixMilliseconds`, hence ids sort by creation
// and a range of time is a range of ids. `nextAttemptUnixMilliseconds` is set exactly while the
// state is `retrying`. It holds the alert as it is now, not as it was when the report was queued.
// Coding keys are field names of output; fields are added, never renamed.

public import Match

/// An event on the report queue.
public struct QueuedReport: Sendable, Hashable, Codable {
    /// The event of a report that says that an alert began.
    public static let alertOpened = "alert.opened"
    /// The event of a report that says that an alert grew.
    public static let alertUpdated = "alert.updated"
    /// The event of a report that says that an alert ended.
    public static let alertClosed = "alert.closed"

    /// Stable id of the report, used as the webhook's id; differs from the alert's id.
    public var id: AlertID
    /// What is reported, for instance `alert.opened`.
    public var event: String
    /// What it is about, for lists: the alert's input, a stream's name, a known set's name.
    public var subject: String
    /// The alert with its newest facts; `nil` where the event is about none.
    public var alert: Alert?
    /// Where the report is on its way: what its deliveries say together.
    public var state: ReportState
    /// Attempts begun since the report was queued or last asked for by hand.
    public var attempts: Int
    /// When the next attempt is due; only while `state` is `retrying`.
    public var nextAttemptUnixMilliseconds: Int64?
    /// Why the last attempt failed; `nil` when none did, or the last one succeeded.
    public var lastError: String?
    /// When the report was queued.
    public var createdUnixMilliseconds: Int64
    /// When the report or its alert last changed.
    public var updatedUnixMilliseconds: Int64
    /// When the alert ended; `nil` while it can still grow.
    public var closedUnixMilliseconds: Int64?

    /// Whether the alert has ended and cannot grow any more.
    public var alertClosed: Bool { closedUnixMilliseconds != nil }

    /// Makes a report of its parts.
    public init(
        id: AlertID, event: String, subject: String, alert: Alert?, state: ReportState,
        attempts: Int,
        nextAttemptUnixMilliseconds: Int64?, lastError: String?, createdUnixMilliseconds: Int64,
        updatedUnixMilliseconds: Int64, closedUnixMilliseconds: Int64?
    ) {
        self.id = id
        self.event = event
        self.subject = subject
        self.alert = alert
        self.state = state
        self.attempts = attempts
        self.nextAttemptUnixMilliseconds = nextAttemptUnixMilliseconds
        self.lastError = lastError
        self.createdUnixMilliseconds = createdUnixMilliseconds
        self.updatedUnixMilliseconds = updatedUnixMilliseconds
        self.closedUnixMilliseconds = closedUnixMilliseconds
    }

    private enum CodingKeys: String, CodingKey {
        case id = "report_id"
        case event, subject, alert, state, attempts
        case nextAttemptUnixMilliseconds = "next_attempt_unix_ms"
        case lastError = "last_error"
        case createdUnixMilliseconds = "created_unix_ms"
        case updatedUnixMilliseconds = "updated_unix_ms"
        case closedUnixMilliseconds = "closed_unix_ms"
    }
}

/// Which reports to list; every part that is set must hold.
public struct ReportFilter: Sendable, Hashable {
    /// Only reports in this state.
    public var state: ReportState?
    /// Only alerts about items of the known set of this name.
    public var set: String?
    /// Only alerts about this input, exactly as the alert names it.
    public var input: String?
    /// Only reports of this event, for instance `alert.opened`.
    public var event: String?
    /// Only reports on this alert.
    public var alert: AlertID?
    /// Only reports queued at this moment or later, Unix milliseconds.
    public var since: Int64?
    /// Only reports queued before this moment, Unix milliseconds.
    public var until: Int64?

    /// Makes a filter; without arguments it lets every report pass.
    public init(
        state: ReportState? = nil, set: String? = nil, input: String? = nil,
        event: String? = nil, alert: AlertID? = nil, since: Int64? = nil, until: Int64? = nil
    ) {
        self.state = state
        self.set = set
        self.input = input
        self.event = event
        self.alert = alert
        self.since = since
        self.until = until
    }
}

// The life of a report, as a pure table: a state and an event give the next state, or nothing.
//
//     queued ──started──▶ delivering ──succeeded──▶ delivered
//       ▲                  │  │   ▲ └──failed──▶ retrying ──started──▶ delivering
//       ├────recovered─────┘  └─abandoned─▶ dead
//       ├──────────────retryRequested───────┘   (also from retrying)
//       └──────────────replayRequested, from dead and delivered
//
// Invariants: only a person takes a report out of `delivered` and `dead`; only `delivering` can end in `delivered`, so that a report is
// never called delivered without an attempt. The table performs nothing: a store applies it inside
// its own transaction (compare and set), so two workers cannot take the same report.

/// Where a report is on its way to its readers.
///
/// The raw values stand in databases and in output.
public enum ReportState: String, Sendable, Codable, CaseIterable {
    /// Waiting for its first attempt, or for one that was asked for by hand or after a crash.
    case queued
    /// One worker is sending it now.
    case delivering
    /// A receiver accepted it; of a report, all its receivers.
    case delivered
    /// The last attempt failed; the next one is scheduled.
    case retrying
    /// Given up; waits for a person.
    case dead
    /// Of a report: it goes to nobody, since no endpoint asks for it.
    case unaddressed
}

/// What happens to a report.
public enum ReportEvent: String, Sendable, Codable, CaseIterable {
    /// A worker takes the report and begins an attempt.
    case started
    /// The receiver accepted it.
    case succeeded
    /// The attempt failed and another one is to follow at a given time.
    case failed
    /// Given up: out of attempts, or there is nobody to send it to any more.
    case abandoned
    /// The process that was sending is gone and left no outcome.
    case recovered
    /// A person asks for a report that was not accepted to be sent now.
    case retryRequested = "retry_requested"
    /// A person asks for a report to be sent whether it was accepted or not.
    case replayRequested = "replay_requested"
}

extension ReportState {
    /// The state after an event.
    /// - Returns: `nil` when the event is not allowed in this state.
    public func next(on event: ReportEvent) -> ReportState? {
        switch (self, event) {
        case (.queued, .started), (.retrying, .started): .delivering
        case (.delivering, .succeeded): .delivered
        case (.delivering, .failed): .retrying
        case (.delivering, .abandoned), (.queued, .abandoned), (.retrying, .abandoned): .dead
        case (.delivering, .recovered): .queued
        case (.dead, .retryRequested), (.retrying, .retryRequested): .queued
        case (.dead, .replayRequested), (.delivered, .replayRequested): .queued
        default: nil
        }
    }
}

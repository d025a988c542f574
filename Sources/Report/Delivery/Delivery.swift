// One report on its way to one endpoint, and each step of that way with all that goes with it: the
// attempt count, the next attempt, the last reason. Pure, so that every store takes the same step;
// the store only writes the result.
//
// Invariants: `nextAttemptUnixMilliseconds` is set exactly while the state is `retrying`. A report's
// own state sums up its deliveries; nothing else changes it.

public import Match

/// A report on its way to one endpoint.
public struct Delivery: Sendable, Hashable, Codable {
    /// The report's id.
    public var report: AlertID
    /// Name of the endpoint in the configuration.
    public var endpoint: String
    /// Where it is on its way.
    public var state: ReportState
    /// Attempts begun since it was queued or last asked for by hand.
    public var attempts: Int
    /// When the next attempt is due; only while `state` is `retrying`.
    public var nextAttemptUnixMilliseconds: Int64?
    /// Why the last attempt failed; `nil` when none did, or the last one succeeded.
    public var lastError: String?
    /// When the endpoint accepted it first; stays through replays.
    public var acceptedUnixMilliseconds: Int64?
    /// When it last changed.
    public var updatedUnixMilliseconds: Int64

    /// Makes a delivery that waits for its first attempt.
    public init(report: AlertID, endpoint: String, at unixMilliseconds: Int64) {
        self.report = report
        self.endpoint = endpoint
        state = .queued
        attempts = 0
        updatedUnixMilliseconds = unixMilliseconds
    }

    private enum CodingKeys: String, CodingKey {
        case report = "report_id"
        case endpoint, state, attempts
        case nextAttemptUnixMilliseconds = "next_attempt_unix_ms"
        case lastError = "last_error"
        case acceptedUnixMilliseconds = "accepted_unix_ms"
        case updatedUnixMilliseconds = "updated_unix_ms"
    }
}

/// What became of a delivery.
public struct DeliveryStep: Sendable, Hashable {
    /// The report's id.
    public var report: AlertID
    /// Name of the endpoint.
    public var endpoint: String
    /// What happened.
    public var event: ReportEvent
    /// Why an attempt failed, without secrets; `nil` leaves the last reason, `succeeded` clears it.
    public var error: String?
    /// When to try again, Unix milliseconds; `failed` needs it, others ignore it.
    public var nextAttempt: Int64?

    /// Makes a step of its parts.
    public init(
        _ event: ReportEvent, _ report: AlertID, to endpoint: String, error: String? = nil,
        nextAttempt: Int64? = nil
    ) {
        self.report = report
        self.endpoint = endpoint
        self.event = event
        self.error = error
        self.nextAttempt = nextAttempt
    }
}

extension Delivery {
    /// The delivery after a step.
    /// - Parameter place: the store, for the error.
    package func after(
        _ step: DeliveryStep, at unixMilliseconds: Int64, in place: String
    ) throws(ReportError) -> Delivery {
        let event = step.event
        let what = "apply \(event.rawValue) to report \(report) for \(endpoint)"
        guard let next = state.next(on: event) else {
            throw ReportError(
                .forbiddenTransition, doing: what, at: place, why: "it is \(state.rawValue)",
                fix: "list the reports again, another process may have moved it on")
        }
        if next == .retrying, step.nextAttempt == nil {
            throw ReportError(
                .invalidValue, doing: what, at: place,
                why: "the time of the next attempt is missing",
                fix: "this is a fault in what sent the report")
        }
        var delivery = self
        delivery.state = next
        delivery.nextAttemptUnixMilliseconds = next == .retrying ? step.nextAttempt : nil
        // What is queued is due now, also where the clock was ahead before.
        delivery.updatedUnixMilliseconds =
            next == .queued
            ? unixMilliseconds : max(updatedUnixMilliseconds, unixMilliseconds)
        if let error = step.error {
            delivery.lastError = String(error.prefix(ReportLimits.errorCharacters))
        }
        switch event {
        case .started: delivery.attempts += 1
        case .retryRequested, .replayRequested: delivery.attempts = 0
        case .succeeded:
            delivery.lastError = nil
            delivery.acceptedUnixMilliseconds = acceptedUnixMilliseconds ?? unixMilliseconds
        // Nobody knows whether it was made at all.
        case .recovered: delivery.attempts = max(0, attempts - 1)
        case .failed, .abandoned: break
        }
        return delivery
    }
}

extension QueuedReport {
    /// Takes over what all deliveries of the report say together.
    ///
    /// It is on its way while any of them is; then dead if any is; delivered when all are.
    package mutating func sumUp(_ deliveries: [Delivery]) {
        let order: [ReportState] = [.delivering, .retrying, .queued, .dead, .delivered]
        state =
            order.first { state in deliveries.contains { $0.state == state } } ?? .unaddressed
        attempts = deliveries.map(\.attempts).max() ?? 0
        nextAttemptUnixMilliseconds =
            state == .retrying ? deliveries.compactMap(\.nextAttemptUnixMilliseconds).min() : nil
        lastError =
            deliveries.filter { $0.lastError != nil }
            .max { $0.updatedUnixMilliseconds < $1.updatedUnixMilliseconds }?.lastError
        for delivery in deliveries {
            updatedUnixMilliseconds = max(
                updatedUnixMilliseconds, delivery.updatedUnixMilliseconds)
        }
    }
}

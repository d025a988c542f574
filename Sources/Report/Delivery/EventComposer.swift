// Makes what is delivered of an event, from what the store knows of it and what the program knows of
// itself. Pure but for the clock's error bound, which the system is asked for.

internal import Match

/// Makes the bodies of events.
public struct EventComposer: Sendable {
    /// Where events come from.
    public var origin: EventOrigin
    /// By which rules.
    public var policy: EventPolicy
    /// What is known of known sets, by name.
    public var known: [String: KnownFacts]
    /// How far this machine's clock may be from UTC, seconds; `nil` where it does not know.
    public var clockErrorBound: @Sendable () -> Double?

    /// Makes a composer of its parts.
    public init(
        origin: EventOrigin, policy: EventPolicy, known: [String: KnownFacts] = [:],
        clockErrorBound: @escaping @Sendable () -> Double? = { nil }
    ) {
        self.origin = origin
        self.policy = policy
        self.known = known
        self.clockErrorBound = clockErrorBound
    }

    /// The body of an event of an alert.
    package func body(_ event: AlertEvent) -> [UInt8] {
        EventPayload.alert(
            EventKind(rawValue: event.event) ?? .alertUpdated, event.alert,
            at: event.unixMilliseconds, opened: event.openedUnixMilliseconds,
            closed: event.closedUnixMilliseconds, verdict: event.verdict, stream: event.stream,
            known: known[event.alert.known.set] ?? KnownFacts(), policy: policy, origin: origin,
            clockErrorBound: clockErrorBound()
        ).body(id: event.id)
    }
}

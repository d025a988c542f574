// The seam to durable state about deliveries: which report goes to which endpoint, and how far it is.
//
// Promises are those of `ReportStore`. The body of a report is written once and never changes: what
// an endpoint gets under one id is the same bytes at each attempt and each replay.

public import Match

/// What is known of a report when its endpoints are chosen.
public struct ReportFacts: Sendable, Hashable {
    /// The report's id.
    public var id: AlertID
    /// For instance `alert.opened`.
    public var event: String
    /// Name of the known set; empty where it is about none.
    public var set: String
    /// Category of the known item; empty where there is none.
    public var category: String
    /// Labels of the live stream.
    public var labels: [String: String]

    /// Makes facts of their parts.
    public init(
        id: AlertID, event: String, set: String, category: String, labels: [String: String]
    ) {
        self.id = id
        self.event = event
        self.set = set
        self.category = category
        self.labels = labels
    }
}

/// A delivery whose attempt begins now.
public struct DueDelivery: Sendable, Hashable {
    /// The report's id: the webhook's id.
    public var report: AlertID
    /// Name of the endpoint.
    public var endpoint: String
    /// For instance `alert.opened`.
    public var event: String
    /// When the report was queued, Unix milliseconds.
    public var createdUnixMilliseconds: Int64
    /// Which attempt it is, from 1.
    public var attempt: Int
    /// What is delivered.
    public var body: [UInt8]

    /// Makes it of its parts.
    public init(
        report: AlertID, endpoint: String, event: String, createdUnixMilliseconds: Int64,
        attempt: Int, body: [UInt8]
    ) {
        self.report = report
        self.endpoint = endpoint
        self.event = event
        self.createdUnixMilliseconds = createdUnixMilliseconds
        self.attempt = attempt
        self.body = body
    }
}

/// One turn of what delivers: what came out, and what to do next.
public struct DeliveryTurn: Sendable {
    /// What became of attempts that were begun.
    public var steps: [DeliveryStep] = []
    /// How many attempts each endpoint can begin.
    public var wants: [String: Int] = [:]
    /// Most reports whose endpoints are chosen.
    public var mostRouted = 500
    /// Chooses the endpoints of a report.
    public var route: @Sendable (ReportFacts) -> [String]
    /// Makes the body of a report that has none, because it was queued by a program that makes none.
    public var composer: EventComposer

    /// Makes a turn that begins nothing.
    public init(
        route: @escaping @Sendable (ReportFacts) -> [String], composer: EventComposer
    ) {
        self.route = route
        self.composer = composer
    }
}

/// Whether an endpoint is delivered to.
public struct EndpointStanding: Sendable, Hashable {
    /// Its name.
    public var endpoint: String
    /// Why it is not delivered to any more.
    public var reason: String
    /// Since when, Unix milliseconds.
    public var disabledUnixMilliseconds: Int64

    /// Makes it of its parts.
    public init(endpoint: String, reason: String, disabledUnixMilliseconds: Int64) {
        self.endpoint = endpoint
        self.reason = reason
        self.disabledUnixMilliseconds = disabledUnixMilliseconds
    }
}

/// Keeps deliveries.
public protocol DeliveryStore: Sendable {
    /// Writes what became of attempts, chooses the endpoints of new reports, and begins attempts
    /// that are due, all or nothing.
    ///
    /// A step that the state does not allow, because somebody else moved the delivery on, or that is
    /// about a delivery which is gone, is left out.
    func take(_ turn: DeliveryTurn, at unixMilliseconds: Int64) throws(ReportError) -> [DueDelivery]

    /// Moves one delivery on by one event of the table in `ReportState`.
    /// - Returns: the report as it is afterwards.
    func apply(
        _ step: DeliveryStep, at unixMilliseconds: Int64
    ) throws(ReportError) -> QueuedReport

    /// The deliveries of a report, by endpoint.
    func deliveries(of report: AlertID) throws(ReportError) -> [Delivery]

    /// What is delivered of a report; `nil` where it has not been made.
    func body(of report: AlertID) throws(ReportError) -> [UInt8]?

    /// Queues again what a process that is gone was delivering, and what is due later than any
    /// schedule allows, because the clock was wrong.
    /// - Returns: how many.
    func recoverDeliveries(
        dueAtMost latest: Int64, at unixMilliseconds: Int64
    ) throws(ReportError) -> Int

    /// Gives up what waits for endpoints that there are no more.
    /// - Parameter endpoints: those that there are.
    /// - Returns: how many.
    func abandonDeliveries(
        except endpoints: Set<String>, at unixMilliseconds: Int64
    ) throws(ReportError) -> Int

    /// Brings forward what is due, because the clock was set back by so many milliseconds.
    func clockWentBack(by milliseconds: Int64) throws(ReportError)

    /// Has dead or retrying deliveries tried again now.
    /// - Parameters:
    ///   - report: of this report; `nil` for all that are dead.
    ///   - endpoint: to this endpoint; `nil` for all.
    ///   - limit: how many at most; brought into 1…10 000.
    ///   - actor: who asked, as ``AuditEntry`` names people.
    /// - Returns: how many.
    func retryDeliveries(
        of report: AlertID?, to endpoint: String?, limit: Int, by actor: String,
        at unixMilliseconds: Int64
    ) throws(ReportError) -> Int

    /// Has reports delivered to one endpoint again, or for the first time, with the same ids and
    /// bodies.
    /// - Parameters:
    ///   - filter: which reports.
    ///   - cursor: the last id of the page before; `nil` for the first page.
    ///   - limit: how many at most; brought into 1…10 000.
    ///   - tests: known sets whose alerts are tests, which are left out.
    ///   - actor: who asked, as ``AuditEntry`` names people.
    /// - Returns: how many, and the last id; `nil` when there are no more.
    func replay(
        _ filter: ReportFilter, to endpoint: String, before cursor: AlertID?, limit: Int,
        tests: Set<String>, by actor: String, at unixMilliseconds: Int64
    ) throws(ReportError) -> (count: Int, last: AlertID?)

    /// Deliveries to endpoints by state.
    func deliveryCounts() throws(ReportError) -> [String: [ReportState: Int]]

    /// Delivers no more to an endpoint until it is enabled; what is queued for it stays.
    func disable(_ standing: EndpointStanding) throws(ReportError)

    /// Delivers to an endpoint again.
    /// - Parameter actor: who asked, as ``AuditEntry`` names people.
    /// - Returns: whether it was disabled.
    func enable(
        _ endpoint: String, by actor: String, at unixMilliseconds: Int64
    ) throws(ReportError) -> Bool

    /// Endpoints that are not delivered to.
    func disabledEndpoints() throws(ReportError) -> [EndpointStanding]
}

/// An event of an alert that is to be told.
package struct AlertEvent: Sendable {
    /// The report's id.
    package var id: AlertID
    /// For instance `alert.opened`.
    package var event: String
    /// The alert as it is now.
    package var alert: Alert
    /// The stream that it was seen in; `nil` for a file, and for a stream that nobody keeps.
    package var stream: WatchedStream?
    /// When the alert opened, Unix milliseconds.
    package var openedUnixMilliseconds: Int64
    /// When it ended; `nil` while it can still grow.
    package var closedUnixMilliseconds: Int64?
    /// What those who looked made of it; the newest.
    package var verdict: Verdict?
    /// When the event happened, Unix milliseconds.
    package var unixMilliseconds: Int64
}

/// An event that is about no alert, or about more than its facts.
public struct EventDraft: Sendable {
    /// For instance `stream.stopped`.
    public var event: String
    /// The alert that it is about.
    public var alert: AlertID?
    /// The stream that it is about.
    public var stream: StreamID?
    /// Name of the known set that it is about.
    public var set: String
    /// What it is about, for lists, such as a stream's name.
    public var subject: String
    /// Makes what is delivered, given the report's id.
    public var body: @Sendable (AlertID) -> [UInt8]

    /// Makes a draft of its parts.
    public init(
        _ event: String, about subject: String, alert: AlertID? = nil, stream: StreamID? = nil,
        set: String = "", body: @escaping @Sendable (AlertID) -> [UInt8]
    ) {
        self.event = event
        self.subject = subject
        self.alert = alert
        self.stream = stream
        self.set = set
        self.body = body
    }
}

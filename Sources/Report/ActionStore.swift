// The seam to durable state about what was done because of alerts: the steps of stopping a stream,
// who may not publish again, and where an authority asked not to stop.
//
// Promises are those of `ReportStore`. Steps are only ever added. Each change leaves a record in the
// audit log, in the same transaction; `actor` is who asked for it, as ``AuditEntry`` names people.

public import Match

/// A step of what was done about an alert, with its time.
public struct AlertStep: Sendable, Hashable {
    /// What was done or seen.
    public enum Kind: String, Sendable, CaseIterable, Codable {
        /// The evidence became sufficient.
        case detected
        /// A stop was due, but an authority asked for a hold.
        case held
        /// The media server was asked to stop the stream.
        case stopRequested = "stop_requested"
        /// It could not be asked, or refused; it is asked again.
        case stopFailed = "stop_failed"
        /// The stream is no longer there.
        case confirmedGone = "confirmed_gone"
        /// The stream ended before it was stopped, for instance while a hold went on.
        case endedByItself = "ended_by_itself"
        /// It was still there after all tries, or nobody could be asked: a person has to act.
        case stopGivenUp = "stop_given_up"
        /// The publisher tried to come back and was refused.
        case republishDenied = "republish_denied"
    }

    /// What was done or seen.
    public var kind: Kind
    /// When, Unix milliseconds.
    public var unixMilliseconds: Int64
    /// More about it, for people; without secrets.
    public var detail: String

    /// Makes a step of its parts.
    public init(_ kind: Kind, at unixMilliseconds: Int64, detail: String = "") {
        self.kind = kind
        self.unixMilliseconds = unixMilliseconds
        self.detail = detail
    }
}

/// A place where nobody may publish for a time, because a stream was stopped there for cause.
public struct Denial: Sendable, Hashable {
    /// Where.
    public var place: StreamPlace
    /// Because of which alert.
    public var alert: AlertID
    /// From when to when, Unix milliseconds.
    public var sinceUnixMilliseconds: Int64
    /// When it ends, Unix milliseconds.
    public var untilUnixMilliseconds: Int64

    /// Makes a denial of its parts.
    public init(
        place: StreamPlace, alert: AlertID, sinceUnixMilliseconds: Int64,
        untilUnixMilliseconds: Int64
    ) {
        self.place = place
        self.alert = alert
        self.sinceUnixMilliseconds = sinceUnixMilliseconds
        self.untilUnixMilliseconds = untilUnixMilliseconds
    }
}

/// An authority's request not to stop what is published at a place, for instance so as not to warn
/// somebody who is being investigated.
public struct Hold: Sendable, Hashable {
    /// Stable id.
    public var id: AlertID
    /// Where.
    public var place: StreamPlace
    /// Who asked, for instance an office and its file number.
    public var authority: String
    /// Why, as far as it may be said.
    public var reason: String
    /// When it began, Unix milliseconds.
    public var sinceUnixMilliseconds: Int64
    /// When it ends, Unix milliseconds: a hold is never for ever.
    public var untilUnixMilliseconds: Int64

    /// Makes a hold of its parts.
    public init(
        id: AlertID, place: StreamPlace, authority: String, reason: String,
        sinceUnixMilliseconds: Int64, untilUnixMilliseconds: Int64
    ) {
        self.id = id
        self.place = place
        self.authority = authority
        self.reason = reason
        self.sinceUnixMilliseconds = sinceUnixMilliseconds
        self.untilUnixMilliseconds = untilUnixMilliseconds
    }
}

/// Keeps what was done because of alerts.
public protocol ActionStore: Sendable {
    /// Adds a step to an alert, unless it has `ActionLimits.steps` of them, or of refusals
    /// `ActionLimits.refusals`; steps that end a stop are always added.
    /// - Throws: `notFound` where there is no such alert.
    func add(_ step: AlertStep, to alert: AlertID) throws(ReportError)

    /// The steps of an alert in the order in which they were added.
    func steps(of alert: AlertID) throws(ReportError) -> [AlertStep]

    /// Alerts that called for a stop, detected, held or requested, which has not ended, the oldest
    /// first: what a service that was killed takes up again.
    func unfinishedStops() throws(ReportError) -> [AlertID]

    /// Denies a place, in the stead of an earlier denial there.
    func deny(_ denial: Denial) throws(ReportError)

    /// The denial of a place that holds at a time.
    func denial(of place: StreamPlace, at unixMilliseconds: Int64) throws(ReportError) -> Denial?

    /// All denials that hold at a time, the newest first, at most 1000.
    func denials(at unixMilliseconds: Int64) throws(ReportError) -> [Denial]

    /// Lifts the denial of a place.
    /// - Returns: whether there was one.
    func lift(
        _ place: StreamPlace, at unixMilliseconds: Int64, by actor: String
    ) throws(ReportError) -> Bool

    /// Keeps a hold, and lifts the denial of its place: both at once, because a refusal would warn
    /// whoever publishes there.
    func keep(_ hold: Hold, by actor: String) throws(ReportError)

    /// The hold of a place that holds at a time, that which ends last.
    func hold(of place: StreamPlace, at unixMilliseconds: Int64) throws(ReportError) -> Hold?

    /// All holds that hold at a time, the newest first, at most 1000.
    func holds(at unixMilliseconds: Int64) throws(ReportError) -> [Hold]

    /// Ends a hold now; it stays on record.
    /// - Returns: whether it was there and had not ended.
    func endHold(
        _ id: AlertID, at unixMilliseconds: Int64, by actor: String
    ) throws(ReportError) -> Bool
}

extension ActionStore {
    /// Lifts a denial without anybody having asked.
    public func lift(
        _ place: StreamPlace, at unixMilliseconds: Int64
    ) throws(ReportError) -> Bool {
        try lift(place, at: unixMilliseconds, by: AuditEntry.vigil)
    }

    /// Keeps a hold of which it is not known who entered it.
    public func keep(_ hold: Hold) throws(ReportError) { try keep(hold, by: AuditEntry.vigil) }

    /// Ends a hold of which it is not known who ended it.
    public func endHold(
        _ id: AlertID, at unixMilliseconds: Int64
    ) throws(ReportError) -> Bool {
        try endHold(id, at: unixMilliseconds, by: AuditEntry.vigil)
    }
}

/// What every store has in common.
package enum ActionLimits {
    /// Most steps that are kept of an alert.
    package static let steps = 200
    /// Most refusals among them, which whoever is refused makes as many of as he likes.
    package static let refusals = 40
    /// Longest detail, characters.
    package static let detail = 300
    /// Most denials or holds that are listed.
    package static let listed = 1000
}

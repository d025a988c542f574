// Legal holds: an authority asks that an alert, or all that is known of a stream, is not erased.
//
// A legal hold ends only when somebody releases it, or at a time that was said when it was made. It
// stays on record. Several may hold the same subject: each has to be released.

public import Match

/// A request to keep what would be erased.
public struct LegalHold: Sendable, Hashable {
    /// What is kept.
    public enum Kind: String, Sendable, Codable, CaseIterable {
        /// One alert with all that belongs to it.
        case alert
        /// A stream, its coverage, and all of its alerts.
        case stream
    }

    /// Stable id.
    public var id: AlertID
    /// What is kept.
    public var kind: Kind
    /// Id of the alert or of the stream.
    public var subject: AlertID
    /// Who asked, for instance an office and its file number.
    public var authority: String
    /// Why, as far as it may be said.
    public var reason: String
    /// When it began, Unix milliseconds.
    public var sinceUnixMilliseconds: Int64
    /// When it ends or ended, Unix milliseconds; `nil` until somebody releases it.
    public var untilUnixMilliseconds: Int64?

    /// Makes a legal hold of its parts.
    public init(
        id: AlertID, kind: Kind, subject: AlertID, authority: String, reason: String,
        sinceUnixMilliseconds: Int64, untilUnixMilliseconds: Int64? = nil
    ) {
        self.id = id
        self.kind = kind
        self.subject = subject
        self.authority = authority
        self.reason = reason
        self.sinceUnixMilliseconds = sinceUnixMilliseconds
        self.untilUnixMilliseconds = untilUnixMilliseconds
    }
}

/// Keeps legal holds; promises are those of ``ReportStore``.
public protocol LegalHoldStore: Sendable {
    /// Keeps a legal hold.
    /// - Parameter actor: who keeps it, as ``AuditEntry`` names people.
    /// - Throws: `notFound` where there is no such alert or stream.
    func keep(_ hold: LegalHold, by actor: String) throws(ReportError)

    /// What an id is of: an alert, or a stream; `nil` where it is of neither.
    func legalHoldKind(of id: AlertID) throws(ReportError) -> LegalHold.Kind?

    /// Legal holds that hold at a time, the newest first, at most 1000.
    func legalHolds(at unixMilliseconds: Int64) throws(ReportError) -> [LegalHold]

    /// Legal holds on an alert or stream, those that are over among them, the oldest first, at most
    /// 1000.
    func legalHolds(on id: AlertID) throws(ReportError) -> [LegalHold]

    /// Ends the legal hold of this id now, or all of the alert or stream of this id.
    /// - Returns: how many ended.
    func releaseLegalHolds(
        _ id: AlertID, by actor: String, at unixMilliseconds: Int64
    ) throws(ReportError) -> Int
}

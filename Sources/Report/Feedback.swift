// What the receivers of an alert made of it: the human decision, which is recorded so that error
// rates are known and what was wrong can be undone.
//
// Feedback is only ever added; the newest verdict of an alert counts. A repeat of the newest adds
// nothing, so a caller that is unsure whether an earlier call succeeded may repeat it.

public import Match

/// What somebody who looked decided.
public enum Verdict: String, Sendable, Codable, CaseIterable {
    /// It is what the alert says.
    case confirmed
    /// It is not: the alert was an error.
    case rejected
    /// An authority, or another team, goes on with it.
    case takenOver = "taken_over"
}

/// A decision about an alert.
public struct Feedback: Sendable, Hashable {
    /// What was decided.
    public var verdict: Verdict
    /// Why; empty where nobody said, which a rejection has to.
    public var reason: String
    /// Who decided, as the caller names it.
    public var by: String
    /// The caller's own reference, for instance a file number; may be empty.
    public var reference: String
    /// Whose token was shown; empty where none was.
    public var caller: String
    /// When it was recorded, Unix milliseconds.
    public var unixMilliseconds: Int64

    /// Makes feedback of its parts.
    public init(
        _ verdict: Verdict, reason: String = "", by: String, reference: String = "",
        caller: String = "", at unixMilliseconds: Int64
    ) {
        self.verdict = verdict
        self.reason = reason
        self.by = by
        self.reference = reference
        self.caller = caller
        self.unixMilliseconds = unixMilliseconds
    }

    /// Whether it says the same as another, whenever.
    func repeats(_ other: Feedback) -> Bool {
        var other = other
        other.unixMilliseconds = unixMilliseconds
        return self == other
    }
}

/// Keeps feedback; promises are those of ``ReportStore``.
public protocol FeedbackStore: Sendable {
    /// Adds feedback to an alert.
    /// - Returns: what stands now as the newest, and whether it is new: a repeat adds nothing.
    /// - Throws: `notFound` where there is no such alert, `full` where it has
    ///   `FeedbackLimits.each` of this caller already: others can still decide.
    func add(
        _ feedback: Feedback, to alert: AlertID
    ) throws(ReportError) -> (feedback: Feedback, isNew: Bool)

    /// The feedback on an alert, the oldest first; the last counts.
    func feedback(on alert: AlertID) throws(ReportError) -> [Feedback]
}

/// What every store has in common.
public enum FeedbackLimits {
    /// Most that is kept of an alert from one caller.
    public static let each = 100
}

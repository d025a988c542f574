// How long what is stored is kept, and the sweep that erases what is older.
//
// Nothing is erased that somebody still needs: the reasons to keep stand in `KeptReason`, and what is
// kept for one is counted, so that data which outlives its time is never a surprise. A sweep is a
// pure walk over the kinds, a batch a step, so that whoever runs it can let writers pass in between.
// No clock inside: the time is passed in.

/// What is kept for a time of its own.
public enum RetentionKind: String, Sendable, Hashable, CaseIterable, Codable {
    /// Alerts that somebody looked at and rejected: erased before the others.
    case rejectedAlerts = "rejected_alerts"
    /// Alerts, with their reports, steps, denials and feedback.
    case alerts
    /// Reports that are about no alert, such as `stream.unexamined`.
    case otherReports = "other_reports"
    /// Authorities' requests that are over: not to stop a stream, and legal holds.
    case holds
    /// What was examined, minute by minute.
    case coverage
    /// Who and what a stream was: address, labels, place, publisher.
    case streams
}

/// How long each kind is kept, days; 0 is for ever.
public struct RetentionPolicy: Sendable, Hashable {
    /// From the end of an alert.
    public var alertsDays = 365
    /// From the rejection of an alert; 0 is as long as other alerts.
    public var rejectedAlertsDays = 30
    /// From each report that is about no alert.
    public var otherReportsDays = 90
    /// From the end of an authority's request.
    public var holdsDays = 1095
    /// From the end of a watch.
    public var streamsDays = 365
    /// From each minute.
    public var coverageDays = 400

    /// The defaults.
    public init() {}

    /// Days that a kind is kept; 0 is for ever.
    public func days(of kind: RetentionKind) -> Int {
        switch kind {
        case .rejectedAlerts: rejectedAlertsDays
        case .alerts: alertsDays
        case .coverage: coverageDays
        case .otherReports: otherReportsDays
        case .holds: holdsDays
        case .streams: streamsDays
        }
    }

    /// The time before which what ended is due; `nil` where a kind is kept for ever.
    public func limit(of kind: RetentionKind, at unixMilliseconds: Int64) -> Int64? {
        let days = days(of: kind)
        return days > 0 ? unixMilliseconds - Int64(days) * 86_400_000 : nil
    }

    /// How long an alert that was never closed is taken for one that goes on, milliseconds: a scan
    /// that was killed leaves such alerts, and nobody closes them.
    static let longestOpen: Int64 = 30 * 86_400_000
}

/// Why something is kept beyond its time.
public enum KeptReason: String, Sendable, Hashable, CaseIterable, Codable {
    /// An authority asked for it.
    case legalHold = "legal_hold"
    /// The alert goes on.
    case open
    /// A report of it has not arrived and was not given up.
    case notDelivered = "not_delivered"
    /// A stop that it called for has not ended.
    case stopUnfinished = "stop_unfinished"
    /// Somebody may not publish because of it.
    case denialInForce = "denial_in_force"
    /// An alert that is kept is about it.
    case hasAlerts = "has_alerts"
}

/// Where a sweep of one kind has come to.
public struct SweepMark: Sendable, Hashable {
    var time: Int64
    var id: String
}

/// What a step of a sweep did.
public struct SweepBatch: Sendable, Hashable {
    /// How many were erased; of a dry run, would be.
    public var erased = 0
    /// How many were due but kept, by why.
    public var kept: [KeptReason: Int] = [:]
    /// Where to go on; `nil` where there is no more of the kind.
    public var next: SweepMark?
}

/// Erases what is due; promises are those of ``ReportStore``.
public protocol RetentionStore: Sendable {
    /// Erases a batch of a kind, in one short transaction.
    /// - Parameters:
    ///   - kind: of what.
    ///   - policy: how long it is kept.
    ///   - unixMilliseconds: now.
    ///   - mark: where the step before ended; `nil` for the first.
    ///   - actor: who sweeps, as ``AuditEntry`` names people.
    ///   - isDry: whether nothing is erased, only counted.
    func erase(
        _ kind: RetentionKind, _ policy: RetentionPolicy, at unixMilliseconds: Int64,
        after mark: SweepMark?, by actor: String, isDry: Bool
    ) throws(ReportError) -> SweepBatch
}

/// What every store has in common.
package enum RetentionLimits {
    /// Alerts or streams that are looked at in one transaction.
    package static let batch = 200
    /// Minutes of the ledger that are erased in one transaction; their rows are small.
    package static let minutes = 2000
}

/// Walks over all kinds, a step at a time.
public struct RetentionSweep: Sendable {
    /// How long each kind is kept.
    public let policy: RetentionPolicy
    /// When the sweep began, which decides what is due, Unix milliseconds.
    public let unixMilliseconds: Int64
    /// Who sweeps, as ``AuditEntry`` names people.
    public let actor: String
    /// Whether nothing is erased, only counted.
    public let isDry: Bool
    /// What was erased so far; of a dry run, would be.
    public private(set) var erased: [RetentionKind: Int] = [:]
    /// What was due but kept.
    public private(set) var kept: [RetentionKind: [KeptReason: Int]] = [:]

    /// How long to pause between two steps, milliseconds: longer than SQLite sleeps between two
    /// tries to write (100), so that whoever waits for a step gets its turn before the next.
    public static let pauseMilliseconds = 120

    private var left = ArraySlice(RetentionKind.allCases)
    private var mark: SweepMark?

    /// Begins a sweep.
    public init(
        _ policy: RetentionPolicy, at unixMilliseconds: Int64,
        by actor: String = AuditEntry.vigil, isDry: Bool = false
    ) {
        self.policy = policy
        self.actor = actor
        self.unixMilliseconds = unixMilliseconds
        self.isDry = isDry
    }

    /// Does the next batch.
    /// - Returns: whether there is more to do.
    public mutating func step(_ store: any RetentionStore) throws(ReportError) -> Bool {
        guard let kind = left.first else { return false }
        let batch = try store.erase(
            kind, policy, at: unixMilliseconds, after: mark, by: actor, isDry: isDry)
        erased[kind, default: 0] += batch.erased
        kept[kind, default: [:]].merge(batch.kept, uniquingKeysWith: +)
        mark = batch.next
        if mark == nil { left = left.dropFirst() }
        return !left.isEmpty
    }
}

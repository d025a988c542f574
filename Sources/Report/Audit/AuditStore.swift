// The seam to the audit log. It lives with the facts that it tells of, so that a store writes both
// in one transaction: a fact without its record, or a record without its fact, cannot be.
//
// Promises are those of `ReportStore`. Records are only ever added; all that can be taken away is
// who or what a record is about.

/// What a log consists of, in the order in which it is checked.
public enum AuditLine: Sendable, Hashable {
    /// A record.
    case record(AuditRecord)
    /// A signed head, after the record that it signs.
    case head(SignedHead)
    /// A record that holds what no record can; its number, and what.
    case unreadable(number: Int64, what: String)
}

/// Keeps the audit log.
public protocol AuditStore: Sendable {
    /// Adds entries to the end of the log, all or nothing.
    func append(_ entries: [AuditEntry], at unixMilliseconds: Int64) throws(ReportError)

    /// Records after one of a number, in order.
    /// - Parameters:
    ///   - number: 0 for the first.
    ///   - limit: how many at most; brought into 1…10 000.
    func records(after number: Int64, limit: Int) throws(ReportError) -> [AuditRecord]

    /// The newest records about a subject, in order; an erased one is about nothing.
    /// - Parameters:
    ///   - subject: what they are about.
    ///   - limit: how many at most; brought into 1…10 000.
    func records(about subject: String, limit: Int) throws(ReportError) -> [AuditRecord]

    /// The newest record for each subject of a kind that tells of a setting:
    /// `configuration.changed` or `known.changed`. Other kinds have none.
    func latest(_ kind: AuditKind) throws(ReportError) -> [AuditRecord]

    /// The newest record; `nil` where there is none.
    func head() throws(ReportError) -> AuditHead?

    /// Signs the newest record, and with it all before.
    /// - Returns: `nil` where there is no record yet.
    func signHead(
        with key: AuditKey, at unixMilliseconds: Int64
    ) throws(ReportError) -> SignedHead?

    /// The newest signed heads, in order.
    /// - Parameter limit: how many at most; brought into 1…10 000.
    func heads(limit: Int) throws(ReportError) -> [SignedHead]

    /// Erases a subject from all records about it, and records how many there were.
    /// - Returns: how many; 0 changes nothing.
    func erase(
        subject: String, at unixMilliseconds: Int64, by actor: String
    ) throws(ReportError) -> Int

    /// Hands over the whole log, as it is at one moment, records in order, and each signed head
    /// after its record.
    /// - Parameter each: takes a line; `false` ends it.
    func readAudit(_ each: (AuditLine) -> Bool) throws(ReportError)
}

extension AuditStore {
    /// When the newest record was made, Unix milliseconds; `nil` where there is none.
    public func newestRecordTime() throws(ReportError) -> Int64? {
        guard let head = try head() else { return nil }
        return try records(after: head.number - 1, limit: 1).first?.unixMilliseconds
    }
}

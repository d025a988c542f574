// A record of the audit log, and the chain that ties each to the one before.
//
// The hash of a record is SHA-256 over its fields, each with its length in front (4 bytes, most
// significant first), so that no two records have the same bytes: a name of the format with its
// version, number, time (8 bytes each), kind, actor, digest of the subject, detail, hash of the
// record before. The subject itself is not among them but its digest is, made with a salt of its
// own: when subject and salt are erased the chain still holds, and nobody can try out subjects.
//
// Invariants: numbers begin at 1 and leave none out; the first record follows 32 zero bytes.

internal import Crypto

/// A record of the audit log, as it is stored.
public struct AuditRecord: Sendable, Hashable {
    /// Its place in the log, from 1.
    public var number: Int64
    /// When it was written, Unix milliseconds.
    public var unixMilliseconds: Int64
    /// What happened, see ``AuditKind``; a newer Vigil may know more of them.
    public var kind: String
    /// Who did it.
    public var actor: String
    /// Id of what it is about; `nil` where there is none, or it was erased.
    public var subject: String?
    /// What the subject's digest was made with; `nil` where there is no subject.
    public var salt: [UInt8]?
    /// Digest of salt and subject; zeros where it never had one.
    public var subjectDigest: [UInt8]
    /// More about it: a JSON object.
    public var detail: String
    /// Hash of the record before.
    public var previous: [UInt8]
    /// Hash of this record.
    public var hash: [UInt8]

    /// Whether it had a subject that was erased.
    public var isErased: Bool { subject == nil && subjectDigest != AuditChain.noSubject }
}

/// The newest record of a log.
public struct AuditHead: Sendable, Hashable {
    /// Its number.
    public var number: Int64
    /// Its hash, which stands for the whole log up to it.
    public var hash: [UInt8]

    /// Makes it of its parts.
    public init(number: Int64, hash: [UInt8]) {
        self.number = number
        self.hash = hash
    }
}

/// How records are chained.
package enum AuditChain {
    /// What the first record follows.
    package static let beginning = [UInt8](repeating: 0, count: 32)
    /// The digest of no subject.
    package static let noSubject = [UInt8](repeating: 0, count: 32)
    /// Bytes of a salt.
    static let saltBytes = 16

    /// The digest of a subject.
    package static func subjectDigest(salt: [UInt8], subject: String) -> [UInt8] {
        var fields = FieldBytes("vigil.audit.subject.v1")
        fields.add(salt)
        fields.add(subject.utf8)
        return fields.digest
    }

    /// The hash that a record must have.
    package static func hash(of record: AuditRecord) -> [UInt8] {
        var fields = FieldBytes("vigil.audit.record.v1")
        fields.add(record.number)
        fields.add(record.unixMilliseconds)
        fields.add(record.kind.utf8)
        fields.add(record.actor.utf8)
        fields.add(record.subjectDigest)
        fields.add(record.detail.utf8)
        fields.add(record.previous)
        return fields.digest
    }

    /// The record of an entry that follows another.
    static func record(
        of entry: AuditEntry, at unixMilliseconds: Int64, after last: AuditHead?
    ) -> AuditRecord {
        let subject = entry.subject.map(AuditLimits.bounded)
        let salt = subject.map { _ in newSalt() }
        var record = AuditRecord(
            number: (last?.number ?? 0) + 1, unixMilliseconds: unixMilliseconds,
            kind: entry.kind.rawValue, actor: AuditLimits.bounded(entry.actor), subject: subject,
            salt: salt, subjectDigest: noSubject, detail: entry.detailText,
            previous: last?.hash ?? beginning, hash: [])
        if let subject, let salt {
            record.subjectDigest = subjectDigest(salt: salt, subject: subject)
        }
        record.hash = hash(of: record)
        return record
    }

    private static func newSalt() -> [UInt8] {
        var random = SystemRandomNumberGenerator()
        return (0..<saltBytes / 8).flatMap { _ in
            withUnsafeBytes(of: random.next() as UInt64) { Array($0) }
        }
    }
}

/// Fields, each with its length in front, after a name that says what they are.
struct FieldBytes {
    private(set) var bytes: [UInt8] = []

    init(_ name: String) {
        bytes.reserveCapacity(512)
        add(name.utf8)
    }

    mutating func add(_ field: some Collection<UInt8>) {
        withUnsafeBytes(of: UInt32(field.count).bigEndian) { bytes += $0 }
        bytes += field
    }

    mutating func add(_ number: Int64) {
        withUnsafeBytes(of: number.bigEndian) { add($0) }
    }

    var digest: [UInt8] { Array(SHA256.hash(data: bytes)) }
}

// Checks an audit log, line by line, in memory that does not grow: what an auditor trusts.
//
// What it finds: a record that was changed, left out, put in, moved; a subject that is not the one
// that was recorded; subjects that are gone without a record of their erasure; a head whose
// signature is wrong, whose key is not the right one, or that was signed for another log; records
// that are gone behind a signed head. What it cannot find: the loss of records that no head was
// signed for, and a log that whoever has the key wrote anew; against both help anchors,
// heads that were kept elsewhere.
//
// What it reads may be hostile: numbers are anything that 64 bits hold.

internal import FoundationEssentials

/// What is wrong with a log.
public struct AuditProblem: Sendable, Hashable, CustomStringConvertible {
    /// The first record that it concerns; `nil` where it concerns no single one.
    public var number: Int64?
    /// What is wrong.
    public var what: String

    /// Number and problem.
    public var description: String { number.map { "record \($0): \(what)" } ?? what }
}

/// A head that was kept elsewhere: what the log must still hold.
public struct AuditAnchor: Sendable, Hashable {
    /// The record's number.
    public let number: Int64
    /// The first hex digits of its hash, 16 or more.
    public let digits: String

    /// Reads `NUMBER:DIGITS`; anything else gives `nil`.
    public init?(_ text: some StringProtocol) {
        let parts = text.lowercased().split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let number = Int64(parts[0]), number > 0,
            (16...64).contains(parts[1].count), parts[1].allSatisfy(\.isHexDigit)
        else { return nil }
        self.number = number
        digits = String(parts[1])
    }
}

/// Which keys heads were signed with.
public struct AuditKeyUse: Sendable, Hashable {
    /// The key.
    public var key: AuditPublicKey
    /// How many heads it signed.
    public var heads: Int
}

/// Checks a log.
public struct AuditVerifier: Sendable {
    /// Records so far.
    public private(set) var records: Int64 = 0
    /// Signed heads so far.
    public private(set) var heads: Int64 = 0
    /// Subjects that were erased.
    public private(set) var erased: Int64 = 0
    /// The newest record.
    public private(set) var last: AuditHead?
    /// When the first and the newest record were written, Unix milliseconds.
    public private(set) var times: ClosedRange<Int64>?
    /// The newest head that is good.
    public private(set) var newestHead: SignedHead?
    /// Keys that signed, the first 16 of them.
    public private(set) var keys: [AuditKeyUse] = []
    /// What is wrong, the first 10 of it.
    public private(set) var problems: [AuditProblem] = []
    /// How much is wrong.
    public private(set) var problemCount = 0

    private let trusted: Set<AuditPublicKey>
    /// Anchors that were not met yet.
    private var anchors: Set<AuditAnchor>
    /// Erased subjects that the log tells of.
    private var accounted: Int64 = 0

    private static let mostKeys = 16
    private static let mostProblems = 10

    /// Begins with an empty log.
    /// - Parameters:
    ///   - trusted: keys that heads may be signed with; empty is any.
    ///   - anchors: what was kept elsewhere of this log.
    public init(trusting trusted: [AuditPublicKey] = [], anchors: [AuditAnchor] = []) {
        self.trusted = Set(trusted)
        self.anchors = Set(anchors)
    }

    /// Whether all is good so far.
    public var isGood: Bool { problemCount == 0 }

    /// Checks the next line.
    public mutating func check(_ line: AuditLine) {
        switch line {
        case .record(let record): check(record)
        case .head(let head): check(head)
        case .unreadable(let number, let what): note(number, what)
        }
    }

    /// Checks what only the end tells.
    public mutating func finish() {
        if erased != accounted {
            note(nil, "\(erased) records lost their subject, but the log tells of \(accounted)")
        }
        for anchor in anchors.sorted(by: { $0.number < $1.number }) {
            note(anchor.number, "it is not there, but a head of it was kept elsewhere")
        }
        if !trusted.isEmpty, heads == 0 { note(nil, "no head was signed, with any key") }
    }

    /// Notes what is wrong beside the log itself.
    public mutating func note(_ number: Int64?, _ what: String) {
        problemCount += 1
        guard problems.count < Self.mostProblems else { return }
        problems.append(AuditProblem(number: number, what: what))
    }

    // MARK: Records

    private mutating func check(_ record: AuditRecord) {
        records += 1
        checkPlace(of: record)
        if AuditChain.hash(of: record) != record.hash {
            note(record.number, "it was changed: its content does not have its hash")
        }
        checkSubject(of: record)
        if record.kind == AuditKind.subjectErased.rawValue {
            accounted &+= ErasureDetail(record.detail)?.records ?? 0
        }
        checkAnchors(at: record)
        last = AuditHead(number: record.number, hash: record.hash)
        let time = record.unixMilliseconds
        times = times.map { min($0.lowerBound, time)...max($0.upperBound, time) } ?? time...time
    }

    private mutating func checkAnchors(at record: AuditRecord) {
        for anchor in anchors where anchor.number == record.number {
            anchors.remove(anchor)
            guard !Hex.text(of: record.hash).hasPrefix(anchor.digits) else { continue }
            note(record.number, "it is not the one of which a head was kept elsewhere")
        }
    }

    private mutating func checkPlace(of record: AuditRecord) {
        let before = last?.number ?? 0
        if record.number > before, record.number - 1 > before {
            let more = record.number - 2 > before ? ", like all up to \(record.number - 1)" : ""
            note(before &+ 1, "it is missing\(more): \(record.number) comes after \(before)")
        } else if record.number <= before {
            note(record.number, "it stands after record \(before): the order was changed")
        } else if record.previous != last?.hash ?? AuditChain.beginning {
            note(record.number, "it does not follow record \(before): one of both was replaced")
        }
    }

    private mutating func checkSubject(of record: AuditRecord) {
        switch (record.subject, record.salt) {
        case (let subject?, let salt?):
            if AuditChain.subjectDigest(salt: salt, subject: subject) != record.subjectDigest {
                note(record.number, "its subject is not the one that was recorded")
            }
        case (nil, nil):
            if record.isErased { erased += 1 }
        default:
            note(record.number, "its subject was taken away in part")
        }
    }

    // MARK: Heads

    private mutating func check(_ head: SignedHead) {
        heads += 1
        guard let key = AuditPublicKey(bytes: head.publicKey), head.isSigned else {
            return note(head.number, "the signature of the head signed for it is wrong")
        }
        count(key)
        guard trusted.isEmpty || trusted.contains(key) else {
            return note(head.number, "the head signed for it is signed with another key: \(key)")
        }
        let lastNumber = last?.number ?? 0
        if head.number > lastNumber {
            note(
                lastNumber &+ 1,
                "it is gone: a head was signed for record \(head.number), but what comes before "
                    + "it ends with \(lastNumber)")
        } else if head.number < lastNumber {
            note(head.number, "the head signed for it stands after record \(lastNumber)")
        } else if head.hash != last?.hash {
            note(head.number, "it is not the one that was signed: the log was written anew")
        } else {
            newestHead = head
        }
    }

    private mutating func count(_ key: AuditPublicKey) {
        if let place = keys.firstIndex(where: { $0.key == key }) {
            keys[place].heads += 1
        } else if keys.count < Self.mostKeys {
            keys.append(AuditKeyUse(key: key, heads: 1))
        }
    }
}

/// What a record of an erasure says.
private struct ErasureDetail: Decodable {
    var records: Int64

    init?(_ text: String) {
        guard let detail = try? JSONDecoder().decode(Self.self, from: Data(text.utf8)) else {
            return nil
        }
        self = detail
    }
}

// The audit log as a file: JSON lines, which `vigil audit export` writes and `verify` reads.
//
// First a line that says what it is, then records and signed heads in the order of `readAudit`,
// last a line that says how many there are, so that a file that was cut off is noticed. Invariant:
// there is one way to write a line. Reading writes what it read once more and compares, so that
// not a byte can be changed without notice, be it one that JSON does not care about.

internal import FoundationEssentials

/// Lines of an exported audit log.
public enum AuditFile {
    /// The first line.
    public static let header = #"{"type":"audit_log","format":1}"#
    /// Longest line that is read, bytes.
    public static let longestLine = 16 << 10

    /// The last line.
    public static func footer(records: Int64, heads: Int64) -> String {
        #"{"type":"end","records":\#(records),"heads":\#(heads)}"#
    }

    /// The line of a record or a head; `nil` for one that cannot be read.
    public static func text(of line: AuditLine) -> String? {
        switch line {
        case .record(let record): record.jsonLine
        case .head(let head): head.jsonLine
        case .unreadable: nil
        }
    }

    /// Reads a line; `nil` for one that `text(of:)` would not write.
    static func line(_ bytes: [UInt8]) -> AuditLine? {
        guard bytes.count <= longestLine, let text = String(validating: bytes, as: UTF8.self),
            let parts = try? JSONDecoder().decode(LineParts.self, from: Data(bytes))
        else { return nil }
        let line = parts.record.map { AuditLine.record($0) } ?? parts.head.map { .head($0) }
        guard let line, let again = Self.text(of: line), again.utf8.elementsEqual(text.utf8)
        else { return nil }
        return line
    }
}

/// Checks a file line by line.
public struct AuditFileVerifier: Sendable {
    /// What was found.
    public private(set) var verifier: AuditVerifier
    private var line = 0
    private var isOver = false

    /// Begins.
    /// - Parameters:
    ///   - trusted: keys that heads may be signed with; empty is any.
    ///   - anchors: what was kept elsewhere of this log.
    public init(trusting trusted: [AuditPublicKey] = [], anchors: [AuditAnchor] = []) {
        verifier = AuditVerifier(trusting: trusted, anchors: anchors)
    }

    /// Checks the next line, without its line feed.
    public mutating func check(_ bytes: [UInt8]) {
        line += 1
        let text = String(decoding: bytes, as: UTF8.self)
        if line == 1 {
            if text != AuditFile.header { note("it is not the first line of an audit log") }
        } else if isOver {
            note("it stands after the end")
        } else if bytes.starts(with: Array(#"{"type":"end""#.utf8)) {
            isOver = true
            let footer = AuditFile.footer(records: verifier.records, heads: verifier.heads)
            if text != footer { note("it says that there is more or less than there is") }
        } else if let line = AuditFile.line(bytes) {
            verifier.check(line)
        } else {
            note("it is no line of an audit log")
        }
    }

    /// Checks what only the end tells.
    /// - Parameter isWhole: whether the last line ended with a line feed.
    public mutating func finish(isWhole: Bool) {
        if !isOver || !isWhole {
            line += 1
            note("it is missing: the file was cut off")
        }
        verifier.finish()
    }

    private mutating func note(_ what: String) { verifier.note(nil, "line \(line): \(what)") }
}

// MARK: - Writing

extension AuditRecord {
    /// The record as a line of JSON.
    public var jsonLine: String {
        let subject = subject.map(JSONText.quoted) ?? "null"
        let salt = salt.map { JSONText.quoted(Hex.text(of: $0)) } ?? "null"
        return #"{"type":"record","number":\#(number),"at_unix_ms":\#(unixMilliseconds)"#
            + #","kind":\#(JSONText.quoted(kind)),"actor":\#(JSONText.quoted(actor))"#
            + #","subject":\#(subject),"salt":\#(salt)"#
            + #","subject_digest":"\#(Hex.text(of: subjectDigest))","detail":\#(detail)"#
            + #","previous":"\#(Hex.text(of: previous))","hash":"\#(Hex.text(of: hash))"}"#
    }
}

extension SignedHead {
    /// The head as a line of JSON.
    public var jsonLine: String {
        #"{"type":"head","number":\#(number),"at_unix_ms":\#(unixMilliseconds)"#
            + #","hash":"\#(Hex.text(of: hash))","public_key":"\#(Hex.text(of: publicKey))""#
            + #","signature":"\#(Hex.text(of: signature))"}"#
    }
}

// MARK: - Reading

/// All that a line of either kind may have.
struct LineParts: Decodable {
    var type: String
    var number: Int64
    var unixMilliseconds: Int64
    var hash: String
    var kind: String?
    var actor: String?
    var subject: String?
    var salt: String?
    var subjectDigest: String?
    var detail: [String: AuditValue]?
    var previous: String?
    var publicKey: String?
    var signature: String?

    private enum CodingKeys: String, CodingKey {
        case type, number, hash, kind, actor, subject, salt, detail, previous, signature
        case unixMilliseconds = "at_unix_ms"
        case subjectDigest = "subject_digest"
        case publicKey = "public_key"
    }

    var record: AuditRecord? {
        guard type == "record", let kind, let actor, let detail,
            let digest = subjectDigest.flatMap(Hex.bytes),
            let previous = previous.flatMap(Hex.bytes),
            let hash = Hex.bytes(of: hash)
        else { return nil }
        return AuditRecord(
            number: number, unixMilliseconds: unixMilliseconds, kind: kind, actor: actor,
            subject: subject, salt: salt.flatMap(Hex.bytes), subjectDigest: digest,
            detail: AuditEntry.text(of: detail), previous: previous, hash: hash)
    }

    var head: SignedHead? {
        guard type == "head", let hash = Hex.bytes(of: hash),
            let key = publicKey.flatMap(Hex.bytes), let signature = signature.flatMap(Hex.bytes)
        else { return nil }
        return SignedHead(
            number: number, unixMilliseconds: unixMilliseconds, hash: hash, publicKey: key,
            signature: signature)
    }
}

extension AuditValue: Decodable {
    /// Reads a text, a whole number, or a flag.
    public init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if let flag = try? value.decode(Bool.self) {
            self = .flag(flag)
        } else if let number = try? value.decode(Int64.self) {
            self = .number(number)
        } else {
            self = .text(try value.decode(String.self))
        }
    }
}

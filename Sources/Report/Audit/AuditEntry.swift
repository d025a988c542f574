// What is to be written into the audit log: one event, by whom, about what.
//
// Invariants: an entry holds no personal data and no hash value of a known item, except perhaps in
// its subject, which can be erased later. Its parts are bounded, whatever was put in: a fact must
// never fail to be stored because what is said of it is too long.

/// What happened, as the audit log names it.
public enum AuditKind: String, Sendable, Hashable, CaseIterable {
    /// Evidence for a known item was sufficient.
    case alertOpened = "alert.opened"
    /// A showing was over.
    case alertClosed = "alert.closed"
    /// A person judged an alert.
    case feedbackGiven = "feedback.given"
    /// A receiver took a report.
    case deliveryAccepted = "delivery.accepted"
    /// A report is tried no more.
    case deliveryDead = "delivery.dead"
    /// A person asked for another attempt, or for a report to be sent again.
    case deliveryAskedFor = "delivery.asked_for"
    /// An endpoint wants no more reports; they wait.
    case endpointDisabled = "endpoint.disabled"
    /// A person had it sent to again.
    case endpointEnabled = "endpoint.enabled"
    /// A stop was due.
    case stopDue = "stop.due"
    /// A stop was due, but a hold forbade it.
    case stopHeld = "stop.held"
    /// The media server was asked to stop a stream.
    case stopRequested = "stop.requested"
    /// It could not be asked, or refused.
    case stopFailed = "stop.failed"
    /// The stream is no longer there.
    case stopConfirmed = "stop.confirmed"
    /// The stream ended before it was stopped.
    case stopNotNeeded = "stop.not_needed"
    /// A person has to stop it.
    case stopGivenUp = "stop.given_up"
    /// A publisher was refused.
    case republishDenied = "stop.republish_denied"
    /// An authority asked not to stop a stream.
    case holdKept = "hold.kept"
    /// Such a request was ended.
    case holdEnded = "hold.ended"
    /// Nobody may publish at a place for a time.
    case denialSet = "denial.set"
    /// Somebody may again.
    case denialLifted = "denial.lifted"
    /// Another version of a known set is compared with, or the set no longer is.
    case knownChanged = "known.changed"
    /// The pipeline file is another than at the last start.
    case configurationChanged = "configuration.changed"
    /// Somebody looked at alerts or at what was done about them.
    case lookedAt = "looked_at"
    /// Facts were removed because their time was over.
    case retentionSwept = "retention.swept"
    /// Facts were put under legal hold, or released.
    case retentionChanged = "retention.changed"
    /// A subject was erased from the records about it.
    case subjectErased = "subject.erased"
    /// An evidence package was made.
    case caseExported = "case.exported"
    /// The service began.
    case serviceStarted = "service.started"
    /// The service ended in order.
    case serviceEnded = "service.ended"

    /// What a step of a stop is called.
    package init(_ step: AlertStep.Kind) {
        self =
            switch step {
            case .detected: .stopDue
            case .held: .stopHeld
            case .stopRequested: .stopRequested
            case .stopFailed: .stopFailed
            case .confirmedGone: .stopConfirmed
            case .endedByItself: .stopNotNeeded
            case .stopGivenUp: .stopGivenUp
            case .republishDenied: .republishDenied
            }
    }
}

/// A value of an entry's detail.
public enum AuditValue: Sendable, Hashable {
    /// Text; what is beyond `AuditLimits.text` characters is cut.
    case text(String)
    /// A whole number.
    case number(Int64)
    /// Yes or no.
    case flag(Bool)
}

extension AuditValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByBooleanLiteral
{
    /// Makes a text.
    public init(stringLiteral value: String) { self = .text(value) }
    /// Makes a number.
    public init(integerLiteral value: Int64) { self = .number(value) }
    /// Makes a flag.
    public init(booleanLiteral value: Bool) { self = .flag(value) }
}

/// One event for the audit log.
public struct AuditEntry: Sendable, Hashable {
    /// What happened.
    public var kind: AuditKind
    /// Who did it: `vigil`, `token:NAME` or `user:NAME`.
    public var actor: String
    /// Id of what it is about, mostly an alert's; it can be erased later.
    public var subject: String?
    /// More about it; stays for good, so it names no person.
    public var detail: [String: AuditValue]

    /// Actor of what nobody asked for.
    public static let vigil = "vigil"

    /// Makes an entry of its parts.
    public init(
        _ kind: AuditKind, by actor: String = AuditEntry.vigil, about subject: String? = nil,
        detail: [String: AuditValue] = [:]
    ) {
        self.kind = kind
        self.actor = actor
        self.subject = subject
        self.detail = detail
    }
}

/// How long the parts of a record may be.
package enum AuditLimits {
    /// Characters (Unicode scalars) of an actor, a subject or a text in a detail.
    package static let text = 200
    /// Bytes of a detail.
    package static let detail = 2048
    /// Records that are handed out at a time.
    package static let page = 1...10_000

    /// Text without control characters, cut to the limit.
    package static func bounded(_ text: String) -> String {
        let isShort = text.utf8.count <= Self.text
        if isShort, text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) { return text }
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars.prefix(Self.text) {
            result.append(scalar.value < 0x20 || scalar.value == 0x7f ? "?" : scalar)
        }
        return String(result)
    }
}

extension AuditEntry {
    /// The detail as JSON, keys in the order of their bytes; what does not fit is left out, and
    /// `"cut":true` says so.
    package var detailText: String { Self.text(of: detail) }

    /// The canonical JSON text of a detail.
    static func text(of detail: [String: AuditValue]) -> String {
        let cut = #""cut":true"#
        var members: [String] = []
        var bytes = 2 + cut.utf8.count
        let keys = detail.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        for key in keys {
            guard let value = detail[key] else { continue }
            let member = "\(JSONText.quoted(AuditLimits.bounded(key))):\(value.json)"
            bytes += member.utf8.count + 1
            guard bytes <= AuditLimits.detail else {
                return "{\((members + [cut]).joined(separator: ","))}"
            }
            members.append(member)
        }
        return "{\(members.joined(separator: ","))}"
    }
}

extension AuditValue {
    fileprivate var json: String {
        switch self {
        case .text(let text): JSONText.quoted(AuditLimits.bounded(text))
        case .number(let number): "\(number)"
        case .flag(let flag): flag ? "true" : "false"
        }
    }
}

/// The one way in which text is written as JSON here, so that equal values are equal bytes.
package enum JSONText {
    /// A JSON string: quotes, backslashes and control characters escaped, all else as it is.
    package static func quoted(_ text: String) -> String {
        var bytes: [UInt8] = [UInt8(ascii: "\"")]
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
            case ..<0x20: bytes += Array("\\u00".utf8) + Hex.digits(of: [byte])
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// Bytes as hex digits.
package enum Hex {
    private static let alphabet = Array("0123456789abcdef".utf8)

    static func digits(of bytes: some Sequence<UInt8>) -> [UInt8] {
        bytes.flatMap { [alphabet[Int($0 >> 4)], alphabet[Int($0 & 15)]] }
    }

    /// Two lower-case digits for each byte.
    package static func text(of bytes: some Sequence<UInt8>) -> String {
        String(decoding: digits(of: bytes), as: UTF8.self)
    }

    /// The bytes that digits stand for; `nil` for what is no hex text.
    package static func bytes(of text: some StringProtocol) -> [UInt8]? {
        let digits = text.utf8.map { Character(UnicodeScalar($0)).hexDigitValue }
        guard digits.count.isMultiple(of: 2), !digits.contains(nil) else { return nil }
        return stride(from: 0, to: digits.count, by: 2).map { place in
            UInt8((digits[place] ?? 0) << 4 | (digits[place + 1] ?? 0))
        }
    }
}

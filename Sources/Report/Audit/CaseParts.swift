// What an evidence package tells of a stream, of what was done, and of what was examined: the
// fields of its parts. No address of a stream is in it, which may hold credentials, only its name.

internal import FoundationEssentials
internal import Match

/// A part: its name and value.
struct CasePart<Value: Encodable>: Encodable {
    var part: String
    /// Where there is more than a package holds; missing otherwise.
    var cut: Bool?
    var value: Value

    init(_ part: String, _ value: Value) {
        self.part = part
        self.value = value
    }

    /// Of a list that holds no more than `most`.
    init<Element>(_ part: String, _ value: Value, most: Int) where Value == [Element] {
        self.init(part, value)
        if value.count >= most { cut = true }
    }
}

/// The stream that an alert was seen in.
struct CaseStream: Encodable {
    var id: String
    var name: String
    var labels: [String: String]
    var server: String?
    /// The server's id of the publisher's connection, and the publisher's address with port.
    var publisher: String?
    var peer: String?
    var startedUnixMs: Int64
    var endedUnixMs: Int64?
    var endReason: String?

    init(_ stream: WatchedStream) {
        id = stream.id.description
        name = stream.name
        labels = stream.labels
        server = stream.place?.server
        publisher = stream.publisher.id
        peer = stream.publisher.peer
        startedUnixMs = stream.startedUnixMilliseconds
        endedUnixMs = stream.endedUnixMilliseconds
        endReason = stream.endReason
    }
}

/// A report with all that became of it.
struct CaseReport: Encodable {
    var report: QueuedReport
    var deliveries: [Delivery]
    /// What was delivered, byte for byte; missing where nothing was made of it yet.
    var body: String?
}

/// A decision about the alert.
struct CaseFeedback: Encodable {
    var verdict: Verdict
    var reason: String
    var by: String
    var reference: String
    var caller: String
    var atUnixMs: Int64

    init(_ feedback: Feedback) {
        verdict = feedback.verdict
        reason = feedback.reason
        by = feedback.by
        reference = feedback.reference
        caller = feedback.caller
        atUnixMs = feedback.unixMilliseconds
    }
}

/// An authority's request to keep the alert, or its stream.
struct CaseLegalHold: Encodable {
    var id: String
    var kind: LegalHold.Kind
    var authority: String
    var reason: String
    var sinceUnixMs: Int64
    var untilUnixMs: Int64?

    init(_ hold: LegalHold) {
        id = hold.id.description
        kind = hold.kind
        authority = hold.authority
        reason = hold.reason
        sinceUnixMs = hold.sinceUnixMilliseconds
        untilUnixMs = hold.untilUnixMilliseconds
    }
}

/// A step of what was done.
struct CaseStep: Encodable {
    var step: String
    var atUnixMs: Int64
    var detail: String

    init(_ step: AlertStep) {
        self.step = step.kind.rawValue
        atUnixMs = step.unixMilliseconds
        detail = step.detail
    }
}

/// What was examined around an alert.
struct CaseCoverage: Encodable {
    var fromUnixS: Int64
    var toUnixS: Int64
    var wholeWatch: CaseMinute?
    var minutes: [CaseMinute]
}

/// What was examined in a minute, or in a sum of minutes.
struct CaseMinute: Encodable {
    var startUnixS: Int64
    var examinedS: Double
    var missedS: [String: Double]
    var samples: Int

    init(_ minute: CoverageMinute) {
        startUnixS = minute.startUnixSeconds
        examinedS = minute.examinedSeconds
        let missed = minute.missedSeconds.filter { $0.value > 0 }
        missedS = Dictionary(uniqueKeysWithValues: missed.map { ($0.key.rawValue, $0.value) })
        samples = minute.samples
    }
}

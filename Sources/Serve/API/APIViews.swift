// What the API answers with: the fields of `/openapi.json`. Field names are made from the names
// here (`startedUnixMs` is `started_unix_ms`); fields are added, never renamed. No address and no
// hash value is in any of them, and a distance only for callers who may see one: a view has none unless
// it is asked for.

internal import Foundation
internal import Match
internal import Report
internal import Run

/// How values become JSON and back.
enum APICoding {
    static func encoder() -> JSONEncoder {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return encoder
    }
}

/// Coverage of a minute or of a whole watch.
struct CoverageView: Encodable {
    var fromUnixS: Int64
    var examinedS: Double
    var missedS: [String: Double]
    var samples: Int
    var gaps: Int

    init(_ minute: CoverageMinute) {
        fromUnixS = minute.startUnixSeconds
        examinedS = Self.milliseconds(minute.examinedSeconds)
        missedS = [:]
        for (cause, seconds) in minute.missedSeconds {
            missedS[cause.rawValue] = Self.milliseconds(seconds)
        }
        samples = minute.samples
        gaps = minute.gaps
    }

    private static func milliseconds(_ seconds: Double) -> Double {
        (seconds * 1000).rounded() / 1000
    }
}

/// How a watch stands.
struct StatusView: Encodable {
    var connection: String
    var reason: String?
    /// When it is read again, of one that is held back.
    var retryUnixMs: Int64?
    var connections: Int
    var keyframes: Int
    var samples: Int
    var dropped: Int
    var undecodable: Int
    /// Why pictures are not decoded that are too large.
    var problem: String?
    var lagS: Double?
    /// Not even as a band for others: what is near without an alert is of pictures that the
    /// publisher need not have, and each answer would lead nearer to them.
    var bestDistance: Int?
    var alerts: Int

    init(_ status: WatchStatus, isDistanceTold: Bool = false) {
        (connection, reason) =
            switch status.connection {
            case .connecting: ("connecting", nil)
            case .connected: ("connected", nil)
            case .waiting(let why): ("waiting", why)
            case .heldBack(let why, _): ("held_back", why)
            case .ended: ("ended", nil)
            }
        if case .heldBack(_, let time) = status.connection { retryUnixMs = time }
        connections = status.connections
        keyframes = status.keyframes
        samples = status.samples
        dropped = status.dropped
        undecodable = status.failed
        problem = status.problem
        lagS = status.lag.map { ($0 * 1000).rounded() / 1000 }
        bestDistance = isDistanceTold ? status.bestDistance : nil
        alerts = status.alerts
    }
}

/// A stream.
struct StreamView: Encodable {
    struct Place: Encodable {
        var server: String
        var path: String
    }

    var id: String
    var name: String
    var labels: [String: String]
    var priority: Bool
    var watched: Bool
    var place: Place?
    var publisherPeer: String?
    var startedUnixMs: Int64
    var endedUnixMs: Int64?
    var endReason: String?
    var status: StatusView?
    var coverage: CoverageView?

    init(_ state: StreamState, isDistanceTold: Bool = false) {
        let stream = state.stream
        id = stream.id.description
        name = stream.name
        labels = stream.labels
        priority = stream.isPriority
        watched = stream.isWatched
        place = stream.place.map { Place(server: $0.server, path: $0.redactedPath) }
        publisherPeer = stream.publisher.peer
        startedUnixMs = stream.startedUnixMilliseconds
        endedUnixMs = stream.endedUnixMilliseconds
        endReason = stream.endReason
        status = state.status.map { StatusView($0, isDistanceTold: isDistanceTold) }
        coverage = state.coverage.map(CoverageView.init)
    }
}

/// An alert with what was done about it.
struct AlertView: Encodable {
    struct Step: Encodable {
        var step: String
        var unixMs: Int64
        var detail: String
    }

    struct ReportState: Encodable {
        var reportId: String
        var state: String
        var attempts: Int
    }

    var alert: Alert
    /// Whether its exact distance is told; else the band is alone.
    var isDistanceTold: Bool
    var openedUnixMs: Int64
    var closedUnixMs: Int64?
    var report: ReportState
    var deliveries: [DeliveryView]?
    var steps: [Step]?
    /// What those who received it made of it; the last counts.
    var feedback: [FeedbackView]?
    var timeline: [TimelineView]?

    init?(_ queued: QueuedReport, steps: [AlertStep]? = nil, isDistanceTold: Bool = false) {
        guard let alert = queued.alert else { return nil }
        self.alert = alert
        self.isDistanceTold = isDistanceTold
        openedUnixMs = queued.createdUnixMilliseconds
        closedUnixMs = queued.closedUnixMilliseconds
        report = ReportState(
            reportId: queued.id.description, state: queued.state.rawValue,
            attempts: queued.attempts)
        self.steps = steps?.map {
            Step(step: $0.kind.rawValue, unixMs: $0.unixMilliseconds, detail: $0.detail)
        }
    }

    private enum CodingKeys: String, CodingKey {
        case openedUnixMs, closedUnixMs, report, deliveries, steps, feedback, timeline
    }

    /// The alert's own fields stand beside the others.
    func encode(to encoder: any Encoder) throws {
        if isDistanceTold {
            try alert.encode(to: encoder)
        } else {
            try CoarseAlert(alert).encode(to: encoder)
        }
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(openedUnixMs, forKey: .openedUnixMs)
        try values.encodeIfPresent(closedUnixMs, forKey: .closedUnixMs)
        try values.encode(report, forKey: .report)
        try values.encodeIfPresent(deliveries, forKey: .deliveries)
        try values.encodeIfPresent(steps, forKey: .steps)
        try values.encodeIfPresent(feedback, forKey: .feedback)
        try values.encodeIfPresent(timeline, forKey: .timeline)
    }
}

/// A moment of an alert's timeline.
struct TimelineView: Encodable {
    var moment: String
    var unixMs: Int64
    var detail: String

    init(_ entry: AlertTimeline.Entry) {
        moment = entry.moment.rawValue
        unixMs = entry.unixMilliseconds
        detail = entry.detail
    }
}

/// A report on its way to one endpoint.
struct DeliveryView: Encodable {
    var endpoint: String
    var state: String
    var attempts: Int
    var acceptedUnixMs: Int64?
    var lastError: String?

    init(_ delivery: Delivery) {
        endpoint = delivery.endpoint
        state = delivery.state.rawValue
        attempts = delivery.attempts
        acceptedUnixMs = delivery.acceptedUnixMilliseconds
        lastError = delivery.lastError
    }
}

/// A known set.
struct KnownView: Encodable {
    var name: String
    var version: Int
    var items: Int
    var hashes: Int
    var createdUnixS: Int64
    var updatedUnixS: Int64
}

/// A page of a list.
struct PageView<Element: Encodable>: Encodable {
    var items: [Element]
    /// Shown as `before` to get the next page; `nil` on the last.
    var next: String?
}

/// What was wrong.
struct ErrorView: Encodable {
    struct Detail: Encodable {
        var code: String
        var message: String
    }

    var error: Detail
}

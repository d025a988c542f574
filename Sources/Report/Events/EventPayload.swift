// Events that receivers are told of: the bodies of webhooks, `{"data":…,"timestamp":…,"type":…}`.
// Their JSON Schemas stand in docs/schemas.
//
// Invariants: the body of an event is the same bytes each time (sorted keys, fixed times, no
// clock), and shorter than `mostBytes` whatever the facts are: texts are bounded as an event is
// made. What is not known is null, never missing. No hash, no picture, no address with credentials.
// Fields are added, never renamed.

internal import Foundation
public import Match

/// The kinds of event.
public enum EventKind: String, Sendable, Hashable, CaseIterable, Codable {
    /// A known item was seen.
    case alertOpened = "alert.opened"
    /// More was seen of it.
    case alertUpdated = "alert.updated"
    /// The showing is over.
    case alertClosed = "alert.closed"
    /// What came of stopping a stream.
    case streamStopped = "stream.stopped"
    /// Too much of a stream was not examined.
    case streamUnexamined = "stream.unexamined"
    /// A stream is not read for now, since it felled the service.
    case streamHeldBack = "stream.held_back"
    /// A known set was changed.
    case knownUpdated = "known.updated"
    /// The service could not prove that it would find something.
    case canaryFailed = "canary.failed"
    /// Somebody tries out, by small changes, what of a known picture is recognised.
    case probingSuspected = "probing.suspected"
    /// Somebody tries an endpoint.
    case test = "webhook.test"
}

/// What an event says, by kind.
public enum EventData: Sendable, Hashable {
    /// Of `alert.opened`, `alert.updated`, `alert.closed`.
    case alert(AlertEventData)
    /// Of `stream.stopped`.
    case streamStopped(StreamStoppedData)
    /// Of `stream.unexamined`.
    case streamUnexamined(StreamUnexaminedData)
    /// Of `stream.held_back`.
    case streamHeldBack(StreamHeldBackData)
    /// Of `known.updated`.
    case knownUpdated(KnownUpdatedData)
    /// Of `canary.failed`.
    case canaryFailed(CanaryFailedData)
    /// Of `probing.suspected`.
    case probingSuspected(ProbingSuspectedData)
    /// Of `webhook.test`.
    case test(TestData)
}

/// An event before it has an id.
public struct EventPayload: Sendable, Hashable {
    /// Every body is shorter, bytes.
    public static let mostBytes = 20_000
    /// Version of the fields in `data`; a later one would only follow where a field had to go.
    ///
    /// A field that a receiver may not see stays in its place and is null.
    public static let schemaVersion = 1

    /// What happened.
    public let kind: EventKind
    /// When it happened, Unix milliseconds.
    public let unixMilliseconds: Int64
    /// What is told of it.
    public let data: EventData

    init(_ kind: EventKind, at unixMilliseconds: Int64, _ data: EventData) {
        self.kind = kind
        self.unixMilliseconds = unixMilliseconds
        self.data = data
    }

    /// The body that is kept, signed and sent.
    /// - Parameter id: the event's id, which the header `webhook-id` has too.
    public func body(id: AlertID) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Only a number that JSON does not have could fail, and `rounded` lets none through.
        guard let body = try? encoder.encode(EventBody(id: id, payload: self)) else {
            preconditionFailure("an event cannot be written as JSON")
        }
        return Array(body)
    }

    /// Reads a body back.
    /// - Throws: `invalidValue` where it is not one of an event that this version knows.
    public init(body: [UInt8]) throws(ReportError) {
        do {
            self = try JSONDecoder().decode(EventBody.self, from: Data(body)).payload
        } catch {
            throw ReportError(
                .invalidValue,
                "the body of an event cannot be read: it is not JSON of a kind known here; "
                    + "compare it with docs/schemas")
        }
    }
}

/// The JSON of a body.
private struct EventBody: Codable {
    let id: AlertID
    let payload: EventPayload

    private enum Keys: String, CodingKey { case type, timestamp, data }

    init(id: AlertID, payload: EventPayload) {
        self.id = id
        self.payload = payload
    }

    func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: Keys.self)
        try values.encode(payload.kind, forKey: .type)
        try values.encode(EventTime(payload.unixMilliseconds), forKey: .timestamp)
        try values.encode(NamedData(id: id, data: payload.data), forKey: .data)
    }

    init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: Keys.self)
        let kind = try values.decode(EventKind.self, forKey: .type)
        let time = try values.decode(EventTime.self, forKey: .timestamp)
        id = try values.nestedContainer(keyedBy: NamedData.Keys.self, forKey: .data)
            .decode(AlertID.self, forKey: .id)
        let inner = try values.superDecoder(forKey: .data)
        let data: EventData =
            switch kind {
            case .alertOpened, .alertUpdated, .alertClosed: .alert(try .init(from: inner))
            case .streamStopped: .streamStopped(try .init(from: inner))
            case .streamUnexamined: .streamUnexamined(try .init(from: inner))
            case .streamHeldBack: .streamHeldBack(try .init(from: inner))
            case .knownUpdated: .knownUpdated(try .init(from: inner))
            case .canaryFailed: .canaryFailed(try .init(from: inner))
            case .probingSuspected: .probingSuspected(try .init(from: inner))
            case .test: .test(try .init(from: inner))
            }
        payload = EventPayload(kind, at: time.unixMilliseconds, data)
    }
}

/// The data with the event's id beside its own fields.
private struct NamedData: Encodable {
    let id: AlertID
    let data: EventData

    enum Keys: String, CodingKey {
        case id = "event_id"
        case version = "schema_version"
    }

    func encode(to encoder: any Encoder) throws {
        try data.value.encode(to: encoder)
        var values = encoder.container(keyedBy: Keys.self)
        try values.encode(id, forKey: .id)
        try values.encode(EventPayload.schemaVersion, forKey: .version)
    }
}

extension EventData {
    fileprivate var value: any Encodable {
        switch self {
        case .alert(let data): data
        case .streamStopped(let data): data
        case .streamUnexamined(let data): data
        case .streamHeldBack(let data): data
        case .knownUpdated(let data): data
        case .canaryFailed(let data): data
        case .probingSuspected(let data): data
        case .test(let data): data
        }
    }
}

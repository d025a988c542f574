// How a frozen event is sent to an endpoint: as it is, as a CloudEvent, or as a chat message.
//
// Invariants: the same event and rendering give the same bytes; what is rendered is what is signed.
// A rendering changes no fact: values are passed on as the body has them. All that an operator can
// get wrong is told when the rendering is made, not when an event is on its way.
//
// Sources: CloudEvents 1.0.2, JSON format and HTTP protocol binding.

public import Match

/// An event as it is sent.
public struct RenderedEvent: Sendable, Hashable {
    /// A header.
    public struct Header: Sendable, Hashable {
        /// Its name, lower case.
        public let name: String
        /// Its value: visible ASCII.
        public let value: String

        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    /// Headers, `content-type` among them; those of the signature come on top.
    public let headers: [Header]
    /// What is signed and sent.
    public let body: [UInt8]
}

/// What CloudEvents says that the event itself does not.
public struct CloudEventNaming: Sendable, Hashable {
    /// Where events come from: a URI reference.
    public let source: String
    /// What stands before the event's kind, for instance `example.vigil.`; may be empty.
    public let typePrefix: String

    /// Checks both.
    /// - Throws: `invalidValue`, saying what they have to be.
    public init(source: String, typePrefix: String = "") throws(ReportError) {
        let isVisible: (UInt8) -> Bool = { (33...126).contains($0) && $0 != 34 && $0 != 92 }
        guard (1...500).contains(source.utf8.count), source.utf8.allSatisfy(isVisible) else {
            throw ReportError(
                .invalidValue,
                "the source of CloudEvents cannot be used: give a URI of 1 to 500 visible "
                    + "characters, for instance https://vigil.example/edge-1")
        }
        guard typePrefix.utf8.count <= 100, typePrefix.utf8.allSatisfy(isVisible) else {
            throw ReportError(
                .invalidValue,
                "the type prefix of CloudEvents cannot be used: give at most 100 visible "
                    + "characters, for instance example.vigil.")
        }
        self.source = source
        self.typePrefix = typePrefix
    }
}

/// How events are sent to an endpoint.
public enum EventRendering: Sendable, Hashable {
    /// The body as it is, `application/json`.
    case native
    /// A CloudEvent with all in its body.
    case cloudEventsStructured(CloudEventNaming)
    /// A CloudEvent with its attributes in headers, the event's data in its body.
    case cloudEventsBinary(CloudEventNaming)
    /// A message for people.
    case chat(ChatTemplate)

    /// Renders an event.
    /// - Parameters:
    ///   - body: what ``EventPayload/body(id:)`` gave.
    ///   - id: the event's.
    /// - Throws: `invalidValue` where the body is none of an event.
    public func render(_ body: [UInt8], id: AlertID) throws(ReportError) -> RenderedEvent {
        if self == .native { return .json(body) }
        guard let members = JSONScan(body).members,
            let event = FrozenEvent(members)
        else {
            throw ReportError(
                .invalidValue,
                "event \(id) cannot be rendered: its body is not {\"data\",\"timestamp\",\"type\"}")
        }
        switch self {
        case .native: return .json(body)
        case .cloudEventsStructured(let naming): return naming.structured(event, id)
        case .cloudEventsBinary(let naming): return naming.binary(event, id)
        case .chat(let template): return .json(template.fill(event))
        }
    }
}

/// The three members of a body.
struct FrozenEvent {
    let type: String
    let time: String
    let data: JSONScan
    let envelope: [(name: String, value: JSONScan)]

    init?(_ members: [(name: String, value: JSONScan)]) {
        func member(_ name: String) -> JSONScan? { members.first { $0.name == name }?.value }
        guard let type = member("type"), let time = member("timestamp"), let data = member("data"),
            type.isString, time.isString, data.isObject
        else { return nil }
        self.type = String(decoding: type.inner, as: UTF8.self)
        self.time = String(decoding: time.inner, as: UTF8.self)
        self.data = data
        envelope = members
    }

    /// The value at `a.b.c` within the data; `type` and `timestamp` are those of the envelope.
    func value(_ path: [String]) -> JSONScan? {
        if path.count == 1, let outer = envelope.first(where: { $0.name == path[0] }) {
            return outer.value
        }
        return path.reduce(data) { value, name in value?.member(name) }
    }
}

extension RenderedEvent {
    static func json(_ body: [UInt8], type: String = "application/json") -> RenderedEvent {
        RenderedEvent(headers: [Header(name: "content-type", value: type)], body: body)
    }
}

extension CloudEventNaming {
    fileprivate func structured(_ event: FrozenEvent, _ id: AlertID) -> RenderedEvent {
        var body = Array(#"{"data":"#.utf8) + event.data.bytes
        let attributes = [
            ("datacontenttype", "application/json"), ("id", id.description), ("source", source),
            ("specversion", "1.0"), ("time", event.time), ("type", typePrefix + event.type),
        ]
        for (name, value) in attributes {
            body += Array(#","\#(name)":"#.utf8) + JSONScan.string(value)
        }
        body.append(UInt8(ascii: "}"))
        return .json(body, type: "application/cloudevents+json; charset=utf-8")
    }

    fileprivate func binary(_ event: FrozenEvent, _ id: AlertID) -> RenderedEvent {
        let attributes = [
            ("ce-id", id.description), ("ce-source", source), ("ce-specversion", "1.0"),
            ("ce-time", event.time), ("ce-type", typePrefix + event.type),
        ]
        let headers = attributes.map {
            RenderedEvent.Header(name: $0.0, value: Self.headerValue($0.1))
        }
        return RenderedEvent(
            headers: [.init(name: "content-type", value: "application/json")] + headers,
            body: Array(event.data.bytes))
    }

    /// Percent-encodes what may not stand in a header: all but visible ASCII, quotes, and `%`.
    ///
    /// Source: HTTP Protocol Binding for CloudEvents 1.0.2, section 3.1.3.2.
    package static func headerValue(_ text: String) -> String {
        text.utf8.map { byte in
            let isPlain = (33...126).contains(byte) && byte != 34 && byte != 37
            guard !isPlain else { return String(UnicodeScalar(byte)) }
            let digits = String(byte, radix: 16, uppercase: true)
            return "%" + (digits.count == 1 ? "0" : "") + digits
        }.joined()
    }
}

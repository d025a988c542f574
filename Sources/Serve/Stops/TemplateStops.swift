// Stops streams of any server that takes an HTTP request: the request is a template.
//
// Invariants: what is put into an address is encoded as in `AddressTemplate`, what is put into a
// body as its type asks, and into a header nothing but visible ASCII; so no name can become another
// request, parameter, field or header.

public import Report

/// A request with fields in braces: {app}, {name}, {path}, {publisher}.
public struct RequestTemplate: Sendable {
    /// How names are put into the body.
    public enum BodyForm: String, Sendable, CaseIterable {
        /// Within quotation marks that the template has.
        case json
        /// Percent-encoded.
        case form
    }

    let method: String
    let address: AddressTemplate
    let headers: [(name: String, parts: [AddressTemplate.Part])]
    let body: [AddressTemplate.Part]?
    let bodyForm: BodyForm

    /// Makes a template.
    /// - Throws: `configuration` where a field is not known, or a part is no HTTP.
    public init(
        method: String, address: String, headers: [(name: String, value: String)] = [],
        body: String? = nil, bodyForm: BodyForm = .json
    ) throws(ServeError) {
        guard ServerAccess.isToken(method), method.utf8.count <= 20 else {
            throw ServeError(.configuration, "'\(method.prefix(20))' is no HTTP method")
        }
        let fields: Set<AddressTemplate.Field> = [.app, .name, .path, .publisher]
        self.method = method
        self.address = try AddressTemplate(address, fields: fields)
        guard address.hasPrefix("http://") || address.hasPrefix("https://") else {
            throw ServeError(
                .configuration, "the address of a stop request begins with http:// or https://")
        }
        var parsed: [(name: String, parts: [AddressTemplate.Part])] = []
        for header in headers {
            guard ServerAccess.isToken(header.name), Self.isVisible(header.value) else {
                throw ServeError(
                    .configuration, "a header of a stop request holds what a header cannot hold")
            }
            let parts = try AddressTemplate.parse(header.value, fields: fields)
            parsed.append((header.name, parts))
        }
        self.headers = parsed
        self.body =
            if let body { try Self.parse(body, bodyForm, fields) } else { nil }
        self.bodyForm = bodyForm
    }

    /// A JSON body has braces of its own, so there only known fields in braces are fields.
    private static func parse(
        _ body: String, _ form: BodyForm, _ fields: Set<AddressTemplate.Field>
    ) throws(ServeError) -> [AddressTemplate.Part] {
        guard form == .json else { return try AddressTemplate.parse(body, fields: fields) }
        var parts: [AddressTemplate.Part] = []
        var rest = body[...]
        while let open = rest.firstIndex(of: "{") {
            let inner = rest[rest.index(after: open)...]
            let name = inner.prefix { $0.isLetter }
            guard inner[name.endIndex...].first == "}",
                let field = AddressTemplate.Field(rawValue: String(name)), fields.contains(field)
            else {
                parts.append(.text(String(rest[...open])))
                rest = inner
                continue
            }
            parts += [.text(String(rest[..<open])), .field(field)]
            rest = inner[inner.index(after: name.endIndex)...]
        }
        return parts + [.text(String(rest))]
    }

    static func isVisible(_ text: String) -> Bool {
        text.utf8.allSatisfy { $0 >= 32 && $0 < 127 }
    }

    /// The request for a stream.
    func request(
        _ server: String, _ values: [AddressTemplate.Field: String]
    ) throws(StopError) -> StopRequest {
        func unusable(_ why: String) -> StopError {
            StopError(
                .unsupported, "media server \(server): the stop request cannot be made: \(why)")
        }
        func filled(
            _ parts: [AddressTemplate.Part], _ coded: (String) -> String
        ) throws(StopError) -> String {
            var text = ""
            for part in parts {
                switch part {
                case .text(let plain): text += plain
                case .field(let field):
                    guard let value = values[field] else {
                        throw unusable("the stream has no {\(field.rawValue)}")
                    }
                    text += coded(value)
                }
            }
            return text
        }
        let url: String
        do throws(HookError) {
            url = try address.address(values)
        } catch {
            throw unusable(error.message)
        }
        var request = StopRequest(server: server, method: method, url: url)
        for header in headers {
            let value = try filled(header.parts) { $0 }
            guard Self.isVisible(value) else {
                throw unusable("a name holds characters that cannot stand in a header")
            }
            request.headers.append((header.name, value))
        }
        guard let body else { return request }
        let form = bodyForm
        let text = try filled(body) { value in
            form == .json ? Self.jsonEscaped(value) : PercentCoding.encode(value, in: .query)
        }
        request.body = Array(text.utf8)
        if form == .form { request.bodyType = "application/x-www-form-urlencoded" }
        return request
    }

    /// Within quotation marks; names hold no control characters.
    private static func jsonEscaped(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
    }
}

/// Any server that takes an HTTP request.
public struct TemplateStops: StopDriver {
    private let server: String
    private let transport: StopTransport
    private let credential: (name: String, value: SecretText)?
    private let stop: RequestTemplate
    private let successes: Set<Int>
    private let check: RequestTemplate?
    private let there: Set<Int>
    private let gone: Set<Int>

    /// Makes a driver.
    /// - Parameters:
    ///   - server: its name in the configuration, for errors.
    ///   - transport: with which it is reached.
    ///   - credential: a header, as a whole, that proves that we may.
    ///   - stop: the request that stops a stream.
    ///   - successes: statuses that say that it did; 404 and 410 say that nothing is there.
    ///   - check: a request that tells whether a stream is there; without it, nobody can tell.
    ///   - there: its statuses for yes.
    ///   - gone: its statuses for no.
    public init(
        server: String, transport: StopTransport, credential: (name: String, value: SecretText)?,
        stop: RequestTemplate, successes: Set<Int> = Set(200..<300),
        check: RequestTemplate? = nil, there: Set<Int> = Set(200..<300),
        gone: Set<Int> = [404, 410]
    ) throws(ServeError) {
        if let credential, !ServerAccess.isToken(credential.name) {
            throw ServeError(
                .configuration, "media server \(server): a header's name holds what it cannot hold")
        }
        self.server = server
        self.transport = transport
        self.credential = credential
        self.stop = stop
        self.successes = successes
        self.check = check
        self.there = there
        self.gone = gone
    }

    /// Sends the stop request; see ``StopDriver``.
    public func drop(
        _ place: StreamPlace, publisher: StreamPublisher
    ) async throws(StopError) -> DropAnswer {
        let (answer, request) = try await send(stop, place, publisher)
        if successes.contains(answer.status) { return .dropped }
        guard answer.status == 404 || answer.status == 410 else { throw request.failed(answer) }
        return .notThere
    }

    /// Sends the check request, if there is one; see ``StopDriver``.
    public func isPublished(
        _ place: StreamPlace, publisher: StreamPublisher
    ) async throws(StopError) -> Bool? {
        guard let check else { return nil }
        let (answer, request) = try await send(check, place, publisher)
        if gone.contains(answer.status) { return false }
        guard there.contains(answer.status) else { throw request.failed(answer) }
        return true
    }

    private func send(
        _ template: RequestTemplate, _ place: StreamPlace, _ publisher: StreamPublisher
    ) async throws(StopError) -> (StopResponse, StopRequest) {
        var names = place.path.split(separator: "/").map(String.init)
        var values: [AddressTemplate.Field: String] = [.path: place.path]
        values[.name] = names.popLast()
        if !names.isEmpty { values[.app] = names.joined(separator: "/") }
        values[.publisher] = publisher.id
        var request = try template.request(server, values)
        if let credential {
            request.headers.append((credential.name, credential.value.text))
        }
        return (try await transport.send(request), request)
    }
}

// What a media server's hook is answered, in the form in which that server understands it.

/// What is answered to a hook's request.
public struct HookAnswer: Sendable, Hashable {
    /// What was decided.
    public enum Decision: Sendable, Hashable {
        /// Go on: the stream may be published, or the request is of no interest.
        case allowed
        /// Nobody may publish there now.
        case denied
        /// The request could not be read, or is not authentic: nothing is published on its account.
        case rejected(HookError.Code)
    }

    /// The HTTP status.
    public let status: Int
    /// The body's type.
    public let contentType: String
    /// The body.
    public let body: String

    private init(_ status: Int, _ contentType: String, _ body: String) {
        self.status = status
        self.contentType = contentType
        self.body = body
    }

    /// The answer to a request.
    /// - Parameters:
    ///   - server: what kind of server asked.
    ///   - decision: what was decided.
    ///   - hook: what was read of the request; `nil` where it was of no interest or not readable.
    public init(to server: ServerKind, _ decision: Decision, hook: PublishHook? = nil) {
        let status = Self.status(decision)
        switch (server, decision) {
        // SRS: HTTP 200 and code 0 allow, all else denies.
        case (.srs, .allowed): self.init(200, Self.json, #"{"code":0,"msg":"OK"}"#)
        case (.srs, _): self.init(200, Self.json, #"{"code":\#(status),"msg":"denied"}"#)
        // OvenMediaEngine: a closing stream is answered with an empty object.
        case (.ovenMediaEngine, .allowed) where hook?.kind == .unpublish,
            (.ovenMediaEngine, .denied) where hook?.kind == .unpublish:
            self.init(200, Self.json, "{}")
        case (.ovenMediaEngine, .allowed):
            self.init(200, Self.json, #"{"allowed":true,"lifetime":0,"reason":"authorized"}"#)
        case (.ovenMediaEngine, .denied):
            self.init(200, Self.json, #"{"allowed":false,"lifetime":0,"reason":"denied"}"#)
        // These do not ask, and would send again or switch the hook off if it seemed to fail.
        case (.wowza, .denied), (.liveKit, .denied), (.cloudflareStream, .denied):
            self.init(200, Self.text, "seen\n")
        case (_, .allowed): self.init(200, Self.text, "allowed\n")
        case (_, .denied): self.init(status, Self.text, "denied\n")
        case (_, .rejected): self.init(status, Self.text, "rejected\n")
        }
    }

    private static let json = "application/json"
    private static let text = "text/plain; charset=utf-8"

    private static func status(_ decision: Decision) -> Int {
        switch decision {
        case .allowed: 200
        case .denied, .rejected(.refused): 403
        case .rejected(.unauthentic): 401
        case .rejected(.malformed): 400
        }
    }
}

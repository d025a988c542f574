// What every request passes on its way in: who calls, and what that caller may do.
//
// Refusals are logged once a minute for each kind, with how many there were: a flood of them must
// not fill the log.

internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import Synchronization

/// A request's context.
struct APIContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// Who calls; `nil` where nobody has to say.
    var caller: Caller?

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
    }

    /// Who calls, as the audit log names people.
    var actor: String { caller.map { "token:\($0.name)" } ?? "somebody" }

    /// Whether exact distances may be in the answer.
    var seesDistances: Bool { caller?.role.seesDistances ?? false }

    /// Bodies are read whole, up to so many bytes.
    var maxUploadSize: Int { 64 << 10 }
}

/// Lets callers of a role pass.
struct Gatekeeper: RouterMiddleware {
    let tokens: Tokens
    let role: Role
    let refusals: RefusalLog
    /// What each path takes; of the query only that passes.
    let methods: PathMethods
    /// Whether a hook's token may stand in the query, for media servers that cannot send headers.
    var takesQuery = false

    func handle(
        _ request: Request, context: APIContext,
        next: (Request, APIContext) async throws -> Response
    ) async throws -> Response {
        let inQuery = takesQuery ? request.uri.queryParameters["token"] : nil
        guard let token = inQuery ?? token(of: request) else {
            refusals.note("no token", of: "a request to \(request.uri.path)")
            throw Self.unauthorized("show a token: Authorization: Bearer …")
        }
        guard let caller = tokens.caller(showing: token) else {
            refusals.note("unknown token", of: "a request to \(request.uri.path)")
            throw Self.unauthorized("the token is not known")
        }
        // What stands in addresses stands in logs and configurations: no token may that can see anything.
        guard inQuery == nil || caller.role == .hook else {
            refusals.note(
                "a token of role \(caller.role.rawValue) in the address",
                of: "a request to \(request.uri.path)")
            throw APIError(
                .forbidden, "forbidden",
                "only a token of the role hook may stand in an address; this one's is "
                    + "\(caller.role.rawValue): replace it, since logs may have it now")
        }
        guard caller.role.covers(role) else {
            refusals.note("role \(caller.role.rawValue)", of: "a request to \(request.uri.path)")
            throw APIError(
                .forbidden, "forbidden",
                "this needs the role \(role.rawValue), the token's is \(caller.role.rawValue)")
        }
        try methods.checkQuery(of: request, allowing: takesQuery ? "token" : nil)
        var context = context
        context.caller = caller
        return try await next(request, context)
    }

    private func token(of request: Request) -> Substring? {
        if let value = request.headers[.authorization] {
            let parts = value.split(separator: " ", maxSplits: 1)
            guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
            return parts[1]
        }
        return nil
    }

    private static func unauthorized(_ message: String) -> APIError {
        var error = APIError(.unauthorized, "unauthorized", message)
        error.headers[.wwwAuthenticate] = "Bearer"
        return error
    }
}

/// Logs refusals, each kind once a minute.
final class RefusalLog: Sendable {
    private let logger: Logger
    private let kinds = Mutex<[String: (since: ContinuousClock.Instant, count: Int)]>([:])
    private let total = Atomic<Int>(0)

    init(_ logger: Logger) { self.logger = logger }

    /// All refusals.
    var count: Int { total.load(ordering: .relaxed) }

    /// Counts a refusal; logs it where the last of its kind that was logged is a minute ago.
    /// - Parameter what: what was refused, such as a request to a path.
    func note(_ kind: String, of what: String) {
        total.add(1, ordering: .relaxed)
        let now = ContinuousClock.now
        let before: Int? = kinds.withLock { kinds in
            if let last = kinds[kind], now - last.since < .seconds(60) {
                kinds[kind]?.count += 1
                return nil
            }
            return kinds.updateValue((now, 0), forKey: kind)?.count ?? 0
        }
        guard let before else { return }
        let more = before > 0 ? ", and \(before) more in the minute before" : ""
        logger.warning("refused \(what.prefix(100)): \(kind)\(more)")
    }
}

/// Turns every failure into an answer, and counts answers.
struct AnswerFailures: RouterMiddleware {
    let logger: Logger
    let figures: RequestFigures
    let methods: PathMethods
    let refusals: RefusalLog

    func handle(
        _ request: Request, context: APIContext,
        next: (Request, APIContext) async throws -> Response
    ) async throws -> Response {
        let response: Response
        do {
            response = try await next(request, context)
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            var answer = APIError(error)
            if answer.status == .notFound, error is HTTPError {
                answer = methods.refusal(at: request.uri.path) ?? answer
            }
            // Refusals of our own are counted where they are made; the log is for what failed.
            if answer.status.code >= 500, !(error is DeskError), !(error is APIError) {
                logger.error("\(request.method) \(request.uri.path) failed: \(error)")
            }
            if answer.status == .contentTooLarge {
                refusals.note("its body is too large", of: "a request to \(request.uri.path)")
            }
            response = answer.response(from: request, context: context)
        }
        figures.note(response.status.code)
        return response
    }
}

/// How many requests were answered how.
final class RequestFigures: Sendable {
    private let counts = Mutex<[Int: Int]>([:])

    func note(_ status: Int) { counts.withLock { $0[status, default: 0] += 1 } }

    /// Answers by status.
    var byStatus: [Int: Int] { counts.withLock { $0 } }
}

// How many requests are answered at a time, so that some places are always left for others: readers
// that wait for a slow disk must not keep hooks out, and hooks must not keep health checks out.
//
// Invariant: the shares of all, with those of listeners, are less than the places of the listener; the
// rest is for what needs no token, which is answered at once.

internal import HTTPTypes
internal import Hummingbird
internal import Synchronization

/// Bounds the requests of a kind that are being answered.
final class RequestQuota: Sendable {
    /// Most at a time.
    let most: Int
    private let current = Mutex(0)

    init(most: Int) { self.most = max(1, most) }

    /// What the API may take of so many places.
    static func api(of places: Int) -> RequestQuota { RequestQuota(most: places * 3 / 8) }
    /// What hooks may take.
    static func hooks(of places: Int) -> RequestQuota { RequestQuota(most: places * 7 / 16) }
    /// What listeners to events may take.
    static func listeners(of places: Int) -> Int {
        max(1, min(EventHub.mostListeners, places / 8))
    }

    /// Takes a share; whoever got one gives it back.
    func take() -> Bool {
        current.withLock { current in
            guard current < most else { return false }
            current += 1
            return true
        }
    }

    func giveBack() { current.withLock { $0 -= 1 } }
}

/// Answers requests beyond their quota at once, with 503.
struct WithinQuota: RouterMiddleware {
    let quota: RequestQuota
    let refusals: RefusalLog

    func handle(
        _ request: Request, context: APIContext,
        next: (Request, APIContext) async throws -> Response
    ) async throws -> Response {
        guard quota.take() else {
            refusals.note("too many at a time", of: "a request to \(request.uri.path)")
            var error = APIError(
                .serviceUnavailable, "busy",
                "\(quota.most) requests are being answered, which is the most: try again")
            error.headers[.retryAfter] = "1"
            throw error
        }
        defer { quota.giveBack() }
        return try await next(request, context)
    }
}

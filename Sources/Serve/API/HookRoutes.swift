// `/v1/hooks/…`: media servers say that somebody begins or ends to publish, and some ask whether
// they may.
//
// A place that is denied is refused; all else is allowed, also where it cannot be watched: a fault of
// ours must not take the provider's streams off, but it is logged and the stream is not counted as
// watched. Invariant: the answer is in the server's own form, whatever happens.

internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import Report

/// The routes of hooks.
struct HookRoutes: Sendable {
    let servers: [MediaServer]
    let desk: StreamDesk
    let stops: StopDesk
    let store: any LiveStore
    let disk: StoreQueue
    let logger: Logger

    func add(to group: RouterGroup<APIContext>) {
        group.post("hooks/:kind") { request, context in
            guard let kind = ServerKind(rawValue: context.parameters.get("kind") ?? "") else {
                throw APIError(.notFound, "not_found", "no media server of this kind is known")
            }
            let query = try Query(request, allowed: ["server", "token"])
            let server = try server(kind, named: query.text("server"))
            let body = try await request.body.collect(upTo: HookRequest.longestBody)
            let hook = HookRequest(
                body: Array(body.readableBytesView), contentType: request.headers[.contentType],
                headers: request.headers, unixSeconds: unixMilliseconds() / 1000)
            return try await answer(hook, server)
        }
    }

    private func server(_ kind: ServerKind, named name: String?) throws(APIError) -> MediaServer {
        let fitting = servers.filter { $0.kind == kind && (name == nil || $0.name == name) }
        guard let server = fitting.first, fitting.count == 1 else {
            throw APIError(
                .badRequest, "bad_query",
                "the query must name one of the configured servers of this kind: server=…")
        }
        return server
    }

    private func answer(_ request: HookRequest, _ server: MediaServer) async throws -> Response {
        let hook: PublishHook?
        do throws(HookError) {
            hook = try PublishHook.read(request, from: server.kind, secret: server.hookSecret)
        } catch {
            logger.warning("a hook of \(server.name) is refused: \(error.message)")
            return Response(HookAnswer(to: server.kind, .rejected(error.code)))
        }
        guard let hook else { return Response(HookAnswer(to: server.kind, .allowed)) }
        let place = StreamPlace(server: server.name, path: hook.path)
        switch hook.kind {
        case .publish:
            let denial = await denial(of: place)
            let isDenied = denial != nil && server.kind.asksBeforePublishing
            if let denial, isDenied {
                stops.denied(denial, peer: hook.publisher.peer)
            } else {
                await watch(hook, at: place, of: server, against: denial)
            }
            return Response(HookAnswer(to: server.kind, isDenied ? .denied : .allowed, hook: hook))
        case .unpublish:
            await end(hook, at: place)
            return Response(HookAnswer(to: server.kind, .allowed, hook: hook))
        }
    }

    /// The denial of a place, unless an authority asks for a hold there.
    private func denial(of place: StreamPlace) async -> Denial? {
        do {
            return try await disk.run { [store] in
                let now = unixMilliseconds()
                guard let denial = try store.denial(of: place, at: now),
                    try store.hold(of: place, at: now) == nil
                else { return nil }
                return denial
            }
        } catch {
            logger.error("whether a stream of \(place.server) is denied cannot be read: \(error)")
            return nil
        }
    }

    /// - Parameter denial: of the place, where the server does not ask before it lets publish.
    private func watch(
        _ hook: PublishHook, at place: StreamPlace, of server: MediaServer,
        against denial: Denial?
    ) async {
        guard let template = server.watch else { return }
        do {
            var request = StreamRequest(address: try template.address(of: hook))
            request.labels = server.labels
            (request.isPriority, request.isTrusted) = (server.isPriority, true)
            (request.place, request.publisher) = (place, hook.publisher)
            request.isPublisherCertain = hook.isReady || !server.kind.asksBeforePublishing
            let added = try await desk.published(request)
            if !added.isNew { stops.republished(place) }
            if let denial { stops.again(denial, stream: added.stream.id) }
        } catch {
            logger.error("a stream of \(server.name) is NOT watched: \(APIError(error).message)")
        }
    }

    private func end(_ hook: PublishHook, at place: StreamPlace) async {
        do {
            let stream = try await disk.run { [store] in try store.stream(at: place) }
            stops.unpublished(place)
            desk.unpublished(place, by: hook.publisher)
            if let stream { try await desk.unpublished(stream.id, by: hook.publisher) }
        } catch {
            logger.error("the end of a stream of \(place.server) is not recorded: \(error)")
        }
    }
}

extension Response {
    /// A hook's answer.
    fileprivate init(_ answer: HookAnswer) {
        self.init(
            status: .init(code: answer.status), headers: [.contentType: answer.contentType],
            body: ResponseBody(byteBuffer: ByteBuffer(string: answer.body)))
    }
}

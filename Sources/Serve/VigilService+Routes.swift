// The routes of the service: who may call what, and what it tells of itself.

internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import NIOCore
internal import Report
internal import Run

extension VigilService {
    func router() -> Router<APIContext> {
        let router = emptyRouter()
        let streams = StreamRoutes(desk: desk)
        let alerts = AlertRoutes(
            reading: reading, disk: readingDisk, events: events, known: known, audit: audit)
        let actions = ActionRoutes(
            store: store, disk: actionDisk, reading: reading, readingDisk: readingDisk,
            audit: audit, logger: logger)
        func group(_ role: Role) -> RouterGroup<APIContext> {
            router.group("v1").add(
                middleware: Gatekeeper(
                    tokens: tokens, role: role, refusals: refusals, methods: methods)
            ).add(middleware: WithinQuota(quota: apiQuota, refusals: refusals))
        }
        let readers = group(.reader)
        streams.addReading(to: readers)
        alerts.add(to: readers)
        actions.addReading(to: readers)
        let legalHolds = LegalHoldRoutes(
            store: store, disk: actionDisk, reading: reading, readingDisk: readingDisk,
            logger: logger, audit: audit)
        legalHolds.addReading(to: readers)
        let operators = group(.operator)
        streams.addChanging(to: operators)
        actions.addChanging(to: operators)
        legalHolds.addChanging(to: operators)
        FeedbackRoutes(store: store, disk: actionDisk, figures: feedback, logger: logger)
            .add(to: group(.consumer))
        addHooks(to: router)
        addHealth(to: router)
        router.group("").add(
            middleware: Gatekeeper(
                tokens: tokens, role: .reader, refusals: refusals, methods: methods)
        ).add(middleware: WithinQuota(quota: apiQuota, refusals: refusals)).get("metrics") { _, _ in
            try await metrics()
        }
        return router
    }

    /// The routes of the second listener: health and hooks, and nothing that a reader could fill.
    func innerRouter() -> Router<APIContext> {
        let router = emptyRouter()
        addHooks(to: router)
        addHealth(to: router)
        return router
    }

    private func emptyRouter() -> Router<APIContext> {
        let router = Router(context: APIContext.self)
        router.add(
            middleware: AnswerFailures(
                logger: logger, figures: requests, methods: methods, refusals: refusals))
        return router
    }

    private func addHooks(to router: Router<APIContext>) {
        let hooks = HookRoutes(
            servers: settings.servers, desk: desk, stops: stops, store: store, disk: hookDisk,
            logger: logger)
        hooks.add(
            to: router.group("v1").add(
                middleware: Gatekeeper(
                    tokens: tokens, role: .hook, refusals: refusals, methods: methods,
                    takesQuery: true)
            ).add(middleware: WithinQuota(quota: hookQuota, refusals: refusals)))
    }

    private func addHealth(to router: Router<APIContext>) {
        router.get("openapi.json") { _, _ in
            Response(
                status: .ok,
                // Large, and for everybody: no connection asks for it a hundred times.
                headers: [.contentType: "application/json", .connection: "close"],
                body: ResponseBody(byteBuffer: ByteBuffer(bytes: PackageResources.openapi_json)))
        }
        router.get("healthz") { _, _ in Response.json(["status": "ok"]) }
        router.get("readyz") { _, _ in
            let readiness = Readiness(canary?.result, every: settings.canarySeconds)
            return Response.json(
                readiness, status: readiness.isReady ? .ok : .serviceUnavailable)
        }
    }

    private func metrics() async throws -> Response {
        let reports = try await readingDisk.run { [reading] in try reading.counts() }
        let figures = ServiceFigures(
            totals: run.totals, live: run.figures, statuses: desk.statuses().map(\.status),
            unwatched: desk.unwatched, heldBack: desk.heldBack, stuckReaders: run.stuckReaders,
            probings: probing.raised,
            reports: reports, feedback: feedback.byVerdict, requests: requests.byStatus,
            refusals: refusals.count,
            door: door.figures, listeners: events.listeners, eventsLost: events.lost,
            canary: canary?.result ?? CanaryState(), deliveries: await deliveries.figures,
            memory: MemoryFigures())
        return Response(
            status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: figures.text)))
    }
}

// `/v1/alerts`, `/v1/events`, `/v1/known`, and what authorities asked for: `/v1/holds`,
// `/v1/denials`.

internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import Match
internal import NIOCore
internal import Report
internal import ServiceLifecycle

/// The routes of alerts.
struct AlertRoutes: Sendable {
    /// For reading only, so that no listing waits for a writer.
    let reading: any LiveStore
    let disk: StoreQueue
    let events: EventHub
    let known: [KnownView]
    let audit: AuditDesk

    func add(to group: RouterGroup<APIContext>) {
        group.get("alerts") { request, context in
            await audit.looked(at: "alerts", by: context)
            return try await list(request, isDistanceTold: context.seesDistances)
        }
        group.get("alerts/:id") { _, context in
            guard let id = AlertID(context.parameters.get("id") ?? "") else { throw notFound }
            let isDistanceTold = context.seesDistances
            let found = try await disk.run { () -> AlertView? in
                guard let report = try reading.report(id: id), report.alert?.id == id,
                    var view = AlertView(
                        report, steps: try reading.steps(of: id), isDistanceTold: isDistanceTold)
                else { return nil }
                view.deliveries = try reading.deliveries(of: report.id).map(DeliveryView.init)
                view.feedback = try reading.feedback(on: id).map(FeedbackView.init)
                view.timeline = try reading.timeline(of: id)?.entries.map(TimelineView.init)
                return view
            }
            guard let found else { throw notFound }
            await audit.looked(at: "alert", id.description, by: context)
            return Response.json(found)
        }
        group.get("known") { _, _ in Response.json(PageView(items: known, next: nil)) }
        group.get("events") { _, context in
            await audit.looked(at: "events", by: context)
            return try follow(context)
        }
    }

    private func list(
        _ request: Request, isDistanceTold: Bool
    ) async throws -> Response {
        let query = try Query(request, allowed: ["limit", "before", "set", "input"])
        let limit = try query.limit()
        let before = try query.id("before")
        var filter = ReportFilter()
        filter.event = QueuedReport.alertOpened
        filter.set = query.text("set")
        filter.input = query.text("input")
        let reports = try await disk.run { [filter] in
            try reading.reports(matching: filter, limit: limit, before: before)
        }
        return Response.json(
            PageView(
                items: reports.compactMap { AlertView($0, isDistanceTold: isDistanceTold) },
                next: reports.count == limit ? reports.last?.id.description : nil))
    }

    /// Events as they come, for as long as the listener stays.
    private func follow(_ context: APIContext) throws -> Response {
        let isDistanceTold = context.seesDistances
        let stream: AsyncStream<ServiceEvent>
        do throws(EventHub.Refusal) {
            let token = "\(context.caller?.role.rawValue ?? "") \(context.caller?.name ?? "")"
            stream = try events.listen(by: token, isFirst: context.caller?.role == .operator)
        } catch .full {
            throw APIError(
                .serviceUnavailable, "full", "there is no place for another listener: try later")
        } catch .share(let most) {
            throw APIError(
                .tooManyRequests, "too_many",
                "\(most) listen with this token, which is the most: end one, give each program a "
                    + "token of its own, or raise max_listeners_per_token")
        }
        let body = ResponseBody { writer in
            try await writer.write(ByteBuffer(string: ": listening\n\n"))
            for await event in stream.cancelOnGracefulShutdown() {
                try await writer.write(
                    ByteBuffer(string: event.text(isDistanceTold: isDistanceTold)))
            }
            try await writer.finish(nil)
        }
        return Response(
            status: .ok,
            headers: [.contentType: "text/event-stream", .cacheControl: "no-store"], body: body)
    }

    private var notFound: APIError { APIError(.notFound, "not_found", "no alert has this id") }
}

extension ServiceEvent {
    /// Its form in a stream of events (WHATWG HTML, section 9.2).
    fileprivate func text(isDistanceTold: Bool) -> String {
        guard !type.isEmpty else { return ": still there\n\n" }
        let data = isDistanceTold ? exactData ?? data : data
        return "event: \(type)\ndata: \(data)\n\n"
    }
}

/// The routes of holds and denials.
struct ActionRoutes: Sendable {
    let store: any LiveStore
    let disk: StoreQueue
    /// For reading only, so that lists keep nobody from changing what they list.
    let reading: any LiveStore
    let readingDisk: StoreQueue
    let audit: AuditDesk
    let logger: Logger

    /// Longest hold, seconds: 30 days; one that is needed for longer is asked for again.
    static let longestHold = 30.0 * 86_400

    func addReading(to group: RouterGroup<APIContext>) {
        group.get("holds") { _, context in
            await audit.looked(at: "holds", by: context)
            let holds = try await readingDisk.run { try reading.holds(at: unixMilliseconds()) }
            return Response.json(PageView(items: holds.map(HoldView.init), next: nil))
        }
        group.get("denials") { _, context in
            await audit.looked(at: "denials", by: context)
            let denials = try await readingDisk.run {
                try reading.denials(at: unixMilliseconds())
            }
            return Response.json(PageView(items: denials.map(DenialView.init), next: nil))
        }
    }

    func addChanging(to group: RouterGroup<APIContext>) {
        group.post("holds") { request, context in
            let body = try await request.body.collect(upTo: context.maxUploadSize)
            let asked = try HoldBody(Data(body.readableBytesView))
            let actor = context.actor
            let hold = try await disk.run { () -> Hold? in
                guard let place = try store.stream(asked.stream)?.place else { return nil }
                let hold = asked.hold(of: place, from: unixMilliseconds())
                try store.keep(hold, by: actor)
                return hold
            }
            guard let hold else {
                throw APIError(
                    .notFound, "not_found",
                    "no stream has this id, or where it is published is not known")
            }
            logger.notice(
                "hold \(hold.id) by \(context.caller?.name ?? "somebody"): \(hold.authority) asks not to stop stream \(asked.stream) for \(Int(bounded: asked.seconds)) s"
            )
            return Response.json(HoldView(hold), status: .created)
        }
        group.delete("holds/:id") { _, context in
            let actor = context.actor
            guard let id = AlertID(context.parameters.get("id") ?? ""),
                try await disk.run({ try store.endHold(id, at: unixMilliseconds(), by: actor) })
            else { throw APIError(.notFound, "not_found", "no hold that goes on has this id") }
            logger.notice("hold \(id) ended by \(context.caller?.name ?? "somebody")")
            return Response(status: .noContent)
        }
        group.delete("denials/:id") { _, context in
            let alert = AlertID(context.parameters.get("id") ?? "")
            let actor = context.actor
            let isLifted = try await disk.run {
                let now = unixMilliseconds()
                let denial = try store.denials(at: now).first { $0.alert == alert }
                return try denial.map { try store.lift($0.place, at: now, by: actor) } ?? false
            }
            guard isLifted else {
                throw APIError(.notFound, "not_found", "nothing is denied because of this alert")
            }
            return Response(status: .noContent)
        }
    }
}

/// What a caller says of a hold.
struct HoldBody: Sendable {
    let stream: StreamID
    private let authority: String
    private let reason: String
    let seconds: Double

    /// Longest hold, seconds: 30 days; one that is needed for longer is asked for again.
    static let longest = 30.0 * 86_400

    init(_ data: Data) throws(APIError) {
        let members = try JSONMembers(data, known: ["stream_id", "authority", "reason", "for_s"])
        guard let id = try members.text("stream_id"), let stream = StreamID(id),
            try members.text("authority") != nil, try members.text("reason") != nil,
            let seconds = try members.number("for_s")
        else {
            throw APIError(
                .badRequest, "bad_body",
                "stream_id (36 characters), authority, reason and for_s are needed")
        }
        guard (1...Self.longest).contains(seconds) else {
            throw APIError(
                .badRequest, "bad_body", "for_s is 1 to \(Int(bounded: Self.longest))")
        }
        self.stream = stream
        authority = try members.line("authority", 1...200)
        reason = try members.line("reason", 0...1000)
        self.seconds = seconds
    }

    func hold(of place: StreamPlace, from now: Int64) -> Hold {
        Hold(
            id: newID(), place: place, authority: authority, reason: reason,
            sinceUnixMilliseconds: now, untilUnixMilliseconds: now + Int64(bounded: seconds * 1000))
    }
}

/// A hold.
struct HoldView: Encodable {
    var id: String
    var server: String
    var path: String
    var authority: String
    var reason: String
    var sinceUnixMs: Int64
    var untilUnixMs: Int64

    init(_ hold: Hold) {
        id = hold.id.description
        server = hold.place.server
        path = hold.place.redactedPath
        authority = hold.authority
        reason = hold.reason
        sinceUnixMs = hold.sinceUnixMilliseconds
        untilUnixMs = hold.untilUnixMilliseconds
    }
}

/// A denial.
struct DenialView: Encodable {
    var server: String
    var path: String
    var alertId: String
    var sinceUnixMs: Int64
    var untilUnixMs: Int64

    init(_ denial: Denial) {
        server = denial.place.server
        path = denial.place.redactedPath
        alertId = denial.alert.description
        sinceUnixMs = denial.sinceUnixMilliseconds
        untilUnixMs = denial.untilUnixMilliseconds
    }
}

extension StreamPlace {
    /// The path without all of its last name, which is mostly what a stream is published with.
    var redactedPath: String {
        guard let last = path.split(separator: "/").last, last.count > 4 else { return path }
        return path.dropLast(last.count) + last.prefix(2) + "…"
    }
}

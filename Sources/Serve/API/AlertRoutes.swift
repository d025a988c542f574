// `/v1/alerts`, `/v1/events`, `/v1/known`, and what authorities asked for: `/v1/holds`,
// `/v1/denials`.

internal import Foundation
internal import HTTPTypes
internal import Hummingbird
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

    func add(to group: RouterGroup<APIContext>) {
        group.get("alerts") { request, _ in try await list(request) }
        group.get("alerts/:id") { _, context in
            guard let id = AlertID(context.parameters.get("id") ?? "") else { throw notFound }
            let found = try await disk.run { () -> AlertView? in
                guard let report = try reading.report(id: id), report.alert.id == id else {
                    return nil
                }
                return AlertView(report, steps: try reading.steps(of: id))
            }
            guard let found else { throw notFound }
            return Response.json(found)
        }
        group.get("known") { _, _ in Response.json(PageView(items: known, next: nil)) }
        group.get("events") { _, _ in try follow() }
    }

    private func list(_ request: Request) async throws -> Response {
        let query = try Query(request, allowed: ["limit", "before", "set", "input"])
        let limit = try query.limit()
        let before = try query.id("before")
        var filter = ReportFilter()
        filter.set = query.text("set")
        filter.input = query.text("input")
        let reports = try await disk.run { [filter] in
            try reading.reports(matching: filter, limit: limit, before: before)
        }
        return Response.json(
            PageView(
                items: reports.map { AlertView($0) },
                next: reports.count == limit ? reports.last?.id.description : nil))
    }

    /// Events as they come, for as long as the listener stays.
    private func follow() throws -> Response {
        guard let stream = events.listen() else {
            throw APIError(
                .serviceUnavailable, "full", "\(EventHub.mostListeners) listen, which is the most")
        }
        let body = ResponseBody { writer in
            try await writer.write(ByteBuffer(string: ": listening\n\n"))
            for await event in stream.cancelOnGracefulShutdown() {
                try await writer.write(ByteBuffer(string: event.text))
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
    fileprivate var text: String {
        type.isEmpty ? ": still there\n\n" : "event: \(type)\ndata: \(data)\n\n"
    }
}

/// The routes of holds and denials.
struct ActionRoutes: Sendable {
    let store: any LiveStore
    let disk: StoreQueue
    let servers: Set<String>

    /// Longest hold, seconds: 30 days; one that is needed for longer is asked for again.
    static let longestHold = 30.0 * 86_400

    func addReading(to group: RouterGroup<APIContext>) {
        group.get("holds") { _, _ in
            let holds = try await disk.run { try store.holds(at: unixMilliseconds()) }
            return Response.json(PageView(items: holds.map(HoldView.init), next: nil))
        }
        group.get("denials") { _, _ in
            let denials = try await disk.run { try store.denials(at: unixMilliseconds()) }
            return Response.json(PageView(items: denials.map(DenialView.init), next: nil))
        }
    }

    func addChanging(to group: RouterGroup<APIContext>) {
        group.post("holds") { request, context in
            let body = try await request.body.collect(upTo: context.maxUploadSize)
            let hold = try hold(Data(body.readableBytesView))
            try await disk.run { try store.keep(hold) }
            return Response.json(HoldView(hold), status: .created)
        }
        group.delete("holds/:id") { _, context in
            guard let id = AlertID(context.parameters.get("id") ?? ""),
                try await disk.run({ try store.endHold(id, at: unixMilliseconds()) })
            else { throw APIError(.notFound, "not_found", "no hold that goes on has this id") }
            return Response(status: .noContent)
        }
        group.delete("denials") { request, _ in
            let query = try Query(request, allowed: ["server", "path"])
            guard let server = query.text("server"), let path = query.text("path") else {
                throw APIError(.badRequest, "bad_query", "the query needs server and path")
            }
            let place = StreamPlace(server: server, path: path)
            guard try await disk.run({ try store.lift(place) }) else {
                throw APIError(.notFound, "not_found", "nothing is denied there")
            }
            return Response(status: .noContent)
        }
    }

    private func hold(_ data: Data) throws(APIError) -> Hold {
        let members = try JSONMembers(
            data, known: ["server", "path", "authority", "reason", "for_s"])
        guard let server = try members.text("server"), let path = try members.text("path"),
            let authority = try members.text("authority"),
            let reason = try members.text("reason"), let seconds = try members.number("for_s")
        else {
            throw APIError(
                .badRequest, "bad_body", "server, path, authority, reason and for_s are needed")
        }
        guard servers.contains(server) else {
            throw APIError(.badRequest, "bad_body", "no server of this name is configured")
        }
        guard (1...Self.longestHold).contains(seconds),
            (1...200).contains(authority.count), reason.count <= 1000,
            (1...500).contains(path.count)
        else {
            throw APIError(
                .badRequest, "bad_body",
                "for_s is 1 to \(Int(Self.longestHold)); authority has 1 to 200 characters, path 1 "
                    + "to 500, reason at most 1000")
        }
        let now = unixMilliseconds()
        return Hold(
            id: newID(), place: StreamPlace(server: server, path: path), authority: authority,
            reason: reason, sinceUnixMilliseconds: now,
            untilUnixMilliseconds: now + Int64(seconds * 1000))
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
        path = hold.place.path
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
        path = denial.place.path
        alertId = denial.alert.description
        sinceUnixMs = denial.sinceUnixMilliseconds
        untilUnixMs = denial.untilUnixMilliseconds
    }
}

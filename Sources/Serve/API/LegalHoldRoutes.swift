// `/v1/legal-holds`: what authorities asked to keep.

internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import Match
internal import Report

/// The routes of legal holds.
struct LegalHoldRoutes: Sendable {
    let store: any LiveStore
    let disk: StoreQueue
    /// For reading only, so that lists keep nobody from changing what they list.
    let reading: any LiveStore
    let readingDisk: StoreQueue
    let logger: Logger
    let audit: AuditDesk

    func addReading(to group: RouterGroup<APIContext>) {
        group.get("legal-holds") { _, context in
            await audit.looked(at: "legal_holds", by: context)
            let holds = try await readingDisk.run {
                try reading.legalHolds(at: unixMilliseconds())
            }
            return Response.json(PageView(items: holds.map(LegalHoldView.init), next: nil))
        }
    }

    func addChanging(to group: RouterGroup<APIContext>) {
        group.post("legal-holds") { request, context in
            let body = try await request.body.collect(upTo: context.maxUploadSize)
            let hold = try LegalHoldBody(Data(body.readableBytesView)).hold
            let actor = context.actor
            let isKept = try await disk.run { () -> Bool in
                do throws(ReportError) { try store.keep(hold, by: actor) } catch {
                    guard error.code == .notFound else { throw error }
                    return false
                }
                return true
            }
            guard isKept else {
                throw APIError(
                    .notFound, "not_found", "no \(hold.kind.rawValue) has this id")
            }
            logger.notice(
                "legal hold \(hold.id) by \(context.caller?.name ?? "somebody"): \(hold.authority) asks to keep \(hold.kind.rawValue) \(hold.subject)"
            )
            return Response.json(LegalHoldView(hold), status: .created)
        }
        group.delete("legal-holds/:id") { _, context in
            let actor = context.actor
            guard let id = AlertID(context.parameters.get("id") ?? ""),
                try await disk.run({
                    try store.releaseLegalHolds(id, by: actor, at: unixMilliseconds()) > 0
                })
            else {
                throw APIError(.notFound, "not_found", "no legal hold that goes on has this id")
            }
            logger.notice("legal hold \(id) released by \(context.caller?.name ?? "somebody")")
            return Response(status: .noContent)
        }
    }
}

/// What a caller says of a legal hold.
struct LegalHoldBody {
    let hold: LegalHold

    init(_ data: Data) throws(APIError) {
        let members = try JSONMembers(
            data, known: ["alert_id", "stream_id", "authority", "reason"])
        let kind: LegalHold.Kind
        let text: String
        switch (try members.text("alert_id"), try members.text("stream_id")) {
        case (let id?, nil): (kind, text) = (.alert, id)
        case (nil, let id?): (kind, text) = (.stream, id)
        default:
            throw APIError(
                .badRequest, "bad_body", "one of alert_id and stream_id is needed, and only one")
        }
        guard let subject = AlertID(text) else {
            throw APIError(.badRequest, "bad_body", "\(kind.rawValue)_id is an id: 36 characters")
        }
        hold = LegalHold(
            id: newID(), kind: kind, subject: subject,
            authority: try members.line("authority", 1...200),
            reason: try members.line("reason", 0...1000),
            sinceUnixMilliseconds: unixMilliseconds())
    }
}

/// A legal hold.
struct LegalHoldView: Encodable {
    var id: String
    var alertId: String?
    var streamId: String?
    var authority: String
    var reason: String
    var sinceUnixMs: Int64

    init(_ hold: LegalHold) {
        id = hold.id.description
        if hold.kind == .alert { alertId = hold.subject.description }
        if hold.kind == .stream { streamId = hold.subject.description }
        authority = hold.authority
        reason = hold.reason
        sinceUnixMs = hold.sinceUnixMilliseconds
    }
}

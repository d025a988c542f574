// Hooks of servers that sign their requests or send a secret along: OvenMediaEngine, LiveKit,
// Cloudflare Stream.
//
// Invariants: where a secret is configured, nothing of the body is looked at before the signature is
// found right, and it is compared in constant time.

import Crypto
import FoundationEssentials
import HTTPTypes

// MARK: - OvenMediaEngine

private struct OvenBody: Decodable {
    struct Client: Decodable {
        var address: String?
        var port: Int?
    }
    struct Request: Decodable {
        var direction: String
        var status: String
        var url: String
    }

    var client: Client
    var request: Request
}

extension PublishHook {
    /// AdmissionWebhooks; those of viewers (`outgoing`) are of no interest and allowed.
    ///
    /// The header `X-OME-Signature` is the HMAC-SHA1 of the body, in base64 for URLs.
    /// Source: https://docs.ovenmediaengine.com/access-control/admission-webhooks
    static func ovenMediaEngine(
        _ request: HookRequest, secret: SecretText?
    ) throws(HookError) -> PublishHook? {
        if let secret {
            let header = HTTPField.Name("X-OME-Signature").flatMap { request.headers[$0] }
            guard let header, let code = Base64URL.decode(header),
                HMAC<Insecure.SHA1>.isValidAuthenticationCode(
                    code, authenticating: request.body, using: secret.key)
            else {
                throw HookError(
                    .unauthentic,
                    "the header X-OME-Signature is missing or does not fit the body; the hook's "
                        + "secret has to be that of <AdmissionWebhooks><SecretKey>")
            }
        }
        let body = try HookJSON.decode(OvenBody.self, request)
        guard body.request.direction == "incoming" else { return nil }
        let kind: Kind
        switch body.request.status {
        case "opening": kind = .publish
        case "closing": kind = .unpublish
        default: return nil
        }
        let (app, name) = try place(inURL: body.request.url)
        return try PublishHook(
            kind, app: app, name: name,
            peer: body.client.address.map { PeerText.joined($0, port: body.client.port) })
    }

    /// Application and stream of `scheme://host[:port]/app/stream[/file][?query]`.
    private static func place(inURL url: String) throws(HookError) -> (app: String, name: String) {
        func malformed() -> HookError {
            HookError(.malformed, "the field request.url is not scheme://host/app/stream")
        }
        guard url.utf8.count <= 4096, let scheme = url.firstRange(of: "://") else {
            throw malformed()
        }
        let rest = url[scheme.upperBound...].prefix { $0 != "?" && $0 != "#" }
        let parts = rest.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        guard parts.count >= 2, let app = decoded(parts.first),
            let name = decoded(parts.dropFirst().first)
        else { throw malformed() }
        return (try StreamName.check(app, as: "the application"), name)
    }

    private static func decoded(_ part: Substring?) -> String? {
        part.flatMap { PercentCoding.decode($0.utf8, plusIsSpace: false) }
    }
}

// MARK: - LiveKit

private struct LiveKitBody: Decodable {
    struct Room: Decodable { var name: String? }
    struct Participant: Decodable { var identity: String? }
    struct Track: Decodable { var type: String? }
    struct Ingress: Decodable {
        var ingressId: String?
        var roomName: String?
        var participantIdentity: String?
    }

    var event: String
    var room: Room?
    var participant: Participant?
    var track: Track?
    var ingressInfo: Ingress?
}

extension PublishHook {
    /// Tracks with video, participants that leave, and ingress; the path is `room/identity`.
    ///
    /// The header `Authorization` holds a token, signed with the API secret, that names the
    /// SHA-256 of the body. The publisher's id is that of the ingress, where there is one.
    /// Source: https://docs.livekit.io/home/server/webhooks/
    static func liveKit(
        _ request: HookRequest, secret: SecretText?
    ) throws(HookError) -> PublishHook? {
        if let secret {
            let digest = Data(SHA256.hash(data: request.body)).base64EncodedString()
            guard let header = request.headers[.authorization],
                let claims = JSONWebToken.claims(
                    of: header.hasPrefix("Bearer ") ? String(header.dropFirst(7)) : header,
                    key: secret.key, unixSeconds: request.unixSeconds),
                claims.sha256 == digest
            else {
                throw HookError(
                    .unauthentic,
                    "the header Authorization is missing, does not fit the body or is too old; the "
                        + "hook's secret has to be that of webhook.api_key, and both clocks right")
            }
        }
        let body = try HookJSON.decode(LiveKitBody.self, request)
        switch body.event {
        case "track_published", "track_unpublished":
            // The default of a Protobuf field, here audio, is left out.
            guard body.track?.type == "VIDEO" else { return nil }
            return try liveKit(body, body.event == "track_published" ? .publish : .unpublish)
        case "participant_left": return try liveKit(body, .unpublish)
        case "ingress_started", "ingress_ended":
            return try PublishHook(
                body.event == "ingress_started" ? .publish : .unpublish,
                app: StreamName.check(body.ingressInfo?.roomName ?? "", as: "the room"),
                name: body.ingressInfo?.participantIdentity ?? "",
                publisherID: body.ingressInfo?.ingressId)
        default: return nil
        }
    }

    private static func liveKit(_ body: LiveKitBody, _ kind: Kind) throws(HookError) -> PublishHook
    {
        try PublishHook(
            kind, app: StreamName.check(body.room?.name ?? "", as: "the room"),
            name: body.participant?.identity ?? "")
    }
}

// MARK: - Cloudflare Stream

private struct CloudflareBody: Decodable {
    struct Event: Decodable {
        var inputID: String
        var eventType: String

        enum CodingKeys: String, CodingKey {
            case inputID = "input_id"
            case eventType = "event_type"
        }
    }

    var data: Event
}

extension PublishHook {
    /// `live_input.connected`, `live_input.disconnected`; the path is the input's id.
    ///
    /// The header `cf-webhook-auth` holds the secret of the notification's destination.
    /// Source: https://developers.cloudflare.com/stream/stream-live/webhooks/
    static func cloudflareStream(
        _ request: HookRequest, secret: SecretText?
    ) throws(HookError) -> PublishHook? {
        if let secret {
            let header = HTTPField.Name("cf-webhook-auth").flatMap { request.headers[$0] }
            guard let header, secret.matches(header) else {
                throw HookError(
                    .unauthentic,
                    "the header cf-webhook-auth is missing or not the hook's secret, which has to "
                        + "be that of the webhook's destination")
            }
        }
        let body = try HookJSON.decode(CloudflareBody.self, request)
        let kind: Kind
        switch body.data.eventType {
        case "live_input.connected": kind = .publish
        case "live_input.disconnected": kind = .unpublish
        default: return nil
        }
        return try PublishHook(kind, app: "", name: body.data.inputID)
    }
}

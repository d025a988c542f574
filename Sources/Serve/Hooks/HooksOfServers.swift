// Hooks of servers that anybody runs: nginx-rtmp, MediaMTX, SRS, Ant Media, Wowza, and the form for
// all others. None of these signs its requests, so who sent them is checked in another way.

// MARK: - nginx-rtmp

extension PublishHook {
    /// `on_publish`, `on_publish_done`; all other calls are of no interest and allowed.
    ///
    /// A form with `call`, `app`, `name`, `addr`, `clientid`, and behind them whatever stood after a
    /// question mark in the stream's name.
    /// Source: https://github.com/arut/nginx-rtmp-module/wiki/Directives#notify
    static func nginxRTMP(_ request: HookRequest) throws(HookError) -> PublishHook? {
        let form = try HookForm(request.body)
        let kind: Kind
        switch try form.required("call") {
        case "publish": kind = .publish
        case "publish_done": kind = .unpublish
        default: return nil
        }
        let hook = try PublishHook(
            kind, app: StreamName.check(try form.required("app"), as: "the application"),
            name: try form.required("name"), publisherID: form["clientid"], peer: form["addr"])
        // The control module takes names as they stand in its query, without decoding them.
        guard
            hook.path.utf8.allSatisfy({
                PercentCoding.isPlain($0, in: .segment) || $0 == UInt8(ascii: "/")
            })
        else {
            throw HookError(
                .refused,
                "the stream's name holds characters with which nginx can neither hand it out nor "
                    + "be asked to stop it; use letters, digits and -._~!$'()*+,;=@")
        }
        return hook
    }
}

// MARK: - MediaMTX

private struct MediaMTXBody: Decodable {
    // Authentication.
    var action: String?
    var ip: String?
    var password: String?
    var id: String?
    var path: String?
    // The commands of runOnReady and runOnNotReady.
    var event: String?
    var sourceID: String?

    enum CodingKeys: String, CodingKey {
        case action, ip, password, id, path, event
        case sourceID = "source_id"
    }
}

extension PublishHook {
    /// Authentication by HTTP, and `runOnReady`, `runOnNotReady` by curl (`docs/stopping.md`).
    ///
    /// Reading is of no interest and allowed. The interfaces of control and measurement are allowed
    /// from the server's own machine, or with the secret as password; else refused, since
    /// anybody who reaches them could undo what is done here.
    /// Source: https://mediamtx.org/docs/usage/authentication, https://mediamtx.org/docs/usage/hooks
    static func mediaMTX(
        _ request: HookRequest, secret: SecretText?
    ) throws(HookError) -> PublishHook? {
        if request.isJSON == false {
            let form = try HookForm(request.body)
            return try ready(
                event: try form.required("event"), path: try form.required("path"),
                source: form["source_id"])
        }
        let body = try HookJSON.decode(MediaMTXBody.self, request)
        if let event = body.event {
            return try ready(
                event: event, path: try named(body.path, "path"), source: body.sourceID)
        }
        switch try named(body.action, "action") {
        case "publish":
            return try at(
                try named(body.path, "path"), .publish, publisherID: body.id, peer: body.ip)
        case "read", "playback": return nil
        default:
            let isOwn = body.ip.map(PeerText.isLoopback) ?? false
            guard isOwn || secret?.matches(body.password ?? "") ?? false else {
                throw HookError(
                    .refused,
                    "MediaMTX's own interfaces are open to its own machine and to those that give "
                        + "the hook's secret as password")
            }
            return nil
        }
    }

    private static func ready(
        event: String, path: String, source: String?
    ) throws(HookError) -> PublishHook? {
        guard event == "ready" || event == "notReady" else { return nil }
        var hook = try at(path, event == "ready" ? .publish : .unpublish, publisherID: source)
        hook.isReady = hook.kind == .publish
        return hook
    }

    private static func named(_ value: String?, _ field: String) throws(HookError) -> String {
        guard let value else { throw HookError(.malformed, "the field \(field) is missing") }
        return value
    }
}

// MARK: - SRS

private struct SRSBody: Decodable {
    var action: String
    var clientID: TextOrNumber?
    var ip: String?
    var vhost: String?
    var app: String?
    var stream: String?

    enum CodingKeys: String, CodingKey {
        case action, ip, vhost, app, stream
        case clientID = "client_id"
    }
}

extension PublishHook {
    /// The name that SRS gives to its default virtual host.
    static let srsDefaultVhost = "__defaultVhost__"

    /// `on_publish`, `on_unpublish`; all other actions are of no interest and allowed.
    ///
    /// Source: https://ossrs.io/lts/en-us/docs/v5/doc/http-callback
    static func srs(_ request: HookRequest) throws(HookError) -> PublishHook? {
        let body = try HookJSON.decode(SRSBody.self, request)
        let kind: Kind
        switch body.action {
        case "on_publish": kind = .publish
        case "on_unpublish": kind = .unpublish
        default: return nil
        }
        let vhost = body.vhost == srsDefaultVhost ? "" : body.vhost ?? ""
        return try PublishHook(
            kind, app: try named(body.app, "app"), name: try named(body.stream, "stream"),
            vhost: vhost, publisherID: body.clientID?.text, peer: body.ip)
    }
}

// MARK: - Ant Media

private struct AntMediaBody: Decodable {
    var id: String?
    var action: String?
    // Authorization of publishing.
    var streamId: String?
    var mode: String?
    var ipAddress: String?
}

extension PublishHook {
    /// `liveStreamStarted`, `liveStreamEnded`, as a form or JSON, and authorization of publishing.
    ///
    /// The path is the stream's id alone: each application has its own hook, and none names it.
    /// Source: https://docs.antmedia.io/guides/advanced-usage/webhooks/ and
    /// …/webhook-stream-authorization/
    static func antMedia(_ request: HookRequest) throws(HookError) -> PublishHook? {
        if request.isJSON == false {
            let form = try HookForm(request.body)
            return try antMedia(id: form["id"], action: try form.required("action"))
        }
        let body = try HookJSON.decode(AntMediaBody.self, request)
        if let action = body.action { return try antMedia(id: body.id, action: action) }
        guard try named(body.mode, "mode") == "publish" else { return nil }
        return try PublishHook(
            .publish, app: "", name: try named(body.streamId, "streamId"), peer: body.ipAddress)
    }

    private static func antMedia(id: String?, action: String) throws(HookError) -> PublishHook? {
        let kind: Kind
        switch action {
        case "liveStreamStarted": kind = .publish
        case "liveStreamEnded": kind = .unpublish
        default: return nil
        }
        return try PublishHook(kind, app: "", name: try named(id, "id"))
    }
}

// MARK: - Wowza

private struct WowzaBody: Decodable {
    struct Context: Decodable {
        var vhost: String?
        var app: String?
        var stream: String?
    }

    var event: String
    var context: Context?
}

extension PublishHook {
    /// The name that Wowza gives to its default virtual host.
    static let wowzaDefaultVhost = "_defaultVHost_"

    /// `stream.started`, `stream.stopped`; all other events are of no interest.
    ///
    /// Source: https://www.wowza.com/docs/create-webhooks-to-monitor-streaming-events-in-wowza-streaming-engine
    static func wowza(_ request: HookRequest) throws(HookError) -> PublishHook? {
        let body = try HookJSON.decode(WowzaBody.self, request)
        let kind: Kind
        switch body.event {
        case "stream.started": kind = .publish
        case "stream.stopped": kind = .unpublish
        default: return nil
        }
        let vhost = body.context?.vhost ?? wowzaDefaultVhost
        return try PublishHook(
            kind, app: try named(body.context?.app, "context.app"),
            name: try named(body.context?.stream, "context.stream"),
            vhost: vhost == wowzaDefaultVhost ? "" : vhost)
    }
}

// MARK: - All others

private struct GenericBody: Decodable {
    var event: String
    var app: String?
    var name: String?
    var path: String?
    var vhost: String?
    var publisher: TextOrNumber?
    var peer: String?
}

extension PublishHook {
    /// The form for everything else, as JSON, or as a form where the content type says so.
    ///
    /// Fields are `event` (`publish`, `unpublish`; others are allowed), either `path` or `name`,
    /// `app` and `vhost`, and where known `publisher` and `peer`.
    static func generic(_ request: HookRequest) throws(HookError) -> PublishHook? {
        if request.isJSON == false {
            let form = try HookForm(request.body)
            return try generic(
                event: try form.required("event"), path: form["path"], app: form["app"],
                name: form["name"], vhost: form["vhost"], publisher: form["publisher"],
                peer: form["peer"])
        }
        let body = try HookJSON.decode(GenericBody.self, request)
        return try generic(
            event: body.event, path: body.path, app: body.app, name: body.name, vhost: body.vhost,
            publisher: body.publisher?.text, peer: body.peer)
    }

    private static func generic(
        event: String, path: String?, app: String?, name: String?, vhost: String?,
        publisher: String?, peer: String?
    ) throws(HookError) -> PublishHook? {
        guard let kind = Kind(rawValue: event) else { return nil }
        guard path == nil || (app == nil && name == nil && vhost == nil) else {
            throw HookError(.malformed, "give either the field path or the fields app and name")
        }
        if let path { return try at(path, kind, publisherID: publisher, peer: peer) }
        return try PublishHook(
            kind, app: app ?? "", name: try named(name, "name"), vhost: vhost ?? "",
            publisherID: publisher, peer: peer)
    }
}

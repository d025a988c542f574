// What a media server's hook says: somebody begins or ends to publish.
//
// Invariants: names have passed `StreamName`; neither query parameters nor stream keys nor
// credentials of the publisher are kept, and none is in an error.

public import HTTPTypes
public import Report

/// A request that a media server's hook sent.
public struct HookRequest: Sendable {
    /// Longest body that is looked at; callers read no more either.
    public static let longestBody = 64 << 10

    /// The body as it came.
    public var body: [UInt8]
    /// Its `Content-Type`, if any.
    public var contentType: String?
    /// All header fields.
    public var headers: HTTPFields
    /// Now, Unix seconds; against it the times of signed tokens are checked.
    public var unixSeconds: Int64

    /// Makes a request of its parts.
    public init(
        body: [UInt8], contentType: String? = nil, headers: HTTPFields = [:], unixSeconds: Int64
    ) {
        self.body = body
        self.contentType = contentType
        self.headers = headers
        self.unixSeconds = unixSeconds
    }

    /// Whether the body is said to be JSON; `nil` where it is said to be neither JSON nor a form.
    var isJSON: Bool? {
        let type = (contentType ?? "").split(separator: ";").first.map { $0.lowercased() } ?? ""
        let name = type.filter { $0 != " " }
        if name == "application/x-www-form-urlencoded" { return false }
        return name == "application/json" || name.hasSuffix("+json") ? true : nil
    }
}

/// Somebody begins or ends to publish a stream.
public struct PublishHook: Sendable, Hashable {
    /// What happens.
    public enum Kind: String, Sendable {
        /// A stream begins, or asks whether it may.
        case publish
        /// It has ended.
        case unpublish
    }

    /// What happens.
    public let kind: Kind
    /// Where: application and name, for instance `live/one`; a virtual host that is not the
    /// server's default one stands before them.
    public let path: String
    /// Who publishes, as far as the server tells.
    public let publisher: StreamPublisher
    /// The application; empty where the server has none.
    public let app: String
    /// The stream's name within it.
    public let name: String
    /// Whether the server says that the stream is there, and does not only ask whether it may be.
    public internal(set) var isReady = false
    /// The virtual host; empty where the server has none or it is the default one.
    public let vhost: String

    /// Makes a hook of parts that are checked.
    /// - Parameters:
    ///   - app: names with slashes between them, or empty.
    ///   - name: one name.
    ///   - vhost: one name, or empty.
    public init(
        _ kind: Kind, app: String, name: String, vhost: String = "", publisherID: String? = nil,
        peer: String? = nil
    ) throws(HookError) {
        self.kind = kind
        self.app = app.isEmpty ? "" : try StreamName.checkPath(app, as: "the application")
        self.name = try StreamName.check(name, as: "the stream's name")
        self.vhost = vhost.isEmpty ? "" : try StreamName.check(vhost, as: "the virtual host")
        path = [vhost, app, name].filter { !$0.isEmpty }.joined(separator: "/")
        guard path.utf8.count <= StreamName.longestPath else {
            throw HookError(
                .malformed, "the stream's path is longer than \(StreamName.longestPath) bytes")
        }
        publisher = StreamPublisher(
            id: try StreamName.checkText(publisherID, as: "the publisher's id"),
            peer: try StreamName.checkText(peer, as: "the publisher's address"))
    }

    /// Reads what a server of some kind sent.
    /// - Parameters:
    ///   - secret: what the server signs with or sends along; without it, who sent the request
    ///     has to be checked in another way. Kinds that do not sign take no notice of it.
    /// - Returns: `nil` where it is of no interest here and to be allowed, for instance a viewer.
    public static func read(
        _ request: HookRequest, from server: ServerKind, secret: SecretText?
    ) throws(HookError) -> PublishHook? {
        guard request.body.count <= HookRequest.longestBody else {
            throw HookError(
                .malformed, "the body is longer than \(HookRequest.longestBody) bytes")
        }
        return switch server {
        case .nginxRTMP: try nginxRTMP(request)
        case .mediaMTX: try mediaMTX(request, secret: secret)
        case .srs: try srs(request)
        case .ovenMediaEngine: try ovenMediaEngine(request, secret: secret)
        case .antMedia: try antMedia(request)
        case .wowza: try wowza(request)
        case .liveKit: try liveKit(request, secret: secret)
        case .cloudflareStream: try cloudflareStream(request, secret: secret)
        case .generic: try generic(request)
        }
    }

    /// Makes a hook of a path whose last name is the stream's.
    static func at(
        _ path: String, _ kind: Kind, publisherID: String? = nil, peer: String? = nil
    ) throws(HookError) -> PublishHook {
        let checked = try StreamName.checkPath(path, as: "the path")
        let names = checked.split(separator: "/")
        return try PublishHook(
            kind, app: names.dropLast().joined(separator: "/"), name: String(names.last ?? ""),
            publisherID: publisherID, peer: peer)
    }
}

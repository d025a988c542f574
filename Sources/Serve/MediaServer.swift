// A media server of the configuration: what is watched of it, and how its streams are stopped.

internal import Decode
internal import Run

/// A configured media server.
public struct MediaServer: Sendable {
    /// Its name, unique among the servers.
    public let name: String
    /// What its hooks look like.
    public let kind: ServerKind
    /// Address of a stream that its hook announces; `nil` where it only stops.
    let watch: AddressTemplate?
    /// What its hooks are signed with, or send along.
    let hookSecret: SecretText?
    /// What streams of it are called, besides.
    let labels: [String: String]
    /// Whether its streams are looked at before others when time is short.
    let isPriority: Bool
    /// Stops its streams; `nil` where it is not told how.
    let driver: (any StopDriver)?
}

/// When streams are stopped.
public struct StopPolicy: Sendable {
    /// The default: nothing is stopped.
    public init() {}

    /// Alerts that stop a stream; none unless configured.
    public var rules: [StopRule] = []
    /// How long nobody may publish at a place after a stop there, seconds.
    public var denySeconds = 3600.0
}

// MARK: - Reading

extension MediaServer {
    /// A server whose streams are stopped in a way of the caller's.
    package init(name: String, driver: any StopDriver) {
        self.name = name
        kind = .generic
        watch = nil
        hookSecret = nil
        labels = [:]
        isPriority = false
        self.driver = driver
    }

    /// Most servers in a file.
    static let most = 100

    init(_ section: inout StrictMapping, transport: StopTransport) throws(RunError) {
        guard let name = try section.text("name"), (1...100).contains(name.utf8.count) else {
            throw section.error("name", "is needed: a word of at most 100 bytes")
        }
        guard let text = try section.text("kind"), let kind = ServerKind(rawValue: text) else {
            let kinds = ServerKind.allCases.map(\.rawValue).joined(separator: ", ")
            throw section.error("kind", "is needed: one of \(kinds)")
        }
        self.name = name
        self.kind = kind
        var isPriority = false
        try section.flag("priority") { isPriority = $0 }
        self.isPriority = isPriority
        labels = try section.pairs("labels")
        let watch = try section.text("watch")
        let hookSecretFile = try section.text("hook_secret_file")
        do {
            self.watch = try watch.map { try AddressTemplate($0) }
            hookSecret = try hookSecretFile.map { try SecretText(file: $0) }
            driver = try DriverFile(name, kind, transport).read(&section)
        } catch let error as RunError {
            throw error
        } catch {
            throw section.error("name", "is \(name), which cannot be used: \(error)")
        }
    }
}

extension StopPolicy {
    init(_ section: inout StrictMapping) throws(RunError) {
        try section.number("deny_s", in: 0...31_536_000) { denySeconds = $0 }
        for var entry in try section.sections("rules") {
            var rule = StopRule(set: try entry.text("set"), category: try entry.text("category"))
            try entry.integer("min_frames", in: 1...100_000) { rule.leastFrames = $0 }
            try entry.integer("max_distance", in: 0...256) { rule.mostDistance = $0 }
            try entry.finish()
            guard !rule.isEmpty else {
                throw section.error(
                    "rules", "has a rule without a condition; say set: \"*\" for all")
            }
            rules.append(rule)
        }
    }
}

/// Reads how a server's streams are stopped.
private struct DriverFile {
    let name: String
    let kind: ServerKind
    let transport: StopTransport

    init(_ name: String, _ kind: ServerKind, _ transport: StopTransport) {
        self.name = name
        self.kind = kind
        self.transport = transport
    }

    func read(_ section: inout StrictMapping) throws -> (any StopDriver)? {
        let credential = try Self.credential(&section)
        let control = try section.text("control")
        let more = try Self.more.reduce(into: [String: String]()) {
            $0[$1] = try section.text($1)
        }
        let stop = try Self.request("stop_request", &section)
        let check = try Self.request("check_request", &section)
        if kind == .generic {
            guard let stop else { return nil }
            return try TemplateStops(
                server: name, transport: transport, credential: Self.header(credential),
                stop: stop, check: check)
        }
        guard let control else { return nil }
        let access = try ServerAccess(
            server: name, address: control, credential: credential, transport: transport)
        func needed(_ key: String) throws -> String {
            guard let value = more[key] else {
                throw section.error(key, "is needed to stop streams of \(kind.rawValue)")
            }
            return value
        }
        switch kind {
        case .nginxRTMP:
            return NginxStops(
                access, control: more["control_path"] ?? "control",
                statistics: more["stat_path"] ?? "stat")
        case .mediaMTX: return MediaMTXStops(access)
        case .srs: return SRSStops(access)
        case .ovenMediaEngine: return OvenStops(access, vhost: more["vhost"] ?? "default")
        case .antMedia: return AntMediaStops(access, app: try needed("app"))
        case .wowza: return WowzaStops(access, instance: more["instance"] ?? "_definst_")
        case .liveKit:
            guard case .bearer(let secret) = credential else {
                throw section.error("auth", "must be bearer, with the API secret in secret_file")
            }
            return LiveKitStops(access, key: try needed("api_key"), secret: secret)
        case .cloudflareStream: return CloudflareStops(access, account: try needed("account"))
        case .generic: return nil
        }
    }

    private static let more = [
        "control_path", "stat_path", "vhost", "app", "instance", "api_key", "account",
    ]

    private static func credential(_ section: inout StrictMapping) throws -> StopCredential {
        let user = try section.text("user") ?? ""
        let header = try section.text("header") ?? "Authorization"
        let kind = try section.text("auth") ?? "none"
        guard let path = try section.text("secret_file") else {
            guard kind == "none" else { throw section.error("secret_file", "is needed with auth") }
            return .none
        }
        let secret = try SecretText(file: path)
        switch kind {
        case "basic": return user.isEmpty ? .basicToken(secret) : .basic(user: user, secret)
        case "digest": return .digest(user: user, secret)
        case "bearer": return .bearer(secret)
        case "header": return .header(name: header, secret)
        case "token": return .token(header: header, secret)
        default:
            throw section.error("auth", "must be basic, digest, bearer, header or token")
        }
    }

    private static func header(
        _ credential: StopCredential
    ) -> (name: String, value: SecretText)? {
        if case .header(let name, let secret) = credential { return (name, secret) }
        return nil
    }

    private static func request(
        _ key: String, _ section: inout StrictMapping
    ) throws -> RequestTemplate? {
        guard var entry = try section.section(key) else { return nil }
        guard let address = try entry.text("url") else {
            throw entry.error("url", "is needed")
        }
        let form = try entry.text("body_form") ?? "json"
        guard let bodyForm = RequestTemplate.BodyForm(rawValue: form) else {
            throw entry.error("body_form", "must be json or form")
        }
        let headers = try entry.pairs("headers").sorted { $0.key < $1.key }
        let template = try RequestTemplate(
            method: try entry.text("method") ?? "POST", address: address,
            headers: headers.map { (name: $0.key, value: $0.value) },
            body: try entry.text("body"), bodyForm: bodyForm)
        try entry.finish()
        return template
    }
}

// How the service runs: the `serve`, `egress`, `servers`, `stop` and `retention` sections of a pipeline
// file, resolved and checked. `pipelines/live.yaml` is an example with every key, which a test reads.

internal import Crypto
public import Decode
internal import Foundation
internal import Report
public import Run

/// The settings of the service.
public struct ServiceSettings: Sendable {
    /// What is looked at, and how.
    public var pipeline = Pipeline()
    /// Address that the API is offered at; loopback unless told otherwise.
    public var host = "127.0.0.1"
    /// Its port; 0 takes a free one.
    public var port = 8420
    /// Where health and hooks are offered a second time, with places of their own; `nil` is nowhere.
    public var inner: (host: String, port: Int)?
    /// Which connections have a place.
    package var places = ConnectionPlaces.Limits()
    /// Most listeners to events that one token has.
    package var mostListenersOfToken = 8
    /// Files with the certificate chain and its key, both PEM; `nil` is HTTP without TLS.
    public var tls: (certificate: String, key: String)?
    /// File with the hashes of the tokens that callers show.
    public var tokens: String?
    /// Sealed known sets.
    public var known: [String] = []
    /// Key that they are sealed with; `nil` is the default place.
    public var keyFile: String?
    /// State directory; `nil` is the default place.
    public var state: String?
    /// Key that the audit log is signed with; `nil` is `audit.key` in the state directory, made once.
    public var auditKeyFile: String?
    /// SHA-256 of the pipeline file that they were read from, hex.
    public private(set) var digest = ""
    /// Most streams that are watched at a time.
    public var mostStreams = 1000
    /// From one canary to the next, seconds; 0 is no canary.
    public var canarySeconds = 60.0

    /// What streams may connect to.
    public var egress = EgressPolicy.service

    /// The media servers whose streams are watched and stopped.
    public private(set) var servers: [MediaServer] = []
    /// When streams are stopped.
    public private(set) var stop = StopPolicy()
    /// Where reports go.
    public private(set) var delivery = DeliverySettings()
    /// What these settings are called in reports: the file's name and a digest of its text.
    private(set) var policy = EventPolicy(name: "default", version: "1")
    /// How long things are kept.
    public private(set) var retention = RetentionSchedule()
    /// With which media servers are asked; `nil` where there are none.
    private var transport: StopTransport?

    /// The built-in defaults.
    public init() {}

    /// Reads a pipeline file with the sections of the service.
    /// - Throws: `RunError` of code `configuration`, naming file, line and key.
    public init(file path: String) throws(RunError) {
        try self.init(yaml: Pipeline.text(ofFile: path), name: path)
    }

    /// Reads the text of a pipeline file.
    public init(yaml: String, name: String) throws(RunError) {
        self.init()
        digest = SHA256.hash(data: Data(yaml.utf8)).map { String(format: "%02x", $0) }.joined()
        var root = try StrictMapping(yaml: yaml, name: name)
        let digest = SHA256.hash(data: Data(yaml.utf8)).prefix(8)
        policy = EventPolicy(
            name: URL(filePath: name).lastPathComponent,
            version: "sha256:" + digest.map { String(format: "%02x", $0) }.joined())
        try pipeline.read(&root)
        if var section = try root.section("serve") {
            try readServe(&section)
            try section.finish()
        }
        if var section = try root.section("egress") {
            try readEgress(&section)
            try section.finish()
        }
        if var section = try root.section("stop") {
            stop = try StopPolicy(&section)
            try section.finish()
        }
        if var section = try root.section("delivery") {
            delivery = try DeliverySettings(&section)
            try section.finish()
        }
        if var section = try root.section("retention") {
            retention = try RetentionSchedule(&section)
            try section.finish()
        }
        try readServers(&root)
        try root.finish()
    }

    /// Ends what reading them began.
    public func close() async { await transport?.shutdown() }

    private mutating func readServers(_ root: inout StrictMapping) throws(RunError) {
        let sections = try root.sections("servers")
        guard !sections.isEmpty else { return }
        guard sections.count <= MediaServer.most else {
            throw root.error("servers", "must be at most \(MediaServer.most)")
        }
        let transport = StopTransport()
        self.transport = transport
        for var section in sections {
            let server = try MediaServer(&section, transport: transport)
            try section.finish()
            guard !servers.contains(where: { $0.name == server.name }) else {
                throw section.error("name", "is \(server.name), as that of another server")
            }
            servers.append(server)
        }
    }

    private mutating func readServe(_ section: inout StrictMapping) throws(RunError) {
        if let text = try section.text("listen") {
            guard let (host, port) = Self.endpoint(text) else {
                throw section.error("listen", "must be an address and a port: 127.0.0.1:8420")
            }
            (self.host, self.port) = (host, port)
        }
        if let text = try section.text("listen_health") {
            guard let inner = Self.endpoint(text) else {
                throw section.error(
                    "listen_health", "must be an address and a port: 127.0.0.1:8421")
            }
            self.inner = inner
        }
        try readPlaces(&section)
        let certificate = try section.text("tls_certificate")
        let key = try section.text("tls_key")
        switch (certificate, key) {
        case (let certificate?, let key?): tls = (certificate, key)
        case (nil, nil): break
        default:
            throw section.error("tls_certificate", "and tls_key must both be given, or neither")
        }
        tokens = try section.text("tokens")
        known = try section.texts("known") ?? []
        keyFile = try section.text("key_file")
        state = try section.text("state")
        auditKeyFile = try section.text("audit_key_file")
        try section.integer("max_streams", in: 1...10_000) { mostStreams = $0 }
        try section.number("canary_s", in: 0...86_400) { canarySeconds = $0 }
        guard canarySeconds == 0 || canarySeconds >= 5 else {
            throw section.error("canary_s", "must be 0 for none, or 5 or more")
        }
    }

    private mutating func readPlaces(_ section: inout StrictMapping) throws(RunError) {
        try section.integer("max_connections", in: 64...65_536) { places.most = $0 }
        try section.integer("max_connections_per_peer", in: 0...65_536) { places.mostOfPeer = $0 }
        if try section.texts("uncapped_peers") != nil {
            places.uncapped = try Self.ranges("uncapped_peers", &section)
        }
        try section.integer("max_listeners_per_token", in: 1...EventHub.mostListeners) {
            mostListenersOfToken = $0
        }
    }

    private mutating func readEgress(_ section: inout StrictMapping) throws(RunError) {
        if let names = try section.texts("schemes") {
            let schemes = names.compactMap { LiveInput.Scheme(rawValue: $0) }
            guard schemes.count == names.count, !schemes.isEmpty else {
                let all = LiveInput.Scheme.allCases.map(\.rawValue).joined(separator: ", ")
                throw section.error("schemes", "must be some of \(all)")
            }
            egress.schemes = Set(schemes)
        }
        egress.allowed = try Self.ranges("allow", &section)
        egress.denied = try Self.ranges("deny", &section)
    }

    static func ranges(
        _ key: String, _ section: inout StrictMapping
    ) throws(RunError) -> [AddressRange] {
        var ranges: [AddressRange] = []
        for text in try section.texts(key) ?? [] {
            do throws(DecodeError) { ranges.append(try AddressRange(text)) } catch {
                throw section.error(key, "has \(text), which \(error.message)")
            }
        }
        return ranges
    }

    /// Splits `127.0.0.1:8420`, `[::1]:8420` or `localhost:8420`.
    private static func endpoint(_ text: String) -> (host: String, port: Int)? {
        guard let colon = text.lastIndex(of: ":"),
            let port = Int(text[text.index(after: colon)...]),
            (0...65_535).contains(port)
        else { return nil }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        return host.isEmpty ? nil : (host, port)
    }
}

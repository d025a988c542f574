// How the service runs: the `serve`, `egress`, `servers` and `stop` sections of a pipeline file,
// resolved and checked. `pipelines/live.yaml` is an example with every key, which a test reads.

internal import Foundation
public import Run

/// The settings of the service.
public struct ServiceSettings: Sendable {
    /// What is looked at, and how.
    public var pipeline = Pipeline()
    /// Address that the API is offered at; loopback unless told otherwise.
    public var host = "127.0.0.1"
    /// Its port; 0 takes a free one.
    public var port = 8420
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
    /// Most streams that are watched at a time.
    public var mostStreams = 1000
    /// From one canary to the next, seconds; 0 is no canary.
    public var canarySeconds = 60.0

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
        var root = try StrictMapping(yaml: yaml, name: name)
        try pipeline.read(&root)
        if var section = try root.section("serve") {
            try readServe(&section)
            try section.finish()
        }
        try root.finish()
    }

    private mutating func readServe(_ section: inout StrictMapping) throws(RunError) {
        if let text = try section.text("listen") {
            guard let (host, port) = Self.endpoint(text) else {
                throw section.error("listen", "must be an address and a port: 127.0.0.1:8420")
            }
            (self.host, self.port) = (host, port)
        }
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
        try section.integer("max_streams", in: 1...10_000) { mostStreams = $0 }
        try section.number("canary_s", in: 0...86_400) { canarySeconds = $0 }
        guard canarySeconds == 0 || canarySeconds >= 5 else {
            throw section.error("canary_s", "must be 0 for none, or 5 or more")
        }
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

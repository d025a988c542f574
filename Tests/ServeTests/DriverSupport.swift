// Drivers of every kind, made for a stub's address.

import Report
import Serve
import Testing

/// A driver for a stub's address.
typealias Making =
    @Sendable (_ address: String, _ transport: StopTransport) throws -> any StopDriver

let nobody = StreamPublisher(id: nil, peer: nil)

func place(_ path: String) -> StreamPlace { StreamPlace(server: "edge", path: path) }

/// Runs a test against a stub; both are ended with it.
func against(
    limitSeconds: Double = 5, _ making: Making,
    _ reply: @escaping @Sendable (SeenRequest) -> StubReply,
    _ body: (any StopDriver, StubServer) async throws -> Void
) async throws {
    let stub = try StubServer(reply)
    defer { stub.stop() }
    let transport = StopTransport(limitSeconds: limitSeconds)
    do {
        try await body(try making(stub.address, transport), stub)
    } catch {
        await transport.shutdown()
        throw error
    }
    await transport.shutdown()
}

func drop(
    _ driver: any StopDriver, _ path: String, by publisher: StreamPublisher = nobody
) async throws -> DropAnswer {
    try await driver.drop(place(path), publisher: publisher)
}

func look(_ driver: any StopDriver, _ path: String) async throws -> Bool? {
    try await driver.isPublished(place(path), publisher: nobody)
}

func secret() throws -> SecretText { try #require(SecretText("s3cret")) }

func access(
    _ address: String, _ transport: StopTransport, _ credential: StopCredential = .none
) throws -> ServerAccess {
    try ServerAccess(
        server: "edge", address: address, credential: credential, transport: transport)
}

enum Drivers {
    static let nginx: Making = { NginxStops(try access($0, $1)) }
    static let mediaMTX: Making = {
        MediaMTXStops(try access($0, $1, .basic(user: "vigil", try secret())))
    }
    static let srs: Making = { SRSStops(try access($0, $1, .bearer(try secret()))) }
    static let oven: Making = {
        OvenStops(try access($0, $1, .basicToken(try secret())), vhost: "main host")
    }
    static let antMedia: Making = {
        AntMediaStops(
            try access($0, $1, .token(header: "Authorization", try secret())), app: "LiveApp")
    }
    static let wowza: Making = {
        WowzaStops(try access($0, $1, .digest(user: "vigil", try secret())))
    }
    static let liveKit: Making = {
        LiveKitStops(try access($0, $1), key: "APIkey", secret: try secret())
    }
    static let cloudflare: Making = {
        CloudflareStops(try access($0 + "/client/v4", $1, .bearer(try secret())), account: "acc")
    }
    static let template: Making = { address, transport in
        try TemplateStops(
            server: "edge", transport: transport, credential: ("X-Key", try secret()),
            stop: RequestTemplate(
                method: "POST", address: "\(address)/stop/{app}?n={name}",
                headers: [("X-Path", "{path}")],
                body: #"{"stream":"{name}","on":{"app":"{app}"},"x":{}}"#),
            check: RequestTemplate(method: "GET", address: "\(address)/there/{path}"))
    }

    /// Every driver with the path of a place of its kind.
    static let all: [(String, Making)] = [
        ("live/one", nginx), ("live/one", mediaMTX), ("live/one", srs), ("live/one", oven),
        ("one", antMedia), ("live/one", wowza), ("room/alice", liveKit), ("input", cloudflare),
        ("live/one", template),
    ]
}

// `vigil receive`: a consumer of webhooks for development, which verifies, logs, and misbehaves
// when told to. No consumer for production: what it is sent it only counts.
//
// Everything is bounded: connections, bodies, ids.

internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import ServiceLifecycle
internal import UnixSignals

/// Listens for webhooks until it is told to end.
public struct WebhookReceiver: Sendable {
    private let settings: ReceiverSettings
    private let desk: ReceiverDesk

    private static let mostConnections = 1024
    /// How long requests may take to end, seconds.
    private static let grace = 3

    /// Opens the log.
    /// - Throws: `configuration` where that fails.
    public init(_ settings: ReceiverSettings) throws(ServeError) {
        self.settings = settings
        desk = try ReceiverDesk(settings)
    }

    /// Counts so far.
    public var summary: ReceiverSummary { desk.summary }

    /// Whether the log has all that came.
    public var isLogComplete: Bool { desk.isLogComplete }

    /// Serves until SIGTERM or SIGINT.
    /// - Parameter listening: is called with the port once it can be reached.
    public func serve(listening: @escaping @Sendable (Int) -> Void) async throws {
        var logger = Logger(label: "vigil.receive")
        logger.logLevel = .critical
        let responder = CallbackResponder<BasicRequestContext> { request, _ in
            await respond(to: request)
        }
        let refusals = RefusalLog(logger)
        let connection = HTTP1Channel.Configuration(
            additionalChannelHandlers: [RequestDeadline(refusals), ConnectionSteps()],
            idleTimeout: .seconds(120))
        var places = ConnectionPlaces.Limits()
        places.most = Self.mostConnections
        let application = Application(
            responder: responder,
            server: .guarded(connection, by: Door(places)),
            configuration: ApplicationConfiguration(
                address: .hostname(settings.host, port: settings.port), serverName: nil,
                backlog: Door.backlog),
            onServerRunning: { channel in listening(channel.localAddress?.port ?? 0) },
            logger: logger)
        var configuration = ServiceGroupConfiguration(
            services: [.init(service: application)], gracefulShutdownSignals: [.sigterm, .sigint],
            logger: logger)
        configuration.maximumGracefulShutdownDuration = .seconds(Self.grace)
        try await ServiceGroup(configuration: configuration).run()
    }

    private func respond(to request: Request) async -> Response {
        guard request.method == .post else { return Response(status: .methodNotAllowed) }
        let body: ByteBuffer
        do {
            body = try await request.body.collect(upTo: ReceiverSettings.longestBody)
        } catch is NIOTooManyBytesError {
            return Response(status: .contentTooLarge, headers: [.connection: "close"])
        } catch {
            return Response(status: .badRequest, headers: [.connection: "close"])
        }
        func header(_ name: String) -> String? {
            HTTPField.Name(name).flatMap { request.headers[$0] }
        }
        let answer = desk.take(
            ReceivedRequest(
                id: header("webhook-id"), timestamp: header("webhook-timestamp"),
                signature: header("webhook-signature"), type: header("ce-type"),
                body: Array(body.readableBytesView)),
            unixMilliseconds: unixMilliseconds())
        let wait =
            Double(settings.delayMilliseconds) / 1000 + (answer.hangs ? settings.hangSeconds : 0)
        if wait > 0 { try? await Task.sleep(for: .seconds(bounded: wait)) }
        var headers = HTTPFields()
        if let seconds = settings.retryAfter, !(200..<300).contains(answer.status) {
            headers[.retryAfter] = "\(seconds)"
        }
        return Response(status: HTTPResponse.Status(code: answer.status), headers: headers)
    }
}

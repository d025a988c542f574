// The listeners of the service: one for all, and on request a second one for health and hooks, whose
// places nobody can take who does not reach it.

internal import Foundation
internal import Hummingbird
internal import HummingbirdCore
internal import HummingbirdTLS
internal import Logging
internal import NIOCore
internal import NIOSSL
internal import ServiceLifecycle

extension VigilService {
    /// What listens.
    /// - Parameter listening: is called with the first listener's port once it can be reached.
    func listeners(
        _ listening: @escaping @Sendable (Int) -> Void
    ) throws(ServeError) -> [any Service] {
        let main = Application(
            router: router(), server: try server(door),
            configuration: Self.configuration(settings.host, settings.port),
            onServerRunning: { channel in listening(channel.localAddress?.port ?? 0) },
            logger: quiet)
        guard let inner = settings.inner else { return [main] }
        let second = Application(
            router: innerRouter(), server: try server(Door(settings.places, refusals)),
            configuration: Self.configuration(inner.host, inner.port),
            onServerRunning: { [logger] channel in
                let port = channel.localAddress?.port ?? 0
                logger.notice("health and hooks are offered at \(inner.host):\(port), too")
            },
            logger: quiet)
        return [main, second]
    }

    private static func configuration(_ host: String, _ port: Int) -> ApplicationConfiguration {
        ApplicationConfiguration(
            address: .hostname(host, port: port), serverName: nil, backlog: Door.backlog)
    }

    private func server(_ door: Door) throws(ServeError) -> HTTPServerBuilder {
        let refusals = refusals
        let connection = HTTP1Channel.Configuration(
            additionalChannelHandlers: [
                RequestDeadline(refusals), ConnectionSteps(), CloseWhenAsked(),
            ],
            idleTimeout: .seconds(120),
            httpDecoderConfiguration: .init(
                maxHeaderFieldSize: 16 << 10, maxHeaderListSize: 32 << 10,
                maxHeaderFieldCount: 100))
        guard let tls = settings.tls else { return .guarded(connection, by: door) }
        do {
            var configuration = TLSConfiguration.makeServerConfiguration(
                certificateChain: try NIOSSLCertificate.fromPEMFile(tls.certificate).map {
                    .certificate($0)
                },
                privateKey: .privateKey(try NIOSSLPrivateKey(file: tls.key, format: .pem)))
            configuration.minimumTLSVersion = .tlsv12
            // Made again when the server begins; what is wrong with it is told now.
            _ = try NIOSSLContext(configuration: configuration)
            return .guarded(connection, by: door, tls: configuration)
        } catch {
            throw ServeError(
                .configuration,
                "TLS cannot be set up with \(tls.certificate) and \(tls.key): \(error)")
        }
    }
}

extension HTTPServerBuilder {
    /// HTTP/1.1 behind a door; with TLS where it is configured.
    static func guarded(
        _ configuration: HTTP1Channel.Configuration, by door: Door, tls: TLSConfiguration? = nil
    ) -> HTTPServerBuilder {
        HTTPServerBuilder { responder in
            let plain = HTTP1Channel(responder: responder, configuration: configuration)
            guard let tls else { return GuardedChannel(base: plain, door: door) }
            return GuardedChannel(
                base: try TLSChannel(plain, tlsConfiguration: tls), door: door)
        }
    }
}

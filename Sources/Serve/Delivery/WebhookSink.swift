// Webhooks by HTTP: Standard Webhooks 1.0.
//
// Invariants: only a status of 2xx is an acceptance; nothing is redirected; an attempt ends within 20
// seconds, however slowly the receiver sends; what is connected to is an address that was checked
// against the egress policy, whatever the name means a moment later. No address, header, secret or
// body of an answer stands in an error.

internal import AsyncHTTPClient
internal import Decode
internal import Foundation
internal import Match
internal import NIOCore
internal import NIOHTTP1
internal import NIOSSL
internal import Report
internal import Synchronization

/// Sends reports to one URL.
final class WebhookSink: DeliverySink {
    /// How long one attempt may take in all.
    static let limit = Duration.seconds(20)
    /// Most of an answer that is read, so that its connection can be used again, bytes.
    private static let mostBytes = 64 << 10

    private let url: String
    private let signer: WebhookSigner
    private let rendering: EventRendering
    private let clients: CheckedClients

    /// - Parameter url: http or https, with a host.
    init(
        url: URL, host: String, signer: WebhookSigner, rendering: EventRendering,
        egress: EgressPolicy, connections: Int
    ) {
        self.url = url.absoluteString
        self.signer = signer
        self.rendering = rendering
        clients = CheckedClients(host: host, egress: egress, connections: connections)
    }

    func close() async { await clients.close() }

    func send(_ delivery: DueDelivery) async -> SendResult {
        do {
            let rendered = try rendering.render(delivery.body, id: delivery.report)
            let headers = try signer.headers(
                id: delivery.report, unixSeconds: unixMilliseconds() / 1000, body: rendered.body)
            var request = HTTPClientRequest(url: url)
            request.method = .POST
            for header in rendered.headers {
                request.headers.replaceOrAdd(name: header.name, value: header.value)
            }
            for (name, value) in headers.fields {
                request.headers.replaceOrAdd(name: name, value: value)
            }
            request.headers.replaceOrAdd(name: "user-agent", value: "vigil")
            request.body = .bytes(rendered.body)
            let client = try await clients.client()
            return try await answer(to: request, client)
        } catch let error as ReportError {
            return .failed(error.message)
        } catch let error as DecodeError {
            return .failed(error.message)
        } catch let error as HTTPClientError {
            return .failed(error.shortDescription)
        } catch is TooSlow {
            return .failed("it did not answer within 20 s")
        } catch is CancellationError {
            return .failed("the service ended")
        } catch {
            return .failed("the connection failed (\(type(of: error)))")
        }
    }

    private struct TooSlow: Error {}

    /// The client's own limit covers the head of an answer only.
    private func answer(
        to request: HTTPClientRequest, _ client: HTTPClient
    ) async throws -> SendResult {
        try await withThrowingTaskGroup(of: SendResult.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await Self.exchange(request, client) }
            group.addTask {
                try await Task.sleep(for: Self.limit)
                throw TooSlow()
            }
            guard let first = try await group.next() else { throw TooSlow() }
            return first
        }
    }

    private static func exchange(
        _ request: HTTPClientRequest, _ client: HTTPClient
    ) async throws -> SendResult {
        let answer = try await client.execute(request, timeout: .init(limit))
        let status = Int(answer.status.code)
        let retryAfter = answer.headers["retry-after"].first.flatMap {
            RetryAfter.seconds($0, now: unixMilliseconds() / 1000)
        }
        // The status is what counts; the rest is read only to keep the connection.
        var count = 0
        do {
            for try await buffer in answer.body {
                count += buffer.readableBytes
                if count > mostBytes { break }
            }
        } catch  where (200..<300).contains(status) && !(error is CancellationError) {
            return .accepted
        }
        switch status {
        case 200..<300: return .accepted
        case 410: return .gone("it answered with HTTP 410, which means that it wants no more")
        case 300..<400:
            return .failed("it redirects (HTTP \(status)), which is not followed")
        default: return .failed("it answered with HTTP \(status)", retryAfter: retryAfter)
        }
    }
}

/// HTTP clients that connect only to addresses which were checked.
///
/// A name is looked up anew once a minute. The client is told the address, so that no second look-up
/// can lead elsewhere; TLS still asks for the name.
private actor CheckedClients {
    private static let lifetime = Duration.seconds(60)

    private let host: String
    private let egress: EgressPolicy
    private let connections: Int
    private let resolver = StoreQueue("vigil.delivery.resolve")
    private var current: (client: HTTPClient, address: IPAddress, until: ContinuousClock.Instant)?
    private var replaced: [HTTPClient] = []

    init(host: String, egress: EgressPolicy, connections: Int) {
        self.host = host
        self.egress = egress
        self.connections = connections
    }

    func client() async throws -> HTTPClient {
        if let current, ContinuousClock.now < current.until { return current.client }
        let found = try await resolver.run { [host, egress] in
            try HostCheck.allowedAddresses(of: host, by: egress)
        }
        let until = ContinuousClock.now + Self.lifetime
        // Others may have been here meanwhile.
        if let current, found.contains(current.address) {
            self.current?.until = until
            return current.client
        }
        if let old = current?.client { await retire(old) }
        let client = make(found[0])
        current = (client, found[0], until)
        return client
    }

    /// Those replaced before have ended all they did: a minute has passed.
    private func retire(_ client: HTTPClient) async {
        let ended = replaced
        replaced = [client]
        current = nil
        for client in ended { try? await client.shutdown() }
    }

    private func make(_ address: IPAddress) -> HTTPClient {
        var configuration = HTTPClient.Configuration(
            certificateVerification: .fullVerification, redirectConfiguration: .disallow,
            timeout: .init(connect: .seconds(10)))
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = connections
        configuration.connectionPool.idleTimeout = .seconds(30)
        configuration.decompression = .disabled
        configuration.dnsOverride = [host: address.description]
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    func close() async {
        for client in replaced + [current?.client].compactMap(\.self) {
            try? await client.shutdown()
        }
        (current, replaced) = (nil, [])
    }
}

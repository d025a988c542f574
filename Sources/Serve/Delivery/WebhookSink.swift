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
            let began = ContinuousClock.now
            let client = try await clients.client()
            let result = try await answer(to: request, client, until: began + Self.limit)
            if case .unreachable(let why) = result {
                await clients.lookElsewhere(than: client)
                return .failed(why)
            }
            return result.sent ?? .failed("it did not answer within 20 s")
        } catch let error as ReportError {
            return .failed(error.message)
        } catch let error as DecodeError {
            return .failed(error.message)
        } catch is CancellationError {
            return .failed("the service ended")
        } catch is TookTooLong {
            return .failed("its name was not resolved within 20 s")
        } catch {
            return .failed("the connection failed (\(type(of: error)))")
        }
    }

    private enum Outcome: Sendable {
        case answered(SendResult)
        /// Nobody listens there.
        case unreachable(String)
        case tooSlow

        var sent: SendResult? { if case .answered(let result) = self { result } else { nil } }
    }

    /// The client's own limit covers the head of an answer only.
    private func answer(
        to request: HTTPClientRequest, _ client: HTTPClient, until end: ContinuousClock.Instant
    ) async throws -> Outcome {
        let head = AnswerHead()
        return try await withThrowingTaskGroup(of: Outcome.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await Self.exchange(request, client, head) }
            group.addTask {
                try await Task.sleep(until: end)
                return .tooSlow
            }
            let first = try await group.next() ?? .tooSlow
            guard case .tooSlow = first, let result = head.result else { return first }
            return .answered(result)
        }
    }

    /// What the head of an answer said: it counts, also where the rest never ends.
    private final class AnswerHead: Sendable {
        private let said = Mutex<SendResult?>(nil)

        var result: SendResult? { said.withLock { $0 } }
        func note(_ result: SendResult) { said.withLock { $0 = result } }
    }

    private static func exchange(
        _ request: HTTPClientRequest, _ client: HTTPClient, _ head: AnswerHead
    ) async throws -> Outcome {
        let answer: HTTPClientResponse
        do {
            answer = try await client.execute(request, timeout: .init(limit))
        } catch let error as HTTPClientError {
            return error == .connectTimeout
                ? .unreachable("it cannot be connected to within 10 s")
                : .answered(.failed(error.shortDescription))
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            return .unreachable("it cannot be connected to (\(type(of: error)))")
        }
        let result = Self.result(of: answer)
        head.note(result)
        // The rest is read only to keep the connection.
        var count = 0
        do {
            for try await buffer in answer.body {
                count += buffer.readableBytes
                if count > mostBytes { break }
            }
        } catch {
            // The connection is not used again; the answer counts all the same.
            return .answered(result)
        }
        return .answered(result)
    }

    private static func result(of answer: HTTPClientResponse) -> SendResult {
        let status = Int(answer.status.code)
        let retryAfter = answer.headers["retry-after"].first.flatMap {
            RetryAfter.seconds($0, now: unixMilliseconds() / 1000)
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
/// can lead elsewhere; TLS still asks for the name. Where nobody answers there, the next address of
/// the name is tried.
private actor CheckedClients {
    private struct Current {
        let client: HTTPClient
        let address: IPAddress
        var until: ContinuousClock.Instant
    }

    private static let lifetime = Duration.seconds(60)
    /// How long a client that was replaced may still be used, longer than an attempt takes.
    private static let leaving = Duration.seconds(30)

    private let host: String
    private let egress: EgressPolicy
    private let connections: Int
    private let resolver = StoreQueue("vigil.delivery.resolve")
    private var current: Current?
    private var looking: Task<Current, any Error>?
    private var isClosed = false
    /// The address at which nobody answered last.
    private var silent: IPAddress?
    private var replaced: [(client: HTTPClient, since: ContinuousClock.Instant)] = []

    init(host: String, egress: EgressPolicy, connections: Int) {
        self.host = host
        self.egress = egress
        self.connections = connections
    }

    func client() async throws -> HTTPClient {
        if let current, ContinuousClock.now < current.until { return current.client }
        // The system's look-up cannot be interrupted: those who come join the one that goes on.
        let task = looking ?? Task { try await look() }
        looking = task
        return try await within(WebhookSink.limit) { try await task.value }.client
    }

    /// Nobody answers where the client connects to.
    func lookElsewhere(than client: HTTPClient) {
        guard let current, current.client === client else { return }
        silent = current.address
        self.current?.until = .now
    }

    private func look() async throws -> Current {
        defer { looking = nil }
        let next = try await found()
        current = next
        return next
    }

    private func found() async throws -> Current {
        let found = try await resolver.run { [host, egress] in
            try HostCheck.allowedAddresses(of: host, by: egress)
        }
        await shutDownReplaced()
        guard !isClosed else { throw CancellationError() }
        let now = ContinuousClock.now
        if var current, found.contains(current.address), current.address != silent {
            current.until = now + Self.lifetime
            return current
        }
        let address = found.first { $0 != silent } ?? found[0]
        silent = nil
        if let old = current { replaced.append((old.client, now)) }
        return Current(client: make(address), address: address, until: now + Self.lifetime)
    }

    private func shutDownReplaced() async {
        let ended = replaced.filter { ContinuousClock.now - $0.since > Self.leaving }
        replaced.removeAll { old in ended.contains { $0.client === old.client } }
        for old in ended { try? await old.client.shutdown() }
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
        let all = replaced.map(\.client) + [current?.client].compactMap(\.self)
        (current, replaced, isClosed) = (nil, [], true)
        for client in all { try? await client.shutdown() }
    }
}

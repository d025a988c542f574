// Requests to media servers: bounded in time and size, never redirected, TLS always verified.
//
// Invariants: no credential, header, query or answer's body stands in an error; an answer that
// comes slowly, piece by piece, ends at the same limit as one that does not come.

import AsyncHTTPClient
import FoundationEssentials
import NIOCore
import NIOHTTP1
import NIOSSL

/// The client with which all drivers reach their servers.
public final class StopTransport: Sendable {
    /// Most bytes of an answer, where a driver does not say otherwise.
    static let mostBytes = 1 << 20

    private let client: HTTPClient
    private let limit: Duration

    /// Makes a client, to be shut down once.
    /// - Parameter seconds: how long one request may take in all.
    public init(limitSeconds seconds: Double = 5) {
        var configuration = HTTPClient.Configuration(
            certificateVerification: .fullVerification, redirectConfiguration: .disallow,
            timeout: .init(connect: .milliseconds(Int64(bounded: seconds * 1000))))
        // A kept connection that the server closes meanwhile would make a stop fail once.
        configuration.connectionPool.idleTimeout = .seconds(5)
        configuration.decompression = .disabled
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        limit = .milliseconds(Int64(bounded: seconds * 1000))
    }

    /// Ends all connections.
    public func shutdown() async { try? await client.shutdown() }

    /// Sends a request and reads the whole answer.
    func send(
        _ request: StopRequest, mostBytes: Int = StopTransport.mostBytes
    ) async throws(StopError) -> StopResponse {
        do {
            return try await withThrowingTaskGroup(of: StopResponse?.self) { group in
                defer { group.cancelAll() }
                group.addTask { try await self.exchange(request, mostBytes: mostBytes) }
                group.addTask { [limit] in
                    try await Task.sleep(for: limit)
                    return nil
                }
                guard let first = try await group.next(), let response = first else {
                    throw request.failed(.unreachable, "it did not answer within \(self.limit)")
                }
                return response
            }
        } catch let error as StopError {
            throw error
        } catch is NIOTooManyBytesError {
            throw request.failed(.failed, "its answer is longer than \(mostBytes) bytes")
        } catch {
            throw request.failed(.unreachable, Self.text(of: error))
        }
    }

    private func exchange(_ request: StopRequest, mostBytes: Int) async throws -> StopResponse {
        var message = HTTPClientRequest(url: request.url)
        message.method = .init(rawValue: request.method)
        for (name, value) in request.headers { message.headers.add(name: name, value: value) }
        if let body = request.body {
            message.body = .bytes(body)
            message.headers.add(name: "Content-Type", value: request.bodyType)
        }
        let answer = try await client.execute(message, timeout: .init(limit))
        var bytes: [UInt8] = []
        for try await buffer in answer.body {
            guard bytes.count + buffer.readableBytes <= mostBytes else {
                throw NIOTooManyBytesError(maxBytes: mostBytes)
            }
            bytes += Array(buffer: buffer)
        }
        return StopResponse(
            status: Int(answer.status.code), challenges: answer.headers["WWW-Authenticate"],
            body: bytes)
    }

    /// The library's own errors name no header and no body.
    private static func text(of error: any Error) -> String {
        switch error {
        case let error as HTTPClientError: "\(error.shortDescription)"
        case is CancellationError: "the request was cancelled"
        default: "the connection failed (\(type(of: error)))"
        }
    }
}

/// A request to a media server.
struct StopRequest: Sendable {
    /// The server's name in the configuration, for errors.
    let server: String
    var method: String
    var url: String
    var headers: [(String, String)] = []
    var body: [UInt8]?
    var bodyType = "application/json"

    /// What was asked for, without the path, which names the stream: `POST http://127.0.0.1:9997`.
    private var shown: String {
        let parts = url.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false)
        return "\(method) \(parts.prefix(3).joined(separator: "/").prefix(200))"
    }

    func failed(_ code: StopError.Code, _ why: String) -> StopError {
        StopError(code, "media server \(server), \(shown): \(why)")
    }

    /// The error for an answer that is neither a success nor expected.
    func failed(_ response: StopResponse) -> StopError {
        switch response.status {
        case 401, 403:
            failed(
                .refused,
                "it refused (HTTP \(response.status)); give the credentials that its "
                    + "interface of control asks for")
        case 300..<400:
            failed(
                .failed,
                "it redirects (HTTP \(response.status)), which is not followed; give the address "
                    + "that it redirects to")
        default: failed(.failed, "it answered with HTTP \(response.status)")
        }
    }
}

/// A media server's answer.
struct StopResponse: Sendable {
    var status: Int
    var challenges: [String]
    var body: [UInt8]

    var isSuccess: Bool { (200..<300).contains(status) }
    /// The body as text; empty where it is no UTF-8.
    var text: String { String(validating: body, as: UTF8.self) ?? "" }

    /// Decodes the body, or tells that it is not what was expected.
    func json<Body: Decodable>(
        _ type: Body.Type, _ request: StopRequest
    ) throws(StopError) -> Body {
        do {
            return try JSONDecoder().decode(type, from: Data(body))
        } catch {
            throw request.failed(
                .failed,
                "its answer is not in the expected form; is this the right kind of server, and "
                    + "the right address?")
        }
    }
}

// Stops streams of LiveKit and Cloudflare Stream: services reached by tokens, that do not ask
// anybody before somebody publishes.

import FoundationEssentials
public import Report

/// LiveKit: its server API (Twirp).
///
/// Source: https://docs.livekit.io/reference/server/server-apis/ and
/// https://github.com/livekit/protocol/blob/main/protobufs/livekit_room.proto
public struct LiveKitStops: StopDriver {
    /// How long a token holds, seconds.
    static let tokenLife = 60

    private let access: ServerAccess
    private let key: String
    private let secret: SecretText

    /// Makes a driver.
    /// - Parameters:
    ///   - access: without a credential: each request has a token of its own.
    ///   - key: the API key's name.
    ///   - secret: the API key's secret.
    public init(_ access: ServerAccess, key: String, secret: SecretText) {
        self.access = access
        self.key = key
        self.secret = secret
    }

    private struct Claims: Encodable {
        struct Grant: Encodable {
            var roomAdmin: Bool?
            var room: String?
            var ingressAdmin: Bool?
        }
        var iss: String
        var nbf: Int
        var exp: Int
        var video: Grant
    }

    /// Removes the participant, and before it the ingress through which it came.
    ///
    /// See ``StopDriver``.
    public func drop(
        _ place: StreamPlace, publisher: StreamPublisher
    ) async throws(StopError) -> DropAnswer {
        let names = try access.names(place.path, count: 2...2)
        var wasThere = false
        if let id = publisher.id, id.hasPrefix("IN_") {
            let answer = try await call(
                "Ingress/DeleteIngress", ["ingress_id": id], .init(ingressAdmin: true))
            wasThere = answer != nil
        }
        let answer = try await call(
            "RoomService/RemoveParticipant", ["room": names[0], "identity": names[1]],
            .init(roomAdmin: true, room: names[0]))
        return wasThere || answer != nil ? .dropped : .notThere
    }

    /// Whether the participant publishes video; see ``StopDriver``.
    public func isPublished(
        _ place: StreamPlace, publisher: StreamPublisher
    ) async throws(StopError) -> Bool? {
        struct Participant: Decodable {
            struct Track: Decodable { var type: String? }
            var tracks: [Track]?
        }
        let names = try access.names(place.path, count: 2...2)
        let answer = try await call(
            "RoomService/GetParticipant", ["room": names[0], "identity": names[1]],
            .init(roomAdmin: true, room: names[0]))
        guard let (response, request) = answer else { return false }
        let participant = try response.json(Participant.self, request)
        return participant.tracks?.contains { $0.type == "VIDEO" } ?? false
    }

    /// Calls a method; `nil` where what it is about is not there.
    private func call(
        _ method: String, _ fields: [String: String], _ grant: Claims.Grant
    ) async throws(StopError) -> (StopResponse, StopRequest)? {
        struct Failure: Decodable { var code: String }
        let names = method.split(separator: "/").map(String.init)
        var request = try access.request("POST", ["twirp", "livekit.\(names[0])", names[1]])
        request.body = (try? JSONEncoder().encode(fields)).map { Array($0) }
        let now = Int(bounded: Date().timeIntervalSince1970)
        let claims = Claims(iss: key, nbf: now - 10, exp: now + Self.tokenLife, video: grant)
        request.headers.append(
            ("Authorization", "Bearer \(JSONWebToken.signed(claims, key: secret.key) ?? "")"))
        let answer = try await access.send(request)
        if answer.status == 404 {
            guard try answer.json(Failure.self, request).code == "not_found" else {
                throw request.failed(answer)
            }
            return nil
        }
        guard answer.isSuccess else { throw request.failed(answer) }
        return (answer, request)
    }
}

/// Cloudflare Stream: its live inputs.
///
/// An input that was stopped stays disabled until somebody enables it there.
/// Source: https://developers.cloudflare.com/api/resources/stream/subresources/live_inputs/
public struct CloudflareStops: StopDriver {
    /// Address of Cloudflare's API.
    public static let address = "https://api.cloudflare.com/client/v4"

    private let access: ServerAccess
    private let account: String

    /// Makes a driver.
    /// - Parameters:
    ///   - access: with `address` and, as `.bearer`, a token that may write Stream.
    ///   - account: the account's id.
    public init(_ access: ServerAccess, account: String) {
        self.access = access
        self.account = account
    }

    private struct Input: Decodable {
        struct Result: Decodable {
            var enabled: Bool?
            var status: Status?
        }
        /// The state alone, or an object around the present one.
        struct Status: Decodable {
            struct Current: Decodable { var state: String? }
            struct Whole: Decodable { var current: Current? }
            var state: String?

            init(from decoder: any Decoder) throws {
                let value = try decoder.singleValueContainer()
                if let text = try? value.decode(String.self) {
                    state = text
                } else {
                    state = try value.decode(Whole.self).current?.state
                }
            }
        }
        var success: Bool
        var result: Result?
    }

    /// Disables the input, which ends its stream and denies the next; see ``StopDriver``.
    public func drop(
        _ place: StreamPlace, publisher: StreamPublisher
    ) async throws(StopError) -> DropAnswer {
        var request = try request("PUT", place)
        request.body = Array(#"{"enabled":false}"#.utf8)
        let answer = try await access.send(request)
        if try access.isMissing(answer, request) { return .notThere }
        guard answer.isSuccess else { throw request.failed(answer) }
        let input = try answer.json(Input.self, request)
        guard input.success, input.result?.enabled != true else {
            throw request.failed(.failed, "it says that the live input is not disabled")
        }
        return .dropped
    }

    /// Whether the input is connected; see ``StopDriver``.
    public func isPublished(
        _ place: StreamPlace, publisher: StreamPublisher
    ) async throws(StopError) -> Bool? {
        let request = try request("GET", place)
        let answer = try await access.send(request)
        if try access.isMissing(answer, request) { return false }
        guard answer.isSuccess else { throw request.failed(answer) }
        switch try answer.json(Input.self, request).result?.status?.state {
        case "connected"?, "reconnected"?, "reconnecting"?, "new_configuration_accepted"?:
            return true
        case "disconnected"?, "client_disconnect"?, "ttl_exceeded"?, "failed_to_connect"?,
            "failed_to_reconnect"?:
            return false
        default: return nil
        }
    }

    private func request(_ method: String, _ place: StreamPlace) throws(StopError) -> StopRequest {
        let names = try access.names(place.path, count: 1...1)
        return try access.request(
            method, ["accounts", account, "stream", "live_inputs", names[0]])
    }
}

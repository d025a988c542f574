// Stops streams of OvenMediaEngine, Ant Media and Wowza: servers that take a stream by its name.

public import Report

/// OvenMediaEngine: its REST API.
///
/// Source: https://docs.ovenmediaengine.com/rest-api/v1/virtualhost/application/stream
public struct OvenStops: StopDriver {
    private let access: ServerAccess
    private let vhost: String

    /// Makes a driver.
    /// - Parameters:
    ///   - access: with `.basicToken` and the API's `AccessToken` as it stands in `Server.xml`.
    ///   - vhost: the virtual host that its hooks are set up for; they do not tell its name.
    public init(_ access: ServerAccess, vhost: String = "default") {
        self.access = access
        self.vhost = vhost
    }

    /// Deletes the stream; see ``StopDriver``.
    public func drop(
        _ place: StreamPlace, publisher: StreamPublisher
    ) async throws(StopError) -> DropAnswer {
        let request = try request("DELETE", place)
        let answer = try await access.send(request)
        if try isMissing(answer, request) { return .notThere }
        guard answer.isSuccess else { throw request.failed(answer) }
        return .dropped
    }

    /// Whether the stream exists; see ``StopDriver``.
    public func isPublished(
        _ place: StreamPlace, publisher: StreamPublisher
    ) async throws(StopError) -> Bool? {
        let request = try request("GET", place)
        let answer = try await access.send(request)
        if try isMissing(answer, request) { return false }
        guard answer.isSuccess else { throw request.failed(answer) }
        struct Stream: Decodable {
            struct Response: Decodable { var name: String }
            var response: Response
        }
        _ = try answer.json(Stream.self, request)
        return true
    }

    private func isMissing(
        _ answer: StopResponse, _ request: StopRequest
    ) throws(StopError) -> Bool {
        guard answer.status == 404 else { return false }
        struct Missing: Decodable { var statusCode: Int }
        return try answer.json(Missing.self, request).statusCode == 404
    }

    private func request(_ method: String, _ place: StreamPlace) throws(StopError) -> StopRequest {
        let names = try access.names(place.path, count: 2...2)
        return try access.request(
            method, ["v1", "vhosts", vhost, "apps", names[0], "streams", names[1]])
    }
}

/// Ant Media Server: the REST API of one application.
///
/// Source: https://docs.antmedia.io/guides/developer-sdk-and-api/rest-api-guide/ (broadcasts)
public struct AntMediaStops: StopDriver {
    private let access: ServerAccess
    private let app: String

    /// Makes a driver.
    /// - Parameters:
    ///   - access: where the application's JWT filter is on, with `.token`, its header
    ///     `Authorization` and the filter's secret.
    ///   - app: name of the application, for instance `LiveApp`; its hooks do not tell it.
    public init(_ access: ServerAccess, app: String) {
        self.access = access
        self.app = app
    }

    private struct Result: Decodable { var success: Bool }
    private struct Broadcast: Decodable { var status: String? }

    /// Stops the broadcast; see ``StopDriver``.
    public func drop(
        _ place: StreamPlace, publisher: StreamPublisher
    ) async throws(StopError) -> DropAnswer {
        let request = try request("POST", place, ["stop"])
        let answer = try await access.send(request)
        if try access.isMissing(answer, request) { return .notThere }
        guard answer.isSuccess else { throw request.failed(answer) }
        // What fails is told in the body, with HTTP 200; so is a stop of what is not there.
        if try answer.json(Result.self, request).success { return .dropped }
        guard try await isPublished(place, publisher: publisher) == true else { return .notThere }
        throw request.failed(.failed, "it says that it could not stop the stream")
    }

    /// Whether the broadcast is on; see ``StopDriver``.
    public func isPublished(
        _ place: StreamPlace, publisher: StreamPublisher
    ) async throws(StopError) -> Bool? {
        let request = try request("GET", place, [])
        let answer = try await access.send(request)
        if try access.isMissing(answer, request) { return false }
        guard answer.isSuccess else { throw request.failed(answer) }
        guard let status = try answer.json(Broadcast.self, request).status else { return nil }
        return status == "broadcasting" || status == "preparing"
    }

    private func request(
        _ method: String, _ place: StreamPlace, _ action: [String]
    ) throws(StopError) -> StopRequest {
        let names = try access.names(place.path, count: 1...1)
        return try access.request(
            method, [app, "rest", "v2", "broadcasts", names[0]] + action)
    }
}

/// Wowza Streaming Engine: its REST API, version 2.
///
/// Source: https://www.wowza.com/docs/how-to-use-the-wowza-streaming-engine-rest-api (incoming
/// streams, disconnectStream)
public struct WowzaStops: StopDriver {
    private let access: ServerAccess
    private let instance: String

    /// Makes a driver.
    /// - Parameters:
    ///   - access: mostly with `.digest` or `.basic`, as `AuthenticationMethod` says there.
    ///   - instance: the application's instance.
    public init(_ access: ServerAccess, instance: String = "_definst_") {
        self.access = access
        self.instance = instance
    }

    private struct Result: Decodable { var success: Bool }
    private struct Stream: Decodable { var isConnected: Bool }

    /// Disconnects the stream; see ``StopDriver``.
    public func drop(
        _ place: StreamPlace, publisher: StreamPublisher
    ) async throws(StopError) -> DropAnswer {
        let request = try request("PUT", place, ["actions", "disconnectStream"])
        let answer = try await access.send(request)
        if try access.isMissing(answer, request) { return .notThere }
        guard answer.isSuccess else { throw request.failed(answer) }
        guard try answer.json(Result.self, request).success else {
            throw request.failed(.failed, "it says that it could not disconnect the stream")
        }
        return .dropped
    }

    /// Whether the stream is connected; see ``StopDriver``.
    public func isPublished(
        _ place: StreamPlace, publisher: StreamPublisher
    ) async throws(StopError) -> Bool? {
        let request = try request("GET", place, [])
        let answer = try await access.send(request)
        if try access.isMissing(answer, request) { return false }
        guard answer.isSuccess else { throw request.failed(answer) }
        return try answer.json(Stream.self, request).isConnected
    }

    private func request(
        _ method: String, _ place: StreamPlace, _ action: [String]
    ) throws(StopError) -> StopRequest {
        let names = try access.names(place.path, count: 2...3)
        let vhost = names.count == 3 ? names[0] : PublishHook.wowzaDefaultVhost
        var request = try access.request(
            method,
            [
                "v2", "servers", "_defaultServer_", "vhosts", vhost, "applications",
                names[names.count - 2], "instances", instance, "incomingstreams",
                names[names.count - 1],
            ] + action)
        // Without it the answer is XML.
        request.headers.append(("Accept", "application/json"))
        return request
    }
}

// Stops streams of MediaMTX: the path says which connection publishes, and that one is kicked.

public import Report

/// MediaMTX: its control API, version 3.
///
/// Source: https://mediamtx.org/docs/references/control-api (paths/get, …/kick)
public struct MediaMTXStops: StopDriver {
    private let access: ServerAccess

    /// Makes a driver.
    public init(_ access: ServerAccess) { self.access = access }

    private struct Path: Decodable {
        struct Source: Decodable {
            var type: String
            var id: String?
        }
        var name: String
        var source: Source?
    }

    /// Which collection a kind of source is kicked from.
    private static let collections = [
        "rtmpConn": "rtmpconns", "rtmpsConn": "rtmpsconns", "rtspSession": "rtspsessions",
        "rtspsSession": "rtspssessions", "srtConn": "srtconns",
        "webRTCSession": "webrtcsessions",
    ]

    /// Kicks whoever publishes at the place now; see ``StopDriver``.
    public func drop(
        _ place: StreamPlace, publisher: StreamPublisher
    ) async throws(StopError) -> DropAnswer {
        guard let source = try await source(place) else { return .notThere }
        guard let collection = Self.collections[source.type], let id = source.id, !id.isEmpty
        else {
            throw StopError(
                .unsupported,
                "media server \(access.server): nobody publishes this stream, the server fetches it "
                    + "(\(source.type.prefix(30))); take its path out of the server's configuration"
            )
        }
        let request = try access.request("POST", ["v3", collection, "kick", id])
        let answer = try await access.send(request)
        if answer.status == 404 { return .notThere }
        guard answer.isSuccess else { throw request.failed(answer) }
        return .dropped
    }

    /// Whether the path has a source; see ``StopDriver``.
    public func isPublished(
        _ place: StreamPlace, publisher: StreamPublisher
    ) async throws(StopError) -> Bool? {
        try await source(place) != nil
    }

    private func source(_ place: StreamPlace) async throws(StopError) -> Path.Source? {
        let names = try access.names(place.path, count: 1...32)
        let request = try access.request("GET", ["v3", "paths", "get"] + names)
        let answer = try await access.send(request)
        if answer.status == 404 {
            // A wrong address is not found either, but not in the server's own words.
            struct Missing: Decodable { var error: String }
            _ = try answer.json(Missing.self, request)
            return nil
        }
        guard answer.isSuccess else { throw request.failed(answer) }
        return try answer.json(Path.self, request).source
    }
}

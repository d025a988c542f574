// Stops streams of SRS: the list of streams says which client publishes, and that one is dropped.

public import Report

/// SRS: its HTTP API.
///
/// Source: https://ossrs.io/lts/en-us/docs/v5/doc/http-api (Streams, Kickoff Client)
public struct SRSStops: StopDriver {
    /// Streams on a page of the list, and most pages that are read.
    static let pageLength = 500
    static let mostPages = 20
    /// The codes with which SRS says that a stream or client is not there; HTTP says 200 then.
    private static let missing: ClosedRange<Int> = 2048...2049

    private let access: ServerAccess

    /// Makes a driver.
    public init(_ access: ServerAccess) { self.access = access }

    private struct Answer: Decodable { var code: Int }
    private struct Page: Decodable {
        struct Publish: Decodable {
            var active: Bool
            var cid: TextOrNumber?
        }
        struct Stream: Decodable {
            var url: String?
            var app: String
            var name: String
            var publish: Publish
        }
        var code: Int
        var streams: [Stream]
    }

    /// Drops the client that publishes at the place now; see ``StopDriver``.
    public func drop(
        _ place: StreamPlace, publisher: StreamPublisher
    ) async throws(StopError) -> DropAnswer {
        guard let stream = try await stream(place) else { return .notThere }
        guard let client = stream.publish.cid?.text ?? publisher.id, !client.isEmpty else {
            throw StopError(
                .unsupported,
                "media server \(access.server): it does not tell which client publishes; it takes "
                    + "SRS 3 or later, or its on_publish hook")
        }
        let request = try access.request("DELETE", ["api", "v1", "clients", client])
        let answer = try await access.send(request)
        if try access.isMissing(answer, request) { return .notThere }
        guard answer.isSuccess else { throw request.failed(answer) }
        let code = try answer.json(Answer.self, request).code
        if Self.missing.contains(code) { return .notThere }
        guard code == 0 else { throw request.failed(.failed, "it answered with code \(code)") }
        return .dropped
    }

    /// Whether the stream has a publisher; see ``StopDriver``.
    public func isPublished(
        _ place: StreamPlace, publisher: StreamPublisher
    ) async throws(StopError) -> Bool? {
        try await stream(place) != nil
    }

    /// The stream that is published at a place.
    private func stream(_ place: StreamPlace) async throws(StopError) -> Page.Stream? {
        for number in 0..<Self.mostPages {
            let request = try access.request(
                "GET", ["api", "v1", "streams"],
                query: "start=\(number * Self.pageLength)&count=\(Self.pageLength)")
            let answer = try await access.send(request, mostBytes: 4 << 20)
            guard answer.isSuccess else { throw request.failed(answer) }
            let page = try answer.json(Page.self, request)
            guard page.code == 0 else {
                throw request.failed(.failed, "it answered with code \(page.code)")
            }
            let found = page.streams.first { $0.publish.active && Self.path($0) == place.path }
            if let found { return found }
            guard page.streams.count >= Self.pageLength else { return nil }
        }
        throw StopError(
            .unsupported,
            "media server \(access.server) lists more than \(Self.pageLength * Self.mostPages) "
                + "streams")
    }

    /// `/app/name` on the default virtual host, `vhost/app/name` on another.
    private static func path(_ stream: Page.Stream) -> String {
        guard let url = stream.url, !url.isEmpty else { return "\(stream.app)/\(stream.name)" }
        return url.hasPrefix("/") ? String(url.dropFirst()) : url
    }
}

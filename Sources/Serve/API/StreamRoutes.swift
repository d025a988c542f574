// `/v1/streams`: what is watched.

internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import Report

/// The routes of streams.
struct StreamRoutes: Sendable {
    let desk: StreamDesk

    func addReading(to group: RouterGroup<APIContext>) {
        group.get("streams") { request, context in
            let query = try Query(request, allowed: ["watched", "limit", "before"])
            let limit = try query.limit()
            let states = try await desk.list(
                watchedOnly: try query.flag("watched") ?? true, limit: limit,
                before: try query.id("before").map(StreamID.init))
            return Response.json(
                PageView(
                    items: states.map {
                        StreamView($0, isDistanceTold: context.seesDistances)
                    },
                    next: states.count == limit ? states.last?.stream.id.description : nil))
        }
        group.get("streams/:id") { _, context in
            guard let state = try await desk.state(of: try id(context)) else { throw notFound }
            return Response.json(StreamView(state, isDistanceTold: context.seesDistances))
        }
        group.get("streams/:id/coverage") { request, context in
            let query = try Query(request, allowed: ["from_unix_s", "to_unix_s", "limit"])
            let from = try query.number("from_unix_s") ?? 0
            let to = try query.number("to_unix_s") ?? Int64(Int32.max)
            guard from <= to else {
                throw APIError(.badRequest, "bad_query", "from_unix_s is after to_unix_s")
            }
            let limit = try query.limit()
            guard
                let minutes = try await desk.minutes(
                    of: try id(context), in: from..<to, limit: limit)
            else { throw notFound }
            return Response.json(
                PageView(
                    items: minutes.map(CoverageView.init),
                    next: minutes.count == limit
                        ? minutes.last.map { "\($0.startUnixSeconds + 60)" } : nil))
        }
    }

    func addChanging(to group: RouterGroup<APIContext>) {
        group.post("streams") { request, context in
            let body = try await request.body.collect(upTo: context.maxUploadSize)
            let asked = try StreamBody(Data(body.readableBytesView))
            var wanted = StreamRequest(address: asked.url)
            (wanted.labels, wanted.isPriority) = (asked.labels, asked.priority)
            wanted.isKept = true
            let added = try await desk.add(wanted)
            var response = Response.json(
                StreamView(
                    StreamState(stream: added.stream, status: desk.status(of: added.stream.id))),
                status: added.isNew ? .created : .ok)
            response.headers[.location] = "/v1/streams/\(added.stream.id)"
            return response
        }
        group.delete("streams/:id") { _, context in
            let by = context.caller?.name ?? "somebody"
            let ended = try await desk.remove(try id(context), reason: "ended by \(by)")
            guard let ended else { throw notFound }
            return Response.json(StreamView(StreamState(stream: ended)))
        }
    }

    private func id(_ context: APIContext) throws -> StreamID {
        guard let id = StreamID(context.parameters.get("id") ?? "") else { throw notFound }
        return id
    }

    private var notFound: APIError {
        APIError(.notFound, "not_found", "no stream has this id")
    }
}

/// What a caller says of a stream to be watched.
struct StreamBody {
    private(set) var url = ""
    private(set) var labels: [String: String] = [:]
    private(set) var priority = false

    /// Most labels, and the longest of their names and values, characters.
    static let mostLabels = 32
    static let longestLabel = 200

    /// Reads it; says what it does not know.
    init(_ data: Data) throws(APIError) {
        let members = try JSONMembers(data, known: ["url", "labels", "priority"])
        guard let url = try members.text("url") else {
            throw APIError(.badRequest, "bad_body", "url is missing")
        }
        self.url = url
        priority = try members.flag("priority") ?? false
        labels = try members.texts("labels") ?? [:]
        let isWithin =
            labels.count <= Self.mostLabels
            && labels.allSatisfy {
                $0.key.count <= Self.longestLabel && $0.value.count <= Self.longestLabel
            }
        guard isWithin else {
            throw APIError(
                .badRequest, "bad_body",
                "labels are at most \(Self.mostLabels), of at most \(Self.longestLabel) characters")
        }
    }
}

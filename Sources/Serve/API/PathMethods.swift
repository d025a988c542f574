// Which methods and queries each path takes, read from `openapi.json`, so that a wrong method is told
// from a wrong path (RFC 9110, section 15.5.6), no query is passed over, and no second list has to be
// kept. Invariant: a query that the description does not name reaches no route.

internal import Foundation
internal import HTTPTypes
internal import Hummingbird

/// The paths of the API and their methods.
struct PathMethods: Sendable {
    private struct Path: Sendable {
        /// `nil` for one that may be anything.
        var parts: [String?]
        /// Names in the query, by method in upper case.
        var queries: [String: Set<String>]
    }

    private let paths: [Path]

    /// Reads the API's own description.
    init() {
        struct Description: Decodable {
            struct Parameter: Decodable { var name, `in`: String }
            struct Operation: Decodable { var parameters: [Parameter]? }
            var paths: [String: [String: Operation]]
        }
        let data = Data(PackageResources.openapi_json)
        let described = (try? JSONDecoder().decode(Description.self, from: data))?.paths ?? [:]
        paths = described.map { path, operations in
            let parts = path.split(separator: "/").map { $0.hasPrefix("{") ? nil : String($0) }
            let queries = operations.map { method, operation in
                let named = (operation.parameters ?? []).filter { $0.in == "query" }
                return (method.uppercased(), Set(named.map(\.name)))
            }
            return Path(parts: parts, queries: Dictionary(uniqueKeysWithValues: queries))
        }
    }

    /// Refuses what a path's query does not take.
    /// - Parameter more: a name that is taken, and no parameter in the description.
    func checkQuery(of request: Request, allowing more: String? = nil) throws(APIError) {
        guard !request.uri.queryParameters.isEmpty,
            var allowed = path(at: request.uri.path)?.queries[request.method.rawValue]
        else { return }
        if let more { allowed.insert(more) }
        for (name, _) in request.uri.queryParameters where !allowed.contains(String(name)) {
            throw Query.unknown(name, allowed)
        }
    }

    private func path(at path: String) -> Path? {
        let parts = path.split(separator: "/")
        return paths.first { known in
            known.parts.count == parts.count
                && zip(known.parts, parts).allSatisfy { $0 == nil || $0! == $1 }
        }
    }

    /// What is answered to a method that a path does not take; `nil` where there is no such path.
    func refusal(at path: String) -> APIError? {
        guard let methods = self.path(at: path)?.queries.keys.sorted().joined(separator: ", ")
        else { return nil }
        var error = APIError(
            .methodNotAllowed, "method_not_allowed", "this path takes \(methods) and nothing else")
        error.headers[.allow] = methods
        return error
    }
}

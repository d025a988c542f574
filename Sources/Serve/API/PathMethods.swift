// Which methods each path takes, read from `openapi.json`, so that a wrong method is told from a wrong
// path (RFC 9110, section 15.5.6) and no second list has to be kept.

internal import Foundation
internal import HTTPTypes

/// The paths of the API and their methods.
struct PathMethods: Sendable {
    /// A path's parts, `nil` for one that may be anything, and the path's methods in upper case.
    private let paths: [(parts: [String?], methods: [String])]

    /// Reads the API's own description.
    init() {
        struct Description: Decodable {
            struct Anything: Decodable {}
            var paths: [String: [String: Anything]]
        }
        let data = Data(PackageResources.openapi_json)
        let described = (try? JSONDecoder().decode(Description.self, from: data))?.paths ?? [:]
        paths = described.map { path, operations in
            let parts = path.split(separator: "/").map { $0.hasPrefix("{") ? nil : String($0) }
            return (parts, operations.keys.map { $0.uppercased() }.sorted())
        }
    }

    /// What is answered to a method that a path does not take; `nil` where there is no such path.
    func refusal(at path: String) -> APIError? {
        let parts = path.split(separator: "/")
        let found = paths.first { known in
            known.parts.count == parts.count
                && zip(known.parts, parts).allSatisfy { $0 == nil || $0! == $1 }
        }
        guard let methods = found?.methods.joined(separator: ", ") else { return nil }
        var error = APIError(
            .methodNotAllowed, "method_not_allowed", "this path takes \(methods) and nothing else")
        error.headers[.allow] = methods
        return error
    }
}

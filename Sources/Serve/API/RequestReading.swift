// Reads queries and bodies strictly: what is not known is refused, by name, so that a misspelt
// field never silently means its default. Every text passes one rule (`JSONMembers.check`): bounded,
// and without characters that show themselves as something else than they are (`PlainText`).

internal import Decode
internal import Foundation
internal import Hummingbird
internal import Match

/// The query of a request.
struct Query {
    private var values: [String: String] = [:]

    /// Largest page.
    static let mostItems = 1000

    /// Takes the query apart.
    init(_ request: Request, allowed: Set<String>) throws(APIError) {
        for (name, value) in request.uri.queryParameters {
            guard allowed.contains(String(name)) else {
                throw Self.unknown(name, allowed)
            }
            guard values.updateValue(String(value), forKey: String(name)) == nil else {
                throw APIError(.badRequest, "bad_query", "\(name) is given twice")
            }
        }
    }

    /// Refuses a name that a route does not know.
    static func unknown(_ name: some StringProtocol, _ allowed: Set<String>) -> APIError {
        let takes =
            allowed.isEmpty
            ? "nothing" : allowed.sorted().joined(separator: ", ") + " and nothing else"
        return APIError(
            .badRequest, "bad_query",
            "\(PlainText.escaped(String(name.prefix(50)))) is not known: the query takes \(takes)")
    }

    func text(_ name: String) -> String? { values[name] }

    func limit() throws(APIError) -> Int {
        guard let text = values["limit"] else { return 100 }
        guard let limit = Int(text), (1...Self.mostItems).contains(limit) else {
            throw APIError(
                .badRequest, "bad_query", "limit is a number from 1 to \(Self.mostItems)")
        }
        return limit
    }

    func number(_ name: String) throws(APIError) -> Int64? {
        guard let text = values[name] else { return nil }
        guard let number = Int64(text), (0...Int64(Int32.max)).contains(number) else {
            throw APIError(.badRequest, "bad_query", "\(name) is a time in Unix seconds")
        }
        return number
    }

    func flag(_ name: String) throws(APIError) -> Bool? {
        guard let text = values[name] else { return nil }
        guard let flag = ["true": true, "false": false][text] else {
            throw APIError(.badRequest, "bad_query", "\(name) is true or false")
        }
        return flag
    }

    func id(_ name: String) throws(APIError) -> AlertID? {
        guard let text = values[name] else { return nil }
        guard let id = AlertID(text) else {
            throw APIError(.badRequest, "bad_query", "\(name) is an id: 36 characters")
        }
        return id
    }
}

/// The members of a JSON object.
struct JSONMembers {
    private let members: [String: Any]

    /// Parses a body that must be an object of known members.
    init(_ data: Data, known: Set<String>) throws(APIError) {
        guard let value = try? JSONSerialization.jsonObject(with: data),
            let members = value as? [String: Any]
        else { throw APIError(.badRequest, "bad_body", "the body is not a JSON object") }
        if let unknown = members.keys.filter({ !known.contains($0) }).sorted().first {
            throw APIError(
                .badRequest, "bad_body",
                "\(PlainText.escaped(String(unknown.prefix(50)))) is not known; there are "
                    + known.sorted().joined(separator: ", "))
        }
        self.members = members
    }

    func text(_ name: String) throws(APIError) -> String? {
        guard let value = members[name] else { return nil }
        guard let text = value as? String else { throw wrong(name, "a string") }
        try Self.check(text, name)
        return text
    }

    /// Longest text, characters, where a field has no shorter bound of its own.
    static let longestText = 8192

    /// The rule for every text that is kept: fields that a route adds pass it too.
    static func check(_ text: String, _ name: String) throws(APIError) {
        guard text.unicodeScalars.count <= longestText else {
            throw APIError(
                .badRequest, "bad_body", "\(name) must have at most \(longestText) characters")
        }
        guard text.unicodeScalars.allSatisfy(PlainText.isKept) else {
            throw APIError(
                .badRequest, "bad_body",
                "\(name) must have no control, format or unassigned characters")
        }
    }

    func flag(_ name: String) throws(APIError) -> Bool? {
        guard let value = members[name] else { return nil }
        // A number is not a flag, though Foundation would take it for one.
        guard let number = value as? NSNumber, String(cString: number.objCType) == "c",
            let flag = value as? Bool
        else { throw wrong(name, "true or false") }
        return flag
    }

    func number(_ name: String) throws(APIError) -> Double? {
        guard let value = members[name] else { return nil }
        guard let number = value as? NSNumber, String(cString: number.objCType) != "c" else {
            throw wrong(name, "a number")
        }
        return number.doubleValue
    }

    func texts(_ name: String) throws(APIError) -> [String: String]? {
        guard let value = members[name] else { return nil }
        guard let texts = value as? [String: String] else {
            throw wrong(name, "an object of strings")
        }
        for (key, text) in texts.sorted(by: { $0.key < $1.key }) {
            try Self.check(key, "a name in \(name)")
            try Self.check(text, "\(name).\(key.prefix(50))")
        }
        return texts
    }

    private func wrong(_ name: String, _ kind: String) -> APIError {
        APIError(.badRequest, "bad_body", "\(name) must be \(kind)")
    }
}

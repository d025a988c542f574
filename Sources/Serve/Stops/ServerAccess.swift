// How a media server's interface of control is reached: its address, and what proves that we may.
//
// Invariants: the address names no credentials, query or fragment; names that go into a path are
// encoded and never a step in it.

import Crypto
import FoundationEssentials

/// What a media server is shown so that it obeys.
public enum StopCredential: Sendable, Hashable {
    /// Nothing: the server obeys whoever reaches it.
    case none
    /// A user and a password, by the Basic scheme (RFC 7617).
    case basic(user: String, SecretText)
    /// A whole text in the stead of user and password, by the Basic scheme.
    case basicToken(SecretText)
    /// A user and a password, by the Digest scheme (RFC 7616).
    case digest(user: String, SecretText)
    /// A token, by the Bearer scheme (RFC 6750).
    case bearer(SecretText)
    /// A header of its own.
    case header(name: String, SecretText)
    /// A token of one's own making, signed with the secret (HMAC-SHA256), in a header of its own.
    case token(header: String, SecretText)
}

/// A media server's interface of control.
public struct ServerAccess: Sendable {
    /// The server's name in the configuration.
    public let server: String
    let base: String
    let credential: StopCredential
    let transport: StopTransport

    /// Makes it of its parts.
    /// - Parameters:
    ///   - address: `http` or `https`, a host, and a path if the interface is not at the root.
    /// - Throws: `configuration` where the address is not of that form.
    public init(
        server: String, address: String, credential: StopCredential = .none,
        transport: StopTransport
    ) throws(ServeError) {
        func mistake(_ why: String) -> ServeError {
            ServeError(
                .configuration,
                "the address of media server \(server)'s interface of control \(why); it looks "
                    + "like http://127.0.0.1:9997")
        }
        guard address.utf8.allSatisfy({ $0 > 32 && $0 < 127 }) else {
            throw mistake("holds a space or a character beyond ASCII")
        }
        guard let url = URLComponents(string: address),
            url.scheme == "http" || url.scheme == "https", let host = url.host, !host.isEmpty
        else { throw mistake("is no http or https address") }
        guard url.user == nil, url.password == nil else {
            throw mistake("holds credentials, which belong in a file")
        }
        guard url.query == nil, url.fragment == nil else { throw mistake("holds a query") }
        if case .header(let name, _) = credential, !Self.isToken(name) {
            throw mistake("has a credential for a header whose name is none")
        }
        self.server = server
        base = address.hasSuffix("/") ? String(address.dropLast()) : address
        self.credential = credential
        self.transport = transport
    }

    /// Whether a text may be the name of a header (RFC 9110, section 5.1).
    static func isToken(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= 100
            && text.utf8.allSatisfy {
                PercentCoding.isPlain($0, in: .query) || "!#$%&'*+^`|".utf8.contains($0)
            }
    }

    /// A request to a path of names, each of which is encoded.
    func request(
        _ method: String, _ names: [String], query: String = ""
    ) throws(StopError) -> StopRequest {
        var url = base
        for name in names {
            guard !name.isEmpty, name != ".", name != ".." else {
                throw StopError(
                    .unsupported, "media server \(server): the stream's place is not one of it")
            }
            url += "/" + PercentCoding.encode(name, in: .query)
        }
        return StopRequest(
            server: server, method: method, url: query.isEmpty ? url : "\(url)?\(query)")
    }

    /// Sends a request with the credential.
    func send(
        _ request: StopRequest, mostBytes: Int = StopTransport.mostBytes
    ) async throws(StopError) -> StopResponse {
        var request = request
        switch credential {
        case .none: break
        case .basic(let user, let secret):
            request.headers.append(("Authorization", Self.basic("\(user):\(secret.text)")))
        case .basicToken(let secret):
            request.headers.append(("Authorization", Self.basic(secret.text)))
        case .bearer(let secret):
            request.headers.append(("Authorization", "Bearer \(secret.text)"))
        case .header(let name, let secret): request.headers.append((name, secret.text))
        case .token(let header, let secret):
            let claims = ["exp": Int(bounded: Date().timeIntervalSince1970) + 300]
            request.headers.append(
                (header, JSONWebToken.signed(claims, key: secret.key) ?? ""))
        case .digest(let user, let secret):
            let first = try await transport.send(request, mostBytes: mostBytes)
            guard first.status == 401,
                let answer = DigestAnswer(
                    first.challenges, request: request, user: user, password: secret)
            else { return first }
            request.headers.append(("Authorization", answer.header))
        }
        return try await transport.send(request, mostBytes: mostBytes)
    }

    /// Whether an answer says, in the server's own form, that what was asked for is not there.
    ///
    /// A wrong address is not found either: then a page is the answer, and nothing is known.
    func isMissing(_ answer: StopResponse, _ request: StopRequest) throws(StopError) -> Bool {
        struct Anything: Decodable {}
        guard answer.status == 404 else { return false }
        if !answer.body.isEmpty { _ = try answer.json(Anything.self, request) }
        return true
    }

    static func basic(_ credentials: String) -> String {
        "Basic \(Data(credentials.utf8).base64EncodedString())"
    }

    /// The names of a path; there have to be as many as the server's places have.
    func names(_ path: String, count: ClosedRange<Int>) throws(StopError) -> [String] {
        let names = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard count.contains(names.count) else {
            throw StopError(
                .unsupported,
                "media server \(server): the stream's path has \(names.count) names, where "
                    + "\(count.lowerBound == count.upperBound ? "" : "\(count.lowerBound) to ")"
                    + "\(count.upperBound) were expected")
        }
        return names
    }
}

/// The answer to a challenge of the Digest scheme (RFC 7616), for MD5 and SHA-256 with `auth`.
struct DigestAnswer {
    let header: String

    /// `nil` where no challenge is of that scheme or its algorithm is not known.
    init?(
        _ challenges: [String], request: StopRequest, user: String, password: SecretText,
        clientNonce: String? = nil
    ) {
        guard let text = challenges.first(where: { $0.lowercased().hasPrefix("digest ") }) else {
            return nil
        }
        let fields = Self.fields(text.dropFirst(7))
        guard let realm = fields["realm"], let nonce = fields["nonce"] else { return nil }
        let algorithm = fields["algorithm"] ?? "MD5"
        guard ["MD5", "SHA-256"].contains(algorithm.uppercased()) else { return nil }
        let isMD5 = algorithm.uppercased() == "MD5"
        func hash(_ text: String) -> String {
            let bytes = Array(text.utf8)
            return isMD5
                ? Self.hex(Insecure.MD5.hash(data: bytes)) : Self.hex(SHA256.hash(data: bytes))
        }
        let asksAuth = (fields["qop"] ?? "").split(separator: ",")
            .contains { $0.filter { $0 != " " } == "auth" }
        guard asksAuth || fields["qop"] == nil else { return nil }
        let start = request.url.firstRange(of: "://").map { request.url[$0.upperBound...] } ?? ""
        let uri = start.firstIndex(of: "/").map { String(start[$0...]) } ?? "/"
        let own = clientNonce ?? String(UInt64.random(in: .min ... .max), radix: 16)
        let first = hash("\(user):\(realm):\(password.text)")
        let second = hash("\(request.method):\(uri)")
        let code =
            asksAuth
            ? hash("\(first):\(nonce):00000001:\(own):auth:\(second)")
            : hash("\(first):\(nonce):\(second)")
        func quoted(_ text: String) -> String {
            "\"\(text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\""))\""
        }
        var parts = [
            "username=\(quoted(user))", "realm=\(quoted(realm))", "nonce=\(quoted(nonce))",
            "uri=\(quoted(uri))", "response=\"\(code)\"", "algorithm=\(algorithm)",
        ]
        if asksAuth { parts += ["qop=auth", "nc=00000001", "cnonce=\"\(own)\""] }
        if let opaque = fields["opaque"] { parts.append("opaque=\(quoted(opaque))") }
        header = "Digest " + parts.joined(separator: ", ")
    }

    private static func hex(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// Fields of a challenge: `name=value` or `name="value"`, with commas between them.
    private static func fields(_ text: Substring) -> [String: String] {
        var fields: [String: String] = [:]
        var rest = text.prefix(4096)
        while let equals = rest.firstIndex(of: "=") {
            let name = rest[..<equals].filter { !" ,\t".contains($0) }.lowercased()
            rest = rest[rest.index(after: equals)...]
            var value = ""
            if rest.first == "\"" {
                rest.removeFirst()
                while let next = rest.popFirst(), next != "\"" {
                    value.append(next == "\\" ? rest.popFirst() ?? "\\" : next)
                }
            } else {
                value = String(rest.prefix { $0 != "," }.filter { $0 != " " })
                rest = rest.drop { $0 != "," }
            }
            fields[name] = fields[name] ?? value
        }
        return fields
    }
}

// Base64 for URLs (RFC 4648, section 5) and the one kind of JSON Web Token that media servers use:
// HMAC-SHA256 (RFC 7519, RFC 7515).
//
// Invariants: the algorithm is never taken from the token; a signature is compared in constant time,
// before anything that it covers is used.

import Crypto
import FoundationEssentials

/// Base64 for URLs.
enum Base64URL {
    /// Without padding.
    static func encode(_ bytes: some Sequence<UInt8>) -> String {
        var text = ""
        for character in Data(bytes).base64EncodedString() {
            switch character {
            case "+": text.append("-")
            case "/": text.append("_")
            case "=": break
            default: text.append(character)
            }
        }
        return text
    }

    /// With or without padding; also takes plain base64.
    static func decode(_ text: some StringProtocol) -> [UInt8]? {
        guard text.utf8.count <= 8192 else { return nil }
        var plain = ""
        for character in text {
            switch character {
            case "-": plain.append("+")
            case "_": plain.append("/")
            case "=": break
            default: plain.append(character)
            }
        }
        plain += String(repeating: "=", count: (4 - plain.utf8.count % 4) % 4)
        return Data(base64Encoded: plain).map { Array($0) }
    }
}

/// A JSON Web Token with HMAC-SHA256.
enum JSONWebToken {
    /// The claims of a received token that are looked at.
    struct Claims: Decodable {
        var exp: Int64?
        var nbf: Int64?
        var sha256: String?
    }

    /// By how much two clocks may differ, seconds.
    static let leeway: Int64 = 60

    /// Signs claims.
    static func signed(_ claims: some Encodable, key: SymmetricKey) -> String? {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let body = try? encoder.encode(claims) else { return nil }
        let head = Base64URL.encode(#"{"alg":"HS256","typ":"JWT"}"#.utf8)
        let covered = "\(head).\(Base64URL.encode(body))"
        let code = HMAC<SHA256>.authenticationCode(for: Array(covered.utf8), using: key)
        return "\(covered).\(Base64URL.encode(code))"
    }

    /// The claims of a token; `nil` where its signature is wrong or it does not hold now.
    static func claims(of token: String, key: SymmetricKey, unixSeconds: Int64) -> Claims? {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let code = Base64URL.decode(parts[2]),
            let body = Base64URL.decode(parts[1]),
            HMAC<SHA256>.isValidAuthenticationCode(
                code, authenticating: Array("\(parts[0]).\(parts[1])".utf8), using: key),
            let claims = try? JSONDecoder().decode(Claims.self, from: Data(body)),
            let end = claims.exp, unixSeconds - leeway <= end,
            (claims.nbf ?? .min) <= unixSeconds.addingReportingOverflow(leeway).partialValue
        else { return nil }
        return claims
    }
}

// What webhooks are signed or verified with, as Standard Webhooks 1.0 writes it down: `whsec_`
// (shared, HMAC-SHA256), `whsk_` (secret half of an Ed25519 pair), `whpk_` (its public half).
//
// Invariants: a shared secret has 24 to 64 bytes; a secret prints itself nowhere, and no error
// quotes it. The only text of one is what `make…` hands out, once.

internal import Crypto
internal import FoundationEssentials

/// A secret or key of webhooks.
public struct WebhookSecret: Sendable {
    /// What it can do.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// Signs and verifies with HMAC-SHA256: `v1`.
        case shared = "whsec_"
        /// Signs and verifies with Ed25519: `v1a`.
        case signing = "whsk_"
        /// Verifies Ed25519 only.
        case verifying = "whpk_"
    }

    enum Key {
        case shared(SymmetricKey)
        case signing(Curve25519.Signing.PrivateKey)
        case verifying(Curve25519.Signing.PublicKey)
    }

    let key: Key

    /// Bytes of a shared secret.
    public static let sharedBytes = 24...64
    /// Longest text that is looked at.
    private static let longestText = 200

    /// Reads the text form; white space around it is ignored.
    /// - Throws: `invalidValue`, saying what a secret has to look like.
    public init(_ text: some StringProtocol) throws(ReportError) {
        let start = text.drop { $0.isWhitespace }.reversed()
        let text = String(start.drop { $0.isWhitespace }.reversed())
        guard let kind = Kind.allCases.first(where: { text.hasPrefix($0.rawValue) }) else {
            throw Self.refusal("it begins with none of whsec_, whsk_ and whpk_")
        }
        let coded = text.dropFirst(kind.rawValue.count)
        guard coded.utf8.count <= Self.longestText, let bytes = Base64.decode(coded) else {
            throw Self.refusal("what follows \(kind.rawValue) is not base64")
        }
        key = try Self.key(kind, bytes)
    }

    private static func key(_ kind: Kind, _ bytes: [UInt8]) throws(ReportError) -> Key {
        switch kind {
        case .shared:
            guard sharedBytes.contains(bytes.count) else {
                throw refusal("whsec_ has \(bytes.count) bytes and not 24 to 64")
            }
            return .shared(SymmetricKey(data: bytes))
        case .signing:
            guard bytes.count == 32 || bytes.count == 64,
                let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: bytes.prefix(32))
            else { throw refusal("whsk_ has \(bytes.count) bytes and not 32 or 64") }
            // The longer form has the public key behind the seed.
            guard bytes.count == 32 || Array(key.publicKey.rawRepresentation) == bytes.suffix(32)
            else { throw refusal("the two halves of whsk_ do not belong together") }
            return .signing(key)
        case .verifying:
            guard bytes.count == 32,
                let key = try? Curve25519.Signing.PublicKey(rawRepresentation: bytes)
            else { throw refusal("whpk_ has \(bytes.count) bytes and not 32") }
            return .verifying(key)
        }
    }

    private static func refusal(_ why: String) -> ReportError {
        ReportError(
            .invalidValue,
            "a webhook secret cannot be used: \(why); it is whsec_ and base64 of 24 to 64 random "
                + "bytes, or an Ed25519 key after whsk_ (secret) or whpk_ (public)")
    }

    /// Makes a shared secret of 32 random bytes.
    /// - Returns: it, and its text, which has to be kept now or never.
    public static func makeShared() -> (secret: WebhookSecret, text: String) {
        let key = SymmetricKey(size: .bits256)
        let text = key.withUnsafeBytes { Kind.shared.rawValue + Base64.encode(Array($0)) }
        return (WebhookSecret(key: .shared(key)), text)
    }

    /// Makes an Ed25519 pair.
    /// - Returns: its secret half, and that one's text, which has to be kept now or never.
    public static func makeSigning() -> (secret: WebhookSecret, text: String) {
        let key = Curve25519.Signing.PrivateKey()
        let text = Kind.signing.rawValue + Base64.encode(Array(key.rawRepresentation))
        return (WebhookSecret(key: .signing(key)), text)
    }

    private init(key: Key) { self.key = key }

    /// What it can do.
    public var kind: Kind {
        switch key {
        case .shared: .shared
        case .signing: .signing
        case .verifying: .verifying
        }
    }

    /// The public half as receivers need it, `whpk_…`; `nil` for a shared secret, which has none.
    public var publicText: String? {
        let key: Curve25519.Signing.PublicKey
        switch self.key {
        case .shared: return nil
        case .signing(let pair): key = pair.publicKey
        case .verifying(let half): key = half
        }
        return Kind.verifying.rawValue + Base64.encode(Array(key.rawRepresentation))
    }
}

extension WebhookSecret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Its kind, never the secret.
    public var description: String { "\(kind.rawValue)…" }
    /// Its kind, never the secret.
    public var debugDescription: String { description }
    /// Empty, so that `dump` shows nothing either.
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}

/// Base64 of RFC 4648, section 4; on reading, the padding may be missing.
enum Base64 {
    static func encode(_ bytes: [UInt8]) -> String { Data(bytes).base64EncodedString() }

    /// - Returns: `nil` where a character is not of the alphabet, or bits are left over.
    static func decode(_ text: some StringProtocol) -> [UInt8]? {
        var core = String(text)
        while core.utf8.last == UInt8(ascii: "=") { core.removeLast() }
        let padded = core + String(repeating: "=", count: (4 - core.utf8.count % 4) % 4)
        guard text == core || text == padded, let data = Data(base64Encoded: padded) else {
            return nil
        }
        let bytes = Array(data)
        return encode(bytes) == padded ? bytes : nil
    }
}

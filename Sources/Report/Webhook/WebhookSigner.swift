// Signs webhooks: Standard Webhooks 1.0, https://www.standardwebhooks.com
//
// What is signed is `id.timestamp.body`, byte for byte what is sent. Each secret gives a signature,
// so that a receiver may hold the old or the new one while secrets are exchanged.

internal import Crypto
internal import FoundationEssentials
public import Match

/// The three headers of a webhook.
public struct WebhookHeaders: Sendable, Hashable {
    /// Name of the header with the id, which stays the same over all attempts.
    public static let idName = "webhook-id"
    /// Name of the header with the time of the attempt, Unix seconds.
    public static let timestampName = "webhook-timestamp"
    /// Name of the header with the signatures.
    public static let signatureName = "webhook-signature"

    /// The event's id.
    public let id: String
    /// The time of the attempt, Unix seconds.
    public let timestamp: String
    /// Signatures with their versions, separated by spaces.
    public let signature: String

    /// Names and values, ready to be sent.
    public var fields: [(name: String, value: String)] {
        [
            (Self.idName, id), (Self.timestampName, timestamp), (Self.signatureName, signature),
        ]
    }
}

/// Signs what one endpoint is sent.
public struct WebhookSigner: Sendable {
    private let secrets: [WebhookSecret]

    /// Most secrets at a time: a receiver looks at each signature.
    public static let mostSecrets = 4

    /// Takes the secrets that are valid now, at least one.
    /// - Throws: `invalidValue` where there are none or too many, or one can only verify.
    public init(_ secrets: [WebhookSecret]) throws(ReportError) {
        guard (1...Self.mostSecrets).contains(secrets.count) else {
            throw ReportError(
                .invalidValue,
                "webhooks cannot be signed with \(secrets.count) secrets: give 1 to "
                    + "\(Self.mostSecrets), the newest first")
        }
        guard !secrets.contains(where: { $0.kind == .verifying }) else {
            throw ReportError(
                .invalidValue,
                "webhooks cannot be signed with a public key: give the secret half, whsk_…, here "
                    + "and whpk_… to the receiver")
        }
        self.secrets = secrets
    }

    /// Signs an attempt.
    /// - Parameters:
    ///   - id: the event's, the same in each attempt.
    ///   - unixSeconds: the time of this attempt.
    ///   - body: what is sent, byte for byte.
    public func headers(
        id: AlertID, unixSeconds: Int64, body: [UInt8]
    ) throws(ReportError) -> WebhookHeaders {
        try headers(text: id.description, unixSeconds: unixSeconds, body: body)
    }

    /// Signs with an id of any form; one with a full stop would make the signed text ambiguous.
    package func headers(
        text id: String, unixSeconds: Int64, body: [UInt8]
    ) throws(ReportError) -> WebhookHeaders {
        precondition(!id.utf8.contains(UInt8(ascii: ".")))
        let signed = SignedContent.bytes(id: id, timestamp: String(unixSeconds), body: body)
        var signatures: [String] = []
        for secret in secrets { signatures.append(try Self.signature(of: signed, with: secret)) }
        return WebhookHeaders(
            id: id, timestamp: String(unixSeconds), signature: signatures.joined(separator: " "))
    }

    private static func signature(
        of signed: [UInt8], with secret: WebhookSecret
    ) throws(ReportError) -> String {
        switch secret.key {
        case .shared(let key):
            let code = HMAC<SHA256>.authenticationCode(for: signed, using: key)
            return "v1," + Base64.encode(Array(code))
        case .signing(let key):
            if let signature = try? key.signature(for: signed) {
                return "v1a," + Base64.encode(Array(signature))
            }
        case .verifying: break
        }
        throw ReportError(.internal, "a webhook cannot be signed: this is a fault in Vigil")
    }
}

enum SignedContent {
    /// What signatures are over.
    static func bytes(id: String, timestamp: String, body: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(id.utf8.count + timestamp.utf8.count + 2 + body.count)
        bytes += id.utf8
        bytes.append(UInt8(ascii: "."))
        bytes += timestamp.utf8
        bytes.append(UInt8(ascii: "."))
        return bytes + body
    }
}

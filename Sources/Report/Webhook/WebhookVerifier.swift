// Verifies webhooks, as a receiver does: Standard Webhooks 1.0.
//
// Invariants: nothing of the body is looked at before a signature fits; codes are compared in
// constant time; an attempt's time may differ from ours by the tolerance, in either direction. What
// a sender controls (header lengths, the number of signatures) is bounded.

internal import Crypto
internal import FoundationEssentials

/// Why a webhook is not taken.
public enum WebhookRefusal: Error, Sendable, Hashable, CustomStringConvertible {
    /// A header is missing.
    case missing(header: String)
    /// A header is not of its form.
    case malformed(header: String, why: String)
    /// Signatures are there, but none of a version that our keys can verify.
    case noKeyFor(versions: String)
    /// No signature fits.
    case badSignature
    /// It was signed well, but too long ago: maybe somebody sends it again.
    case tooOld(seconds: Int64)
    /// It was signed well, but for a time to come: a clock is wrong.
    case tooNew(seconds: Int64)

    /// One line for people.
    public var description: String {
        switch self {
        case .missing(let header): "the header \(header) is missing"
        case .malformed(let header, let why): "the header \(header) cannot be used: \(why)"
        case .noKeyFor(let versions):
            "there are signatures of \(versions) only, for which there is no key here: v1 needs "
                + "whsec_…, v1a needs whpk_…"
        case .badSignature:
            "no signature fits: the secret is another one, or id, time or body were changed on the "
                + "way (parsed and written again, say)"
        case .tooOld(let seconds): "it was signed \(seconds) s ago; compare the clocks"
        case .tooNew(let seconds): "it was signed \(seconds) s from now; compare the clocks"
        }
    }
}

/// Verifies what one endpoint receives.
public struct WebhookVerifier: Sendable {
    private let secrets: [WebhookSecret]
    private let toleranceSeconds: Int64

    /// How far an attempt's time may be from ours, seconds.
    public static let usualTolerance: Int64 = 300
    /// Most signatures of a webhook that are looked at.
    public static let mostSignatures = 16
    private static let longestID = 256
    private static let longestSignatures = 4096

    /// Takes the secrets and public keys of which one has to fit.
    /// - Throws: `invalidValue` where there are none, or more than 16.
    public init(
        _ secrets: [WebhookSecret], toleranceSeconds: Int64 = Self.usualTolerance
    ) throws(ReportError) {
        guard (1...16).contains(secrets.count) else {
            throw ReportError(
                .invalidValue,
                "webhooks cannot be verified with \(secrets.count) secrets: give 1 to 16")
        }
        self.secrets = secrets
        self.toleranceSeconds = max(0, toleranceSeconds)
    }

    /// Verifies a webhook by its three headers, as they came, and its body.
    /// - Parameter now: Unix seconds.
    /// - Returns: its id, by which repeats are told.
    @discardableResult
    public func verify(
        id: String?, timestamp: String?, signature: String?, body: [UInt8], at now: Int64
    ) throws(WebhookRefusal) -> String {
        let id = try Self.id(id)
        let (text, seconds) = try Self.time(timestamp)
        let signatures = try Self.signatures(signature)
        let content = SignedContent.bytes(id: id, timestamp: text, body: body)
        try verify(signatures, of: content)
        // Last, so that a forged time is told as what it is.
        let age = now - seconds
        if age > toleranceSeconds { throw .tooOld(seconds: age) }
        if age < -toleranceSeconds { throw .tooNew(seconds: -age) }
        return id
    }

    private func verify(
        _ signatures: [(version: Substring, bytes: [UInt8])], of content: [UInt8]
    ) throws(WebhookRefusal) {
        var hasKey = false
        for (version, bytes) in signatures {
            for secret in secrets {
                switch (secret.key, version) {
                case (.shared(let key), "v1"):
                    hasKey = true
                    if HMAC<SHA256>.isValidAuthenticationCode(
                        bytes, authenticating: content, using: key)
                    {
                        return
                    }
                case (.signing(let pair), "v1a"):
                    hasKey = true
                    if pair.publicKey.isValidSignature(bytes, for: content) { return }
                case (.verifying(let key), "v1a"):
                    hasKey = true
                    if key.isValidSignature(bytes, for: content) { return }
                default: break
                }
            }
        }
        guard !hasKey else { throw .badSignature }
        throw .noKeyFor(versions: Set(signatures.map(\.version)).sorted().joined(separator: ", "))
    }

    private static func id(_ text: String?) throws(WebhookRefusal) -> String {
        let name = WebhookHeaders.idName
        guard let text, !text.isEmpty else { throw .missing(header: name) }
        guard text.utf8.count <= longestID, text.utf8.allSatisfy({ (33...126).contains($0) }) else {
            throw .malformed(header: name, why: "it is not 1 to \(longestID) visible characters")
        }
        guard !text.utf8.contains(UInt8(ascii: ".")) else {
            throw .malformed(header: name, why: "it has a full stop, which parts what is signed")
        }
        return text
    }

    private static func time(_ text: String?) throws(WebhookRefusal) -> (String, Int64) {
        let name = WebhookHeaders.timestampName
        guard let text, !text.isEmpty else { throw .missing(header: name) }
        guard text.utf8.count <= 12, text.utf8.allSatisfy({ (48...57).contains($0) }),
            let seconds = Int64(text)
        else { throw .malformed(header: name, why: "it is not a time in Unix seconds") }
        return (text, seconds)
    }

    /// Signatures that can be read; those of versions to come are passed over like wrong ones.
    private static func signatures(
        _ text: String?
    ) throws(WebhookRefusal) -> [(version: Substring, bytes: [UInt8])] {
        let name = WebhookHeaders.signatureName
        guard let text, !text.isEmpty else { throw .missing(header: name) }
        guard text.utf8.count <= longestSignatures else {
            throw .malformed(header: name, why: "it is longer than \(longestSignatures) bytes")
        }
        var found: [(version: Substring, bytes: [UInt8])] = []
        for part in text.split(separator: " ") {
            let halves = part.split(separator: ",", maxSplits: 1)
            guard halves.count == 2, let bytes = Base64.decode(halves[1]) else { continue }
            guard found.count < mostSignatures else {
                throw .malformed(header: name, why: "it has more than \(mostSignatures) signatures")
            }
            found.append((halves[0], bytes))
        }
        guard !found.isEmpty else {
            throw .malformed(header: name, why: "it has no VERSION,BASE64")
        }
        return found
    }
}

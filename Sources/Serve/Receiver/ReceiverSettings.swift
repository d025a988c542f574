// What `vigil receive` is told: where to listen, which secrets to verify with, and how to
// misbehave.

internal import FoundationEssentials
public import Report

/// Settings of the consumer for development.
public struct ReceiverSettings: Sendable {
    /// Address to listen at.
    public var host = "127.0.0.1"
    /// Port; 0 takes a free one.
    public var port = 0
    /// Secrets and public keys, of which one has to fit.
    public var secrets: [WebhookSecret]
    /// Where a JSON line for each request goes; `nil` for nowhere.
    public var log: String?
    /// Whether lines have all of a request: body, signatures and their time.
    public var logsBodies = false
    /// Status of the answer to what is good.
    public var answer = 204
    /// What answers that are no success say in `Retry-After`, seconds.
    public var retryAfter: Int?
    /// Share of good requests that are answered with 500, as if they had never come.
    public var failShare = 0.0
    /// Share of good requests whose answer comes late, though they are taken.
    public var hangShare = 0.0
    /// How late, seconds.
    public var hangSeconds = 30.0
    /// How long every answer takes, milliseconds.
    public var delayMilliseconds = 0
    /// Seed of what goes by chance.
    public var seed: UInt64 = 1

    /// Longest body, bytes.
    public static let longestBody = 1 << 20
    /// Most lines of a file of secrets.
    private static let mostSecrets = 16

    /// Takes the secrets; all else has a default.
    public init(secrets: [WebhookSecret]) { self.secrets = secrets }

    /// Reads secrets and public keys, one a line; empty lines and those with `#` in front are
    /// passed over.
    /// - Throws: `configuration`, with path and line.
    public static func secrets(file path: String) throws(ServeError) -> [WebhookSecret] {
        let bytes = try PrivateFile.read(path, "webhook secrets", most: 8192)
        var secrets: [WebhookSecret] = []
        let lines = bytes.split(separator: 10, omittingEmptySubsequences: false)
        for (number, line) in lines.enumerated() {
            let text = String(decoding: line, as: UTF8.self)
            if text.hasPrefix("#") || text.allSatisfy(\.isWhitespace) { continue }
            do throws(ReportError) { secrets.append(try WebhookSecret(text)) } catch {
                throw ServeError(.configuration, "\(path), line \(number + 1): \(error.message)")
            }
        }
        guard (1...mostSecrets).contains(secrets.count) else {
            throw ServeError(
                .configuration,
                "\(path) has \(secrets.count) webhook secrets: give 1 to \(mostSecrets), one a line"
            )
        }
        return secrets
    }
}

// The key that signs heads of the audit log and evidence packages, and its public half.
//
// Invariants: the secret half is in one file, mode 0600, in a form of one line (`whsk_` and the
// base64 of 32 bytes, as Standard Webhooks writes such keys); nothing prints it. Only the default
// file is ever made, never one that somebody named. Making it is safe among several processes: the
// whole file is written under another name and then hard-linked to its place, which fails if
// another was first.

internal import Crypto
internal import FoundationEssentials

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// The key that the audit log is signed with.
public struct AuditKey: Sendable {
    private let secret: Curve25519.Signing.PrivateKey

    /// Name of its file in the state directory.
    public static let fileName = "audit.key"
    private static let prefix = "whsk_"

    /// A new key, kept nowhere.
    public init() { secret = Curve25519.Signing.PrivateKey() }

    /// Its public half.
    public var publicKey: AuditPublicKey {
        AuditPublicKey(checked: Array(secret.publicKey.rawRepresentation))
    }

    func signature(of message: [UInt8]) throws(ReportError) -> [UInt8] {
        do { return Array(try secret.signature(for: message)) } catch {
            throw ReportError(.internal, "cannot sign with the audit key: \(error)")
        }
    }

    /// Reads a key from its file.
    /// - Parameter createIfMissing: whether to make a new one where there is no file.
    public init(file path: String, createIfMissing: Bool) throws(ReportError) {
        if access(path, F_OK) != 0, errno == ENOENT, createIfMissing { try Self.create(path) }
        self = try Self.load(path)
    }

    private static func load(_ path: String) throws(ReportError) -> AuditKey {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw failure("read", path) }
        defer { close(descriptor) }
        var facts = stat()
        guard fstat(descriptor, &facts) == 0 else { throw failure("read", path) }
        guard facts.st_mode & S_IFMT == S_IFREG else {
            throw failure("read", path, "it is not a file")
        }
        guard facts.st_mode & 0o077 == 0 else {
            throw failure(
                "use", path, "other users of this machine can use it; run: chmod 600 \(path)")
        }
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = read(descriptor, &bytes, bytes.count)
        let text = String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
        guard let line = text.split(whereSeparator: \.isWhitespace).first,
            line.hasPrefix(prefix),
            let seed = Data(base64Encoded: String(line.dropFirst(prefix.count))),
            let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: seed)
        else {
            throw failure("read", path, "it is no line of \(prefix) and the base64 of 32 bytes")
        }
        return AuditKey(secret: key)
    }

    private init(secret: Curve25519.Signing.PrivateKey) { self.secret = secret }

    private static func create(_ path: String) throws(ReportError) {
        let key = Curve25519.Signing.PrivateKey()
        let line = Array((prefix + key.rawRepresentation.base64EncodedString() + "\n").utf8)
        var random = SystemRandomNumberGenerator()
        let draft = "\(path).\(String(random.next() as UInt64, radix: 16))"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure("make", path) }
        defer { unlink(draft) }
        let isWritten =
            fchmod(descriptor, 0o600) == 0 && write(descriptor, line, line.count) == line.count
            && fsync(descriptor) == 0
        let number = errno
        close(descriptor)
        guard isWritten else { throw failure("make", path, String(cString: strerror(number))) }
        guard link(draft, path) == 0 || errno == EEXIST else { throw failure("make", path) }
    }

    private static func failure(
        _ what: String, _ path: String, _ why: String? = nil
    ) -> ReportError {
        let why = why ?? String(cString: strerror(errno)).lowercased()
        return ReportError(
            .cannotOpen, doing: "\(what) the audit key", at: path, why: why,
            fix: "allow this user to use it, or name another with audit_key_file")
    }
}

extension AuditKey: CustomStringConvertible, CustomReflectable {
    /// The public half; never the secret.
    public var description: String { "AuditKey(\(publicKey))" }
    /// Empty, so that `dump` shows no bytes either.
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}

/// The public half of an audit key.
public struct AuditPublicKey: Sendable, Hashable, CustomStringConvertible {
    /// The key, 32 bytes.
    public let bytes: [UInt8]

    private static let prefix = "whpk_"

    fileprivate init(checked bytes: [UInt8]) { self.bytes = bytes }

    /// Wraps 32 bytes; `nil` for any other number.
    public init?(bytes: [UInt8]) {
        guard bytes.count == 32 else { return nil }
        self.bytes = bytes
    }

    /// Reads `whpk_` and the base64 of 32 bytes; anything else gives `nil`.
    public init?(_ text: some StringProtocol) {
        guard text.hasPrefix(Self.prefix),
            let data = Data(base64Encoded: String(text.dropFirst(Self.prefix.count)))
        else { return nil }
        self.init(bytes: Array(data))
        guard description == text else { return nil }
    }

    /// The text form.
    public var description: String { Self.prefix + Data(bytes).base64EncodedString() }

    func isRight(_ signature: [UInt8], of message: [UInt8]) -> Bool {
        guard signature.count == 64,
            let key = try? Curve25519.Signing.PublicKey(rawRepresentation: bytes)
        else { return false }
        return key.isValidSignature(signature, for: message)
    }
}

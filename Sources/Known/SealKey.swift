// The 32-byte key that seals known sets, and its id.
//
// Invariants: the bytes live only inside CryptoKit's SymmetricKey, which wipes them when it goes;
// nothing prints them. The id is a one-way function of the key (HMAC-SHA256, cut to 8 bytes), so it
// may stand in a file's header and in messages to say which key is needed.

import Crypto

/// A key for sealed known sets.
public struct SealKey: Sendable, Equatable {
    /// Number of bytes of a key.
    public static let byteCount = 32

    private let secret: SymmetricKey

    /// Makes a key of 32 bytes; any other number gives `nil`.
    public init?(bytes: some Collection<UInt8>) {
        guard bytes.count == Self.byteCount else { return nil }
        secret = SymmetricKey(data: Array(bytes))
    }

    private init(secret: SymmetricKey) {
        self.secret = secret
    }

    /// A fresh random key.
    public static func random() -> SealKey { SealKey(secret: SymmetricKey(size: .bits256)) }

    /// Compares without telling by its duration where the keys differ.
    public static func == (left: SealKey, right: SealKey) -> Bool { left.secret == right.secret }

    /// The key's id, 16 hex digits, which says nothing about its bytes.
    public var id: String { SealedFormat.hexText(idBytes) }

    /// First 8 bytes of HMAC-SHA256(key, "vigil key id").
    var idBytes: [UInt8] {
        let code = HMAC<SHA256>.authenticationCode(for: Array("vigil key id".utf8), using: secret)
        return Array(code.prefix(8))
    }

    /// The key of one file: HKDF-SHA256 over the file's salt.
    func fileKey(salt: [UInt8]) -> SymmetricKey {
        HKDF<SHA256>.deriveKey(
            inputKeyMaterial: secret, salt: salt, info: Array(SealedFormat.keyInfo.utf8),
            outputByteCount: Self.byteCount)
    }

    /// The key as a line of text for a key file: base64.
    func fileLine() -> [UInt8] { secret.withUnsafeBytes { Array(Base64.text(of: $0).utf8) } + [10] }
}

extension SealKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The id; never the bytes.
    public var description: String { "SealKey(id \(id))" }
    /// Redacted like `description`.
    public var debugDescription: String { description }
    /// Empty, so that `dump` shows no bytes either.
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}

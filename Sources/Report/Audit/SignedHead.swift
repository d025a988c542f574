// A signed head: the word of whoever holds the key that the log was this long and read like this.
//
// What is signed (Ed25519, RFC 8032) are fields with their lengths in front, as in `AuditRecord`: a
// name of the format with its version, number, time, hash, public key.

internal import Crypto

/// A head of the log with its signature.
public struct SignedHead: Sendable, Hashable {
    /// Number of the record that was the newest.
    public var number: Int64
    /// When it was signed, Unix milliseconds.
    public var unixMilliseconds: Int64
    /// Hash of that record.
    public var hash: [UInt8]
    /// Which key it is signed with, 32 bytes.
    public var publicKey: [UInt8]
    /// The signature, 64 bytes.
    public var signature: [UInt8]

    /// Whether the signature is right.
    public var isSigned: Bool {
        AuditPublicKey(bytes: publicKey)?.isRight(signature, of: Self.message(self)) ?? false
    }

    static func message(_ head: SignedHead) -> [UInt8] {
        var fields = FieldBytes("vigil.audit.head.v1")
        fields.add(head.number)
        fields.add(head.unixMilliseconds)
        fields.add(head.hash)
        fields.add(head.publicKey)
        return fields.bytes
    }
}

extension AuditKey {
    /// Signs a head.
    public func sign(
        _ head: AuditHead, at unixMilliseconds: Int64
    ) throws(ReportError) -> SignedHead {
        var signed = SignedHead(
            number: head.number, unixMilliseconds: unixMilliseconds, hash: head.hash,
            publicKey: publicKey.bytes, signature: [])
        signed.signature = try signature(of: SignedHead.message(signed))
        return signed
    }
}

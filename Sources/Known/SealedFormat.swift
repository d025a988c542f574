// The sealed known set's outer form: a plain header and a body of authenticated chunks.
//
//   bytes  header, 62 bytes, integers little-endian
//       8  magic "VIGILKS1"
//       2  format version: 2 for a set with variants, else 1, which older readers open too
//       4  chunk size: plaintext bytes of every chunk but the last, 64 KiB to 16 MiB
//       8  key id: first 8 bytes of HMAC-SHA256(key, "vigil key id")
//      32  salt, random; file key = HKDF-SHA256(key, salt, "vigil sealed known set v1")
//       8  plaintext length
//   then the chunks: ciphertext as long as its plaintext, and a 16-byte tag
//
// The body is the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár 2015) over
// ChaCha20-Poly1305: nonce = 7 zero bytes, chunk number (big-endian, 4 bytes), 1 for the last
// chunk else 0; the whole header is the associated data of every chunk. A file key serves one
// file, so the nonces cannot repeat. Flipped bytes, cut, swapped and appended chunks all fail
// authentication; the lengths are compared first only to say which of these it was.

import Crypto

/// Constants and small parts of the sealed file's form.
enum SealedFormat {
    static let magic = Array("VIGILKS1".utf8)
    /// Of a set without variants.
    static let plainVersion: UInt16 = 1
    /// Of a set with variants.
    static let variantVersion: UInt16 = 2
    static let newestVersion = variantVersion
    static let keyInfo = "vigil sealed known set v1"
    static let headerBytes = 62
    static let saltBytes = 32
    static let tagBytes = 16
    static let defaultChunk = 1 << 20
    static let chunkLimits = (1 << 16)...(1 << 24)

    static func nonce(chunk: UInt32, isLast: Bool) throws(KnownError) -> ChaChaPoly.Nonce {
        var bytes = [UInt8](repeating: 0, count: 7)
        for shift in [24, 16, 8, 0] as [UInt32] {
            bytes.append(UInt8(truncatingIfNeeded: chunk >> shift))
        }
        bytes.append(isLast ? 1 : 0)
        do {
            return try ChaChaPoly.Nonce(data: bytes)
        } catch {
            throw KnownError(.damaged, "a nonce could not be made")
        }
    }

    static func hexText(_ bytes: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(
            decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    /// Part of a file name that nobody else chose.
    static func randomName() -> String { String(UInt64.random(in: .min ... .max), radix: 36) }
}

/// The plain header of a sealed file.
struct SealedPreamble: Sendable {
    var formatVersion: UInt16
    var chunkSize: UInt32
    var keyID: [UInt8]
    var salt: [UInt8]
    var plaintextBytes: UInt64

    /// The header as it stands in the file; also what every chunk is bound to.
    var bytes: [UInt8] {
        var result = SealedFormat.magic
        result.append(integer: formatVersion)
        result.append(integer: chunkSize)
        result += keyID
        result += salt
        result.append(integer: plaintextBytes)
        return result
    }

    /// Reads the header of a file of a given size and checks what can be checked without the key.
    init(reading start: [UInt8], path: String) throws(KnownError) {
        guard start.starts(with: SealedFormat.magic) else {
            let isCut = !start.isEmpty && SealedFormat.magic.starts(with: start)
            throw isCut ? Self.cut(path) : Self.foreign(path, isEmpty: start.isEmpty)
        }
        var cursor = ByteCursor(start, at: SealedFormat.magic.count)
        guard let version = cursor.integer(UInt16.self) else { throw Self.cut(path) }
        guard version <= SealedFormat.newestVersion else {
            throw KnownError(
                .newerFormat,
                "\(path) has format version \(version), and this Vigil knows versions up to "
                    + "\(SealedFormat.newestVersion); use a newer Vigil")
        }
        guard let chunk = cursor.integer(UInt32.self), let keyID = cursor.take(8),
            let salt = cursor.take(SealedFormat.saltBytes),
            let length = cursor.integer(UInt64.self)
        else { throw Self.cut(path) }
        guard version >= SealedFormat.plainVersion, SealedFormat.chunkLimits.contains(Int(chunk))
        else {
            throw KnownError(
                .damaged, "the header of \(path) was altered or damaged; fetch the set again")
        }
        formatVersion = version
        chunkSize = chunk
        self.keyID = Array(keyID)
        self.salt = Array(salt)
        plaintextBytes = length
    }

    init(formatVersion: UInt16, chunkSize: Int, key: SealKey, plaintextBytes: Int) {
        self.formatVersion = formatVersion
        self.chunkSize = UInt32(chunkSize)
        keyID = key.idBytes
        salt = SymmetricKey(size: .init(bitCount: SealedFormat.saltBytes * 8))
            .withUnsafeBytes { Array($0) }
        self.plaintextBytes = UInt64(plaintextBytes)
    }

    /// Number of chunks, after `checkSize` has found the length to be true.
    var chunkCount: Int {
        let chunk = Int(chunkSize)
        return max(1, (Int(plaintextBytes) + chunk - 1) / chunk)
    }

    /// Compares the length that the header promises with the file's.
    func checkSize(ofFile size: Int, path: String) throws(KnownError) {
        // A plaintext longer than the file that holds it: also keeps the sums below from overflow.
        guard plaintextBytes <= UInt64(size) else { throw Self.cut(path) }
        let expected =
            SealedFormat.headerBytes + Int(plaintextBytes) + chunkCount * SealedFormat.tagBytes
        guard size >= expected else { throw Self.cut(path) }
        guard chunkCount <= Int(UInt32.max) else {
            throw KnownError(.damaged, "\(path) has more chunks than the format can number")
        }
        guard size == expected else {
            throw KnownError(
                .trailingBytes,
                "\(path) goes on for \(size - expected) bytes after the end of the known set; it "
                    + "was appended to or damaged: fetch the set again")
        }
    }

    static func cut(_ path: String) -> KnownError {
        KnownError(
            .truncated, "\(path) ends before the known set does: it is truncated; fetch it again")
    }

    private static func foreign(_ path: String, isEmpty: Bool) -> KnownError {
        let what = isEmpty ? "it is empty" : "it does not begin with Vigil's mark"
        return KnownError(
            .notKnownSet,
            "\(path) is not a Vigil known set: \(what); to make a set of a list of hashes, use "
                + "`vigil known build --from`")
    }
}

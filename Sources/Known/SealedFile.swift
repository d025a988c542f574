// Reading and writing of sealed known sets. The outer form stands in SealedFormat.swift, the inner
// one in SetCoding.swift.
//
// Invariants: a file is replaced whole or not at all (written beside it, flushed, renamed,
// directory flushed); whoever has the old one open goes on reading the old one. A set is returned
// only after its last chunk has passed authentication. Nothing of the set's contents is in any
// error.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Sealed known sets as files.
///
/// A file is a 62-byte header (magic `VIGILKS1`, format version, chunk size, key id, salt, length)
/// and chunks of 1 MiB, each sealed with ChaCha20-Poly1305 under a key derived for this file and
/// bound to its place, to the end of the file and to the header.
public enum SealedFile {
    /// What a sealed file tells without its key; all of it is unproven until the file is read.
    public struct Header: Sendable, Hashable {
        /// Version of the file format.
        public let formatVersion: Int
        /// Id of the key that opens the file, 16 hex digits; compare with `SealKey.id`.
        public let keyID: String
        /// Plaintext bytes of a chunk.
        public let chunkBytes: Int
        /// Number of chunks.
        public let chunks: Int
        /// Size of the whole file.
        public let fileBytes: Int64
        /// Size of the contents when opened.
        public let plaintextBytes: Int64
    }

    /// Writes a set, mode 0600, and puts it in the place of whatever file stood there.
    ///
    /// On an error the old file still stands and nothing is left beside it; only when the directory
    /// cannot be flushed at the very end is the new file there although an error comes back.
    public static func write(_ set: KnownSet, to path: String, key: SealKey) throws(KnownError) {
        try write(set, to: path, key: key, chunkSize: SealedFormat.defaultChunk)
    }

    /// As above with another chunk size, 64 KiB to 16 MiB.
    package static func write(
        _ set: KnownSet, to path: String, key: SealKey, chunkSize: Int
    ) throws(KnownError) {
        precondition(SealedFormat.chunkLimits.contains(chunkSize), "chunk size out of range")
        let encoder = try SetEncoder(set)
        let preamble = SealedPreamble(
            formatVersion: encoder.formatVersion, chunkSize: chunkSize, key: key,
            plaintextBytes: encoder.byteCount)
        try replace(path, key: key, preamble) { writer throws(KnownError) in
            try encoder.write(to: &writer)
        }
    }

    /// Seals bytes that need not be a set: for tests of what stands behind the seal.
    package static func write(
        plaintext: [UInt8], formatVersion: UInt16 = SealedFormat.plainVersion, to path: String,
        key: SealKey
    )
        throws(KnownError)
    {
        let preamble = SealedPreamble(
            formatVersion: formatVersion, chunkSize: SealedFormat.defaultChunk, key: key,
            plaintextBytes: plaintext.count)
        try replace(path, key: key, preamble) { writer throws(KnownError) in
            try plaintext.withRawBytes { bytes throws(KnownError) in try writer.write(bytes) }
        }
    }

    /// Opens the seal only: for tests, as above.
    package static func plaintext(path: String, key: SealKey) throws(KnownError) -> [UInt8] {
        var reader = try ChunkReader(path: path, key: key)
        var bytes = [UInt8](repeating: 0, count: reader.left)
        try bytes.withMutableRawBytes { buffer throws(KnownError) in try reader.fill(buffer) }
        return bytes
    }

    private static func replace(
        _ path: String, key: SealKey, _ preamble: SealedPreamble,
        body: (inout ChunkWriter) throws(KnownError) -> Void
    ) throws(KnownError) {
        let folder = directory(of: path)
        let draft = folder + "/.vigil-" + SealedFormat.randomName() + ".tmp"
        guard let file = OpenFile.creating(draft) else { throw failed(path, errno) }
        do throws(KnownError) {
            var writer = try ChunkWriter(file, preamble: preamble, key: key)
            try body(&writer)
            try writer.finish()
            guard rename(draft, path) == 0 else { throw failed(path, errno) }
        } catch {
            _ = unlink(draft)
            throw error
        }
        guard synchronizeDirectory(folder) else { throw failed(path, errno) }
    }

    /// Opens a sealed set: checks every byte of it, then gives it.
    public static func read(path: String, key: SealKey) throws(KnownError) -> KnownSet {
        try SetDecoder(ChunkReader(path: path, key: key)).set()
    }

    /// What can be said of a sealed file without its key.
    ///
    /// A file that is cut short or has something appended is an error here too.
    public static func header(path: String) throws(KnownError) -> Header {
        let file = try OpenFile.reading(path)
        let size = try file.regularSize()
        let start = try file.bytes(at: 0, count: SealedFormat.headerBytes)
        let preamble = try SealedPreamble(reading: start, path: path)
        try preamble.checkSize(ofFile: size, path: path)
        return Header(
            formatVersion: Int(preamble.formatVersion),
            keyID: SealedFormat.hexText(preamble.keyID), chunkBytes: Int(preamble.chunkSize),
            chunks: preamble.chunkCount, fileBytes: Int64(size),
            plaintextBytes: Int64(preamble.plaintextBytes))
    }

    private static func failed(_ path: String, _ number: Int32) -> KnownError {
        KnownError(
            .writeFailed,
            "cannot write the known set \(path): \(errorText(number)); check the directory, its "
                + "permissions and the free space")
    }
}

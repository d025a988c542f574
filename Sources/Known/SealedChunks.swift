// Sealing and opening of the body, chunk by chunk, so that neither direction holds more plaintext
// than one chunk beside what its caller builds.
//
// Invariants: the reader hands out only bytes whose chunk passed authentication; the caller must
// take all of them (`left == 0`) before it trusts any, because only the last chunk proves the end.

import Crypto
import FoundationEssentials

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Seals plaintext into a file.
struct ChunkWriter: ~Copyable {
    private let file: OpenFile
    private let associated: [UInt8]
    private let fileKey: SymmetricKey
    private let chunkSize: Int
    private var buffer: [UInt8] = []
    private var index: UInt32 = 0

    /// Starts with the header.
    init(_ file: consuming OpenFile, preamble: SealedPreamble, key: SealKey) throws(KnownError) {
        self.file = file
        associated = preamble.bytes
        fileKey = key.fileKey(salt: preamble.salt)
        chunkSize = Int(preamble.chunkSize)
        buffer.reserveCapacity(chunkSize)
        try put(associated)
    }

    mutating func write(_ bytes: UnsafeRawBufferPointer) throws(KnownError) {
        var written = 0
        while written < bytes.count {
            if buffer.count == chunkSize { try seal(isLast: false) }
            let count = min(chunkSize - buffer.count, bytes.count - written)
            buffer.append(
                contentsOf: UnsafeRawBufferPointer(rebasing: bytes[written...].prefix(count)))
            written += count
        }
    }

    /// Seals the last chunk and flushes the file.
    consuming func finish() throws(KnownError) {
        try seal(isLast: true)
        guard file.synchronize() else { throw ChunkWriter.failed(file.path) }
    }

    private mutating func seal(isLast: Bool) throws(KnownError) {
        let nonce = try SealedFormat.nonce(chunk: index, isLast: isLast)
        guard
            let box = try? ChaChaPoly.seal(
                buffer, using: fileKey, nonce: nonce, authenticating: associated)
        else { throw KnownError(.writeFailed, "cannot seal \(file.path)") }
        try put(box.ciphertext)
        try put(box.tag)
        index &+= 1
        buffer.removeAll(keepingCapacity: true)
    }

    private func put(_ bytes: some Sequence<UInt8>) throws(KnownError) {
        guard file.write(all: bytes) else { throw ChunkWriter.failed(file.path) }
    }

    private static func failed(_ path: String) -> KnownError {
        KnownError(.writeFailed, "cannot write \(path): \(errorText(errno))")
    }
}

/// Opens a sealed file and gives its plaintext in order.
struct ChunkReader: ~Copyable {
    let path: String
    /// Plaintext bytes not yet given.
    private(set) var left: Int

    private let file: OpenFile
    private let preamble: SealedPreamble
    private let associated: [UInt8]
    private let fileKey: SymmetricKey
    private var index = 0
    private var chunk: [UInt8] = []
    private var position = 0

    init(path: String, key: SealKey) throws(KnownError) {
        let file = try OpenFile.reading(path)
        let size = try file.regularSize()
        let start = try file.bytes(at: 0, count: SealedFormat.headerBytes)
        let preamble = try SealedPreamble(reading: start, path: path)
        guard preamble.keyID == key.idBytes else {
            throw KnownError(
                .wrongKey,
                "\(path) was sealed with key \(SealedFormat.hexText(preamble.keyID)), and this is "
                    + "key \(key.id); pass the key file it was sealed with by --key-file")
        }
        try preamble.checkSize(ofFile: size, path: path)
        self.path = path
        left = Int(preamble.plaintextBytes)
        associated = preamble.bytes
        fileKey = key.fileKey(salt: preamble.salt)
        self.file = file
        self.preamble = preamble
    }

    /// Version of the file format.
    var formatVersion: UInt16 { preamble.formatVersion }

    /// Fills a buffer with the next bytes; the caller has compared its size with `left`.
    mutating func fill(_ buffer: UnsafeMutableRawBufferPointer) throws(KnownError) {
        guard buffer.count <= left else { throw SealedPreamble.cut(path) }
        var filled = 0
        while filled < buffer.count {
            if position == chunk.count { try openNext() }
            let count = min(chunk.count - position, buffer.count - filled)
            let target = UnsafeMutableRawBufferPointer(rebasing: buffer[filled..<(filled + count)])
            chunk.withUnsafeBytes { source in
                target.copyMemory(
                    from: .init(rebasing: source[position..<(position + count)]))
            }
            filled += count
            position += count
        }
        left -= buffer.count
    }

    private mutating func openNext() throws(KnownError) {
        let total = preamble.chunkCount
        guard index < total else { throw SealedPreamble.cut(path) }
        let isLast = index == total - 1
        let sealedSize = Int(preamble.chunkSize) + SealedFormat.tagBytes
        let plain =
            isLast
            ? Int(preamble.plaintextBytes) - index * Int(preamble.chunkSize)
            : Int(preamble.chunkSize)
        let wanted = plain + SealedFormat.tagBytes
        let sealed = try file.bytes(
            at: SealedFormat.headerBytes + index * sealedSize, count: wanted)
        guard sealed.count == wanted else { throw SealedPreamble.cut(path) }
        let nonce = try SealedFormat.nonce(chunk: UInt32(index), isLast: isLast)
        guard
            let box = try? ChaChaPoly.SealedBox(
                nonce: nonce, ciphertext: sealed[..<plain], tag: sealed[plain...]),
            let opened = try? ChaChaPoly.open(box, using: fileKey, authenticating: associated)
        else {
            throw KnownError(
                .damaged,
                "\(path) was altered or damaged: chunk \(index + 1) of \(total) fails "
                    + "authentication; fetch the set again")
        }
        chunk = Array(opened)
        position = 0
        index += 1
    }
}

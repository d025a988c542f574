// What stands behind an AVIOContext of ours that cannot seek: a text that is there, a transfer, or
// something that is decrypted.

internal import CFFmpeg

/// Bytes that come one after the other.
protocol ByteSource: AnyObject {
    /// Reads at least one byte, waiting for it.
    func read(into target: UnsafeMutableRawBufferPointer) -> HTTPTransfer.Read
}

extension HTTPTransfer: ByteSource {}

/// A resource as the library reads it; owned by its AVIOContext.
final class ServedResource {
    private var text: ArraySlice<UInt8>
    private var transfer: (any ByteSource)?
    private var cipher: SegmentCipher?

    private static let bufferSize: CInt = 32 << 10

    /// A text.
    init(text: [UInt8]) { self.text = text[...] }

    /// What a transfer or a file brings, decrypted where it has a cipher.
    init(_ transfer: any ByteSource, cipher: consuming SegmentCipher?) {
        text = []
        self.transfer = transfer
        self.cipher = cipher
    }

    /// Makes the context that the library reads; it is closed with `vigil_io_close`.
    consuming func makeContext(
        location: String, type: String?
    ) throws(DecodeError) -> UnsafeMutablePointer<AVIOContext> {
        let owner = Unmanaged.passRetained(self)
        // Sound: the context holds the reference until `release`.
        let io = vigil_io_open(
            Self.bufferSize, location, type, owner.toOpaque(),
            { Unmanaged<ServedResource>.fromOpaque($0!).release() },
            { opaque, target, count in
                guard let opaque, let target, let owner = vigil_io_owner(opaque) else {
                    return -EIO
                }
                return Unmanaged<ServedResource>.fromOpaque(owner).takeUnretainedValue()
                    .read(into: .init(start: target, count: Int(count)))
            })
        guard let io else {
            owner.release()
            throw DecodeError(.io, "out of memory")
        }
        return io
    }

    private func read(into target: UnsafeMutableRawBufferPointer) -> CInt {
        if !text.isEmpty {
            let count = min(text.count, target.count)
            target.copyBytes(from: text.prefix(count))
            text = count == text.count ? [] : text.dropFirst(count)
            return CInt(count)
        }
        guard let transfer else { return vigil_AVERROR_EOF }
        guard cipher != nil else { return status(of: transfer.read(into: target)) }
        return decrypt(transfer, into: target)
    }

    private func status(of read: HTTPTransfer.Read) -> CInt {
        switch read {
        case .bytes(let count): return CInt(count)
        case .failed: return -EIO
        case .end:
            // Its connection is for the next.
            transfer = nil
            return vigil_AVERROR_EOF
        }
    }

    private func decrypt(
        _ transfer: any ByteSource, into target: UnsafeMutableRawBufferPointer
    ) -> CInt {
        while true {
            let status = status(of: transfer.read(into: target))
            if status > 0 {
                text = cipher?.add(UnsafeRawBufferPointer(rebasing: target[..<Int(status)])) ?? []
            } else if status == vigil_AVERROR_EOF {
                text = cipher?.finish() ?? []
                cipher = nil
                if text.isEmpty { return status }
            } else {
                return status
            }
            if !text.isEmpty { return read(into: target) }
        }
    }
}

/// AES-128 in CBC mode with PKCS#7 padding, as HLS uses it (RFC 8216, 4.3.2.4).
struct SegmentCipher: ~Copyable {
    private let aes: OpaquePointer
    private var vector: [UInt8]
    /// Less than a block, or the block that may be the last.
    private var rest: [UInt8] = []

    private static let block = 16

    /// Takes the key and the vector as hexadecimal text.
    init?(key: String, vector: String) {
        guard let key = Self.bytes(ofHex: key), let vector = Self.bytes(ofHex: vector),
            key.count == Self.block, vector.count == Self.block, let aes = av_aes_alloc()
        else { return nil }
        guard av_aes_init(aes, key, 128, 1) >= 0 else {
            av_free(UnsafeMutableRawPointer(aes))
            return nil
        }
        self.aes = aes
        self.vector = vector
    }

    deinit { av_free(UnsafeMutableRawPointer(aes)) }

    private static func bytes(ofHex text: String) -> [UInt8]? {
        let digits = text.utf8.compactMap { Character(Unicode.Scalar($0)).hexDigitValue }
        guard digits.count == text.utf8.count, digits.count % 2 == 0 else { return nil }
        return stride(from: 0, to: digits.count, by: 2).map {
            UInt8(digits[$0] << 4 | digits[$0 + 1])
        }
    }

    /// Takes coded bytes and gives what can be told of them.
    mutating func add(_ coded: UnsafeRawBufferPointer) -> ArraySlice<UInt8> {
        rest += coded
        // The last block is held back: it ends in padding if nothing follows.
        let count = max(0, rest.count - 1) / Self.block * Self.block
        guard count > 0 else { return [] }
        let plain = decode(rest.prefix(count))
        rest.removeFirst(count)
        return plain
    }

    /// What remains, without the padding; less than a block is no block.
    mutating func finish() -> ArraySlice<UInt8> {
        guard rest.count == Self.block else { return [] }
        let plain = decode(rest[...])
        rest = []
        guard let padding = plain.last, (1...UInt8(Self.block)).contains(padding) else {
            return plain
        }
        return plain.dropLast(Int(padding))
    }

    private mutating func decode(_ coded: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var plain = [UInt8](repeating: 0, count: coded.count)
        coded.withUnsafeBufferPointer {
            av_aes_crypt(
                aes, &plain, $0.baseAddress, CInt(coded.count / Self.block), &vector, 1)
        }
        return plain[...]
    }
}

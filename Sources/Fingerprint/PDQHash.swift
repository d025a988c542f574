// The 256-bit PDQ hash as a value: its text form, Hamming distance and complement.
//
// Invariants: bit 16·i + j belongs to DCT row i and column j (Meta's layout); words[0] holds bits
// 0…63. The text is 64 hex digits, bit 255 first. A hash never prints itself: a known hash is a
// secret, so `description` is redacted and the text has to be asked for by name (`hex`).

/// A 256-bit PDQ perceptual hash.
///
/// Source: Meta, "The TMK+PDQF video-hashing algorithm and the PDQ image-hashing algorithm" (2019).
public struct PDQHash: Hashable, Sendable {
    /// The bits, 64 a word, least significant word first.
    public var words: SIMD4<UInt64>

    /// Makes a hash of its four words, least significant first.
    @inlinable
    public init(words: SIMD4<UInt64>) {
        self.words = words
    }

    /// The hash with no bit set, which the reference gives for pictures it cannot hash.
    public static let zero = PDQHash(words: .zero)

    /// Number of differing bits, 0…256.
    @inlinable
    public func distance(to other: PDQHash) -> Int {
        let difference = words ^ other.words
        return difference[0].nonzeroBitCount + difference[1].nonzeroBitCount
            + difference[2].nonzeroBitCount + difference[3].nonzeroBitCount
    }

    /// The hash of the negative picture: every bit inverted.
    public var complement: PDQHash { PDQHash(words: ~words) }

    /// Whether bit `index` (0…255) is set.
    public func bit(_ index: Int) -> Bool {
        words[index >> 6] >> UInt64(index & 63) & 1 == 1
    }
}

extension PDQHash {
    /// Number of bytes of the binary form.
    public static let byteCount = 32

    /// Reads 64 hex digits, upper or lower case, most significant first; anything else gives `nil`.
    public init?(hex: some StringProtocol) {
        self.init(hexDigits: Array(hex.utf8).span)
    }

    /// Reads 64 hex digits as bytes of text, upper or lower case, most significant first; anything
    /// else gives `nil`.
    public init?(hexDigits digits: Span<UInt8>) {
        guard digits.count == 64 else { return nil }
        var words = SIMD4<UInt64>.zero
        for index in 0..<8 {
            // In bounds: see the guard.
            let text = digits.withUnsafeBytes {
                UInt64(
                    littleEndian: $0.loadUnaligned(fromByteOffset: 8 * index, as: UInt64.self))
            }
            guard let half = Self.value(ofDigits: text) else { return nil }
            words[3 - index / 2] = words[3 - index / 2] << 32 | half
        }
        self.words = words
    }

    /// Reads the 32-byte binary form, most significant byte first.
    public init?(bytes: some Collection<UInt8>) {
        guard bytes.count == Self.byteCount else { return nil }
        var words = SIMD4<UInt64>.zero
        for (position, byte) in bytes.enumerated() {
            let word = 3 - position / 8
            words[word] = words[word] << 8 | UInt64(byte)
        }
        self.words = words
    }

    /// The text form: 64 lower-case hex digits, most significant first.
    ///
    /// Never print this for a hash of a known set.
    public var hex: String {
        String(
            decoding: bytes.flatMap { [Self.digit($0 >> 4), Self.digit($0 & 15)] }, as: UTF8.self)
    }

    /// The 32-byte binary form, most significant byte first.
    public var bytes: [UInt8] {
        (0..<Self.byteCount).map { position -> UInt8 in
            let word: UInt64 = words[3 - position / 8]
            let shift = UInt64(56 - position % 8 * 8)
            return UInt8(truncatingIfNeeded: word >> shift)
        }
    }

    private static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }

    /// The value of 8 hex digits, the first in the lowest byte.
    ///
    /// All at once and without a branch for each, since a list has them by the hundred million.
    @inline(__always)
    private static func value(ofDigits text: UInt64) -> UInt64? {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highs = ones << 7
        guard text & highs == 0 else { return nil }
        // Letters made lower case. From here no sum carries into the next byte.
        let lower = text | (text & ones << 6) >> 1
        let isAtLeast = { (byte: UInt8) in lower &+ ones &* UInt64(0x80 - byte) }
        let isDigit = isAtLeast(UInt8(ascii: "0")) & ~isAtLeast(UInt8(ascii: "9") + 1)
        let isLetter = isAtLeast(UInt8(ascii: "a")) & ~isAtLeast(UInt8(ascii: "f") + 1)
        guard (isDigit | isLetter) & highs == highs else { return nil }
        let values = (lower & (ones &* 15)) &+ (lower >> 6 & ones) &* 9
        // From a value a byte to one a nibble, the first digit's highest.
        var packed = values.byteSwapped
        packed = (packed | packed >> 4) & 0x00ff_00ff_00ff_00ff
        packed = (packed | packed >> 8) & 0x0000_ffff_0000_ffff
        return (packed | packed >> 16) & 0xffff_ffff
    }
}

extension PDQHash: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Redacted on purpose: see the note on secrets at the top of the file.
    public var description: String { "PDQHash(redacted)" }
    /// Redacted like `description`.
    public var debugDescription: String { description }
    /// Empty, so that `dump` shows no bits either.
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}

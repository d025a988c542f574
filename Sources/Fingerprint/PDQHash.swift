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
        for index in 0..<4 {
            // In bounds: see the guard.
            let text = digits.withUnsafeBytes {
                $0.loadUnaligned(fromByteOffset: 16 * index, as: SIMD16<UInt8>.self)
            }
            guard let word = Self.word(ofDigits: text) else { return nil }
            words[3 - index] = word
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

    /// The value of 16 hex digits, all at once: a list has them by the hundred million.
    private static func word(ofDigits text: SIMD16<UInt8>) -> UInt64? {
        let digit = text &- SIMD16(repeating: UInt8(ascii: "0"))
        let letter =
            (text | SIMD16(repeating: 0x20)) &- SIMD16(repeating: UInt8(ascii: "a"))
        let isDigit = digit .< SIMD16(repeating: 10)
        let isLetter = letter .< SIMD16(repeating: 6)
        guard all(isDigit .| isLetter) else { return nil }
        let values = digit.replacing(with: letter &+ SIMD16(repeating: 10), where: isLetter)
        // Each byte's upper half comes first.
        let bytes = values.evenHalf &<< SIMD8(repeating: 4) | values.oddHalf
        return (0..<8).reduce(0) { $0 << 8 | UInt64(bytes[$1]) }
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

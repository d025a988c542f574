// Reading and writing of small binary values. The cursor never traps: where the bytes run out it
// gives nil, and lengths are compared with what is left before anything is taken.

/// Reads values one after another from bytes.
struct ByteCursor {
    private let bytes: [UInt8]
    private(set) var position: Int

    init(_ bytes: [UInt8], at position: Int = 0) {
        self.bytes = bytes
        self.position = position
    }

    /// Bytes not yet read.
    var left: Int { bytes.count - position }

    /// The next `count` bytes.
    mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
        guard count >= 0, count <= left else { return nil }
        defer { position += count }
        return bytes[position..<position + count]
    }

    /// The next integer, little-endian.
    mutating func integer<T: FixedWidthInteger & UnsignedInteger>(_: T.Type) -> T? {
        let size = T.bitWidth / 8
        guard size <= left else { return nil }
        var value: T = 0
        for index in 0..<size {
            value |= T(truncatingIfNeeded: bytes[position + index]) << T(8 * index)
        }
        position += size
        return value
    }

    /// The next text: its length in two bytes, then UTF-8.
    mutating func text() -> String? {
        guard let count = integer(UInt16.self), let content = take(Int(count)) else { return nil }
        return String(validating: content, as: UTF8.self)
    }
}

extension Array {
    /// `withUnsafeBytes` with a typed error.
    func withRawBytes<R>(
        _ body: (UnsafeRawBufferPointer) throws(KnownError) -> R
    )
        throws(KnownError) -> R
    {
        try withUnsafeBufferPointer { elements throws(KnownError) in
            try body(UnsafeRawBufferPointer(elements))
        }
    }

    /// `withUnsafeMutableBytes` with a typed error.
    mutating func withMutableRawBytes<R>(
        _ body: (UnsafeMutableRawBufferPointer) throws(KnownError) -> R
    ) throws(KnownError) -> R {
        try withUnsafeMutableBufferPointer { elements throws(KnownError) in
            try body(UnsafeMutableRawBufferPointer(elements))
        }
    }
}

extension [UInt8] {
    /// Appends an integer, little-endian.
    mutating func append<T: FixedWidthInteger & UnsignedInteger>(integer value: T) {
        for index in 0..<(T.bitWidth / 8) {
            append(UInt8(truncatingIfNeeded: value >> T(8 * index)))
        }
    }

    /// Appends a text, which the caller has found to fit: its length in two bytes, then UTF-8.
    mutating func append(text: String) {
        append(integer: UInt16(text.utf8.count))
        append(contentsOf: text.utf8)
    }
}

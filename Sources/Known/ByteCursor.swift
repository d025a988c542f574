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
        defer { position += size }
        // In bounds: see the guard, and `position` never exceeds the count.
        return bytes.withUnsafeBytes {
            T(littleEndian: $0.loadUnaligned(fromByteOffset: position, as: T.self))
        }
    }

    /// The bytes of the next text: its length in two bytes, then what should be UTF-8.
    mutating func textBytes() -> ArraySlice<UInt8>? {
        integer(UInt16.self).flatMap { take(Int($0)) }
    }

    /// The next text: its length in two bytes, then UTF-8.
    mutating func text() -> String? {
        textBytes().flatMap { String(validating: $0, as: UTF8.self) }
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
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }

    /// Appends a text, which the caller has found to fit: its length in two bytes, then UTF-8.
    mutating func append(text: some Collection<UInt8>) {
        append(integer: UInt16(text.count))
        append(contentsOf: text)
    }
}

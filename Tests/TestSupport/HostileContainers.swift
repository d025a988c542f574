// Small writers of containers whose numbers no recording has: a test decides every one of them.

package import Foundation

/// Big-endian bytes of a whole number.
package func bigEndian(_ value: some FixedWidthInteger) -> Data {
    withUnsafeBytes(of: value.bigEndian) { Data($0) }
}

/// Little-endian bytes of a whole number.
package func littleEndian(_ value: some FixedWidthInteger) -> Data {
    withUnsafeBytes(of: value.littleEndian) { Data($0) }
}

/// IVF, the plain container of VP8.
package enum IVF {
    /// The frames of a file.
    package static func frames(of data: Data) -> [Data] {
        var frames: [Data] = []
        var rest = data.dropFirst(32)
        while rest.count >= 12 {
            let size = rest.prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
            frames.append(Data(rest.dropFirst(12).prefix(size)))
            rest = rest.dropFirst(12 + size)
        }
        return frames
    }

    /// A file of frames with these stamps and this time base.
    package static func file(
        _ frames: [(stamp: Int64, data: Data)], rate: UInt32 = 1000, scale: UInt32 = 1,
        width: UInt16 = 320, height: UInt16 = 240
    ) -> Data {
        var file = Data("DKIF".utf8) + littleEndian(UInt16(0)) + littleEndian(UInt16(32))
        file += Data("VP80".utf8) + littleEndian(width) + littleEndian(height)
        file += littleEndian(rate) + littleEndian(scale)
        file += littleEndian(UInt32(clamping: frames.count)) + littleEndian(UInt32(0))
        for frame in frames {
            file += littleEndian(UInt32(frame.data.count)) + littleEndian(frame.stamp) + frame.data
        }
        return file
    }
}

/// Matroska of VP8, a cluster for each frame.
package enum Matroska {
    private static func element(_ id: [UInt8], _ content: Data) -> Data {
        Data(id) + bigEndian(UInt64(content.count) | 1 << 56) + content
    }

    /// A file of frames with these stamps, in nanoseconds times `scale`.
    package static func file(
        _ frames: [(stamp: Int64, data: Data)], scale: UInt64 = 1_000_000,
        duration: Double? = nil, frameNanoseconds: UInt64? = nil, width: UInt16 = 320,
        height: UInt16 = 240
    ) -> Data {
        let head = element([0x42, 0x82], Data("matroska".utf8))
        var info = element([0x2a, 0xd7, 0xb1], bigEndian(scale))
        if let duration { info += element([0x44, 0x89], bigEndian(duration.bitPattern)) }
        let picture = element([0xb0], bigEndian(width)) + element([0xba], bigEndian(height))
        var track = element([0xd7], Data([1])) + element([0x73, 0xc5], Data([1]))
        track += element([0x83], Data([1])) + element([0x86], Data("V_VP8".utf8))
        if let frameNanoseconds {
            track += element([0x23, 0xe3, 0x83], bigEndian(frameNanoseconds))
        }
        track += element([0xe0], picture)
        var segment = element([0x15, 0x49, 0xa9, 0x66], info)
        segment += element([0x16, 0x54, 0xae, 0x6b], element([0xae], track))
        for frame in frames {
            let block = Data([0x81, 0, 0, 0x80]) + frame.data
            segment += element(
                [0x1f, 0x43, 0xb6, 0x75],
                element([0xe7], bigEndian(frame.stamp)) + element([0xa3], block))
        }
        return element([0x1a, 0x45, 0xdf, 0xa3], head) + element([0x18, 0x53, 0x80, 0x67], segment)
    }
}

/// Boxes of MP4, to be rewritten.
package enum MP4 {
    /// The file with every box of a kind replaced; boxes around it get their new sizes.
    ///
    /// Data that boxes point to must stand before them.
    package static func replacing(_ kind: String, in data: Data, _ body: (Data) -> Data) -> Data {
        let containers = ["moov", "trak", "mdia", "minf", "stbl", "edts"]
        var (result, rest) = (Data(), data)
        while rest.count >= 8 {
            let size = rest.prefix(4).reduce(0) { $0 << 8 | Int($1) }
            guard size >= 8, size <= rest.count else { break }
            let name = String(decoding: rest.dropFirst(4).prefix(4), as: UTF8.self)
            var content = Data(rest.dropFirst(8).prefix(size - 8))
            if containers.contains(name) { content = replacing(kind, in: content, body) }
            if name == kind { content = body(content) }
            result += bigEndian(UInt32(clamping: content.count + 8)) + Data(name.utf8) + content
            rest = rest.dropFirst(size)
        }
        return result + rest
    }
}

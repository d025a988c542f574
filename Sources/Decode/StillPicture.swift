// What a still picture's data says beside its pixels: whether it is cut short, which the decoders
// conceal without a word, and its size, where that is so large that no decoder begins with it.

internal import CFFmpeg

enum StillPicture {
    /// Whether the end that the format prescribes is missing.
    static func isTruncated(_ packet: UnsafeMutablePointer<AVPacket>, codec: AVCodecID) -> Bool {
        guard let start = packet.pointee.data, packet.pointee.size > 0 else { return true }
        let data = UnsafeBufferPointer(start: start, count: Int(packet.pointee.size))
        switch codec {
        case AV_CODEC_ID_MJPEG, AV_CODEC_ID_JPEGLS: return !endsJPEG(data)
        case AV_CODEC_ID_QOI: return !data.suffix(8).elementsEqual([0, 0, 0, 0, 0, 0, 0, 1])
        default: return false
        }
    }

    /// The size that the header of a PNG, JPEG or GIF says; `nil` where it says none.
    static func size(
        of packet: UnsafeMutablePointer<AVPacket>, codec: AVCodecID
    ) -> (width: Int, height: Int)? {
        guard let start = packet.pointee.data, packet.pointee.size > 0 else { return nil }
        let data = UnsafeBufferPointer(start: start, count: Int(packet.pointee.size))
        switch codec {
        case AV_CODEC_ID_PNG, AV_CODEC_ID_APNG:
            guard data.count >= 24, data[12..<16].elementsEqual("IHDR".utf8) else { return nil }
            return (number(data[16..<20]), number(data[20..<24]))
        case AV_CODEC_ID_GIF:
            guard data.count >= 10, data.starts(with: "GIF".utf8) else { return nil }
            return (number(data[6..<8].reversed()), number(data[8..<10].reversed()))
        case AV_CODEC_ID_MJPEG: return sizeOfJPEG(data)
        default: return nil
        }
    }

    private static func number(_ bytes: some Sequence<UInt8>) -> Int {
        bytes.reduce(0) { $0 << 8 | Int($1) }
    }

    /// That of the first start of a frame, which comes before any scan.
    private static func sizeOfJPEG(
        _ data: UnsafeBufferPointer<UInt8>
    ) -> (width: Int, height: Int)? {
        var place = 2
        while place + 9 < data.count, data[place] == 0xff {
            let marker = data[place + 1]
            let isFrame = (0xc0...0xcf).contains(marker) && ![0xc4, 0xc8, 0xcc].contains(marker)
            if isFrame {
                return (
                    number(data[place + 7..<place + 9]), number(data[place + 5..<place + 7])
                )
            }
            place += 2 + max(2, number(data[place + 2..<place + 4]))
        }
        return nil
    }

    /// An end-of-image marker (ISO/IEC 10918-1) after the last start of a scan.
    ///
    /// Earlier ones belong to previews in the header; inside a scan neither marker can occur.
    private static func endsJPEG(_ data: UnsafeBufferPointer<UInt8>) -> Bool {
        guard data.count >= 4 else { return false }
        for index in stride(from: data.count - 2, through: 0, by: -1) where data[index] == 0xff {
            if data[index + 1] == 0xd9 { return true }
            if data[index + 1] == 0xda { return false }
        }
        return false
    }
}

// Whether a still picture's data is cut short. The decoders conceal that without a word.

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

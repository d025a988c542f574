// Where a group of pictures begins that needs nothing that came before it.
//
// A container's key flag says that a picture can be decoded by itself; what follows may still need
// pictures before it (open groups). Only codecs whose packets tell the difference are looked into;
// of all others `false` is the answer, and they are decoded in one go.
//
// Sources: H.264 7.4.1 (coded slice of an IDR picture: type 5), H.265 7.4.2.2 (IDR_W_RADL and
// IDR_N_LP: types 19 and 20); ISO/IEC 14496-15 for the length-prefixed form.

internal import CFFmpeg

enum ClosedGroup {
    /// Whether a keyframe closes off all that came before it.
    static func begins(at packet: UnsafeMutablePointer<AVPacket>, of codec: TrackCodec) -> Bool {
        switch codec.parameters.pointee.codec_id {
        case AV_CODEC_ID_VP8, AV_CODEC_ID_VP9: return true
        case AV_CODEC_ID_H264:
            // 1…5 are slices and their partitions.
            return firstUnit(
                of: packet, codec, lengthByte: 4, where: { (1...5).contains($0 & 0x1f) }
            )
            .map { $0 & 0x1f == 5 } ?? false
        case AV_CODEC_ID_HEVC:
            return firstUnit(of: packet, codec, lengthByte: 21, where: { $0 >> 1 & 0x3f < 32 })
                .map { [19, 20].contains($0 >> 1 & 0x3f) } ?? false
        default: return false
        }
    }

    /// The first byte of the first unit that is asked for.
    /// - Parameter lengthByte: the place in the parameters of the size of the lengths, where units
    ///   have lengths before them and not start codes.
    private static func firstUnit(
        of packet: UnsafeMutablePointer<AVPacket>, _ codec: TrackCodec, lengthByte: Int,
        where isAskedFor: (UInt8) -> Bool
    ) -> UInt8? {
        let data = UnsafeBufferPointer(start: packet.pointee.data, count: Int(packet.pointee.size))
        let parameters = UnsafeBufferPointer(
            start: codec.parameters.pointee.extradata,
            count: Int(codec.parameters.pointee.extradata_size))
        let hasLengths = parameters.count > lengthByte && parameters[0] == 1
        var position = 0
        while let unit = hasLengths
            ? nextByLength(data, &position, size: Int(parameters[lengthByte] & 3) + 1)
            : nextByStartCode(data, &position)
        {
            if isAskedFor(unit) { return unit }
        }
        return nil
    }

    private static func nextByLength(
        _ data: UnsafeBufferPointer<UInt8>, _ position: inout Int, size: Int
    ) -> UInt8? {
        guard data.count - position > size else { return nil }
        let length = data[position..<position + size].reduce(0) { $0 << 8 | Int($1) }
        let first = position + size
        guard length > 0, length <= data.count - first else { return nil }
        position = first + length
        return data[first]
    }

    private static func nextByStartCode(
        _ data: UnsafeBufferPointer<UInt8>, _ position: inout Int
    ) -> UInt8? {
        while position + 3 < data.count {
            if data[position] == 0, data[position + 1] == 0, data[position + 2] == 1 {
                position += 3
                return data[position]
            }
            position += 1
        }
        return nil
    }
}

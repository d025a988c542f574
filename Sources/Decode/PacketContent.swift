// What a packet says of how it may be decoded: whether all that came before is closed off, and which
// parameter sets it brings.
//
// A container's key flag says that a picture can be decoded by itself. Two things can make that
// untrue for a decoder that has not seen the packets before. Pictures that follow may need earlier
// ones (open groups). And parameters may have come in an earlier packet: then the same bits decode
// without an error into another picture. So only codecs are looked into whose packets tell both; of
// all others the answer is no.
//
// Sources: H.264 7.4.1 (types 1 to 5: slices, 5: of an IDR picture; 7, 8, 13, 15: parameter sets),
// H.265 7.4.2.2 (below 32: slices, 19 and 20: IDR; 32 to 34: parameter sets), ISO/IEC 14496-15 for
// the length-prefixed form. Keyframes of VP8 and VP9 bring all that they need (RFC 6386 9.2; VP9
// 7.2).

internal import CFFmpeg
internal import Glibc

/// What stands in one packet of a video track.
struct PacketContent {
    /// Whether it is a keyframe that closes off all that came before it.
    private(set) var closesGroup = false
    /// A digest of the parameter sets that it brings; 0 where there are none.
    private(set) var parameterSets: UInt64 = 0

    /// Whether packets of this codec tell what it takes to decode them.
    static func canTell(_ codec: TrackCodec) -> Bool {
        [AV_CODEC_ID_H264, AV_CODEC_ID_HEVC, AV_CODEC_ID_VP8, AV_CODEC_ID_VP9]
            .contains(codec.parameters.pointee.codec_id)
    }

    init(of packet: UnsafeMutablePointer<AVPacket>, _ codec: TrackCodec) {
        let isKey = packet.pointee.flags & AV_PKT_FLAG_KEY != 0
        switch codec.parameters.pointee.codec_id {
        case AV_CODEC_ID_VP8, AV_CODEC_ID_VP9: closesGroup = isKey
        case AV_CODEC_ID_H264:
            read(
                Units(packet, codec, lengthByte: 4), type: { $0 & 0x1f },
                isSlice: { (1...5).contains($0) }, isIDR: { $0 == 5 },
                isSet: { [7, 8, 13, 15].contains($0) })
        case AV_CODEC_ID_HEVC:
            read(
                Units(packet, codec, lengthByte: 21), type: { $0 >> 1 & 0x3f },
                isSlice: { $0 < 32 }, isIDR: { [19, 20].contains($0) },
                isSet: { (32...34).contains($0) })
        default: break
        }
        closesGroup = closesGroup && isKey
        let brought = [AV_PKT_DATA_NEW_EXTRADATA, AV_PKT_DATA_PARAM_CHANGE].contains {
            av_packet_get_side_data(packet, $0, nil) != nil
        }
        // Those of the container count as different each time.
        if brought { parameterSets = .max }
    }

    private mutating func read(
        _ sequence: Units, type: (UInt8) -> UInt8, isSlice: (UInt8) -> Bool,
        isIDR: (UInt8) -> Bool, isSet: (UInt8) -> Bool
    ) {
        var units = sequence
        var hasSlice = false
        while let unit = units.next(), let first = unit.first {
            let type = type(first)
            if isSet(type) {
                var hasher = Hasher()
                hasher.combine(parameterSets)
                hasher.combine(bytes: UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: unit)))
                parameterSets = UInt64(bitPattern: Int64(hasher.finalize())) | 1
            } else if isSlice(type), !hasSlice {
                hasSlice = true
                closesGroup = isIDR(type)
            }
        }
    }
}

/// The parameter sets that a live stream brought last among its packets.
///
/// Streams that say them once, in their first keyframe, are decoded by decoders that did not see it.
struct InBandSets {
    /// As they stood in the packet, with what parts them.
    private var bytes: [UInt8] = []

    /// Most that is kept; those of real encoders are some dozens of bytes.
    private static let mostBytes = 1 << 16

    /// Notes the sets of a keyframe, or puts those of before in front of one that has none.
    mutating func complete(_ packet: UnsafeMutablePointer<AVPacket>, _ codec: TrackCodec) {
        let own = Self.bytes(of: packet, codec)
        if own.isEmpty { put(before: packet) } else if own.count <= Self.mostBytes { bytes = own }
    }

    /// The parameter sets before the first slice.
    private static func bytes(
        of packet: UnsafeMutablePointer<AVPacket>, _ codec: TrackCodec
    ) -> [UInt8] {
        let isHEVC = codec.parameters.pointee.codec_id == AV_CODEC_ID_HEVC
        guard isHEVC || codec.parameters.pointee.codec_id == AV_CODEC_ID_H264 else { return [] }
        var units = Units(packet, codec, lengthByte: isHEVC ? 21 : 4)
        var bytes: [UInt8] = []
        while let unit = units.next(), let first = unit.first {
            let type = isHEVC ? first >> 1 & 0x3f : first & 0x1f
            if isHEVC ? type < 32 : (1...5).contains(type) { break }
            guard isHEVC ? (32...34).contains(type) : [7, 8, 13, 15].contains(type) else {
                continue
            }
            bytes += units.separator(before: unit.count) + unit
        }
        return bytes
    }

    private func put(before packet: UnsafeMutablePointer<AVPacket>) {
        let size = Int(packet.pointee.size)
        guard !bytes.isEmpty, av_grow_packet(packet, CInt(bytes.count)) >= 0,
            let data = packet.pointee.data
        else { return }
        memmove(data + bytes.count, data, size)
        bytes.withUnsafeBytes { _ = memcpy(data, $0.baseAddress!, $0.count) }
    }
}

/// The units of a packet, by their lengths or by start codes.
private struct Units {
    private let data: UnsafeBufferPointer<UInt8>
    /// Bytes of a length; 0 where there are start codes.
    private let lengthBytes: Int
    private var position = 0

    /// - Parameter lengthByte: the place in the codec's parameters of the size of the lengths.
    init(_ packet: UnsafeMutablePointer<AVPacket>, _ codec: TrackCodec, lengthByte: Int) {
        data = UnsafeBufferPointer(start: packet.pointee.data, count: Int(packet.pointee.size))
        let parameters = UnsafeBufferPointer(
            start: codec.parameters.pointee.extradata,
            count: Int(codec.parameters.pointee.extradata_size))
        let hasLengths = parameters.count > lengthByte && parameters[0] == 1
        lengthBytes = hasLengths ? Int(parameters[lengthByte] & 3) + 1 : 0
        if !hasLengths { skipToStartCode() }
    }

    /// What stands before a unit of so many bytes.
    func separator(before count: Int) -> [UInt8] {
        guard lengthBytes > 0 else { return [0, 0, 1] }
        return (0..<lengthBytes).reversed().map { UInt8(truncatingIfNeeded: count >> ($0 * 8)) }
    }

    mutating func next() -> Slice<UnsafeBufferPointer<UInt8>>? {
        lengthBytes > 0 ? nextByLength() : nextByStartCode()
    }

    private mutating func nextByLength() -> Slice<UnsafeBufferPointer<UInt8>>? {
        guard data.count - position > lengthBytes else { return nil }
        let first = position + lengthBytes
        let length = data[position..<first].reduce(0) { $0 << 8 | Int($1) }
        guard length > 0, length <= data.count - first else { return nil }
        position = first + length
        return data[first..<position]
    }

    private mutating func nextByStartCode() -> Slice<UnsafeBufferPointer<UInt8>>? {
        let first = position + 3
        guard first < data.count else { return nil }
        position = first
        skipToStartCode()
        return data[first..<position]
    }

    private mutating func skipToStartCode() {
        while position + 2 < data.count {
            // Most bytes are no zeros; two of three need not be looked at.
            if data[position + 2] > 1 {
                position += 3
            } else if data[position] == 0, data[position + 1] == 0, data[position + 2] == 1 {
                return
            } else {
                position += 1
            }
        }
        position = data.count
    }
}

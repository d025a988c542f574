// The two things that a stream costs before its pictures are hashed, each by itself, so that they
// can be measured: reading all packets, and decoding keyframes. They go through the demuxer, the
// decoder and the converter that a scan uses.

internal import CFFmpeg

/// Reads the packets of the first video track to the end without decoding any.
package struct PacketWalk: ~Copyable {
    /// What was read.
    package struct Count: Sendable, Hashable {
        package var packets = 0
        package var keyframes = 0
        package var bytes = 0
    }

    private var demuxer: Demuxer
    private let buffers: FrameSource.Buffers

    /// Opens the input; what that costs is paid here.
    package init(_ input: MediaInput, interrupt: Interrupt) throws(DecodeError) {
        var demuxer = try Demuxer(
            OpenMedia(input, interrupt: interrupt), form: .luma, interrupt: interrupt)
        demuxer.select(demuxer.tracks[0], keyframesOnly: false)
        buffers = try FrameSource.Buffers()
        self.demuxer = demuxer
    }

    /// Reads on to the end.
    package mutating func readAll() throws(DecodeError) -> Count {
        var count = Count()
        while try demuxer.read(into: buffers.packet) {
            count.packets += 1
            count.bytes += Int(buffers.packet.pointee.size)
            if buffers.packet.pointee.flags & AV_PKT_FLAG_KEY != 0 { count.keyframes += 1 }
            av_packet_unref(buffers.packet)
        }
        return count
    }
}

/// Keyframes of the first video track, held in memory and decoded on demand, as often as asked.
package struct KeyframeReplay: ~Copyable {
    private let keyframes: PacketList
    private let decoder: VideoDecoder
    private var converter: LumaConverter
    private let buffers: FrameSource.Buffers

    /// Reads the keyframes.
    /// - Parameter limit: how many at most.
    package init(_ input: MediaInput, limit: Int, interrupt: Interrupt) throws(DecodeError) {
        var demuxer = try Demuxer(
            OpenMedia(input, interrupt: interrupt), form: .luma, interrupt: interrupt)
        let track = demuxer.tracks[0]
        demuxer.select(track, keyframesOnly: true)
        let buffers = try FrameSource.Buffers()
        let keyframes = PacketList()
        while keyframes.packets.count < limit, try demuxer.read(into: buffers.packet) {
            if buffers.packet.pointee.flags & AV_PKT_FLAG_KEY != 0 {
                try keyframes.append(buffers.packet)
            }
            av_packet_unref(buffers.packet)
        }
        guard !keyframes.packets.isEmpty else { throw DecodeError(.damaged, "has no keyframe") }
        decoder = try VideoDecoder(TrackCodec(demuxer.stream(track)), threads: 1, limits: .video)
        converter = LumaConverter(.luma)
        self.keyframes = keyframes
        self.buffers = buffers
    }

    /// Number of keyframes held.
    package var count: Int { keyframes.packets.count }

    /// Bytes of the keyframes, encoded.
    package var byteCount: Int { keyframes.byteCount }

    /// Decodes one keyframe by itself to luma.
    /// - Parameter number: counted from 0; after the last one the first comes again.
    package mutating func decode(_ number: Int) throws(DecodeError) -> LumaFrame {
        let packet = keyframes.packets[number % keyframes.packets.count]
        guard case .picture = decoder.keyframe(packet, into: buffers.frame) else {
            throw DecodeError(.damaged, "a keyframe could not be decoded")
        }
        return try converter.luma(
            taking: buffers.frame, mediaTime: 0, number: number)
    }
}

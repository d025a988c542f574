// Writes a synthetic clip to a file, repeated as often as asked, as MP4 (what uploads are) or as an
// MPEG transport stream (what live streams are cut from).

internal import CFFmpeg

/// A kind of file that a clip can be written as.
public enum SyntheticContainer: String, Sendable {
    /// What uploads are.
    case mp4
    /// A transport stream, from which live streams are cut.
    case mpegts
}

extension SyntheticClip {
    /// Writes a file.
    /// - Parameter repeats: how often the clip is in it.
    public func write(
        to path: String, as container: SyntheticContainer, repeats: Int
    ) throws(DecodeError) {
        let file = try ClipFile(container, timeBase: timeBase)
        try file.begin(path, parameters: parameters)
        for number in 0..<repeats {
            let shift = Int64(number * settings.frames)
            for packet in packets.packets { try file.write(packet, shiftedBy: shift) }
        }
        try file.finish()
    }
}

/// One open output file with one video track.
private struct ClipFile: ~Copyable {
    private let context: UnsafeMutablePointer<AVFormatContext>
    private let packet: UnsafeMutablePointer<AVPacket>
    private let timeBase: AVRational

    init(_ container: SyntheticContainer, timeBase: AVRational) throws(DecodeError) {
        var context: UnsafeMutablePointer<AVFormatContext>?
        let made = avformat_alloc_output_context2(&context, nil, container.rawValue, nil)
        guard made >= 0, let context, let packet = av_packet_alloc() else {
            avformat_free_context(context)
            throw DecodeError(.unsupported, "this FFmpeg cannot write \(container.rawValue)")
        }
        self.context = context
        self.packet = packet
        self.timeBase = timeBase
    }

    deinit {
        avio_closep(&context.pointee.pb)
        avformat_free_context(context)
        var freeing: UnsafeMutablePointer<AVPacket>? = packet
        av_packet_free(&freeing)
    }

    func begin(_ path: String, parameters: CodecParameters) throws(DecodeError) {
        guard let stream = avformat_new_stream(context, nil),
            avcodec_parameters_copy(stream.pointee.codecpar, parameters.pointer) >= 0
        else { throw DecodeError(.io, "out of memory") }
        stream.pointee.codecpar.pointee.codec_tag = 0
        stream.pointee.time_base = timeBase
        try Self.check(avio_open(&context.pointee.pb, "file:" + path, AVIO_FLAG_WRITE))
        try Self.check(avformat_write_header(context, nil))
    }

    func write(
        _ original: UnsafeMutablePointer<AVPacket>, shiftedBy frames: Int64
    ) throws(DecodeError) {
        try Self.check(av_packet_ref(packet, original))
        packet.pointee.pts += frames
        packet.pointee.dts += frames
        packet.pointee.stream_index = 0
        // Non-nil: the one stream was made at the start.
        av_packet_rescale_ts(packet, timeBase, context.pointee.streams[0]!.pointee.time_base)
        try Self.check(av_interleaved_write_frame(context, packet))
    }

    func finish() throws(DecodeError) {
        try Self.check(av_write_trailer(context))
        avio_flush(context.pointee.pb)
        try Self.check(context.pointee.pb.pointee.error)
    }

    private static func check(_ status: CInt) throws(DecodeError) {
        guard status >= 0 else {
            throw DecodeError(
                status: status, doing: "cannot write the clip", interrupt: Interrupt())
        }
    }
}

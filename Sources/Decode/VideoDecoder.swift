// One open decoder. Owns its AVCodecContext.
//
// `keyframe` gives a keyframe's picture at once: with B-frames in the stream a decoder would hold
// it back until later packets come, so the packet is followed by a drain and a flush, which costs
// nothing.

internal import CFFmpeg
internal import Synchronization

struct VideoDecoder: ~Copyable {
    /// Larger pictures are refused: 2^27 samples are 16384 x 8192.
    private static let maximumPixels: Int64 = 1 << 27

    private let context: UnsafeMutablePointer<AVCodecContext>

    init(_ track: TrackCodec, threads: Int) throws(DecodeError) {
        let id = track.parameters.pointee.codec_id
        guard let codec = avcodec_find_decoder(id) else {
            let name = String(cString: avcodec_get_name(id))
            throw DecodeError(.unsupported, "codec \(name) cannot be decoded by this FFmpeg")
        }
        guard let context = avcodec_alloc_context3(codec) else {
            throw DecodeError(.io, "out of memory")
        }
        var status = avcodec_parameters_to_context(context, track.parameters)
        if status >= 0 {
            context.pointee.pkt_timebase = track.timeBase
            context.pointee.thread_count = CInt(threads)
            context.pointee.max_pixels = Self.maximumPixels
            // Recovery points of intra-refresh streams give their pictures too.
            context.pointee.flags |= CInt(bitPattern: UInt32(AV_CODEC_FLAG_OUTPUT_CORRUPT))
            status = avcodec_open2(context, codec, nil)
        }
        guard status >= 0 else {
            var freeing: UnsafeMutablePointer<AVCodecContext>? = context
            avcodec_free_context(&freeing)
            throw DecodeError(
                status: status, doing: "cannot open the decoder", interrupt: Interrupt())
        }
        self.context = context
        Self.opened.add(1, ordering: .relaxed)
    }

    /// Decoders that are open now, in the whole process.
    static var openCount: Int { opened.load(ordering: .relaxed) }
    private static let opened = Atomic<Int>(0)

    /// Leaves out H.264's loop filter from the next picture on, where pictures are large.
    ///
    /// It smooths the edges of blocks, which a hash of 64x64 points hardly sees: 0 to 2 bits at 1080p
    /// and 2 Mb/s (186 keyframes of eight clips at three sizes: 0.6 on average, 8 at most, that at
    /// 360p), and takes a quarter of a keyframe's time.
    func leaveOutLoopFilter(after frame: UnsafeMutablePointer<AVFrame>) {
        let pixels = Int(frame.pointee.width) * Int(frame.pointee.height)
        let isLarge = pixels >= Self.largePicture
        guard context.pointee.codec_id == AV_CODEC_ID_H264 else { return }
        context.pointee.skip_loop_filter = isLarge ? AVDISCARD_ALL : AVDISCARD_DEFAULT
    }

    /// Pixels from which on the loop filter's share of the time matters: 720p.
    private static let largePicture = 1280 * 720

    deinit {
        Self.opened.subtract(1, ordering: .relaxed)
        var freeing: UnsafeMutablePointer<AVCodecContext>? = context
        avcodec_free_context(&freeing)
    }

    /// What came of a packet that is said to be a keyframe.
    enum Keyframe {
        /// The frame holds its picture.
        case picture
        /// It could not be decoded.
        case failure
        /// It needs pictures before it: the container's key flag is wrong, or marks a point from
        /// which an intra-refresh stream recovers. Decoded by itself it gives rubbish.
        case dependent
    }

    /// Decodes one keyframe by itself.
    func keyframe(
        _ packet: UnsafeMutablePointer<AVPacket>, into frame: UnsafeMutablePointer<AVFrame>
    ) -> Keyframe {
        defer { avcodec_flush_buffers(context) }
        guard avcodec_send_packet(context, packet) >= 0 else { return .failure }
        avcodec_send_packet(context, nil)
        guard avcodec_receive_frame(context, frame) >= 0 else { return .failure }
        switch frame.pointee.pict_type {
        case AV_PICTURE_TYPE_P, AV_PICTURE_TYPE_B, AV_PICTURE_TYPE_S:
            av_frame_unref(frame)
            return .dependent
        default: return .picture
        }
    }

    /// Whether errors had to be concealed in a picture.
    static func isDamaged(_ frame: UnsafeMutablePointer<AVFrame>) -> Bool {
        frame.pointee.decode_error_flags != 0 || frame.pointee.flags & AV_FRAME_FLAG_CORRUPT != 0
    }

    /// Feeds one packet, or the end of the stream (`nil`).
    /// - Returns: whether the decoder took it without an error.
    func send(_ packet: UnsafeMutablePointer<AVPacket>?) -> Bool {
        let status = avcodec_send_packet(context, packet)
        return status >= 0 || status == vigil_AVERROR_EOF
    }

    /// What `receive` found.
    enum Received { case frame, none, failure }

    /// Takes the next decoded frame, if one is ready.
    func receive(into frame: UnsafeMutablePointer<AVFrame>) -> Received {
        let status = avcodec_receive_frame(context, frame)
        if status >= 0 { return .frame }
        return status == vigil_AVERROR_EAGAIN || status == vigil_AVERROR_EOF ? .none : .failure
    }

    /// Forgets everything fed so far.
    func flush() { avcodec_flush_buffers(context) }
}

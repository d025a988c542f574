// One open decoder. Owns its AVCodecContext.
//
// `keyframe` gives a keyframe's picture at once: with B-frames in the stream a decoder would hold
// it back until later packets come, so the packet is followed by a drain and a flush, which costs
// nothing.

internal import CFFmpeg
internal import Synchronization

struct VideoDecoder: ~Copyable {
    private let context: UnsafeMutablePointer<AVCodecContext>
    private let allowance: PictureAllowance
    /// What the container's word for the size is refused with.
    private let refusalOfDeclared: PictureRefusal?

    /// Opens a decoder.
    /// - Parameters:
    ///   - limits: what its pictures may take.
    ///   - shared: what those of several decoders may take together.
    init(
        _ track: TrackCodec, threads: Int, limits: PictureLimits,
        sharing shared: PictureBudget? = nil
    ) throws(DecodeError) {
        let id = track.parameters.pointee.codec_id
        guard let codec = avcodec_find_decoder(id) else {
            let name = String(cString: avcodec_get_name(id))
            throw DecodeError(.unsupported, "codec \(name) cannot be decoded by this FFmpeg")
        }
        guard let context = avcodec_alloc_context3(codec) else {
            throw DecodeError(.io, "out of memory")
        }
        let allowance = PictureAllowance(limits, sharing: shared)
        var status = avcodec_parameters_to_context(context, track.parameters)
        if status >= 0 {
            context.pointee.pkt_timebase = track.timeBase
            context.pointee.thread_count = CInt(threads)
            allowance.install(in: context, codec)
            // Recovery points of intra-refresh streams give their pictures too.
            context.pointee.flags |= CInt(bitPattern: UInt32(AV_CODEC_FLAG_OUTPUT_CORRUPT))
            status =
                withMemory(atMost: limits.mostBytes) {
                    avcodec_open2(context, codec, nil)
                }.result
        }
        guard status >= 0 else {
            var freeing: UnsafeMutablePointer<AVCodecContext>? = context
            avcodec_free_context(&freeing)
            if let refusal = track.refusal(by: limits) {
                throw DecodeError(.unsupported, refusal.text)
            }
            throw DecodeError(
                status: status, doing: "cannot open the decoder", interrupt: Interrupt())
        }
        self.context = context
        self.allowance = allowance
        refusalOfDeclared = track.refusal(by: limits)
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
        let decoded = within {
            defer { avcodec_flush_buffers(context) }
            guard avcodec_send_packet(context, packet) >= 0 else { return false }
            avcodec_send_packet(context, nil)
            return avcodec_receive_frame(context, frame) >= 0
        }
        guard decoded else {
            noteDeclared()
            return .failure
        }
        guard isAdmitted(frame) else { return .failure }
        switch frame.pointee.pict_type {
        case AV_PICTURE_TYPE_P, AV_PICTURE_TYPE_B, AV_PICTURE_TYPE_S:
            av_frame_unref(frame)
            return .dependent
        default: return .picture
        }
    }

    /// Why memory for a picture was refused since this was asked last; `nil` where none was.
    func takeRefusal() -> PictureRefusal? { allowance.takeRefusal() }

    /// The most memory that its pictures took since they have their size, bytes; it goes on to hold
    /// that.
    var peakBytes: Int { allowance.peakBytes }

    /// Runs a call of the decoder in the memory that it may take.
    private func within<Result>(_ body: () -> Result) -> Result {
        let (result, wasRefused) = withMemory(atMost: allowance.limits.mostBytes, body)
        if wasRefused { allowance.refuse(atLeast: PictureRefusal(bytes: allowance.limits)) }
        return result
    }

    /// Where nothing came, the container's word for the size may be why: the library does without a
    /// size that is too large, and some decoders then have none.
    private func noteDeclared() {
        if let refusalOfDeclared { allowance.refuse(atLeast: refusalOfDeclared) }
    }

    /// Whether a picture is within the limits; one that is not is dropped.
    private func isAdmitted(_ frame: UnsafeMutablePointer<AVFrame>) -> Bool {
        if allowance.admits(shown: frame) { return true }
        av_frame_unref(frame)
        return false
    }

    /// Whether errors had to be concealed in a picture.
    static func isDamaged(_ frame: UnsafeMutablePointer<AVFrame>) -> Bool {
        frame.pointee.decode_error_flags != 0 || frame.pointee.flags & AV_FRAME_FLAG_CORRUPT != 0
    }

    /// Feeds one packet, or the end of the stream (`nil`).
    /// - Returns: whether the decoder took it without an error.
    func send(_ packet: UnsafeMutablePointer<AVPacket>?) -> Bool {
        let status = within { avcodec_send_packet(context, packet) }
        if status < 0, status != vigil_AVERROR_EOF { noteDeclared() }
        return status >= 0 || status == vigil_AVERROR_EOF
    }

    /// What `receive` found.
    enum Received { case frame, none, failure }

    /// Takes the next decoded frame, if one is ready.
    func receive(into frame: UnsafeMutablePointer<AVFrame>) -> Received {
        let status = within { avcodec_receive_frame(context, frame) }
        if status >= 0 { return isAdmitted(frame) ? .frame : .failure }
        return status == vigil_AVERROR_EAGAIN || status == vigil_AVERROR_EOF ? .none : .failure
    }

    /// Forgets everything fed so far.
    func flush() { avcodec_flush_buffers(context) }
}

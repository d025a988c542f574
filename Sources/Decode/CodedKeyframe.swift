// A keyframe on its way to another thread, and the decoder that waits for it there.
//
// Keyframes need nothing that came before them, so while the reader goes on to the next one they
// can be decoded anywhere. A CodedKeyframe owns all that it takes: its packet and the codec's
// parameters, copied, so that neither the container nor its reader need outlive it.

internal import CFFmpeg

/// What it takes to open a decoder of one track: a copy of the container's parameters.
final class TrackCodec: @unchecked Sendable {
    // Sound: nothing writes to the parameters after `init`.
    let parameters: UnsafeMutablePointer<AVCodecParameters>
    let timeBase: AVRational

    init(_ stream: UnsafeMutablePointer<AVStream>) throws(DecodeError) {
        guard let source = stream.pointee.codecpar else {
            throw DecodeError(.damaged, "has a video track without parameters")
        }
        var copy = avcodec_parameters_alloc()
        guard let made = copy, avcodec_parameters_copy(made, source) >= 0 else {
            avcodec_parameters_free(&copy)
            throw DecodeError(.io, "out of memory")
        }
        parameters = made
        timeBase = stream.pointee.time_base
    }

    deinit {
        var freeing: UnsafeMutablePointer<AVCodecParameters>? = parameters
        avcodec_parameters_free(&freeing)
    }
}

/// One keyframe that is not decoded yet.
public struct CodedKeyframe: ~Copyable, @unchecked Sendable {
    // Sound: the packet is uniquely owned; the data behind it is reference-counted atomically by
    // libavutil and not written again.
    let packet: UnsafeMutablePointer<AVPacket>
    let codec: TrackCodec
    let form: FrameForm
    /// Seconds from the start of the stream.
    public let mediaTime: Double

    /// Takes the contents of `packet`, which is empty afterwards.
    init(
        taking source: UnsafeMutablePointer<AVPacket>, codec: TrackCodec, form: FrameForm,
        mediaTime: Double
    ) throws(DecodeError) {
        guard let packet = av_packet_alloc() else { throw DecodeError(.io, "out of memory") }
        av_packet_move_ref(packet, source)
        self.packet = packet
        self.codec = codec
        self.form = form
        self.mediaTime = mediaTime
    }

    deinit {
        var freeing: UnsafeMutablePointer<AVPacket>? = packet
        av_packet_free(&freeing)
    }
}

/// Decodes keyframes of any tracks, one after the other; keeps the newest track's decoder.
public struct KeyframeDecoder: ~Copyable {
    struct Open: ~Copyable {
        let codec: TrackCodec
        let decoder: VideoDecoder
        var converter: LumaConverter
    }

    private var open: Open?
    private var frame: UnsafeMutablePointer<AVFrame>?

    /// Makes a decoder that has nothing open.
    public init() { frame = av_frame_alloc() }

    deinit {
        var freeing = frame
        av_frame_free(&freeing)
    }

    /// Decodes a keyframe.
    /// - Returns: its picture; `nil` where it could not be decoded without any error, or turned out
    ///   to need what came before it: then the reader itself has to see to it.
    public mutating func picture(of keyframe: borrowing CodedKeyframe) -> LumaFrame? {
        guard let frame, prepare(for: keyframe) else { return nil }
        defer { av_frame_unref(frame) }
        guard case .picture? = open?.decoder.keyframe(keyframe.packet, into: frame),
            !VideoDecoder.isDamaged(frame)
        else { return nil }
        return try? open?.converter.luma(taking: frame, mediaTime: keyframe.mediaTime, number: 0)
    }

    /// Gives back the memory of the newest track's decoder.
    public mutating func close() { open = nil }

    private mutating func prepare(for keyframe: borrowing CodedKeyframe) -> Bool {
        let codec = keyframe.codec
        if open?.codec === codec { return true }
        open = nil
        guard let decoder = try? VideoDecoder(codec, threads: 1) else { return false }
        open = Open(codec: codec, decoder: decoder, converter: LumaConverter(keyframe.form))
        return true
    }
}

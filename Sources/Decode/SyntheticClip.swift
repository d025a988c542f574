// A clip of the synthetic film, encoded by the libraries at hand: what `vigil bench` decodes.
//
// Encoded once and kept as packets in memory (a few megabytes: seconds at a few megabits), then
// written to a file as often repeated as a measurement needs. Every group of pictures is closed and
// the film comes round, so a repetition is a film like any other. Which encoder made it matters
// little to a decoder, that it is there at all does: FFmpeg is built with very different ones.

internal import CFFmpeg

/// A codec that clips can be made in.
public enum SyntheticCodec: String, Sendable, CaseIterable {
    /// H.264.
    case h264
    /// H.265.
    case hevc
    /// MPEG-2 video.
    case mpeg2
    /// MPEG-4 part 2.
    case mpeg4
    /// VP9.
    case vp9
    /// AV1.
    case av1

    /// Its name for people.
    public var name: String {
        switch self {
        case .h264: "H.264"
        case .hevc: "HEVC"
        case .mpeg2: "MPEG-2"
        case .mpeg4: "MPEG-4"
        case .vp9: "VP9"
        case .av1: "AV1"
        }
    }

    /// Encoders in the order of preference and how they are told to be quick and to close every
    /// group of pictures.
    fileprivate var encoders: [(name: String, options: [String: String])] {
        switch self {
        case .h264:
            [
                ("libx264", ["preset": "veryfast", "x264-params": "scenecut=0:open-gop=0"]),
                ("libopenh264", [:]),
            ]
        case .hevc:
            [
                (
                    "libx265",
                    [
                        "preset": "ultrafast",
                        "x265-params": "scenecut=0:open-gop=0:log-level=none",
                    ]
                ), ("libkvazaar", [:]),
            ]
        case .mpeg2: [("mpeg2video", Self.noSceneCuts)]
        case .mpeg4: [("mpeg4", Self.noSceneCuts)]
        case .vp9:
            [
                (
                    "libvpx-vp9",
                    [
                        "deadline": "realtime", "cpu-used": "8", "row-mt": "1",
                        "lag-in-frames": "0", "auto-alt-ref": "0",
                    ]
                )
            ]
        case .av1: [("libsvtav1", ["preset": "12"])]
        }
    }

    /// Closed groups of pictures are refused to these encoders unless they leave scene cuts alone.
    private static let noSceneCuts = ["sc_threshold": "1000000000"]
}

/// What a clip is to be like.
public struct SyntheticSettings: Sendable, Hashable {
    /// What it is encoded in.
    public var codec: SyntheticCodec
    /// Pixels in a row, even.
    public var width: Int
    /// Number of rows, even.
    public var height: Int
    /// Frames shown in a second.
    public var framesPerSecond = 30
    /// Bits that the encoder is asked for, thousands a second.
    public var kilobitsPerSecond: Int
    /// From one keyframe to the next, seconds.
    public var keyframeInterval: Double
    /// Keyframes before the clip repeats.
    public var keyframes: Int
    /// What its picture is painted from: another number is another picture.
    public var seed: UInt64 = 1

    /// Makes settings for 30 frames a second.
    public init(
        codec: SyntheticCodec, width: Int, height: Int, kilobitsPerSecond: Int,
        keyframeInterval: Double, keyframes: Int
    ) {
        self.codec = codec
        self.width = width
        self.height = height
        self.kilobitsPerSecond = kilobitsPerSecond
        self.keyframeInterval = keyframeInterval
        self.keyframes = keyframes
    }

    /// Frames from one keyframe to the next.
    var group: Int { max(1, Int(bounded: (keyframeInterval * Double(framesPerSecond)).rounded())) }

    /// Frames before the clip repeats.
    var frames: Int { group * max(1, keyframes) }

    /// Length of one repetition, seconds.
    public var seconds: Double { Double(frames) / Double(framesPerSecond) }
}

/// An encoded clip in memory.
public final class SyntheticClip {
    /// What it was asked to be like.
    public let settings: SyntheticSettings
    /// Bytes of one repetition.
    public let byteCount: Int
    let packets: PacketList
    let parameters: CodecParameters
    let timeBase: AVRational

    /// Paints and encodes the clip; takes seconds.
    /// - Parameter limit: seconds after which encoding is given up.
    /// - Throws: `DecodeError` of code `unsupported` where there is no encoder, `timedOut` where
    ///   the one there is too slow.
    public init(
        _ settings: SyntheticSettings, limit: Double, interrupt: Interrupt
    ) throws(DecodeError) {
        self.settings = settings
        let encoder = try ClipEncoder(settings)
        let film = SyntheticFilm(
            width: settings.width, height: settings.height, loopFrames: settings.frames,
            seed: settings.seed)
        let packets = PacketList()
        let deadline = av_gettime_relative() + Int64(bounded: limit * 1_000_000)
        // What an encoder makes of the first group says little: its rate control does not know the
        // film yet.
        for number in 0..<settings.group + settings.frames {
            if interrupt.isCancelled { throw DecodeError(.cancelled, "stopped") }
            guard av_gettime_relative() < deadline else {
                throw DecodeError(
                    .timedOut, "its encoder needs more than \(Int(bounded: limit)) s here")
            }
            try encoder.encode(number, of: film, into: packets)
        }
        try encoder.finish(into: packets)
        packets.drop(before: Int64(settings.group))
        self.packets = packets
        parameters = try encoder.parameters()
        timeBase = encoder.timeBase
        byteCount = packets.byteCount
    }

    /// Whether the libraries have an encoder for a codec.
    public static func canEncode(_ codec: SyntheticCodec) -> Bool {
        codec.encoders.contains { avcodec_find_encoder_by_name($0.name) != nil }
    }

    /// Bits of the clip, thousands a second, as they came out.
    public var kilobitsPerSecond: Double {
        Double(byteCount) * 8 / 1000 / settings.seconds
    }
}

/// Packets that are owned together.
final class PacketList {
    private(set) var packets: [UnsafeMutablePointer<AVPacket>] = []

    deinit {
        for packet in packets {
            var freeing: UnsafeMutablePointer<AVPacket>? = packet
            av_packet_free(&freeing)
        }
    }

    var byteCount: Int { packets.reduce(0) { $0 + Int($1.pointee.size) } }

    /// Drops what is shown before a time, in whole closed groups, and counts time from there.
    func drop(before time: Int64) {
        let dropped = packets.filter { $0.pointee.pts < time }
        packets.removeAll { $0.pointee.pts < time }
        for packet in dropped {
            var freeing: UnsafeMutablePointer<AVPacket>? = packet
            av_packet_free(&freeing)
        }
        for packet in packets {
            packet.pointee.pts -= time
            packet.pointee.dts -= time
        }
    }

    /// Keeps another reference to the data of a packet.
    func append(_ packet: UnsafeMutablePointer<AVPacket>) throws(DecodeError) {
        guard let kept = av_packet_clone(packet) else { throw DecodeError(.io, "out of memory") }
        packets.append(kept)
    }
}

/// Owns what a muxer needs to know of a codec.
final class CodecParameters {
    let pointer: UnsafeMutablePointer<AVCodecParameters>

    init(of context: UnsafeMutablePointer<AVCodecContext>) throws(DecodeError) {
        guard let pointer = avcodec_parameters_alloc() else {
            throw DecodeError(.io, "out of memory")
        }
        self.pointer = pointer
        guard avcodec_parameters_from_context(pointer, context) >= 0 else {
            throw DecodeError(.io, "out of memory")
        }
    }

    deinit {
        var freeing: UnsafeMutablePointer<AVCodecParameters>? = pointer
        avcodec_parameters_free(&freeing)
    }
}

/// One open encoder with the frame and the packet that all goes through.
private struct ClipEncoder: ~Copyable {
    private let context: UnsafeMutablePointer<AVCodecContext>
    private let buffers: FrameSource.Buffers

    init(_ settings: SyntheticSettings) throws(DecodeError) {
        let buffers = try FrameSource.Buffers()
        buffers.frame.pointee.format = AV_PIX_FMT_YUV420P.rawValue
        buffers.frame.pointee.width = CInt(settings.width)
        buffers.frame.pointee.height = CInt(settings.height)
        guard av_frame_get_buffer(buffers.frame, 0) >= 0 else {
            throw DecodeError(.io, "out of memory for a picture")
        }
        context = try Self.open(settings)
        self.buffers = buffers
    }

    deinit {
        var freeing: UnsafeMutablePointer<AVCodecContext>? = context
        avcodec_free_context(&freeing)
    }

    var timeBase: AVRational { context.pointee.time_base }

    func parameters() throws(DecodeError) -> CodecParameters { try CodecParameters(of: context) }

    /// Opens the first encoder that is there and willing.
    private static func open(
        _ settings: SyntheticSettings
    ) throws(DecodeError) -> UnsafeMutablePointer<AVCodecContext> {
        var refused = ""
        for encoder in settings.codec.encoders {
            guard let codec = avcodec_find_encoder_by_name(encoder.name) else { continue }
            guard let context = avcodec_alloc_context3(codec) else {
                throw DecodeError(.io, "out of memory")
            }
            configure(context, settings)
            var options: OpaquePointer?
            defer { av_dict_free(&options) }
            for (key, value) in encoder.options { av_dict_set(&options, key, value, 0) }
            if avcodec_open2(context, codec, &options) >= 0 { return context }
            var freeing: UnsafeMutablePointer<AVCodecContext>? = context
            avcodec_free_context(&freeing)
            refused = " that can be opened (\(encoder.name) refuses)"
        }
        throw DecodeError(
            .unsupported, "this FFmpeg has no \(settings.codec.name) encoder\(refused)")
    }

    private static func configure(
        _ context: UnsafeMutablePointer<AVCodecContext>, _ settings: SyntheticSettings
    ) {
        let rate = CInt(settings.framesPerSecond)
        let bits = settings.kilobitsPerSecond * 1000
        context.pointee.width = CInt(settings.width)
        context.pointee.height = CInt(settings.height)
        context.pointee.pix_fmt = AV_PIX_FMT_YUV420P
        context.pointee.color_range = AVCOL_RANGE_MPEG
        context.pointee.time_base = AVRational(num: 1, den: rate)
        context.pointee.framerate = AVRational(num: rate, den: 1)
        context.pointee.bit_rate = Int64(bits)
        context.pointee.gop_size = CInt(settings.group)
        context.pointee.keyint_min = CInt(settings.group)
        context.pointee.thread_count = 0
        context.pointee.flags |=
            CInt(bitPattern: UInt32(AV_CODEC_FLAG_GLOBAL_HEADER))
            | CInt(bitPattern: UInt32(AV_CODEC_FLAG_CLOSED_GOP))
    }

    func encode(
        _ number: Int, of film: SyntheticFilm, into packets: PacketList
    ) throws(DecodeError) {
        let frame = buffers.frame
        // The encoder may still refer to the picture before.
        guard av_frame_make_writable(frame) >= 0, let luma = frame.pointee.data.0,
            let blue = frame.pointee.data.1, let red = frame.pointee.data.2
        else { throw DecodeError(.io, "out of memory for a picture") }
        film.paintLuma(frame: number, into: luma, stride: Int(frame.pointee.linesize.0))
        film.paintChroma(
            frame: number, plane: 0, into: blue, stride: Int(frame.pointee.linesize.1))
        film.paintChroma(
            frame: number, plane: 1, into: red, stride: Int(frame.pointee.linesize.2))
        frame.pointee.pts = Int64(number)
        try check(avcodec_send_frame(context, frame))
        try receive(into: packets)
    }

    func finish(into packets: PacketList) throws(DecodeError) {
        try check(avcodec_send_frame(context, nil))
        try receive(into: packets)
    }

    private func receive(into packets: PacketList) throws(DecodeError) {
        while true {
            let status = avcodec_receive_packet(context, buffers.packet)
            if status == vigil_AVERROR_EAGAIN || status == vigil_AVERROR_EOF { return }
            try check(status)
            if buffers.packet.pointee.duration == 0 { buffers.packet.pointee.duration = 1 }
            try packets.append(buffers.packet)
            av_packet_unref(buffers.packet)
        }
    }

    private func check(_ status: CInt) throws(DecodeError) {
        guard status >= 0 else {
            throw DecodeError(status: status, doing: "cannot encode", interrupt: Interrupt())
        }
    }
}

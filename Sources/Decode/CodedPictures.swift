// What can be decoded by itself, on its way to another thread.
//
// A keyframe needs nothing that came before it, and what follows a keyframe that closes off what
// came before needs nothing but that one. While the reader goes on, these can be decoded anywhere
// (StandaloneDecoder). They own all that it takes: their packets and the codec's parameters,
// copied, so that neither the container nor its reader need outlive them.

internal import CFFmpeg

/// What it takes to open a decoder of one track: a copy of the container's parameters.
final class TrackCodec: @unchecked Sendable {
    // Sound: nothing writes to the parameters after `init`.
    let parameters: UnsafeMutablePointer<AVCodecParameters>
    let timeBase: AVRational

    /// Most bytes of parameters; those of real encoders are some dozens, those of pictures with a
    /// colour profile some hundred thousand.
    private static let mostExtradata = 4 << 20

    /// - Parameter extradata: what the stream has said since of how it is coded; the container's
    ///   parameters are of its beginning.
    init(
        _ stream: UnsafeMutablePointer<AVStream>, extradata: [UInt8]? = nil
    ) throws(DecodeError) {
        guard let source = stream.pointee.codecpar else {
            throw DecodeError(.damaged, "has a video track without parameters")
        }
        // A copy goes with each keyframe of a live stream.
        guard source.pointee.extradata_size <= Self.mostExtradata else {
            throw DecodeError(
                .unsupported, "has more than \(Self.mostExtradata >> 20) MB of decoder parameters")
        }
        var copy = avcodec_parameters_alloc()
        guard let made = copy, avcodec_parameters_copy(made, source) >= 0 else {
            avcodec_parameters_free(&copy)
            throw DecodeError(.io, "out of memory")
        }
        if let extradata, !Self.replace(extradata, in: made) {
            avcodec_parameters_free(&copy)
            throw DecodeError(.io, "out of memory")
        }
        parameters = made
        timeBase = stream.pointee.time_base
    }

    private static func replace(
        _ extradata: [UInt8], in parameters: UnsafeMutablePointer<AVCodecParameters>
    ) -> Bool {
        let padding = Int(AV_INPUT_BUFFER_PADDING_SIZE)
        guard let memory = av_mallocz(extradata.count + padding) else { return false }
        extradata.withUnsafeBytes { memory.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
        av_freep(&parameters.pointee.extradata)
        parameters.pointee.extradata = memory.assumingMemoryBound(to: UInt8.self)
        parameters.pointee.extradata_size = CInt(extradata.count)
        return true
    }

    deinit {
        var freeing: UnsafeMutablePointer<AVCodecParameters>? = parameters
        avcodec_parameters_free(&freeing)
    }

    /// Whether a decoder for these is one for those: streams of one kind of encoder share decoders.
    func isSame(as other: TrackCodec) -> Bool {
        self === other || Self.areSame(parameters.pointee, other.parameters.pointee)
    }

    private static func areSame(_ one: AVCodecParameters, _ other: AVCodecParameters) -> Bool {
        guard one.codec_id == other.codec_id, one.width == other.width,
            one.height == other.height, one.extradata_size == other.extradata_size
        else { return false }
        guard one.extradata_size > 0 else { return true }
        return UnsafeBufferPointer(start: one.extradata, count: Int(one.extradata_size))
            .elementsEqual(
                UnsafeBufferPointer(start: other.extradata, count: Int(other.extradata_size)))
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
    public private(set) var mediaTime: Double

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

    /// Gives it another time, by a clock that goes on where the stream's own does not.
    public mutating func place(at mediaTime: Double) { self.mediaTime = mediaTime }

    deinit {
        var freeing: UnsafeMutablePointer<AVPacket>? = packet
        av_packet_free(&freeing)
    }
}

/// All packets from one keyframe that closes off what came before to the next one.
///
/// What pictures it will give, at which times, and which of them are sampled, is known from the
/// packets.
public struct CodedGroup: ~Copyable, @unchecked Sendable {
    // Sound: as CodedKeyframe.

    /// One picture that the group will give.
    struct Picture {
        /// Presentation stamp in the track's unit.
        var stamp: Int64
        /// Seconds from the start of the stream.
        var time: Double
        /// Whether it is looked at.
        var isWanted: Bool
    }

    /// What it takes to read it again, should it turn out that it cannot be decoded by itself.
    struct Restart {
        var place: PacketPlace
        /// The sampler as it was before the group.
        var sampler: KeyframeSampler
        /// Frames decoded before the group.
        var decoded: Int
    }

    /// A group that grows beyond these is decoded as it is read.
    static let mostPackets = 1024
    static let mostBytes = 16 << 20

    let codec: TrackCodec
    let form: FrameForm
    let restart: Restart
    /// Ends decoding early when the input is not wanted any more.
    let interrupt: Interrupt
    private(set) var packets: [UnsafeMutablePointer<AVPacket>] = []
    private(set) var byteCount = 0
    /// In the order in which they are shown; set before the group is handed on.
    var pictures: [Picture] = []

    init(_ restart: Restart, codec: TrackCodec, form: FrameForm, interrupt: Interrupt) {
        self.codec = codec
        self.form = form
        self.restart = restart
        self.interrupt = interrupt
    }

    deinit {
        for packet in packets {
            var freeing: UnsafeMutablePointer<AVPacket>? = packet
            av_packet_free(&freeing)
        }
    }

    /// Takes the contents of `packet`, which is empty afterwards.
    mutating func append(taking source: UnsafeMutablePointer<AVPacket>) throws(DecodeError) {
        guard let packet = av_packet_alloc() else { throw DecodeError(.io, "out of memory") }
        byteCount += Int(source.pointee.size)
        av_packet_move_ref(packet, source)
        packets.append(packet)
    }

    /// The stamps of its pictures in the order in which they are shown; `nil` where packets do not
    /// tell.
    var stamps: [Int64]? {
        let stamps = packets.map(\.pointee.pts).sorted()
        let areClear =
            !packets.contains {
                $0.pointee.pts == vigil_AV_NOPTS_VALUE
                    || $0.pointee.flags & AV_PKT_FLAG_DISCARD != 0
            } && zip(stamps, stamps.dropFirst()).allSatisfy { $0 < $1 }
        return areClear ? stamps : nil
    }
}

/// What a looker is given to decode.
public enum Coded: ~Copyable, Sendable {
    /// One keyframe.
    case keyframe(CodedKeyframe)
    /// A group.
    case group(CodedGroup)

    /// Size of its packets.
    public var byteCount: Int {
        switch self {
        case .keyframe(let keyframe): Int(keyframe.packet.pointee.size)
        case .group(let group): group.byteCount
        }
    }
}

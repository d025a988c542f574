// One connection to a live stream: hands out its packets of video as they come, not decoded.
//
// Nothing is probed: the library would read for seconds to guess what the first keyframe says. Tracks
// are taken as they appear, the first with video is read, and packets of all others are dropped in
// the library. Invariants: every wait ends by the interrupt's deadline; the context is closed in
// deinit; what a packet says is believed only as far as the decoder can check it.

internal import CFFmpeg
internal import Glibc

/// What came of a live stream.
public enum LiveEvent: ~Copyable {
    /// A keyframe, at a time of its stream's own clock, seconds; `nil` where it has none.
    case keyframe(CodedKeyframe, stamp: Double?)
    /// A packet between keyframes.
    case between(BetweenPacket)
    /// The peer says that this is the end.
    case ended
}

/// Reads one connection to a live stream; belongs to one thread.
public struct LiveReader: ~Copyable {
    private let context: UnsafeMutablePointer<AVFormatContext>
    private let openGuard: LiveOpenGuard
    private let interrupt: Interrupt
    private let packet: UnsafeMutablePointer<AVPacket>
    private var track: CInt?
    private var codec: TrackCodec?
    /// What the stream said last of how it is coded, where it said so since it was opened.
    private var extradata: [UInt8]?
    private var inBandSets = InBandSets()
    /// Tracks that were told to the library already.
    private var knownTracks = 0
    private var failures = 0

    /// Longest that connecting may take, seconds.
    public static let longestOpening = 10.0
    /// Read errors in a row that are taken for damage on the way rather than for the end.
    private static let mostFailures = 16
    /// Bytes that the library may look at for a format's name.
    private static let probeSize = "32768"
    /// Most memory that connecting may take, or reading one packet, bytes.
    private static let mostBytes = 64 << 20

    /// Connects.
    /// - Parameters:
    ///   - egress: what the input may connect to, and all that it leads to.
    ///   - rewrite: is given each playlist before the library reads it.
    ///   - lists: the budget of all connections to this input.
    /// - Throws: `DecodeError` where there is nothing, or nothing that is read, of code `refused`
    ///   where the policy does not allow it.
    public init(
        _ input: LiveInput, egress: EgressPolicy, interrupt: Interrupt,
        rewrite: PlaylistRewriter? = nil, lists: ListBudget = ListBudget()
    ) throws(DecodeError) {
        interrupt.arm(seconds: Self.longestOpening)
        let openGuard = try LiveOpenGuard(
            input, policy: egress, rewrite: rewrite, lists: lists, interrupt: interrupt)
        guard let packet = av_packet_alloc() else { throw DecodeError(.io, "out of memory") }
        do throws(DecodeError) {
            context = try Self.open(input, openGuard: openGuard, interrupt: interrupt)
        } catch {
            var freeing: UnsafeMutablePointer<AVPacket>? = packet
            av_packet_free(&freeing)
            throw error
        }
        self.packet = packet
        self.openGuard = openGuard
        self.interrupt = interrupt
    }

    deinit {
        // Closing says goodbye to the peer, which may not listen.
        interrupt.arm(seconds: 1)
        var closing: UnsafeMutablePointer<AVFormatContext>? = context
        avformat_close_input(&closing)
        openGuard.closeFirst()
        var freeing: UnsafeMutablePointer<AVPacket>? = packet
        av_packet_free(&freeing)
    }

    private static func open(
        _ input: LiveInput, openGuard: LiveOpenGuard, interrupt: Interrupt
    ) throws(DecodeError) -> UnsafeMutablePointer<AVFormatContext> {
        var context = avformat_alloc_context()
        guard let allocated = context else { throw DecodeError(.io, "out of memory") }
        let url: String
        do throws(DecodeError) {
            url = try openGuard.install(in: allocated)
        } catch {
            avformat_free_context(allocated)
            throw error
        }
        var options: OpaquePointer?
        defer { av_dict_free(&options) }
        let common = [
            ("protocol_whitelist", input.protocols), ("format_whitelist", input.formats),
            ("max_streams", "64"), ("rw_timeout", "15000000"), ("probesize", probeSize),
            ("fflags", "nobuffer+discardcorrupt"),
        ]
        for (name, value) in common + input.options { av_dict_set(&options, name, value, 0) }
        let (status, wasRefused) = withMemory(atMost: mostBytes) {
            vigil_open_input(&context, url, nil, &options)
        }
        if wasRefused {
            avformat_close_input(&context)
            throw memoryRefused
        }
        guard status >= 0, let context else {
            if input.isRTSP, status == -EINVAL {
                throw DecodeError(
                    .refused, "the server redirects, which is not followed; use where it leads to")
            }
            throw openGuard.explained(
                DecodeError(status: status, doing: "cannot open", interrupt: interrupt))
        }
        // What was cut off by the deadline looks to the library like an end.
        if let reason = interrupt.reason {
            var closing: UnsafeMutablePointer<AVFormatContext>? = context
            avformat_close_input(&closing)
            throw openGuard.explained(reason)
        }
        ZeroPages.release(ofAllocation: context.pointee.priv_data)
        return context
    }

    /// Waits for the next packet of video.
    /// - Parameter limit: longest wait, seconds.
    /// - Throws: `DecodeError`, of code `timedOut` where nothing came for that long.
    public mutating func next(within limit: Double) throws(DecodeError) -> LiveEvent {
        interrupt.arm(seconds: limit)
        while true {
            let (status, wasRefused) = withMemory(atMost: Self.mostBytes) {
                av_read_frame(context, packet)
            }
            if status < 0 {
                if wasRefused { throw Self.memoryRefused }
                if let reason = interrupt.reason { throw openGuard.explained(reason) }
                if status == vigil_AVERROR_EOF {
                    if let refusal = openGuard.refusal { throw refusal }
                    return .ended
                }
                failures += 1
                if status == -EIO || failures >= Self.mostFailures {
                    throw openGuard.explained(
                        DecodeError(
                            status: status, doing: "the connection broke", interrupt: interrupt))
                }
                continue
            }
            defer { av_packet_unref(packet) }
            // What a wait that was ended cut off is handed out as if it were whole.
            if let reason = interrupt.reason { throw openGuard.explained(reason) }
            failures = 0
            if knownTracks != Int(context.pointee.nb_streams) { chooseTrack() }
            guard let track, packet.pointee.stream_index == track else {
                // Audio alone is no sign of life.
                if interrupt.isOverdue {
                    throw openGuard.explained(DecodeError(.timedOut, "no video for too long"))
                }
                continue
            }
            noteExtradata()
            return try event(of: track)
        }
    }

    private static let memoryRefused = DecodeError(
        .unsupported, "sends what would take more than \(mostBytes >> 20) MB to be read")

    /// Reads the first track with video, and none else.
    private mutating func chooseTrack() {
        knownTracks = Int(context.pointee.nb_streams)
        for index in 0..<knownTracks {
            guard let stream = context.pointee.streams[index] else { continue }
            let isVideo = stream.pointee.codecpar.pointee.codec_type == AVMEDIA_TYPE_VIDEO
            // A cover picture has a keyframe and no more.
            let isStill = stream.pointee.disposition & AV_DISPOSITION_ATTACHED_PIC != 0
            if track == nil, isVideo, !isStill { track = CInt(index) }
            stream.pointee.discard =
                track == CInt(index) ? AVDISCARD_DEFAULT : AVDISCARD_ALL
        }
    }

    private mutating func noteExtradata() {
        var size = 0
        let data = av_packet_get_side_data(packet, AV_PKT_DATA_NEW_EXTRADATA, &size)
        guard let data, (1...Self.mostExtradata).contains(size) else { return }
        extradata = Array(UnsafeBufferPointer(start: data, count: size))
    }

    /// Most bytes of parameter sets; those of real encoders are some dozens.
    private static let mostExtradata = 1 << 16

    /// What the packet that was read is.
    private mutating func event(of track: CInt) throws(DecodeError) -> LiveEvent {
        // In range: the packet was the stream's, and streams are never removed.
        let stream = context.pointee.streams[Int(track)]!
        let isKey = packet.pointee.flags & AV_PKT_FLAG_KEY != 0
        if isKey || codec == nil {
            let now = try TrackCodec(stream, extradata: extradata)
            if !(codec?.isSame(as: now) ?? false) {
                codec = now
                inBandSets = InBandSets()
            }
            if isKey { inBandSets.complete(packet, now) }
        }
        let stamp =
            packet.pointee.pts != vigil_AV_NOPTS_VALUE ? packet.pointee.pts : packet.pointee.dts
        let seconds =
            stamp == vigil_AV_NOPTS_VALUE
            ? nil
            : Double(stamp) * Double(stream.pointee.time_base.num)
                / Double(max(1, stream.pointee.time_base.den))
        // Non-nil: just made where it was not there.
        guard isKey else {
            return .between(try BetweenPacket(taking: packet, codec: codec!, stamp: seconds))
        }
        let coded = try CodedKeyframe(taking: packet, codec: codec!, form: .luma, mediaTime: 0)
        return .keyframe(coded, stamp: seconds)
    }
}

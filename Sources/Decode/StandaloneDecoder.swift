// The decoder beside the reader: of keyframes, and of groups that need nothing before them.
//
// It gives all pictures or none: where anything is not as the packets promised (an error concealed,
// a picture missing, one too many, another time), the reader has to see to it itself, with a decoder
// that has seen all that came before.

internal import CFFmpeg

/// Decodes what is handed to it, of any tracks, one after the other; keeps the decoders that were
/// used last.
///
/// One that is open takes some 15 MB at 1080p and opening it a third of a keyframe's time, so hundreds
/// of live streams share few: those whose parameters are the same can use the same.
///
/// A decoder of H.264 or HEVC goes on to know every parameter set that a packet brought, flushed or
/// not, and sets of the same number of one stream would decode another's pictures wrongly, without an
/// error. So a decoder is only given packets that bring the same sets, or all none: what it knows is
/// what it was opened with and what the packet itself says, whoever used it before. Streams over
/// MPEG-TS, which bring theirs with each keyframe, share it where their encoders say the same, and
/// those over RTMP and MP4, which say it once, as before. A keyframe that needs sets of an earlier
/// packet is brought them by its reader (LiveReader).
public struct StandaloneDecoder: ~Copyable {
    private final class Open {
        let codec: TrackCodec
        let form: FrameForm
        /// A digest of the parameter sets that its packets bring.
        let parameterSets: UInt64
        let decoder: VideoDecoder
        var converter: LumaConverter

        init(
            _ codec: TrackCodec, _ form: FrameForm, parameterSets: UInt64,
            _ limits: PictureLimits
        ) throws(DecodeError) {
            self.codec = codec
            self.form = form
            self.parameterSets = parameterSets
            decoder = try VideoDecoder(codec, threads: 1, limits: limits)
            converter = LumaConverter(form)
        }
    }

    /// The one that was used last is the last.
    private var opened: [Open] = []
    /// How often one was opened.
    public private(set) var openings = 0
    /// Why the last that could not be decoded was refused memory; `nil` where it was not.
    public private(set) var refusal: PictureRefusal?
    private let most: Int
    private let limits: PictureLimits
    private let isBrief: Bool
    private var frame: UnsafeMutablePointer<AVFrame>?

    /// Makes a decoder that has nothing open.
    /// - Parameters:
    ///   - most: decoders that it may keep open, and fewer where their pictures are large.
    ///   - limits: what pictures may take.
    ///   - isBrief: whether keyframes are decoded as far as their hash needs it.
    public init(
        keeping most: Int = 1, limits: PictureLimits = .video, isBrief: Bool = false
    ) {
        precondition(most > 0, "it decodes with an open one")
        self.most = most
        self.limits = limits
        self.isBrief = isBrief
        frame = av_frame_alloc()
    }

    private var open: Open? { opened.last }

    deinit {
        var freeing = frame
        av_frame_free(&freeing)
    }

    /// Decodes and hands on every picture that is wanted, in order.
    /// - Returns: whether all went as expected; where not, what was handed on is to be forgotten.
    public mutating func decode(
        _ coded: borrowing Coded, _ body: (consuming LumaFrame) -> Void
    ) -> Bool {
        refusal = nil
        let isComplete = decodeAll(of: coded, body)
        limitMemory()
        return isComplete
    }

    /// Most memory of open decoders that are idle, bytes: twelve of 1080p would fit.
    private static let mostIdleBytes = 128 << 20

    /// Closes decoders that were refused memory, which keep what they took before that, and those used
    /// the longest ago while all hold too much.
    private mutating func limitMemory() {
        if let refused = open?.decoder.takeRefusal() {
            refusal = refused
            opened.removeLast()
        }
        var bytes = 0
        let kept = opened.reversed().prefix { open in
            bytes += open.decoder.peakBytes
            return bytes <= Self.mostIdleBytes
        }
        opened.removeFirst(opened.count - kept.count)
    }

    private mutating func decodeAll(
        of coded: borrowing Coded, _ body: (consuming LumaFrame) -> Void
    ) -> Bool {
        guard let frame else { return false }
        defer { av_frame_unref(frame) }
        switch coded {
        case .keyframe(let keyframe):
            guard prepare(keyframe.codec, keyframe.form, for: keyframe.packet),
                case .picture? = open?.decoder.keyframe(keyframe.packet, into: frame)
            else { return false }
            if isBrief { open?.decoder.leaveOutLoopFilter(after: frame) }
            return handOn(frame, at: keyframe.mediaTime, number: 0, body)
        case .group(let group):
            guard let first = group.packets.first,
                prepare(group.codec, group.form, for: first)
            else { return false }
            open?.decoder.flush()
            let isComplete = decode(group, into: frame, body)
            open?.decoder.flush()
            return isComplete
        }
    }

    private mutating func decode(
        _ group: borrowing CodedGroup, into frame: UnsafeMutablePointer<AVFrame>,
        _ body: (consuming LumaFrame) -> Void
    ) -> Bool {
        var next = 0
        for index in 0...group.packets.count {
            let packet = index < group.packets.count ? group.packets[index] : nil
            guard !group.interrupt.isCancelled, open?.decoder.send(packet) ?? false else {
                return false
            }
            receiving: while true {
                switch open?.decoder.receive(into: frame) ?? .failure {
                case .failure: return false
                case .none: break receiving
                case .frame: break
                }
                guard next < group.pictures.count,
                    frame.pointee.best_effort_timestamp == group.pictures[next].stamp
                else { return false }
                let picture = group.pictures[next]
                let number = group.restart.decoded + next
                next += 1
                if VideoDecoder.isDamaged(frame) { return false }
                if picture.isWanted {
                    guard handOn(frame, at: picture.time, number: number, body) else {
                        return false
                    }
                } else {
                    av_frame_unref(frame)
                }
            }
        }
        return next == group.pictures.count
    }

    private mutating func handOn(
        _ frame: UnsafeMutablePointer<AVFrame>, at time: Double, number: Int,
        _ body: (consuming LumaFrame) -> Void
    ) -> Bool {
        guard !VideoDecoder.isDamaged(frame),
            let picture = try? open?.converter.luma(taking: frame, mediaTime: time, number: number)
        else { return false }
        body(picture)
        return true
    }

    private mutating func prepare(
        _ codec: TrackCodec, _ form: FrameForm, for packet: UnsafeMutablePointer<AVPacket>
    ) -> Bool {
        let sets = PacketContent(of: packet, codec).parameterSets
        let place = opened.lastIndex {
            $0.form == form && $0.parameterSets == sets && sets != .max
                && $0.codec.isSame(as: codec)
        }
        if let place {
            opened.append(opened.remove(at: place))
            return true
        }
        if opened.count == most { opened.removeFirst() }
        guard let new = try? Open(codec, form, parameterSets: sets, limits) else {
            refusal = codec.refusal(by: limits)
            return false
        }
        openings += 1
        opened.append(new)
        return true
    }
}

// A decoder of one live stream's own, which is given every packet in order from a keyframe on.
//
// What it gives is judged by the decoder's own word: a picture of which it says that errors were
// concealed in it, or that it has not recovered since the start (intra refresh, joined in the
// middle), is not whole; nor are those that follow errors, up to the next whole keyframe, of which the
// decoder says nothing. Times and arrivals are those of the packets, whatever the stream's own stamps
// say: packets are sent with the time of the watch, so pictures come back with it.

internal import CFFmpeg

/// Decodes a stretch of one stream, packet by packet; belongs to one thread at a time.
public final class FollowingDecoder: @unchecked Sendable {
    // Sound: whoever has the stream has the decoder, one thread at a time.
    private var codec: TrackCodec?
    private var decoder: VideoDecoder?
    private let limits: PictureLimits
    private let shared: PictureBudget?
    private var converter = LumaConverter(.luma)
    private var frame: UnsafeMutablePointer<AVFrame>?
    /// The newest packets, by the stamps that they were sent with, each another.
    private var sent: [(stamp: Int64, arrival: Double, isLookedAtAlone: Bool)] = []
    private var newestTime = 0.0
    /// When errors were last concealed, and not made good by a keyframe since.
    private var errorTime: Double?

    /// Errors are taken to be made good after this long, seconds: streams with intra refresh have no
    /// keyframe that would do it.
    private static let longestError = 12.0
    /// Reordering is at most sixteen pictures.
    private static let mostSent = 32
    private static let ticksPerSecond = 1e6

    /// A picture that came of the stretch.
    public enum Picture: ~Copyable {
        /// Nothing was concealed in it.
        case whole(LumaFrame)
        /// It is not what was encoded; `nil` where there is nothing to look at.
        case damaged(LumaFrame?)
    }

    /// Makes a decoder that has nothing open.
    /// - Parameters:
    ///   - limits: what pictures may take.
    ///   - shared: what those of all such decoders may take together.
    public init(limits: PictureLimits = .live, sharing shared: PictureBudget? = nil) {
        self.limits = limits
        self.shared = shared
        frame = av_frame_alloc()
    }

    /// Why memory for a picture was refused since this was asked last; `nil` where none was.
    public func takeRefusal() -> PictureRefusal? {
        decoder == nil ? codec?.refusal(by: limits) : decoder?.takeRefusal()
    }

    deinit { av_frame_free(&frame) }

    /// Decodes the next packet and hands on the pictures that are wanted.
    /// - Parameters:
    ///   - wants: whether a picture of this time and arrival is wanted.
    ///   - body: is given wanted pictures, in the order in which they are shown, their time and arrival.
    public func decode(
        _ coded: CodedPacket, wants: (_ time: Double, _ arrival: Double) -> Bool,
        _ body: (consuming Picture, _ time: Double, _ arrival: Double) -> Void
    ) {
        guard let frame, prepare(coded.codec), let packet = av_packet_clone(coded.packet) else {
            return
        }
        var freeing: UnsafeMutablePointer<AVPacket>? = packet
        defer { av_packet_free(&freeing) }
        let stamp = freeStamp(at: coded.mediaTime)
        packet.pointee.pts = stamp
        packet.pointee.dts = vigil_AV_NOPTS_VALUE
        if sent.count == Self.mostSent { sent.removeFirst() }
        sent.append((stamp, coded.arrival, coded.isLookedAtAlone))
        // A packet that is refused leaves its mark on the pictures after it.
        _ = decoder?.send(packet)
        while case .frame? = decoder?.receive(into: frame) {
            let stamp = frame.pointee.best_effort_timestamp
            let source = sent.last { $0.stamp == stamp }
            let arrival = source?.arrival ?? coded.arrival
            let time =
                stamp == vigil_AV_NOPTS_VALUE
                ? coded.mediaTime : Double(stamp) / Self.ticksPerSecond
            newestTime = max(newestTime, time)
            noteErrors(of: frame)
            // Keyframes that are looked at by themselves must not stand for what lies between. All
            // others are looked at here or nowhere: whether a packet is flagged as a keyframe is for
            // whoever publishes to say.
            let isSeenAlone = source?.isLookedAtAlone ?? false
            if !(isSeenAlone && vigil_frame_is_key(frame) != 0), wants(newestTime, arrival) {
                body(picture(frame), newestTime, arrival)
            }
            av_frame_unref(frame)
        }
    }

    /// A stamp for a packet: many may have one time, those before a keyframe in open groups do.
    private func freeStamp(at time: Double) -> Int64 {
        var stamp = Int64(bounded: time * Self.ticksPerSecond)
        while sent.contains(where: { $0.stamp == stamp }) { stamp += 1 }
        return stamp
    }

    /// Notes errors, and whether they are made good.
    private func noteErrors(of frame: UnsafeMutablePointer<AVFrame>) {
        if frame.pointee.decode_error_flags != 0 {
            errorTime = newestTime
        } else if vigil_frame_is_key(frame) != 0
            || newestTime - (errorTime ?? newestTime) > Self.longestError
        {
            errorTime = nil
        }
    }

    private func picture(_ frame: UnsafeMutablePointer<AVFrame>) -> Picture {
        let isDamaged = VideoDecoder.isDamaged(frame) || errorTime != nil
        do {
            let luma = try converter.luma(taking: frame, mediaTime: newestTime, number: 0)
            return isDamaged ? .damaged(luma) : .whole(luma)
        } catch {
            return .damaged(nil)
        }
    }

    /// Opens the decoder where there is none, or one for other parameters.
    private func prepare(_ wanted: TrackCodec) -> Bool {
        if let codec, codec.isSame(as: wanted) { return decoder != nil }
        codec = wanted
        sent.removeAll()
        errorTime = nil
        decoder = nil
        guard
            let opened =
                try? VideoDecoder(wanted, threads: 1, limits: limits, sharing: shared)
        else { return false }
        decoder = consume opened
        return true
    }
}

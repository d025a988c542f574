// A packet of a live stream that is kept for a while, because what follows a keyframe may have to be
// decoded too: where no other keyframe comes, or where keyframes cannot be decoded by themselves.

internal import CFFmpeg

/// One packet of video that is not decoded yet, and when it came.
public final class CodedPacket: @unchecked Sendable {
    // Sound: nothing writes to the packet after `init`; libavutil counts references atomically.
    let packet: UnsafeMutablePointer<AVPacket>
    let codec: TrackCodec
    /// Whether it is said to be a keyframe.
    public let isKey: Bool
    /// Whether it is decoded by itself besides, so that its picture is looked at anyway.
    public let isLookedAtAlone: Bool
    /// Time by the clock of the watch, seconds.
    public let mediaTime: Double
    /// When it came, seconds of a clock that nobody sets.
    public let arrival: Double

    init(
        referring source: UnsafeMutablePointer<AVPacket>, codec: TrackCodec, mediaTime: Double,
        arrival: Double, isLookedAtAlone: Bool = false
    ) throws(DecodeError) {
        guard let packet = av_packet_clone(source) else { throw DecodeError(.io, "out of memory") }
        self.packet = packet
        self.codec = codec
        self.mediaTime = mediaTime
        self.arrival = arrival
        self.isLookedAtAlone = isLookedAtAlone
        isKey = source.pointee.flags & AV_PKT_FLAG_KEY != 0
    }

    deinit {
        var freeing: UnsafeMutablePointer<AVPacket>? = packet
        av_packet_free(&freeing)
    }

    /// What it takes in memory, about, bytes.
    public var byteCount: Int { Int(packet.pointee.size) + Self.overhead }

    /// What a packet takes beside its data: empty ones must not be free of charge.
    private static let overhead = 512
}

/// A packet between keyframes, as it was read.
public struct BetweenPacket: ~Copyable {
    private let packet: UnsafeMutablePointer<AVPacket>
    private let codec: TrackCodec
    /// Time of its stream's own clock, seconds; `nil` where it has none.
    public let stamp: Double?

    /// Takes the contents of `source`, which is empty afterwards.
    init(
        taking source: UnsafeMutablePointer<AVPacket>, codec: TrackCodec, stamp: Double?
    ) throws(DecodeError) {
        guard let packet = av_packet_alloc() else { throw DecodeError(.io, "out of memory") }
        av_packet_move_ref(packet, source)
        self.packet = packet
        self.codec = codec
        self.stamp = stamp
    }

    deinit {
        var freeing: UnsafeMutablePointer<AVPacket>? = packet
        av_packet_free(&freeing)
    }

    /// The packet with its times, to be kept.
    public borrowing func placed(
        at mediaTime: Double, arrival: Double
    ) throws(DecodeError)
        -> CodedPacket
    {
        try CodedPacket(referring: packet, codec: codec, mediaTime: mediaTime, arrival: arrival)
    }
}

extension CodedKeyframe {
    /// The keyframe as the first packet of what follows it.
    /// - Parameter isLookedAtAlone: whether the keyframe is left for a worker too.
    public borrowing func packet(
        arrival: Double, isLookedAtAlone: Bool
    ) throws(DecodeError) -> CodedPacket {
        try CodedPacket(
            referring: packet, codec: codec, mediaTime: mediaTime, arrival: arrival,
            isLookedAtAlone: isLookedAtAlone)
    }
}

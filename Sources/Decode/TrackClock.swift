// Media time of packets and frames of one track, in seconds from the start of the track.
//
// Time stamps come from the outside: they can be missing, jump, or be absurd. A missing one is
// taken from the frame rate; arithmetic on them is done in Double, so nothing overflows.

internal import CFFmpeg

/// A packet that reading can return to.
struct PacketPlace {
    /// Seconds from the start of the track.
    var time: Double
    /// Decoding time stamp (or the other one) in the track's unit, for seeking by time.
    var timestamp: Int64
    /// Byte position in the file, -1 where unknown, for seeking by position.
    var position: Int64

    /// Whether this is `other` or lies behind it in the file.
    func isAtOrAfter(_ other: PacketPlace) -> Bool {
        if position >= 0, other.position >= 0, position == other.position { return true }
        return time >= other.time
    }
}

struct TrackClock {
    private let unit: Double
    private let frameDuration: Double
    /// First time stamp of the track in its unit.
    private(set) var start: Int64
    private var startIsKnown: Bool
    private var lastTime = 0.0
    /// Largest end of any packet or frame seen, seconds.
    private(set) var reached = 0.0
    /// The track's own declared length, seconds.
    let declaredDuration: Double?

    init(_ stream: UnsafeMutablePointer<AVStream>) {
        let base = stream.pointee.time_base
        unit = base.num > 0 && base.den > 0 ? Double(base.num) / Double(base.den) : 1.0 / 90_000
        let rate = stream.pointee.avg_frame_rate
        frameDuration = rate.num > 0 && rate.den > 0 ? Double(rate.den) / Double(rate.num) : 0.04
        startIsKnown = stream.pointee.start_time != vigil_AV_NOPTS_VALUE
        start = startIsKnown ? stream.pointee.start_time : 0
        let length = stream.pointee.duration
        declaredDuration =
            length != vigil_AV_NOPTS_VALUE && length > 0 ? Double(length) * unit : nil
    }

    mutating func place(of packet: UnsafeMutablePointer<AVPacket>) -> PacketPlace {
        let (pts, dts) = (packet.pointee.pts, packet.pointee.dts)
        let time = time(pts != vigil_AV_NOPTS_VALUE ? pts : dts)
        note(time, length: Double(packet.pointee.duration) * unit)
        let stamp = dts != vigil_AV_NOPTS_VALUE ? dts : pts
        return PacketPlace(
            time: time, timestamp: stamp != vigil_AV_NOPTS_VALUE ? stamp : start,
            position: packet.pointee.pos)
    }

    /// Where a packet ends, seconds.
    mutating func end(of packet: UnsafeMutablePointer<AVPacket>) -> Double {
        let time = place(of: packet).time
        return time + max(0, Double(packet.pointee.duration) * unit)
    }

    mutating func time(of frame: UnsafeMutablePointer<AVFrame>) -> Double {
        let time = time(frame.pointee.best_effort_timestamp)
        note(time, length: frameDuration)
        return time
    }

    private mutating func time(_ stamp: Int64) -> Double {
        guard stamp != vigil_AV_NOPTS_VALUE else {
            lastTime += frameDuration
            return lastTime
        }
        if !startIsKnown {
            start = stamp
            startIsKnown = true
        }
        lastTime = (Double(stamp) - Double(start)) * unit
        return lastTime
    }

    private mutating func note(_ time: Double, length: Double) {
        reached = max(reached, time + max(0, min(length, 60)))
    }
}

// Media time of packets and frames of one track, in seconds from the start of the track.
//
// Each packet's stamps are rewritten once, on its way from the demuxer (`unwrap`), by the track's
// StampLine, so that time goes on whatever the stamps do. What the decoder hands on carries the
// rewritten stamps.
//
// Re-reading must give the same times again, so a place to return to holds the line's state.

internal import CFFmpeg

/// A packet that reading can return to.
struct PacketPlace {
    /// Seconds from the start of the track.
    var time: Double
    /// Original decoding time stamp (or the other one), for seeking by time.
    var timestamp: Int64
    /// Byte position in the file, -1 where unknown, for seeking by position.
    var position: Int64
    /// Whether its stamps start over here.
    var isDiscontinuity: Bool
    /// How long before it keyframes were shown after they were decoded, as the demuxer had it.
    var keyDelay: Int64?
    /// The line of stamps as it was before the packet.
    fileprivate var state: StampLine.State

    /// Whether a packet, not unwrapped yet, is the one that is meant.
    func isPlace(of packet: UnsafeMutablePointer<AVPacket>) -> Bool {
        let stamp = TrackClock.originalStamp(of: packet)
        return packet.pointee.pos == position && (stamp ?? timestamp) == timestamp
    }

    /// Whether this is `other` or lies behind it in the file.
    func isAtOrAfter(_ other: PacketPlace) -> Bool {
        position >= 0 && position == other.position || time >= other.time
    }
}

/// Keyframes to return to, in reading order; bounded by thinning.
struct AnchorList {
    private var places: [PacketPlace] = []
    private var spacing = 2.0

    private static let most = 2048

    mutating func add(_ place: PacketPlace) {
        if let last = places.last, place.time - last.time < spacing { return }
        if places.count == Self.most {
            places = places.enumerated().filter { $0.offset % 2 == 0 }.map(\.element)
            spacing *= 2
        }
        places.append(place)
    }

    /// The last keyframe at or before a time; `nil` is the start.
    func last(before time: Double) -> PacketPlace? {
        var (low, high) = (0, places.count)
        while low < high {
            let middle = (low + high) / 2
            if places[middle].time <= time { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? nil : places[low - 1]
    }
}

struct TrackClock {
    /// A step of time stamps larger than this between two packets that follow each other is a jump
    /// and no pause, seconds.
    static let longestPause = StampLine.longestPause
    /// More frames a second than this no camera makes; such stamps would hide frames from sampling.
    static let fastestRate = 500.0

    private var line: StampLine
    private var lastFrameTime = 0.0
    /// Largest end of any packet or frame seen, seconds.
    private(set) var reached = 0.0
    /// Latest time of any packet seen, seconds: behind it there is nothing to sample.
    private(set) var newestPacketTime = 0.0
    /// Time of the packet that was seen last, seconds.
    private(set) var lastPacketTime: Double?
    /// Packets whose stamps were not believed.
    private(set) var absurdPackets: Int64 = 0
    /// The track's own declared length, seconds; one that no recording has is cut short.
    let declaredDuration: Double?
    private let declaredFrames: Int64

    /// Whether there are far more frames than the time that they claim to take.
    var isImplausible: Bool {
        let frames = Double(max(declaredFrames, line.state.packets))
        return frames > 100
            && frames / max(reached, declaredDuration ?? 0, 0.001) > Self.fastestRate
    }

    /// Whether the time base is none of a recording.
    var isUnitAbsurd: Bool { line.isUnitAbsurd }

    init(_ stream: UnsafeMutablePointer<AVStream>) {
        let (base, rate) = (stream.pointee.time_base, stream.pointee.avg_frame_rate)
        line = StampLine(
            timeBase: (base.num, base.den), frameRate: (rate.num, rate.den),
            start: Self.told(stream.pointee.start_time))
        declaredFrames = stream.pointee.nb_frames
        let length = Self.told(stream.pointee.duration)
        declaredDuration = length.flatMap { [unit = line.unit] in
            $0 > 0 ? min(Double($0) * unit, StampLine.longestTrack) : nil
        }
    }

    /// Time stamp of the start of the track, for seeking there.
    var startTimestamp: Int64 { line.state.start ?? 0 }

    /// Where the track starts on the container's own time line, seconds; never negative.
    var startSeconds: Double { max(0, Double(startTimestamp) * line.unit) }

    /// Goes back to the state before a packet, because that packet is to be read again.
    mutating func rewind(to place: PacketPlace?) {
        line.rewind(to: place?.state)
        lastPacketTime = nil
    }

    /// Rewrites the stamps of a packet of this track that comes next in reading order.
    mutating func unwrap(_ packet: UnsafeMutablePointer<AVPacket>) -> PacketPlace {
        let before = line.state
        let original = Self.originalStamp(of: packet)
        let step = line.next(
            presentation: Self.told(packet.pointee.pts), decoding: Self.told(packet.pointee.dts),
            isKey: packet.pointee.flags & AV_PKT_FLAG_KEY != 0)
        absurdPackets = max(absurdPackets, line.state.absurd)
        packet.pointee.dts = step.decoding ?? vigil_AV_NOPTS_VALUE
        packet.pointee.pts = step.presentation ?? vigil_AV_NOPTS_VALUE
        lastPacketTime = step.time
        newestPacketTime = max(newestPacketTime, step.time)
        let length = Double(packet.pointee.duration) * line.unit
        reached = max(reached, step.time + max(0, min(length, StampLine.longestFrame)))
        return PacketPlace(
            time: step.time, timestamp: original ?? startTimestamp, position: packet.pointee.pos,
            isDiscontinuity: step.isDiscontinuity, state: before)
    }

    /// The stamp that a packet came with: when to decode it, else when to show it.
    fileprivate static func originalStamp(of packet: UnsafeMutablePointer<AVPacket>) -> Int64? {
        [packet.pointee.dts, packet.pointee.pts].first {
            told($0).map(StampLine.isStamp) ?? false
        }
    }

    /// A number, unless it stands for none.
    private static func told(_ value: Int64) -> Int64? {
        value != vigil_AV_NOPTS_VALUE ? value : nil
    }

    /// Time of a decoded frame whose packets were unwrapped.
    mutating func time(of frame: UnsafeMutablePointer<AVFrame>) -> Double {
        time(ofFrame: frame.pointee.best_effort_timestamp)
    }

    /// Time of a frame of this stamp, which packets brought that were unwrapped.
    mutating func time(ofFrame stamp: Int64) -> Double {
        let time = Self.told(stamp).map { line.seconds(Double($0)) }
        // A decoder may make stamps of its own: what is no time of a track is none.
        if let time, abs(time) <= 2 * StampLine.longestTrack {
            lastFrameTime = time
        } else {
            lastFrameTime += line.frameDuration
        }
        reached = max(reached, lastFrameTime + line.frameDuration)
        return lastFrameTime
    }
}

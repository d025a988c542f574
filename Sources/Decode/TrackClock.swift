// Media time of packets and frames of one track, in seconds from the start of the track.
//
// Time stamps come from the outside: they can be missing, jump, start over, or be absurd. Each
// packet's stamps are rewritten once, on its way from the demuxer (`unwrap`): where decoding time
// stamps go backwards (joined recordings, a reset encoder, or someone who hopes that we trust them)
// time goes on from where it was, and missing ones are made from the frame rate. What the decoder
// hands on carries the rewritten stamps. Arithmetic that can overflow is done in Double.
//
// Re-reading must give the same times again, so a place to return to holds the clock's state.

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
    /// The clock as it was before the packet.
    fileprivate var state: TrackClock.State

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
    fileprivate struct State {
        /// First time stamp of the track in its unit.
        var start: Int64?
        /// What is added to original stamps.
        var shift = 0.0
        /// Newest decoding stamp, in the track's unit, shift included.
        var lastDecoding: Double?
        /// Newest presentation stamp since the stamps last started over, likewise.
        var newestPresentation: Double?
        /// The newest of all stamps, likewise: where time goes on.
        var newest: Double?
        /// Presentation time of the newest keyframe, in the track's unit, shift included.
        var lastKey: Double?
        /// Packets so far.
        var packets: Int64 = 0
    }

    /// A step of time stamps larger than this between two packets that follow each other is a jump
    /// and no pause, seconds.
    static let longestPause = 10.0
    /// Furthest that a frame is shown before one that is decoded earlier, seconds.
    private static let longestReordering = 2.0
    /// A single frame is believed to last this long at most, seconds.
    private static let longestFrame = 600.0
    /// More frames a second than this no camera makes; such stamps would hide frames from sampling.
    static let fastestRate = 500.0
    /// Stamps beyond this are no times.
    private static let largestStamp = 9.0e15

    private let unit: Double
    private let frameDuration: Double
    private var state: State
    private var lastFrameTime = 0.0
    /// Largest end of any packet or frame seen, seconds.
    private(set) var reached = 0.0
    /// Latest time of any packet seen, seconds: behind it there is nothing to sample.
    private(set) var newestPacketTime = 0.0
    /// Time of the packet that was seen last, seconds.
    private(set) var lastPacketTime: Double?
    /// The track's own declared length, seconds.
    let declaredDuration: Double?
    private let declaredFrames: Int64

    /// Whether there are far more frames than the time that they claim to take.
    var isImplausible: Bool {
        let frames = Double(max(declaredFrames, state.packets))
        return frames > 100
            && frames / max(reached, declaredDuration ?? 0, 0.001) > Self.fastestRate
    }

    init(_ stream: UnsafeMutablePointer<AVStream>) {
        let base = stream.pointee.time_base
        unit = base.num > 0 && base.den > 0 ? Double(base.num) / Double(base.den) : 1.0 / 90_000
        let rate = stream.pointee.avg_frame_rate
        frameDuration =
            rate.num > 0 && rate.den > 0
            ? min(10, max(0.001, Double(rate.den) / Double(rate.num))) : 0.04
        let start = stream.pointee.start_time
        state = State(start: start == vigil_AV_NOPTS_VALUE ? nil : start)
        declaredFrames = stream.pointee.nb_frames
        let length = stream.pointee.duration
        declaredDuration =
            length != vigil_AV_NOPTS_VALUE && length > 0 ? Double(length) * unit : nil
    }

    /// Time stamp of the start of the track, for seeking there.
    var startTimestamp: Int64 { state.start ?? 0 }

    /// Where the track starts on the container's own time line, seconds; never negative.
    var startSeconds: Double { max(0, Double(state.start ?? 0) * unit) }

    /// Goes back to the state before a packet, because that packet is to be read again.
    mutating func rewind(to place: PacketPlace?) {
        if let place {
            state = place.state
        } else {
            state = State(start: state.start)
        }
        lastPacketTime = nil
    }

    /// Rewrites the stamps of a packet of this track that comes next in reading order.
    mutating func unwrap(_ packet: UnsafeMutablePointer<AVPacket>) -> PacketPlace {
        let before = state
        state.packets += 1
        let step = frameDuration / unit
        let pts = Self.stamp(packet.pointee.pts)
        // Where the library does not know how far frames are reordered, it gives both stamps one
        // value: such a decoding stamp is none.
        let dts = Self.stamp(packet.pointee.dts).flatMap { $0 == pts ? nil : $0 }
        let original = Self.originalStamp(of: packet)
        let isDiscontinuity = startsOver(packet, pts: pts, dts: dts)
        if isDiscontinuity, let original, let newest = state.newest {
            state.shift = newest + step - Double(original)
            state.newestPresentation = nil
        }
        let decoding = dts.map { Double($0) + state.shift }
        var shown = pts.map { Double($0) + state.shift } ?? decoding
        if let decoding, let late = shown, abs(late - decoding) * unit > Self.longestPause {
            // Absurdly far from when it is decoded.
            shown = decoding
        }
        let presentation =
            shown ?? state.newest.map { $0 + step } ?? Double(state.start ?? 0)
        note(packet, decoding: decoding, presentation: presentation)
        packet.pointee.dts = decoding.map { Int64($0) } ?? vigil_AV_NOPTS_VALUE
        packet.pointee.pts =
            pts != nil || decoding == nil ? Int64(presentation) : vigil_AV_NOPTS_VALUE
        let time = seconds(presentation)
        lastPacketTime = time
        newestPacketTime = max(newestPacketTime, time)
        let length = Double(packet.pointee.duration) * unit
        reached = max(reached, time + max(0, min(length, Self.longestFrame)))
        return PacketPlace(
            time: time, timestamp: original ?? startTimestamp, position: packet.pointee.pos,
            isDiscontinuity: isDiscontinuity, state: before)
    }

    private mutating func note(
        _ packet: UnsafeMutablePointer<AVPacket>, decoding: Double?, presentation: Double
    ) {
        if let decoding { state.lastDecoding = decoding }
        state.newest = max(state.newest ?? presentation, presentation, decoding ?? presentation)
        state.newestPresentation = max(state.newestPresentation ?? presentation, presentation)
        if packet.pointee.flags & AV_PKT_FLAG_KEY != 0 { state.lastKey = presentation }
        if state.start == nil { state.start = Int64(presentation) }
    }

    /// Whether the stamps go backwards at a packet, where they never may.
    private func startsOver(
        _ packet: UnsafeMutablePointer<AVPacket>, pts: Int64?, dts: Int64?
    ) -> Bool {
        let isKey = packet.pointee.flags & AV_PKT_FLAG_KEY != 0
        if let dts {
            guard let last = state.lastDecoding else { return false }
            let decoding = Double(dts) + state.shift
            // Muxers may round two frames to one stamp, but not two keyframes.
            return decoding < last || isKey && decoding == last
        }
        guard let pts else { return false }
        let shown = Double(pts) + state.shift
        if isKey, let last = state.lastKey, shown <= last {
            // Keyframes are not reordered among each other.
            return true
        }
        // Other frames are, a little.
        return state.newestPresentation.map { shown < $0 - Self.longestReordering / unit } ?? false
    }

    /// The stamp that a packet came with: when to decode it, else when to show it.
    fileprivate static func originalStamp(of packet: UnsafeMutablePointer<AVPacket>) -> Int64? {
        stamp(packet.pointee.dts) ?? stamp(packet.pointee.pts)
    }

    private static func stamp(_ value: Int64) -> Int64? {
        value != vigil_AV_NOPTS_VALUE && abs(Double(value)) < largestStamp ? value : nil
    }

    /// Time of a decoded frame whose packets were unwrapped.
    mutating func time(of frame: UnsafeMutablePointer<AVFrame>) -> Double {
        time(ofFrame: frame.pointee.best_effort_timestamp)
    }

    /// Time of a frame of this stamp, which packets brought that were unwrapped.
    mutating func time(ofFrame stamp: Int64) -> Double {
        lastFrameTime =
            stamp != vigil_AV_NOPTS_VALUE ? seconds(Double(stamp)) : lastFrameTime + frameDuration
        reached = max(reached, lastFrameTime + frameDuration)
        return lastFrameTime
    }

    private func seconds(_ stamp: Double) -> Double { (stamp - Double(state.start ?? 0)) * unit }
}

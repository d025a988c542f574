// One video track as a series of sampled luma frames.
//
// Two ways to read, chosen by policy and by what the container can do:
// - by keyframes: the demuxer discards all other packets (MP4 does not even read them), each
//   keyframe is decoded by itself, and where two samples would lie further apart than the policy's
//   longest gap the stretch between is read again and decoded in full (`fill`). Needs a source that
//   can seek.
// - straight through: every packet is decoded and the sampler picks frames.
//
// Invariants: frames come in reading order; the work is linear in the input (a stretch is filled at
// most once); whatever was not looked at stands in the report.

internal import CFFmpeg

/// Samples the frames of one video track of an input.
public struct FrameSource: ~Copyable {
    /// Slack between declared length and last data that is not called truncation, seconds.
    private static let truncationSlack = 2.0

    private let input: MediaInput
    private let threads: Int
    private let interrupt: Interrupt
    private let trackIndex: Int
    private var demuxer: Demuxer
    private var decoder: VideoDecoder
    private var converter: LumaConverter
    private var sampler: KeyframeSampler
    private var clock: TrackClock
    private let buffers: Buffers
    private var decoded = 0
    private var report = SourceReport()

    /// Number of video tracks in the input.
    public let trackCount: Int
    /// Whether the track is a still picture.
    public let isStill: Bool
    /// Length that the container declares, seconds; `nil` where it does not.
    public let declaredDuration: Double?

    /// Opens an input and the decoder of one of its video tracks.
    /// - Parameters:
    ///   - track: number of the video track, from 0.
    ///   - form: what frames are wanted as.
    ///   - threads: decoder threads; 1 is best for keyframes.
    /// - Throws: `DecodeError` where the input cannot be opened or holds no pictures.
    public init(
        _ input: MediaInput, track: Int = 0, policy: SamplingPolicy, form: FrameForm = .luma,
        threads: Int = 1, interrupt: Interrupt
    ) throws(DecodeError) {
        let demuxer = try Demuxer(input, interrupt: interrupt)
        guard demuxer.tracks.indices.contains(track) else {
            throw DecodeError(.damaged, "has no video track number \(track)")
        }
        let selected = demuxer.tracks[track]
        let stream = demuxer.stream(selected)
        let decoder = try VideoDecoder(stream, threads: threads, interrupt: interrupt)
        let buffers = try Buffers()
        self.buffers = buffers
        converter = LumaConverter(form)
        self.decoder = decoder
        self.input = input
        self.threads = threads
        self.interrupt = interrupt
        trackIndex = track
        sampler = KeyframeSampler(policy: policy)
        let clock = TrackClock(stream)
        self.clock = clock
        declaredDuration = clock.declaredDuration ?? demuxer.declaredDuration
        trackCount = demuxer.tracks.count
        isStill = selected.isAttachedPicture || MediaFormat.isPicture(demuxer.formatNames)
        self.demuxer = demuxer
    }

    /// The packet and the frame that all reading goes through.
    private struct Buffers: ~Copyable {
        let packet: UnsafeMutablePointer<AVPacket>
        let frame: UnsafeMutablePointer<AVFrame>

        init() throws(DecodeError) {
            var packet = av_packet_alloc()
            var frame = av_frame_alloc()
            guard let madePacket = packet, let madeFrame = frame else {
                av_packet_free(&packet)
                av_frame_free(&frame)
                throw DecodeError(.io, "out of memory")
            }
            self.packet = madePacket
            self.frame = madeFrame
        }

        deinit {
            var packet: UnsafeMutablePointer<AVPacket>? = packet
            av_packet_free(&packet)
            var frame: UnsafeMutablePointer<AVFrame>? = frame
            av_frame_free(&frame)
        }
    }

    private var packet: UnsafeMutablePointer<AVPacket> { buffers.packet }
    private var frame: UnsafeMutablePointer<AVFrame> { buffers.frame }
    private var track: Demuxer.Track { demuxer.tracks[trackIndex] }

    /// Reads the track to its end and hands every sampled frame to `body`, in order.
    /// - Returns: what was examined and what was not. Reading errors end up there too, so that
    ///   frames seen before them count.
    public mutating func forEachFrame(_ body: (consuming LumaFrame) -> Void) -> SourceReport {
        do throws(DecodeError) {
            if isStill {
                try readStill(body)
            } else if case .keyframes = sampler.policy.mode, demuxer.isSeekable {
                try readKeyframes(body)
            } else {
                try readThrough(after: nil, body)
            }
        } catch {
            report.problems.append(error.message)
        }
        summarise()
        return report
    }

    private mutating func summarise() {
        if case .file(let path) = input, demuxer.formatNames == "avi",
            MediaFormat.isTruncatedRIFF(path: path)
        {
            report.problems.append("truncated: the file is shorter than its header says")
        }
        let longest = sampler.longestGap
        if !isStill, case .keyframes = sampler.policy.mode, report.sampled > 0,
            longest > sampler.policy.maximumGap + 1
        {
            report.problems.append(
                "no picture could be decoded for \(tenths(longest)) s from "
                    + "\(tenths(sampler.longestGapStart)) s on")
        }
        let tried = report.sampled + report.failed
        if report.failed > 0 {
            report.problems.append("\(report.failed) of \(tried) pictures could not be decoded")
        }
        if report.damaged > 0 {
            report.problems.append("\(report.damaged) of \(tried) pictures are damaged")
        }
        if tried == 0, report.problems.isEmpty {
            report.problems.append("its video track holds no picture")
        }
    }
}

// MARK: - The ways to read

extension FrameSource {
    private mutating func readStill(_ body: (consuming LumaFrame) -> Void) throws(DecodeError) {
        demuxer.select(track, keyframesOnly: false)
        while try demuxer.read(into: packet) {
            defer { av_packet_unref(packet) }
            guard packet.pointee.stream_index == track.index else { continue }
            if decoder.keyframe(packet, into: frame) {
                try deliver(at: 0, body)
            } else {
                report.failed += 1
            }
            return
        }
    }

    private mutating func readKeyframes(_ body: (consuming LumaFrame) -> Void) throws(DecodeError) {
        demuxer.select(track, keyframesOnly: true)
        var anchor: PacketPlace?
        var pending = false  // `packet` already holds the next one to look at
        while true {
            if !pending {
                av_packet_unref(packet)
                guard try demuxer.read(into: packet) else { break }
            }
            guard packet.pointee.stream_index == track.index else { continue }
            let place = clock.place(of: packet)
            guard packet.pointee.flags & AV_PKT_FLAG_KEY != 0 else { continue }
            if !pending, sampler.needsFilling(until: place.time) {
                // The stretch before this keyframe is too long: read it again, in full. The packet
                // that ends the stretch is this one again.
                switch try fill(from: anchor, until: place, body) {
                case .reached: pending = true
                case .ended: break
                case .cannotSeek: return try restartThrough(body)
                }
                demuxer.select(track, keyframesOnly: true)
                guard pending else { break }
                continue
            }
            pending = false
            anchor = place
            if packet.pointee.flags & AV_PKT_FLAG_DISCARD == 0,
                sampler.wantsKeyframe(at: place.time)
            {
                try decodeKeyframe(at: place.time, body)
            }
        }
        try finishKeyframes(anchor: anchor, body)
    }

    private mutating func decodeKeyframe(
        at time: Double, _ body: (consuming LumaFrame) -> Void
    ) throws(DecodeError) {
        guard decoder.keyframe(packet, into: frame) else {
            report.failed += 1
            return
        }
        if packet.pointee.flags & AV_PKT_FLAG_CORRUPT != 0 {
            frame.pointee.flags |= AV_FRAME_FLAG_CORRUPT
        }
        try deliver(at: time, body)
    }

    /// After the last keyframe: finds the true end of the data, samples a long tail, notes
    /// truncation.
    private mutating func finishKeyframes(
        anchor: PacketPlace?, _ body: (consuming LumaFrame) -> Void
    ) throws(DecodeError) {
        let declared = declaredDuration
        let lastKey = anchor?.time ?? 0
        if anchor == nil || (declared ?? .infinity) - lastKey > Self.truncationSlack / 2 {
            guard seek(to: anchor) else { return try restartThrough(body) }
            let end = try readTail()
            if sampler.needsFilling(until: clock.reached) || report.sampled == 0 {
                _ = try fill(from: anchor, until: nil, body)
            }
            noteTruncation(dataEnd: end)
        }
        report.duration = max(declared ?? 0, clock.reached)
        sampler.ended(at: clock.reached)
    }

    /// What became of a stretch that was to be filled.
    private enum FillOutcome { case reached, ended, cannotSeek }

    /// Decodes everything from the keyframe at `anchor` (or the start) to the one at `until` (or
    /// the end) and samples it by the longest gap.
    private mutating func fill(
        from anchor: PacketPlace?, until: PacketPlace?, _ body: (consuming LumaFrame) -> Void
    ) throws(DecodeError) -> FillOutcome {
        guard seek(to: anchor) else { return .cannotSeek }
        demuxer.select(track, keyframesOnly: false)
        decoder.flush()
        var outcome = FillOutcome.ended
        while true {
            av_packet_unref(packet)
            guard try demuxer.read(into: packet) else { break }
            guard packet.pointee.stream_index == track.index else { continue }
            let place = clock.place(of: packet)
            if let until, packet.pointee.flags & AV_PKT_FLAG_KEY != 0, place.isAtOrAfter(until) {
                outcome = .reached
                break
            }
            if !decoder.send(packet) { report.failed += 1 }
            try drainFill(body)
        }
        _ = decoder.send(nil)
        try drainFill(body)
        decoder.flush()
        return outcome
    }

    private mutating func drainFill(_ body: (consuming LumaFrame) -> Void) throws(DecodeError) {
        while case .frame = decoder.receive(into: frame) {
            let time = clock.time(of: frame)
            if sampler.wantsFill(at: time), time > sampler.lastSample ?? -.infinity {
                try deliver(at: time, body)
            } else {
                av_frame_unref(frame)
            }
        }
    }

    /// Decodes every packet.
    ///
    /// `after` is the time up to which frames were sampled before.
    private mutating func readThrough(
        after: Double?, _ body: (consuming LumaFrame) -> Void
    ) throws(DecodeError) {
        demuxer.select(track, keyframesOnly: false)
        var anchor: PacketPlace?
        while true {
            av_packet_unref(packet)
            let more = try demuxer.read(into: packet)
            if more {
                guard packet.pointee.stream_index == track.index else { continue }
                let place = clock.place(of: packet)
                if packet.pointee.flags & AV_PKT_FLAG_KEY != 0 { anchor = place }
            }
            if !decoder.send(more ? packet : nil) { report.failed += 1 }
            try drainThrough(after: after, body)
            guard more else { break }
        }
        let declared = declaredDuration
        if (demuxer.declaredDuration ?? 0) - clock.reached > Self.truncationSlack,
            demuxer.isSeekable,
            seek(to: anchor)
        {
            noteTruncation(dataEnd: try readTail())
        }
        report.duration = max(declared ?? 0, clock.reached)
        sampler.ended(at: clock.reached)
    }

    private mutating func drainThrough(
        after: Double?, _ body: (consuming LumaFrame) -> Void
    ) throws(DecodeError) {
        while true {
            switch decoder.receive(into: frame) {
            case .none: return
            case .failure:
                report.failed += 1
                return
            case .frame: break
            }
            let time = clock.time(of: frame)
            let isKey = vigil_frame_is_key(frame) != 0
            if time > after ?? -.infinity, sampler.wantsFrame(at: time, isKey: isKey) {
                try deliver(at: time, body)
            } else {
                av_frame_unref(frame)
            }
            decoded += 1
        }
    }

    /// Where a source says that it can seek and then cannot: opens it again and reads straight
    /// through.
    private mutating func restartThrough(
        _ body: (consuming LumaFrame) -> Void
    ) throws(DecodeError) {
        demuxer = try Demuxer(input, interrupt: interrupt)
        guard demuxer.tracks.indices.contains(trackIndex) else {
            throw DecodeError(.damaged, "changed while it was read")
        }
        let stream = demuxer.stream(track)
        decoder = try VideoDecoder(stream, threads: threads, interrupt: interrupt)
        clock = TrackClock(stream)
        try readThrough(after: sampler.lastSample, body)
    }
}

// MARK: - Pieces

extension FrameSource {
    /// Hands the decoded frame on.
    private mutating func deliver(
        at time: Double, _ body: (consuming LumaFrame) -> Void
    ) throws(DecodeError) {
        if let reason = interrupt.reason { throw reason }
        let number: Int
        if case .all = sampler.policy.mode { number = decoded } else { number = report.sampled }
        sampler.sampled(at: time)
        let luma: LumaFrame
        do throws(DecodeError) {
            luma = try converter.luma(taking: frame, mediaTime: time, number: number)
        } catch {
            av_frame_unref(frame)
            report.failed += 1
            if error.code == .unsupported { throw error }
            return
        }
        report.sampled += 1
        if luma.isDamaged { report.damaged += 1 }
        body(luma)
    }

    private func seek(to place: PacketPlace?) -> Bool {
        demuxer.seek(
            track: track, timestamp: place?.timestamp ?? clock.start, position: place?.position ?? 0
        )
    }

    /// Reads the packets of all tracks to the end without decoding.
    /// - Returns: the media time that any track's data reaches.
    private mutating func readTail() throws(DecodeError) -> Double {
        demuxer.selectAll()
        var end = clock.reached
        var clocks: [CInt: TrackClock] = [:]
        while true {
            av_packet_unref(packet)
            guard try demuxer.read(into: packet) else { return end }
            let index = packet.pointee.stream_index
            if index == track.index {
                end = max(end, clock.end(of: packet))
            } else {
                var other = clocks[index] ?? TrackClock(demuxer.stream(index))
                end = max(end, other.end(of: packet))
                clocks[index] = other
            }
        }
    }

    private mutating func noteTruncation(dataEnd: Double) {
        guard let declared = demuxer.declaredDuration,
            declared - dataEnd > Self.truncationSlack
        else { return }
        report.problems.append(
            "truncated: the data ends at \(tenths(dataEnd)) s of \(tenths(declared)) s")
    }
}

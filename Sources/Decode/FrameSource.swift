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
    private var anchors = AnchorList()
    /// Whether `packet` was read already and is the next one to look at.
    private var isPending = false

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
        let demuxer = try Demuxer(input, form: form, interrupt: interrupt)
        guard demuxer.tracks.indices.contains(track) else {
            throw DecodeError(.damaged, "has no video track number \(track)")
        }
        let selected = demuxer.tracks[track]
        let stream = demuxer.stream(selected)
        let decoder: VideoDecoder
        do throws(DecodeError) {
            decoder = try VideoDecoder(stream, threads: threads, interrupt: interrupt)
        } catch {
            throw error.withTracks(demuxer.tracks.count)
        }
        let buffers = try Buffers()
        self.buffers = buffers
        converter = LumaConverter(form)
        self.decoder = decoder
        self.input = input
        self.threads = threads
        self.interrupt = interrupt
        trackIndex = track
        let clock = TrackClock(stream)
        self.clock = clock
        let length = clock.declaredDuration ?? demuxer.declaredDuration
        declaredDuration = length
        sampler = KeyframeSampler(policy: policy.fitted(toLength: length))
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
    /// - Parameter body: says whether the frame has enough structure to be compared; where
    ///   keyframes have not, what lies between them is looked at too.
    /// - Returns: what was examined and what was not. Reading errors end up there too, so that
    ///   frames seen before them count.
    public mutating func forEachFrame(_ body: (consuming LumaFrame) -> Bool) -> SourceReport {
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
        if demuxer.readErrors > 0 {
            report.problems.append("reading failed at \(demuxer.readErrors) places")
        }
        if !input.isRemote, demuxer.videoTrackCount > trackCount {
            report.problems.append("a video track that begins later on was not examined")
        }
        if clock.isImplausible {
            report.problems.append(
                "its time stamps are implausible: more than \(Int(TrackClock.fastestRate)) frames a second"
            )
        }
        if demuxer.partsMissing > 0 {
            report.problems.append(
                "\(demuxer.partsMissing) of the parts that it names could not be opened")
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
    /// Reads the pictures of a still: one, but joined JPEGs and pages of a TIFF come as several.
    private mutating func readStill(_ body: (consuming LumaFrame) -> Bool) throws(DecodeError) {
        demuxer.select(track, keyframesOnly: false)
        var number = 0
        while try readPacket() {
            let isCut = StillPicture.isTruncated(packet, codec: demuxer.codec(of: track))
            if case .picture = decoder.keyframe(packet, into: frame) {
                try deliver(at: Double(number), body)
                if isCut { report.problems.append("truncated: the picture's end is missing") }
            } else {
                report.failed += 1
            }
            number += 1
        }
    }

    private mutating func readKeyframes(_ body: (consuming LumaFrame) -> Bool) throws(DecodeError) {
        demuxer.select(track, keyframesOnly: true)
        var anchor: PacketPlace?
        while try readPacket() {
            guard packet.pointee.flags & AV_PKT_FLAG_KEY != 0 else { continue }
            var place = clock.unwrap(packet)
            if place.isDiscontinuity { sampler.restart() }
            if sampler.needsFilling(until: place.time) {
                // The stretch before this keyframe is too long: read it again, in full, up to and
                // including this packet.
                guard let filled = try fill(from: anchor, until: place, body) else { break }
                switch filled {
                case .reached(let again): place = again
                case .cannotSeek: return try restartThrough(body)
                }
                demuxer.select(track, keyframesOnly: true)
            }
            anchor = place
            anchors.add(place)
            if packet.pointee.flags & AV_PKT_FLAG_DISCARD == 0,
                sampler.wantsKeyframe(at: place.time)
            {
                switch decoder.keyframe(packet, into: frame) {
                case .picture: try deliver(at: place.time, body)
                case .failure: report.failed += 1
                case .dependent: return try restartThrough(body)
                }
            }
        }
        try finishKeyframes(anchor: anchor, body)
    }

    /// After the last keyframe: finds the true end of the data, samples a long tail, notes
    /// truncation.
    private mutating func finishKeyframes(
        anchor: PacketPlace?, _ body: (consuming LumaFrame) -> Bool
    ) throws(DecodeError) {
        let lastKey = anchor?.time ?? 0
        if anchor == nil || (declaredDuration ?? .infinity) - lastKey > Self.truncationSlack / 2 {
            demuxer.selectAll()
            guard try seek(to: anchor) else { return try restartThrough(body) }
            let end = try readTail()
            if sampler.needsFilling(until: clock.reached) || report.sampled == 0 {
                if case .cannotSeek = try fill(from: anchor, until: nil, body) {
                    return try restartThrough(body)
                }
            }
            noteTruncation(dataEnd: end)
        }
        finish()
    }

    /// What became of a stretch that was to be filled, unless the input ended in it.
    private enum Filled {
        /// The packet that ends the stretch was read again.
        case reached(PacketPlace)
        case cannotSeek
    }

    /// Decodes everything from the keyframe at `anchor` (or the start) to the one at `until` (or
    /// the end) and samples it by the longest gap.
    private mutating func fill(
        from anchor: PacketPlace?, until: PacketPlace?, _ body: (consuming LumaFrame) -> Bool
    ) throws(DecodeError) -> Filled? {
        demuxer.select(track, keyframesOnly: false)
        guard try seek(to: anchor) else { return .cannotSeek }
        decoder.flush()
        var reached: Filled?
        while try readPacket() {
            let before = clock.lastPacketTime
            let place = clock.unwrap(packet)
            noteHole(from: before, to: place.time)
            if let until, packet.pointee.flags & AV_PKT_FLAG_KEY != 0, place.isAtOrAfter(until) {
                reached = .reached(place)
                break
            }
            if place.isDiscontinuity { sampler.restart() }
            if !decoder.send(packet) { report.failed += 1 }
            try drainFill(body)
        }
        _ = decoder.send(nil)
        try drainFill(body)
        decoder.flush()
        return reached
    }

    private mutating func drainFill(_ body: (consuming LumaFrame) -> Bool) throws(DecodeError) {
        while true {
            switch decoder.receive(into: frame) {
            case .none: return
            case .failure:
                report.failed += 1
                return
            case .frame: break
            }
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
        after: Double?, _ body: (consuming LumaFrame) -> Bool
    ) throws(DecodeError) {
        demuxer.select(track, keyframesOnly: false)
        var anchor: PacketPlace?
        while try readPacket() {
            let before = clock.lastPacketTime
            let place = clock.unwrap(packet)
            noteHole(from: before, to: place.time)
            if place.isDiscontinuity { sampler.restart() }
            if packet.pointee.flags & AV_PKT_FLAG_KEY != 0 {
                anchor = place
                anchors.add(place)
            }
            if !decoder.send(packet) { report.failed += 1 }
            try drainThrough(after: after, body)
        }
        if !decoder.send(nil) { report.failed += 1 }
        try drainThrough(after: after, body)
        let declared = demuxer.declaredDuration ?? declaredDuration ?? 0
        if declared - clock.startSeconds - clock.reached > Self.truncationSlack, demuxer.isSeekable
        {
            demuxer.selectAll()
            let end = try seek(to: anchor) ? try readTail() : clock.reached
            noteTruncation(dataEnd: end)
        }
        finish()
    }

    private mutating func drainThrough(
        after: Double?, _ body: (consuming LumaFrame) -> Bool
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

    /// Decodes a stretch of what was read before once more and samples it densely.
    /// - Parameters:
    ///   - stretch: media time, seconds.
    ///   - interval: shortest time between two samples, seconds.
    /// - Returns: pictures handed on. A source that cannot seek, or fails, hands on fewer or none.
    public mutating func lookCloser(
        at stretch: ClosedRange<Double>, every interval: Double,
        _ body: (consuming LumaFrame) -> Bool
    ) -> Int {
        guard !isStill, demuxer.isSeekable else { return 0 }
        let before = report.sampled
        // What fails here was read before and stands in the report already.
        try? readStretch(stretch, every: interval, body)
        decoder.flush()
        return report.sampled - before
    }

    private mutating func readStretch(
        _ stretch: ClosedRange<Double>, every interval: Double,
        _ body: (consuming LumaFrame) -> Bool
    ) throws(DecodeError) {
        demuxer.select(track, keyframesOnly: false)
        guard try seek(to: anchors.last(before: stretch.lowerBound)) else { return }
        decoder.flush()
        var next = stretch.lowerBound
        var isWithin = true
        while isWithin {
            isWithin = try readPacket()
            if isWithin {
                // Frames are shown a little after they are decoded.
                isWithin = clock.unwrap(packet).time <= stretch.upperBound + 1
            }
            _ = decoder.send(isWithin ? packet : nil)
            while case .frame = decoder.receive(into: frame) {
                let time = clock.time(of: frame)
                if stretch.contains(time), time >= next {
                    next = time + interval
                    _ = try handOn(at: time, body)
                } else {
                    av_frame_unref(frame)
                }
            }
        }
    }

    /// Opens the input again and reads straight through what was not sampled yet: where a source
    /// says that it can seek and then cannot, or where its key flags turn out to be wrong.
    private mutating func restartThrough(
        _ body: (consuming LumaFrame) -> Bool
    ) throws(DecodeError) {
        demuxer = try Demuxer(input, form: converter.form, interrupt: interrupt)
        guard demuxer.tracks.indices.contains(trackIndex) else {
            throw DecodeError(.damaged, "changed while it was read")
        }
        let stream = demuxer.stream(track)
        decoder = try VideoDecoder(stream, threads: threads, interrupt: interrupt)
        clock = TrackClock(stream)
        anchors = AnchorList()
        isPending = false
        try readThrough(after: sampler.lastSample, body)
    }
}

// MARK: - Pieces

extension FrameSource {
    /// Samples the decoded frame.
    private mutating func deliver(
        at time: Double, _ body: (consuming LumaFrame) -> Bool
    ) throws(DecodeError) {
        if let isUsable = try handOn(at: time, body) {
            sampler.sampled(at: time, isUsable: isUsable)
        }
    }

    /// Hands the decoded frame on.
    /// - Returns: whether it can be compared; `nil` where it could not be converted.
    private mutating func handOn(
        at time: Double, _ body: (consuming LumaFrame) -> Bool
    ) throws(DecodeError) -> Bool? {
        if let reason = interrupt.reason { throw reason }
        let number: Int
        if case .all = sampler.policy.mode { number = decoded } else { number = report.sampled }
        let luma: LumaFrame
        do throws(DecodeError) {
            luma = try converter.luma(taking: frame, mediaTime: time, number: number)
        } catch {
            av_frame_unref(frame)
            report.failed += 1
            if error.code == .unsupported { throw error }
            return nil
        }
        report.sampled += 1
        if luma.isDamaged { report.damaged += 1 }
        return body(luma)
    }

    /// Reads the next packet of the track.
    private mutating func readPacket() throws(DecodeError) -> Bool {
        if isPending {
            isPending = false
            return true
        }
        repeat {
            av_packet_unref(packet)
            guard try demuxer.read(into: packet) else { return false }
        } while packet.pointee.stream_index != track.index
        return true
    }

    /// Goes back so that the packet at `place` (or the first) is read next.
    ///
    /// A demuxer may land on an earlier keyframe; what lies between is passed over, because the
    /// clock goes on from the place. What is to be read must be selected before.
    /// - Returns: `false` where the place was not found again.
    private mutating func seek(to place: PacketPlace?) throws(DecodeError) -> Bool {
        clock.rewind(to: place)
        isPending = false
        let position = place?.position ?? 0
        let timestamp = place?.timestamp ?? clock.startTimestamp
        guard demuxer.seek(track: track, timestamp: timestamp, position: position) else {
            return false
        }
        guard let place else { return true }
        while try readPacket() {
            if place.isPlace(of: packet) {
                isPending = true
                return true
            }
        }
        return false
    }

    /// A jump of the time stamps between two packets is no stretch that nothing was seen of.
    private mutating func noteHole(from before: Double?, to time: Double) {
        if let before, time - before > TrackClock.longestPause {
            sampler.hole(from: before, to: time)
        }
    }

    private mutating func finish() {
        report.duration = max((declaredDuration ?? 0) - clock.startSeconds, clock.reached)
        sampler.ended(at: clock.newestPacketTime)
    }

    /// Reads the packets of all selected tracks to the end without decoding.
    /// - Returns: the media time that any track's data reaches.
    private mutating func readTail() throws(DecodeError) -> Double {
        var end = clock.reached
        var clocks: [CInt: TrackClock] = [:]
        while true {
            if !isPending {
                av_packet_unref(packet)
                guard try demuxer.read(into: packet) else { return end }
            }
            isPending = false
            let index = packet.pointee.stream_index
            if index == track.index {
                _ = clock.unwrap(packet)
                end = max(end, clock.reached)
            } else {
                var other = clocks[index] ?? TrackClock(demuxer.stream(index))
                _ = other.unwrap(packet)
                end = max(end, other.reached)
                clocks[index] = other
            }
        }
    }

    private mutating func noteTruncation(dataEnd: Double) {
        // The container counts from its own zero, media time from the track's start.
        guard let whole = demuxer.declaredDuration ?? declaredDuration else { return }
        let declared = whole - clock.startSeconds
        guard declared - dataEnd > Self.truncationSlack else { return }
        report.problems.append(
            "truncated: the data ends at \(tenths(dataEnd)) s of \(tenths(declared)) s")
    }
}

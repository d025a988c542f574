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
    static let truncationSlack = 2.0

    let input: MediaInput
    let threads: Int
    let interrupt: Interrupt
    let trackIndex: Int
    var demuxer: Demuxer
    var decoder: VideoDecoder
    var converter: LumaConverter
    var sampler: KeyframeSampler
    var clock: TrackClock
    let buffers: Buffers
    var decoded = 0
    var report = SourceReport()
    var anchors = AnchorList()
    /// Whether `packet` was read already and is the next one to look at.
    var isPending = false

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
    struct Buffers: ~Copyable {
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

    var packet: UnsafeMutablePointer<AVPacket> { buffers.packet }
    var frame: UnsafeMutablePointer<AVFrame> { buffers.frame }
    var track: Demuxer.Track { demuxer.tracks[trackIndex] }

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

// MARK: - Pieces

extension FrameSource {
    /// Samples the decoded frame.
    mutating func deliver(
        at time: Double, _ body: (consuming LumaFrame) -> Bool
    ) throws(DecodeError) {
        if let isUsable = try handOn(at: time, body) {
            sampler.sampled(at: time, isUsable: isUsable)
        }
    }

    /// Hands the decoded frame on.
    /// - Returns: whether it can be compared; `nil` where it could not be converted.
    mutating func handOn(
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
    mutating func readPacket() throws(DecodeError) -> Bool {
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
    mutating func seek(to place: PacketPlace?) throws(DecodeError) -> Bool {
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
    mutating func noteHole(from before: Double?, to time: Double) {
        if let before, time - before > TrackClock.longestPause {
            sampler.hole(from: before, to: time)
        }
    }

    mutating func finish() {
        report.duration = max((declaredDuration ?? 0) - clock.startSeconds, clock.reached)
        sampler.ended(at: clock.newestPacketTime)
    }

    /// Reads the packets of all selected tracks to the end without decoding.
    /// - Returns: the media time that any track's data reaches.
    mutating func readTail() throws(DecodeError) -> Double {
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

    mutating func noteTruncation(dataEnd: Double) {
        // The container counts from its own zero, media time from the track's start.
        guard let whole = demuxer.declaredDuration ?? declaredDuration else { return }
        let declared = whole - clock.startSeconds
        guard declared - dataEnd > Self.truncationSlack else { return }
        report.problems.append(
            "truncated: the data ends at \(tenths(dataEnd)) s of \(tenths(declared)) s")
    }
}

// One video track as a series of sampled luma frames.
//
// Two ways to read, chosen by policy and by what the container can do:
// - by keyframes: the demuxer discards all other packets (MP4 does not even read them), each
//   keyframe is decoded by itself, and where two samples would lie further apart than the policy's
//   longest gap the stretch between is read again and decoded in full (`fill`). Needs a source that
//   can seek.
// - straight through: every packet is decoded and the sampler picks frames.
//
// Pictures are looked at (hashed) by a PictureLooker, in part beside the reader; what they show
// decides what is read next, so the reader goes ahead of it and back where it must (Settling,
// LookAhead).
//
// Invariants: frames come in reading order; the work is linear in the input (a stretch is filled at
// most once, and who has to go back often goes less far ahead); whatever was not looked at stands
// in the report.

internal import CFFmpeg

/// Samples the frames of one video track of an input.
public struct FrameSource: ~Copyable {
    /// Slack between declared length and last data that is not called truncation, seconds.
    static let truncationSlack = 2.0
    /// Jumps of the time stamps between what a decoder was given and what came out of it.
    static let mostHoles = 64

    let media: OpenMedia
    let threads: Int
    let interrupt: Interrupt
    let trackIndex: Int
    var demuxer: Demuxer
    var decoder: VideoDecoder
    var converter: LumaConverter
    /// Knows of every picture that was accepted.
    var sampler: KeyframeSampler
    var ahead: LookAhead<PacketPlace>
    /// Whether pictures may be decoded by other decoders than the reader's: not those of a stream
    /// whose parameters change, because only the reader's decoder has seen them all.
    var decodesBeside: Bool
    /// What every keyframe brings, as far as was read.
    var parameterSets: UInt64?
    /// How far the reader may go ahead; less where it often has to go back.
    var window = Window()
    var codec: TrackCodec
    let limits: PictureLimits
    /// Why pictures were refused by a decoder that is closed.
    var refusal: PictureRefusal?
    /// Threads of the decoder that whole stretches between keyframes go through.
    let denseThreads: Int
    var dense: VideoDecoder?
    var clock: TrackClock
    let buffers: Buffers
    var decoded = 0
    /// Jumps of the time stamps that pictures did not reach yet.
    var holes: [(start: Double, end: Double)] = []
    var report = SourceReport()
    var anchors = AnchorList()
    /// Whether the decoder has seen the parameters that all keyframes bring.
    var isPrimed = false
    /// Whether packets are gathered into groups.
    var gathers = false
    /// Whether the decoder holds pictures of packets that were decoded as they were read.
    var isFed = false
    /// Whether `packet` was read already and is the next one to look at.
    var isPending = false

    /// Number of video tracks in the input.
    public let trackCount: Int
    /// Whether the track is a still picture.
    public let isStill: Bool
    /// Length that the container declares, seconds; `nil` where it does not.
    public let declaredDuration: Double?

    /// Opens an input and the decoder of one of its video tracks.
    /// - Throws: `DecodeError` where the input cannot be opened or holds no pictures.
    public init(
        _ input: MediaInput, track: Int = 0, policy: SamplingPolicy, form: FrameForm = .luma,
        threads: Int = 1, denseThreads: Int = 1, interrupt: Interrupt
    ) throws(DecodeError) {
        try self.init(
            OpenMedia(input, interrupt: interrupt), track: track, policy: policy, form: form,
            threads: threads, denseThreads: denseThreads, interrupt: interrupt)
    }

    /// Opens the decoder of one of the video tracks of an input that is open.
    /// - Parameters:
    ///   - track: number of the video track, from 0.
    ///   - form: what frames are wanted as.
    ///   - threads: decoder threads; 1 is best for keyframes.
    ///   - denseThreads: the same where what lies between keyframes has to be decoded.
    ///   - limits: what pictures of a video may take, and a single picture.
    /// - Throws: `DecodeError` where the input cannot be opened or holds no pictures.
    public init(
        _ media: OpenMedia, track: Int = 0, policy: SamplingPolicy, form: FrameForm = .luma,
        threads: Int = 1, denseThreads: Int = 1,
        limits: (video: PictureLimits, still: PictureLimits) = (.video, .still),
        interrupt: Interrupt
    ) throws(DecodeError) {
        let demuxer = try Demuxer(media, form: form, interrupt: interrupt)
        guard demuxer.tracks.indices.contains(track) else {
            throw DecodeError(.damaged, "has no video track number \(track)")
        }
        let selected = demuxer.tracks[track]
        let stream = demuxer.stream(selected)
        let isStill =
            selected.isAttachedPicture || MediaFormat.isPicture(demuxer.formatNames)
        let limits = isStill ? limits.still : limits.video
        let codec: TrackCodec
        let decoder: VideoDecoder
        do throws(DecodeError) {
            codec = try TrackCodec(stream)
            decoder = try VideoDecoder(codec, threads: threads, limits: limits)
        } catch {
            throw error.withTracks(demuxer.tracks.count)
        }
        let buffers = try Buffers()
        self.buffers = buffers
        converter = LumaConverter(form)
        self.codec = codec
        self.decoder = decoder
        decodesBeside = PacketContent.canTell(codec)
        self.media = media
        self.threads = threads
        self.denseThreads = denseThreads
        self.interrupt = interrupt
        trackIndex = track
        let clock = TrackClock(stream)
        self.clock = clock
        let length = clock.declaredDuration ?? demuxer.declaredDuration
        declaredDuration = length
        sampler = KeyframeSampler(policy: policy.fitted(toLength: length))
        ahead = LookAhead(from: sampler)
        trackCount = demuxer.tracks.count
        self.isStill = isStill
        self.limits = limits
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

    /// Reads the track to its end and has every sampled frame looked at; accepted in order.
    /// - Parameter looker: says of each frame whether it has enough structure to be compared; where
    ///   keyframes have not, what lies between them is looked at too.
    /// - Returns: what was examined and what was not. Reading errors end up there too, so that
    ///   frames seen before them count.
    public mutating func forEachFrame(
        _ looker: inout some PictureLooker & ~Copyable
    ) -> SourceReport {
        do throws(DecodeError) {
            if isStill {
                try readStill(&looker)
            } else if case .keyframes = sampler.policy.mode, demuxer.isSeekable {
                try readKeyframes(&looker)
            } else {
                try readThrough(after: nil, &looker)
            }
            _ = try settle(leaving: 0, &looker)
        } catch {
            report.problems.append(error.message)
            acceptRest(&looker)
        }
        summarise()
        return report
    }

    private mutating func summarise() {
        if let file = media.file, demuxer.formatNames == "avi", MediaFormat.isTruncatedRIFF(file) {
            report.problems.append("truncated: the file is shorter than its header says")
        }
        if demuxer.readErrors > 0 {
            report.problems.append("reading failed at \(demuxer.readErrors) places")
        }
        if !media.input.isRemote, demuxer.videoTrackCount > trackCount {
            report.problems.append("a video track that begins later on was not examined")
        }
        if clock.isImplausible {
            report.problems.append(
                "its time stamps are implausible: more than \(Int(bounded: TrackClock.fastestRate)) frames a second"
            )
        }
        if clock.absurdPackets > 0 || clock.isUnitAbsurd {
            let what =
                clock.isUnitAbsurd ? "time base" : "time stamps of \(clock.absurdPackets) packets"
            report.problems.append(
                "its \(what) cannot be those of a recording and were not believed: times are guessed"
            )
        }
        if let problem = demuxer.partsProblem { report.problems.append(problem) }
        let longest = sampler.longestGap
        if !isStill, case .keyframes = sampler.policy.mode, report.sampled > 0,
            longest > sampler.policy.maximumGap + 1
        {
            report.problems.append(
                "no picture could be decoded for \(tenths(longest)) s from "
                    + "\(tenths(sampler.longestGapStart)) s on")
        }
        if let refusal = decoder.takeRefusal() ?? dense?.takeRefusal() ?? refusal {
            report.problems.append(refusal.text)
        }
        let tried = report.sampled + report.failed
        if report.failed > 0 {
            report.problems.append("\(report.failed) of \(tried) pictures could not be decoded")
        }
        if report.damaged > 0 {
            report.problems.append("\(report.damaged) of \(tried) pictures are damaged")
        }
        if tried == 0, demuxer.formatNames.hasPrefix("mov") {
            // Cut off, or in another file that this one names, which is never opened.
            report.problems.append("none of its pictures is in this file")
        }
        if tried == 0, report.problems.isEmpty {
            report.problems.append("its video track holds no picture")
        }
    }
}

// MARK: - Pieces

extension FrameSource {
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
        demuxer.restoreKeyDelay(place?.keyDelay)
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
        guard let before, time - before > TrackClock.longestPause else { return }
        holes.append((before, time))
        // A decoder that gives no pictures at all.
        if holes.count > Self.mostHoles { passHoles(until: time) }
    }

    /// Tells the sampler of the holes up to a time: pictures come some packets later than packets.
    mutating func passHoles(until time: Double) {
        while let hole = holes.first, hole.end <= time {
            sampler.hole(from: hole.start, to: hole.end)
            holes.removeFirst()
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

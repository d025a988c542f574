// One open container: finds its video tracks and hands out their packets.
//
// Invariants: owns its AVFormatContext and closes it in deinit; every blocking call runs under the
// interrupt with a fresh deadline; streams that are not read are discarded in the library, which
// for MP4 means that their bytes are not read at all.

internal import CFFmpeg

/// Limits of what one input may ask for.
enum DemuxLimits {
    /// Longest wait for data within one call, seconds.
    static let stallSeconds = 30.0
    /// Read errors in a row after which the rest is given up.
    static let consecutiveErrors = 16
    /// Most memory that opening may take: the index of a day at 60 frames a second is half of it.
    static let openingBytes = 512 << 20
    /// Most memory that reading one packet may take.
    static let packetBytes = 320 << 20
}

struct Demuxer: ~Copyable {
    /// A video track: its stream index and what its decoder needs.
    struct Track {
        var index: Int
        var isAttachedPicture: Bool
    }

    private let context: UnsafeMutablePointer<AVFormatContext>
    private let interrupt: Interrupt
    private let openGuard: OpenGuard
    /// What a file is read by; the library leaves it to us to close.
    private let io: UnsafeMutablePointer<AVIOContext>?
    let formatNames: String
    let tracks: [Track]
    /// Reads that failed and were followed by one that did not.
    private(set) var readErrors = 0
    private var keyDelay: KeyDelay?

    init(_ media: OpenMedia, form: FrameForm, interrupt: Interrupt) throws(DecodeError) {
        interrupt.arm(seconds: DemuxLimits.stallSeconds)
        var format: UnsafePointer<AVInputFormat>?
        if let file = media.file, let path = media.input.path {
            format = try MediaFormat.probe(file, path: path, interrupt: interrupt)
        }
        let openGuard = OpenGuard(try Self.reach(of: media, format), interrupt: interrupt)
        let (io, address) = try Self.first(of: media, openGuard)
        let context: UnsafeMutablePointer<AVFormatContext>
        do throws(DecodeError) {
            context = try Self.open(
                media.input, at: address, through: io, as: format, form: form,
                openGuard: openGuard, interrupt: interrupt)
        } catch {
            vigil_io_close(io)
            throw openGuard.explained(error)
        }
        let found: [Track]
        do throws(DecodeError) {
            try Self.completeParameters(context, interrupt: interrupt)
            found = try Self.videoTracks(context, isRemote: media.input.isRemote)
        } catch {
            // An initialiser that throws runs no deinit.
            Self.close(context, io)
            throw openGuard.explained(error)
        }
        self.context = context
        self.interrupt = interrupt
        self.openGuard = openGuard
        self.io = io
        formatNames = String(cString: context.pointee.iformat.pointee.name)
        tracks = found
        if formatNames.hasPrefix("mov") { keyDelay = KeyDelay() }
    }

    deinit { Self.close(context, io) }

    private static func close(
        _ context: UnsafeMutablePointer<AVFormatContext>, _ io: UnsafeMutablePointer<AVIOContext>?
    ) {
        var closing: UnsafeMutablePointer<AVFormatContext>? = context
        avformat_close_input(&closing)
        if let io { vigil_io_close(io) }
    }

    /// What the input may lead to.
    private static func reach(
        of media: OpenMedia, _ format: UnsafePointer<AVInputFormat>?
    ) throws(DecodeError) -> OpenGuard.Reach {
        guard let file = media.file, let format else { return .network }
        guard MediaFormat.isPlaylistFormat(String(cString: format.pointee.name)) else {
            return .nowhere
        }
        let (folder, name) = try media.playlistFolder()
        return .folder(folder, name: name, playlist: file)
    }

    private static func first(
        of media: OpenMedia, _ openGuard: OpenGuard
    ) throws(DecodeError) -> (UnsafeMutablePointer<AVIOContext>?, String) {
        switch (media.file, media.input) {
        case (let file?, _): try openGuard.first(file)
        case (nil, .url(let url)): (nil, url)
        default: throw DecodeError(.io, "is not open")
        }
    }

    private static func open(
        _ input: MediaInput, at address: String, through io: UnsafeMutablePointer<AVIOContext>?,
        as format: UnsafePointer<AVInputFormat>?, form: FrameForm, openGuard: OpenGuard,
        interrupt: Interrupt
    ) throws(DecodeError) -> UnsafeMutablePointer<AVFormatContext> {
        var context = avformat_alloc_context()
        guard let allocated = context else { throw DecodeError(.io, "out of memory") }
        allocated.pointee.interrupt_callback = interrupt.callback
        if let io { allocated.pointee.pb = io }
        openGuard.install(in: allocated)
        var options: OpaquePointer?
        defer { av_dict_free(&options) }
        av_dict_set(&options, "protocol_whitelist", input.protocols, 0)
        av_dict_set(&options, "format_whitelist", MediaFormat.whitelist, 0)
        av_dict_set(&options, "max_streams", "128", 0)
        if form == .luma {
            // An edit list says what players show. A scan looks at all that is there; the
            // reference's form keeps the reference's times.
            av_dict_set(&options, "ignore_editlist", "1", 0)
        }
        if input.isRemote {
            av_dict_set(&options, "rw_timeout", "15000000", 0)
        } else {
            // A playlist without an end is on disk to be read as it is, from its start, not to be
            // waited on.
            av_dict_set(&options, "live_start_index", "0", 0)
            av_dict_set(&options, "m3u8_hold_counters", "4", 0)
            // What a playlist's parts are is decided by their content: were they left out by their
            // names, nobody would be told.
            av_dict_set(&options, "allowed_extensions", "ALL", 0)
            av_dict_set(&options, "allowed_segment_extensions", "ALL", 0)
            av_dict_set(&options, "extension_picky", "0", 0)
            // An MP4 may say that its pictures are in another file.
            av_dict_set(&options, "enable_drefs", "0", 0)
            av_dict_set(&options, "use_absolute_path", "0", 0)
        }
        // On failure the library frees the context.
        let (status, wasRefused) = PathText.withName(address) { name in
            withMemory(atMost: DemuxLimits.openingBytes) {
                vigil_open_input(&context, name, format, &options)
            }
        }
        // What was opened without a part of its index is opened again for each of its tracks.
        if wasRefused {
            avformat_close_input(&context)
            throw memoryRefused(DemuxLimits.openingBytes, doing: "opened")
        }
        guard status >= 0, let context else {
            throw DecodeError(status: status, doing: "cannot open", interrupt: interrupt)
        }
        return context
    }

    /// Looks into the data where the header does not say enough to open a decoder.
    private static func completeParameters(
        _ context: UnsafeMutablePointer<AVFormatContext>, interrupt: Interrupt
    ) throws(DecodeError) {
        let names = String(cString: context.pointee.iformat.pointee.name)
        let incomplete =
            context.pointee.ctx_flags & AVFMTCTX_NOHEADER != 0
            || streams(of: context).contains { stream in
                let parameters = stream.pointee.codecpar.pointee
                return parameters.codec_type == AVMEDIA_TYPE_UNKNOWN
                    || parameters.codec_type == AVMEDIA_TYPE_VIDEO
                        && (parameters.codec_id == AV_CODEC_ID_NONE || parameters.width == 0)
            }
        guard incomplete, !MediaFormat.isPicture(names) else { return }
        let (status, wasRefused) = withMemory(atMost: DemuxLimits.openingBytes) {
            avformat_find_stream_info(context, nil)
        }
        guard status >= 0 else {
            if wasRefused { throw memoryRefused(DemuxLimits.openingBytes, doing: "opened") }
            throw DecodeError(
                status: status, doing: "cannot read the streams", interrupt: interrupt)
        }
    }

    private static func memoryRefused(_ bytes: Int, doing: String) -> DecodeError {
        DecodeError(
            .unsupported, "needs more than \(bytes >> 20) MB of memory to be \(doing)")
    }

    private static func streams(
        of context: UnsafeMutablePointer<AVFormatContext>
    ) -> [UnsafeMutablePointer<AVStream>] {
        (0..<Int(context.pointee.nb_streams)).compactMap { context.pointee.streams[$0] }
    }

    /// Every video track of a file: a second one must not be a place to hide.
    ///
    /// Of a remote playlist, whose tracks are renditions of one content by the same provider, only
    /// the one that the library thinks best.
    private static func videoTracks(
        _ context: UnsafeMutablePointer<AVFormatContext>, isRemote: Bool
    ) throws(DecodeError) -> [Track] {
        let videos = streams(of: context).filter {
            $0.pointee.codecpar.pointee.codec_type == AVMEDIA_TYPE_VIDEO
        }
        guard !videos.isEmpty else {
            if MediaFormat.bringsTracksLater(
                String(cString: context.pointee.iformat.pointee.name))
            {
                throw DecodeError(.unsupported, "has no video track in its first seconds")
            }
            throw DecodeError(.noVideo, "has no video track, only audio, text or data")
        }
        if isRemote, String(cString: context.pointee.iformat.pointee.name) == "hls" {
            let best = av_find_best_stream(context, AVMEDIA_TYPE_VIDEO, -1, -1, nil, 0)
            if best >= 0 { return [Track(index: Int(best), isAttachedPicture: false)] }
        }
        return videos.map {
            Track(
                index: Int($0.pointee.index),
                isAttachedPicture: $0.pointee.disposition
                    & (AV_DISPOSITION_ATTACHED_PIC | AV_DISPOSITION_TIMED_THUMBNAILS)
                    == AV_DISPOSITION_ATTACHED_PIC)
        }
    }
}

extension Demuxer {
    func stream(_ index: CInt) -> UnsafeMutablePointer<AVStream> {
        context.pointee.streams[Int(index)]!
    }

    func stream(_ track: Track) -> UnsafeMutablePointer<AVStream> {
        // In range: `tracks` was made from this context, and streams are never removed.
        context.pointee.streams[track.index]!
    }

    func codec(of track: Track) -> AVCodecID { stream(track).pointee.codecpar.pointee.codec_id }

    /// Video tracks that are known by now: some formats bring tracks as they go.
    var videoTrackCount: Int {
        Self.streams(of: context).count {
            $0.pointee.codecpar.pointee.codec_type == AVMEDIA_TYPE_VIDEO
        }
    }

    /// What the input names (segments of a playlist) and could not be opened, in one line.
    var partsProblem: String? { openGuard.problem }

    /// Whether seeking back is possible.
    var isSeekable: Bool {
        if formatNames == "hls" { return context.pointee.duration > 0 }
        guard let io = context.pointee.pb else { return false }
        return io.pointee.seekable & AVIO_SEEKABLE_NORMAL != 0
    }

    /// Declared length of the whole input, all tracks, in seconds; `nil` where it is not declared
    /// but guessed from the size.
    var declaredDuration: Double? {
        guard context.pointee.duration != vigil_AV_NOPTS_VALUE, context.pointee.duration > 0,
            context.pointee.duration_estimation_method != AVFMT_DURATION_FROM_BITRATE
        else { return nil }
        return min(
            Double(context.pointee.duration) / Double(AV_TIME_BASE), StampLine.longestTrack)
    }

    /// Reads only this track, and of it only keyframes where the container can tell.
    mutating func select(_ track: Track, keyframesOnly: Bool) {
        keyDelay?.isSkipping = keyframesOnly
        for index in 0..<Int(context.pointee.nb_streams) {
            guard let stream = context.pointee.streams[index] else { continue }
            let chosen = index == track.index
            stream.pointee.discard =
                chosen ? (keyframesOnly ? AVDISCARD_NONKEY : AVDISCARD_DEFAULT) : AVDISCARD_ALL
        }
    }

    /// The delay of keyframes that was in effect before the packet that was read last.
    var keyDelayBefore: Int64? { keyDelay?.before }

    /// Sets the delay of keyframes for the packet that is sought; `nil` at the start.
    mutating func restoreKeyDelay(_ delay: Int64?) { keyDelay?.delay = delay }

    /// Reads every track in full.
    mutating func selectAll() {
        keyDelay?.isSkipping = false
        for index in 0..<Int(context.pointee.nb_streams) {
            context.pointee.streams[index]?.pointee.discard = AVDISCARD_DEFAULT
        }
    }

    /// Reads the next packet that is not discarded.
    /// - Returns: `false` at the end.
    /// - Throws: what ended reading before the end, once it has failed several times in a row.
    mutating func read(into packet: UnsafeMutablePointer<AVPacket>) throws(DecodeError) -> Bool {
        var failures = 0
        while true {
            interrupt.arm(seconds: DemuxLimits.stallSeconds)
            let (status, wasRefused) = withMemory(atMost: DemuxLimits.packetBytes) {
                av_read_frame(context, packet)
            }
            if status >= 0 {
                readErrors += failures
                keyDelay?.correct(packet)
                return true
            }
            if let reason = interrupt.reason { throw reason }
            if wasRefused {
                throw Self.memoryRefused(DemuxLimits.packetBytes, doing: "read further")
            }
            if status == vigil_AVERROR_EOF { return false }
            failures += 1
            if failures >= DemuxLimits.consecutiveErrors {
                throw DecodeError(status: status, doing: "reading stopped", interrupt: interrupt)
            }
        }
    }

    /// Goes back to a packet read before.
    /// - Returns: whether the library could seek; where it landed shows in the next packet.
    mutating func seek(track: Track, timestamp: Int64, position: Int64) -> Bool {
        interrupt.arm(seconds: DemuxLimits.stallSeconds)
        // Formats with discontinuous time stamps (MPEG-TS, MPEG-PS) search by time stamps and land
        // beside the keyframe; by position they land on it.
        let flags = context.pointee.iformat.pointee.flags
        if flags & AVFMT_TS_DISCONT != 0, flags & AVFMT_NO_BYTE_SEEK == 0, position >= 0,
            formatNames != "hls"
        {
            return av_seek_frame(context, CInt(track.index), position, AVSEEK_FLAG_BYTE) >= 0
        }
        return av_seek_frame(context, CInt(track.index), timestamp, AVSEEK_FLAG_BACKWARD) >= 0
    }
}

/// Corrects when keyframes are shown, where the MP4 demuxer skips all others.
///
/// It does not move on in its table of composition offsets for samples that it skips, so a keyframe
/// gets the offset of some other frame, and its time is some frames off. Keyframes that begin a
/// group are shown as long after they are decoded as the one before.
private struct KeyDelay {
    /// Whether other frames are skipped.
    var isSkipping = false
    /// How long after it is decoded a keyframe is shown, in the track's unit; `nil` before the first,
    /// whose own offset is right.
    var delay: Int64?
    /// The same before the newest keyframe.
    private(set) var before: Int64?

    mutating func correct(_ packet: UnsafeMutablePointer<AVPacket>) {
        let (pts, dts) = (packet.pointee.pts, packet.pointee.dts)
        guard packet.pointee.flags & AV_PKT_FLAG_KEY != 0, pts != vigil_AV_NOPTS_VALUE,
            dts != vigil_AV_NOPTS_VALUE
        else { return }
        before = delay
        if isSkipping, let delay {
            let (shown, isOver) = dts.addingReportingOverflow(delay)
            packet.pointee.pts = isOver ? dts : shown
        } else {
            let (late, isOver) = pts.subtractingReportingOverflow(dts)
            delay = isOver ? nil : late
        }
    }
}

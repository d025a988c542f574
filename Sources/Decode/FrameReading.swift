// The ways to read a track: a still, by keyframes, and a stretch once more. Straight through:
// GroupReading.
//
// Reading by keyframes falls back to reading straight through, once, where the source cannot seek
// after all or its key flags are wrong. Every packet of the track goes through the clock exactly
// once on each pass.

internal import CFFmpeg

extension FrameSource {
    /// Reads the pictures of a still: one, but joined JPEGs and pages of a TIFF come as several.
    mutating func readStill(_ looker: inout some PictureLooker & ~Copyable) throws(DecodeError) {
        demuxer.select(track, keyframesOnly: false)
        var number = 0
        while try readPacket() {
            let isCut = StillPicture.isTruncated(packet, codec: demuxer.codec(of: track))
            if case .picture = decoder.keyframe(packet, into: frame) {
                try deliver(at: Double(number), &looker)
                if isCut { report.problems.append("truncated: the picture's end is missing") }
            } else {
                report.failed += 1
                let size = StillPicture.size(of: packet, codec: demuxer.codec(of: track))
                if let size, !limits.admits(size.width, size.height) {
                    refusal = PictureRefusal(width: size.width, height: size.height, limits)
                }
            }
            number += 1
            // A cover is one picture; reading on would read the whole film for nothing.
            if track.isAttachedPicture { return }
        }
    }

    mutating func readKeyframes(
        _ looker: inout some PictureLooker & ~Copyable
    ) throws(DecodeError) {
        demuxer.select(track, keyframesOnly: true)
        var anchor: PacketPlace?
        while true {
            let isRead = try readPacket()
            if isRead, packet.pointee.flags & AV_PKT_FLAG_KEY == 0 { continue }
            let turn =
                isRead
                ? try keyframe(after: &anchor, &looker) : try settle(leaving: 0, &looker)
            switch turn {
            case .onward:
                if !isRead { return try finishKeyframes(anchor: anchor, &looker) }
            case .back(let step):
                anchor = step.anchor
                guard try seek(to: step.place) else { return try restartThrough(&looker) }
            case .through, .again:
                return try restartThrough(&looker)
            }
        }
    }

    /// Sees to the keyframe that was read.
    private mutating func keyframe(
        after anchor: inout PacketPlace?, _ looker: inout some PictureLooker & ~Copyable
    ) throws(DecodeError) -> Turn {
        var place = unwrapped()
        if place.isDiscontinuity || ahead.sampler.needsFilling(until: place.time) {
            let turn = try settle(leaving: 0, &looker)
            guard case .onward = turn else { return turn }
            if place.isDiscontinuity { sampler.restart() }
            if sampler.needsFilling(until: place.time) {
                // The stretch before this keyframe is too long: read it again, in full, up to and
                // including this packet.
                switch try fill(from: anchor, until: place, &looker) {
                case .reached(let again)?: place = again
                case .cannotSeek?: return .through
                case nil: return .onward
                }
                demuxer.select(track, keyframesOnly: true)
            }
            ahead = LookAhead(from: sampler)
        }
        let isShown = packet.pointee.flags & AV_PKT_FLAG_DISCARD == 0
        let step = LookAhead.Step(
            time: place.time, place: place, anchor: anchor, isShown: isShown,
            isWanted: isShown && ahead.sampler.wantsKeyframe(at: place.time))
        anchor = place
        anchors.add(place)
        guard step.isWanted else {
            ahead.add(step)
            let limit = ahead.count > LookAhead<PacketPlace>.most ? 0 : window.most(looker)
            return try settle(leaving: limit, &looker)
        }
        return try look(at: step, &looker)
    }

    /// Has the keyframe that was read decoded and looked at, beside this thread where there is
    /// room.
    private mutating func look(
        at step: LookAhead<PacketPlace>.Step, _ looker: inout some PictureLooker & ~Copyable
    ) throws(DecodeError) -> Turn {
        noteParameters()
        // The first one is for the reader's own decoder.
        if window.most(looker) > 0, looker.hasRoom, decodesBeside,
            report.sampled + looker.waiting > 0
        {
            looker.begin(
                .keyframe(
                    try CodedKeyframe(
                        taking: packet, codec: codec, form: converter.form, mediaTime: step.time)))
            ahead.add(step)
            return try settle(leaving: window.most(looker), &looker)
        }
        var decoded = decoder.keyframe(packet, into: frame)
        if looker.waiting > 0, decoded != .picture || VideoDecoder.isDamaged(frame) {
            // Nothing is counted that might have to be taken back.
            av_frame_unref(frame)
            let turn = try settle(leaving: 0, &looker)
            guard case .onward = turn else { return turn }
            // What the pictures before showed may have changed what is to be done with this one.
            if sampler.needsFilling(until: step.time) || !sampler.wantsKeyframe(at: step.time) {
                return .back(to: step)
            }
            decoded = decoder.keyframe(packet, into: frame)
        }
        switch decoded {
        case .dependent: return .through
        case .failure: report.failed += 1
        case .picture:
            let failures = report.failed
            if let picture = try takePicture(at: step.time) {
                looker.begin(picture)
                ahead.add(step)
            } else if looker.waiting > 0 {
                // Counted once it is certain that this keyframe is wanted.
                report.failed = failures
                let turn = try settle(leaving: 0, &looker)
                guard case .onward = turn else { return turn }
                report.failed += 1
            }
        }
        return try settle(leaving: window.most(looker), &looker)
    }

    /// The place of the packet that was read, its stamps rewritten.
    mutating func unwrapped() -> PacketPlace {
        var place = clock.unwrap(packet)
        place.keyDelay = demuxer.keyDelayBefore
        return place
    }

    /// Looks for parameters in the packet that was read.
    ///
    /// Once they differ from what all keyframes before brought, only the reader's own decoder knows
    /// what is needed.
    /// - Returns: what stands in the packet; nothing where that does not matter any more.
    @discardableResult
    mutating func noteParameters() -> PacketContent? {
        guard decodesBeside else { return nil }
        let content = PacketContent(of: packet, codec)
        let isKey = packet.pointee.flags & AV_PKT_FLAG_KEY != 0
        if let parameterSets {
            if content.parameterSets != parameterSets, isKey || content.parameterSets != 0 {
                decodesBeside = false
            }
        } else if isKey {
            parameterSets = content.parameterSets
            if content.parameterSets == .max { decodesBeside = false }
        }
        return content
    }

    /// After the last keyframe: finds the true end of the data, samples a long tail, notes
    /// truncation.
    private mutating func finishKeyframes(
        anchor: PacketPlace?, _ looker: inout some PictureLooker & ~Copyable
    ) throws(DecodeError) {
        let lastKey = anchor?.time ?? 0
        if anchor == nil || (declaredDuration ?? .infinity) - lastKey > Self.truncationSlack / 2 {
            demuxer.selectAll()
            guard try seek(to: anchor) else { return try restartThrough(&looker) }
            let end = try readTail()
            if sampler.needsFilling(until: clock.reached) || report.sampled == 0 {
                if case .cannotSeek = try fill(from: anchor, until: nil, &looker) {
                    return try restartThrough(&looker)
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
        from anchor: PacketPlace?, until: PacketPlace?,
        _ looker: inout some PictureLooker & ~Copyable
    ) throws(DecodeError) -> Filled? {
        demuxer.select(track, keyframesOnly: false)
        guard try seek(to: anchor) else { return .cannotSeek }
        let isDense = try prepareDense()
        if isDense { swap(&decoder, &dense!) }
        defer { if isDense { swap(&decoder, &dense!) } }
        decoder.flush()
        var reached: Filled?
        while try readPacket() {
            let before = clock.lastPacketTime
            let place = unwrapped()
            noteHole(from: before, to: place.time)
            noteParameters()
            if isDense, !decodesBeside {
                // The keyframes' decoder has to know of them too.
                _ = dense?.send(packet)
                dense?.flush()
            }
            if let until, packet.pointee.flags & AV_PKT_FLAG_KEY != 0, place.isAtOrAfter(until) {
                reached = .reached(place)
                break
            }
            if place.isDiscontinuity { sampler.restart() }
            if !decoder.send(packet) { report.failed += 1 }
            try drain(.fill, &looker)
        }
        _ = decoder.send(nil)
        try drain(.fill, &looker)
        passHoles(until: .infinity)
        decoder.flush()
        return reached
    }

    /// Opens the decoder for whole stretches, where it may be another one than that for keyframes.
    private mutating func prepareDense() throws(DecodeError) -> Bool {
        guard denseThreads > threads, decodesBeside else { return false }
        if dense == nil {
            dense = try VideoDecoder(codec, threads: denseThreads, limits: limits)
        }
        return true
    }

    /// Which of the frames that a decoder gives are sampled.
    enum Choice {
        case fill
        /// Behind the time up to which frames were sampled before.
        case policy(after: Double?)
    }

    /// Takes the frames that the decoder has ready and samples those that are wanted.
    mutating func drain(
        _ choice: Choice, _ looker: inout some PictureLooker & ~Copyable
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
            passHoles(until: time)
            if wants(choice, at: time) {
                try deliver(at: time, &looker)
            } else {
                av_frame_unref(frame)
            }
            decoded += 1
        }
    }

    private func wants(_ choice: Choice, at time: Double) -> Bool {
        switch choice {
        case .fill: sampler.wantsFill(at: time) && time > sampler.lastSample ?? -.infinity
        case .policy(let after):
            time > after ?? -.infinity
                && sampler.wantsFrame(at: time, isKey: vigil_frame_is_key(frame) != 0)
        }
    }

    /// Opens the input again and reads straight through what was not sampled yet: where a source
    /// says that it can seek and then cannot, or where its key flags turn out to be wrong.
    mutating func restartThrough(
        _ looker: inout some PictureLooker & ~Copyable
    ) throws(DecodeError) {
        looker.dropNewest(looker.waiting)
        ahead = LookAhead(from: sampler)
        demuxer = try Demuxer(media, form: converter.form, interrupt: interrupt)
        guard demuxer.tracks.indices.contains(trackIndex) else {
            throw DecodeError(.damaged, "changed while it was read")
        }
        let stream = demuxer.stream(track)
        codec = try TrackCodec(stream)
        refusal = decoder.takeRefusal() ?? dense?.takeRefusal() ?? refusal
        dense = nil
        decoder = try VideoDecoder(codec, threads: threads, limits: limits)
        clock = TrackClock(stream)
        anchors = AnchorList()
        isPending = false
        isFed = false
        isPrimed = false
        decoded = 0
        holes = []
        try readThrough(after: sampler.lastSample, &looker)
    }
}

// MARK: - A closer look

extension FrameSource {
    /// Decodes a stretch of what was read before once more and samples it densely.
    /// - Parameters:
    ///   - stretch: media time, seconds.
    ///   - interval: shortest time between two samples, seconds.
    /// - Returns: pictures handed on. A source that cannot seek, or fails, hands on fewer or none.
    public mutating func lookCloser(
        at stretch: ClosedRange<Double>, every interval: Double,
        _ looker: inout some PictureLooker & ~Copyable
    ) -> Int {
        guard !isStill, demuxer.isSeekable else { return 0 }
        let before = report.sampled
        // What fails here was read before and stands in the report already.
        try? readStretch(stretch, every: interval, &looker)
        looker.dropNewest(looker.waiting)
        decoder.flush()
        return report.sampled - before
    }

    private mutating func readStretch(
        _ stretch: ClosedRange<Double>, every interval: Double,
        _ looker: inout some PictureLooker & ~Copyable
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
                    guard let picture = try takePicture(at: time) else { continue }
                    looker.begin(picture)
                    _ = try settleOldest(&looker)
                } else {
                    av_frame_unref(frame)
                }
            }
        }
    }
}

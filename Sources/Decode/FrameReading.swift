// The ways to read a track: a still, by keyframes, straight through, and a stretch once more.
//
// Reading by keyframes falls back to reading straight through, once, where the source cannot seek
// after all or its key flags are wrong. Every packet of the track goes through the clock exactly
// once on each pass.

internal import CFFmpeg

extension FrameSource {
    /// Reads the pictures of a still: one, but joined JPEGs and pages of a TIFF come as several.
    mutating func readStill(_ body: (consuming LumaFrame) -> Bool) throws(DecodeError) {
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
            // A cover is one picture; reading on would read the whole film for nothing.
            if track.isAttachedPicture { return }
        }
    }

    mutating func readKeyframes(_ body: (consuming LumaFrame) -> Bool) throws(DecodeError) {
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
            try drain(.fill, body)
        }
        _ = decoder.send(nil)
        try drain(.fill, body)
        decoder.flush()
        return reached
    }

    /// Which of the frames that a decoder gives are sampled.
    private enum Choice {
        case fill
        /// Behind the time up to which frames were sampled before.
        case policy(after: Double?)
    }

    /// Takes the frames that the decoder has ready and samples those that are wanted.
    private mutating func drain(
        _ choice: Choice, _ body: (consuming LumaFrame) -> Bool
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
            if wants(choice, at: time) {
                try deliver(at: time, body)
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

    /// Decodes every packet.
    ///
    /// `after` is the time up to which frames were sampled before.
    mutating func readThrough(
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
            try drain(.policy(after: after), body)
        }
        if !decoder.send(nil) { report.failed += 1 }
        try drain(.policy(after: after), body)
        let declared = demuxer.declaredDuration ?? declaredDuration ?? 0
        if declared - clock.startSeconds - clock.reached > Self.truncationSlack, demuxer.isSeekable
        {
            demuxer.selectAll()
            let end = try seek(to: anchor) ? try readTail() : clock.reached
            noteTruncation(dataEnd: end)
        }
        finish()
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

// MARK: - A closer look

extension FrameSource {
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
}

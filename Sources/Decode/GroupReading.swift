// Reading straight through: every packet of a track goes to a decoder.
//
// Where cores are free and the codec tells where nothing before is needed any more, packets are
// gathered into groups from one such point to the next, and groups are decoded side by side. What
// cannot be gathered (other codecs, open groups from the start, groups too long to hold, packets
// without time stamps, what turned out to be damaged) is decoded as it is read, by the reader's own
// decoder and its threads. The change from groups to that is for good, and what came out of groups
// behind it is dropped and read again, so the pictures and their order do not depend on it.

internal import CFFmpeg

extension FrameSource {
    /// Decodes every packet.
    ///
    /// `after` is the time up to which frames were sampled before.
    mutating func readThrough(
        after: Double?, _ looker: inout some PictureLooker & ~Copyable
    ) throws(DecodeError) {
        demuxer.select(track, keyframesOnly: false)
        gathers = looker.mostWaiting > 0 && demuxer.isSeekable && decodesBeside
        if case .keyframes = sampler.policy.mode { gathers = false }
        var anchor: PacketPlace?
        var group: CodedGroup?
        while true {
            var turn: Turn
            let isRead = try readPacket()
            if isRead {
                turn = try take(packet, into: &group, anchor: &anchor, after: after, &looker)
            } else {
                turn = try handOn(&group, after: after, &looker)
                if case .onward = turn { turn = try settle(leaving: 0, &looker) }
                if case .onward = turn { break }
            }
            guard case .again(let restart) = turn else { continue }
            group = nil
            guard try goBack(to: restart, &looker) else { return try restartThrough(&looker) }
        }
        if !decoder.send(nil) { report.failed += 1 }
        try drain(.policy(after: after), &looker)
        passHoles(until: .infinity)
        let declared = demuxer.declaredDuration ?? declaredDuration ?? 0
        if declared - clock.startSeconds - clock.reached > Self.truncationSlack, demuxer.isSeekable
        {
            demuxer.selectAll()
            let end = try seek(to: anchor) ? try readTail() : clock.reached
            noteTruncation(dataEnd: end)
        }
        finish()
    }

    /// Sees to the packet that was read: adds it to the group, or decodes it.
    private mutating func take(
        _ packet: UnsafeMutablePointer<AVPacket>, into group: inout CodedGroup?,
        anchor: inout PacketPlace?, after: Double?,
        _ looker: inout some PictureLooker & ~Copyable
    ) throws(DecodeError) -> Turn {
        let before = clock.lastPacketTime
        let place = unwrapped()
        noteHole(from: before, to: place.time)
        if packet.pointee.flags & AV_PKT_FLAG_KEY != 0 {
            anchor = place
            anchors.add(place)
        }
        let content = gathers ? noteParameters() : nil
        let beginsGroup = gathers && decodesBeside && content?.closesGroup == true
        if beginsGroup {
            let turn = try handOn(&group, after: after, &looker)
            guard case .onward = turn else { return turn }
            try endReading(after: after, &looker)
        } else if gathers {
            let size = (group?.byteCount ?? 0) + Int(packet.pointee.size)
            let isFull =
                size > CodedGroup.mostBytes || group?.packets.count ?? 0 >= CodedGroup.mostPackets
            if !decodesBeside || group != nil && (isFull || place.isDiscontinuity) {
                let turn = try spill(&group, after: after, &looker)
                guard case .onward = turn else { return turn }
            }
        }
        if place.isDiscontinuity { sampler.restart() }
        if beginsGroup, gathers {
            prime(with: packet)
            let restart = CodedGroup.Restart(place: place, sampler: sampler, decoded: decoded)
            group = CodedGroup(
                restart, codec: codec, form: converter.form, interrupt: interrupt)
        }
        if group != nil {
            try group?.append(taking: packet)
        } else {
            try decode(packet, after: after, &looker)
        }
        return .onward
    }

    /// Lets the reader's own decoder know of the parameters that all keyframes bring.
    private mutating func prime(with packet: UnsafeMutablePointer<AVPacket>) {
        guard !isPrimed else { return }
        isPrimed = true
        _ = decoder.send(packet)
        decoder.flush()
    }

    /// Decodes a packet as it is read.
    private mutating func decode(
        _ packet: UnsafeMutablePointer<AVPacket>, after: Double?,
        _ looker: inout some PictureLooker & ~Copyable
    ) throws(DecodeError) {
        if !decoder.send(packet) { report.failed += 1 }
        isFed = true
        try drain(.policy(after: after), &looker)
    }

    /// Takes what is left in the reader's decoder.
    private mutating func endReading(
        after: Double?, _ looker: inout some PictureLooker & ~Copyable
    ) throws(DecodeError) {
        guard isFed else { return }
        _ = decoder.send(nil)
        try drain(.policy(after: after), &looker)
        decoder.flush()
        isFed = false
    }

    /// Decides which pictures of a whole group are sampled and has it decoded.
    private mutating func handOn(
        _ group: inout CodedGroup?, after: Double?, _ looker: inout some PictureLooker & ~Copyable
    ) throws(DecodeError) -> Turn {
        if let reason = interrupt.reason { throw reason }
        guard group != nil else { return try settle(leaving: window.most(looker), &looker) }
        guard let stamps = group?.stamps else { return try spill(&group, after: after, &looker) }
        guard var whole = group.take() else { return .onward }
        whole.pictures.reserveCapacity(stamps.count)
        for stamp in stamps {
            let time = clock.time(ofFrame: stamp)
            passHoles(until: time)
            let isWanted =
                time > after ?? -.infinity && sampler.wantsFrame(at: time, isKey: false)
            if isWanted { sampler.sampled(at: time) }
            decoded += 1
            whole.pictures.append(.init(stamp: stamp, time: time, isWanted: isWanted))
        }
        looker.begin(.group(whole))
        return try settle(leaving: window.most(looker), &looker)
    }

    /// Decodes a group that cannot be handed on, and from here on everything as it is read.
    private mutating func spill(
        _ group: inout CodedGroup?, after: Double?, _ looker: inout some PictureLooker & ~Copyable
    ) throws(DecodeError) -> Turn {
        // Groups before it may have to be read again; then this one is too.
        let turn = try settle(leaving: 0, &looker)
        guard case .onward = turn else { return turn }
        gathers = false
        guard let spilled = group.take() else { return .onward }
        for index in spilled.packets.indices {
            try decode(spilled.packets[index], after: after, &looker)
        }
        return .onward
    }

    /// Goes back to the start of a group, and from there on decodes as it is read.
    /// - Returns: `false` where the place was not found again.
    private mutating func goBack(
        to restart: CodedGroup.Restart, _ looker: inout some PictureLooker & ~Copyable
    ) throws(DecodeError) -> Bool {
        looker.dropNewest(looker.waiting)
        gathers = false
        decodesBeside = false
        sampler = restart.sampler
        decoded = restart.decoded
        holes = []
        decoder.flush()
        return try seek(to: restart.place)
    }
}

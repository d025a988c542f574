// A stream that is decoded between its keyframes: what its reader keeps, and what a worker takes of it.
//
// The reader's thread only keeps packets. A worker takes some at a time, with the stream's own decoder,
// and puts the stream behind the others again, so one that is followed gets no more turns than one that
// is not. Keyframes and packets are taken in the order in which they came.

internal import Decode
internal import Report
internal import Synchronization

extension LiveStream {
    /// Packets in a row for the stream's own decoder.
    struct Batch: ~Copyable {
        let packets: [CodedPacket]
        let decoder: FollowingDecoder
        /// Which stretch they are of: each has a decoder of its own.
        let stretch: Int
    }

    /// What a worker is to do for a stream.
    enum Work: ~Copyable {
        case keyframe(Arrived)
        case packets(Batch)
    }

    /// Packets that are decoded in one turn: about as dear as a few keyframes.
    private static let batchSize = 32
    /// Packets wait until there are so many, or the first is so old, seconds.
    private static let fewestPackets = 12
    private static let longestWait = 0.5
    /// How long several keyframes of a stream wait whose connection is lost, seconds.
    fileprivate static let longestOverdue = 2.0

    /// Keeps a packet for the case that what lies between keyframes has to be decoded.
    /// - Returns: whether the stream has to be put on the board.
    func keep(_ packet: CodedPacket) -> Bool {
        state.withLock { state in
            guard !state.isOver else { return false }
            state.keep(packet)
            guard !state.isTaken, state.isBatchReady else { return false }
            state.isTaken = true
            return true
        }
    }

    /// What is to be done next.
    func take() -> Work? {
        state.withLock { state in
            state.dropLate()
            let end = state.waiting.firstArrival ?? .infinity
            if state.run.isFollowed, state.run.first.map({ $0.arrival < end }) ?? false {
                let packets = state.run.take(Self.batchSize, before: end)
                state.workArrival = packets.first?.arrival
                let decoder = state.decoder.take() ?? limits.newDecoder()
                return .packets(
                    Batch(packets: packets, decoder: decoder, stretch: state.stretch))
            }
            state.accountForDropped()
            guard let waiting = state.waiting.take() else { return nil }
            state.workArrival = waiting.arrival
            return .keyframe(waiting)
        }
    }

    /// Whether a picture between keyframes is to be looked at.
    func wantsFill(at moment: FollowSchedule.Moment) -> Bool {
        state.withLock { $0.schedule.wantsFill(at: moment) }
    }

    /// Notes what a picture between keyframes showed.
    func filled(_ sight: FollowSchedule.Sight, at moment: FollowSchedule.Moment) {
        state.withLock { $0.filled(sight, at: moment) }
    }

    /// Notes that there was nothing to do: what it was put on the board for has been forgotten.
    func doneNothing() -> Next { state.withLock { $0.next() } }

    /// Gives back what `take` lent for packets.
    func done(_ batch: consuming Batch) -> Next {
        state.withLock { state in
            if state.run.isFollowed, state.stretch == batch.stretch {
                let refusal = batch.decoder.takeRefusal()
                if let refusal { state.status.problem = refusal.text }
                if let last = batch.packets.last {
                    let moment = FollowSchedule.Moment(time: last.mediaTime, arrival: last.arrival)
                    if state.schedule.isStarved(at: moment) {
                        state.filled(.damaged, at: moment, refusal)
                    }
                }
                state.decoder = batch.decoder
            }
            return state.next()
        }
    }

    /// Since when nothing of the stream could be decoded, of several keyframes, `nil` where something
    /// could; and how many pictures were.
    var decoding: (failingSince: Double?, samples: Int) {
        state.withLock {
            ($0.failedInARow >= Self.fewestFailures ? $0.failedSince : nil, $0.status.samples)
        }
    }

    private static let fewestFailures = 3
}

extension PictureRefusal {
    /// What the ledger says of a stretch of which pictures were refused.
    var cause: MissedCause {
        switch kind {
        case .tooLarge: .tooLarge
        case .noRoom: .overload
        }
    }
}

extension LiveStream.State {
    /// Whether there are packets worth a turn.
    fileprivate var isBatchReady: Bool {
        guard run.isFollowed, let first = run.first, let last = run.last else { return false }
        return run.count >= LiveStream.fewestPackets
            || last.arrival - first.arrival >= LiveStream.longestWait
    }

    mutating func keep(_ packet: CodedPacket) {
        let wasFollowed = run.isFollowed
        guard run.append(packet) else {
            decoder = nil
            if wasFollowed { status.dropped += 1 }
            coverage.lacksTime()
            return
        }
        guard !run.isFollowed, run.first != nil else { return }
        let moment = FollowSchedule.Moment(time: packet.mediaTime, arrival: packet.arrival)
        guard run.isNearlyFull || schedule.isDue(at: moment) else { return }
        if run.follow() {
            stretch += 1
            decoder = nil
        } else {
            coverage.lacksTime()
        }
    }

    fileprivate mutating func filled(
        _ sight: FollowSchedule.Sight, at moment: FollowSchedule.Moment,
        _ refusal: PictureRefusal? = nil
    ) {
        schedule.filled(sight, at: moment)
        switch sight {
        case .usable: coverage.keyframe(at: moment.arrival, .examined)
        case .flat: coverage.keyframe(at: moment.arrival, .missed(.lowQuality))
        case .damaged:
            coverage.keyframe(at: moment.arrival, .missed(refusal?.cause ?? .undecodable))
        }
        if sight != .damaged {
            status.samples += 1
            status.lag = monotonicSeconds() - moment.arrival
            noteDecoded()
        }
    }

    /// Notes what a keyframe showed.
    mutating func judged(_ outcome: CoverageTracker.Outcome, at moment: FollowSchedule.Moment) {
        let sight: FollowSchedule.Sight =
            switch outcome {
            case .examined: .usable
            case .missed(.undecodable), .missed(.tooLarge): .damaged
            case .missed: .flat
            }
        let isEnough = schedule.judged(sight, at: moment)
        // While it is followed, the pictures between count for what keyframes do not show.
        if !run.isFollowed || isEnough { coverage.keyframe(at: moment.arrival, outcome) }
        if isEnough {
            run.end()
            decoder = nil
        }
        if sight == .damaged {
            if failedInARow == 0 { failedSince = moment.arrival }
            failedInARow += 1
        } else {
            noteDecoded()
        }
    }

    private mutating func noteDecoded() {
        failedInARow = 0
        status.problem = nil
    }

    /// Forgets what was kept: it has a hole.
    mutating func forgetRun() {
        run.end()
        run.clear()
        decoder = nil
    }

    /// Forgets what was kept: the connection is lost.
    mutating func endRun() {
        forgetRun()
        schedule.reopened()
        waiting.reopened()
        // What was not accounted for yet is missed with all that came after the last sample.
        dropped = nil
        failedInARow = 0
    }

    /// Drops what waits for long of a stream whose connection is lost: nothing newer takes its place,
    /// and all after the last sample is told as missed already.
    fileprivate mutating func dropLate() {
        guard status.connection != .connected else { return }
        let late = monotonicSeconds() - LiveStream.longestOverdue
        status.dropped += waiting.keepNewest(ifOlderThan: late)
    }

    /// Counts a keyframe that no worker got to.
    mutating func drop(_ keyframe: KeyframeQueue<LiveStream.Arrived>.Dropped) {
        status.dropped += 1
        // Where a stream is followed its picture is left out all the same, and nobody sees it; but no
        // more than lies between two that are looked at.
        let most = run.isFollowed ? schedule.fillInterval : .infinity
        let stretch = keyframe.stretch.map { min($0, most) }
        guard keyframe.isStale else {
            // Those that came with it will account for the time until they arrived.
            return coverage.dropped(at: nil, stretch: stretch)
        }
        let before = dropped.map(\.stretch) ?? 0
        let both = before.flatMap { before in stretch.map { before + $0 } }
        dropped = (keyframe.arrival, both)
        accountForDropped()
    }

    /// Accounts for keyframes that were dropped, once what came before them was looked at.
    fileprivate mutating func accountForDropped() {
        guard workArrival == nil, let gone = dropped else { return }
        if run.isFollowed, let first = run.first, first.arrival < gone.arrival { return }
        dropped = nil
        coverage.dropped(at: gone.arrival, stretch: gone.stretch)
    }

    /// What is to be done after something was done.
    mutating func next() -> LiveStream.Next {
        workArrival = nil
        accountForDropped()
        isTaken = !waiting.isEmpty || isBatchReady
        return isTaken ? .again : isOver ? .over : .rest
    }

    /// Up to when everything that arrived was seen to: what waits may still turn out to be examined.
    mutating func settledTime(at now: Double) -> Double {
        let kept = run.isFollowed ? run.first?.arrival : nil
        return [workArrival, waiting.firstArrival, kept].compactMap { $0 }.reduce(now, min)
    }
}

// Live streams through the same stages as files:
//
//   [reader × streams] → board → [look × cores] → queue → [match × 1] → queue → [record × 1]
//
// Readers wait, each on its own thread, and decode nothing; a machine that cannot keep up drops
// keyframes at the board, counted, the oldest of a stream first (LiveStream). Behind the board every
// queue blocks, so that nothing that was looked at is lost. The match stage owns the known sets; what
// crosses to it are fingerprints.

public import Decode
internal import DequeModule
internal import Dispatch
internal import Fingerprint
public import Match
public import Report
internal import Synchronization

/// What a live run tells its caller.
public enum LiveRunEvent: Sendable {
    /// Evidence has become sufficient. `problem` says why the report queue does not hold it.
    case opened(Alert, problem: String?)
    /// The showing is over: these are the alert's final facts.
    case closed(Alert, problem: String?)
    /// A watch is led to what its rules forbid, a playlist to an inner host for example; told once
    /// for each watch.
    case refused(StreamID, name: String, why: String)
    /// A reader did not end when it was told to, and is left; its watch is over all the same.
    case stuck(StreamID, name: String)
    /// A showing of a few pictures of a known item is over, whether it raised an alert or not; told on the
    /// matching thread.
    case shown(BriefShowing)
}

/// Watches live streams until it is stopped.
public final class LiveRun: Sendable {
    private enum Examined: Sendable {
        /// The fingerprints of a keyframe, and when it arrived.
        case frame(LiveStream, arrival: Double, [FrameFingerprint])
        /// Nothing more will come of the stream.
        case ended(LiveStream)
    }

    private struct Found: Sendable {
        var stream: LiveStream
        /// When the keyframe arrived that it came of; `nil` at the end of a stream.
        var arrival: Double?
        var action: EvidenceAction
    }

    private let pipeline: Pipeline
    private let index: KnownIndex
    private let store: any ReportStore
    let handle: @Sendable (LiveRunEvent) -> Void
    let board = LiveBoard()
    private let gate: OpenGate
    let journal: ReadingJournal?
    private let pace: ReadingPace
    /// What streams may keep, and how many may be decoded in full.
    package let limits: FollowLimits
    private let examined: StageQueue<Examined>
    private let matched: StageQueue<Found>
    let watchers = Mutex(Watchers())
    /// All streams that were not let go, and the sums of those that were.
    private let streams = Mutex<(kept: [Int: LiveStream], retired: WatchTotals)>(
        ([:], WatchTotals()))
    private let nextNumber = Atomic<Int>(1)
    let readers = WorkerThreads()
    let lookers = WorkerThreads()
    let matchers = WorkerThreads()
    let recorders = WorkerThreads()
    let keepers = WorkerThreads()
    /// Signalled to end the keeper's wait; waited for on its own thread.
    let keeperEnds = DispatchSemaphore(value: 0)
    private let latencies = Mutex(LiveFigures())
    private let clocks = (
        read: StageClock(), look: StageClock(), match: StageClock(), record: StageClock()
    )

    /// Decoders that a core keeps open: streams of the same kind share one.
    private static let openDecoders = 4

    /// Starts the stages; no stream is watched yet.
    /// - Parameter handle: is called with alerts on the recording thread, in order, with refusals on
    ///   a reader's own, with readers that are stuck on the keeper's, and with showings on the
    ///   matching thread.
    public convenience init(
        pipeline: Pipeline, index: KnownIndex, store: any ReportStore,
        handle: @escaping @Sendable (LiveRunEvent) -> Void
    ) {
        self.init(pipeline: pipeline, index: index, store: store, journal: nil, handle: handle)
    }

    /// Starts the stages; no stream is watched yet.
    /// - Parameters:
    ///   - journal: is told what threads work on.
    ///   - spacing: from one stream that is connected to to the next, seconds.
    package init(
        pipeline: Pipeline, index: KnownIndex, store: any ReportStore, journal: ReadingJournal?,
        spacing: Double = LiveRun.usualSpacing, handle: @escaping @Sendable (LiveRunEvent) -> Void
    ) {
        gate = OpenGate(spacing: spacing)
        self.journal = journal
        self.pipeline = pipeline
        self.index = index
        self.store = store
        self.handle = handle
        limits = FollowLimits(
            mostPlaces: FollowLimits.placesPerCore * pipeline.resolvedJobs,
            pictureLimits: pipeline.liveLimits)
        pace = ReadingPace(cores: pipeline.resolvedJobs)
        examined = StageQueue(capacity: pipeline.queueFrames)
        matched = StageQueue(capacity: pipeline.queueFrames)
        lookers.start(count: pipeline.resolvedJobs, name: "look") { [self] in lookAtAll() }
        matchers.start(count: 1, name: "match") { [self] in matchAll() }
        recorders.start(count: 1, name: "record") { [self] in recordAll() }
        keepers.start(count: 1, name: "keep") { [self] in keepWatch() }
    }

    /// Begins to watch a stream.
    /// - Parameters:
    ///   - input: its address.
    ///   - egress: what it may connect to, and all that it leads to.
    ///   - id: what its alerts call it; a new one where there is none.
    ///   - name: what it is called in output and records; its address without secrets by default.
    ///   - isPriority: whether it is looked at before all others when time is short.
    ///   - isExpected: whether it is said to begin about now, so that it is tried often at first.
    /// - Returns: its number in this run.
    public func watch(
        _ input: LiveInput, egress: EgressPolicy, as id: StreamID? = nil, name: String? = nil,
        isPriority: Bool = false, isExpected: Bool = false
    ) -> Int {
        let number = nextNumber.add(1, ordering: .relaxed).oldValue
        let stream = LiveStream(
            number: number, id: id ?? StreamID(newAlertID()), name: name ?? input.redacted,
            isPriority: isPriority, effort: pipeline.effort, sampling: pipeline.sampling,
            limits: limits)
        let watcher = LiveWatcher(
            input, egress: egress, rendition: pipeline.rendition, stream: stream, board: board,
            gate: gate, pace: pace, clock: clocks.read,
            shortestInterval: pipeline.sampling.minimumInterval, isExpected: isExpected
        ) { [handle] in handle(.refused(stream.id, name: stream.name, why: $0)) }
        let isEnding = watchers.withLock { watchers in
            watchers.all[number] = watcher
            return watchers.isEnding
        }
        if isEnding { watcher.stop() }
        streams.withLock { $0.kept[number] = stream }
        readers.start(count: 1, name: "read-\(number)") { [self] in
            let slot = journal?.takeSlot(reading: stream.id)
            watcher.run()
            journal?.giveBack(slot)
            watchers.withLock { $0.ended(number) }
            readerEnded(of: stream)
        }
        return number
    }

    /// Nothing more comes of a stream's reader.
    func readerEnded(of stream: LiveStream) {
        if stream.readerEnded() { examined.push(.ended(stream)) }
    }

    /// Somebody said that a stream which is watched begins anew: it is tried at once.
    public func expect(_ number: Int) { watchers.withLock { $0.all[number] }?.expect() }

    /// Ends a watch, within about two seconds; its status can be asked until it is let go.
    public func unwatch(_ number: Int) {
        watchers.withLock { $0.leave(number, at: monotonicSeconds()) }?.stop()
    }

    /// Forgets a watch that is over.
    public func letGo(_ number: Int) {
        streams.withLock { streams in
            guard let stream = streams.kept.removeValue(forKey: number) else { return }
            streams.retired.add(stream.status())
        }
    }

    /// Sums of all watches since the run began.
    public var totals: WatchTotals {
        streams.withLock { streams in
            var totals = streams.retired
            for stream in streams.kept.values { totals.add(stream.status()) }
            return totals
        }
    }

    /// How a watch stands or ended; `nil` where there is none of the number.
    public func status(of number: Int) -> WatchStatus? { stream(number)?.status() }

    /// Minutes of a watch's coverage that are over and were not taken before, the oldest first.
    public func takeMinutes(of number: Int) -> [CoverageMinute] {
        stream(number)?.takeMinutes() ?? []
    }

    /// Minutes of a watch's coverage that were not taken before, and last the one that goes on.
    public func takeLedger(of number: Int) -> [CoverageMinute] {
        stream(number)?.takeLedger() ?? []
    }

    /// What was measured since the run began.
    public var figures: LiveFigures {
        var figures = latencies.withLock { $0 }
        figures.stageSeconds = [
            "read": clocks.read.seconds, "look": clocks.look.seconds,
            "match": clocks.match.seconds, "record": clocks.record.seconds,
        ]
        return figures
    }

    private func stream(_ number: Int) -> LiveStream? { streams.withLock { $0.kept[number] } }

    /// Numbers of the streams that are watched.
    public var numbers: [Int] { watchers.withLock { $0.all.keys.sorted() } }

    /// Nothing more will be compared.
    func finishLooking() { examined.finish() }

    /// Nothing more will be recorded.
    func finishMatching() { matched.finish() }
}

// MARK: - Look

extension LiveRun {
    private func lookAtAll() {
        var worker = PictureWorker(
            pipeline.effort, keepsCopies: pipeline.effort != .fast, decoders: Self.openDecoders,
            limits: pipeline.liveLimits, isBrief: true)
        let job = PictureJob()
        var clock = StageClock.OfThread(clocks.look)
        let slot = journal?.takeSlot()
        defer { journal?.giveBack(slot) }
        while let stream = board.next() {
            slot?.looks(at: stream.id)
            defer { slot?.rests() }
            let next: LiveStream.Next
            switch stream.take() {
            case .keyframe(let arrived)?:
                let moment = arrived.moment
                job.set(.keyframe(arrived.takeKeyframe()))
                worker.work(on: job)
                _ = job.takeCoded()
                let refusal = worker.refusal
                var outcome = lookAtPicture(of: stream, arrival: moment.arrival, job, &worker)
                if let refusal, outcome == .missed(.undecodable) {
                    outcome = .missed(refusal.cause)
                }
                next = stream.done(moment, outcome, refusal)
            case .packets(let batch)?: next = follow(batch, of: stream, job, &worker)
            case nil: next = stream.doneNothing()
            }
            board.charge(stream, clock.note())
            switch next {
            case .again: board.put(stream)
            case .rest: break
            case .over: examined.push(.ended(stream))
            }
        }
    }

    /// Decodes packets in between keyframes, and looks at the pictures that are due.
    private func follow(
        _ batch: consuming LiveStream.Batch, of stream: LiveStream, _ job: PictureJob,
        _ worker: inout PictureWorker
    ) -> LiveStream.Next {
        for packet in batch.packets {
            batch.decoder.decode(
                packet, wants: { stream.wantsFill(at: .init(time: $0, arrival: $1)) },
                { picture, time, arrival in
                    let moment = FollowSchedule.Moment(time: time, arrival: arrival)
                    switch consume picture {
                    case .damaged(let frame):
                        // Who watches sees it too; but nobody can say that nothing was in it.
                        if let frame {
                            job.set(frame)
                            worker.work(on: job)
                            _ = lookAtPicture(of: stream, arrival: moment.arrival, job, &worker)
                        }
                        stream.filled(.damaged, at: moment)
                    case .whole(let frame):
                        job.set(frame)
                        worker.work(on: job)
                        let outcome = lookAtPicture(
                            of: stream, arrival: arrival, job, &worker)
                        stream.filled(outcome == .examined ? .usable : .flat, at: moment)
                    }
                })
        }
        return stream.done(batch)
    }

    /// Hands on the fingerprints of the picture in a job, and says what it showed.
    private func lookAtPicture(
        of stream: LiveStream, arrival: Double, _ job: PictureJob, _ worker: inout PictureWorker
    ) -> CoverageTracker.Outcome {
        var forms: [FrameFingerprint] = []
        _ = job.takePictures { _, look, copy in
            forms = look.forms
            guard let copy, !forms.isEmpty, var finder = stream.takeFinder() else { return }
            if finder.isDue(at: look.mediaTime) {
                forms += worker.regions(of: look, copy, finder: &finder)
            }
            stream.giveBack(finder)
        }
        guard let quality = forms.first?.quality else { return .missed(.undecodable) }
        examined.push(.frame(stream, arrival: arrival, forms))
        latencies.withLock { $0.fingerprinted.add(monotonicSeconds() - arrival) }
        return quality < pipeline.match.minimumQuality ? .missed(.lowQuality) : .examined
    }
}

// MARK: - Match

extension LiveRun {
    private func matchAll() {
        var comparison = Comparison<Int>(pipeline, against: index)
        var showings = ShowingTracker(radius: index.policy.radius)
        var messages = Deque<Examined>()
        var clock = StageClock.OfThread(clocks.match)
        let together = Comparison<Int>.together
        while examined.popAll(into: &messages, gathering: together.frames, for: together.wait) {
            while let message = messages.first {
                switch message {
                case .frame: compareFirst(of: &messages, &comparison, &showings)
                case .ended(let stream):
                    messages.removeFirst()
                    tell(of: showings.end(stream.id))
                    for action in comparison.end(stream.number).actions {
                        matched.push(Found(stream: stream, arrival: nil, action: action))
                    }
                }
            }
            clock.note()
        }
    }

    /// Takes the frames that the messages begin with and compares them.
    private func compareFirst(
        of messages: inout Deque<Examined>, _ comparison: inout Comparison<Int>,
        _ showings: inout ShowingTracker
    ) {
        var origins: [(stream: LiveStream, arrival: Double)] = []
        var frames: [Comparison<Int>.Frame] = []
        while frames.count < Comparison<Int>.together.frames,
            case .frame(let stream, let arrival, let forms)? = messages.first
        {
            messages.removeFirst()
            origins.append((stream, arrival))
            frames.append(.init(track: stream.number, input: stream.name, forms: forms))
        }
        for ((origin, frame), outcome) in zip(zip(origins, frames), comparison.compare(frames)) {
            origin.stream.found(
                distance: outcome.hits.map(\.distance).min(),
                alerts: outcome.actions.count { if case .opened = $0 { true } else { false } },
                at: .init(time: frame.forms.first?.mediaTime ?? 0, arrival: origin.arrival))
            tell(
                of: showings.observe(outcome.hits, of: origin.stream.id, at: origin.arrival))
            for action in outcome.actions {
                matched.push(
                    Found(stream: origin.stream, arrival: origin.arrival, action: action))
            }
        }
    }

    private func tell(of ended: [ShowingTracker.Ended]) {
        for showing in ended {
            let known = index.items[showing.item].reference
            handle(
                .shown(
                    BriefShowing(
                        stream: showing.stream, known: known, pictures: showing.pictures)))
        }
    }
}

// MARK: - Report

extension LiveRun {
    private func recordAll() {
        var recorder = AlertRecorder(store, isLasting: true)
        /// When the frames arrived that opened the alerts which have not ended, and the first that
        /// count, Unix milliseconds.
        var arrivals: [AlertID: (opening: Int64, first: Int64)] = [:]
        var found = Deque<Found>()
        var clock = StageClock.OfThread(clocks.record)
        while matched.popAll(into: &found, within: Self.time(until: recorder.retryTime)) {
            recorder.retry()
            for found in found {
                switch found.action {
                case .opened(var alert):
                    let age = found.arrival.map { monotonicSeconds() - $0 } ?? 0
                    let arrival = unixMilliseconds() - Int64(bounded: (age * 1000).rounded())
                    let lead = found.stream.lead(
                        of: alert, arrival: found.arrival ?? monotonicSeconds())
                    let first = arrival - Int64(bounded: (lead * 1000).rounded())
                    arrivals[alert.id] = (arrival, first)
                    alert.stream = found.stream.facts(arrival: arrival, first: first)
                    let problem = recorder.open(alert)
                    if let arrival = found.arrival {
                        latencies.withLock { $0.recorded.add(monotonicSeconds() - arrival) }
                    }
                    handle(.opened(alert, problem: problem))
                case .closed(var alert):
                    let now = unixMilliseconds()
                    let (arrival, first) = arrivals.removeValue(forKey: alert.id) ?? (now, now)
                    alert.stream = found.stream.facts(arrival: arrival, first: first)
                    let closed = recorder.close(alert)
                    handle(.closed(alert, problem: closed.problem ?? closed.late))
                }
            }
            clock.note()
        }
        // What is still refused was told when it closed.
        _ = recorder.finish()
    }

    private static func time(until time: Double?) -> DispatchTimeInterval? {
        time.map {
            .milliseconds(Int(bounded: (max(0, $0 - monotonicSeconds()) * 1000).rounded(.up)))
        }
    }
}

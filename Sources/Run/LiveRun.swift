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
}

/// Watches live streams until it is stopped.
public final class LiveRun: Sendable {
    private enum Examined: Sendable {
        case frame(LiveStream, [FrameFingerprint])
        /// Nothing more will come of the stream.
        case ended(LiveStream)
    }

    private let pipeline: Pipeline
    private let index: KnownIndex
    private let store: any ReportStore
    private let handle: @Sendable (LiveRunEvent) -> Void
    private let board = LiveBoard()
    private let gate = OpenGate(spacing: 0.005)
    private let examined: StageQueue<Examined>
    private let matched: StageQueue<EvidenceAction>
    private let watchers = Mutex<[Int: LiveWatcher]>([:])
    /// Streams whose watch is over and that were not let go.
    private let ended = Mutex<[Int: LiveStream]>([:])
    private let nextNumber = Atomic<Int>(1)
    private let readers = WorkerThreads()
    private let lookers = WorkerThreads()
    private let matchers = WorkerThreads()
    private let recorders = WorkerThreads()

    /// Decoders that a core keeps open: streams of the same kind share one.
    private static let openDecoders = 4
    /// Frames that are compared together, and how long the first waits for the others.
    private static let together = (frames: 16, wait: DispatchTimeInterval.milliseconds(100))

    /// Starts the stages; no stream is watched yet.
    /// - Parameter handle: is called on the recording thread, in order.
    public init(
        pipeline: Pipeline, index: KnownIndex, store: any ReportStore,
        handle: @escaping @Sendable (LiveRunEvent) -> Void
    ) {
        self.pipeline = pipeline
        self.index = index
        self.store = store
        self.handle = handle
        examined = StageQueue(capacity: pipeline.queueFrames)
        matched = StageQueue(capacity: pipeline.queueFrames)
        lookers.start(count: pipeline.resolvedJobs, name: "look") { [self] in lookAtAll() }
        matchers.start(count: 1, name: "match") { [self] in matchAll() }
        recorders.start(count: 1, name: "record") { [self] in recordAll() }
    }

    /// Begins to watch a stream.
    /// - Parameter isPriority: whether it is looked at before all others when time is short.
    /// - Returns: its number in this run.
    public func watch(_ input: LiveInput, isPriority: Bool = false) -> Int {
        let number = nextNumber.add(1, ordering: .relaxed).oldValue
        let stream = LiveStream(
            number: number, name: input.redacted, isPriority: isPriority,
            effort: pipeline.effort, longestStretch: pipeline.sampling.maximumGap)
        let watcher = LiveWatcher(
            input, stream: stream, board: board, gate: gate,
            shortestInterval: pipeline.sampling.minimumInterval)
        watchers.withLock { $0[number] = watcher }
        readers.start(count: 1, name: "read-\(number)") { [self] in
            watcher.run()
            ended.withLock { $0[number] = stream }
            watchers.withLock { _ = $0.removeValue(forKey: number) }
            if stream.readerEnded() { examined.push(.ended(stream)) }
        }
        return number
    }

    /// Ends a watch, soon; its status can be asked until it is let go.
    public func unwatch(_ number: Int) { watchers.withLock { $0[number] }?.stop() }

    /// Forgets a watch that is over.
    public func letGo(_ number: Int) { ended.withLock { _ = $0.removeValue(forKey: number) } }

    /// How a watch stands or ended; `nil` where there is none of the number.
    public func status(of number: Int) -> WatchStatus? { stream(number)?.status() }

    /// Minutes of a watch's coverage that are over and were not taken before, the oldest first.
    public func takeMinutes(of number: Int) -> [CoverageMinute] {
        stream(number)?.takeMinutes() ?? []
    }

    private func stream(_ number: Int) -> LiveStream? {
        watchers.withLock { $0[number]?.stream } ?? ended.withLock { $0[number] }
    }

    /// Numbers of the streams that are watched.
    public var numbers: [Int] { watchers.withLock { $0.keys.sorted() } }

    /// Ends every watch, hands on what was found, and returns when all of it is recorded.
    public func stop() {
        for watcher in watchers.withLock({ Array($0.values) }) { watcher.stop() }
        readers.join()
        board.finish()
        lookers.join()
        examined.finish()
        matchers.join()
        matched.finish()
        recorders.join()
    }
}

// MARK: - Look

extension LiveRun {
    private func lookAtAll() {
        var worker = PictureWorker(
            pipeline.effort, keepsCopies: pipeline.effort != .fast, decoders: Self.openDecoders)
        let job = PictureJob()
        while let stream = board.next() {
            guard let arrived = stream.take() else { continue }
            let arrival = arrived.arrival
            let forms = look(at: arrived, of: stream, job, &worker)
            let outcome: CoverageTracker.Outcome =
                switch forms.first?.quality {
                case nil: .missed(.undecodable)
                case let quality? where quality < pipeline.match.minimumQuality:
                    .missed(.lowQuality)
                case .some: .examined
                }
            if !forms.isEmpty { examined.push(.frame(stream, forms)) }
            switch stream.done(arrival: arrival, outcome) {
            case .again: board.put(stream)
            case .rest: break
            case .over: examined.push(.ended(stream))
            }
        }
    }

    /// Decodes and hashes a keyframe.
    /// - Returns: its fingerprints; none where it cannot be decoded.
    private func look(
        at arrived: consuming LiveStream.Arrived, of stream: LiveStream, _ job: PictureJob,
        _ worker: inout PictureWorker
    ) -> [FrameFingerprint] {
        job.set(.keyframe(arrived.takeKeyframe()))
        worker.work(on: job)
        _ = job.takeCoded()
        var forms: [FrameFingerprint] = []
        _ = job.takePictures { _, look, copy in
            forms = look.forms
            guard let copy, !forms.isEmpty, var finder = stream.takeFinder() else { return }
            if finder.isDue(at: look.mediaTime) {
                forms += worker.regions(of: look, copy, finder: &finder)
            }
            stream.giveBack(finder)
        }
        return forms
    }
}

// MARK: - Match

extension LiveRun {
    private func matchAll() {
        var evidence: [Int: Evidence] = [:]
        var messages = Deque<Examined>()
        while examined.popAll(
            into: &messages, gathering: Self.together.frames, for: Self.together.wait)
        {
            while let message = messages.first {
                switch message {
                case .frame: compareFirst(of: &messages, &evidence)
                case .ended(let stream):
                    messages.removeFirst()
                    finish(&evidence[stream.number])
                    evidence[stream.number] = nil
                }
            }
        }
        for number in evidence.keys.sorted() { finish(&evidence[number]) }
    }

    private func finish(_ evidence: inout Evidence?) {
        for action in evidence?.finish(makeID: ScanRun.newID) ?? [] { matched.push(action) }
    }

    private func compareFirst(of messages: inout Deque<Examined>, _ evidence: inout [Int: Evidence])
    {
        var streams: [LiveStream] = []
        var frames: [[FrameFingerprint]] = []
        while frames.count < Self.together.frames,
            case .frame(let stream, let forms)? = messages.first
        {
            messages.removeFirst()
            streams.append(stream)
            frames.append(forms)
        }
        for (number, hits) in index.hits(ofEach: frames).enumerated() {
            let (stream, forms) = (streams[number], frames[number])
            guard let first = forms.first else { continue }
            if evidence[stream.number] == nil {
                evidence[stream.number] = pipeline.newEvidence(
                    of: stream.name, isCloserLook: false, against: index)
            }
            let actions =
                evidence[stream.number]?.observe(
                    at: first.mediaTime, isUsable: first.quality >= index.policy.minimumQuality,
                    forms: forms, hits: hits, makeID: ScanRun.newID) ?? []
            stream.found(
                distance: hits.map(\.distance).min(),
                alerts: actions.count { if case .opened = $0 { true } else { false } })
            for action in actions { matched.push(action) }
        }
    }
}

// MARK: - Report

extension LiveRun {
    private func recordAll() {
        var recorder = AlertRecorder(store)
        var actions = Deque<EvidenceAction>()
        while matched.popAll(into: &actions) {
            for action in actions {
                switch action {
                case .opened(let alert):
                    handle(.opened(alert, problem: recorder.open(alert)))
                case .closed(let alert):
                    let closed = recorder.close(alert)
                    handle(.closed(alert, problem: closed.problem ?? closed.late))
                }
            }
        }
    }
}

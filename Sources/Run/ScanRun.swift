// The staged pipeline of `vigil scan`:
//
//   walker → [examine × jobs] → queues → [match × n] → queue → [record × 1] → queue → caller's
//   thread
//
// Every queue is bounded and blocks its producers. Messages of one input stay in order, because one
// worker examines it and one matches it; those of several inputs mix. The match stage owns the known sets, the examine
// stage never sees them. An alert is handed to the caller only after the report store has taken it,
// or has refused it. Stopping drains: workers end their inputs at once, and what they found goes
// all the way through.

internal import Decode
internal import DequeModule
internal import Dispatch
internal import Fingerprint
internal import Foundation
public import Match
public import Report
internal import Synchronization

/// What a scan tells its caller, in order.
public enum ScanEvent: Sendable {
    /// An alert is final. `problem` says why the report queue does not hold it; `nil` where it
    /// does.
    case alert(Alert, problem: String?)
    /// An input is done; its alerts came before.
    case input(InputResult)
    /// Something failed that belongs to no input, one line.
    case problem(String)
}

/// How far a scan has come; for a progress display.
public struct ScanProgress: Sendable {
    /// Inputs that are done.
    public var inputs = 0
    /// Bytes of inputs that are done, and of the done parts of others.
    public var bytes: Int64 { partialBytes.values.reduce(finishedBytes, +) }
    var finishedBytes: Int64 = 0
    /// By the numbers of the inputs in progress.
    var partialBytes: [Int: Int64] = [:]
    /// Media time examined so far, seconds.
    public var mediaSeconds = 0.0
    /// Frames examined so far.
    public var frames = 0
    /// Alerts raised so far.
    public var alerts = 0
}

/// One scan of a list of inputs.
public final class ScanRun: Sendable {
    private struct TrackKey: Hashable {
        var input: Int
        var track: Int
        var isCloserLook = false
    }

    /// Where the match stage leaves the stretches of a track that are worth a closer look.
    private final class Settlement: Sendable {
        private let stretches = Mutex<[ClosedRange<Double>]>([])
        // Waited for on an examine thread, which belongs to the run and has nothing else to do.
        private let isReady = DispatchSemaphore(value: 0)

        func settle(_ found: [ClosedRange<Double>]) {
            stretches.withLock { $0 = found }
            isReady.signal()
        }

        func wait() -> [ClosedRange<Double>] {
            isReady.wait()
            return stretches.withLock { $0 }
        }
    }

    private enum Examined: Sendable {
        case frame(TrackKey, name: String, [FrameFingerprint])
        /// All frames of a track are out. Always answered: the match stage reads until the queue is
        /// finished, which it is only after every examiner has ended.
        case settle(TrackKey, Settlement)
        case ended(input: Int, InputResult)
    }

    private enum Matched: Sendable {
        case action(EvidenceAction)
        case ended(InputResult)
    }

    /// Results that may wait for a slow reader of the output.
    private static let waitingEvents = 4096

    private let pipeline: Pipeline
    private let index: KnownIndex
    private let store: any ReportStore
    private let walker: InputWalker
    private let stopSwitch: StopSwitch
    /// One for each match worker; an input always goes to the same one.
    private let examined: [StageQueue<Examined>]
    private let matched: StageQueue<Matched>
    private let events: StageQueue<ScanEvent>
    private let nextInput = Atomic<Int>(0)
    private let skipped = Atomic<Int>(0)
    private let progressState = Mutex(ScanProgress())
    private let counts = Mutex(StageCounts())
    /// Names of the inputs that are examined, by their numbers.
    private let current = Mutex<[Int: String]>([:])
    private let left = Atomic<Int>(0)

    /// How long an input may take to end once the run is stopped, seconds.
    private static let longestFarewell = 2.0

    /// Inputs that did not end when the run was stopped, and were left: threads work on them that may use
    /// anything, so the process is to be ended without taking anything down.
    public var inputsLeft: Int { left.load(ordering: .relaxed) }

    /// Makes a run; nothing happens before `run`.
    public init(
        inputs: [String], pipeline: Pipeline, index: KnownIndex, store: any ReportStore,
        stopSwitch: StopSwitch
    ) {
        self.pipeline = pipeline
        self.index = index
        self.store = store
        self.stopSwitch = stopSwitch
        walker = InputWalker(inputs)
        examined = (0..<pipeline.matchWorkers).map { _ in
            StageQueue(capacity: pipeline.queueFrames)
        }
        matched = StageQueue(capacity: pipeline.queueFrames)
        events = StageQueue(capacity: Self.waitingEvents)
    }

    /// How far the run has come; may be asked from any thread.
    public var progress: ScanProgress { progressState.withLock { $0 } }

    /// Scans to the end, or until stopped, on this thread and the run's own.
    public func run(_ handle: (ScanEvent) -> Void) -> ScanSummary {
        let clock = ContinuousClock()
        let start = clock.now
        let crew = ExamineCrew(
            cores: pipeline.resolvedJobs, pipeline.examineSettings(inputs: 1))
        let examiners = WorkerThreads()
        examiners.start(count: pipeline.resolvedJobs, name: "examine") { [self] in
            examineAll(with: crew)
        }
        let matchers = WorkerThreads()
        for queue in examined {
            matchers.start(count: 1, name: "match") { [self] in matchAll(of: queue) }
        }
        let closer = WorkerThreads()
        closer.start(count: 1, name: "close") { [self] in
            waitForExaminers(examiners)
            crew.finish()
            for queue in examined { queue.finish() }
            matchers.join()
            matched.finish()
        }
        let recorders = WorkerThreads()
        recorders.start(count: 1, name: "record") { [self] in recordAll() }
        var summary = ScanSummary()
        handOn(to: &summary, handle)
        recorders.join()
        closer.join()
        summary.stopped = stopSwitch.isStopped
        summary.skipped = skipped.load(ordering: .relaxed) + walker.skipped
        summary.stages = counts.withLock { $0 }
        summary.stages.matchQueueHighest = examined.map(\.highestCount).max() ?? 0
        summary.stages.reportQueueHighest = matched.highestCount
        let elapsed = start.duration(to: clock.now)
        summary.wallSeconds =
            Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) * 1e-18
        return summary
    }
}

// MARK: - Examine

extension ScanRun {
    /// Waits until all inputs are examined; those that do not end although they were told to are left, and
    /// what was found in them is recorded.
    private func waitForExaminers(_ examiners: WorkerThreads) {
        var told: Double?
        while !examiners.join(within: 0.1) {
            guard stopSwitch.isStopped else { continue }
            let since = told ?? monotonicSeconds()
            told = since
            if monotonicSeconds() - since > Self.longestFarewell { break }
        }
        let inputs = current.withLock { current in
            defer { current = [:] }
            return current
        }
        for (number, name) in inputs.sorted(by: { $0.key < $1.key }) {
            left.add(1, ordering: .relaxed)
            let reason = "stopped before it was examined to its end; its reader does not end"
            queue(of: number).push(.ended(input: number, InputResult(name, failed: reason)))
        }
    }

    private func examineAll(with crew: ExamineCrew) {
        // Threads are shared out for as many inputs as there may be at once: a named directory
        // counts as many.
        let atOnce = walker.isSingleInput ? 1 : pipeline.resolvedJobs
        var examiner = Examiner(pipeline.examineSettings(inputs: atOnce), crew: crew)
        while !stopSwitch.isStopped, let step = walker.next() {
            let number = nextInput.add(1, ordering: .relaxed).oldValue
            switch step {
            case .unreadable(let path, let reason):
                queue(of: number).push(
                    .ended(input: number, InputResult(path, failed: reason)))
            case .input(let input):
                current.withLock { $0[number] = input.media.redacted }
                let outcome = stopSwitch.withInterrupt { interrupt in
                    crew.reading {
                        examine(input, number: number, with: &examiner, interrupt: interrupt)
                    }
                }
                // One that was left has been told of.
                let isLeft = current.withLock { $0.removeValue(forKey: number) } == nil
                if isLeft { return }
                progressState.withLock {
                    $0.inputs += 1
                    $0.finishedBytes += input.bytes
                    $0.partialBytes[number] = nil
                }
                switch outcome {
                case .result(let result):
                    queue(of: number).push(.ended(input: number, result))
                case .notMedia: skipped.add(1, ordering: .relaxed)
                }
            }
        }
    }

    private func examine(
        _ input: ScanInput, number: Int, with examiner: inout Examiner, interrupt: Interrupt
    ) -> Examiner.Outcome {
        let name = input.media.redacted
        let examined = queue(of: number)
        return examiner.examine(input, interrupt: interrupt) { [self] frame in
            note(frame, of: input, number: number)
            let key = TrackKey(
                input: number, track: frame.track, isCloserLook: frame.isCloserLook)
            examined.push(.frame(key, name: name, frame.forms))
        } settle: { track in
            let settlement = Settlement()
            examined.push(
                .settle(TrackKey(input: number, track: track), settlement), isUrgent: true)
            return settlement.wait()
        }
    }

    private func queue(of input: Int) -> StageQueue<Examined> {
        examined[input % examined.count]
    }

    private func note(_ frame: ExaminedFrame, of input: ScanInput, number: Int) {
        progressState.withLock {
            $0.frames += 1
            $0.partialBytes[number] = Int64(bounded: frame.share * Double(input.bytes))
        }
        counts.withLock { $0.examined += 1 }
    }
}

// MARK: - Match

extension ScanRun {
    private func matchAll(of queue: StageQueue<Examined>) {
        var comparison = Comparison<TrackKey>(pipeline, against: index)
        var messages = Deque<Examined>()
        let together = Comparison<TrackKey>.together
        while queue.popAll(into: &messages, gathering: together.frames, for: together.wait) {
            while let message = messages.first {
                switch message {
                case .frame: compareFirst(of: &messages, &comparison)
                case .settle(let key, let settlement):
                    messages.removeFirst()
                    let track = finish(key, &comparison)
                    let closer = TrackKey(input: key.input, track: key.track, isCloserLook: true)
                    comparison.begin(closer, with: track?.forCloserLook())
                    settlement.settle(track?.unsettled ?? [])
                case .ended(let input, let result):
                    messages.removeFirst()
                    let keys = comparison.tracks.filter { $0.input == input }
                    for key in keys.sorted(by: { $0.track < $1.track }) {
                        finish(key, &comparison)
                    }
                    matched.push(.ended(result))
                }
            }
        }
    }

    /// Takes the frames that the messages begin with and compares them.
    private func compareFirst(
        of messages: inout Deque<Examined>, _ comparison: inout Comparison<TrackKey>
    ) {
        var frames: [Comparison<TrackKey>.Frame] = []
        while frames.count < Comparison<TrackKey>.together.frames,
            case .frame(let key, let name, let forms)? = messages.first
        {
            messages.removeFirst()
            frames.append(
                .init(track: key, input: name, isCloserLook: key.isCloserLook, forms: forms))
        }
        for outcome in comparison.compare(frames) {
            counts.withLock {
                $0.matched += 1
                let isHit = outcome.hits.contains { $0.distance <= index.policy.radius }
                $0.hits += isHit ? 1 : 0
            }
            for action in outcome.actions { matched.push(.action(action)) }
        }
    }

    @discardableResult
    private func finish(_ key: TrackKey, _ comparison: inout Comparison<TrackKey>) -> Evidence? {
        let (actions, evidence) = comparison.end(key)
        for action in actions { matched.push(.action(action)) }
        return evidence
    }
}

// MARK: - Report

extension ScanRun {
    private func recordAll() {
        var recorder = AlertRecorder(store, isLasting: false)
        var messages = Deque<Matched>()
        while matched.popAll(into: &messages) {
            for message in messages {
                switch message {
                case .action(.opened(let alert)):
                    progressState.withLock { $0.alerts += 1 }
                    recorder.open(alert)
                case .action(.closed(let alert)):
                    let closed = recorder.close(alert)
                    if closed.problem == nil { counts.withLock { $0.reported += 1 } }
                    if let late = closed.late { events.push(.problem(late)) }
                    events.push(.alert(alert, problem: closed.problem))
                case .ended(let result):
                    progressState.withLock { $0.mediaSeconds += result.duration }
                    events.push(.input(result))
                }
            }
        }
        events.finish()
    }

    /// Hands what was recorded to the caller, on the caller's thread: a reader of the output that
    /// stalls does not keep alerts from being recorded until the queues are full.
    private func handOn(to summary: inout ScanSummary, _ handle: (ScanEvent) -> Void) {
        var batch = Deque<ScanEvent>()
        while events.popAll(into: &batch) {
            for event in batch {
                switch event {
                case .alert(_, let problem):
                    summary.alerts += 1
                    summary.alertsUnrecorded += problem == nil ? 0 : 1
                case .input(let result): summary.add(result)
                case .problem: break
                }
                handle(event)
            }
        }
    }
}

extension ScanSummary {
    fileprivate mutating func add(_ result: InputResult) {
        inputs += 1
        mediaSeconds += result.duration
        switch result.status {
        case .examined: break
        case .partial: partial += 1
        case .failed: failed += 1
        }
    }
}

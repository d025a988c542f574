// The cores that help a reader: they decode keyframes and hash pictures beside it.
//
// A run has as many cores as it has jobs, and each input that is being read takes one. What is left
// over, because there are fewer inputs than cores or only one long one, takes pictures from
// whoever reads. The queue is short, so that a reader that finds it full looks at the next
// picture itself instead of waiting: no core stands still, and few decoded pictures are in memory.

internal import Decode
internal import DequeModule
internal import Fingerprint
internal import Foundation

/// What is being looked at: one picture, or what is to be decoded first.
final class PictureJob: @unchecked Sendable {
    // Sound: at any time one thread has the job; it changes hands with the crew's lock held.
    fileprivate var coded: Coded?
    /// Size of what is to be decoded.
    fileprivate private(set) var byteCount = 0
    fileprivate var picture: LumaFrame?
    fileprivate var looks: [LookedAt] = []
    /// Small copies of the pictures, in memory that is used again.
    fileprivate var copies: [SmallLuma] = []
    fileprivate var copiesUsed = 0
    /// Whether there were more pictures than it may keep copies of.
    fileprivate var isOverfull = false
    fileprivate var isDone = false

    /// Bytes of copies that a job may keep; a group of ten seconds takes a few million.
    fileprivate static let mostCopyBytes = 32 << 20
    fileprivate var copyBytes: Int { copies[..<copiesUsed].reduce(0) { $0 + $1.byteCount } }

    func set(_ coded: consuming Coded) {
        byteCount = coded.byteCount
        self.coded = consume coded
        isDone = false
    }

    func set(_ picture: consuming LumaFrame) {
        self.picture = consume picture
        isDone = false
    }

    /// What could not be decoded.
    func takeCoded() -> Coded? { coded.take() }

    /// The quality of the first picture; `nil` if there is none, or it is too small.
    var quality: Int? { looks.first?.forms.first?.quality }

    /// Lends what came of each picture; the job is empty afterwards.
    func takePictures(_ body: (_ place: Int, LookedAt, SmallLuma?) -> Void) -> Int {
        defer { clear() }
        for (place, look) in looks.enumerated() {
            body(place, look, look.copy.map { copies[$0] })
        }
        return looks.count
    }

    fileprivate func clear() {
        looks.removeAll(keepingCapacity: true)
        copiesUsed = 0
        isOverfull = false
    }
}

/// What came of one picture, before what was seen in those before it is known.
struct LookedAt {
    /// Fingerprints of the whole picture; none if it is too small.
    var forms: [FrameFingerprint]
    var mediaTime: Double
    var number: Int
    /// Size of the picture, pixels.
    var size: (width: Int, height: Int)
    /// Where its small copy stands, if it has one.
    fileprivate var copy: Int?
}

/// What one thread needs to look at pictures; keeps its newest decoder.
struct PictureWorker: ~Copyable {
    private let hasher: FrameHasher
    private var decoder: StandaloneDecoder

    /// - Parameters:
    ///   - decoders: how many it may keep open.
    ///   - limits: what pictures may take.
    ///   - isBrief: whether keyframes are decoded as far as their hash needs it.
    init(
        _ effort: Effort, keepsCopies: Bool, decoders: Int = 1, limits: PictureLimits,
        isBrief: Bool = false
    ) {
        decoder = StandaloneDecoder(keeping: decoders, limits: limits, isBrief: isBrief)
        hasher = FrameHasher(effort, keepsCopies: keepsCopies)
    }

    /// Why the last that it could not decode was refused memory; `nil` where it was not.
    var refusal: PictureRefusal? { decoder.refusal }

    /// Decodes the job, if need be, and hashes its pictures.
    ///
    /// What cannot be decoded stays in the job.
    mutating func work(on job: PictureJob) {
        job.clear()
        if let picture = job.picture.take() { hasher.look(at: picture, for: job) }
        guard let coded = job.coded.take() else { return }
        let isComplete = decoder.decode(coded) { [hasher] picture in
            hasher.look(at: picture, for: job)
        }
        // The reader, which keeps one at a time, has to see to it itself.
        if !isComplete || job.isOverfull {
            job.clear()
            job.coded = consume coded
        }
    }

    /// The fingerprints of the regions of a picture that was looked at.
    mutating func regions(
        of look: LookedAt, _ copy: SmallLuma, finder: inout RegionFinder
    ) -> [FrameFingerprint] {
        hasher.regions(of: look, copy, finder: &finder)
    }

    /// The variants of a picture that was looked at, for a known set.
    mutating func variants(
        of look: LookedAt, _ copy: SmallLuma, finder: inout KnownVariantFinder
    ) -> [VariantFingerprint] {
        hasher.variants(of: look, copy, finder: &finder)
    }
}

/// Hashes decoded pictures; belongs to one thread and keeps its scratch memory.
private final class FrameHasher {
    private let effort: Effort
    private let keepsCopies: Bool
    private var hasher = PDQHasher()

    init(_ effort: Effort, keepsCopies: Bool) {
        self.effort = effort
        self.keepsCopies = keepsCopies
    }

    /// Leaves with the job the fingerprints of a picture, and its small copy where regions are to
    /// be found in it.
    func look(at frame: borrowing LumaFrame, for job: PictureJob) {
        guard !job.isOverfull else { return }
        let (width, height, form) = (frame.width, frame.height, frame.form)
        let range: LumaRange = frame.isFullRange ? .full : .limited
        let (time, number) = (frame.mediaTime, frame.number)
        let wantsCopy =
            keepsCopies && form == .luma
            && RegionFinder.isDue(at: time, after: job.looks.last?.mediaTime)
        job.looks.append(
            LookedAt(forms: [], mediaTime: time, number: number, size: (width, height)))
        let place = job.looks.count - 1
        frame.withSamples { base, stride in
            switch form {
            case .luma:
                let plane = LumaPlane(
                    base: base, width: width, height: height, stride: stride, range: range)
                guard let spectrum = hasher.spectrum(of: plane) else { return }
                job.looks[place].forms = spectrum.fingerprints(
                    effort: effort, mediaTime: time, frame: number)
                if wantsCopy { job.looks[place].copy = keep(plane, for: job) }
            case .rgb:
                let spectrum = hasher.spectrum(
                    of: RGBPlane(base: base, width: width, height: height, stride: stride))
                job.looks[place].forms =
                    spectrum?.fingerprints(effort: effort, mediaTime: time, frame: number) ?? []
            }
        }
    }

    private func keep(_ plane: LumaPlane, for job: PictureJob) -> Int {
        if job.copiesUsed == job.copies.count { job.copies.append(SmallLuma()) }
        job.copies[job.copiesUsed].fill(from: plane)
        job.copiesUsed += 1
        job.isOverfull = job.copiesUsed > 1 && job.copyBytes > PictureJob.mostCopyBytes
        return job.copiesUsed - 1
    }

    func regions(
        of look: LookedAt, _ copy: SmallLuma, finder: inout RegionFinder
    ) -> [FrameFingerprint] {
        hasher.fingerprints(
            of: copy, effort: effort, finder: &finder, mediaTime: look.mediaTime,
            frame: look.number)
    }

    func variants(
        of look: LookedAt, _ copy: SmallLuma, finder: inout KnownVariantFinder
    ) -> [VariantFingerprint] {
        guard let whole = look.forms.first?.hash else { return [] }
        return hasher.variants(
            of: copy, whole: whole, finder: &finder, mediaTime: look.mediaTime)
    }
}

/// The helping threads of one run.
final class ExamineCrew: @unchecked Sendable {
    // Sound: every variable is only touched with `condition` locked.
    private let condition = NSCondition()
    private var queue = Deque<PictureJob>()
    private var readers = 0
    private var busy = 0
    private var isFinished = false
    private let threads = WorkerThreads()
    let cores: Int

    /// Packets that may wait for a core, bytes.
    private static let mostQueuedBytes = 128 << 20

    /// Starts the threads.
    /// - Parameters:
    ///   - cores: what readers and helpers may keep busy together.
    ///   - settings: of the inputs that will be read.
    init(cores: Int, _ settings: ExamineSettings) {
        self.cores = cores
        threads.start(count: cores - 1, name: "look") { [self] in
            var worker = PictureWorker(
                settings.effort, keepsCopies: settings.keepsCopies, limits: settings.limits.video)
            while let job = next() {
                worker.work(on: job)
                done(job)
            }
        }
    }

    /// Ends the threads once all jobs are done.
    func finish() {
        condition.lock()
        isFinished = true
        condition.broadcast()
        condition.unlock()
        threads.join()
    }

    /// Does a job on the calling thread.
    func work(on job: PictureJob, with worker: inout PictureWorker) {
        worker.work(on: job)
        job.isDone = true
    }

    /// Counts one more input that is being read while `body` runs.
    func reading<Result>(_ body: () -> Result) -> Result {
        change { readers += 1 }
        defer { change { readers -= 1 } }
        return body()
    }

    /// Whether a job would find a core that is not busy, or will not be for long.
    var hasRoom: Bool {
        condition.lock()
        defer { condition.unlock() }
        let bytes = queue.reduce(0) { $0 + $1.byteCount }
        return queue.count + busy < 2 * (cores - readers) && bytes < Self.mostQueuedBytes
    }

    func begin(_ job: PictureJob) { change { queue.append(job) } }

    /// Takes one of these jobs out of the queue, the oldest that nobody began with.
    func takeBack(of jobs: Deque<PictureJob>) -> PictureJob? {
        condition.lock()
        defer { condition.unlock() }
        guard let place = queue.firstIndex(where: { queued in jobs.contains { $0 === queued } })
        else { return nil }
        return queue.remove(at: place)
    }

    /// Takes all of these jobs out of the queue; those that were begun with go on.
    func drop(_ jobs: Deque<PictureJob>.SubSequence) {
        change { queue.removeAll { queued in jobs.contains { $0 === queued } } }
    }

    func isDone(_ job: PictureJob) -> Bool {
        condition.lock()
        defer { condition.unlock() }
        return job.isDone
    }

    /// Waits until a job is done.
    func wait(for job: PictureJob) {
        condition.lock()
        while !job.isDone { condition.wait() }
        condition.unlock()
    }

    private func change(_ body: () -> Void) {
        condition.lock()
        body()
        condition.broadcast()
        condition.unlock()
    }

    private func next() -> PictureJob? {
        condition.lock()
        defer { condition.unlock() }
        while true {
            // One always works, so that what was begun ends even if readers took all cores since.
            if busy < max(1, cores - readers), let job = queue.popFirst() {
                busy += 1
                return job
            }
            if isFinished, queue.isEmpty { return nil }
            condition.wait()
        }
    }

    private func done(_ job: PictureJob) {
        change {
            busy -= 1
            job.isDone = true
        }
    }
}

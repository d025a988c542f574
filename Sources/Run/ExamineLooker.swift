// Looks at the pictures of one input for its reader: hashes them itself, or has the crew do it
// where cores are free, and hands on what was accepted, in order.

internal import Decode
internal import DequeModule
internal import Fingerprint

/// The pictures of one input between being found and being accepted.
struct ExamineLooker: PictureLooker, ~Copyable {
    /// What is counted of the accepted pictures of one track.
    struct Tally {
        var lowQuality = 0
        var tooSmall = 0
    }

    /// Where accepted pictures go.
    typealias Sink = (ExaminedFrame) -> Void

    private let crew: ExamineCrew
    private let minimumQuality: Int
    /// Whether decoded pictures are worth handing to another thread: where every frame is decoded.
    private let hashesBeside: Bool
    private let effort: Effort
    private var worker: PictureWorker
    /// Has seen the accepted pictures of the track.
    private var finder: RegionFinder
    private let variants: VariantLevel?
    private var variantFinder: KnownVariantFinder
    private var jobs = Deque<PictureJob>()
    private var unused: [PictureJob] = []

    private(set) var tally = Tally()
    /// What accepted pictures are marked with.
    private var track = 0
    private var isStill = false
    private var isCloserLook = false
    private var share: (Double) -> Double = { _ in 0 }
    private var sink: Sink = { _ in }

    init(_ settings: ExamineSettings, crew: ExamineCrew) {
        self.crew = crew
        minimumQuality = settings.minimumQuality
        effort = settings.effort
        worker = PictureWorker(
            settings.effort, keepsCopies: settings.keepsCopies, limits: settings.limits.video)
        finder = RegionFinder(effort: settings.effort)
        variants = settings.variants
        variantFinder = KnownVariantFinder(level: settings.variants)
        if case .keyframes = settings.sampling.mode {
            hashesBeside = false
        } else {
            hashesBeside = true
        }
    }

    /// Prepares for a track, or for a closer look at it.
    mutating func start(
        track: Int, isStill: Bool, isCloserLook: Bool, share: @escaping (Double) -> Double,
        sink: @escaping Sink
    ) {
        // Nothing of another input may be taken for one of this.
        dropNewest(jobs.count)
        tally = Tally()
        finder = RegionFinder(effort: effort)
        variantFinder = KnownVariantFinder(level: variants)
        self.track = track
        self.isStill = isStill
        self.isCloserLook = isCloserLook
        self.share = share
        self.sink = sink
    }

    var waiting: Int { jobs.count }
    var mostWaiting: Int { crew.cores > 1 ? 4 * crew.cores : 0 }
    var hasRoom: Bool { crew.cores > 1 && crew.hasRoom }
    var isOldestReady: Bool { jobs.first.map(crew.isDone) ?? false }

    mutating func begin(_ coded: consuming Coded) {
        let job = newJob()
        job.set(coded)
        look(at: job, beside: true)
    }

    mutating func begin(_ picture: consuming LumaFrame) {
        let job = newJob()
        job.set(picture)
        look(at: job, beside: hashesBeside)
    }

    private mutating func look(at job: PictureJob, beside: Bool) {
        if beside, hasRoom {
            crew.begin(job)
        } else {
            crew.work(on: job, with: &worker)
        }
    }

    mutating func oldest() -> Looked {
        let job = jobs[0]
        // Rather than wait while its own pictures lie in the queue, the reader looks at them.
        while !crew.isDone(job), let queued = crew.takeBack(of: jobs) {
            crew.work(on: queued, with: &worker)
        }
        crew.wait(for: job)
        if let coded = job.takeCoded() { return .handedBack(coded) }
        let quality = job.quality ?? -1
        return .seen(isUsable: quality >= minimumQuality)
    }

    mutating func replaceOldest(with picture: consuming LumaFrame) {
        jobs[0].set(picture)
        crew.work(on: jobs[0], with: &worker)
    }

    mutating func acceptOldest(number: Int?) -> Int {
        let job = jobs.removeFirst()
        unused.append(job)
        return job.takePictures { place, look, copy in
            accept(look, copy, number: number.map { $0 + place })
        }
    }

    /// Hands on a picture; what its regions are depends on the pictures before it, so they are
    /// found and hashed only now.
    private mutating func accept(_ look: LookedAt, _ copy: SmallLuma?, number: Int?) {
        guard let first = look.forms.first else {
            tally.tooSmall += 1
            return
        }
        if first.quality < minimumQuality { tally.lowQuality += 1 }
        var forms = look.forms
        if let copy, finder.isDue(at: look.mediaTime) {
            forms += worker.regions(of: look, copy, finder: &finder)
        }
        if let number {
            for index in forms.indices { forms[index].frame = number }
        }
        sink(
            ExaminedFrame(
                track: track, isStill: isStill, isCloserLook: isCloserLook, forms: forms,
                variants: variants(of: look, copy), share: share(first.mediaTime), size: look.size,
                copy: copy))
    }

    private mutating func variants(
        of look: LookedAt, _ copy: SmallLuma?
    ) -> [VariantFingerprint] {
        guard let copy, let quality = look.forms.first?.quality, quality >= minimumQuality,
            variantFinder.isDue(at: look.mediaTime)
        else { return [] }
        return worker.variants(of: look, copy, finder: &variantFinder)
            .filter { $0.quality >= minimumQuality }
    }

    mutating func dropOldest() { unused.append(jobs.removeFirst()) }

    // A helper may still be at work on them, so they are not used again.
    mutating func dropNewest(_ count: Int) {
        guard count > 0 else { return }
        crew.drop(jobs.suffix(count))
        jobs.removeLast(count)
    }

    private mutating func newJob() -> PictureJob {
        let job = unused.popLast() ?? PictureJob()
        jobs.append(job)
        return job
    }
}

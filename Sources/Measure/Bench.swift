// The run of `vigil bench`: which figures, in which order, and what becomes of those that cannot be
// had.
//
// Figures are measured one after the other, on one core unless their description says otherwise.
// Clips are made when the first figure needs them and lie in the temporary folder only while one is
// read; encoded they stay in memory, a few megabytes each. A figure that cannot be had is said so,
// with its reason, and the run goes on.

internal import Decode
public import Run

/// A group of figures.
public enum BenchSection: String, Sendable, CaseIterable {
    /// Down-sampling of luma.
    case luma
    /// PDQ hashes.
    case pdq
    /// Look-ups.
    case index
    /// Keyframe decoding.
    case decode
    /// A whole scan.
    case pipeline
    /// Live streams for each core.
    case streams
}

/// What is measured, and how long.
public struct BenchSettings: Sendable {
    /// Which figures.
    public var sections = Set(BenchSection.allCases)
    /// Time for the repetitions of one figure, seconds.
    public var seconds = 0.4
    /// Lists that are looked into, in hashes.
    public var indexSizes = [10_000, 100_000, 1_000_000]
    /// Hashes in the list that scans and streams are compared with.
    public var listSize = 1_000_000
    /// From one keyframe to the next, seconds.
    public var keyframeInterval = 2.0
    /// Whether H.264 alone, short clips and a small list are enough.
    public var isQuick = false

    /// Smallest and largest interval for which the default policy decodes keyframes only, each one.
    public static let keyframeIntervals = 0.5...12.0

    /// The default figures.
    public init() {}

    var codecs: [SyntheticCodec] { isQuick ? [.h264] : SyntheticCodec.allCases }
    /// Different keyframes in a clip.
    var keyframes: Int { 2 }
}

/// A figure that could not be had.
public struct BenchSkip: Sendable, Encodable {
    /// The group of the figure.
    public var section: String
    /// Which figure.
    public var what: String
    /// Why.
    public var reason: String
    /// Whether it was to be had here: a codec without an encoder was not.
    public var isFailure: Bool

    private enum CodingKeys: String, CodingKey { case section, what, reason }
}

/// What a run tells its caller, in order.
public enum BenchEvent: Sendable {
    /// A figure is there.
    case figure(BenchFigure)
    /// A figure could not be had.
    case skipped(BenchSkip)
    /// What is being done now; for a progress line.
    case progress(String)
}

/// One run.
public struct Bench {
    let settings: BenchSettings
    let folder: TemporaryFolder
    let stopSwitch: StopSwitch
    let stopwatch: Stopwatch
    let handle: (BenchEvent) -> Void

    /// Makes a run.
    /// - Parameters:
    ///   - folder: where clips may lie for a while.
    ///   - stopSwitch: ends the run early.
    ///   - handle: called with each event, on the thread of `run`.
    public init(
        _ settings: BenchSettings, folder: TemporaryFolder, stopSwitch: StopSwitch,
        handle: @escaping (BenchEvent) -> Void
    ) {
        self.settings = settings
        self.folder = folder
        self.stopSwitch = stopSwitch
        stopwatch = Stopwatch(budget: settings.seconds, stopSwitch: stopSwitch)
        self.handle = handle
    }

    /// Measures everything, or what comes before a stop.
    /// - Returns: whether every figure that was to be had was measured.
    public func run() -> Bool {
        let clips = ClipShelf(settings, folder: folder, stopSwitch: stopSwitch, handle: handle)
        var tally = Tally()
        for section in BenchSection.allCases where settings.sections.contains(section) {
            tally.figuresOfSection = 0
            do {
                for job in jobs(of: section, clips: clips) {
                    try stopwatch.checkStop()
                    try perform(job, of: section, &tally)
                }
            } catch {
                return false
            }
            if tally.figuresOfSection == 0 { tally.failures += 1 }
        }
        return tally.failures == 0
    }

    private struct Tally {
        var figuresOfSection = 0
        var failures = 0
    }

    /// One figure to be measured.
    struct Job {
        var what: String
        var measure: () throws -> BenchFigure
    }

    private func perform(
        _ job: Job, of section: BenchSection, _ tally: inout Tally
    ) throws(Stopped) {
        handle(.progress("\(section.rawValue): \(job.what)"))
        do {
            handle(.figure(try job.measure()))
            tally.figuresOfSection += 1
        } catch {
            // A stop ends whatever was going on with an error of its own.
            try stopwatch.checkStop()
            let isFailure = !(error is ClipUnavailable)
            if isFailure { tally.failures += 1 }
            handle(
                .skipped(
                    BenchSkip(
                        section: section.rawValue, what: job.what, reason: "\(error)",
                        isFailure: isFailure)))
        }
    }

    private func jobs(of section: BenchSection, clips: ClipShelf) -> [Job] {
        switch section {
        case .luma: lumaJobs()
        case .pdq: pdqJobs()
        case .index: indexJobs()
        case .decode: decodeJobs(clips)
        case .pipeline: pipelineJobs(clips)
        case .streams: streamJobs(clips)
        }
    }
}

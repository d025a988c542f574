// The left half of the pipeline by itself: fingerprints of inputs for `vigil fingerprint` and for
// known sets that are built from media. No known set, no evidence, no report.

public import Decode
public import Fingerprint
internal import Foundation
public import Known
internal import Synchronization

/// Fingerprints inputs one after the other on the calling thread.
public struct MediaFingerprints: ~Copyable {
    private var examiner: Examiner
    private let crew: ExamineCrew
    private let stopSwitch: StopSwitch

    /// Makes a fingerprinter.
    /// - Parameter form: `.rgb` gives the vPDQ reference's bits exactly, `.luma` is quicker and is
    ///   what scans use.
    public init(pipeline: Pipeline, form: FrameForm, stopSwitch: StopSwitch) {
        var settings = pipeline.examineSettings(inputs: 1)
        settings.form = form
        crew = ExamineCrew(cores: pipeline.resolvedJobs, settings)
        examiner = Examiner(settings, crew: crew)
        self.stopSwitch = stopSwitch
    }

    deinit { crew.finish() }

    /// Fingerprints one input.
    /// - Parameter sink: takes the number of the video track and the fingerprints of one frame.
    /// - Returns: what became of it; `nil` for what a walk found and is no media.
    public mutating func examine(
        _ input: ScanInput, sink: @escaping (Int, [FrameFingerprint]) -> Void
    ) -> InputResult? {
        let outcome = stopSwitch.withInterrupt { interrupt in
            crew.reading {
                examiner.examine(input, interrupt: interrupt) { sink($0.track, $0.forms) }
            }
        }
        switch outcome {
        case .result(let result): return result
        case .notMedia: return nil
        }
    }
}

/// What became of the media that a known set was to be built from.
public struct KnownMedia: Sendable {
    /// Items with hashes, in the order in which they are to stand in the set.
    public var items: [(item: KnownItem, hashes: [KnownHash])] = []
    /// Inputs that gave no hash, or not all of theirs: what and why.
    public var incomplete: [InputResult] = []
    /// Frames read.
    public var frames = 0
    /// Frames left out because they have too little structure.
    public var framesLowQuality = 0
    /// Frames left out because they look like one kept before.
    public var framesPruned = 0
    /// What was left out of videos, and which pictures were kept, although others of their kind
    /// would match them.
    public var lowStructure: [LowStructureMedia] = []
    /// Things in walked directories that are no pictures or videos.
    public var skipped = 0
}

/// A video with frames of too little structure, or a picture that has too little.
public struct LowStructureMedia: Sendable, Hashable {
    /// Most times that are kept of a video.
    public static let mostTimes = 5

    /// Id of the item, or the input where none came of it.
    public var name: String
    /// Whether it is a picture, which is kept; a video's frames are left out.
    public var isImage: Bool
    /// How many frames.
    public private(set) var frames = 0
    /// When the first of them are shown, seconds.
    public private(set) var times: [Double] = []

    fileprivate init(isImage: Bool) {
        name = ""
        self.isImage = isImage
    }

    fileprivate mutating func count(_ frame: FrameFingerprint) {
        frames += 1
        if times.count < Self.mostTimes { times.append(frame.mediaTime) }
    }
}

/// The frames of one track that go into a known item.
private struct KeptFrames {
    let isStill: Bool
    private(set) var hashes: [KnownHash] = []
    private(set) var variants: [KnownHash] = []
    /// For each of `hashes`, whether its frame's variants are there.
    private var isVaried: [Bool] = []
    private var filter = NearDuplicateFilter(within: KnownMediaBuilder.pruneDistance)

    init(isStill: Bool) { self.isStill = isStill }

    /// - Returns: whether the frame was kept: because it looks new, or because nothing was for a
    ///   while, so that a kept frame never stands for a long stretch.
    mutating func keep(_ frame: FrameFingerprint) -> Bool {
        let isNew = filter.keeps(frame.hash)
        let pause = frame.mediaTime - Double(hashes.last?.time ?? -.infinity)
        guard isNew || pause >= KnownMediaBuilder.longestPause else { return false }
        hashes.append(
            KnownHash(
                hash: frame.hash, quality: UInt8(clamping: frame.quality),
                time: Float(frame.mediaTime)))
        isVaried.append(false)
        return true
    }

    /// Adds a frame's variants as those of the kept frame that it is or looks like, if that one has
    /// none yet.
    mutating func add(_ added: [VariantFingerprint], of frame: FrameFingerprint) {
        let place = hashes.indices.suffix(NearDuplicateFilter.memory).last {
            hashes[$0].hash.distance(to: frame.hash) <= KnownMediaBuilder.pruneDistance
        }
        guard !added.isEmpty, let place, !isVaried[place] else { return }
        isVaried[place] = true
        variants += added.map {
            KnownHash(
                hash: $0.hash, quality: UInt8(clamping: $0.quality), time: hashes[place].time,
                variant: $0.variant)
        }
    }
}

/// Builds known items from media.
public struct KnownMediaBuilder: Sendable {
    /// A frame is left out where it is this near to one kept shortly before, bits.
    ///
    /// Together with what a re-encoding moves a hash by (20 bits at most in practice) it stays
    /// within the default radius.
    public static let pruneDistance = 8

    /// A frame is kept at least this often, seconds, however alike they are.
    static let longestPause = 2.0

    private let category: String
    private let variants: VariantLevel
    private let pipeline: Pipeline
    private let minimumQuality: Int
    private let stopSwitch: StopSwitch

    /// Makes a builder that looks at every frame.
    /// - Parameter variants: which are made of the frames that are kept.
    public init(
        category: String, minimumQuality: Int, variants: VariantLevel = .none,
        stopSwitch: StopSwitch
    ) {
        self.category = category
        self.variants = variants
        self.stopSwitch = stopSwitch
        var pipeline = Pipeline()
        pipeline.sampling.mode = .all
        pipeline.effort = .fast
        self.pipeline = pipeline
        self.minimumQuality = minimumQuality
    }

    /// Fingerprints media and prunes near-duplicate frames.
    /// - Parameters:
    ///   - taken: ids that the set already has.
    ///   - progress: called with each input when it is done.
    public func build(
        _ paths: [String], taken: Set<String>, progress: (InputResult) -> Void
    ) -> KnownMedia {
        var media = KnownMedia()
        var taken = taken
        let walker = InputWalker(paths)
        var settings = pipeline.examineSettings(inputs: 1)
        settings.variants = variants
        let crew = ExamineCrew(cores: pipeline.resolvedJobs, settings)
        defer { crew.finish() }
        var examiner = Examiner(settings, crew: crew)
        while !stopSwitch.isStopped, let step = walker.next() {
            switch step {
            case .unreadable(let path, let reason):
                media.incomplete.append(InputResult(path, failed: reason))
            case .input(let input):
                guard let result = add(input, to: &media, taken: &taken, with: &examiner, crew)
                else {
                    media.skipped += 1
                    continue
                }
                progress(result)
            }
        }
        media.skipped += walker.skipped
        return media
    }

    private func add(
        _ input: ScanInput, to media: inout KnownMedia, taken: inout Set<String>,
        with examiner: inout Examiner, _ crew: ExamineCrew
    ) -> InputResult? {
        var tracks: [Int: KeptFrames] = [:]
        var lowStructure: [Int: LowStructureMedia] = [:]
        var (frames, lowQuality, pruned) = (0, 0, 0)
        let outcome = stopSwitch.withInterrupt { interrupt in
            crew.reading {
                examiner.examine(input, interrupt: interrupt) { frame in
                    frames += 1
                    guard frame.forms[0].quality >= minimumQuality else {
                        lowQuality += 1
                        return
                    }
                    if frame.forms[0].isLowStructure {
                        lowStructure[frame.track, default: .init(isImage: frame.isStill)]
                            .count(frame.forms[0])
                        guard frame.isStill else { return }
                    }
                    let isKept = tracks[frame.track, default: KeptFrames(isStill: frame.isStill)]
                        .keep(frame.forms[0])
                    pruned += isKept ? 0 : 1
                    tracks[frame.track]?.add(frame.variants, of: frame.forms[0])
                }
            }
        }
        guard case .result(let result) = outcome else { return nil }
        media.frames += frames
        media.framesLowQuality += lowQuality
        media.framesPruned += pruned
        if result.status != .examined || tracks.isEmpty { media.incomplete.append(result) }
        for (track, kept) in tracks.sorted(by: { $0.key < $1.key }) {
            let item = KnownItem(
                id: Self.id(of: input, taken: &taken), kind: kept.isStill ? .image : .video,
                category: category, source: "media",
                durationSeconds: kept.isStill ? 0 : result.duration)
            media.items.append((item, kept.hashes + kept.variants))
            lowStructure[track]?.name = item.id
        }
        for (track, var low) in lowStructure.sorted(by: { $0.key < $1.key }) {
            if tracks[track] == nil { low.name = result.input }
            media.lowStructure.append(low)
        }
        return result
    }

    /// The file's name without its suffix, made unique.
    private static func id(of input: ScanInput, taken: inout Set<String>) -> String {
        let name = (input.media.redacted as NSString).lastPathComponent
        let stem = String((name as NSString).deletingPathExtension.prefix(100))
        let base = stem.isEmpty ? "item" : stem
        var id = base
        var number = 2
        while !taken.insert(id).inserted {
            id = "\(base)-\(number)"
            number += 1
        }
        return id
    }
}

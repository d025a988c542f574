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
    private let stopSwitch: StopSwitch

    /// Makes a fingerprinter.
    /// - Parameter form: `.rgb` gives the vPDQ reference's bits exactly, `.luma` is quicker and is
    ///   what scans use.
    public init(pipeline: Pipeline, form: FrameForm, stopSwitch: StopSwitch) {
        var settings = pipeline.examineSettings(inputs: 1)
        settings.form = form
        examiner = Examiner(settings)
        self.stopSwitch = stopSwitch
    }

    /// Fingerprints one input.
    /// - Parameter sink: takes the number of the video track and the fingerprints of one frame.
    /// - Returns: what became of it; `nil` for what a walk found and is no media.
    public mutating func examine(
        _ input: ScanInput, sink: (Int, [FrameFingerprint]) -> Void
    ) -> InputResult? {
        let outcome = stopSwitch.withInterrupt { interrupt in
            examiner.examine(input, interrupt: interrupt) { sink($0.track, $0.forms) }
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
    /// Things in walked directories that are no pictures or videos.
    public var skipped = 0
}

/// Builds known items from media.
public struct KnownMediaBuilder: Sendable {
    /// A frame is left out where it is this near to one kept shortly before, bits.
    ///
    /// Together with what a re-encoding moves a hash by (20 bits at most in practice) it stays
    /// within the default radius.
    public static let pruneDistance = 8

    private let category: String
    private let pipeline: Pipeline
    private let minimumQuality: Int
    private let stopSwitch: StopSwitch

    /// Makes a builder that looks at every frame.
    public init(category: String, minimumQuality: Int, stopSwitch: StopSwitch) {
        self.category = category
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
        var fingerprints = MediaFingerprints(
            pipeline: pipeline, form: .luma, stopSwitch: stopSwitch)
        while !stopSwitch.isStopped, let step = walker.next() {
            switch step {
            case .unreadable(let path, let reason):
                media.incomplete.append(InputResult(path, failed: reason))
            case .input(let input):
                guard let result = add(input, to: &media, taken: &taken, with: &fingerprints) else {
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
        with fingerprints: inout MediaFingerprints
    ) -> InputResult? {
        var tracks: [Int: (filter: NearDuplicateFilter, hashes: [KnownHash])] = [:]
        var (frames, lowQuality, pruned) = (0, 0, 0)
        let result = fingerprints.examine(input) { track, forms in
            frames += 1
            guard forms[0].quality >= minimumQuality else {
                lowQuality += 1
                return
            }
            var kept = tracks[track] ?? (NearDuplicateFilter(within: Self.pruneDistance), [])
            if kept.filter.keeps(forms[0].hash) {
                kept.hashes.append(
                    KnownHash(
                        hash: forms[0].hash, quality: UInt8(clamping: forms[0].quality),
                        time: Float(forms[0].mediaTime)))
            } else {
                pruned += 1
            }
            tracks[track] = kept
        }
        guard let result else { return nil }
        media.frames += frames
        media.framesLowQuality += lowQuality
        media.framesPruned += pruned
        if result.status != .examined || tracks.isEmpty { media.incomplete.append(result) }
        let isStill = result.duration == 0
        for (_, kept) in tracks.sorted(by: { $0.key < $1.key }) {
            let item = KnownItem(
                id: Self.id(of: input, taken: &taken), kind: isStill ? .image : .video,
                category: category, source: "media", durationSeconds: result.duration)
            media.items.append((item, kept.hashes))
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

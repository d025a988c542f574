// The left half of the pipeline for one input: demux → sample → decode → hash, on one thread.
//
// Decoding and hashing are fused: hashing a picture takes a hundredth of decoding it, so a queue of
// frames between them would cost memory and cache misses and buy nothing (docs/decisions/0003).
// Knows nothing of known sets; what leaves are fingerprints. One Examiner belongs to one thread and
// keeps its scratch memory.

internal import Decode
internal import Fingerprint
internal import Foundation

/// What the left half needs to be told.
struct ExamineSettings: Sendable {
    var sampling: SamplingPolicy
    /// What frames are hashed as.
    var form = FrameForm.luma
    var effort: Effort
    /// Frames below this are counted as of low quality.
    var minimumQuality: Int
    var decoderThreads: Int
}

/// One frame on its way out of the left half.
struct ExaminedFrame {
    /// Number of the video track that it is of.
    var track: Int
    /// Whether the track is a still picture.
    var isStill = false
    /// Whether it is of a closer look at a stretch that was sampled before.
    var isCloserLook = false
    /// Its fingerprints, the picture as it is first; never empty.
    var forms: [FrameFingerprint]
    /// How much of the input lies behind, 0…1, as far as can be told.
    var share: Double
}

/// Examines inputs one after the other.
struct Examiner: ~Copyable {
    /// What came of an input.
    enum Outcome {
        case result(InputResult)
        /// Found by a walk and no picture or video.
        case notMedia
    }

    /// Names by which people and programs call pictures and videos: a file that is called so and
    /// cannot be examined is reported, whatever is in it.
    private static let mediaSuffixes: Set<String> = [
        "mp4", "m4v", "mov", "mkv", "webm", "avi", "flv", "ts", "m2ts", "mts", "mpg", "mpeg", "vob",
        "wmv", "asf", "3gp", "3g2", "ogv", "mxf", "f4v", "rm", "rmvb", "divx", "m3u8",
        "jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff", "heic", "heif", "avif", "jxl",
        "jp2",
    ]

    /// Shortest time between two samples of a closer look, seconds.
    private static let closerInterval = 0.4

    private var hasher = PDQHasher()
    private let settings: ExamineSettings

    init(_ settings: ExamineSettings) {
        self.settings = settings
    }

    /// Examines every video track of an input.
    mutating func examine(
        _ input: ScanInput, interrupt: Interrupt, sink: (ExaminedFrame) -> Void,
        settle: (Int) -> [ClosedRange<Double>] = { _ in [] }
    ) -> Outcome {
        var result = InputResult(input.media.redacted, failed: "")
        var problems: [String] = []
        var track = 0
        var trackCount = 1
        while track < trackCount {
            do throws(DecodeError) {
                var source = try FrameSource(
                    input.media, track: track, policy: settings.sampling, form: settings.form,
                    threads: settings.decoderThreads, interrupt: interrupt)
                trackCount = source.trackCount
                let report = examine(&source, track: track, into: &result, sink: sink)
                for stretch in settle(track) where !interrupt.isCancelled {
                    let looked = lookCloser(&source, at: stretch, track: track, sink: sink)
                    result.framesSampled += looked
                }
                problems += report.problems.map {
                    trackCount == 1 ? $0 : "track \(track + 1): \($0)"
                }
            } catch {
                if track == 0, isPlainlyNotMedia(input, error) { return .notMedia }
                problems.append(error.message)
                guard let count = error.trackCount, error.code != .cancelled else { break }
                trackCount = count
            }
            track += 1
        }
        if result.framesSampled == 0, problems.isEmpty { problems = ["holds no picture"] }
        result.error = problems.isEmpty ? nil : problems.joined(separator: "; ")
        result.status =
            result.framesSampled == 0 ? .failed : problems.isEmpty ? .examined : .partial
        return .result(result)
    }

    private mutating func examine(
        _ source: inout FrameSource, track: Int, into result: inout InputResult,
        sink: (ExaminedFrame) -> Void
    ) -> SourceReport {
        var (lowQuality, tooSmall) = (0, 0)
        let isStill = source.isStill
        let (length, tracks) = (source.declaredDuration ?? 0, Double(source.trackCount))
        var report = source.forEachFrame { frame in
            let fingerprints = hash(frame)
            guard let first = fingerprints.first else {
                tooSmall += 1
                return false
            }
            let isUsable = first.quality >= settings.minimumQuality
            if !isUsable { lowQuality += 1 }
            let trackShare = length > 0 ? min(1, max(0, first.mediaTime / length)) : 0
            let share = (Double(track) + trackShare) / tracks
            sink(
                ExaminedFrame(track: track, isStill: isStill, forms: fingerprints, share: share))
            return isUsable
        }
        if tooSmall > 0 {
            report.problems.append(
                "\(tooSmall) pictures are too small to be compared "
                    + "(a side under \(PDQHasher.minimumSide) pixels)")
        }
        result.duration = max(result.duration, source.isStill ? 0 : report.duration)
        result.framesSampled += report.sampled - tooSmall
        result.framesLowQuality += lowQuality
        result.framesFailed += report.failed
        return report
    }

    /// Samples a stretch densely, for hits that were too few to tell.
    private mutating func lookCloser(
        _ source: inout FrameSource, at stretch: ClosedRange<Double>, track: Int,
        sink: (ExaminedFrame) -> Void
    ) -> Int {
        source.lookCloser(at: stretch, every: Self.closerInterval) { frame in
            let fingerprints = hash(frame)
            guard !fingerprints.isEmpty else { return false }
            sink(ExaminedFrame(track: track, isCloserLook: true, forms: fingerprints, share: 1))
            return true
        }
    }

    private mutating func hash(_ frame: borrowing LumaFrame) -> [FrameFingerprint] {
        let (width, height, form) = (frame.width, frame.height, frame.form)
        let range: LumaRange = frame.isFullRange ? .full : .limited
        let spectrum = frame.withSamples { base, stride in
            switch form {
            case .luma:
                hasher.spectrum(
                    of: LumaPlane(
                        base: base, width: width, height: height, stride: stride, range: range))
            case .rgb:
                hasher.spectrum(
                    of: RGBPlane(base: base, width: width, height: height, stride: stride))
            }
        }
        return spectrum?.fingerprints(
            effort: settings.effort, mediaTime: frame.mediaTime, frame: frame.number) ?? []
    }

    private func isPlainlyNotMedia(_ input: ScanInput, _ error: DecodeError) -> Bool {
        guard !input.isNamed, error.code == .notMedia || error.code == .noVideo,
            case .file(let path) = input.media
        else { return false }
        let suffix = (path as NSString).pathExtension.lowercased()
        // A video container with only sound in it is plainly no video, whatever it is called.
        return error.code == .noVideo || !Self.mediaSuffixes.contains(suffix)
    }
}

// The left half of the pipeline for one input: demux → sample → decode → hash.
//
// One thread reads; it decodes and hashes too, but where cores are free the crew helps it. Decoding
// a keyframe and hashing its picture stay together: hashing takes a hundredth of decoding, so a
// queue of pictures between them would cost memory and cache misses and buy nothing
// (docs/decisions/0003). Knows nothing of known sets; what leaves are fingerprints. One Examiner
// belongs to one thread and keeps its scratch memory.

internal import Decode
internal import Fingerprint
internal import Foundation

/// What the left half needs to be told.
struct ExamineSettings: Sendable {
    var sampling: SamplingPolicy
    /// What frames are hashed as.
    var form = FrameForm.luma
    var effort: Effort
    /// Which variants are made of frames, for a known set; `nil` where none is built.
    var variants: VariantLevel?
    /// Frames below this are counted as of low quality.
    var minimumQuality: Int
    var decoderThreads: Int
    /// The same where what lies between keyframes has to be decoded.
    var denseThreads: Int
    /// What pictures of videos may take, and single pictures.
    var limits = (video: PictureLimits.video, still: PictureLimits.still)

    /// Whether small copies of pictures are needed.
    var keepsCopies: Bool { effort != .fast || variants != nil }
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
    /// Variants of it, where they are wanted of this frame.
    var variants: [VariantFingerprint] = []
    /// How much of the input lies behind, 0…1, as far as can be told.
    var share: Double
    /// Size of the picture, pixels.
    var size = (width: 0, height: 0)
    /// The picture's small copy, where regions were sought in it.
    var copy: SmallLuma?
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

    private let settings: ExamineSettings
    private let crew: ExamineCrew
    private var looker: ExamineLooker

    init(_ settings: ExamineSettings, crew: ExamineCrew) {
        self.settings = settings
        self.crew = crew
        looker = ExamineLooker(settings, crew: crew)
    }

    /// Examines every video track of an input.
    /// - Parameters:
    ///   - sink: takes the accepted frames, in order, on this thread.
    ///   - settle: says which stretches of a track that was read are worth a closer look.
    mutating func examine(
        _ input: ScanInput, interrupt: Interrupt, sink: @escaping ExamineLooker.Sink,
        settle: (Int) -> [ClosedRange<Double>] = { _ in [] }
    ) -> Outcome {
        var result = InputResult(input.media.redacted, failed: "")
        var problems: [String] = []
        var track = 0
        var trackCount = 1
        var opened: OpenMedia?
        while track < trackCount {
            do throws(DecodeError) {
                // Once: another file under this name is another input.
                let media: OpenMedia
                if let opened {
                    media = opened
                } else {
                    media = try OpenMedia(input.media, interrupt: interrupt)
                    opened = media
                }
                var source = try FrameSource(
                    media, track: track, policy: settings.sampling, form: settings.form,
                    threads: settings.decoderThreads, denseThreads: settings.denseThreads,
                    limits: settings.limits, interrupt: interrupt)
                trackCount = source.trackCount
                let report = examine(&source, track: track, into: &result, sink: sink)
                for stretch in settle(track) where !interrupt.isCancelled {
                    looker.start(
                        track: track, isStill: false, isCloserLook: true, share: { _ in 1 },
                        sink: sink)
                    result.framesSampled += source.lookCloser(
                        at: stretch, every: Self.closerInterval, &looker)
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
        sink: @escaping ExamineLooker.Sink
    ) -> SourceReport {
        let (length, tracks) = (source.declaredDuration ?? 0, Double(source.trackCount))
        looker.start(
            track: track, isStill: source.isStill, isCloserLook: false,
            share: { time in
                let ofTrack = length > 0 ? min(1, max(0, time / length)) : 0
                return (Double(track) + ofTrack) / tracks
            }, sink: sink)
        var report = source.forEachFrame(&looker)
        let (lowQuality, tooSmall) = (looker.tally.lowQuality, looker.tally.tooSmall)
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

    private func isPlainlyNotMedia(_ input: ScanInput, _ error: DecodeError) -> Bool {
        guard !input.isNamed, error.code == .notMedia || error.code == .noVideo,
            let path = input.media.path
        else { return false }
        let suffix = (path as NSString).pathExtension.lowercased()
        // A video container with only sound in it is plainly no video, whatever it is called.
        return error.code == .noVideo || !Self.mediaSuffixes.contains(suffix)
    }
}

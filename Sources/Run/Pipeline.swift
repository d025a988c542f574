// What a run does, resolved and validated: the built-in defaults, overridden by a pipeline file,
// overridden by command-line flags. `pipelines/default.yaml` says the same as `Pipeline()`, and a
// test holds it to that.

public import Decode
public import Fingerprint
internal import Foundation
public import Match

/// The settings of a scan.
public struct Pipeline: Sendable, Hashable {
    /// Which frames are looked at.
    public var sampling = SamplingPolicy()
    /// Decoder threads per input; `nil` chooses by sampling and by the number of inputs.
    public var decoderThreads: Int?
    /// How much is tried to recognise an edited copy.
    public var effort = Effort.standard
    /// What counts as near.
    public var match = MatchPolicy()
    /// When hits become an alert.
    public var evidence = EvidenceRules()
    /// Inputs examined at the same time; `nil` is one for each core.
    public var jobs: Int?
    /// Frames that may wait between two stages.
    public var queueFrames = 256
    /// How large pictures of video files may be, and what decoding them may take.
    public var videoLimits = PictureLimits.video
    /// The same of single pictures.
    public var stillLimits = PictureLimits.still
    /// The same of live streams.
    public var liveLimits = PictureLimits.live
    /// Which rendition of a live stream is read, where it comes in several.
    public var rendition = RenditionChoice.standard

    /// The built-in defaults.
    public init() {}

    /// Inputs examined at the same time on this machine.
    public var resolvedJobs: Int { jobs ?? max(1, ProcessInfo.processInfo.activeProcessorCount) }

    /// What counts as near, with the reach that the effort calls for.
    public var matchPolicy: MatchPolicy {
        var policy = match
        policy.reach = effort == .thorough ? .full : .affordable
        return policy
    }

    /// Decoder threads for one of `inputs` inputs: keyframes are decoded one by one, where more
    /// than one thread only costs memory; otherwise the cores are shared out.
    public func resolvedDecoderThreads(inputs: Int) -> Int {
        if let decoderThreads { return decoderThreads }
        if case .keyframes = sampling.mode { return 1 }
        return sharedCores(inputs: inputs)
    }

    private func sharedCores(inputs: Int) -> Int {
        let cores = max(1, ProcessInfo.processInfo.activeProcessorCount)
        return max(1, cores / max(1, min(inputs, resolvedJobs)))
    }
}

extension Pipeline {
    /// Workers that compare: one keeps up with several cores that decode.
    var matchWorkers: Int { max(1, resolvedJobs / 4) }

    /// The evidence rules, with a hold that samples far apart do not outlast.
    var resolvedEvidence: EvidenceRules {
        var rules = evidence
        let spacing =
            switch sampling.mode {
            case .keyframes: sampling.maximumGap
            case .every(let seconds): seconds
            case .all: 0.0
            }
        rules.holdSeconds = max(evidence.holdSeconds, 3 * spacing)
        return rules
    }

    /// Evidence of one track of an input, or of the closer looks at it, against all items.
    func newEvidence(of input: String, isCloserLook: Bool, against index: KnownIndex) -> Evidence {
        let rules = isCloserLook ? resolvedEvidence.forCloserLook : resolvedEvidence
        return Evidence(
            input: input, rules: rules, items: index.items, policy: index.policy, search: index)
    }

    /// What the examine stage is told, for one of `inputs` inputs.
    func examineSettings(inputs: Int) -> ExamineSettings {
        ExamineSettings(
            sampling: sampling, effort: effort, minimumQuality: match.minimumQuality,
            decoderThreads: resolvedDecoderThreads(inputs: inputs),
            denseThreads: decoderThreads ?? sharedCores(inputs: inputs),
            limits: (videoLimits, stillLimits))
    }
}

extension SamplingPolicy.Mode {
    /// Reads `keyframes`, `all`, or a number of seconds.
    public init?(text: String) {
        switch text {
        case "keyframes": self = .keyframes
        case "all": self = .all
        default:
            guard let seconds = Double(text), (0.001...86_400).contains(seconds) else { return nil }
            self = .every(seconds: seconds)
        }
    }
}

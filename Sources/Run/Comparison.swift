// Compares what was looked at with the known sets and weighs it, track by track: what the match
// stage of every run does.
//
// Frames of any tracks are compared together, because the index is cold for each frame that comes
// alone; each is then weighed by its own track's evidence, in order. Belongs to one thread.

internal import Dispatch
internal import Fingerprint
internal import Foundation
internal import Match

/// The evidence of all tracks of a run.
struct Comparison<Track: Hashable> {
    /// One frame of a track.
    struct Frame {
        var track: Track
        /// The input's name, as alerts show it.
        var input: String
        var isCloserLook = false
        var forms: [FrameFingerprint]
    }

    /// What came of a frame.
    struct Outcome {
        var hits: [Hit]
        var actions: [EvidenceAction]
    }

    /// Frames that are compared together, and how long the first waits for the others.
    static var together: (frames: Int, wait: DispatchTimeInterval) { (16, .milliseconds(100)) }

    private let pipeline: Pipeline
    private let index: KnownIndex
    private var evidence: [Track: Evidence] = [:]

    init(_ pipeline: Pipeline, against index: KnownIndex) {
        self.pipeline = pipeline
        self.index = index
    }

    /// Tracks of which there is evidence.
    var tracks: Dictionary<Track, Evidence>.Keys { evidence.keys }

    /// Compares frames.
    /// - Returns: what came of each, in order.
    mutating func compare(_ frames: [Frame]) -> [Outcome] {
        let hits = index.hits(ofEach: frames.map(\.forms))
        return zip(frames, hits).map { frame, hits in
            Outcome(hits: hits, actions: weigh(frame, hits))
        }
    }

    private mutating func weigh(_ frame: Frame, _ hits: [Hit]) -> [EvidenceAction] {
        guard let first = frame.forms.first else { return [] }
        let new = { [pipeline, index] in
            pipeline.newEvidence(
                of: frame.input, isCloserLook: frame.isCloserLook, against: index)
        }
        return evidence[frame.track, default: new()].observe(
            at: first.mediaTime, isUsable: first.quality >= index.policy.minimumQuality,
            forms: frame.forms, hits: hits, makeID: newAlertID)
    }

    /// Ends a track.
    /// - Returns: its alerts that end with it, and its evidence as it was then.
    mutating func end(_ track: Track) -> (actions: [EvidenceAction], evidence: Evidence?) {
        var ended = evidence.removeValue(forKey: track)
        let actions = ended?.finish(makeID: newAlertID) ?? []
        return (actions, ended)
    }

    /// Gives a track evidence to begin with.
    mutating func begin(_ track: Track, with evidence: Evidence?) {
        self.evidence[track] = evidence
    }
}

/// A new id of an alert, of now.
func newAlertID() -> AlertID {
    var random = SystemRandomNumberGenerator()
    return AlertID(unixMilliseconds: UInt64(max(0, unixMilliseconds())), using: &random)
}

/// The wall clock, milliseconds since 1970.
func unixMilliseconds() -> Int64 { Int64(bounded: (Date().timeIntervalSince1970 * 1000).rounded()) }

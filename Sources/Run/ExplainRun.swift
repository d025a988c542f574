// `vigil explain`: one input, examined as `vigil scan` examines it and judged by the same
// evidence, with what was seen told frame by frame.
//
// One thread does all. The examine half is the scan's own and learns no more of the known sets
// than there: which stretches are worth a closer look. What this run adds reads the evidence and
// changes nothing in it, so that its alerts are the scan's; a test holds it to that. Beside them
// stands, where one item was asked for, evidence of that item alone, as if it had been followed
// from the start. Nothing is recorded. Bounded: frames are handed on one by one and not kept.

internal import Decode
internal import Fingerprint
internal import Foundation
public import Match

/// Explains one input.
public final class ExplainRun {
    private struct TrackKey: Hashable {
        var track: Int
        var isCloserLook: Bool
    }

    /// Items of which a frame's evidence is told.
    private static let mostItems = 8

    private let input: ScanInput
    private let pipeline: Pipeline
    private let index: KnownIndex
    private let item: Int?
    private let showsPictures: Bool
    private let stopSwitch: StopSwitch
    private let handle: (ExplainEvent) -> Void

    private var evidence: [TrackKey: Evidence] = [:]
    /// Evidence of the item that was asked for, followed whether or not something is within reach.
    private var supposed: [TrackKey: Evidence] = [:]
    private var openings: [AlertID: ExplainedAlert] = [:]
    private var framesWithinRadius: [KnownReference: Int] = [:]
    private var explanation: Explanation

    /// Makes a run; nothing happens before `run`.
    /// - Parameters:
    ///   - item: number of the only known item to tell of; decisions are made as without it.
    ///   - showsPictures: whether frames come with a small picture. Fast effort makes none.
    ///   - handle: told of each frame when it was compared, on the thread that calls `run`.
    public init(
        input: ScanInput, pipeline: Pipeline, index: KnownIndex, item: Int? = nil,
        showsPictures: Bool = false, stopSwitch: StopSwitch,
        handle: @escaping (ExplainEvent) -> Void
    ) {
        self.input = input
        self.pipeline = pipeline
        self.index = index
        self.item = item
        self.showsPictures = showsPictures
        self.stopSwitch = stopSwitch
        self.handle = handle
        explanation = Explanation(
            limits: Explanation.Limits(pipeline, index, item: item),
            input: input.media.redacted)
    }

    /// Examines the input to its end, or until stopped.
    public func run() -> Explanation {
        let crew = ExamineCrew(cores: pipeline.resolvedJobs, pipeline.examineSettings(inputs: 1))
        defer { crew.finish() }
        var examiner = Examiner(pipeline.examineSettings(inputs: 1), crew: crew)
        let outcome = stopSwitch.withInterrupt { interrupt in
            crew.reading {
                examiner.examine(input, interrupt: interrupt) { [self] in
                    take($0)
                } settle: { [self] in
                    settle(track: $0)
                }
            }
        }
        for key in evidence.keys.sorted(by: { $0.track < $1.track }) { finish(key) }
        switch outcome {
        case .result(let result): explanation.result = result
        case .notMedia:
            explanation.result = InputResult(
                input.media.redacted, failed: "is no picture or video")
        }
        explanation.stopped = stopSwitch.isStopped
        return explanation
    }
}

// MARK: - Frames

extension ExplainRun {
    private func take(_ frame: ExaminedFrame) {
        guard let first = frame.forms.first else { return }
        let key = TrackKey(track: frame.track, isCloserLook: frame.isCloserLook)
        let hits = index.hits(frame.forms)
        let isUsable = first.quality >= index.policy.minimumQuality
        var known =
            evidence.removeValue(forKey: key)
            ?? pipeline.newEvidence(
                of: explanation.result.input, isCloserLook: key.isCloserLook, against: index)
        let actions = known.observe(
            at: first.mediaTime, isUsable: isUsable, forms: frame.forms, hits: hits,
            makeID: newAlertID)
        let nearest = nearest(to: frame.forms, among: hits)
        suppose(nearest, frame.forms, isUsable: isUsable, key)
        var explained = describe(frame, nearest)
        explained.evidence = weigh(known, key)
        explained.opened = note(actions, key, at: first.mediaTime, known)
        count(explained, hits)
        evidence[key] = known
        handle(.frame(explained))
        close(actions)
    }

    /// What lies within reach was found already; beyond it every hash is looked at.
    private func nearest(to forms: [FrameFingerprint], among hits: [Hit]) -> Hit? {
        let within = hits.filter { item == nil || $0.item == item }
            .min { ($0.distance, $0.item) < ($1.distance, $1.item) }
        return within ?? index.nearest(forms, ofItem: item)
    }

    private func suppose(
        _ nearest: Hit?, _ forms: [FrameFingerprint], isUsable: Bool, _ key: TrackKey
    ) {
        guard item != nil, let time = forms.first?.mediaTime else { return }
        var other =
            supposed.removeValue(forKey: key)
            ?? pipeline.newEvidence(
                of: explanation.result.input, isCloserLook: key.isCloserLook, against: index)
        _ = other.observe(
            at: time, isUsable: isUsable, forms: forms, hits: nearest.map { [$0] } ?? [],
            makeID: newAlertID)
        supposed[key] = other
    }

    private func describe(_ frame: ExaminedFrame, _ nearest: Hit?) -> ExplainedFrame {
        let first = frame.forms[0]
        let minimum = index.policy.minimumQuality
        let usable = frame.forms.filter { $0.quality >= minimum }
        return ExplainedFrame(
            track: frame.track + 1, isCloserLook: frame.isCloserLook, mediaTime: first.mediaTime,
            quality: first.quality, isUsable: first.quality >= minimum,
            isLowStructure: first.isLowStructure,
            regions: Set(frame.forms.map(\.region)).count,
            probes: usable.reduce(0) { $0 + ($1.isNegativeSought ? 2 : 1) }, size: frame.size,
            nearest: nearest.map { Likeness($0, in: index) },
            picture: showsPictures ? frame.copy.flatMap(GreyPicture.init) : nil)
    }

    private func weigh(_ known: Evidence, _ key: TrackKey) -> [WeighedItem] {
        let followed = known.suspicions.filter { item == nil || $0.item == item }
        let other = followed.isEmpty ? supposed[key]?.suspicions ?? [] : []
        return (followed.prefix(Self.mostItems) + other.prefix(Self.mostItems)).map {
            WeighedItem(
                known: index.items[$0.item].reference, bits: $0.bits, witnesses: $0.witnesses,
                isFollowed: !followed.isEmpty)
        }
    }

    private func count(_ frame: ExplainedFrame, _ hits: [Hit]) {
        explanation.frames += 1
        explanation.framesOfCloserLooks += frame.isCloserLook ? 1 : 0
        explanation.framesUsable += frame.isUsable ? 1 : 0
        explanation.comparisons +=
            Double(frame.probes) * Double(explanation.limits.hashCount)
        if let best = frame.evidence.first, best.bits > explanation.strongest?.bits ?? -.infinity {
            explanation.strongest = best
            explanation.strongestTime = frame.mediaTime
        }
        guard let nearest = frame.nearest else { return }
        if nearest.distance <= index.policy.radius {
            framesWithinRadius[nearest.known, default: 0] += 1
        }
        if nearest.distance < explanation.nearest?.likeness.distance ?? .max {
            explanation.nearest = Explanation.Sight(likeness: nearest, mediaTime: frame.mediaTime)
        }
        if let known = explanation.nearest?.likeness.known {
            explanation.nearest?.framesWithinRadius = framesWithinRadius[known] ?? 0
        }
    }
}

// MARK: - Alerts

extension ExplainRun {
    /// Remembers how alerts came to be.
    /// - Returns: those that were opened and are asked for.
    private func note(
        _ actions: [EvidenceAction], _ key: TrackKey, at time: Double?, _ known: Evidence
    ) -> [Alert] {
        let suspicions = actions.isEmpty ? [] : known.suspicions
        return actions.compactMap { action in
            guard case .opened(let alert) = action, isAskedFor(alert) else { return nil }
            let suspicion = suspicions.first { index.items[$0.item].reference == alert.known }
            openings[alert.id] = ExplainedAlert(
                alert: alert, openedAt: time, track: key.track + 1,
                isCloserLook: key.isCloserLook, bits: suspicion?.bits)
            return alert
        }
    }

    private func close(_ actions: [EvidenceAction]) {
        for case .closed(let alert) in actions {
            guard var opening = openings.removeValue(forKey: alert.id) else {
                explanation.otherAlertCount += 1
                continue
            }
            opening.alert = alert
            explanation.alertCount += 1
            if explanation.alerts.count < Explanation.mostAlerts {
                explanation.alerts.append(opening)
            }
            handle(.alert(opening))
        }
    }

    private func isAskedFor(_ alert: Alert) -> Bool {
        item.map { index.items[$0].reference == alert.known } ?? true
    }

    private func finish(_ key: TrackKey) {
        guard var known = evidence.removeValue(forKey: key) else { return }
        end(&known, key)
    }

    private func settle(track: Int) -> [ClosedRange<Double>] {
        let key = TrackKey(track: track, isCloserLook: false)
        guard var known = evidence.removeValue(forKey: key) else { return [] }
        end(&known, key)
        evidence[TrackKey(track: track, isCloserLook: true)] = known.forCloserLook()
        for stretch in known.unsettled { handle(.closerLook(track: track + 1, stretch)) }
        return known.unsettled
    }

    private func end(_ known: inout Evidence, _ key: TrackKey) {
        let before = known
        let actions = known.finish(makeID: newAlertID)
        _ = note(actions, key, at: nil, before)
        close(actions)
    }
}

extension Explanation.Limits {
    fileprivate init(_ pipeline: Pipeline, _ index: KnownIndex, item: Int?) {
        rules = pipeline.resolvedEvidence
        radius = index.policy.radius
        reach = index.reach
        thoroughReach = max(index.reach, ChanceModel.reach(hashes: index.hashCount))
        likelihoodBits = rules.likelihoodBits
        minimumQuality = index.policy.minimumQuality
        hashCount = item.map { index.hashes(ofItem: $0).count } ?? index.hashCount
    }
}

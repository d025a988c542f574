// From hits to alerts: what has been seen of each known item in one track of one input.
//
// A pure state machine: media time comes with the frames, ids from a closure; it has no clock, so
// it can be replayed, moved to another machine and tested. It performs nothing: `observe` and
// `finish` return what is to be done. Per item: nothing → gathering → open → closed; a hole of
// `holdSeconds` without a hit closes the item's evidence, and a later hit begins anew, so a long
// stream gives one alert a showing. Bounded by the number of items that were hit at all; per item
// by a fixed number of remembered hashes.

internal import Fingerprint
internal import Known

/// When hits become an alert.
public struct EvidenceRules: Sendable, Hashable {
    /// Frames that must match an image of the known set.
    public var imageFrames = 1
    /// Different frames of a known video that must be matched, at different moments.
    public var videoFrames = 2
    /// Or: share of the known video that must be covered, 0…1.
    public var knownShare = 0.5
    /// Or, judged at the end: share of the input's own usable samples that must match, 0…1.
    ///
    /// It finds short inputs, which have few samples.
    public var inputShare = 0.5
    /// Media time without a hit after which a showing is over, seconds.
    public var holdSeconds = 60.0

    /// Makes the default rules.
    public init() {}
}

/// What is to be done with an alert.
public enum EvidenceAction: Sendable, Hashable {
    /// Evidence has become sufficient: record the alert now.
    case opened(Alert)
    /// The showing is over: these are the alert's final facts.
    case closed(Alert)
}

/// Evidence of one track of one input against all known items.
public struct Evidence: Sendable {
    private let input: String
    private let rules: EvidenceRules
    private let items: [IndexedItem]
    private var gathering: [Int: ItemEvidence] = [:]
    private var usableSamples = 0

    /// Makes evidence for an input that nothing was seen of yet.
    /// - Parameter items: the index's items, as `Hit.item` numbers them.
    public init(input: String, rules: EvidenceRules, items: [IndexedItem]) {
        self.input = input
        self.rules = rules
        self.items = items
    }

    /// Takes in one sampled frame.
    /// - Parameters:
    ///   - time: media time of the frame.
    ///   - isUsable: whether the frame's quality let it take part.
    ///   - hits: the items that it came near to.
    ///   - makeID: gives the id of a new alert.
    public mutating func observe(
        at time: Double, isUsable: Bool, hits: [Hit], makeID: () -> AlertID
    ) -> [EvidenceAction] {
        var actions = closeStale(at: time)
        if isUsable { usableSamples += 1 }
        for hit in hits {
            var evidence = gathering[hit.item] ?? ItemEvidence(firstSeen: time)
            evidence.add(hit, at: time)
            if evidence.alertID == nil, let rule = rule(metBy: evidence, item: items[hit.item]) {
                evidence.alertID = makeID()
                evidence.rule = rule
                actions.append(.opened(alert(evidence, item: hit.item)))
            }
            gathering[hit.item] = evidence
        }
        return actions
    }

    /// The input has ended: judges what is left and closes every alert.
    public mutating func finish(makeID: () -> AlertID) -> [EvidenceAction] {
        var actions: [EvidenceAction] = []
        for (item, found) in gathering.sorted(by: { $0.key < $1.key }) {
            var evidence = found
            if evidence.alertID == nil, usableSamples > 0,
                Double(evidence.framesMatched) >= rules.inputShare * Double(usableSamples)
            {
                evidence.alertID = makeID()
                evidence.rule = "input_share"
                actions.append(.opened(alert(evidence, item: item)))
            }
            if evidence.alertID != nil { actions.append(.closed(alert(evidence, item: item))) }
        }
        gathering = [:]
        return actions
    }

    private mutating func closeStale(at time: Double) -> [EvidenceAction] {
        let stale = gathering.filter { time - $0.value.lastSeen > rules.holdSeconds }
        return stale.sorted { $0.key < $1.key }.compactMap { item, evidence in
            gathering[item] = nil
            return evidence.alertID == nil ? nil : .closed(alert(evidence, item: item))
        }
    }

    private func rule(metBy evidence: ItemEvidence, item: IndexedItem) -> String? {
        switch item.kind {
        case .image:
            return evidence.framesMatched >= rules.imageFrames ? "image_frames" : nil
        case .video:
            if min(evidence.moments, evidence.distinctHashes.count) >= rules.videoFrames {
                return "video_frames"
            }
            return evidence.coverage.share(of: item.duration) >= rules.knownShare
                ? "known_share" : nil
        }
    }

    private func alert(_ evidence: ItemEvidence, item: Int) -> Alert {
        Alert(
            // Non-nil: called only once an id was given.
            id: evidence.alertID!, input: input, known: items[item].reference,
            firstSeen: evidence.firstSeen, lastSeen: evidence.lastSeen,
            framesMatched: evidence.framesMatched,
            knownShare: items[item].kind == .image
                ? 1 : evidence.coverage.share(of: items[item].duration),
            bestDistance: evidence.bestDistance, variant: "\(evidence.variant)",
            rule: evidence.rule)
    }
}

/// What was seen of one item during one showing.
private struct ItemEvidence: Sendable {
    var firstSeen: Double
    var lastSeen: Double
    var framesMatched = 0
    /// Matching frames that lie apart: neighbours within `momentSeconds` count once.
    var moments = 0
    var distinctHashes: Set<Int> = []
    var bestDistance = Int.max
    var variant = Variant.original
    var coverage = KnownCoverage()
    var alertID: AlertID?
    var rule = ""
    private var lastMoment: Double?

    private static let momentSeconds = 0.2
    private static let rememberedHashes = 1024

    init(firstSeen: Double) {
        self.firstSeen = firstSeen
        lastSeen = firstSeen
    }

    mutating func add(_ hit: Hit, at time: Double) {
        firstSeen = min(firstSeen, time)
        lastSeen = max(lastSeen, time)
        framesMatched += 1
        if lastMoment.map({ abs(time - $0) >= Self.momentSeconds }) ?? true {
            moments += 1
            lastMoment = time
        }
        if distinctHashes.count < Self.rememberedHashes { distinctHashes.insert(hit.knownHash) }
        if hit.distance < bestDistance {
            bestDistance = hit.distance
            variant = hit.variant
        }
        coverage.add(input: time, known: hit.knownTime, span: hit.knownSpan)
    }
}

// From hits to alerts: what has been seen of each known item in one track of one input.
//
// A pure state machine: media time comes with the frames, ids from a closure; it has no clock, so
// it can be replayed, moved to another machine and tested. It performs nothing: `observe` and
// `finish` return what is to be done. Per item: nothing → gathering → open → closed; a hole of
// `holdSeconds` without a hit closes the item's evidence, and a later hit begins anew, so a long
// stream gives one alert a showing. Bounded by the number of items that were hit at all; per item
// by a fixed number of remembered hashes.

public import Fingerprint
internal import Known

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Musl
#endif

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
    /// Or: what was seen, weak sightings among it, comes about by chance less often than this a
    /// frame.
    public var falseAlarmRate = 1e-9
    /// Media time without a hit after which a showing is over, seconds.
    public var holdSeconds = 60.0

    /// Makes the default rules.
    public init() {}

    /// The rules for a closer look at a stretch of an input: the share of the input says nothing
    /// there.
    public var forCloserLook: EvidenceRules {
        var rules = self
        rules.inputShare = .infinity
        return rules
    }
}

/// What is to be done with an alert.
public enum EvidenceAction: Sendable, Hashable {
    /// Evidence has become sufficient: record the alert now.
    case opened(Alert)
    /// The showing is over: these are the alert's final facts.
    case closed(Alert)
}

extension EvidenceAction {
    fileprivate var alert: Alert {
        switch self {
        case .opened(let alert), .closed(let alert): alert
        }
    }
}

/// Evidence of one track of one input against all known items.
public struct Evidence: Sendable {
    private let input: String
    private var rules: EvidenceRules
    private let item: @Sendable (Int) -> IndexedItem
    private let policy: MatchPolicy
    private(set) var suspects: Suspects?
    /// Items that something was seen of, but too little: most bits, and when.
    private var hints: [Int: (bits: Double, from: Double, to: Double)] = [:]
    private var gathering: [Int: ItemEvidence] = [:]
    /// Showings that ended without an alert, by item: they still count for the input's share.
    private var lapsed: [Int: ItemEvidence] = [:]
    private var usableSamples = 0

    /// Items that an alert was raised for.
    private var alerted: Set<Int> = []
    /// Items that an alert was raised for before, so that none is needed here.
    private var settled: Set<Int> = []

    /// Stretches with hits that were not enough for an alert, in media time, seconds: worth a
    /// closer look.
    ///
    /// In order, and none twice: whoever looks goes through the pictures once.
    public var unsettled: [ClosedRange<Double>] {
        var stretches: [ClosedRange<Double>] = []
        for stretch in noted.sorted(by: {
            ($0.lowerBound, $0.upperBound) < ($1.lowerBound, $1.upperBound)
        }) {
            let start = max(stretch.lowerBound, stretches.last?.upperBound ?? 0)
            if start < stretch.upperBound { stretches.append(start...stretch.upperBound) }
        }
        return stretches
    }
    private var noted: [ClosedRange<Double>] = []
    private static let mostUnsettled = 8
    /// How far around such hits a closer look goes, seconds.
    private static let lookAround = 10.0
    /// Longest stretch that is looked at again, seconds.
    private static let longestLook = 60.0

    /// Makes evidence for an input that nothing was seen of yet.
    /// - Parameters:
    ///   - items: the index's items, as `Hit.item` numbers them.
    ///   - policy: hits beyond its radius are weak evidence.
    ///   - search: compares frames with one item; without it weak evidence counts for nothing.
    public init(
        input: String, rules: EvidenceRules,
        items: some RandomAccessCollection<IndexedItem> & Sendable,
        policy: MatchPolicy = MatchPolicy(), search: (any ItemSearch)? = nil
    ) {
        self.input = input
        self.rules = rules
        self.policy = policy
        suspects = search.map { Suspects($0) }
        item = { number in items[items.index(items.startIndex, offsetBy: number)] }
    }

    /// Evidence for closer looks at the same track, behind which nothing is known but what need not
    /// be told again.
    public func forCloserLook() -> Evidence {
        var other = self
        other.rules = rules.forCloserLook
        other.settled = alerted
        other.suspects = suspects?.forgotten()
        (other.gathering, other.lapsed, other.hints, other.alerted) = ([:], [:], [:], [])
        (other.noted, other.usableSamples) = ([], 0)
        return other
    }

    /// Takes in one sampled frame.
    /// - Parameters:
    ///   - time: media time of the frame.
    ///   - isUsable: whether the frame's quality let it take part.
    ///   - forms: its fingerprints.
    ///   - hits: the items that it came near to.
    ///   - makeID: gives the id of a new alert.
    public mutating func observe(
        at time: Double, isUsable: Bool, forms: [FrameFingerprint] = [], hits: [Hit],
        makeID: () -> AlertID
    ) -> [EvidenceAction] {
        var actions = closeStale(at: time)
        if isUsable { usableSamples += 1 }
        let hits = settled.isEmpty ? hits : hits.filter { !settled.contains($0.item) }
        for hit in hits where hit.distance <= policy.radius {
            var evidence = gathering[hit.item] ?? ItemEvidence(firstSeen: time)
            evidence.add(hit, at: time)
            actions += judge(&evidence, item: hit.item, makeID)
            gathering[hit.item] = evidence
        }
        return actions + weigh(forms, at: time, hits: hits, makeID)
    }

    private mutating func judge(
        _ evidence: inout ItemEvidence, item number: Int, _ makeID: () -> AlertID
    ) -> [EvidenceAction] {
        guard evidence.alertID == nil, let rule = rule(metBy: evidence, item: item(number)) else {
            return []
        }
        evidence.alertID = makeID()
        evidence.rule = rule
        alerted.insert(number)
        return [.opened(alert(evidence, item: number))]
    }

    /// Weighs what the frame says of items that are followed.
    private mutating func weigh(
        _ forms: [FrameFingerprint], at time: Double, hits: [Hit], _ makeID: () -> AlertID
    ) -> [EvidenceAction] {
        guard suspects != nil, !forms.isEmpty else { return [] }
        // Non-nil: just seen.
        let followed = suspects!.observe(
            forms, at: time, minimumQuality: policy.minimumQuality, hits: hits)
        var actions: [EvidenceAction] = []
        for number in followed {
            let verdict = suspects!.verdict(on: number)
            guard isEnough(verdict, for: item(number)) else {
                note(verdict, of: number)
                continue
            }
            var evidence = gathering[number] ?? ItemEvidence(firstSeen: time)
            evidence.add(verdict, beyond: policy.radius)
            // What it all rests on was told before.
            guard evidence.framesMatched > 0 else { continue }
            if evidence.alertID == nil {
                evidence.alertID = makeID()
                evidence.rule = "likelihood"
                alerted.insert(number)
                actions.append(.opened(alert(evidence, item: number)))
            }
            gathering[number] = evidence
        }
        return actions
    }

    private func isEnough(_ verdict: Verdict, for item: IndexedItem) -> Bool {
        guard verdict.bits >= -log2(rules.falseAlarmRate) else { return false }
        switch item.kind {
        case .image: return verdict.support.count >= rules.imageFrames
        case .video:
            // One frame of a video may be one that it shares with others, a title or a logo;
            // unless it is what most of the video looks like.
            if verdict.witnesses.count >= max(2, rules.videoFrames) { return true }
            var seen = KnownCoverage()
            for (time, hit) in verdict.support.sorted(by: { $0.time < $1.time }) {
                seen.add(input: time, known: hit.knownTime, span: hit.knownSpan)
            }
            return verdict.support.count >= 2 && seen.share(of: item.duration) >= rules.knownShare
        }
    }

    private static let leastHint = 7.0
    private static let mostHints = 32

    private mutating func note(_ verdict: Verdict, of item: Int) {
        guard verdict.bits >= Self.leastHint, verdict.bits > hints[item]?.bits ?? 0 else { return }
        if hints[item] == nil, hints.count == Self.mostHints {
            // Non-nil: it is full. The one with the least to it makes room.
            let least = hints.min { ($0.value.bits, $1.key) < ($1.value.bits, $0.key) }!
            guard least.value.bits < verdict.bits else { return }
            hints[least.key] = nil
        }
        hints[item] = (
            verdict.bits, verdict.support.map(\.time).min() ?? 0,
            verdict.support.map(\.time).max() ?? 0
        )
    }

    /// The input has ended: judges what is left and closes every alert.
    public mutating func finish(makeID: () -> AlertID) -> [EvidenceAction] {
        var actions: [EvidenceAction] = []
        for item in Set(gathering.keys).union(lapsed.keys).sorted() {
            let current = gathering[item]
            if let current, current.alertID != nil {
                actions.append(.closed(alert(current, item: item)))
                continue
            }
            guard var all = current ?? lapsed[item] else { continue }
            if current != nil, let earlier = lapsed[item] { all.merge(earlier) }
            guard all.framesTold > 0,
                Double(all.framesTold) >= rules.inputShare * Double(usableSamples)
            else {
                if let current { noteUnsettled(from: current.firstSeen, to: current.lastSeen) }
                continue
            }
            all.alertID = makeID()
            all.rule = "input_share"
            alerted.insert(item)
            let alert = alert(all, item: item)
            actions += [.opened(alert), .closed(alert)]
        }
        for (item, hint) in hints.sorted(by: { ($1.value.bits, $0.key) < ($0.value.bits, $1.key) })
        {
            let isSettled = actions.contains { $0.alert.known == self.item(item).reference }
            if !isSettled { noteUnsettled(from: hint.from, to: hint.to) }
        }
        gathering = [:]
        lapsed = [:]
        hints = [:]
        return actions
    }

    private mutating func closeStale(at time: Double) -> [EvidenceAction] {
        let stale = gathering.filter { time - $0.value.lastSeen > rules.holdSeconds }
        var actions: [EvidenceAction] = []
        for (item, evidence) in stale.sorted(by: { $0.key < $1.key }) {
            gathering[item] = nil
            suspects?.forget(item, until: evidence.lastSeen)
            if evidence.alertID != nil {
                hints[item] = nil
                actions.append(.closed(alert(evidence, item: item)))
            } else {
                noteUnsettled(from: evidence.firstSeen, to: evidence.lastSeen)
                var all = evidence
                if let earlier = lapsed[item] { all.merge(earlier) }
                lapsed[item] = all
            }
        }
        return actions
    }

    private mutating func noteUnsettled(from first: Double, to last: Double) {
        let start = max(0, first - Self.lookAround)
        let end = max(start, min(last + Self.lookAround, start + Self.longestLook))
        // Hits on several items of one showing are one stretch.
        if let index = noted.firstIndex(where: {
            $0.overlaps(start...end)
                && max($0.upperBound, end) - min($0.lowerBound, start) <= Self.longestLook
        }) {
            noted[index] = min(noted[index].lowerBound, start)...max(noted[index].upperBound, end)
        } else if noted.count < Self.mostUnsettled {
            noted.append(start...end)
        }
    }

    private func rule(metBy evidence: ItemEvidence, item: IndexedItem) -> String? {
        switch item.kind {
        case .image:
            return evidence.framesTold >= rules.imageFrames ? "image_frames" : nil
        case .video:
            if min(evidence.moments, evidence.distinctTimes.count) >= rules.videoFrames {
                return "video_frames"
            }
            // One picture is one picture, however much of the video it stands for.
            return evidence.moments >= 2 && item.duration > 0
                && evidence.coverage.share(of: item.duration) >= rules.knownShare
                ? "known_share" : nil
        }
    }

    private func alert(_ evidence: ItemEvidence, item number: Int) -> Alert {
        let item = item(number)
        return Alert(
            // Non-nil: called only once an id was given.
            id: evidence.alertID!, input: input, known: item.reference,
            firstSeen: evidence.firstSeen, lastSeen: evidence.lastSeen,
            framesMatched: evidence.framesMatched,
            knownShare: item.kind == .image
                ? 1 : evidence.coverage.share(of: item.duration),
            bestDistance: evidence.bestDistance, variant: "\(evidence.variant)",
            rule: evidence.rule)
    }
}

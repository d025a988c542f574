// Items of which something weak was seen, and how likely chance is to give as much.
//
// One frame at a distance of 60 means little in a large set. So an item that a frame comes near to is
// followed: the frames before it and behind it are compared with that item alone, at a distance at
// which a search of the whole set would drown in chance. Each frame gives a p-value, corrected for the
// hashes and regions that were tried, and a bet on it (ChanceModel); a frame without anything gives a
// small loss. Three bets are laid on each frame: that some hash of the item comes near in the same
// form; that one does which fits the best sighting, with the same kind of region, the same variant of
// the known frames, and a time in the known video that has moved on as far, at half to double speed,
// forwards or backwards; and that one does at unchanged speed.
//
// Frames that look the same are no independent evidence: a frame counts by how far its hash is from
// those that were counted. What adds up is compared with the false-alarm rate.
// Invariants: at most `mostSuspects` items and `mostFrames` frames are kept, whatever is shown.

public import Fingerprint

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Musl
#endif

/// What following an item takes: its hashes, compared with one frame.
public protocol ItemSearch: Sendable {
    /// Number of hashes of all items.
    var hashCount: Int { get }
    /// Largest distance, bits, at which an item is worth following.
    var reach: Int { get }
    /// The numbers of an item's hashes.
    func hashes(ofItem item: Int) -> Range<Int>
    /// Every hash of an item within `radius` of any region and form of a frame.
    func sightings(of item: Int, in frame: [FrameFingerprint], within radius: Int) -> [Hit]
}

/// Follows the items of which something was seen in one track.
struct Suspects: Sendable {
    /// One frame compared with one item.
    struct Look: Sendable {
        var time: Double
        /// Comparisons with each hash of the item.
        var probes: Int
        /// What came near, the nearest first.
        var sightings: [Hit]
    }

    private struct Frame: Sendable {
        var time: Double
        var forms: [FrameFingerprint]
        var probes: Int
    }

    private let search: any ItemSearch
    private var frames: [Frame] = []
    private(set) var followed: [Int: [Look]] = [:]
    /// Items that had to make room, how near they had come, and after how many frames.
    private var displaced: [Int: (distance: Int, frame: Int)] = [:]
    /// Up to when items were told: what was seen of them until then counts no more.
    private var told: [Int: Double] = [:]
    private var frameCount = 0

    /// Items followed at once.
    private static let mostSuspects = 8
    /// Frames remembered before an item is followed, and of each item.
    private static let mostFrames = 32
    /// Sightings kept of one frame.
    private static let mostSightings = 24
    /// Distance up to which a sighting says something, bits.
    private static let farthest = 100
    /// Items of which something is remembered that are not followed.
    private static let mostRemembered = 4096

    init(_ search: any ItemSearch) { self.search = search }

    /// Takes in a frame.
    /// - Parameter hits: the items within reach of it.
    /// - Returns: the items that this frame may say something of.
    mutating func observe(
        _ forms: [FrameFingerprint], at time: Double, minimumQuality: Int, hits: [Hit]
    ) -> [Int] {
        let usable = forms.filter { $0.quality >= minimumQuality }
        let frame = Frame(
            time: time, forms: usable,
            probes: usable.reduce(0) { $0 + ($1.isNegativeSought ? 2 : 1) })
        frames.append(frame)
        frameCount += 1
        if frames.count > Self.mostFrames { frames.removeFirst() }
        for item in followed.keys.sorted() { look(at: frame, for: item) }
        let new = hits.filter {
            followed[$0.item] == nil && !$0.isLowStructure && isWorthFollowing($0)
        }.sorted { ($0.distance, $0.item) < ($1.distance, $1.item) }
        // A picture can be near to thousands of items; those nearest to it are enough to tell it by.
        for hit in new.prefix(Self.mostSuspects) { follow(hit.item) }
        makeRoom(Dictionary(new.map { ($0.item, $0.distance) }, uniquingKeysWith: min))
        return followed.keys.sorted()
    }

    /// Whether an item that had to make room has come nearer since, or that was long ago.
    private func isWorthFollowing(_ hit: Hit) -> Bool {
        guard let before = displaced[hit.item] else { return true }
        return hit.distance < before.distance || frameCount - before.frame >= Self.mostFrames
    }

    /// The items with the least to them make room.
    private mutating func makeRoom(_ distances: [Int: Int]) {
        let excess = followed.count - Self.mostSuspects
        guard excess > 0 else { return }
        let ranked = followed.keys.map { (item: $0, bits: bits(of: $0)) }
            .sorted { ($0.bits, $1.item) < ($1.bits, $0.item) }
        if displaced.count > Self.mostRemembered { displaced = [:] }
        for (item, _) in ranked.prefix(excess) {
            followed[item] = nil
            displaced[item] = (distances[item] ?? search.reach, frameCount)
        }
    }

    private mutating func look(at frame: Frame, for item: Int) {
        let found = search.sightings(of: item, in: frame.forms, within: Self.farthest)
            .filter { !$0.isLowStructure }
        let nearest = found.sorted { ($0.distance, $0.knownHash) < ($1.distance, $1.knownHash) }
        let look = Look(
            time: frame.time, probes: frame.probes,
            sightings: Array(nearest.prefix(Self.mostSightings)))
        followed[item, default: []].append(look)
        if followed[item]!.count > Self.mostFrames { followed[item]!.removeFirst() }
    }

    private mutating func follow(_ item: Int) {
        followed[item] = []
        let told = told[item] ?? -.infinity
        for frame in frames where frame.time > told { look(at: frame, for: item) }
    }

    /// The same without any memory.
    func forgotten() -> Suspects { Suspects(search) }

    /// Begins anew with an item whose showing was told.
    /// - Parameter time: up to when.
    mutating func forget(_ item: Int, until time: Double) {
        followed[item] = nil
        if told.count > Self.mostRemembered { told = [:] }
        told[item] = time
    }

    /// The evidence that an item is being shown, as base-2 logarithm of a bet against chance.
    func bits(of item: Int) -> Double { verdict(on: item).bits }

    /// The evidence that an item is being shown, and what it rests on.
    func verdict(on item: Int) -> Verdict {
        let hashes = search.hashes(ofItem: item).count
        let items = Double(search.hashCount) / Double(max(1, hashes))
        guard let looks = followed[item] else { return Verdict() }
        return Weighing(looks: looks, hashes: hashes, items: items).verdict()
    }
}

/// What the looks at an item amount to.
struct Verdict: Sendable {
    /// Base-2 logarithm of the bet against chance.
    var bits = -Double.infinity
    /// Frames that look different from one another and that it rests on, the best first.
    var witnesses: [Hit] = []
    /// These, and frames that look like them.
    var support: [(time: Double, hit: Hit)] = []
}

/// Weighs the looks at one item.
private struct Weighing {
    let looks: [Suspects.Look]
    /// Number of the item's hashes.
    let hashes: Int
    /// How many such items there are to choose from.
    let items: Double

    /// Best sightings from which the others are judged.
    private static let anchors = 3
    /// Share of the frames of a true copy that come near, at least.
    private static let presence = 0.25
    /// Hashes nearer to one that was counted than the first are the same picture; beyond the
    /// second they count in full.
    private static let novelty = (none: 12.0, full: 44.0)
    /// A frame of which less than this is new is no witness of its own.
    private static let leastShare = 0.25
    private static let speeds = 0.4...2.5
    /// What sampling and pruning move times by, seconds.
    private static let slack = 1.5
    /// The same at unchanged speed.
    private static let stepSlack = 0.3
    /// Bets on one frame.
    private static let bets = 3.0

    func verdict() -> Verdict {
        let best = looks.enumerated().flatMap { place, look in
            look.sightings.prefix(Self.anchors).map { (place: place, hit: $0) }
        }.sorted { ($0.hit.distance, $0.place) < ($1.hit.distance, $1.place) }
        var verdict = Verdict()
        for (place, anchor) in best.prefix(Self.anchors) {
            let other = self.verdict(anchor: anchor, at: place)
            if other.bits > verdict.bits { verdict = other }
        }
        return verdict
    }

    private func verdict(anchor: Hit, at place: Int) -> Verdict {
        var result = Verdict(
            bits: ChanceModel.log2Bet(log2P: chance(of: anchor, looks[place]))
                - log2(max(1, items)),
            witnesses: [anchor], support: [(looks[place].time, anchor)])
        for direction in [-1, 1] { extend(&result, from: place, by: direction, anchor) }
        return result
    }

    /// Adds the frames on one side of the anchor, as far as they add to the evidence.
    private func extend(_ result: inout Verdict, from place: Int, by step: Int, _ anchor: Hit) {
        var trial = result
        var index = place + step
        while looks.indices.contains(index) {
            let look = looks[index]
            let (bits, hit) = weigh(look, anchor, at: looks[place].time)
            if let hit {
                let share = Self.share(of: hit, beside: trial.support)
                trial.bits += bits * (bits > 0 ? share : 1)
                if bits > 0 {
                    trial.support.append((look.time, hit))
                    if share > Self.leastShare { trial.witnesses.append(hit) }
                }
            } else {
                trial.bits += bits
            }
            if trial.bits >= result.bits { result = trial }
            index += step
        }
    }

    /// How much of a frame's evidence is new.
    /// - Parameter counted: all that counted, however little: many that are a little new would
    ///   otherwise add up, though they are the same.
    private static func share(
        of hit: Hit, beside counted: [(time: Double, hit: Hit)]
    ) -> Double {
        // A known picture that is near to one thing shown in several forms is one coincidence.
        guard !counted.contains(where: { $0.hit.knownHash == hit.knownHash }) else { return 0 }
        let nearest = counted.map { Double($0.hit.query.distance(to: hit.query)) }.min() ?? 256
        return min(1, max(0, (nearest - novelty.none) / (novelty.full - novelty.none)))
    }

    /// The logarithm of the bet on one frame, and the sighting it is on.
    private func weigh(_ look: Suspects.Look, _ anchor: Hit, at time: Double) -> (Double, Hit?) {
        let missing = log2(1 - Self.presence)
        // What is mirrored in one frame is so in the next.
        guard let nearest = look.sightings.first(where: { $0.variant == anchor.variant })
        else { return (missing, nil) }
        let bets = [
            (nearest, chance(of: nearest, look)),
            fitting(look, anchor, at: time, speeds: Self.speeds, slack: Self.slack),
            fitting(look, anchor, at: time, speeds: 1...1, slack: Self.stepSlack),
        ].compactMap { $0 }.map { hit, log2P in
            (hit: hit, bet: exp2(min(900, ChanceModel.log2Bet(log2P: log2P))) / Self.bets)
        }
        // Non-nil: the first is always laid.
        let best = bets.max { $0.bet < $1.bet }!.hit
        let sum = bets.reduce(0) { $0 + $1.bet }
        return (log2(1 - Self.presence + Self.presence * sum), best)
    }

    /// log2 of the probability that any hash of the item comes as near to any region and form of
    /// the frame by chance.
    private func chance(of hit: Hit, _ look: Suspects.Look) -> Double {
        min(
            0,
            ChanceModel.log2Probability(within: hit.distance, breaks: hit.breaks)
                + log2(Double(max(1, look.probes)) * Double(max(1, hashes))))
    }

    /// The nearest sighting that fits the anchor, and log2 of the probability that any such comes
    /// as near by chance.
    private func fitting(
        _ look: Suspects.Look, _ anchor: Hit, at time: Double, speeds: ClosedRange<Double>,
        slack: Double
    ) -> (Hit, Double)? {
        let passed = abs(look.time - time)
        let far = speeds.upperBound * passed + slack
        let near = max(0, speeds.lowerBound * passed - slack)
        let fits = look.sightings.first {
            $0.variant == anchor.variant && $0.region.kind == anchor.region.kind
                && $0.knownVariant == anchor.knownVariant
                && (near...far).contains(abs($0.knownTime - anchor.knownTime))
        }
        guard let fits else { return nil }
        // Hashes of the item that fit in time; two regions of one kind.
        let window = 2 * (far - near) / max(0.1, fits.knownSpan)
        let comparisons = 2 * max(1, min(Double(hashes), window))
        return (
            fits,
            min(
                0,
                ChanceModel.log2Probability(within: fits.distance, breaks: fits.breaks)
                    + log2(comparisons))
        )
    }
}

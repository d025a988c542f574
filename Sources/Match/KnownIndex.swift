// The known sets of a run behind one index: from a fingerprint to the known items it is near to.

public import Fingerprint
public import Known

/// One known item that one fingerprint came near to.
public struct Hit: Sendable, Hashable {
    /// Number of the item over all sets of the index.
    public var item: Int
    /// Number of the nearest known hash over all sets of the index.
    public var knownHash: Int
    /// Media time of that hash in the known item, seconds.
    public var knownTime: Double
    /// How long that hash stands for in the known item, until the next one, seconds.
    public var knownSpan: Double
    /// Hamming distance, bits.
    public var distance: Int
    /// Which form of the picture came near.
    public var variant: Variant

    /// Makes a hit of its parts.
    public init(
        item: Int, knownHash: Int, knownTime: Double, knownSpan: Double, distance: Int,
        variant: Variant
    ) {
        self.item = item
        self.knownHash = knownHash
        self.knownTime = knownTime
        self.knownSpan = knownSpan
        self.distance = distance
        self.variant = variant
    }
}

/// What evidence needs to know of an item.
public struct IndexedItem: Sendable, Hashable {
    /// Its names.
    public var reference: KnownReference
    /// Image or video.
    public var kind: KnownKind
    /// Length of a video in seconds; 0 for images.
    public var duration: Double

    /// Makes an item of its parts.
    public init(reference: KnownReference, kind: KnownKind, duration: Double) {
        self.reference = reference
        self.kind = kind
        self.duration = duration
    }
}

/// Limits of what counts as near.
public struct MatchPolicy: Sendable, Hashable {
    /// Largest distance that is a hit, bits, inclusive.
    public var radius: Int
    /// Smallest quality, on both sides, with which a hash takes part.
    public var minimumQuality: Int

    /// Makes a policy; the defaults are the ones that PDQ's authors recommend.
    public init(radius: Int = 31, minimumQuality: Int = 50) {
        self.radius = radius
        self.minimumQuality = minimumQuality
    }
}

/// Known sets, searchable.
public struct KnownIndex: Sendable {
    /// What counts as near.
    public let policy: MatchPolicy
    /// The items of all sets, numbered as in `Hit.item`.
    public let items: [IndexedItem]
    private let index: HashIndex
    private let itemOfHash: [UInt32]
    private let times: [Float]
    private let spans: [Float]

    /// Number of hashes that take part: those of sufficient quality.
    public var hashCount: Int { index.count }

    /// Makes an index of sets.
    ///
    /// Hashes below the policy's quality are left out.
    public init(_ sets: [KnownSet], policy: MatchPolicy) {
        self.policy = policy
        var items: [IndexedItem] = []
        var hashes: [PDQHash] = []
        var itemOfHash: [UInt32] = []
        var times: [Float] = []
        var spans: [Float] = []
        for set in sets {
            let base = items.count
            items += set.items.map { item in
                IndexedItem(
                    reference: KnownReference(
                        set: set.name, item: item.id, category: item.category),
                    kind: item.kind, duration: item.durationSeconds)
            }
            for position in set.hashes.indices
            where set.qualities[position] >= policy.minimumQuality {
                hashes.append(set.hashes[position])
                itemOfHash.append(UInt32(base) + set.itemIndexes[position])
                times.append(set.times[position])
                spans.append(Self.span(at: position, in: set))
            }
        }
        self.items = items
        index = HashIndex(hashes, radius: policy.radius)
        self.itemOfHash = itemOfHash
        self.times = times
        self.spans = spans
    }

    /// Longest time that one hash stands for, seconds: what follows may have been left out because
    /// it is flat, not because it looks the same.
    private static let longestSpan: Float = 3

    /// Time from a hash to the next one of the same item: the frames between were pruned because
    /// they look the same.
    private static func span(at position: Int, in set: KnownSet) -> Float {
        let item = set.itemIndexes[position]
        let next = position + 1
        let end =
            next < set.hashes.count && set.itemIndexes[next] == item
            ? set.times[next] : Float(set.items[Int(item)].durationSeconds)
        return min(Self.longestSpan, max(0, end - set.times[position]))
    }

    /// The items near to any form of one frame, each with its nearest hash; none for a frame of low
    /// quality.
    public func hits(_ frame: [FrameFingerprint]) -> [Hit] {
        var best: [Int: Hit] = [:]
        for fingerprint in frame where fingerprint.quality >= policy.minimumQuality {
            for neighbour in index.neighbours(of: fingerprint.hash, within: policy.radius) {
                let item = Int(itemOfHash[neighbour.index])
                if let other = best[item], other.distance <= neighbour.distance { continue }
                best[item] = Hit(
                    item: item, knownHash: neighbour.index,
                    knownTime: Double(times[neighbour.index]),
                    knownSpan: Double(spans[neighbour.index]), distance: neighbour.distance,
                    variant: fingerprint.variant)
            }
        }
        return best.values.sorted { $0.item < $1.item }
    }
}

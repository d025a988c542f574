// The known sets of a run behind one index: from a fingerprint to the known items it is near to.
//
// A set may have ten million items, so nothing is made of an item before it is hit: the index keeps
// each set's packed catalogue, and the hashes once.

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
    /// Which part of the picture came near.
    public var region: PictureRegion
    /// The hash of that part in that form, as it was compared.
    public var query: PDQHash
    /// Whether one of the two hashes is of a picture with too little structure to mean anything.
    public var isLowStructure: Bool
    /// Pattern breaks of the hash that has fewer, a measure of structure (`PDQHash.patternBreaks`).
    public var breaks: Int
    /// What the known hash is of: the known frame as it is, or a view of it.
    public var knownVariant: KnownVariant

    /// Makes a hit of its parts.
    public init(
        item: Int, knownHash: Int, knownTime: Double, knownSpan: Double, distance: Int,
        variant: Variant, region: PictureRegion = .whole, query: PDQHash = .zero,
        isLowStructure: Bool = false, breaks: Int = 98,
        knownVariant: KnownVariant = .original
    ) {
        self.item = item
        self.knownHash = knownHash
        self.knownTime = knownTime
        self.knownSpan = knownSpan
        self.distance = distance
        self.variant = variant
        self.region = region
        self.query = query
        self.isLowStructure = isLowStructure
        self.breaks = breaks
        self.knownVariant = knownVariant
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

/// How far beyond the radius known hashes are looked for, as weak evidence.
public enum WeakReach: String, Sendable, Hashable {
    /// Not at all.
    case none
    /// As far as it costs a small part of decoding a keyframe.
    case affordable
    /// As far as it means anything.
    case full
}

/// Limits of what counts as near.
public struct MatchPolicy: Sendable, Hashable {
    /// Largest distance that is a hit by itself, bits, inclusive.
    public var radius: Int
    /// Smallest quality, on both sides, with which a hash takes part.
    public var minimumQuality: Int
    /// How far beyond the radius hashes are looked for.
    public var reach: WeakReach

    /// Makes a policy; the first two defaults are the ones that PDQ's authors recommend.
    public init(radius: Int = 31, minimumQuality: Int = 50, reach: WeakReach = .none) {
        self.radius = radius
        self.minimumQuality = minimumQuality
        self.reach = reach
    }
}

/// Known sets, searchable.
public struct KnownIndex: Sendable {
    /// What counts as near.
    public let policy: MatchPolicy
    /// The items of all sets, numbered as in `Hit.item`.
    public let items: IndexedItems
    /// Largest distance of a hit, bits, inclusive: the radius, or beyond it weak evidence.
    public let reach: Int
    private let index: HashIndex
    private let parts: [IndexPart]

    /// Number of hashes that take part: those of sufficient quality.
    public var hashCount: Int { index.count }

    /// Makes an index of sets, and lets go of each as soon as its hashes are taken over.
    ///
    /// Hashes below the policy's quality are left out. The array of hashes of a single set in which
    /// all take part is used as it is, without a copy.
    public init(_ sets: consuming [KnownSet], policy: MatchPolicy) {
        self.policy = policy
        let parts = IndexPart.parts(of: sets, minimumQuality: policy.minimumQuality)
        let hashes = IndexPart.takeHashes(of: sets, parts)
        items = IndexedItems(parts)
        self.parts = parts
        index = HashIndex(hashes, radius: policy.radius)
        reach = Self.reach(policy, index)
    }

    /// Hashes of a frame that the affordable reach is for, and what their search may take,
    /// nanoseconds: some hundredths of a 1080p keyframe.
    private static let affordable = (queries: 10, nanoseconds: 400_000.0)

    private static func reach(_ policy: MatchPolicy, _ index: HashIndex) -> Int {
        let far = max(policy.radius, ChanceModel.reach(hashes: index.count))
        switch policy.reach {
        case .none: return policy.radius
        case .full: return far
        case .affordable:
            return (policy.radius...far).last {
                index.cost(radius: $0, queries: affordable.queries) <= affordable.nanoseconds
            } ?? policy.radius
        }
    }

    /// The items near to any region and form of one frame, within `reach`, each with its nearest
    /// hash; none for a frame of low quality.
    public func hits(_ frame: [FrameFingerprint]) -> [Hit] { hits(ofEach: [frame])[0] }

    /// The same for each of several frames.
    ///
    /// They share each pass over memory, which is most of what a small set costs: a tenth of a
    /// second's frames together cost half of what they cost one by one.
    public func hits(ofEach frames: [[FrameFingerprint]]) -> [[Hit]] {
        var found = [[[Hit]]](repeating: [], count: frames.count)
        for negatives in [false, true] {
            for isFar in [true, false] {
                let forms = frames.enumerated().flatMap { place, frame in
                    usable(frame, negatives: negatives).filter { reachesFar($0) == isFar }
                        .map { (place: place, form: $0) }
                }
                guard !forms.isEmpty else { continue }
                let near = index.neighbours(
                    ofAll: forms.map { $0.form.hash }, within: isFar ? reach : policy.radius,
                    negatives: negatives)
                for (query, near) in zip(forms, near) where !near.isEmpty {
                    found[query.place].append(nearest(near, of: query.form))
                }
            }
        }
        return found.map {
            $0.count < 2 ? $0.first ?? [] : Self.nearestOfEachItem($0.flatMap(\.self))
        }
    }

    /// The hash nearest to any region and form of one frame, however far beyond `reach`; `nil` for a
    /// frame of low quality.
    ///
    /// Looks at every hash: for explanations, not for scans.
    /// - Parameter item: the only one to look at.
    public func nearest(_ frame: [FrameFingerprint], ofItem item: Int? = nil) -> Hit? {
        let range = item.map(hashes(ofItem:)) ?? 0..<index.count
        var best: Hit?
        for negatives in [false, true] {
            let forms = usable(frame, negatives: negatives)
            let found = index.nearest(
                ofAll: forms.map(\.hash), within: best.map { $0.distance - 1 } ?? .max,
                negatives: negatives, in: range)
            if let found { best = hit(found.neighbour, forms[found.query]) }
        }
        return best
    }

    /// Whether weak evidence is looked for: where that must be cheap, for the picture as it is and
    /// for its mirror image, not for all turns of it.
    private func reachesFar(_ form: FrameFingerprint) -> Bool {
        policy.reach == .full || form.variant.form == .original || form.variant.form == .flipY
    }

    private func usable(_ frame: [FrameFingerprint], negatives: Bool) -> [FrameFingerprint] {
        frame.filter {
            $0.quality >= policy.minimumQuality && $0.isNegativeSought == negatives
        }
    }

    /// The items near to each of many hashes, which all take part, whatever their quality was.
    public func hits(ofAll queries: [PDQHash]) -> [[Hit]] {
        zip(queries, index.neighbours(ofAll: queries, within: policy.radius)).map { query, near in
            nearest(
                near, of: FrameFingerprint(hash: query, quality: 100, mediaTime: 0, frame: 0))
        }
    }

    /// The nearest hash of each item, the first of equally near ones.
    /// - Parameter neighbours: in the order of the index, so that those of an item stand together.
    private func nearest(
        _ neighbours: [HashIndex.Neighbour], of query: FrameFingerprint
    ) -> [Hit] {
        var hits: [Hit] = []
        for neighbour in neighbours {
            let hit = hit(neighbour, query)
            if let last = hits.last, last.item == hit.item {
                if hit.distance < last.distance { hits[hits.count - 1] = hit }
            } else {
                hits.append(hit)
            }
        }
        return hits
    }

    private static func nearestOfEachItem(_ hits: [Hit]) -> [Hit] {
        var best: [Int: Hit] = [:]
        for hit in hits {
            if let other = best[hit.item], other.distance <= hit.distance { continue }
            best[hit.item] = hit
        }
        return best.values.sorted { $0.item < $1.item }
    }

    private func hit(_ neighbour: HashIndex.Neighbour, _ query: FrameFingerprint) -> Hit {
        // Non-nil: the parts together have every hash of the index, from the first on.
        let part = parts.last { $0.firstHash <= neighbour.index }!
        let position = part.position(ofHash: neighbour.index)
        let item = part.catalogue.item(ofHashAt: position)
        let known = index[neighbour.index]
        var variant = query.variant
        if neighbour.isNegative { variant.isNegative.toggle() }
        return Hit(
            item: part.firstItem + item, knownHash: neighbour.index,
            knownTime: Double(part.catalogue.time(ofHashAt: position)),
            knownSpan: Double(part.span(at: position, ofItem: item)),
            distance: neighbour.distance, variant: variant, region: query.region,
            query: neighbour.isNegative ? query.hash.complement : query.hash,
            isLowStructure: query.isLowStructure || known.isLowStructure,
            breaks: min(query.hash.patternBreaks, known.patternBreaks),
            knownVariant: part.catalogue.variant(ofHashAt: position))
    }
}

extension KnownIndex: ItemSearch {
    /// The numbers of an item's hashes that take part.
    public func hashes(ofItem item: Int) -> Range<Int> {
        // Non-nil: the first part's first item is 0.
        let part = parts.last { $0.firstItem <= item }!
        return part.hashes(ofItem: item - part.firstItem)
    }

    /// The hashes of an item within `radius` of any region and form of a frame; of a great many
    /// the nearest.
    public func sightings(
        of item: Int, in frame: [FrameFingerprint], within radius: Int
    ) -> [Hit] {
        let range = hashes(ofItem: item)
        var found: [(form: FrameFingerprint, neighbour: HashIndex.Neighbour)] = []
        for negatives in [false, true] {
            let forms = usable(frame, negatives: negatives)
            let near = index.neighbours(
                ofAll: forms.map(\.hash), within: radius, negatives: negatives, in: range)
            for (form, neighbours) in zip(forms, near) {
                found += neighbours.map { (form, $0) }
            }
        }
        let limit = Self.farthest(of: found.map(\.neighbour.distance), most: Self.mostSightings)
        return found.filter { $0.neighbour.distance <= limit }.prefix(2 * Self.mostSightings)
            .map { hit($0.neighbour, $0.form) }
    }

    /// An item of thousands of pictures that look alike is as near with all of them.
    private static let mostSightings = 512

    /// The distance within which there are as many as are wanted, or all.
    private static func farthest(of distances: [Int], most: Int) -> Int {
        guard distances.count > most else { return .max }
        var counts = [Int](repeating: 0, count: 257)
        for distance in distances { counts[distance] += 1 }
        var sum = 0
        return counts.firstIndex { count in
            sum += count
            return sum >= most
        } ?? .max
    }
}

// What a set knows of its hashes beside the hashes themselves: whose they are, and when in a video
// they stand. An index keeps this, and lets go of all else once the hashes are in its tables.
//
// Invariants: hashes stand in the order of the items and every item has at least one, so an item's
// hashes are one range. Where every item has exactly one, as in lists of images, no table is kept
// (`ends` is there exactly if some item has more), so that equal catalogues compare equal. An item's
// variants stand behind all hashes of its frames as they are, of which it has at least one; each has
// its frame's time.

public import Fingerprint

/// The items of a set, and which hashes are theirs.
public struct KnownCatalogue: Sendable, Equatable {
    /// The items.
    public private(set) var items = KnownItems()
    /// For each item, the place behind its last hash.
    private var ends: [UInt32]?
    private var times = SparseColumn<Float>()
    /// Raw values of `KnownVariant`, of which 0 is `original`.
    private var variants = SparseColumn<UInt8>()

    init() {}

    /// Number of hashes, variants among them.
    public var hashCount: Int { times.count }

    /// Makes a catalogue of parts that were checked.
    /// - Parameter counts: number of hashes of each item, 1 or more.
    init(
        items: KnownItems, counts: consuming [UInt32], times: SparseColumn<Float>,
        variants: SparseColumn<UInt8>
    ) {
        self.items = items
        self.times = times
        self.variants = variants
        guard counts.contains(where: { $0 != 1 }) else { return }
        var end: UInt32 = 0
        for index in counts.indices {
            end += counts[index]
            counts[index] = end
        }
        ends = counts
    }

    mutating func reserveCapacity(_ count: Int, idBytes: Int) {
        items.reserveCapacity(count, idBytes: idBytes)
    }

    /// Adds an item with its hashes; the caller has checked both.
    mutating func append(_ item: KnownItem, hashes added: [KnownHash]) {
        if added.count != 1, ends == nil { ends = (0..<UInt32(items.count)).map { $0 + 1 } }
        items.append(item)
        for hash in added {
            times.append(hash.time)
            variants.append(hash.variant.rawValue)
        }
        ends?.append(UInt32(times.count))
    }

    /// Leaves only the items at these places, which ascend, and their hashes.
    mutating func keep(_ places: [Int]) {
        let ranges = places.lazy.map { [self] in hashRange(ofItemAt: $0) }
        let counts = Array(ranges.lazy.map { UInt32($0.count) })
        let count = counts.reduce(0) { $0 + Int($1) }
        var (keptTimes, keptVariants) = (times, variants)
        keptTimes.keep(ranges.joined(), count: count)
        keptVariants.keep(ranges.joined(), count: count)
        var left = items
        left.keep(places)
        self = KnownCatalogue(
            items: left, counts: counts, times: keptTimes, variants: keptVariants)
    }

    /// Places of an item's hashes.
    /// - Parameter index: a valid place in `items`.
    public func hashRange(ofItemAt index: Int) -> Range<Int> {
        precondition(items.indices.contains(index), "no item at this place")
        guard let ends else { return index..<index + 1 }
        return (index == 0 ? 0 : Int(ends[index - 1]))..<Int(ends[index])
    }

    /// The place of the item that a hash belongs to.
    /// - Parameter position: a valid place of a hash.
    public func item(ofHashAt position: Int) -> Int {
        precondition(position >= 0 && position < hashCount, "no hash at this place")
        guard let ends else { return position }
        var low = 0
        var high = ends.count
        while low < high {
            let middle = low + (high - low) / 2
            if Int(ends[middle]) <= position { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Seconds into the video at which a hash stands; 0 for an image.
    /// - Parameter position: a valid place of a hash.
    public func time(ofHashAt position: Int) -> Float { times[position] }
}

extension KnownCatalogue {
    /// Whether some hash is a variant.
    public var hasVariants: Bool { !variants.isZero }

    /// What a hash is of: its frame as it is, or a view of it.
    /// - Parameter position: a valid place of a hash.
    public func variant(ofHashAt position: Int) -> KnownVariant {
        // Non-nil: only raw values of variants are ever put in.
        KnownVariant(rawValue: variants[position])!
    }

    /// Places of the hashes of an item's frames as they are.
    /// - Parameter index: a valid place in `items`.
    public func plainRange(ofItemAt index: Int) -> Range<Int> {
        let range = hashRange(ofItemAt: index)
        guard hasVariants else { return range }
        return range.lowerBound..<Self.first(in: range) { variants[$0] != 0 }
    }

    /// The place of the hash of the frame that follows a hash's own, as it is; `nil` behind the
    /// last.
    /// - Parameters:
    ///   - position: a valid place of a hash.
    ///   - index: the place of its item.
    public func nextFrame(afterHashAt position: Int, ofItemAt index: Int) -> Int? {
        let plain = plainRange(ofItemAt: index)
        let next =
            position < plain.upperBound
            ? position + 1 : Self.first(in: plain) { times[$0] > times[position] }
        return next < plain.upperBound ? next : nil
    }

    /// Number of variants of each kind.
    public var variantCounts: [KnownVariant: Int] {
        guard hasVariants else { return [:] }
        var counts = [Int](repeating: 0, count: 256)
        for place in 0..<hashCount { counts[Int(variants[place])] += 1 }
        return KnownVariant.allCases.reduce(into: [:]) { result, variant in
            let count = counts[Int(variant.rawValue)]
            if variant != .original, count > 0 { result[variant] = count }
        }
    }

    /// The first place of a range from which on something holds; its end if it never does.
    private static func first(in range: Range<Int>, where holds: (Int) -> Bool) -> Int {
        var (low, high) = (range.lowerBound, range.upperBound)
        while low < high {
            let middle = low + (high - low) / 2
            if holds(middle) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}

// What a set knows of its hashes beside the hashes themselves: whose they are, and when in a video
// they stand. An index keeps this, and lets go of all else once the hashes are in its tables.
//
// Invariants: hashes stand in the order of the items and every item has at least one, so an item's
// hashes are one range. Where every item has exactly one, as in lists of images, no table is kept
// (`ends` is there exactly if some item has more), so that equal catalogues compare equal.

/// The items of a set, and which hashes are theirs.
public struct KnownCatalogue: Sendable, Equatable {
    /// The items.
    public private(set) var items = KnownItems()
    /// For each item, the place behind its last hash.
    private var ends: [UInt32]?
    private var times = SparseColumn<Float>()

    init() {}

    /// Number of hashes.
    public var hashCount: Int { times.count }

    /// Makes a catalogue of parts that were checked.
    /// - Parameter counts: number of hashes of each item, 1 or more.
    init(items: KnownItems, counts: consuming [UInt32], times: SparseColumn<Float>) {
        self.items = items
        self.times = times
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

    /// Adds an item with its hashes' times; the caller has checked both.
    mutating func append(_ item: KnownItem, times added: some Collection<Float>) {
        if added.count != 1, ends == nil { ends = (0..<UInt32(items.count)).map { $0 + 1 } }
        items.append(item)
        for time in added { times.append(time) }
        ends?.append(UInt32(times.count))
    }

    /// Leaves only the items at these places, which ascend, and their hashes.
    mutating func keep(_ places: [Int]) {
        let ranges = places.lazy.map { [self] in hashRange(ofItemAt: $0) }
        let counts = Array(ranges.lazy.map { UInt32($0.count) })
        var kept = times
        kept.keep(ranges.joined(), count: counts.reduce(0) { $0 + Int($1) })
        var left = items
        left.keep(places)
        self = KnownCatalogue(items: left, counts: counts, times: kept)
    }

    /// Whether some hash has a time other than 0.
    var hasTimes: Bool { !times.isZero }

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

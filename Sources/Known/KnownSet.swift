// A known set in memory: items, and their hashes as a structure of arrays (41 bytes a hash), so
// that an index can be built from the plain arrays and a scan touches only what it needs.
//
// Invariants: the four arrays are equally long; every item has at least one hash; the hashes of an
// item stand together and in the order of the items, so `itemIndexes` never decreases and an
// item's hashes are found by binary search. Only `add` and `remove` change items. The set of ids
// that `add` needs is built at the first change, so a set that is only searched does not pay for
// it.

public import Fingerprint

/// A named, versioned collection of known items and their hashes.
public struct KnownSet: Sendable {
    /// Name of the set, shown in alerts.
    public let name: String
    /// Starts at 1 and grows by 1 at each rewrite.
    public var version: Int
    /// When the set was first made, seconds since 1970.
    public let createdUnixSeconds: Int64
    /// When this version was made, seconds since 1970.
    public var updatedUnixSeconds: Int64
    /// The items, in the order in which they were added.
    public private(set) var items: [KnownItem]
    /// All hashes.
    public private(set) var hashes: [PDQHash]
    /// For each hash, the place of its item in `items`; never decreases.
    public private(set) var itemIndexes: [UInt32]
    /// For each hash, its quality, 0…100.
    public private(set) var qualities: [UInt8]
    /// For each hash, seconds into its video.
    public private(set) var times: [Float]

    private var ids: Set<String>?

    /// Makes an empty set of version 1.
    public init(name: String, createdUnixSeconds: Int64) {
        self.name = name
        self.version = 1
        self.createdUnixSeconds = createdUnixSeconds
        self.updatedUnixSeconds = createdUnixSeconds
        items = []
        hashes = []
        itemIndexes = []
        qualities = []
        times = []
        ids = nil
    }

    /// Restores a set from parts that the sealed file's reader has checked.
    init(
        restored empty: KnownSet, items: [KnownItem], hashes: [PDQHash], itemIndexes: [UInt32],
        qualities: [UInt8], times: [Float]
    ) {
        self = empty
        self.items = items
        self.hashes = hashes
        self.itemIndexes = itemIndexes
        self.qualities = qualities
        self.times = times
    }

    /// Adds an item with its hashes.
    ///
    /// On an error the set stays as it was.
    public mutating func add(_ item: KnownItem, hashes added: [KnownHash]) throws(KnownError) {
        try KnownRules.check(item)
        try KnownRules.check(added, of: item.id)
        try KnownRules.checkCapacity(hashes.count, adding: added.count)
        if ids == nil { ids = Set(items.map(\.id)) }
        guard ids?.insert(item.id).inserted == true else {
            throw KnownError(
                .duplicateItem,
                "the set “\(name)” has an item “\(item.id)” already; remove that one first or give "
                    + "this one another id")
        }
        let index = UInt32(items.count)
        items.append(item)
        for hash in added {
            hashes.append(hash.hash)
            itemIndexes.append(index)
            qualities.append(hash.quality)
            times.append(hash.time)
        }
    }

    /// Removes the items of these ids with their hashes, and says how many there were.
    @discardableResult
    public mutating func remove(ids removed: Set<String>) -> Int {
        let stays = items.map { !removed.contains($0.id) }
        let count = stays.count { !$0 }
        guard count > 0 else { return 0 }
        var newIndexes: [UInt32] = []
        newIndexes.reserveCapacity(items.count)
        var next: UInt32 = 0
        for kept in stays {
            newIndexes.append(next)
            if kept { next += 1 }
        }
        var kept = 0
        for position in hashes.indices {
            let index = Int(itemIndexes[position])
            guard stays[index] else { continue }
            hashes[kept] = hashes[position]
            itemIndexes[kept] = newIndexes[index]
            qualities[kept] = qualities[position]
            times[kept] = times[position]
            kept += 1
        }
        let excess = hashes.count - kept
        hashes.removeLast(excess)
        itemIndexes.removeLast(excess)
        qualities.removeLast(excess)
        times.removeLast(excess)
        items.removeAll { removed.contains($0.id) }
        ids?.subtract(removed)
        return count
    }

    /// Counts one more rewrite: the next version, made at this time.
    public mutating func markRewritten(atUnixSeconds time: Int64) {
        if version < .max { version += 1 }
        updatedUnixSeconds = time
    }

    /// Whether the set has an item of this id.
    ///
    /// Quick once something was added; before that it looks through all items.
    public func contains(id: String) -> Bool {
        ids?.contains(id) ?? items.contains { $0.id == id }
    }

    /// Places of an item's hashes in the four arrays.
    /// - Parameter index: a valid place in `items`.
    public func hashRange(ofItemAt index: Int) -> Range<Int> {
        precondition(items.indices.contains(index), "no item at this place")
        return firstHash(atOrAfterItem: index)..<firstHash(atOrAfterItem: index + 1)
    }

    /// Number of hashes of an item.
    /// - Parameter index: a valid place in `items`.
    public func hashCount(ofItemAt index: Int) -> Int { hashRange(ofItemAt: index).count }

    /// The hashes of an item, gathered from the arrays.
    /// - Parameter index: a valid place in `items`.
    public func hashes(ofItemAt index: Int) -> [KnownHash] {
        hashRange(ofItemAt: index).map {
            KnownHash(hash: hashes[$0], quality: qualities[$0], time: times[$0])
        }
    }

    private func firstHash(atOrAfterItem index: Int) -> Int {
        var low = 0
        var high = itemIndexes.count
        while low < high {
            let middle = low + (high - low) / 2
            if Int(itemIndexes[middle]) < index { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

extension KnownSet: Equatable, CustomStringConvertible, CustomReflectable {
    /// Whether two sets hold the same, in the same order.
    public static func == (left: KnownSet, right: KnownSet) -> Bool {
        left.name == right.name && left.version == right.version
            && left.createdUnixSeconds == right.createdUnixSeconds
            && left.updatedUnixSeconds == right.updatedUnixSeconds
            && left.items == right.items && left.hashes == right.hashes
            && left.itemIndexes == right.itemIndexes && left.qualities == right.qualities
            && left.times == right.times
    }

    /// Name, version and counts.
    public var description: String {
        "known set “\(name)” version \(version): \(items.count) items, \(hashes.count) hashes"
    }

    /// Counts only, so that `dump` neither floods nor tells.
    public var customMirror: Mirror {
        Mirror(
            self,
            children: [
                "name": name, "version": version, "items": items.count, "hashes": hashes.count,
            ])
    }
}

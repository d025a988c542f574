// What changed between two versions of a known set, by item id: the short report that a person
// reads before a new list goes live. Hash values play a part in the comparison and none in the
// result.

/// The items that were added, removed and changed from one set to another.
public struct KnownDifference: Sendable, Hashable, Codable {
    /// Ids that only the new set has, in its order.
    public var added: [String]
    /// Ids that only the old set has, in its order.
    public var removed: [String]
    /// Ids in both sets with other hashes, kind, category or duration, in the new set's order.
    public var changed: [String]

    /// Compares two sets; the order of items plays no part, that of an item's hashes does.
    public init(from old: KnownSet, to new: KnownSet) {
        added = []
        removed = []
        changed = []
        var places: [String: Int] = [:]
        places.reserveCapacity(old.items.count)
        for (place, item) in old.items.enumerated() { places[item.id] = place }
        for (place, item) in new.items.enumerated() {
            guard let before = places.removeValue(forKey: item.id) else {
                added.append(item.id)
                continue
            }
            if !Self.isSame(old, before, new, place) { changed.append(item.id) }
        }
        removed = old.items.map(\.id).filter { places[$0] != nil }
    }

    /// Whether nothing differs.
    public var isEmpty: Bool { added.isEmpty && removed.isEmpty && changed.isEmpty }

    private static func isSame(
        _ old: KnownSet, _ before: Int, _ new: KnownSet, _ after: Int
    )
        -> Bool
    {
        let left = old.items[before]
        let right = new.items[after]
        guard left.kind == right.kind, left.category == right.category,
            left.durationSeconds == right.durationSeconds
        else { return false }
        let first = old.hashRange(ofItemAt: before)
        let second = new.hashRange(ofItemAt: after)
        return old.hashes[first] == new.hashes[second]
            && old.qualities[first] == new.qualities[second]
            && old.times[first] == new.times[second]
    }
}

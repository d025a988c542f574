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
        var old = old
        old.prepareIDs()
        var isFound = [Bool](repeating: false, count: old.items.count)
        for place in new.items.indices {
            let id = new.items.id(at: place)
            guard let before = old.place(ofID: id), !isFound[before] else {
                added.append(id)
                continue
            }
            isFound[before] = true
            if !Self.isSame(old, before, new, place) { changed.append(id) }
        }
        for (place, found) in isFound.enumerated() where !found {
            removed.append(old.items.id(at: place))
        }
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
        return left.kind == right.kind && left.category == right.category
            && left.durationSeconds == right.durationSeconds
            && old.hasSameHashes(before, as: new, after)
    }
}

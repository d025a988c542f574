// A known set in memory: packed items (KnownItems), and their hashes as plain arrays, so that an
// index can take the array of hashes as it is and a scan touches only what it needs. An image of a
// list takes its id's bytes and 41 more, 32 of which are its hash.
//
// Invariants: `hashes` and `qualities` are as long as the catalogue counts; every item has at least
// one hash. Only `add`, `merge` and `remove` change items. The table of ids that `add` needs is
// built at the first change, so a set that is only searched does not pay for it.

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
    /// The items, and which hashes are theirs.
    public private(set) var catalogue: KnownCatalogue
    /// All hashes, in the order of the items, an item's variants behind its others.
    public private(set) var hashes: [PDQHash]
    /// For each hash, its quality, 0…100.
    public private(set) var qualities: [UInt8]

    private var ids: PlaceTable?

    /// Makes an empty set of version 1.
    public init(name: String, createdUnixSeconds: Int64) {
        self.name = name
        self.version = 1
        self.createdUnixSeconds = createdUnixSeconds
        self.updatedUnixSeconds = createdUnixSeconds
        catalogue = KnownCatalogue()
        hashes = []
        qualities = []
    }

    /// Restores a set from parts that the sealed file's reader has checked.
    init(
        restored empty: KnownSet, catalogue: KnownCatalogue, hashes: [PDQHash], qualities: [UInt8]
    ) {
        self = empty
        self.catalogue = catalogue
        self.hashes = hashes
        self.qualities = qualities
    }

    /// The items, in the order in which they were added.
    public var items: KnownItems { catalogue.items }

    /// Makes room for items of one hash each, so that adding them copies nothing.
    mutating func reserveCapacity(_ count: Int, idBytes: Int) {
        catalogue.reserveCapacity(count, idBytes: idBytes)
        hashes.reserveCapacity(count)
        qualities.reserveCapacity(count)
        if items.isEmpty { ids = PlaceTable(capacity: count) }
    }

    /// Adds an item with its hashes.
    ///
    /// On an error the set stays as it was.
    public mutating func add(_ item: KnownItem, hashes added: [KnownHash]) throws(KnownError) {
        try KnownRules.check(item, in: items)
        try KnownRules.check(added, of: item.id)
        try KnownRules.checkCapacity(hashes.count, adding: added.count)
        prepareIDs()
        guard place(ofID: item.id) == nil else {
            throw KnownError(
                .duplicateItem,
                "the set “\(name)” has an item “\(item.id)” already; remove that one first or give "
                    + "this one another id")
        }
        catalogue.append(item, hashes: added)
        for hash in added {
            hashes.append(hash.hash)
            qualities.append(hash.quality)
        }
        Self.insertID(at: items.count - 1, of: catalogue.items, into: &ids)
    }

    /// What `merge` did.
    public struct Merge: Sendable, Hashable {
        /// Items that were added.
        public var added: Int
        /// Items that the set had already, with the same hashes.
        public var present: Int

        /// Makes a result of its parts.
        public init(added: Int, present: Int) {
            self.added = added
            self.present = present
        }
    }

    /// Adds the items of another set.
    ///
    /// An item that this set had before, with the same hashes, stays as it is. Where it had another
    /// one of that id, the new one gets an id with a number at its end. On an error some items may
    /// have been added.
    public mutating func merge(_ other: KnownSet) throws(KnownError) -> Merge {
        if items.isEmpty {
            (catalogue, hashes, qualities) = (other.catalogue, other.hashes, other.qualities)
            ids = other.ids
            return Merge(added: items.count, present: 0)
        }
        var merge = Merge(added: 0, present: 0)
        let before = items.count
        prepareIDs()
        for place in other.items.indices {
            var item = other.items[place]
            if let own = self.place(ofID: item.id) {
                if own < before, hasSameHashes(own, as: other, place) {
                    merge.present += 1
                    continue
                }
                item.id = freeID(like: item.id)
            }
            try add(item, hashes: other.hashes(ofItemAt: place))
            merge.added += 1
        }
        return merge
    }

    private func freeID(like id: String) -> String {
        var number = 2
        while contains(id: "\(id)-\(number)") { number += 1 }
        return "\(id)-\(number)"
    }

    /// Removes the items of these ids with their hashes, and says how many there were.
    @discardableResult
    public mutating func remove(ids removed: Set<String>) -> Int {
        let places = items.indices.filter { !removed.contains(items.id(at: $0)) }
        let count = items.count - places.count
        guard count > 0 else { return 0 }
        var kept = 0
        for position in places.lazy.flatMap({ [catalogue] in catalogue.hashRange(ofItemAt: $0) }) {
            hashes[kept] = hashes[position]
            qualities[kept] = qualities[position]
            kept += 1
        }
        hashes.removeLast(hashes.count - kept)
        qualities.removeLast(qualities.count - kept)
        catalogue.keep(places)
        ids = nil
        return count
    }

    /// Counts one more rewrite: the next version, made at this time.
    public mutating func markRewritten(atUnixSeconds time: Int64) {
        if version < .max { version += 1 }
        updatedUnixSeconds = time
    }

    /// Those of some ids that no item has.
    public func missing(of ids: Set<String>) -> Set<String> {
        var missing = ids
        for place in items.indices where !missing.isEmpty { missing.remove(items.id(at: place)) }
        return missing
    }

    /// Whether the set has an item of this id.
    ///
    /// Quick once something was added; before that it looks through all items.
    public func contains(id: String) -> Bool { place(ofID: id) != nil }

    /// Places of an item's hashes in `hashes` and `qualities`.
    /// - Parameter index: a valid place in `items`.
    public func hashRange(ofItemAt index: Int) -> Range<Int> {
        catalogue.hashRange(ofItemAt: index)
    }

    /// Number of hashes of an item, variants among them.
    /// - Parameter index: a valid place in `items`.
    public func hashCount(ofItemAt index: Int) -> Int { hashRange(ofItemAt: index).count }

    /// The hashes of an item, gathered from the arrays.
    /// - Parameter index: a valid place in `items`.
    public func hashes(ofItemAt index: Int) -> [KnownHash] {
        hashRange(ofItemAt: index).map {
            KnownHash(
                hash: hashes[$0], quality: qualities[$0], time: catalogue.time(ofHashAt: $0),
                variant: catalogue.variant(ofHashAt: $0))
        }
    }

    /// Whether an item has the same hashes, with quality, time and variant, as one of another set.
    func hasSameHashes(_ place: Int, as other: KnownSet, _ otherPlace: Int) -> Bool {
        let own = hashRange(ofItemAt: place)
        let others = other.hashRange(ofItemAt: otherPlace)
        return own.count == others.count
            && zip(own, others).allSatisfy {
                hashes[$0] == other.hashes[$1] && qualities[$0] == other.qualities[$1]
                    && catalogue.time(ofHashAt: $0) == other.catalogue.time(ofHashAt: $1)
                    && catalogue.variant(ofHashAt: $0) == other.catalogue.variant(ofHashAt: $1)
            }
    }
}

extension KnownSet {
    /// The place of an item; without the table of ids it looks through all of them.
    func place(ofID id: String) -> Int? {
        guard let ids else { return items.indices.first { items.id(at: $0) == id } }
        return ids.place(hash: id.hashValue) { items.id(at: $0) == id }
    }

    /// Builds the table of ids, if it is not there.
    mutating func prepareIDs() {
        guard ids == nil else { return }
        ids = PlaceTable(capacity: items.count)
        for place in items.indices { Self.insertID(at: place, of: catalogue.items, into: &ids) }
    }

    private static func insertID(at place: Int, of items: KnownItems, into ids: inout PlaceTable?) {
        ids?.insert(place, hash: items.id(at: place).hashValue) { items.id(at: $0).hashValue }
    }
}

extension KnownSet: Equatable, CustomStringConvertible, CustomReflectable {
    /// Whether two sets hold the same, in the same order.
    public static func == (left: KnownSet, right: KnownSet) -> Bool {
        left.name == right.name && left.version == right.version
            && left.createdUnixSeconds == right.createdUnixSeconds
            && left.updatedUnixSeconds == right.updatedUnixSeconds
            && left.catalogue == right.catalogue && left.hashes == right.hashes
            && left.qualities == right.qualities
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

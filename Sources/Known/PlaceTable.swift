// A hash table of places: the entries themselves stand elsewhere, in compact arrays, and the table
// knows only where. About 9 bytes an entry, where a set of strings takes over 40.
//
// Invariants: open addressing with linear probing; at most three quarters of the slots are taken,
// so every search ends at a free one. A slot's tag holds 7 bits of its entry's hash, so that a
// search seldom looks at an entry that is another's. Hashes come from `Hasher`, whose key is
// random in each process, so that no list can be made to fill one run of slots.

/// Finds places by a hash of what stands there.
struct PlaceTable: Sendable {
    private var places: [UInt32] = []
    /// 0 for a free slot; else the highest bits of the entry's hash, and a set bit.
    private var tags: [UInt8] = []
    private var count = 0

    /// Makes a table with room for a number of entries.
    init(capacity: Int = 0) {
        if capacity > 0 { resize(Self.slotCount(for: capacity)) }
    }

    /// The place with this hash for which `isSame` holds.
    @inline(__always)
    func place(hash: Int, where isSame: (Int) -> Bool) -> Int? {
        guard !tags.isEmpty else { return nil }
        let tag = Self.tag(hash)
        var slot = hash & (tags.count - 1)
        while tags[slot] != 0 {
            if tags[slot] == tag, isSame(Int(places[slot])) { return Int(places[slot]) }
            slot = (slot + 1) & (tags.count - 1)
        }
        return nil
    }

    /// Adds a place that is not there yet.
    /// - Parameter hashOf: gives the hash of a place again, for when the table grows.
    @inline(__always)
    mutating func insert(_ place: Int, hash: Int, hashOf: (Int) -> Int) {
        if 4 * (count + 1) > 3 * tags.count { grow(hashOf) }
        put(UInt32(place), hash: hash)
        count += 1
    }

    private mutating func put(_ place: UInt32, hash: Int) {
        var slot = hash & (tags.count - 1)
        while tags[slot] != 0 { slot = (slot + 1) & (tags.count - 1) }
        places[slot] = place
        tags[slot] = Self.tag(hash)
    }

    private mutating func grow(_ hashOf: (Int) -> Int) {
        let (oldPlaces, oldTags) = (places, tags)
        resize(max(16, 2 * tags.count))
        for (place, tag) in zip(oldPlaces, oldTags) where tag != 0 {
            put(place, hash: hashOf(Int(place)))
        }
    }

    private mutating func resize(_ slots: Int) {
        places = Array(repeating: 0, count: slots)
        tags = Array(repeating: 0, count: slots)
    }

    private static func tag(_ hash: Int) -> UInt8 { UInt8(truncatingIfNeeded: hash >> 56) | 1 }

    /// A power of two, of which the entries take up to three quarters.
    private static func slotCount(for capacity: Int) -> Int {
        var slots = 16
        while 3 * slots < 4 * capacity { slots *= 2 }
        return slots
    }
}

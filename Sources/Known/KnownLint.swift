// What in a known set does harm, or no good: hashes that anything simple would match, hashes that
// can never match, and pictures that several items have in common, such as a title card.
//
// Invariants: no hash leaves; findings are bounded, counts are whole. Time is bounded too: shared
// hashes are found by sorting, and within a run of equal keys each hash is compared with the one
// that starts it and the few before it, so that a list of ten million equal hashes costs no more
// than another. For the same reason what is found of a long run is the items, not each hash.

internal import Fingerprint

/// What was found in a known set.
public struct KnownLint: Sendable {
    /// Why something was found.
    public enum Reason: String, Sendable, CaseIterable, Codable {
        /// Hashes below the least quality: they take part in nothing.
        case lowQuality = "low_quality"
        /// Hashes whose bits look like those of bars, title cards, logos: unrelated pictures match.
        case lowStructure = "low_structure"
        /// Hashes that are those of another item too, or nearly.
        case sharedHash = "shared_hash"
        /// No hash of the item has both quality and structure: it finds nothing, or anything.
        case noUsableHash = "no_usable_hash"
    }

    /// One item and one reason.
    public struct Finding: Sendable, Hashable {
        /// Id of the item.
        public var item: String
        /// Why.
        public var reason: Reason
        /// How many of the item's hashes it is about; of long runs of shared ones some.
        public var hashes: Int
        /// How many the item has.
        public var itemHashes: Int
        /// When the first of them is shown, seconds; 0 for images.
        public var firstTime: Double
        /// For shared hashes the ids of some of the other items, `mostOthers` at most.
        public var others: [String] = []
    }

    /// Largest number of other items that a finding names.
    public static let mostOthers = 3
    /// Largest distance at which two hashes count as shared, bits.
    public static let sharedDistance = 10
    /// Up to this many hashes nearly equal ones are found; beyond that equal ones alone.
    public static let mostForNear = 1_000_000

    /// Findings, in the order of the items, as many as were asked for.
    public private(set) var findings: [Finding] = []
    /// How many there are of each reason; those without any are missing.
    public private(set) var counts: [Reason: Int] = [:]
    /// Whether shared hashes were looked for among nearly equal ones, and not equal ones alone.
    public let comparedNear: Bool

    /// How many findings there are.
    public var total: Int { counts.values.reduce(0, +) }

    /// Looks through a set.
    /// - Parameters:
    ///   - minimumQuality: below this a hash takes part in no match.
    ///   - limit: how many findings are kept; all are counted.
    public init(_ set: KnownSet, minimumQuality: Int, limit: Int) {
        self.init(
            set, minimumQuality: minimumQuality, limit: limit, mostForNear: Self.mostForNear)
    }

    package init(_ set: KnownSet, minimumQuality: Int, limit: Int, mostForNear: Int) {
        let shared = SharedHashes(
            set, minimumQuality: minimumQuality, mostForNear: mostForNear)
        comparedNear = shared.comparedNear
        for place in set.items.indices {
            let range = set.hashRange(ofItemAt: place)
            let low = range.filter { set.qualities[$0] < minimumQuality }
            let simple = range.filter {
                set.qualities[$0] >= minimumQuality && set.hashes[$0].isLowStructure
            }
            let common = range.filter { shared.partner(ofHashAt: $0) != nil }
            guard !(low.isEmpty && simple.isEmpty && common.isEmpty) else { continue }
            for (reason, hashes) in [
                (Reason.lowQuality, low), (.lowStructure, simple), (.sharedHash, common),
                (.noUsableHash, low.count + simple.count == range.count ? Array(range) : []),
            ] where !hashes.isEmpty {
                counts[reason, default: 0] += 1
                guard findings.count < limit else { continue }
                findings.append(
                    Finding(
                        item: set.items.id(at: place), reason: reason, hashes: hashes.count,
                        itemHashes: range.count,
                        firstTime: Double(set.catalogue.time(ofHashAt: hashes[0])),
                        others: reason == .sharedHash ? shared.others(of: hashes, in: set) : []))
            }
        }
    }

    /// The places of items with hashes of low structure, among those that take part in matches, and
    /// how many hashes that is.
    public static func lowStructure(
        of set: KnownSet, minimumQuality: Int
    ) -> (items: [Int], hashes: Int) {
        var items: [Int] = []
        var hashes = 0
        for position in set.hashes.indices
        where set.qualities[position] >= minimumQuality && set.hashes[position].isLowStructure {
            hashes += 1
            let item = set.catalogue.item(ofHashAt: position)
            if items.last != item { items.append(item) }
        }
        return (items, hashes)
    }
}

/// For each hash of a set another item that has it too.
private struct SharedHashes {
    private static let none = UInt32.max
    /// How many hashes before it in a run a hash is compared with.
    private static let window = 16
    /// Hashes within `sharedDistance` bits agree in one of `sharedDistance + 1` chunks.
    private static let chunkBits = 256 / (KnownLint.sharedDistance + 1)

    let comparedNear: Bool
    /// The places of the other items; empty where no two hashes were found.
    private var partners: [UInt32] = []

    init(_ set: KnownSet, minimumQuality: Int, mostForNear: Int) {
        let usable = set.hashes.indices.filter { set.qualities[$0] >= minimumQuality }
        comparedNear = usable.count <= mostForNear
        var keys: [UInt64] = []
        keys.reserveCapacity(usable.count)
        if comparedNear {
            for chunk in 0...KnownLint.sharedDistance {
                look(
                    through: set, usable, &keys, within: KnownLint.sharedDistance,
                    key: { Self.chunk(chunk, of: $0) })
            }
        } else {
            look(through: set, usable, &keys, within: 0, key: Self.mixed)
        }
    }

    func partner(ofHashAt position: Int) -> Int? {
        guard !partners.isEmpty, partners[position] != Self.none else { return nil }
        return Int(partners[position])
    }

    func others(of positions: [Int], in set: KnownSet) -> [String] {
        var places: [Int] = []
        for position in positions where places.count < KnownLint.mostOthers {
            if let place = partner(ofHashAt: position), !places.contains(place) {
                places.append(place)
            }
        }
        return places.map { set.items.id(at: $0) }
    }

    /// Marks hashes of different items that have a key in common and lie close together.
    private mutating func look(
        through set: KnownSet, _ usable: [Int], _ keys: inout [UInt64], within distance: Int,
        key: (PDQHash) -> UInt32
    ) {
        keys.removeAll(keepingCapacity: true)
        for position in usable {
            keys.append(UInt64(key(set.hashes[position])) << 32 | UInt64(position))
        }
        keys.sort()
        var start = 0
        for index in keys.indices.dropFirst() {
            guard keys[index] >> 32 == keys[start] >> 32 else {
                start = index
                continue
            }
            compare(keys, index, start, in: set, within: distance)
            for before in max(start + 1, index - Self.window)..<max(start + 1, index) {
                compare(keys, index, before, in: set, within: distance)
            }
        }
    }

    private mutating func compare(
        _ keys: [UInt64], _ left: Int, _ right: Int, in set: KnownSet, within distance: Int
    ) {
        let (first, second) = (Int(keys[left] & 0xffff_ffff), Int(keys[right] & 0xffff_ffff))
        guard set.hashes[first].distance(to: set.hashes[second]) <= distance else { return }
        let (one, other) = (
            set.catalogue.item(ofHashAt: first), set.catalogue.item(ofHashAt: second)
        )
        guard one != other else { return }
        if partners.isEmpty {
            partners = [UInt32](repeating: Self.none, count: set.hashes.count)
        }
        if partners[first] == Self.none { partners[first] = UInt32(other) }
        if partners[second] == Self.none { partners[second] = UInt32(one) }
    }

    private static func chunk(_ index: Int, of hash: PDQHash) -> UInt32 {
        let bit = index * chunkBits
        let (word, shift) = (bit >> 6, UInt64(bit & 63))
        var value = hash.words[word] >> shift
        if shift > 0, word < 3 { value |= hash.words[word + 1] << (64 - shift) }
        return UInt32(truncatingIfNeeded: value) & (1 << UInt32(chunkBits) - 1)
    }

    /// 32 bits of all 256; what collides is compared.
    private static func mixed(_ hash: PDQHash) -> UInt32 {
        var value: UInt64 = 0
        for index in 0..<4 {
            value = (value ^ hash.words[index]) &* 0x9e37_79b9_7f4a_7c15
            value ^= value >> 29
        }
        return UInt32(truncatingIfNeeded: value >> 32)
    }
}

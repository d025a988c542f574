// One known set behind an index, and the items of several: numbers over all sets become places in one
// of them.

internal import Fingerprint
internal import Known

/// The items of several sets one after another, each made when it is asked for.
public struct IndexedItems: Sendable, RandomAccessCollection {
    private let parts: [IndexPart]
    /// 0.
    public let startIndex = 0
    /// Number of items.
    public let endIndex: Int

    init(_ parts: [IndexPart]) {
        self.parts = parts
        endIndex = parts.last.map { $0.firstItem + $0.catalogue.items.count } ?? 0
    }

    /// The item of a number.
    public subscript(number: Int) -> IndexedItem {
        precondition(indices.contains(number), "no item of this number")
        // Non-nil: the first part's first item is 0.
        let part = parts.last { $0.firstItem <= number }!
        let item = part.catalogue.items[number - part.firstItem]
        return IndexedItem(
            reference: KnownReference(set: part.set, item: item.id, category: item.category),
            kind: item.kind, duration: item.durationSeconds)
    }
}

/// One set behind an index, without its hashes.
struct IndexPart: Sendable {
    /// Name of the set.
    let set: String
    let catalogue: KnownCatalogue
    /// Number of its first item over all sets.
    let firstItem: Int
    /// Number of its first hash over all that take part.
    let firstHash: Int
    /// Places in the set of the hashes that take part; `nil` where all do.
    private let positions: [UInt32]?

    /// Number of hashes that take part.
    private var count: Int { positions?.count ?? catalogue.hashCount }

    /// Longest time that one hash stands for, seconds: what follows may have been left out because
    /// it is flat, not because it looks the same.
    private static let longestSpan: Float = 3

    private init(_ set: KnownSet, firstItem: Int, firstHash: Int, minimumQuality: Int) {
        self.set = set.name
        catalogue = set.catalogue
        self.firstItem = firstItem
        self.firstHash = firstHash
        let qualities = set.qualities
        if qualities.allSatisfy({ $0 >= minimumQuality }) {
            positions = nil
        } else {
            positions = qualities.indices.filter { qualities[$0] >= minimumQuality }
                .map(UInt32.init)
        }
    }

    static func parts(of sets: [KnownSet], minimumQuality: Int) -> [IndexPart] {
        var parts: [IndexPart] = []
        for set in sets {
            parts.append(
                IndexPart(
                    set, firstItem: parts.last.map { $0.firstItem + $0.catalogue.items.count } ?? 0,
                    firstHash: parts.last.map { $0.firstHash + $0.count } ?? 0,
                    minimumQuality: minimumQuality))
        }
        return parts
    }

    /// The hashes that take part, in order; each set goes once its own were copied.
    static func takeHashes(of sets: consuming [KnownSet], _ parts: [IndexPart]) -> [PDQHash] {
        if sets.count == 1, parts[0].positions == nil { return sets[0].hashes }
        var hashes: [PDQHash] = []
        hashes.reserveCapacity(parts.last.map { $0.firstHash + $0.count } ?? 0)
        sets.reverse()
        for part in parts {
            let set = sets.removeLast()
            if let positions = part.positions {
                for position in positions { hashes.append(set.hashes[Int(position)]) }
            } else {
                hashes += set.hashes
            }
        }
        return hashes
    }

    /// The place in the set of a hash of the index that is this part's.
    func position(ofHash number: Int) -> Int {
        positions.map { Int($0[number - firstHash]) } ?? number - firstHash
    }

    /// The numbers of the hashes of one of this part's items that take part.
    func hashes(ofItem item: Int) -> Range<Int> {
        let range = catalogue.hashRange(ofItemAt: item)
        guard let positions else {
            return firstHash + range.lowerBound..<firstHash + range.upperBound
        }
        return firstHash + Self.place(of: range.lowerBound, in: positions)..<firstHash
            + Self.place(of: range.upperBound, in: positions)
    }

    /// The first place whose value is at least this; the values ascend.
    private static func place(of value: Int, in positions: [UInt32]) -> Int {
        var (low, high) = (0, positions.count)
        while low < high {
            let middle = (low + high) / 2
            if Int(positions[middle]) < value { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Time from a hash's frame to the next one of the same item: the frames between were pruned
    /// because they look the same.
    func span(at position: Int, ofItem item: Int) -> Float {
        let end =
            catalogue.nextFrame(afterHashAt: position, ofItemAt: item)
            .map { catalogue.time(ofHashAt: $0) } ?? Float(catalogue.items.duration(at: item))
        return min(Self.longestSpan, max(0, end - catalogue.time(ofHashAt: position)))
    }
}

// Exact search of PDQ hashes within a Hamming radius: the same answers as comparing with every
// hash, which is what the property tests hold it to.
//
// Two engines: a vectorised linear scan, 32 bytes a hash and no build time, and multi-index
// hashing, which for large sets and small radii looks at a few thousand hashes instead of all.
// Which of them answers is decided for each search by what it is expected to cost. A value over
// immutable memory, so that any number of threads may search while another set is being loaded.

internal import CHashKernels
public import Fingerprint

/// Hashes that can be searched by distance.
public struct HashIndex: Sendable {
    /// One hash found.
    public struct Neighbour: Sendable, Hashable {
        /// Its position in the array that the index was made of.
        public var index: Int
        /// Its Hamming distance from the query, bits.
        public var distance: Int

        /// Makes a neighbour of its parts.
        public init(index: Int, distance: Int) {
            self.index = index
            self.distance = distance
        }
    }

    /// Largest radius that search is meant for; beyond it hits stop meaning anything.
    public static let maximumRadius = 64

    private let hashes: [PDQHash]
    private let tables: MultiIndex?
    private let tableRadius: Int

    /// Makes an index; equal hashes are all kept and all reported.
    /// - Parameter radius: the radius that it will be searched with: tables are built for it where
    ///   they pay. Other radii give the same answers, at another cost.
    public init(_ hashes: [PDQHash], radius: Int = 31) {
        self.init(hashes, radius: radius, plan: ChunkPlan.best(count: hashes.count, radius: radius))
    }

    /// Makes an index with a given number of chunks; for tests.
    package init(_ hashes: [PDQHash], radius: Int, chunks: Int) {
        self.init(hashes, radius: radius, plan: ChunkPlan(chunks: chunks))
    }

    private init(_ hashes: [PDQHash], radius: Int, plan: ChunkPlan?) {
        self.hashes = hashes
        tableRadius = radius
        tables = plan.map { MultiIndex(hashes, plan: $0, maximumRadius: radius) }
    }

    /// Whether searches within a radius use the tables.
    package func usesTables(radius: Int) -> Bool {
        guard let tables, radius <= tableRadius else { return false }
        return tables.cost(radius: radius) < ChunkPlan.scanCost * Double(hashes.count)
    }

    /// Number of hashes.
    public var count: Int { hashes.count }

    /// Every hash within `radius` bits (inclusive) of `query`, in index order.
    public func neighbours(of query: PDQHash, within radius: Int) -> [Neighbour] {
        guard radius >= 0, !hashes.isEmpty else { return [] }
        if usesTables(radius: radius) { return neighboursByTables(of: query, within: radius) }
        var found: [Neighbour] = []
        // Sound: PDQHash is one SIMD4<UInt64>, four words without padding.
        hashes.withUnsafeBytes { bytes in
            withUnsafeBytes(of: query.words) { query in
                scan(
                    bytes.assumingMemoryBound(to: UInt64.self),
                    query.assumingMemoryBound(to: UInt64.self), radius: radius, into: &found)
            }
        }
        return found
    }

    /// The same by the tables, whatever they cost.
    package func neighboursByTables(of query: PDQHash, within radius: Int) -> [Neighbour] {
        var found: [Int: Int] = [:]
        tables?.search(hashes, for: query, radius: radius) { found[Int($0)] = Int($1) }
        return found.sorted { $0.key < $1.key }.map { Neighbour(index: $0.key, distance: $0.value) }
    }

    private func scan(
        _ words: UnsafeBufferPointer<UInt64>, _ query: UnsafeBufferPointer<UInt64>, radius: Int,
        into found: inout [Neighbour]
    ) {
        let room = 64
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: room) { indexes in
            withUnsafeTemporaryAllocation(of: UInt16.self, capacity: room) { distances in
                var position = 0
                while position < hashes.count {
                    let count = vigil_hamming_scan(
                        words.baseAddress, position, hashes.count, query.baseAddress,
                        UInt32(radius), indexes.baseAddress, distances.baseAddress, room, &position)
                    for entry in 0..<count {
                        found.append(
                            Neighbour(
                                index: Int(indexes[entry]), distance: Int(distances[entry])))
                    }
                }
            }
        }
    }
}

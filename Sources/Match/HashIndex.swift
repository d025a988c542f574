// Exact search of PDQ hashes within a Hamming radius: the same answers as comparing with every
// hash, which is what the property tests hold it to.
//
// Two engines: a vectorised linear scan, 32 bytes a hash and no build time, in which all queries of
// a batch share one pass over memory; and multi-index hashing, which for large sets and small radii
// looks at a few thousand hashes instead of all. Which of them answers is decided for each search
// by what it is expected to cost. Should the hashes be such that the tables would cost more than
// expected, for instance thousands of near copies of the query, the scan answers that query.
//
// A value over immutable memory, so that any number of threads may search while another set is
// being loaded.

internal import CHashKernels
public import Fingerprint

/// Hashes that can be searched by distance.
public struct HashIndex: Sendable {
    /// One hash found.
    public struct Neighbour: Sendable, Hashable {
        /// Its position in the array that the index was made of.
        public var index: Int
        /// Its Hamming distance from the query, or from the query's complement, bits.
        public var distance: Int
        /// Whether it is near to the complement.
        public var isNegative: Bool

        /// Makes a neighbour of its parts.
        public init(index: Int, distance: Int, isNegative: Bool = false) {
            self.index = index
            self.distance = distance
            self.isNegative = isNegative
        }
    }

    /// Largest radius that search is meant for; beyond it hits stop meaning anything.
    public static let maximumRadius = 64

    private let hashes: [PDQHash]
    private let tables: MultiIndex?

    /// Makes an index; equal hashes are all kept and all reported.
    /// - Parameter radius: the radius that it will be searched with: tables are built for it where
    ///   they pay. Other radii give the same answers, at another cost.
    public init(_ hashes: [PDQHash], radius: Int = 31) {
        self.init(hashes, plan: ChunkPlan.best(count: hashes.count, radius: radius))
    }

    /// Makes an index with a given number of chunks, and of bits that choose the bucket; for tests.
    package init(_ hashes: [PDQHash], radius: Int, chunks: Int, keyBits: Int? = nil) {
        self.init(hashes, plan: ChunkPlan(chunks: chunks, keyBits: keyBits))
    }

    private init(_ hashes: [PDQHash], plan: ChunkPlan?) {
        self.hashes = hashes
        if plan != nil { hashes.withUnsafeBytes(gatherHugePages) }
        tables = plan.map {
            MultiIndex(hashes, plan: $0, largestRadius: Self.maximumRadius)
        }
    }

    /// Number of hashes.
    public var count: Int { hashes.count }

    /// Memory that the index takes: the hashes and the tables, bytes.
    public var byteCount: Int {
        hashes.count * MemoryLayout<PDQHash>.stride + (tables?.byteCount ?? 0)
    }

    /// Bytes that an index of so many hashes will take.
    package static func plannedBytes(count: Int, radius: Int) -> Int {
        count * MemoryLayout<PDQHash>.stride
            + (ChunkPlan.best(count: count, radius: radius)?.tableBytes(count: count) ?? 0)
    }

    /// Every hash within `radius` bits (inclusive) of `query`, in index order.
    public func neighbours(of query: PDQHash, within radius: Int) -> [Neighbour] {
        guard radius >= 0, !hashes.isEmpty else { return [] }
        if usesTables(radius: radius),
            let found = search(for: query, within: radius, limit: entryLimit)
        {
            return found
        }
        var found: [Neighbour] = []
        withUnsafePointer(to: query) { query in
            scan(
                0..<count, UnsafeBufferPointer(start: query, count: 1), within: radius,
                negatives: false
            ) { _, neighbour in
                found.append(neighbour)
            }
        }
        return found
    }

    /// For each of `queries` every hash within `radius` bits (inclusive) of it, in index order.
    ///
    /// The same answers as one search for each, but those that have to look at every hash do so
    /// together, in one pass over memory.
    /// - Parameter negatives: also finds the hashes that near to each query's complement, which
    ///   costs a linear scan next to nothing.
    public func neighbours(
        ofAll queries: [PDQHash], within radius: Int, negatives: Bool = false
    ) -> [[Neighbour]] {
        var found = [[Neighbour]](repeating: [], count: queries.count)
        guard radius >= 0, !hashes.isEmpty else { return found }
        var rest = Array(queries.indices)
        if usesTables(radius: radius, queries: queries.count, negatives: negatives) {
            rest = rest.filter { query in
                let answer = search(for: queries[query], within: radius, negatives: negatives)
                if let answer { found[query] = answer }
                return answer == nil
            }
        }
        guard !rest.isEmpty else { return found }
        rest.map { queries[$0] }.withUnsafeBufferPointer { queries in
            scan(0..<count, queries, within: radius, negatives: negatives) {
                found[rest[$0]].append($1)
            }
        }
        return found
    }

    /// The same among the hashes of a range only, by comparing with each.
    public func neighbours(
        ofAll queries: [PDQHash], within radius: Int, negatives: Bool, in range: Range<Int>
    ) -> [[Neighbour]] {
        var found = [[Neighbour]](repeating: [], count: queries.count)
        guard radius >= 0, !range.isEmpty else { return found }
        queries.withUnsafeBufferPointer { queries in
            scan(range, queries, within: radius, negatives: negatives) { found[$0].append($1) }
        }
        return found
    }

    /// The hash of a range that is nearest to any of `queries`, the first of equally near ones.
    ///
    /// One pass, in which the radius shrinks to what was found.
    /// - Parameter radius: how far to look; up to 128, beyond which a complement is nearer.
    public func nearest(
        ofAll queries: [PDQHash], within radius: Int, negatives: Bool, in range: Range<Int>
    ) -> (query: Int, neighbour: Neighbour)? {
        var best: (query: Int, neighbour: Neighbour)?
        var radius = min(radius, 128)
        queries.withUnsafeBufferPointer { queries in
            for first in stride(from: range.lowerBound, to: range.upperBound, by: VIGIL_SCAN_BLOCK)
            where radius >= 0 {
                let block = first..<min(first + VIGIL_SCAN_BLOCK, range.upperBound)
                scan(block, queries, within: radius, negatives: negatives) { query, neighbour in
                    guard neighbour.distance <= radius else { return }
                    best = (query, neighbour)
                    radius = neighbour.distance - 1
                }
            }
        }
        return best
    }

    /// A hash of the index.
    public subscript(index: Int) -> PDQHash { hashes[index] }

    /// Whether searches within a radius use the tables, in batches of so many.
    package func usesTables(radius: Int, queries: Int = 1, negatives: Bool = false) -> Bool {
        guard let tables, (0...tables.largestRadius).contains(radius) else { return false }
        let work = tables.work(radius: radius)
        return work.cost * (negatives ? 2 : 1)
            < ChunkPlan.scanCost(
                count: count, queries: queries, radius: radius, negatives: negatives)
            && work.entries < Double(entryLimit) / 2
    }

    /// What a search for so many queries and their complements is expected to take, nanoseconds.
    package func cost(radius: Int, queries: Int) -> Double {
        if let tables, usesTables(radius: radius, queries: queries, negatives: true) {
            return tables.work(radius: radius).cost * 2 * Double(queries)
        }
        return Double(queries)
            * ChunkPlan.scanCost(count: count, queries: queries, radius: radius, negatives: true)
    }

    /// The answers of the tables, whatever they cost; `nil` if they were not built for the radius.
    package func neighboursByTables(of query: PDQHash, within radius: Int) -> [Neighbour]? {
        search(for: query, within: radius, limit: .max - 1)
    }

    /// Entries of which looking at more costs more than the linear scan.
    private var entryLimit: Int { hashes.count / 4 }

    private func search(for query: PDQHash, within radius: Int, limit: Int) -> [Neighbour]? {
        guard let tables, radius <= tables.largestRadius else { return nil }
        return hashes.withUnsafeBytes { bytes in
            // Sound: PDQHash is one SIMD4<UInt64>, four words without padding.
            guard let words = bytes.assumingMemoryBound(to: UInt64.self).baseAddress else {
                return []
            }
            return tables.search(words, for: query, radius: radius, limit: limit)
        }
    }

    private func search(
        for query: PDQHash, within radius: Int, negatives: Bool
    ) -> [Neighbour]? {
        guard let found = search(for: query, within: radius, limit: entryLimit) else { return nil }
        guard negatives else { return found }
        guard let others = search(for: query.complement, within: radius, limit: entryLimit)
        else { return nil }
        guard !others.isEmpty else { return found }
        let negative = others.map {
            Neighbour(index: $0.index, distance: $0.distance, isNegative: true)
        }
        return (found + negative).sorted { $0.index < $1.index }
    }

    /// Calls `body` with the number of a query and each hash near to it, in index order.
    private func scan(
        _ range: Range<Int>, _ queries: UnsafeBufferPointer<PDQHash>, within radius: Int,
        negatives: Bool, _ body: (_ query: Int, Neighbour) -> Void
    ) {
        let block = VIGIL_SCAN_BLOCK
        for first in stride(from: range.lowerBound, to: range.upperBound, by: block) {
            let count = min(block, range.upperBound - first)
            // Few enough to stand on the stack.
            var room = 64
            while true {
                let found = withUnsafeTemporaryAllocation(
                    of: vigil_scan_hit.self, capacity: room
                ) { hits in
                    let found = scanBlock(first, count, queries, radius, negatives, hits)
                    guard found <= room else { return found }
                    for hit in hits[..<found] {
                        let isNegative = hit.distance > UInt32(radius)
                        let distance = Int(isNegative ? 256 - hit.distance : hit.distance)
                        body(
                            Int(hit.query),
                            Neighbour(
                                index: first + Int(hit.id), distance: distance,
                                isNegative: isNegative))
                    }
                    return found
                }
                if found <= room { break }
                room = found
            }
        }
    }

    private func scanBlock(
        _ first: Int, _ count: Int, _ queries: UnsafeBufferPointer<PDQHash>, _ radius: Int,
        _ negatives: Bool, _ hits: UnsafeMutableBufferPointer<vigil_scan_hit>
    ) -> Int {
        // Sound: PDQHash is one SIMD4<UInt64>, four words without padding.
        hashes.withUnsafeBytes { bytes in
            vigil_hamming_scan(
                bytes.assumingMemoryBound(to: UInt64.self).baseAddress.map { $0 + 4 * first },
                count,
                UnsafeRawBufferPointer(queries).assumingMemoryBound(to: UInt64.self)
                    .baseAddress, queries.count, UInt32(radius), negatives ? 1 : 0,
                hits.baseAddress, hits.count)
        }
    }
}

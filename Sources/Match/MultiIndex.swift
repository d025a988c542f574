// Multi-index hashing: exact search within a radius without looking at every hash.
//
// The 256 bits are cut into m chunks. Two hashes within r bits agree in at least one chunk to
// within floor(r / m) bits, and in fact in one of the first r mod m + 1 chunks, or to within one
// bit less in one of the others. So it is enough to look into the buckets of all values that near
// to each chunk of the query. Cost: buckets looked into, and candidates in them, N · buckets /
// 2^bits for each chunk; both are cache misses that the kernel fetches ahead. Fewer, wider chunks
// give fewer candidates and more buckets; `best` weighs them.
//
// Source: Norouzi, Punjani, Fleet, "Fast Exact Search in Hamming Space with Multi-Index Hashing"
// (2014).

internal import CHashKernels
internal import Dispatch
internal import Fingerprint

/// How the bits are cut, and what a search with it costs.
struct ChunkPlan: Sendable, Hashable {
    /// Chunks of equal width but for one bit.
    let chunks: Int

    static let narrowest = 8
    static let widest = 26
    /// Measured: a bucket looked into, and a candidate compared, in nanoseconds, fetched ahead.
    private static let bucketCost = 15.0
    private static let candidateCost = 30.0
    /// Measured: a hash compared in a linear scan, nanoseconds.
    static let scanCost = 1.5
    /// Bytes that the tables may take for each hash: less where there are many.
    private static func tableBytes(count: Int) -> Double { count > 4_000_000 ? 80 : 200 }

    func bits(_ chunk: Int) -> Int { 256 / chunks + (chunk < 256 % chunks ? 1 : 0) }

    func firstBit(_ chunk: Int) -> Int { 256 / chunks * chunk + min(chunk, 256 % chunks) }

    /// Bits by which a chunk may differ in a search within `radius`; negative: it need not be
    /// looked at.
    func chunkRadius(_ chunk: Int, radius: Int) -> Int {
        radius / chunks - (chunk <= radius % chunks ? 0 : 1)
    }

    /// Number of values that differ from one of `bits` bits by at most `radius`.
    static func values(bits: Int, within radius: Int) -> Int {
        guard radius >= 0 else { return 0 }
        var (sum, term) = (1, 1)
        for k in stride(from: 1, through: min(radius, bits), by: 1) {
            term = term * (bits - k + 1) / k
            sum += term
        }
        return sum
    }

    /// Expected nanoseconds of one search among `count` hashes.
    func cost(count: Int, radius: Int) -> Double {
        (0..<chunks).reduce(0.0) { sum, chunk in
            let probes = Double(
                Self.values(bits: bits(chunk), within: chunkRadius(chunk, radius: radius)))
            let candidates = probes * Double(count) / Double(1 << bits(chunk))
            return sum + probes * Self.bucketCost + candidates * Self.candidateCost
        }
    }

    /// The plan that costs least for sets of this size; `nil` where a linear scan costs less.
    static func best(count: Int, radius: Int) -> ChunkPlan? {
        let plans = (256 / widest + 1...256 / narrowest).map(ChunkPlan.init).filter { plan in
            let offsets = (0..<plan.chunks).reduce(0.0) { $0 + 4 * Double(1 << plan.bits($1)) }
            return plan.bits(0) <= widest
                && offsets / Double(max(1, count)) + 4 * Double(plan.chunks)
                    <= tableBytes(count: count)
        }
        let best = plans.min {
            $0.cost(count: count, radius: radius) < $1.cost(count: count, radius: radius)
        }
        guard let best, best.cost(count: count, radius: radius) < scanCost * Double(count) else {
            return nil
        }
        return best
    }
}

/// The tables of one set of hashes.
final class MultiIndex: @unchecked Sendable {
    // Sound: all memory is written in `init` and only read afterwards.
    private let plan: ChunkPlan
    private let count: Int
    private let firstBits: UnsafeMutablePointer<Int32>
    private let bits: UnsafeMutablePointer<Int32>
    private let offsets: Pointers
    private let ids: Pointers
    /// For each chunk, all values of few enough bits for the largest radius, the fewest bits first.
    private let flips: Pointers

    private typealias Pointers = UnsafeMutablePointer<UnsafePointer<UInt32>?>

    /// Builds the tables, a chunk a core.
    init(_ hashes: [PDQHash], plan: ChunkPlan, maximumRadius: Int) {
        let chunks = plan.chunks
        self.plan = plan
        count = hashes.count
        firstBits = .allocate(capacity: chunks)
        bits = .allocate(capacity: chunks)
        offsets = .allocate(capacity: chunks)
        ids = .allocate(capacity: chunks)
        flips = .allocate(capacity: chunks)
        var tables: [Table] = []
        for chunk in 0..<chunks {
            let table = Table(
                first: Int32(plan.firstBit(chunk)), bits: Int32(plan.bits(chunk)),
                hashCount: hashes.count)
            let values = Self.flips(
                bits: plan.bits(chunk), within: plan.chunkRadius(chunk, radius: maximumRadius))
            (firstBits + chunk).initialize(to: table.first)
            (bits + chunk).initialize(to: table.bits)
            (offsets + chunk).initialize(to: UnsafePointer(table.offsets))
            (ids + chunk).initialize(to: UnsafePointer(table.ids))
            (flips + chunk).initialize(to: UnsafePointer(values))
            tables.append(table)
        }
        let made = tables
        DispatchQueue.concurrentPerform(iterations: chunks) { made[$0].fill(hashes) }
    }

    deinit {
        for chunk in 0..<plan.chunks {
            for pointers in [offsets, ids, flips] { pointers[chunk]?.deallocate() }
        }
        for pointers in [offsets, ids, flips] { pointers.deallocate() }
        firstBits.deallocate()
        bits.deallocate()
    }

    /// Expected nanoseconds of a search.
    func cost(radius: Int) -> Double { plan.cost(count: count, radius: radius) }

    /// Calls `body` with each hash within `radius`, in no order, some several times.
    /// - Parameters:
    ///   - hashes: those that the tables were built of.
    ///   - radius: at most the one that they were built for.
    func search(
        _ hashes: [PDQHash], for query: PDQHash, radius: Int,
        _ body: (_ id: UInt32, _ distance: UInt16) -> Void
    ) {
        let probes = (0..<plan.chunks).map { chunk in
            Int32(
                ChunkPlan.values(
                    bits: plan.bits(chunk), within: plan.chunkRadius(chunk, radius: radius)))
        }
        var room = 256
        while true {
            let found = withUnsafeTemporaryAllocation(of: UInt32.self, capacity: room) { ids in
                withUnsafeTemporaryAllocation(of: UInt16.self, capacity: room) { distances in
                    let found = run(hashes, query, probes, radius, ids, distances)
                    if found <= room {
                        for index in 0..<found { body(ids[index], distances[index]) }
                    }
                    return found
                }
            }
            guard found > room else { return }
            room = found
        }
    }

    private func run(
        _ hashes: [PDQHash], _ query: PDQHash, _ probes: [Int32], _ radius: Int,
        _ found: UnsafeMutableBufferPointer<UInt32>,
        _ distances: UnsafeMutableBufferPointer<UInt16>
    ) -> Int {
        hashes.withUnsafeBytes { hashes in
            withUnsafeBytes(of: query.words) { query in
                var index = vigil_multi_index(
                    hashes: hashes.assumingMemoryBound(to: UInt64.self).baseAddress,
                    chunks: Int32(plan.chunks), first_bit: firstBits, bits: bits, offsets: offsets,
                    ids: ids, flips: flips)
                return vigil_multi_index_search(
                    &index, query.assumingMemoryBound(to: UInt64.self).baseAddress, probes,
                    UInt32(radius), found.baseAddress, distances.baseAddress, found.count)
            }
        }
    }

    /// All values of `bits` bits with at most `radius` bits set, the fewest set first.
    private static func flips(bits: Int, within radius: Int) -> UnsafeMutablePointer<UInt32> {
        var values: [UInt32] = []
        if radius >= 0 { values.append(0) }
        var ring: [UInt32] = [0]
        for _ in 0..<max(0, min(radius, bits)) {
            // Each value of one more bit once: bits are added above the highest that is set.
            ring = ring.flatMap { value in
                (32 - value.leadingZeroBitCount..<bits).map { value | 1 << UInt32($0) }
            }
            values += ring
        }
        let pointer = UnsafeMutablePointer<UInt32>.allocate(capacity: max(1, values.count))
        pointer.initialize(from: values, count: values.count)
        return pointer
    }
}

/// The buckets of one chunk while they are filled.
private struct Table: @unchecked Sendable {
    // Sound: each table is filled by one thread, which no other reads before all have ended.
    let first: Int32
    let bits: Int32
    let offsets: UnsafeMutablePointer<UInt32>
    let ids: UnsafeMutablePointer<UInt32>

    init(first: Int32, bits: Int32, hashCount: Int) {
        self.first = first
        self.bits = bits
        offsets = .allocate(capacity: (1 << Int(bits)) + 1)
        ids = .allocate(capacity: max(1, hashCount))
    }

    /// Sorts the ids of all hashes by the chunk's value: a counting sort.
    func fill(_ hashes: [PDQHash]) {
        let buckets = 1 << Int(bits)
        offsets.initialize(repeating: 0, count: buckets + 1)
        hashes.withUnsafeBytes { bytes in
            guard let words = bytes.assumingMemoryBound(to: UInt64.self).baseAddress else { return }
            for id in 0..<hashes.count {
                offsets[Int(vigil_chunk(words + 4 * id, first, bits)) + 1] += 1
            }
            for bucket in 1..<buckets + 1 { offsets[bucket] += offsets[bucket - 1] }
            // The starts move up while ids are placed, and are then each its successor's old value.
            for id in 0..<hashes.count {
                let bucket = Int(vigil_chunk(words + 4 * id, first, bits))
                ids[Int(offsets[bucket])] = UInt32(id)
                offsets[bucket] += 1
            }
            for bucket in stride(from: buckets, to: 0, by: -1) {
                offsets[bucket] = offsets[bucket - 1]
            }
            offsets[0] = 0
        }
    }
}

// How multi-index hashing cuts the bits, and what a search will cost.
//
// The 256 bits are cut into m chunks. Two hashes within r bits of each other agree in at least one
// chunk to within floor(r / m) bits, and in fact in one of the first r mod m + 1 chunks, or to
// within one bit less in one of the others. So it is enough to look into the buckets of all keys
// that near to each chunk of the query. Cost: buckets looked into, entries in them, and candidates
// among the entries, whose signatures pass; see multi_index.c. Wider keys give fewer entries and
// more buckets. `best` weighs them within the memory that the tables may take.
//
// The costs were measured on one core of a Zen 4 server. What counts is their ratio, which follows
// from the number of cache lines that each touches and so is much the same elsewhere.

internal import CHashKernels

/// How the bits are cut.
struct ChunkPlan: Sendable, Hashable {
    /// Number of chunks, each of 256 / chunks bits, rounded down or up.
    let chunks: Int
    /// Bits of a chunk that choose the bucket.
    let keyBits: Int

    static let narrowest = 8
    static let widest = 26
    /// Numbers of chunks that are worth a look.
    private static let chunkCounts = 8...32
    /// Nanoseconds for a bucket looked into, an entry tested and a candidate compared.
    private static let bucketCost = 30.0
    private static let entryCost = 2.5
    private static let candidateCost = 40.0
    /// Nanoseconds for a hash laid out for a linear scan.
    private static let layoutCost = 1.2
    /// Most keys to flip to that are listed for one chunk.
    private static let mostFlips = 1 << 18

    /// The plan of so many chunks with as wide a key as fits, or with a given one.
    init(chunks: Int, keyBits: Int? = nil) {
        self.chunks = chunks
        self.keyBits = keyBits ?? min(Self.widest, 256 / chunks)
        precondition(self.keyBits <= min(Self.widest, 256 / chunks), "a key fits its chunk")
    }

    /// Bits by which each chunk may differ in a search within `radius`; -1: it need not be looked
    /// at.
    func radii(within radius: Int) -> [Int] {
        (0..<chunks).map { radius / chunks - ($0 <= radius % chunks ? 0 : 1) }
    }

    /// Bits of an entry that number `count` hashes.
    static func idBits(count: Int) -> Int {
        Int.bitWidth - max(1, count - 1).leadingZeroBitCount
    }

    /// Bits that follow the key in an entry, beside the number.
    func signatureBits(count: Int) -> Int {
        min(32 - Self.idBits(count: count), 2 * (256 / chunks) - keyBits)
    }

    /// How many of the signature's bits belong to the same chunk as the key.
    func restBits(count: Int) -> Int {
        min(256 / chunks - keyBits, signatureBits(count: count))
    }

    /// Blocks of the directory of one chunk.
    var directoryBlocks: Int {
        let buckets = VIGIL_DIRECTORY_BUCKETS
        return ((1 << keyBits) + buckets - 1) / buckets
    }

    /// Bytes of all tables for `count` hashes.
    func tableBytes(count: Int) -> Int { chunks * (directoryBlocks * 64 + count * 4) }

    /// The largest radius, up to `limit`, for which the keys to flip to are few enough to list.
    func largestRadius(limit: Int) -> Int {
        var radius = limit
        while radius >= chunks, Self.values(bits: keyBits, within: radius / chunks) > Self.mostFlips
        {
            radius = radius / chunks * chunks - 1
        }
        return radius
    }

    /// What one search among `count` hashes is expected to look at.
    struct Work {
        var buckets = 0.0
        var entries = 0.0
        var candidates = 0.0

        /// Nanoseconds.
        var cost: Double {
            buckets * bucketCost + entries * entryCost + candidates * candidateCost
        }
    }

    /// What one search among `count` hashes is expected to look at, were they random.
    func work(count: Int, radius: Int) -> Work {
        let radii = radii(within: radius)
        let load = Double(count) / Double(1 << keyBits)
        let rest = restBits(count: count)
        let beyond = signatureBits(count: count) - rest
        var work = Work()
        for (chunk, own) in radii.enumerated() {
            let both = own + radii[(chunk + 1) % chunks] + 1
            for bits in stride(from: 0, through: own, by: 1) {
                let buckets = Self.binomial(keyBits, bits)
                var passing = 0.0
                for other in stride(from: 0, through: min(rest, own - bits), by: 1) {
                    passing +=
                        Self.binomial(rest, other) / Double(1 << rest)
                        * Self.share(bits: beyond, within: both - bits - other)
                }
                work.buckets += buckets
                work.entries += buckets * load
                work.candidates += buckets * load * passing
            }
        }
        return work
    }

    /// Expected nanoseconds for each of `queries` queries in a linear scan that they share.
    static func scanCost(
        count: Int, queries: Int, radius: Int, negatives: Bool = false
    ) -> Double {
        Double(count)
            * (layoutCost / Double(max(1, queries)) + compareCost(radius, negatives: negatives))
    }

    /// Nanoseconds for a query compared with a hash: the further it looks, the more of the four
    /// words it has to count (hamming.c).
    private static func compareCost(_ radius: Int, negatives: Bool) -> Double {
        (radius <= 40 ? 0.13 : radius <= 72 ? 0.2 : 1.3) * (negatives ? 1.35 : 1)
    }

    /// The plan that costs least for sets of this size; `nil` where a linear scan costs less.
    static func best(count: Int, radius: Int) -> ChunkPlan? {
        // Tables for millions of hashes must not take much more than the hashes themselves.
        let most = count * (count > 4_000_000 ? 56 : 80)
        var best: (plan: ChunkPlan, cost: Double)?
        for chunks in chunkCounts {
            for keyBits in narrowest...max(narrowest, min(widest, 256 / chunks)) {
                let plan = ChunkPlan(chunks: chunks, keyBits: keyBits)
                guard plan.tableBytes(count: count) <= most else { continue }
                guard plan.largestRadius(limit: radius) == radius else { continue }
                let cost = plan.work(count: count, radius: radius).cost
                if cost < best?.cost ?? scanCost(count: count, queries: 1, radius: radius) {
                    best = (plan, cost)
                }
            }
        }
        return best?.plan
    }

    /// Number of values that differ from one of `bits` bits by at most `radius`.
    static func values(bits: Int, within radius: Int) -> Int {
        stride(from: 0, through: min(bits, radius), by: 1)
            .reduce(0) { $0 + Int(bounded: binomial(bits, $1)) }
    }

    /// Share of all values of `bits` bits that differ from one of them by at most `radius`.
    private static func share(bits: Int, within radius: Int) -> Double {
        Double(values(bits: bits, within: radius)) / Double(1 << bits)
    }

    private static func binomial(_ bits: Int, _ chosen: Int) -> Double {
        stride(from: 0, to: chosen, by: 1)
            .reduce(1.0) { $0 * Double(bits - $1) / Double($1 + 1) }.rounded()
    }
}

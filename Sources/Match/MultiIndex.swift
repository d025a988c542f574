// Multi-index hashing: exact search within a radius without looking at every hash. How it works is
// told in ChunkPlan.swift and multi_index.c; here the tables are built and searched.
//
// Invariants: all memory is written in `init` and only read afterwards; the hashes are not kept,
// so a search must be given those that the tables were built of.

internal import CHashKernels
internal import Dispatch
internal import Fingerprint

/// The tables of one set of hashes.
final class MultiIndex: @unchecked Sendable {
    // Sound: all memory is written in `init` and only read afterwards.
    private let plan: ChunkPlan
    private let count: Int
    /// The largest radius that can be searched with.
    let largestRadius: Int
    private let blocks: LargeMemory<vigil_directory_block>
    private let overflow: LargeMemory<UInt32>
    private let entries: LargeMemory<UInt32>
    /// All values of few bits, the fewest bits first, and where those of each number of bits end.
    private let flips: LargeMemory<UInt32>
    private let flipEnds: LargeMemory<UInt32>
    /// For each radius, by how many bits each chunk may differ.
    private let radii: LargeMemory<Int32>
    private let works: [ChunkPlan.Work]

    /// Builds the tables, a chunk a core.
    /// - Parameter largestRadius: the largest radius wanted; see `largestRadius`.
    init(_ hashes: [PDQHash], plan: ChunkPlan, largestRadius: Int) {
        precondition(hashes.count < UInt32.max, "an entry numbers its hash with 32 bits")
        self.plan = plan
        count = hashes.count
        self.largestRadius = plan.largestRadius(limit: largestRadius)
        blocks = LargeMemory(count: plan.chunks * plan.directoryBlocks)
        overflow = LargeMemory(count: plan.chunks * Self.overflowPitch(hashes.count))
        entries = LargeMemory(count: plan.chunks * hashes.count)
        let chunkRadius = self.largestRadius / plan.chunks
        flips = LargeMemory(count: ChunkPlan.values(bits: plan.keyBits, within: chunkRadius))
        flipEnds = LargeMemory(count: chunkRadius + 1)
        radii = LargeMemory(count: (self.largestRadius + 1) * plan.chunks)
        works = (0...self.largestRadius).map { plan.work(count: hashes.count, radius: $0) }
        fillFlips(within: chunkRadius)
        for radius in 0...self.largestRadius {
            for (chunk, bits) in plan.radii(within: radius).enumerated() {
                (radii.start + radius * plan.chunks + chunk).initialize(to: Int32(bits))
            }
        }
        fillTables(hashes)
    }

    /// Bytes of the tables.
    var byteCount: Int {
        blocks.byteCount + overflow.byteCount + entries.byteCount + flips.byteCount
            + radii.byteCount
    }

    /// What a search within `radius`, at most `largestRadius`, is expected to look at.
    func work(radius: Int) -> ChunkPlan.Work { works[radius] }

    /// Every hash within `radius`, in index order; `nil` if more than `limit` entries would have to
    /// be looked at.
    /// - Parameters:
    ///   - hashes: those that the tables were built of.
    ///   - radius: at most `largestRadius`.
    func search(
        _ hashes: UnsafePointer<UInt64>, for query: PDQHash, radius: Int, limit: Int
    ) -> [HashIndex.Neighbour]? {
        var index = description(hashes)
        // Few enough to stand on the stack; where there are more, the result is large as well.
        var room = 64
        while true {
            let (found, neighbours) = withUnsafeTemporaryAllocation(
                of: vigil_hit.self, capacity: room
            ) { hits -> (Int, [HashIndex.Neighbour]) in
                let found = withUnsafeBytes(of: query.words) { words in
                    vigil_multi_index_search(
                        &index, words.assumingMemoryBound(to: UInt64.self).baseAddress,
                        radii.start + radius * plan.chunks, UInt32(radius), limit,
                        hits.baseAddress, hits.count)
                }
                guard found > 0, found <= hits.count else { return (found, []) }
                var written = UnsafeMutableBufferPointer(rebasing: hits[..<found])
                written.sort { $0.id < $1.id }
                return (found, written.map { .init(index: Int($0.id), distance: Int($0.distance)) })
            }
            if found == Self.tooMany { return nil }
            if found <= room { return neighbours }
            room = found
        }
    }

    /// VIGIL_TOO_MANY as Swift reads the C function's result.
    private static let tooMany = Int(bitPattern: UInt.max)

    private static func overflowPitch(_ count: Int) -> Int {
        (count >> 16) * (VIGIL_DIRECTORY_BUCKETS + 1)
    }

    private func description(_ hashes: UnsafePointer<UInt64>) -> vigil_multi_index {
        vigil_multi_index(
            hashes: hashes, count: count, chunks: Int32(plan.chunks),
            key_bits: Int32(plan.keyBits), id_bits: Int32(ChunkPlan.idBits(count: count)),
            signature_bits: Int32(plan.signatureBits(count: count)),
            rest_bits: Int32(plan.restBits(count: count)), block_pitch: plan.directoryBlocks,
            overflow_pitch: Self.overflowPitch(count), blocks: blocks.start,
            overflow: overflow.start, entries: entries.start, flips: flips.start,
            flip_ends: flipEnds.start)
    }

    private func fillTables(_ hashes: [PDQHash]) {
        hashes.withUnsafeBytes { bytes in
            // Sound: PDQHash is one SIMD4<UInt64>, four words without padding; an empty array may
            // have no memory, and then none of it is read.
            guard let words = bytes.assumingMemoryBound(to: UInt64.self).baseAddress else { return }
            // Sound: the threads only read this, and end before the memory is let go.
            nonisolated(unsafe) let index = description(words)
            DispatchQueue.concurrentPerform(iterations: plan.chunks) { chunk in
                let scratch = LargeMemory<UInt32>(count: (1 << plan.keyBits) + 1)
                withUnsafePointer(to: index) { index in
                    vigil_multi_index_fill(
                        index, Int32(chunk), scratch.start,
                        blocks.start + chunk * plan.directoryBlocks,
                        overflow.start + chunk * Self.overflowPitch(count),
                        entries.start + chunk * count)
                }
            }
        }
    }

    private func fillFlips(within chunkRadius: Int) {
        var end = 0
        for bits in 0...chunkRadius {
            // The values of so many bits in ascending order, each from the one before.
            var value: UInt64 = (1 << UInt64(bits)) - 1
            while value < 1 << UInt64(plan.keyBits) {
                (flips.start + end).initialize(to: UInt32(value))
                end += 1
                if bits == 0 { break }
                let lowest = value & (~value + 1)
                let carried = value + lowest
                value = (carried ^ value) >> 2 / lowest | carried
            }
            (flipEnds.start + bits).initialize(to: UInt32(end))
        }
    }
}

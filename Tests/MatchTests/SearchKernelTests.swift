// The C kernels of the search against scalar twins in Swift.

import CHashKernels
import Fingerprint
import Match
import TestSupport
import Testing

@Suite struct SearchKernelTests {
    private struct ScanHit: Equatable {
        var query: Int
        var id: Int
        var distance: Int
    }

    private func scan(
        _ hashes: [PDQHash], _ queries: [PDQHash], _ radius: Int, complements: Bool = false,
        capacity: Int
    ) -> (found: Int, hits: [ScanHit]) {
        var hits = [vigil_scan_hit](repeating: vigil_scan_hit(), count: capacity)
        // Sound: PDQHash is four words without padding.
        let found = hashes.withUnsafeBytes { hashes in
            queries.withUnsafeBytes { queries in
                vigil_hamming_scan(
                    hashes.assumingMemoryBound(to: UInt64.self).baseAddress, hashes.count / 32,
                    queries.assumingMemoryBound(to: UInt64.self).baseAddress, queries.count / 32,
                    UInt32(radius), complements ? 1 : 0, &hits, capacity)
            }
        }
        let written = hits.prefix(min(found, capacity)).map {
            ScanHit(query: Int($0.query), id: Int($0.id), distance: Int($0.distance))
        }
        return (found, written)
    }

    @Test(arguments: [0, 1, 2, 63, 64, 65, 128, 255, VIGIL_SCAN_BLOCK])
    func scanIsTheSameAsItsTwin(_ size: Int) {
        var random = SeededGenerator(seed: UInt64(size))
        let base = random.hash()
        let hashes = (0..<size).map { random.neighbour(of: base, at: $0 % 70) }
        let queries = [base, random.hash(), .zero, random.neighbour(of: base, at: 20)]
        for radius in [0, 1, 31, 40, 41, 64, 255, 256] {
            let twin = queries.enumerated().flatMap { number, query in
                bruteForce(hashes, query, radius).map {
                    ScanHit(query: number, id: $0.index, distance: $0.distance)
                }
            }
            let all = scan(hashes, queries, radius, capacity: 4 * size)
            #expect(all.found == twin.count && all.hits == twin, "radius \(radius)")
            let few = scan(hashes, queries, radius, capacity: size / 3)
            #expect(few.found == twin.count && few.hits == Array(twin.prefix(size / 3)))
        }
    }

    @Test(arguments: [1, 63, 64, 65, VIGIL_SCAN_BLOCK])
    func scanForComplementsIsTheSameAsItsTwin(_ size: Int) {
        var random = SeededGenerator(seed: UInt64(size))
        let base = random.hash()
        let hashes = (0..<size).map {
            random.neighbour(of: $0 % 2 == 0 ? base : base.complement, at: $0 % 90)
        }
        let queries = [base, random.hash(), base.complement]
        for radius in [0, 31, 64, 72, 73, 100] {
            let twin = queries.enumerated().flatMap { number, query in
                hashes.enumerated().compactMap { id, hash -> ScanHit? in
                    let distance = hash.distance(to: query)
                    guard distance <= radius || 256 - distance <= radius else { return nil }
                    return ScanHit(query: number, id: id, distance: distance)
                }
            }
            let all = scan(hashes, queries, radius, complements: true, capacity: 4 * size)
            #expect(all.found == twin.count && all.hits == twin, "radius \(radius)")
        }
    }

    /// One chunk's table as lists of entries, by its keys.
    private func filled(
        _ hashes: [PDQHash], chunks: Int, chunk: Int, keyBits: Int, signatureBits: Int, idBits: Int
    ) -> [[UInt32]] {
        let each = VIGIL_DIRECTORY_BUCKETS
        let buckets = 1 << keyBits
        var starts = [UInt32](repeating: 7, count: buckets + 1)
        var blocks = [vigil_directory_block](
            repeating: vigil_directory_block(), count: (buckets + each - 1) / each)
        var overflow = [UInt32](repeating: 7, count: (hashes.count >> 16) * (each + 1) + 1)
        var entries = [UInt32](repeating: 7, count: hashes.count)
        hashes.withUnsafeBytes { bytes in
            var index = vigil_multi_index()
            index.hashes = bytes.assumingMemoryBound(to: UInt64.self).baseAddress
            index.count = hashes.count
            index.chunks = Int32(chunks)
            index.key_bits = Int32(keyBits)
            index.id_bits = Int32(idBits)
            index.signature_bits = Int32(signatureBits)
            vigil_multi_index_fill(&index, Int32(chunk), &starts, &blocks, &overflow, &entries)
        }
        return (0..<buckets).map { key in
            let (start, end) = withUnsafeBytes(of: blocks[key / each]) { block in
                let base = block.load(as: UInt32.self)
                let ends = { block.load(fromByteOffset: 4 + 2 * $0, as: UInt16.self) }
                if base == .max {
                    let wide = Int(ends(0)) * (each + 1) + key % each
                    return (Int(overflow[wide]), Int(overflow[wide + 1]))
                }
                let start = key % each == 0 ? 0 : Int(ends(key % each - 1))
                return (Int(base) + start, Int(base) + Int(ends(key % each)))
            }
            return Array(entries[start..<end])
        }
    }

    private func twin(
        _ hashes: [PDQHash], chunks: Int, chunk: Int, keyBits: Int, signatureBits: Int, idBits: Int
    ) -> [[UInt32]] {
        var buckets = [[UInt32]](repeating: [], count: 1 << keyBits)
        for (id, hash) in hashes.enumerated() {
            let first = chunk * 256 / chunks
            let bits = { (range: Range<Int>) in
                range.reversed().reduce(UInt32(0)) {
                    $0 << 1 | (hash.bit((first + $1) % 256) ? 1 : 0)
                }
            }
            let signature = bits(keyBits..<keyBits + signatureBits)
            buckets[Int(bits(0..<keyBits))].append(signature << UInt32(idBits) | UInt32(id))
        }
        return buckets
    }

    @Test func tablesAreFilledAsTheirTwins() {
        var random = SeededGenerator(seed: 4)
        let hashes = (0..<700).map { _ in random.hash() }
        for (chunks, keyBits, signatureBits) in [
            (16, 8, 20), (16, 10, 22), (11, 12, 22), (20, 9, 0),
        ] {
            for chunk in [0, 1, chunks / 2, chunks - 1] {
                let filled = filled(
                    hashes, chunks: chunks, chunk: chunk, keyBits: keyBits,
                    signatureBits: signatureBits, idBits: 10)
                let twin = twin(
                    hashes, chunks: chunks, chunk: chunk, keyBits: keyBits,
                    signatureBits: signatureBits, idBits: 10)
                #expect(filled == twin, "chunk \(chunk) of \(chunks)")
            }
        }
    }

    @Test func bucketsOfMoreThanSixteenBitsCountAreFilledAsTheirTwins() {
        var random = SeededGenerator(seed: 6)
        let (one, other) = (random.hash(), random.hash())
        var hashes = (0..<1000).map { _ in random.hash() }
        hashes += [PDQHash](repeating: one, count: 66_000)
        hashes += [PDQHash](repeating: other, count: 65_536)
        hashes += (0..<1000).map { _ in random.hash() }
        let filled = filled(
            hashes, chunks: 16, chunk: 3, keyBits: 9, signatureBits: 14, idBits: 18)
        let twin = twin(hashes, chunks: 16, chunk: 3, keyBits: 9, signatureBits: 14, idBits: 18)
        #expect(filled == twin)
    }
}

// The inner loops by themselves (hashing a luma plane, searching an index), and a keyframe scan of a
// made clip from the file to the hits. Run with `swift package benchmark` in the folder Benchmarks.
// Times have no committed thresholds: they depend on the machine and its mood. Instructions do not,
// and `Benchmarks/instructions` compares those.

import Benchmark
import Decode
import Fingerprint
import Foundation
import Known
import Match
import Run

/// A plane with structure at all scales; its content does not change what hashing costs.
private func plane(width: Int, height: Int) -> [UInt8] {
    (0..<width * height).map { index in
        let (x, y) = (index % width, index / width)
        return UInt8(truncatingIfNeeded: (x * y) >> 8 ^ x >> 1 ^ y)
    }
}

/// Hashes that are the same in every run, so that what is allocated for them is too.
private func hashes(_ count: Int, seed: UInt64) -> [PDQHash] {
    var state = seed
    func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
    return (0..<count).map { _ in PDQHash(words: SIMD4(next(), next(), next(), next())) }
}

private func pdqBenchmarks() {
    for (width, height) in [(640, 360), (1280, 720), (1920, 1080), (3840, 2160)] {
        Benchmark("PDQ of a \(width)x\(height) luma plane") { benchmark in
            let luma = plane(width: width, height: height)
            var hasher = PDQHasher()
            luma.withUnsafeBufferPointer { samples in
                guard let base = samples.baseAddress else { return }
                let view = LumaPlane(base: base, width: width, height: height, stride: width)
                blackHole(hasher.hash(view).hash)
                benchmark.startMeasurement()
                for _ in benchmark.scaledIterations { blackHole(hasher.hash(view).hash) }
                benchmark.stopMeasurement()
            }
        }
    }
}

private func indexBenchmarks() {
    for count in [10_000, 100_000, 1_000_000] {
        Benchmark("64 look-ups, radius 31, \(count) hashes") { benchmark in
            let list = hashes(count, seed: 1)
            let index = HashIndex(list)
            // Half of the queries are in the list.
            let queries = hashes(32, seed: 2) + list[..<32]
            benchmark.startMeasurement()
            for _ in benchmark.scaledIterations {
                blackHole(index.neighbours(ofAll: queries, within: 31))
            }
            benchmark.stopMeasurement()
        }
    }
}

/// A known set of random hashes: what a scan pays for when nothing matches.
private func knownIndex(_ count: Int) throws -> KnownIndex {
    var set = KnownSet(name: "benchmark", createdUnixSeconds: 0)
    for (number, hash) in hashes(count, seed: 3).enumerated() {
        try set.add(
            KnownItem(id: "item-\(number)", kind: .image),
            hashes: [KnownHash(hash: hash, quality: 100)])
    }
    return KnownIndex([set], policy: MatchPolicy())
}

/// Reads, samples, decodes, hashes and looks up the keyframes of a file, on one thread.
private func scan(_ path: String, _ index: KnownIndex) throws -> Int {
    var hits = 0
    var pipeline = Pipeline()
    pipeline.jobs = 1
    var reader = MediaFingerprints(pipeline: pipeline, form: .luma, stopSwitch: StopSwitch())
    guard case .input(let input)? = InputWalker([path]).next() else { return 0 }
    let result = reader.examine(input) { _, forms in hits += index.hits(forms).count }
    precondition(result?.status == .examined, "the clip was not scanned")
    return hits
}

private func scanBenchmarks() {
    Benchmark("keyframe scan, 1 min of 640x360 MPEG-4, 10000 hashes") { benchmark in
        let path = FileManager.default.temporaryDirectory
            .appending(path: "vigil-benchmark-\(UUID().uuidString).mp4").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        // MPEG-4: every FFmpeg can encode it, and always the same way.
        let clip = try SyntheticClip(
            SyntheticSettings(
                codec: .mpeg4, width: 640, height: 360, kilobitsPerSecond: 800,
                keyframeInterval: 2, keyframes: 2), limit: 60, interrupt: Interrupt())
        try clip.write(to: path, as: .mp4, repeats: 15)
        let index = try knownIndex(10_000)
        blackHole(try scan(path, index))
        benchmark.startMeasurement()
        for _ in benchmark.scaledIterations { blackHole(try scan(path, index)) }
        benchmark.stopMeasurement()
    }
}

let benchmarks: @Sendable () -> Void = {
    Benchmark.defaultConfiguration = .init(
        metrics: [.wallClock, .cpuUser, .throughput], maxDuration: .seconds(3))
    pdqBenchmarks()
    indexBenchmarks()
    scanBenchmarks()
}

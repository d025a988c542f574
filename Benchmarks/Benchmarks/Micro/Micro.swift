// The two inner loops by themselves: hashing a luma plane, and searching an index.
// Run with `swift package benchmark` in the folder Benchmarks.

import Benchmark
import Fingerprint
import Match

/// A plane with structure at all scales; its content does not change what hashing costs.
private func plane(width: Int, height: Int) -> [UInt8] {
    (0..<width * height).map { index in
        let (x, y) = (index % width, index / width)
        return UInt8(truncatingIfNeeded: (x * y) >> 8 ^ x >> 1 ^ y)
    }
}

private func hashes(_ count: Int) -> [PDQHash] {
    var random = SystemRandomNumberGenerator()
    return (0..<count).map { _ in
        PDQHash(words: SIMD4(random.next(), random.next(), random.next(), random.next()))
    }
}

let benchmarks: @Sendable () -> Void = {
    Benchmark.defaultConfiguration = .init(
        metrics: [.wallClock, .cpuUser, .throughput], maxDuration: .seconds(3))

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

    for count in [10_000, 100_000, 1_000_000] {
        Benchmark("index look-up, radius 31, \(count) hashes") { benchmark in
            let index = HashIndex(hashes(count))
            let queries = hashes(64)
            benchmark.startMeasurement()
            for iteration in benchmark.scaledIterations {
                blackHole(index.neighbours(of: queries[iteration % 64], within: 31))
            }
            benchmark.stopMeasurement()
        }
    }
}

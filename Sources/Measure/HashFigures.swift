// Luma down-sampling, PDQ, and look-ups: no files, no codecs.

internal import Decode
internal import Fingerprint
internal import Glibc
internal import Match

extension Bench {
    private static let resolutions = [(640, 360), (1280, 720), (1920, 1080), (3840, 2160)]

    func lumaJobs() -> [Job] {
        pictureJobs { resolution, plane in
            var hasher = PDQHasher()
            let timing = try stopwatch.time { _ in consume(hasher.downsample(plane)) }
            return .luma(
                LumaFigure(resolution: resolution, time: timing.milliseconds))
        }
    }

    func pdqJobs() -> [Job] {
        pictureJobs { resolution, plane in
            var hasher = PDQHasher()
            let timing = try stopwatch.time { _ in consume(hasher.hash(plane).hash) }
            return .pdq(
                PDQFigure(
                    resolution: resolution, time: timing.milliseconds,
                    perSecond: significant(1 / timing.wall.median)))
        }
    }

    private func pictureJobs(
        _ measure: @escaping (String, LumaPlane) throws -> BenchFigure
    ) -> [Job] {
        Self.resolutions.map { width, height in
            let resolution = "\(width)x\(height)"
            return Job(what: resolution) {
                let film = SyntheticFilm(width: width, height: height, loopFrames: 1)
                return try film.luma(frame: 0).withUnsafeBufferPointer { samples in
                    // Non-nil: a film has a size.
                    let plane = LumaPlane(
                        base: samples.baseAddress!, width: width, height: height, stride: width,
                        range: .limited)
                    return try measure(resolution, plane)
                }
            }
        }
    }
}

// MARK: - Look-ups

extension Bench {
    private static let queries = 1000
    /// Of these, planted ones that are looked for once to see that the index works at all.
    private static let checkedQueries = 20

    func indexJobs() -> [Job] {
        settings.indexSizes.map { count in
            Job(what: "\(count) hashes") { try indexFigure(count: count) }
        }
    }

    private func indexFigure(count: Int) throws -> BenchFigure {
        let radius = MatchPolicy().radius
        // A quarter more, for the build.
        try Memory.require(bytes: HashIndex.plannedBytes(count: count, radius: radius) * 5 / 4)
        var random = NoiseGenerator(seed: UInt64(count))
        let hashes = Self.randomHashes(count, &random)
        let queries = Self.queries(of: hashes, radius: radius, &random)
        let start = Clock.wall()
        let index = HashIndex(hashes, radius: radius)
        let buildSeconds = Clock.wall() - start
        for query in stride(from: 1, to: 2 * Self.checkedQueries, by: 2)
        where index.neighbours(of: queries[query], within: radius).isEmpty {
            throw MeasureError("a look-up did not find what was planted: the index is at fault")
        }
        let timing = try stopwatch.time { number in
            consume(index.neighbours(of: queries[number % queries.count], within: radius))
        }
        return .index(
            IndexFigure(
                hashes: count, radius: radius,
                medianMicroseconds: significant(timing.wall.median * 1e6),
                bestMicroseconds: significant(timing.wall.best * 1e6),
                p90Microseconds: significant(timing.wall.p90 * 1e6),
                cpuMicroseconds: significant(timing.cpu.median * 1e6),
                buildSeconds: significant(buildSeconds),
                bytesPerHash: significant(Double(index.byteCount) / Double(count)),
                engine: index.usesTables(radius: radius) ? "multi-index" : "scan"))
    }

    static func randomHashes(_ count: Int, _ random: inout NoiseGenerator) -> [PDQHash] {
        (0..<count).map { _ in
            PDQHash(words: SIMD4(random.next(), random.next(), random.next(), random.next()))
        }
    }

    /// Every second one lies within the radius of a hash of the list, at any distance alike.
    private static func queries(
        of hashes: [PDQHash], radius: Int, _ random: inout NoiseGenerator
    ) -> [PDQHash] {
        var queries = randomHashes(queries, &random)
        for query in stride(from: 1, to: queries.count, by: 2) {
            queries[query] = hashes[Int.random(in: hashes.indices, using: &random)]
            var bits = Set<Int>()
            let distance = Int.random(in: 0...radius, using: &random)
            while bits.count < distance { bits.insert(Int.random(in: 0..<256, using: &random)) }
            for bit in bits { queries[query].words[bit >> 6] ^= 1 << UInt64(bit & 63) }
        }
        return queries
    }
}

/// Memory of this machine.
enum Memory {
    /// Refuses what would drive the machine out of memory.
    static func require(bytes: Int) throws(MeasureError) {
        let line = text("/proc/meminfo").split(separator: "\n")
            .first { $0.hasPrefix("MemAvailable:") }
        guard let kibibytes = line?.split(separator: " ").dropFirst().first.flatMap({ Int($0) })
        else { return }
        guard bytes / 1024 <= kibibytes else {
            throw MeasureError(
                "needs about \(bytes >> 20) MiB of memory and \(kibibytes >> 10) MiB are free")
        }
    }

    private static func text(_ path: String) -> String {
        guard let file = fopen(path, "re") else { return "" }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 8192)
        let count = fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes[..<count], as: UTF8.self)
    }
}

// Figures that need clips: keyframe decoding, whole scans, and the cost of live streams.

internal import Decode
internal import Fingerprint
internal import Match
internal import Report
internal import Run

extension Bench {
    private func clipJobs(
        _ codecs: [SyntheticCodec],
        _ measure: @escaping (SyntheticCodec, ClipProfile) throws -> BenchFigure
    ) -> [Job] {
        codecs.flatMap { codec in
            ClipProfile.all.map { profile in
                Job(what: "\(codec.name) \(profile.name)") { try measure(codec, profile) }
            }
        }
    }

    /// Opens the keyframes of a clip.
    private func replay(
        _ clip: SyntheticClip, _ clips: ClipShelf
    ) throws -> KeyframeReplay {
        try clips.withFile(clip, as: .mp4, repeats: 1) { path in
            try KeyframeReplay(.file(path), limit: settings.keyframes, interrupt: Interrupt())
        }
    }
}

// MARK: - Decoding

extension Bench {
    func decodeJobs(_ clips: ClipShelf) -> [Job] {
        clipJobs(settings.codecs) { codec, profile in
            var replay = try replay(clips.clip(codec, profile), clips)
            let timing = try stopwatch.time { consume(try replay.decode($0)) }
            return .decode(
                DecodeFigure(
                    codec: codec.rawValue, resolution: profile.resolution,
                    time: timing.milliseconds, keyframes: replay.count,
                    keyframeBytes: replay.byteCount / replay.count))
        }
    }
}

// MARK: - Whole scans

extension Bench {
    func pipelineJobs(_ clips: ClipShelf) -> [Job] {
        clipJobs(settings.codecs) { codec, profile in
            let clip = try clips.clip(codec, profile)
            let index = try clips.knownList()
            let store = try SQLiteStore(directory: folder.file("state"))
            return try clips.withFile(clip, as: .mp4, repeats: clips.repeats(of: clip)) { path in
                try pipelineFigure(clip, profile, path: path, index: index, store: store)
            }
        }
    }

    private func pipelineFigure(
        _ clip: SyntheticClip, _ profile: ClipProfile, path: String, index: KnownIndex,
        store: SQLiteStore
    ) throws -> BenchFigure {
        var pipeline = Pipeline()
        pipeline.jobs = 1
        var (cpu, mediaSeconds): ([Double], Double) = ([], 0)
        let wall = try stopwatch.time { number in
            let start = Clock.processCPU()
            let scan = ScanRun(
                inputs: [path], pipeline: pipeline, index: index, store: store,
                stopSwitch: stopSwitch)
            var problem: String?
            let summary = scan.run { event in
                if case .input(let result) = event { problem = result.error }
            }
            guard summary.inputs == 1, problem == nil, summary.mediaSeconds > 0 else {
                throw MeasureError("the scan failed: \(problem ?? "no input was examined")")
            }
            mediaSeconds = summary.mediaSeconds
            // The first run warms up.
            if number > 0 { cpu.append(Clock.processCPU() - start) }
        }.wall
        let cpuSpread = Spread(cpu)
        return .pipeline(
            PipelineFigure(
                codec: clip.settings.codec.rawValue, resolution: profile.resolution,
                keyframeIntervalSeconds: settings.keyframeInterval,
                mediaSeconds: significant(mediaSeconds),
                cpuSeconds: significant(cpuSpread.median),
                bestCPUSeconds: significant(cpuSpread.best),
                wallSeconds: significant(wall.median), runs: cpuSpread.count))
    }
}

// MARK: - Live streams

extension Bench {
    /// The codecs that live streams come in, in a transport stream.
    func streamJobs(_ clips: ClipShelf) -> [Job] {
        let codecs = settings.codecs.filter { $0 == .h264 || $0 == .hevc }
        return clipJobs(codecs) { codec, profile in
            let clip = try clips.clip(codec, profile)
            let index = try clips.knownList()
            let demux = try demuxCost(clip, clips)
            var replay = try replay(clip, clips)
            let decode = try decodeCost(&replay)
            var frames: [[FrameFingerprint]] = []
            let hash = try hashCost(&replay, into: &frames)
            let match = try stopwatch.time { consume(index.hits(frames[$0 % frames.count])) }
            return .streams(
                StreamFigure(
                    profile: profile.name, codec: codec.rawValue,
                    kilobitsPerSecond: clip.kilobitsPerSecond,
                    cost: StreamCost(
                        demux: demux, decode: decode, hash: hash, match: match.cpu.median,
                        keyframeInterval: settings.keyframeInterval),
                    hashes: index.hashCount))
        }
    }

    /// CPU seconds of reading all packets, for each second of media.
    private func demuxCost(_ clip: SyntheticClip, _ clips: ClipShelf) throws -> Double {
        let repeats = clips.repeats(of: clip)
        return try clips.withFile(clip, as: .mpegts, repeats: repeats) { path in
            let expected = repeats * clip.settings.keyframes
            let timing = try stopwatch.time { _ in
                var walk = try PacketWalk(.file(path), interrupt: Interrupt())
                let count = try walk.readAll()
                guard count.keyframes == expected else {
                    throw MeasureError(
                        "\(count.keyframes) keyframes were read instead of \(expected)")
                }
            }
            return timing.cpu.median / (clip.settings.seconds * Double(repeats))
        }
    }

    /// CPU seconds of decoding one keyframe, a mean over the clip's.
    private func decodeCost(_ replay: inout KeyframeReplay) throws -> Double {
        var sum = 0.0
        for number in 0..<replay.count {
            sum += try stopwatch.part(of: replay.count).time { _ in
                consume(try replay.decode(number))
            }.cpu.median
        }
        return sum / Double(replay.count)
    }

    /// CPU seconds of hashing one keyframe in all forms.
    private func hashCost(
        _ replay: inout KeyframeReplay, into frames: inout [[FrameFingerprint]]
    ) throws -> Double {
        var hasher = PDQHasher()
        var costs: [Double] = []
        let effort = Pipeline().effort
        for number in 0..<replay.count {
            let frame = try replay.decode(number)
            let (width, height) = (frame.width, frame.height)
            let timing = try frame.withSamples { base, stride in
                let plane = LumaPlane(
                    base: base, width: width, height: height, stride: stride, range: .limited)
                return try stopwatch.part(of: replay.count).time { _ in
                    consume(
                        hasher.spectrum(of: plane)?
                            .fingerprints(effort: effort, mediaTime: 0, frame: 0))
                }
            }
            costs.append(timing.cpu.median)
            let forms = frame.withSamples { base, stride in
                hasher.spectrum(
                    of: LumaPlane(
                        base: base, width: width, height: height, stride: stride, range: .limited)
                )?.fingerprints(effort: effort, mediaTime: 0, frame: 0) ?? []
            }
            guard forms.first.map({ $0.quality >= MatchPolicy().minimumQuality }) == true else {
                throw MeasureError("a keyframe has too little structure to be compared")
            }
            frames.append(forms)
        }
        return Spread(costs).median
    }
}

extension Stopwatch {
    /// One that shares the time out among several.
    func part(of count: Int) -> Stopwatch {
        Stopwatch(budget: budget / Double(max(1, count)), stopSwitch: stopSwitch)
    }
}

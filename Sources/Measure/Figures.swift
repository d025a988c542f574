// What was measured, as the lines of `vigil bench --format jsonl`: units stand last in every name.

internal import Glibc

/// One figure.
public enum BenchFigure: Sendable {
    /// See `LumaFigure`.
    case luma(LumaFigure)
    /// See `PDQFigure`.
    case pdq(PDQFigure)
    /// See `IndexFigure`.
    case index(IndexFigure)
    /// See `DecodeFigure`.
    case decode(DecodeFigure)
    /// See `PipelineFigure`.
    case pipeline(PipelineFigure)
    /// See `StreamFigure`.
    case streams(StreamFigure)
}

/// How long one call takes, in milliseconds.
public struct CallTime: Sendable, Hashable, Encodable {
    /// Wall time, median.
    public var median: Double
    /// Wall time of the quickest.
    public var best: Double
    /// Nine in ten took no longer, wall time.
    public var p90: Double
    /// CPU time of the thread, median.
    public var cpu: Double

    private enum CodingKeys: String, CodingKey {
        case median = "median_ms"
        case best = "best_ms"
        case p90 = "p90_ms"
        case cpu = "cpu_ms"
    }
}

extension Timing {
    var milliseconds: CallTime {
        CallTime(
            median: significant(wall.median * 1000), best: significant(wall.best * 1000),
            p90: significant(wall.p90 * 1000), cpu: significant(cpu.median * 1000))
    }
}

/// Down-sampling of one luma plane to 64x64.
public struct LumaFigure: Sendable, Encodable {
    /// Width and height, as in `1920x1080`.
    public var resolution: String
    /// Time of one.
    public var time: CallTime

    private enum CodingKeys: String, CodingKey { case resolution }

    /// Writes the times beside the rest.
    public func encode(to encoder: any Encoder) throws {
        try time.encode(to: encoder)
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(resolution, forKey: .resolution)
    }
}

/// PDQ hash and quality of one luma plane.
public struct PDQFigure: Sendable, Encodable {
    /// Width and height, as in `1920x1080`.
    public var resolution: String
    /// Time of one.
    public var time: CallTime
    /// Hashes that one core computes in a second, by the median.
    public var perSecond: Double

    private enum CodingKeys: String, CodingKey {
        case resolution
        case perSecond = "per_second"
    }

    /// Writes the times beside the rest.
    public func encode(to encoder: any Encoder) throws {
        try time.encode(to: encoder)
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(resolution, forKey: .resolution)
        try values.encode(perSecond, forKey: .perSecond)
    }
}

/// Look-ups in a list of hashes; half of the queries have a neighbour in it.
public struct IndexFigure: Sendable, Encodable {
    /// Hashes in the list.
    public var hashes: Int
    /// Largest distance that is a hit, bits.
    public var radius: Int
    /// Wall time of one look-up, microseconds.
    public var medianMicroseconds: Double
    /// The quickest, microseconds.
    public var bestMicroseconds: Double
    /// Nine in ten took no longer, microseconds.
    public var p90Microseconds: Double
    /// CPU time of one look-up, median, microseconds.
    public var cpuMicroseconds: Double
    /// Wall time that building the index took, on all cores, seconds.
    public var buildSeconds: Double
    /// Memory of the index, hashes included.
    public var bytesPerHash: Double
    /// `scan` or `multi-index`.
    public var engine: String

    private enum CodingKeys: String, CodingKey {
        case hashes, radius, engine
        case medianMicroseconds = "median_us"
        case bestMicroseconds = "best_us"
        case p90Microseconds = "p90_us"
        case cpuMicroseconds = "cpu_us"
        case buildSeconds = "build_s"
        case bytesPerHash = "bytes_per_hash"
    }
}

/// Decoding one keyframe by itself to luma, on one thread.
public struct DecodeFigure: Sendable, Encodable {
    /// As in `h264`.
    public var codec: String
    /// Width and height, as in `1920x1080`.
    public var resolution: String
    /// Time of one.
    public var time: CallTime
    /// Different keyframes that were decoded in turn.
    public var keyframes: Int
    /// Mean size of a keyframe, encoded, bytes.
    public var keyframeBytes: Int

    private enum CodingKeys: String, CodingKey {
        case codec, resolution, keyframes
        case keyframeBytes = "keyframe_bytes"
    }

    /// Writes the times beside the rest.
    public func encode(to encoder: any Encoder) throws {
        try time.encode(to: encoder)
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(codec, forKey: .codec)
        try values.encode(resolution, forKey: .resolution)
        try values.encode(keyframes, forKey: .keyframes)
        try values.encode(keyframeBytes, forKey: .keyframeBytes)
    }
}

/// `vigil scan` of one MP4 file, from opening it to the end of the report stage.
public struct PipelineFigure: Sendable, Encodable {
    /// As in `h264`.
    public var codec: String
    /// Width and height, as in `1920x1080`.
    public var resolution: String
    /// From one keyframe to the next, seconds.
    public var keyframeIntervalSeconds: Double
    /// Length of the clip, seconds.
    public var mediaSeconds: Double
    /// CPU time of all threads, median of the runs, seconds.
    public var cpuSeconds: Double
    /// The least CPU time of a run, seconds.
    public var bestCPUSeconds: Double
    /// Wall time, median of the runs, seconds.
    public var wallSeconds: Double
    /// Runs measured.
    public var runs: Int

    private enum CodingKeys: String, CodingKey {
        case codec, resolution, runs
        case keyframeIntervalSeconds = "keyframe_interval_s"
        case mediaSeconds = "media_s"
        case cpuSeconds = "cpu_s"
        case bestCPUSeconds = "cpu_best_s"
        case wallSeconds = "wall_s"
    }
}

/// What one live stream costs, and how many of its kind a core can take.
public struct StreamFigure: Sendable, Encodable {
    /// As in `1080p30`.
    public var profile: String
    /// As in `h264`.
    public var codec: String
    /// Bits of the stream, thousands a second.
    public var kilobitsPerSecond: Double
    /// The parts of the cost.
    public var cost: StreamCost
    /// Hashes in the list that is looked into.
    public var hashes: Int

    private enum CodingKeys: String, CodingKey {
        case profile, codec, hashes
        case kilobitsPerSecond = "bitrate_kbps"
        case keyframeInterval = "keyframe_interval_s"
        case demux = "demux_ms_per_media_s"
        case decode = "decode_ms_per_media_s"
        case hash = "hash_ms_per_media_s"
        case match = "match_ms_per_media_s"
        case cpu = "cpu_ms_per_media_s"
        case streams = "streams_per_core"
    }

    /// Writes the parts as milliseconds of CPU for each second of media.
    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(profile, forKey: .profile)
        try values.encode(codec, forKey: .codec)
        try values.encode(hashes, forKey: .hashes)
        try values.encode(significant(kilobitsPerSecond), forKey: .kilobitsPerSecond)
        try values.encode(cost.keyframeInterval, forKey: .keyframeInterval)
        try values.encode(significant(cost.demux * 1000), forKey: .demux)
        try values.encode(significant(cost.perSecond(cost.decode) * 1000), forKey: .decode)
        try values.encode(significant(cost.perSecond(cost.hash) * 1000), forKey: .hash)
        try values.encode(significant(cost.perSecond(cost.match) * 1000), forKey: .match)
        try values.encode(significant(cost.cpuPerMediaSecond * 1000), forKey: .cpu)
        try values.encode(significant(cost.streamsPerCore), forKey: .streams)
    }
}

/// CPU time that one live stream costs at the default policy, by parts; all in seconds.
///
/// Every packet is read; each keyframe is decoded, hashed, and looked up in all its forms.
public struct StreamCost: Sendable, Hashable {
    /// Reading and parsing all packets of one second of media.
    public var demux: Double
    /// Decoding one keyframe.
    public var decode: Double
    /// Hashing one keyframe in all forms that the effort asks for.
    public var hash: Double
    /// Looking up all forms of one keyframe.
    public var match: Double
    /// From one keyframe to the next.
    public var keyframeInterval: Double

    /// Makes a cost of its parts.
    public init(
        demux: Double, decode: Double, hash: Double, match: Double, keyframeInterval: Double
    ) {
        precondition(keyframeInterval > 0, "keyframes lie apart")
        self.demux = demux
        self.decode = decode
        self.hash = hash
        self.match = match
        self.keyframeInterval = keyframeInterval
    }

    /// What something costs for each second of media that is paid once a keyframe.
    public func perSecond(_ costOfKeyframe: Double) -> Double { costOfKeyframe / keyframeInterval }

    /// CPU seconds for each second of media.
    public var cpuPerMediaSecond: Double { demux + perSecond(decode + hash + match) }

    /// Streams whose cost adds up to all of one core.
    public var streamsPerCore: Double {
        cpuPerMediaSecond > 0 ? 1 / cpuPerMediaSecond : .infinity
    }
}

/// A number to four significant digits: more would claim a precision that is not there.
func significant(_ value: Double) -> Double {
    guard value.isFinite, value != 0 else { return 0 }
    let exponent = 3 - floor(log10(abs(value)))
    // Only whole powers of ten are exact, so none with a negative exponent is used.
    let scale = pow(10, abs(exponent))
    return exponent < 0 ? (value / scale).rounded() * scale : (value * scale).rounded() / scale
}

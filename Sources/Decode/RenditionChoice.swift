// Which of a stream's renditions is read.
//
// The perceptual hash looks at 64x64 points, so a small picture says as much as a large one and costs
// a tenth of the traffic. What decides is what the playlist says of a rendition; what it leaves out
// counts in the rendition's favour, because a stream that is not read is worse than one that is read
// at a higher price.

internal import CFFmpeg

/// Which rendition of a stream is read, where it comes in several.
public enum RenditionChoice: Sendable, Hashable {
    /// The smallest whose shorter side has at least so many lines; else the largest there is.
    ///
    /// An unknown size counts as large enough, after those that are known to be.
    case smallest(atLeastLines: Int)
    /// The first that can be decoded.
    case first
    /// The one with most lines.
    case largest

    /// Lines that the default asks for.
    public static let defaultLines = 240

    /// The choice for streams of which nothing else is said.
    public static let standard = RenditionChoice.smallest(atLeastLines: defaultLines)

    /// The words that stand for a choice in configuration.
    public static let words = ["smallest", "first", "largest"]

    /// Reads a word of configuration.
    /// - Parameter lines: what the smallest has to have at least.
    public init?(text: String, atLeastLines lines: Int = defaultLines) {
        switch text {
        case "smallest": self = .smallest(atLeastLines: lines)
        case "first": self = .first
        case "largest": self = .largest
        default: return nil
        }
    }
}

/// What a playlist or manifest says of one rendition.
struct Rendition: Hashable {
    /// How far it is of use, the best first.
    enum Fitness: Int, Comparable {
        /// It has video that can be decoded, or may have.
        case usable
        /// It says so little, and takes so little, that it is likely audio.
        case doubtful
        /// It has video, encrypted or of a codec that this FFmpeg has no decoder for.
        case undecodable
        /// It has no video.
        case noVideo

        static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
    }

    /// The shorter side of its picture, which is the height unless it stands upright.
    var lines: Int?
    /// Bits a second.
    var bandwidth: Int?
    var fitness = Fitness.usable

    /// Bandwidth below which nothing known of a rendition means that it is likely audio, bits/s.
    static let leastOfVideo = 100_000

    /// - Parameter codecs: as RFC 6381 writes them; empty where nothing is said.
    init(width: Int?, height: Int?, bandwidth: Int?, codecs: some StringProtocol) {
        self.init(
            width: width, height: height, bandwidth: bandwidth,
            fitness: CodecNames.fitness(of: codecs), saysCodecs: !codecs.isEmpty)
    }

    /// - Parameters:
    ///   - fitness: what can be done with its codecs.
    ///   - saysCodecs: whether it names any.
    init(width: Int?, height: Int?, bandwidth: Int?, fitness: Fitness, saysCodecs: Bool) {
        let sides = [width, height].compactMap { $0 }.filter { $0 > 0 }
        lines = sides.min()
        self.bandwidth = bandwidth
        self.fitness = fitness
        if lines == nil, !saysCodecs, let bandwidth, bandwidth < Self.leastOfVideo {
            self.fitness = .doubtful
        }
    }
}

extension RenditionChoice {
    /// Chooses among renditions.
    /// - Returns: the number of the chosen one; `nil` where there are none.
    func pick(from renditions: [Rendition]) -> Int? {
        guard let best = renditions.map(\.fitness).min() else { return nil }
        let able = renditions.indices.filter { renditions[$0].fitness == best }
        switch self {
        case .first: return able.first
        case .largest: return able.min { Self.isLarger(renditions[$0], renditions[$1]) }
        case .smallest(let least):
            let known = able.filter { (renditions[$0].lines ?? 0) >= least }
            let unknown = able.filter { renditions[$0].lines == nil }
            let enough = known.isEmpty ? unknown : known
            if enough.isEmpty { return able.min { Self.isLarger(renditions[$0], renditions[$1]) } }
            return enough.min { Self.isSmaller(renditions[$0], renditions[$1]) }
        }
    }

    private static func isSmaller(_ left: Rendition, _ right: Rendition) -> Bool {
        (left.lines ?? 0, left.bandwidth ?? .max) < (right.lines ?? 0, right.bandwidth ?? .max)
    }

    /// Of those that have as many lines, the cheaper is enough, unless lines are not known.
    private static func isLarger(_ left: Rendition, _ right: Rendition) -> Bool {
        guard left.lines == right.lines else { return (left.lines ?? 0) > (right.lines ?? 0) }
        guard left.lines == nil else {
            return (left.bandwidth ?? .max) < (right.bandwidth ?? .max)
        }
        return (left.bandwidth ?? 0) > (right.bandwidth ?? 0)
    }
}

/// Names of codecs in playlists and manifests (RFC 6381).
enum CodecNames {
    private static let video: [String: AVCodecID] = [
        "avc1": AV_CODEC_ID_H264, "avc2": AV_CODEC_ID_H264, "avc3": AV_CODEC_ID_H264,
        "avc4": AV_CODEC_ID_H264, "hvc1": AV_CODEC_ID_HEVC, "hev1": AV_CODEC_ID_HEVC,
        "dvh1": AV_CODEC_ID_HEVC, "dvhe": AV_CODEC_ID_HEVC, "dva1": AV_CODEC_ID_H264,
        "dvav": AV_CODEC_ID_H264, "vp8": AV_CODEC_ID_VP8, "vp08": AV_CODEC_ID_VP8,
        "vp9": AV_CODEC_ID_VP9, "vp09": AV_CODEC_ID_VP9, "av01": AV_CODEC_ID_AV1,
        "mp4v": AV_CODEC_ID_MPEG4, "mp2v": AV_CODEC_ID_MPEG2VIDEO, "theora": AV_CODEC_ID_THEORA,
    ]

    /// Sound, and text of captions.
    private static let notVideo: Set<String> = [
        "mp4a", "ac-3", "ec-3", "ac-4", "mp3", "opus", "vorbis", "flac", "alac", "dtsc", "dtse",
        "dtsh", "dtsl", "dtsx", "mha1", "mha2", "mhm1", "mhm2", "samr", "sawb", "iamf", "stpp",
        "wvtt", "tx3g", "ttml", "vtt", "webvtt",
    ]

    /// Most bytes of a list that are looked at, and names.
    private static let longest = 1024, most = 32

    /// What can be done with a rendition of these codecs.
    static func fitness(of codecs: some StringProtocol) -> Rendition.Fitness {
        var hasSound = false
        var hasUnknown = false
        for codec in codecs.utf8.prefix(longest).split(
            separator: UInt8(ascii: ","), maxSplits: most
        ).prefix(most) {
            let text = String(decoding: codec, as: UTF8.self)
            let name = String(text.drop { $0 == " " }.prefix { $0 != "." && $0 != " " })
            let lowered = name.lowercased()
            if let id = video[lowered] {
                return avcodec_find_decoder(id) == nil ? .undecodable : .usable
            }
            if notVideo.contains(lowered) {
                hasSound = true
            } else if !name.isEmpty {
                hasUnknown = true
            }
        }
        if hasUnknown { return .undecodable }
        return hasSound ? .noVideo : .usable
    }
}

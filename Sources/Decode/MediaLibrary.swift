// What the FFmpeg libraries at hand can do, for `vigil doctor`.

internal import CFFmpeg

/// The FFmpeg libraries that this process is linked with.
public struct MediaLibrary: Sendable {
    private static let codecs: [(String, AVCodecID)] = [
        ("H.264", AV_CODEC_ID_H264), ("HEVC", AV_CODEC_ID_HEVC), ("VP8", AV_CODEC_ID_VP8),
        ("VP9", AV_CODEC_ID_VP9), ("AV1", AV_CODEC_ID_AV1), ("MPEG-2", AV_CODEC_ID_MPEG2VIDEO),
        ("MPEG-4", AV_CODEC_ID_MPEG4), ("MJPEG", AV_CODEC_ID_MJPEG), ("PNG", AV_CODEC_ID_PNG),
        ("WebP", AV_CODEC_ID_WEBP),
    ]

    /// Makes a description; asks the libraries only when a property is read.
    public init() {}

    /// FFmpeg's version, and libavcodec's.
    public var version: String {
        let number = avcodec_version()
        return
            "\(String(cString: av_version_info())), libavcodec \(number >> 16).\(number >> 8 & 255)"
    }

    /// Codecs that Vigil expects, by name.
    public var expectedDecoders: [String] { Self.codecs.map(\.0) }

    /// Those of them that cannot be decoded here.
    public var missingDecoders: [String] {
        Self.codecs.filter { avcodec_find_decoder($0.1) == nil }.map(\.0)
    }

    /// Largest block of memory that one input may ask for, bytes: a picture of 85 million RGB
    /// pixels.
    ///
    /// A small file can ask for a thousand times its size.
    static let maximumAllocation = 256 << 20

    /// Decoders that are open now, in the whole process: for tests of what is left behind.
    package static var openDecoders: Int { VideoDecoder.openCount }

    /// Sets what holds for the whole process: keeps the libraries from writing to standard error
    /// (what matters is in the errors they return) and bounds what they allocate at once.
    public static func prepare() {
        av_log_set_level(AV_LOG_QUIET)
        av_max_alloc(maximumAllocation)
    }
}

// What may be opened, and as what: the policy at the door of the demuxer.
//
// A file is opened by us (LocalFile), and libavformat reads it without knowing its name: a name such
// as `concat:a|b` or `shot%03d.png` means nothing to it. The format is found from content alone. Only
// formats that hold pictures and are met in practice are let in; the many odd ones that the library
// also has are attack surface (and its "tty" reads any text as video). Of those that are let in, HLS
// names other files, and MP4 can (never opened); a playlist on a disk may name files beneath its own
// folder, and is followed only where it is called a playlist.

internal import CFFmpeg
internal import Glibc

/// A file or a URL to examine.
public enum MediaInput: Sendable, Hashable {
    /// A path of the local file system, as `PathText` makes it.
    case file(String)
    /// A file that the walk of a directory came upon; never a link.
    case found(FoundFile)
    /// A URL of one of the protocols in `protocols`.
    case url(String)

    /// Takes text with a scheme that Vigil reads for a URL and all else for a path.
    public init(_ text: String) {
        let scheme = text.prefix { $0 != ":" }
        let isURL = text.dropFirst(scheme.count).hasPrefix("://")
        self = isURL && Self.schemes.contains(scheme.lowercased()) ? .url(text) : .file(text)
    }

    private static let schemes: Set<String> = ["http", "https"]

    /// The text without a URL's user, password and query, for people and records.
    public var redacted: String {
        switch self {
        case .file(let path): return PathText.readable(path)
        case .found(let found): return PathText.readable(found.path)
        case .url(let url):
            let bare = url.prefix { $0 != "?" && $0 != "#" }
            guard let scheme = bare.firstRange(of: "://") else { return String(bare) }
            let rest = bare[scheme.upperBound...]
            let authority = rest.prefix { $0 != "/" }
            guard let at = authority.lastIndex(of: "@") else { return String(bare) }
            return bare[..<scheme.upperBound] + String(rest[rest.index(after: at)...])
        }
    }

    /// The path of a file, as `PathText`; `nil` for a URL.
    public var path: String? {
        switch self {
        case .file(let path): path
        case .found(let found): found.path
        case .url: nil
        }
    }

    /// Whether it comes over a network.
    var isRemote: Bool { path == nil }

    /// Protocols of the library's that reading the input may use, nested ones (playlists, redirects)
    /// included: for files, which are opened for it, none that there is.
    var protocols: String {
        switch self {
        case .file, .found: "none"
        case .url: "http,https,tcp,tls,crypto,data"
        }
    }
}

/// The container formats that are let in, by libavformat's names.
enum MediaFormat {
    /// Video containers and raw video streams.
    private static let video = [
        "mov", "matroska", "mpegts", "mpeg", "avi", "flv", "live_flv", "hls", "asf", "ogg", "mxf",
        "rm", "h264", "hevc", "m4v", "mpegvideo", "ivf", "obu", "av1", "mjpeg", "gif", "apng",
        "nut",
        "dv", "swf", "vc1", "wtv", "yuv4mpegpipe", "gxf", "nsv", "cavsvideo", "dirac", "h263",
        "h261",
        "bink", "smk", "roq", "ivr", "pva", "film_cpk", "avs2", "avs3", "evc", "vvc",
    ]
    /// Single pictures, found by content.
    private static let pictures = [
        "png_pipe", "jpeg_pipe", "jpegls_pipe", "webp_pipe", "bmp_pipe", "tiff_pipe", "j2k_pipe",
        "gif_pipe", "pam_pipe", "pgm_pipe", "pgmyuv_pipe", "ppm_pipe", "psd_pipe", "qoi_pipe",
        "jpegxl_pipe", "dpx_pipe", "exr_pipe", "sgi_pipe", "pcx_pipe", "xbm_pipe", "xpm_pipe",
        "xwd_pipe", "sunrast_pipe", "pictor_pipe", "dds_pipe", "phm_pipe", "pfm_pipe", "hdr_pipe",
        "pgx_pipe", "pbm_pipe", "gem_pipe", "cri_pipe", "photocd_pipe", "vbn_pipe",
    ]
    /// Audio formats that can carry a cover picture.
    private static let audioWithCovers = ["mp3", "flac", "aiff", "ape", "wv"]
    /// Audio formats without pictures: known, so that the answer is "audio only".
    private static let audio: Set<String> = [
        "wav", "aac", "ac3", "eac3", "amr", "au", "caf", "dts", "adts", "w64", "tta", "mpc", "loas",
    ]

    private static let allowed = Set(video + pictures + audioWithCovers)

    /// For AVFormatContext.format_whitelist.
    static let whitelist = (video + pictures + audioWithCovers).joined(separator: ",")

    /// A format's names: libavformat lists aliases with commas ("mov,mp4,m4a,3gp,3g2,mj2").
    static func isAllowed(_ names: String) -> Bool {
        names.split(separator: ",").contains { allowed.contains(String($0)) }
    }

    static func isAudio(_ names: String) -> Bool {
        names.split(separator: ",").contains { audio.contains(String($0)) }
    }

    /// Text, subtitles and lists, which the library also has formats for.
    private static let text: Set<String> = [
        "tty", "srt", "ass", "webvtt", "microdvd", "subviewer", "subviewer1", "lrc", "ffmetadata",
        "concat", "sdp", "jacosub", "mpl2", "mpsub", "vplayer", "pjs", "realtext", "sami", "stl",
        "sup", "vobsub", "aqtitle", "scc", "dash", "imf", "svg_pipe", "tedcaptions", "hcom", "bin",
        "idf", "xbin", "adf", "webm_dash_manifest", "rtp", "rtsp", "image2", "image2pipe",
        "rawvideo",
    ]

    static func isText(_ names: String) -> Bool {
        names.split(separator: ",").contains { text.contains(String($0)) }
    }

    /// Formats without a header that lists all tracks: a video track may begin at any time.
    static func bringsTracksLater(_ names: String) -> Bool {
        ["mpegts", "mpeg", "flv", "live_flv", "hls"].contains(names)
    }

    static func isPicture(_ names: String) -> Bool { names.hasSuffix("_pipe") }

    /// Bytes of a file that tell whether it may be a playlist.
    private static let telling = 7

    /// Finds the format of a local file from its content.
    /// - Parameter path: its name, which says whether a playlist is meant as one.
    /// - Throws: `DecodeError` where it cannot be read or is in no format that is let in.
    static func probe(
        _ file: LocalFile, path: String, interrupt: Interrupt
    ) throws(DecodeError) -> UnsafePointer<AVInputFormat> {
        let io = try FileReader(file, interrupt: interrupt).makeContext(location: "")
        defer { vigil_io_close(io) }
        // The name says nothing, with one exception: newer versions take a text for a playlist only
        // if it is called one.
        let isPlaylist = file.beginning(telling)?.elementsEqual("#EXTM3U".utf8) ?? false
        var format: UnsafePointer<AVInputFormat>?
        let score = av_probe_input_buffer2(
            io, &format, isPlaylist ? "playlist.m3u8" : "", nil, 0, 0)
        guard score >= 0, let format else {
            if interrupt.reason != nil || score == -EIO {
                throw DecodeError(status: score, doing: "cannot read", interrupt: interrupt)
            }
            throw DecodeError(.notMedia, "not a picture or video in any format that Vigil reads")
        }
        let names = String(cString: format.pointee.name)
        guard isAllowed(names) else {
            if isAudio(names) {
                throw DecodeError(.noVideo, "audio only: there is no picture in it")
            }
            if score > AVPROBE_SCORE_MAX / 2, !isText(names) {
                throw DecodeError(.unsupported, "format \(names) is not one that Vigil reads")
            }
            throw DecodeError(.notMedia, "not a picture or video in any format that Vigil reads")
        }
        if isPlaylistFormat(names), let refusal = LocalPlaylist.refusal(ofName: path) {
            throw DecodeError(.refused, refusal)
        }
        return format
    }

    /// Whether files in it name others, which are to be opened too.
    static func isPlaylistFormat(_ names: String) -> Bool { names == "hls" }

    /// Whether a RIFF file (AVI) is shorter than its header says; the library does not tell.
    static func isTruncatedRIFF(_ file: LocalFile) -> Bool {
        guard let header = file.beginning(8), header.count == 8, let size = file.size,
            header.starts(with: "RIFF".utf8)
        else { return false }
        let declared = header[4...].reversed().reduce(Int64(0)) { $0 << 8 | Int64($1) }
        return declared + 8 > size + 1
    }
}

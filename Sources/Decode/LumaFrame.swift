// One decoded frame in a form that can be hashed, owned.
//
// Luma is the quick form: where the decoder's own Y plane is 8-bit it is lent in place, other pixel
// formats are converted to 8-bit grey. RGB is the reference's form: vPDQ hashes the luma of a
// picture converted to packed RGB by libswscale with accurate rounding, and only the same
// conversion gives the same bits (on frames of low contrast the Y plane's hash can be a dozen bits
// away: docs/decisions/0004).

internal import CFFmpeg
internal import Synchronization

/// The forms in which a frame can be had.
public enum FrameForm: Sendable, Hashable {
    /// 8-bit luma.
    case luma
    /// Packed 8-bit RGB, three bytes a pixel.
    case rgb
}

/// One picture and its media time.
public struct LumaFrame: ~Copyable, @unchecked Sendable {
    // Sound: the frame is uniquely owned, and nothing else refers to its AVFrame struct; the pixel
    // buffers behind it are reference-counted atomically by libavutil and not written again.
    private let frame: UnsafeMutablePointer<AVFrame>
    private let pool: FramePool

    /// Seconds from the start of the stream.
    public let mediaTime: Double
    /// Number of the frame in decoding order where every frame is decoded, else of the sample.
    public let number: Int
    /// Whether samples are 0…255 rather than 16…235.
    public let isFullRange: Bool
    /// Whether the decoder had to conceal errors in it.
    public let isDamaged: Bool

    /// What the samples are.
    public let form: FrameForm

    /// Takes over an AVFrame of the pool whose first plane is of the form.
    init(
        owning frame: UnsafeMutablePointer<AVFrame>, of pool: FramePool, form: FrameForm,
        mediaTime: Double, number: Int, isFullRange: Bool, isDamaged: Bool
    ) {
        self.form = form
        self.pool = pool
        self.frame = frame
        self.mediaTime = mediaTime
        self.number = number
        self.isFullRange = isFullRange
        self.isDamaged = isDamaged
    }

    deinit { pool.give(back: frame) }

    /// Pixels in a row.
    public var width: Int { Int(frame.pointee.width) }
    /// Number of rows.
    public var height: Int { Int(frame.pointee.height) }

    /// Lends the first row's first sample and the distance of rows in bytes, which can be negative.
    public borrowing func withSamples<Result>(
        _ body: (_ base: UnsafePointer<UInt8>, _ stride: Int) throws -> Result
    ) rethrows -> Result {
        // Non-nil: LumaConverter hands out only frames whose first plane is there.
        try body(UnsafePointer(frame.pointee.data.0!), Int(frame.pointee.linesize.0))
    }
}

/// Empty AVFrames for the next pictures; a few, because few pictures are in flight.
final class FramePool: Sendable {
    // Sound: a frame in the pool has no other owner.
    private struct Frames: @unchecked Sendable {
        var unused: [UnsafeMutablePointer<AVFrame>] = []
    }

    private static let most = 16
    private let frames = Mutex(Frames())

    deinit {
        frames.withLock {
            for frame in $0.unused {
                var freeing: UnsafeMutablePointer<AVFrame>? = frame
                av_frame_free(&freeing)
            }
        }
    }

    func take() throws(DecodeError) -> UnsafeMutablePointer<AVFrame> {
        if let frame = frames.withLock({ $0.unused.popLast() }) { return frame }
        guard let frame = av_frame_alloc() else { throw DecodeError(.io, "out of memory") }
        return frame
    }

    func give(back frame: UnsafeMutablePointer<AVFrame>) {
        av_frame_unref(frame)
        let isKept = frames.withLock {
            guard $0.unused.count < Self.most else { return false }
            $0.unused.append(frame)
            return true
        }
        var freeing: UnsafeMutablePointer<AVFrame>? = frame
        if !isKept { av_frame_free(&freeing) }
    }
}

/// Brings decoded frames into the form asked for; keeps the scaler between frames of one geometry.
struct LumaConverter: ~Copyable {
    let form: FrameForm
    private var scaler: OpaquePointer?
    private let pool = FramePool()

    /// Sides beyond this cost out of proportion to the picture.
    private static let longestSide: CInt = 65_535

    init(_ form: FrameForm) { self.form = form }

    deinit { sws_freeContext(scaler) }

    /// Takes the contents of `decoded` (which is empty afterwards).
    mutating func luma(
        taking decoded: UnsafeMutablePointer<AVFrame>, mediaTime: Double, number: Int
    ) throws(DecodeError) -> LumaFrame {
        let format = AVPixelFormat(decoded.pointee.format)
        guard let descriptor = av_pix_fmt_desc_get(format) else {
            throw DecodeError(.unsupported, "unknown pixel format")
        }
        let (width, height) = (decoded.pointee.width, decoded.pointee.height)
        guard (1...Self.longestSide).contains(width), (1...Self.longestSide).contains(height) else {
            throw DecodeError(
                .unsupported, "pictures of \(width)x\(height) pixels are not supported")
        }
        let isDamaged = VideoDecoder.isDamaged(decoded)
        let isFullRange = Self.isFullRange(decoded, format: format, descriptor: descriptor)
        let owned = try pool.take()
        if form == .luma, Self.hasLumaPlane(descriptor), decoded.pointee.data.0 != nil {
            av_frame_move_ref(owned, decoded)
        } else {
            do throws(DecodeError) {
                try convert(decoded, format: format, into: owned, isFullRange: isFullRange)
            } catch {
                pool.give(back: owned)
                throw error
            }
            av_frame_unref(decoded)
        }
        return LumaFrame(
            owning: owned, of: pool, form: form, mediaTime: mediaTime, number: number,
            isFullRange: isFullRange, isDamaged: isDamaged)
    }

    /// Whether the first plane is 8-bit luma, one byte a sample.
    private static func hasLumaPlane(_ descriptor: UnsafePointer<AVPixFmtDescriptor>) -> Bool {
        let refused =
            AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_BITSTREAM
            | AV_PIX_FMT_FLAG_HWACCEL
        let first = descriptor.pointee.comp.0
        return descriptor.pointee.flags & UInt64(refused) == 0 && first.depth == 8
            && first.step == 1 && first.shift == 0 && first.plane == 0 && first.offset == 0
    }

    /// Video that does not say is limited; pictures (RGB, and grey ones) that do not say are full.
    private static func isFullRange(
        _ frame: UnsafeMutablePointer<AVFrame>, format: AVPixelFormat,
        descriptor: UnsafePointer<AVPixFmtDescriptor>
    ) -> Bool {
        switch frame.pointee.color_range {
        case AVCOL_RANGE_JPEG: return true
        case AVCOL_RANGE_MPEG: return false
        default: break
        }
        let flags = descriptor.pointee.flags
        if flags & UInt64(AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL) != 0 { return true }
        switch format {
        case AV_PIX_FMT_YUVJ420P, AV_PIX_FMT_YUVJ422P, AV_PIX_FMT_YUVJ444P, AV_PIX_FMT_YUVJ440P,
            AV_PIX_FMT_YUVJ411P:
            return true
        default: return descriptor.pointee.nb_components < 3
        }
    }

    private mutating func convert(
        _ source: UnsafeMutablePointer<AVFrame>, format: AVPixelFormat,
        into target: UnsafeMutablePointer<AVFrame>, isFullRange: Bool
    ) throws(DecodeError) {
        let (width, height) = (source.pointee.width, source.pointee.height)
        let wanted = form == .luma ? AV_PIX_FMT_GRAY8 : AV_PIX_FMT_RGB24
        scaler = sws_getCachedContext(
            scaler, width, height, format, width, height, wanted,
            (form == .luma ? SWS_POINT : 0) | SWS_ACCURATE_RND, nil, nil, nil)
        guard let scaler else {
            let name = av_get_pix_fmt_name(format).map { String(cString: $0) } ?? "unknown"
            throw DecodeError(.unsupported, "pixel format \(name) cannot be converted")
        }
        if form == .luma {
            // Same range on both sides: luma is copied, not stretched, as it is where the plane is
            // lent.
            let range: CInt = isFullRange ? 1 : 0
            let coefficients = sws_getCoefficients(SWS_CS_DEFAULT)
            sws_setColorspaceDetails(
                scaler, coefficients, range, coefficients, range, 0, 1 << 16, 1 << 16)
        }
        target.pointee.format = wanted.rawValue
        target.pointee.width = width
        target.pointee.height = height
        let allocated = av_frame_get_buffer(target, 0)
        guard allocated >= 0 else { throw DecodeError(.io, "out of memory for a picture") }
        guard vigil_scale(scaler, source, target) == height else {
            throw DecodeError(.damaged, "a picture could not be converted")
        }
    }
}

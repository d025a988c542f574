// What one decoder is given memory for: asked before each picture, told when one is let go.
//
// Three questions of the library's are answered here. Which pixel format (asked where a stream's
// parameters change, before the decoder makes its own tables for the new size); memory for a picture
// (with the size as it is stored, which a stream can crop to nothing); and, for decoders with an
// allocator of their own, the most pixels. Pictures count from the moment they have memory until the
// last reference goes, wherever that is. Buffers that the library keeps for its next picture are as
// many as were in use at once, so the peak says what a decoder that is idle holds.

internal import CAllocator
internal import CFFmpeg
internal import Glibc
internal import Synchronization

/// Runs one call of the libraries, in which memory of this thread may grow so far.
/// - Returns: what it returned, and whether memory was refused.
func withMemory<Result>(
    atMost bytes: Int, _ body: () -> Result
) -> (result: Result, wasRefused: Bool) {
    vigil_budget_begin(bytes)
    let result = body()
    return (result, vigil_budget_end())
}

extension TrackCodec {
    /// What the container's word for the size is refused with; `nil` where it may be so large.
    func refusal(by limits: PictureLimits) -> PictureRefusal? {
        let (width, height) = (Int(parameters.pointee.width), Int(parameters.pointee.height))
        guard width > 0, height > 0, !limits.admits(width, height) else { return nil }
        return PictureRefusal(width: width, height: height, limits)
    }
}

/// Belongs to one decoder; asked on any of its threads.
final class PictureAllowance: Sendable {
    private struct Shape: Hashable {
        var format: CInt = -1
        var width = 0, height = 0

        init() {}

        init(_ frame: UnsafeMutablePointer<AVFrame>) {
            format = frame.pointee.format
            (width, height) = (Int(frame.pointee.width), Int(frame.pointee.height))
        }
    }

    private struct State {
        var bytes = 0
        /// The most that was held since pictures have this shape.
        var peak = 0
        var shape = Shape()
        var refusal: PictureRefusal?
    }

    let limits: PictureLimits
    private let shared: PictureBudget?
    private let state = Mutex(State())

    init(_ limits: PictureLimits, sharing shared: PictureBudget?) {
        self.limits = limits
        self.shared = shared
    }

    /// The most memory that the decoder's pictures took since they have their size, bytes.
    var peakBytes: Int { state.withLock { $0.peak } }

    /// Why a picture was refused that was asked for since this was taken last.
    func takeRefusal() -> PictureRefusal? { state.withLock { $0.refusal.take() } }

    func refuse(_ refusal: PictureRefusal) { state.withLock { $0.refusal = refusal } }

    /// Gives a reason where there is no better one.
    func refuse(atLeast refusal: PictureRefusal) {
        state.withLock { $0.refusal = $0.refusal ?? refusal }
    }

    /// Makes a context ask before it takes memory; must outlive it.
    func install(
        in context: UnsafeMutablePointer<AVCodecContext>, _ codec: UnsafePointer<AVCodec>
    ) {
        context.pointee.opaque = Unmanaged.passUnretained(self).toOpaque()
        // The decoders of AV1 have allocators of their own. All others ask for each picture, and are
        // let so far that it is known which size they ask for.
        let hasAllocator = codec.pointee.id == AV_CODEC_ID_AV1
        context.pointee.max_pixels = hasAllocator ? limits.roundedPixels : Int64(CInt.max)
        vigil_allow_callbacks_on_any_thread(context)
        context.pointee.get_format = { context, formats in
            guard let context, let allowance = PictureAllowance.of(context) else {
                return AV_PIX_FMT_NONE
            }
            // Of HEVC the size may still be that of before.
            guard context.pointee.codec_id != AV_CODEC_ID_HEVC else {
                return avcodec_default_get_format(context, formats)
            }
            let width = max(context.pointee.coded_width, context.pointee.width)
            let height = max(context.pointee.coded_height, context.pointee.height)
            guard allowance.admits(stored: Int(width), Int(height), of: context) else {
                return AV_PIX_FMT_NONE
            }
            return avcodec_default_get_format(context, formats)
        }
        context.pointee.get_buffer2 = { context, frame, flags in
            guard let context, let frame, let allowance = PictureAllowance.of(context) else {
                return -EINVAL
            }
            return allowance.giveBuffer(to: frame, of: context, flags)
        }
    }

    private static func of(_ context: UnsafeMutablePointer<AVCodecContext>) -> PictureAllowance? {
        // Sound: the decoder that installed it holds a strong reference.
        context.pointee.opaque.map {
            Unmanaged<PictureAllowance>.fromOpaque($0).takeUnretainedValue()
        }
    }

    /// Whether memory may be taken for pictures that are stored at a size; where not, notes it, with
    /// the size that is shown where that alone is too large.
    private func admits(
        stored width: Int, _ height: Int, of context: UnsafeMutablePointer<AVCodecContext>
    ) -> Bool {
        let shown = (Int(context.pointee.width), Int(context.pointee.height))
        let isShown = shown.0 > 0 && shown.1 > 0 && !limits.admits(shown.0, shown.1)
        if !isShown, limits.admitsMemory(for: width, height) { return true }
        let size = isShown ? shown : (width, height)
        refuse(PictureRefusal(width: size.0, height: size.1, limits))
        return false
    }

    /// Whether a decoded picture is within the limits; where not, notes it.
    func admits(shown frame: UnsafeMutablePointer<AVFrame>) -> Bool {
        let (width, height) = (Int(frame.pointee.width), Int(frame.pointee.height))
        if limits.admits(width, height) { return true }
        refuse(PictureRefusal(width: width, height: height, limits))
        return false
    }

    private func giveBuffer(
        to frame: UnsafeMutablePointer<AVFrame>, of context: UnsafeMutablePointer<AVCodecContext>,
        _ flags: CInt
    ) -> CInt {
        let shape = Shape(frame)
        guard admits(stored: shape.width, shape.height, of: context) else { return -EINVAL }
        let bytes = vigil_picture_bytes(frame)
        guard bytes >= 0, take(Int(bytes), shape) else { return -ENOMEM }
        var status = avcodec_default_get_buffer2(context, frame, flags)
        guard status >= 0 else {
            give(Int(bytes))
            if Int(bytes) > MediaLibrary.maximumAllocation {
                refuse(atLeast: PictureRefusal(block: MediaLibrary.maximumAllocation))
            }
            return status
        }
        let held = Unmanaged.passRetained(self)
        status = vigil_note_release(frame, Int(bytes), held.toOpaque()) { opaque, bytes in
            guard let opaque else { return }
            // Sound: retained for this picture just before.
            let allowance = Unmanaged<PictureAllowance>.fromOpaque(opaque).takeRetainedValue()
            allowance.give(Int(bitPattern: bytes))
        }
        if status < 0 {
            held.release()
            give(Int(bytes))
        }
        return status
    }

    private func take(_ count: Int, _ shape: Shape) -> Bool {
        state.withLock { state in
            guard state.bytes + count <= limits.mostBytes else {
                state.refusal = PictureRefusal(bytes: limits)
                return false
            }
            guard shared?.take(count, beside: state.bytes) ?? true else {
                state.refusal = .noRoom
                return false
            }
            state.bytes += count
            if state.shape != shape { (state.shape, state.peak) = (shape, 0) }
            state.peak = max(state.peak, state.bytes)
            return true
        }
    }

    private func give(_ count: Int) {
        state.withLock { $0.bytes -= count }
        shared?.give(count)
    }
}

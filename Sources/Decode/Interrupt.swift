// The way out of a blocking libavformat call: a cancel flag and a deadline, both looked at by the
// interrupt callback, which the library calls from inside every wait.
//
// One Interrupt belongs to one input. The reader re-arms the deadline before each call; any thread
// may cancel. A protocol's own time-out is not relied upon: several do not fire on a source that
// stalls without closing.

internal import CFFmpeg
internal import Synchronization

/// Cancels or times out the blocking reads of one input; safe to use from any thread.
public final class Interrupt: Sendable {
    private let cancelled = Atomic<Bool>(false)
    private let expired = Atomic<Bool>(false)
    /// Monotonic microseconds after which a wait is given up; 0 is never.
    private let deadline = Atomic<Int64>(0)
    /// Ends a wait that does not ask the callback; called on the thread that cancels.
    private let waker = Mutex<(@Sendable () -> Void)?>(nil)

    /// Makes an interrupt that lets everything pass.
    public init() {}

    /// Ends the call in progress and all later ones with an error of code `cancelled`.
    public func cancel() {
        cancelled.store(true, ordering: .relaxed)
        waker.withLock { $0?() }
    }

    /// Sets what `cancel` calls besides; it is not called any more once this returns.
    func onCancel(_ wake: (@Sendable () -> Void)?) { waker.withLock { $0 = wake } }

    /// Milliseconds until the deadline, rounded up; `nil` where there is none.
    var remainingMilliseconds: Int64? {
        let limit = deadline.load(ordering: .relaxed)
        return limit == 0 ? nil : max(0, (limit - av_gettime_relative()) / 1000 + 1)
    }

    /// Whether `cancel` was called.
    public var isCancelled: Bool { cancelled.load(ordering: .relaxed) }

    /// Gives the next calls this many seconds from now before they end with code `timedOut`.
    func arm(seconds: Double) {
        expired.store(false, ordering: .relaxed)
        deadline.store(
            av_gettime_relative() + Int64(bounded: seconds * 1_000_000), ordering: .relaxed)
    }

    /// What to report when a call ended because of this interrupt.
    var reason: DecodeError? {
        if isCancelled {
            return DecodeError(.cancelled, "stopped before it was examined to its end")
        }
        if expired.load(ordering: .relaxed) {
            return DecodeError(.timedOut, "no data for too long; the source stalls")
        }
        return nil
    }

    /// Whether the time that was given has passed, or `cancel` was called.
    var isOverdue: Bool { shouldStop }

    private var shouldStop: Bool {
        if isCancelled { return true }
        let limit = deadline.load(ordering: .relaxed)
        guard limit != 0, av_gettime_relative() > limit else { return false }
        expired.store(true, ordering: .relaxed)
        return true
    }

    /// The callback for an AVFormatContext that lives no longer than this object.
    var callback: AVIOInterruptCB {
        AVIOInterruptCB(
            callback: { opaque in
                guard let opaque else { return 0 }
                // Sound: the demuxer that installed the callback holds a strong reference.
                let interrupt = Unmanaged<Interrupt>.fromOpaque(opaque).takeUnretainedValue()
                return interrupt.shouldStop ? 1 : 0
            }, opaque: Unmanaged.passUnretained(self).toOpaque())
    }
}

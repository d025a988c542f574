// What a playlist or manifest may cost, while it is read and over time.
//
// Limits that each hold for a part multiply: Periods times segments times bytes. So there is one
// budget for the whole of one load, which every loop over a stranger's list asks, together with the
// interrupt and the processor's time; and one for each minute of an input, from one connection to the
// next, since a list is loaded again for ever. What does not fit is refused and says why.

internal import Glibc
internal import Synchronization

/// Limits of one playlist or manifest.
package enum ListLimits {
    /// Longest text, as it is sent and as it is rewritten, bytes.
    package static let textBytes = 4 << 20
    /// Most lines of a playlist.
    package static let lines = 500_000
    /// Most segments of a list that is over: a day of two seconds each.
    package static let segments = 50_000
    /// Newest segments that are kept of a playlist that goes on.
    package static let liveSegments = 256
    /// What the library may hold of all lists of a connection at a time, bytes: it keeps a whole
    /// address for each segment.
    package static let heldBytes = 12 << 20
    /// What it may hold of initializations, which it keeps from one load to the next, bytes.
    package static let initializationBytes = 8 << 20
    /// Lists of a connection that are told apart.
    package static let listsOfConnection = 128
    /// Most elements of a manifest.
    package static let elements = 100_000
    /// Most attributes of one element, and namespaces that are declared at one place.
    package static let attributes = 256
    /// Newest segments, and bytes of their addresses, that are looked at of all Periods of a live
    /// manifest.
    package static let liveManifestSegments = 1024, liveManifestBytes = 1 << 20
    /// Processor time of one load, seconds.
    package static let loadSeconds = 0.25
    /// Processor time of an input's lists in a minute, seconds.
    package static let secondsPerMinute = 1.0
    /// Longest wait for that time, seconds; below every limit of silence.
    package static let longestWait = 4.0
}

/// The budget of one load of one list; belongs to the thread that loads it.
public final class ListLoad {
    private let interrupt: Interrupt
    private let limit: Double
    private let started = ListLoad.processorTime()
    private var steps = 0
    private var segments = 0
    private var bytes = 0

    /// Steps between two looks at the clock, which costs a system call.
    private static let stepsBetween = 512

    /// Begins a load.
    /// - Parameter seconds: processor time that it may take.
    package init(_ interrupt: Interrupt, seconds: Double = ListLimits.loadSeconds) {
        self.interrupt = interrupt
        limit = seconds
    }

    /// Processor time that it has taken so far, seconds.
    package var seconds: Double { max(0, Self.processorTime() - started) }

    /// Counts work of about a tenth of a microsecond.
    /// - Throws: `DecodeError` where the interrupt or the budget ends it.
    package func step(_ count: Int = 1) throws(DecodeError) {
        steps &+= count
        if steps >= Self.stepsBetween {
            steps = 0
            try check()
        }
    }

    private func check() throws(DecodeError) {
        if interrupt.isOverdue {
            throw interrupt.reason ?? DecodeError(.timedOut, "no data for too long")
        }
        guard seconds <= limit else {
            throw DecodeError(
                .refused, "a playlist or manifest takes more than \(limit) s of processor time")
        }
    }

    /// Counts segments of a manifest that is over.
    package func take(segments count: Int) throws(DecodeError) {
        // Each count is below 2^53.
        segments += min(count, ListLimits.segments + 1)
        guard segments <= ListLimits.segments else {
            throw DecodeError(
                .refused, "the manifest names more than \(ListLimits.segments) segments")
        }
    }

    /// Counts bytes of addresses that a manifest is written with.
    package func take(bytes count: Int) throws(DecodeError) {
        bytes += count
        guard bytes <= ListLimits.textBytes else {
            throw DecodeError(
                .refused,
                "the manifest's addresses take more than \(ListLimits.textBytes >> 20) MiB in all")
        }
        try step(1 + count / 64)
    }

    /// Processor time of this thread, seconds.
    private static func processorTime() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}

/// Processor time in a minute; a pure value.
package struct ProcessorBudget {
    private let perMinute: Double
    private var left: Double
    private var last: Double?

    package init(perMinute: Double) {
        self.perMinute = perMinute
        left = perMinute
    }

    /// Seconds until there is some left; 0 where there is.
    /// - Parameter now: seconds of a clock that nobody sets.
    package mutating func wait(now: Double) -> Double {
        if let last { left = min(perMinute, left + max(0, now - last) / 60 * perMinute) }
        last = now
        return left > 0 ? 0 : perMinute > 0 ? -left / perMinute * 60 : .infinity
    }

    /// Takes what was used, also where that is more than was left.
    package mutating func spend(_ seconds: Double) { left -= seconds }
}

/// Processor time that the lists of one input may take, from one connection to the next.
public final class ListBudget: Sendable {
    private let state: Mutex<ProcessorBudget>
    private let perMinute: Double

    /// Makes the budget of one input, for all of its connections.
    public convenience init() { self.init(perMinute: ListLimits.secondsPerMinute) }

    package init(perMinute: Double) {
        self.perMinute = perMinute
        state = Mutex(ProcessorBudget(perMinute: perMinute))
    }

    /// How long to wait before another list is loaded, seconds: one that costs much is loaded less
    /// often.
    /// - Throws: `DecodeError` of code `refused` where those before took far too much.
    package func wait(now: Double) throws(DecodeError) -> Double {
        let wait = state.withLock { $0.wait(now: now) }
        guard wait <= ListLimits.longestWait else {
            throw DecodeError(
                .refused,
                "its playlists or manifests take more than \(perMinute) s of processor time a minute"
            )
        }
        return wait
    }

    package func spend(_ load: ListLoad) {
        let seconds = load.seconds
        state.withLock { $0.spend(seconds) }
    }
}

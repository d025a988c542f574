// What was examined of a live stream, and what was not, and why: the ledger's arithmetic.
//
// "Not examined" must never read as "clean", so every second of a watch is accounted for: it is
// examined, or missed for a reason. A stretch between two samples counts as examined if it is no
// longer than `longestStretch`; what is beyond that was not looked at, whatever its ends show. A pure
// value: times come with the calls, from a clock that nobody sets, and the wall clock is asked once.

/// Why a part of a live stream was not examined.
public enum MissedCause: String, Sendable, Hashable, CaseIterable, Codable {
    /// There was no connection to it.
    case notConnected = "not_connected"
    /// It was there, but no keyframe came.
    case noKeyframe = "no_keyframe"
    /// A keyframe came, but this machine did not get to it.
    case overload
    /// A keyframe came that could not be decoded.
    case undecodable
    /// A keyframe came that is larger than the limits, or takes more memory to decode.
    case tooLarge = "too_large"
    /// A keyframe came that shows too little to be compared.
    case lowQuality = "low_quality"
    /// Vigil did not run.
    case notRunning = "not_running"
}

/// What was examined in one minute of a watch.
public struct CoverageMinute: Sendable, Hashable {
    /// When the minute began, seconds since 1970; a multiple of 60.
    public var startUnixSeconds: Int64
    /// Examined, seconds.
    public var examinedSeconds = 0.0
    /// Not examined, by cause, seconds.
    public var missedSeconds: [MissedCause: Double] = [:]
    /// Pictures that were looked at.
    public var samples = 0
    /// Stretches without examination that began in it.
    public var gaps = 0

    /// A minute of which nothing is accounted for yet.
    /// - Parameter startUnixSeconds: when it began; a multiple of 60.
    public init(startUnixSeconds: Int64) { self.startUnixSeconds = startUnixSeconds }

    /// Seconds that were not examined, for whatever reason.
    public var missed: Double { missedSeconds.values.reduce(0, +) }

    /// Seconds that are accounted for: 60 in a whole minute.
    public var seconds: Double { missedSeconds.values.reduce(examinedSeconds, +) }
}

/// Accounts for every second of one watch.
public struct CoverageTracker: Sendable {
    /// How a keyframe ended.
    public enum Outcome: Sendable, Hashable {
        /// It was looked at.
        case examined
        /// It was not, or shows nothing.
        case missed(MissedCause)
    }

    /// Longest stretch between two samples that counts as examined, seconds.
    public let longestStretch: Double
    /// Minutes that are over and not taken yet, the oldest first; bounded, see `mostMinutes`.
    public private(set) var finished: [CoverageMinute] = []
    /// The minute that goes on.
    public private(set) var current: CoverageMinute
    /// Sums of the whole watch.
    public private(set) var total: CoverageMinute

    /// The clock's time up to which all is accounted for.
    private var mark: Double
    /// What the wall clock was ahead of the clock when the watch began, seconds.
    private let wallOffset: Double
    private var isConnected = false
    /// Whether what was accounted for last was examined.
    private var wasExamined = true
    /// When the newest sample came in this connection.
    private var lastSample: Double?
    /// Why what comes without a sample for too long is missed.
    private var gapCause = MissedCause.noKeyframe
    /// Why the newest keyframe was missed, where it was.
    private var lastCause: MissedCause?
    /// Seconds of the stream for which keyframes stood that were dropped, less what is accounted for
    /// by their arrival: several that arrive at once stand for more than the time until they arrived.
    private var owed = 0.0
    private var isOver = false

    /// Minutes that are kept until they are taken; older ones are merged into the oldest.
    public static let mostMinutes = 120

    /// Begins a watch.
    /// - Parameters:
    ///   - time: now, seconds of a clock that nobody sets.
    ///   - unixSeconds: now, by the wall clock.
    ///   - longestStretch: between two samples, seconds.
    public init(at time: Double, unixSeconds: Double, longestStretch: Double) {
        self.longestStretch = longestStretch
        mark = time
        wallOffset = unixSeconds - time
        current = CoverageMinute(startUnixSeconds: Self.minute(of: unixSeconds))
        total = CoverageMinute(startUnixSeconds: current.startUnixSeconds)
    }

    /// Notes that the connection stands, or is lost.
    public mutating func connection(isUp: Bool, at time: Double) {
        guard isUp != isConnected else { return }
        // What came after the last sample was not seen, whichever way it ended.
        account(until: time, isConnected ? .missed(gapCause) : .missed(.notConnected))
        isConnected = isUp
        (lastSample, lastCause, owed) = (nil, nil, 0)
        gapCause = .noKeyframe
    }

    /// Notes that the machine cannot do what it would take to see the next stretch: if that is too long
    /// without a sample, it is for lack of time.
    public mutating func lacksTime() { gapCause = .overload }

    /// Notes that a keyframe, or a picture between keyframes, arrived at a time, and how it ended.
    public mutating func keyframe(at time: Double, _ outcome: Outcome) {
        if outcome == .examined, !isOver {
            current.samples += 1
            total.samples += 1
        }
        // What is late is accounted for already.
        let isLate = time < mark
        switch outcome {
        case .examined:
            // Between a connection and its first sample there is nothing to compare with. What came
            // between two samples and was not seen is missed, but does not part them.
            let isWhole = lastSample.map { time - $0 <= longestStretch } ?? false
            let isNear = time - mark <= longestStretch
            let cause = isNear ? lastCause ?? gapCause : gapCause
            if isWhole { payOwed(until: time) }
            account(until: time, isWhole ? .examined : .missed(cause))
            if !isLate { lastSample = time }
            (gapCause, lastCause) = (.noKeyframe, nil)
        case .missed(let cause):
            account(until: time, .missed(cause))
            lastCause = cause
        }
    }

    /// Notes that a keyframe was dropped because this machine did not get to it.
    /// - Parameters:
    ///   - time: when it arrived; `nil` where others that arrived with it will be looked at, so that
    ///     the time until then is not accounted for yet.
    ///   - stretch: from the keyframe before it, by the stream's own time, seconds; `nil` where that
    ///     is what passed here. What it is longer than that is taken out of what is examined next.
    public mutating func dropped(at time: Double?, stretch: Double?) {
        let before = mark
        if let time { keyframe(at: time, .missed(.overload)) }
        if let stretch { owed += stretch - (mark - before) }
    }

    private mutating func payOwed(until time: Double) {
        let paid = min(owed, time - mark)
        guard paid > 0 else { return }
        owed -= paid
        account(until: mark + paid, .missed(.overload))
    }

    /// Accounts for the time up to now, so that what is shown is not late.
    public mutating func settle(at time: Double) {
        if !isConnected {
            account(until: time, .missed(.notConnected))
        } else if time - mark > longestStretch {
            account(until: time - longestStretch, .missed(gapCause))
        }
    }

    /// Ends the watch: the minute that goes on is over too, and nothing counts any more.
    public mutating func end(at time: Double) {
        guard !isOver else { return }
        account(until: time, .missed(isConnected ? gapCause : .notConnected))
        finish(current)
        isOver = true
    }

    /// The minutes that are over, which are forgotten here.
    public mutating func takeFinished() -> [CoverageMinute] {
        defer { finished.removeAll() }
        return finished
    }

    /// The minutes that are over, which are forgotten here, and last the one that goes on.
    public mutating func takeLedger() -> [CoverageMinute] {
        takeFinished() + (isOver ? [] : [current])
    }

    private mutating func account(until time: Double, _ outcome: Outcome) {
        while !isOver, mark < time {
            let minuteEnd = Double(current.startUnixSeconds + 60) - wallOffset
            let end = min(time, max(minuteEnd, mark))
            add(end - mark, outcome)
            mark = end
            if end >= minuteEnd { startMinute() }
        }
    }

    private mutating func add(_ seconds: Double, _ outcome: Outcome) {
        if outcome != .examined, wasExamined {
            current.gaps += 1
            total.gaps += 1
        }
        wasExamined = outcome == .examined
        switch outcome {
        case .examined:
            current.examinedSeconds += seconds
            total.examinedSeconds += seconds
        case .missed(let cause):
            current.missedSeconds[cause, default: 0] += seconds
            total.missedSeconds[cause, default: 0] += seconds
        }
    }

    private mutating func finish(_ minute: CoverageMinute) {
        if finished.count == Self.mostMinutes {
            finished[0].merge(finished.remove(at: 1))
        }
        finished.append(minute)
    }

    private mutating func startMinute() {
        finish(current)
        current = CoverageMinute(startUnixSeconds: current.startUnixSeconds + 60)
    }

    private static func minute(of unixSeconds: Double) -> Int64 {
        Int64(bounded: (unixSeconds / 60).rounded(.down)) * 60
    }
}

extension CoverageMinute {
    /// Adds what another stretch of time says.
    public mutating func merge(_ other: CoverageMinute) {
        examinedSeconds += other.examinedSeconds
        missedSeconds.merge(other.missedSeconds, uniquingKeysWith: +)
        samples += other.samples
        gaps += other.gaps
    }
}

// The figures that reports to the public and to authorities need, and were always missing: how many
// alerts, how fast each step after them was, what took too long, and how often they were wrong.
//
// All of a range: the alerts whose row was made in it, whatever happened to them and when.

public import Match

/// What statistics are asked of.
public struct StatisticsRequest: Sendable, Hashable {
    /// From when, Unix milliseconds.
    public var from: Int64
    /// To before when, Unix milliseconds.
    public var to: Int64
    /// After how long without removal an alert is late, milliseconds.
    public var lateAfter: Int64 = 72 * 3_600_000
    /// Now, which decides what is late already, Unix milliseconds.
    public var now: Int64
    /// A known set that does not count, for instance that of tests.
    public var exceptSet: String?

    /// Asks for a range.
    public init(from: Int64, to: Int64, now: Int64) {
        self.from = from
        self.to = to
        self.now = now
    }
}

/// From one moment of a timeline to another; the raw values stand in output.
public enum TimelineInterval: String, Sendable, Hashable, CaseIterable, Codable {
    /// From the first frame to the alert's row.
    case firstFrameToAlert = "first_frame_to_alert"
    /// From the alert's row until an endpoint accepted a report.
    case alertToAccepted = "alert_to_accepted"
    /// From the first frame until a stop was first requested.
    case firstFrameToStopRequested = "first_frame_to_stop_requested"
    /// From then until the stream was seen to be gone.
    case stopRequestedToGone = "stop_requested_to_gone"
    /// From the first frame until the stream was seen to be gone.
    case firstFrameToGone = "first_frame_to_gone"
    /// From the alert's row to the first feedback.
    case alertToFeedback = "alert_to_feedback"
}

/// Times of an interval.
public struct IntervalFigures: Sendable, Hashable {
    /// Which.
    public var interval: TimelineInterval
    /// The endpoint; empty for all others.
    public var group: String
    /// The times.
    public var durations = DurationSketch()
    /// How many were left out because they end before they begin: a clock was set.
    public var leftOut = 0
}

/// What became of stops.
public struct StopFigures: Sendable, Hashable {
    /// Alerts that called for a stop.
    public var calledFor = 0
    /// Of them, those for which a media server was asked.
    public var requested = 0
    /// Whose stream was seen to be gone.
    public var confirmedGone = 0
    /// Whose stream ended before.
    public var endedByItself = 0
    /// That were given up.
    public var givenUp = 0
    /// That an authority's hold delayed or prevented.
    public var held = 0
}

/// An alert whose removal took too long, or is not known to this day.
public struct LateAlert: Sendable, Hashable {
    /// The alert.
    public var id: AlertID
    /// Name of the known set.
    public var set: String
    /// Category of the known item.
    public var category: String
    /// What it was seen in.
    public var input: String
    /// The first frame of a live stream, else the alert's row, Unix milliseconds.
    public var sinceUnixMilliseconds: Int64
    /// When removal was confirmed, Unix milliseconds; `nil` where it was not.
    public var removedUnixMilliseconds: Int64?
}

/// What was examined of all streams in the range.
public struct CoverageFigures: Sendable, Hashable {
    /// Streams of which minutes are on record.
    public var streams = 0
    /// Examined, seconds.
    public var examinedSeconds = 0.0
    /// Not examined, by cause, seconds.
    public var missedSeconds: [MissedCause: Double] = [:]

    /// All of it, seconds.
    public var seconds: Double { missedSeconds.values.reduce(examinedSeconds, +) }
    /// The examined share; `nil` where nothing is on record.
    public var share: Double? { seconds > 0 ? examinedSeconds / seconds : nil }
}

/// Alerts of a group: of a set, a category or a rule.
public struct GroupFigures: Sendable, Hashable {
    /// How many.
    public var alerts = 0
    /// How often they were wrong.
    public var errors = ErrorRate()
}

/// What alerts are grouped by; the raw values stand in output.
public enum AlertGrouping: String, Sendable, Hashable, CaseIterable {
    /// Name of the known set.
    case set
    /// Category of the known item.
    case category
    /// Rule that was met.
    case rule
}

/// Counts and times of the alerts of a range.
public struct ReportStatistics: Sendable, Hashable {
    /// What was asked.
    public var request: StatisticsRequest
    /// All alerts.
    public var alerts = 0
    /// Of them, those of live streams.
    public var liveAlerts = 0
    /// By what they are grouped by, then by name.
    public var groups: [AlertGrouping: [String: GroupFigures]] = [:]
    /// Reports made in the range, by state; every state is a key.
    public var reports: [ReportState: Int] = [:]
    /// What became of stops.
    public var stops = StopFigures()
    /// Alerts by their newest verdict; every verdict is a key.
    public var verdicts: [Verdict: Int] = [:]
    /// Times, in the order of `TimelineInterval`, then of groups.
    public var intervals: [IntervalFigures] = []
    /// Alerts whose removal took too long or is not known, the oldest first, at most `mostLate`.
    public var late: [LateAlert] = []
    /// How many there are of them.
    public var lateCount = 0
    /// What was examined.
    public var coverage = CoverageFigures()

    /// Most late alerts that are listed.
    public static let mostLate = 1000
    /// Most names of a grouping; further ones count together as `otherNames`.
    public static let mostNames = 1000
    /// Stands for what is beyond `mostNames`.
    public static let otherNames = "(others)"
}

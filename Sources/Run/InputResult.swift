// What became of one input, and of a whole run: the facts behind the `input` and `summary` lines.

/// How completely an input was looked at.
public enum InputStatus: String, Sendable, Codable {
    /// To its end, as the sampling policy asks.
    case examined
    /// Some of it was, some of it was not; the error says what.
    case partial
    /// Nothing of it was.
    case failed
}

/// What became of one input.
public struct InputResult: Sendable, Hashable, Codable {
    /// Path, or URL without credentials.
    public var input: String
    /// How completely it was looked at.
    public var status: InputStatus
    /// Length of its media, seconds.
    public var duration: Double
    /// Pictures that were fingerprinted.
    public var framesSampled: Int
    /// Of these, how many have too little structure to be compared.
    public var framesLowQuality: Int
    /// Pictures that could not be decoded.
    public var framesFailed: Int
    /// Why the status is not `examined`, one line.
    public var error: String?

    init(_ input: String, failed reason: String) {
        self.input = input
        status = .failed
        duration = 0
        framesSampled = 0
        framesLowQuality = 0
        framesFailed = 0
        error = reason
    }

    private enum CodingKeys: String, CodingKey {
        case input, status, error
        case duration = "duration_s"
        case framesSampled = "frames_sampled"
        case framesLowQuality = "frames_low_quality"
        case framesFailed = "frames_failed"
    }
}

/// Totals of a run.
public struct ScanSummary: Sendable, Hashable, Codable {
    /// Inputs reported on.
    public var inputs = 0
    /// Alerts raised.
    public var alerts = 0
    /// Inputs of which nothing could be examined.
    public var failed = 0
    /// Inputs examined in part.
    public var partial = 0
    /// Things in walked directories that are no pictures or videos.
    public var skipped = 0
    /// Alerts that the report queue did not take.
    public var alertsUnrecorded = 0
    /// Media examined, seconds.
    public var mediaSeconds = 0.0
    /// Time the run took, seconds.
    public var wallSeconds = 0.0
    /// Whether the run was stopped before its end.
    public var stopped = false
    /// What each stage did.
    public var stages = StageCounts()

    /// Makes empty totals.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case inputs, alerts, failed, partial, skipped, stopped, stages
        case alertsUnrecorded = "alerts_unrecorded"
        case mediaSeconds = "media_s"
        case wallSeconds = "wall_s"
    }
}

/// Counters of the stages of a run.
public struct StageCounts: Sendable, Hashable, Codable {
    /// Frames fingerprinted by the examine stage.
    public var examined = 0
    /// Frames compared by the match stage.
    public var matched = 0
    /// Frames that came near to a known item.
    public var hits = 0
    /// Alerts written by the report stage.
    public var reported = 0
    /// Most messages that ever waited for the match stage.
    public var matchQueueHighest = 0
    /// Most messages that ever waited for the report stage.
    public var reportQueueHighest = 0

    private enum CodingKeys: String, CodingKey {
        case examined, matched, hits, reported
        case matchQueueHighest = "match_queue_highest"
        case reportQueueHighest = "report_queue_highest"
    }
}

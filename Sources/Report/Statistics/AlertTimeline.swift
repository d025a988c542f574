// The timeline of one alert: from the first frame that counts as evidence until a human decided.
//
// Prompt removal can be proven only if each of these moments is on record. They come from several
// tables; those that did not happen are missing, and none is made up.

public import Match

/// What happened to an alert, in the order of time.
public struct AlertTimeline: Sendable, Hashable {
    /// A kind of moment; the raw values stand in output.
    public enum Moment: String, Sendable, Hashable, Codable, CaseIterable {
        /// The first frame arrived that counts as evidence; of live streams alone.
        case firstFrame = "first_frame_arrived"
        /// The frame arrived that made the evidence sufficient; of live streams alone.
        case frame = "frame_arrived"
        /// The alert and its report were on disk.
        case opened = "alert_opened"
        /// An endpoint accepted a report of it.
        case accepted = "report_accepted"
        /// A media server was asked to stop the stream.
        case stopRequested = "stop_requested"
        /// The stream was seen to be gone.
        case confirmedGone = "confirmed_gone"
        /// The stream ended before it was stopped.
        case endedByItself = "ended_by_itself"
        /// The stop was given up.
        case stopGivenUp = "stop_given_up"
        /// The showing was over.
        case closed = "alert_closed"
        /// A human decision came back.
        case feedback
    }

    /// A moment with its time.
    public struct Entry: Sendable, Hashable {
        /// What happened.
        public var moment: Moment
        /// When, Unix milliseconds.
        public var unixMilliseconds: Int64
        /// The endpoint that accepted, the verdict, or empty.
        public var detail: String

        /// Makes an entry of its parts.
        public init(_ moment: Moment, at unixMilliseconds: Int64, detail: String = "") {
            self.moment = moment
            self.unixMilliseconds = unixMilliseconds
            self.detail = detail
        }
    }

    /// All that happened, the earliest first.
    public var entries: [Entry]

    /// Makes a timeline of entries in any order.
    public init(_ entries: [Entry]) {
        let order = Moment.allCases
        self.entries = entries.sorted {
            ($0.unixMilliseconds, order.firstIndex(of: $0.moment) ?? 0)
                < ($1.unixMilliseconds, order.firstIndex(of: $1.moment) ?? 0)
        }
    }
}

/// Tells what happened to alerts, and of all of them together; promises are those of
/// ``ReportStore``.
public protocol StatisticsStore: Sendable {
    /// The timeline of an alert; `nil` where there is no such alert.
    func timeline(of alert: AlertID) throws(ReportError) -> AlertTimeline?

    /// Counts and times of the alerts of a range.
    func statistics(_ request: StatisticsRequest) throws(ReportError) -> ReportStatistics
}

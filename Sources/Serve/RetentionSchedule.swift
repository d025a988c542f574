// The `retention` section of a pipeline file: how long things are kept, and when what is older is
// erased.

internal import Foundation
public import Report
public import Run

/// How long things are kept, and when the daily sweep begins.
public struct RetentionSchedule: Sendable, Hashable {
    /// How long each kind is kept.
    public var policy = RetentionPolicy()
    /// When the sweep begins: minutes after midnight, UTC.
    public var sweepMinute = 3 * 60 + 10

    /// Longest time, days: a hundred years.
    private static let longest = 36_500

    /// The built-in defaults.
    public init() {}

    /// Reads that section of a pipeline file alone, and none of the files that others name.
    /// - Throws: `RunError` of code `configuration`, naming file, line and key.
    public init(file path: String) throws(RunError) {
        self.init()
        var root = try StrictMapping(yaml: Pipeline.text(ofFile: path), name: path)
        if var section = try root.section("retention") {
            self = try RetentionSchedule(&section)
            try section.finish()
        }
    }

    init(_ section: inout StrictMapping) throws(RunError) {
        let range = 0...Self.longest
        try section.integer("alerts_days", in: range) { policy.alertsDays = $0 }
        try section.integer("rejected_alerts_days", in: range) { policy.rejectedAlertsDays = $0 }
        try section.integer("other_reports_days", in: range) { policy.otherReportsDays = $0 }
        try section.integer("holds_days", in: range) { policy.holdsDays = $0 }
        try section.integer("streams_days", in: range) { policy.streamsDays = $0 }
        try section.integer("coverage_days", in: range) { policy.coverageDays = $0 }
        if let text = try section.text("sweep_at_utc") {
            guard let minute = Self.minute(text) else {
                throw section.error("sweep_at_utc", "must be a time of day in quotes: \"03:10\"")
            }
            sweepMinute = minute
        }
    }

    /// Reads `03:10`.
    private static func minute(_ text: String) -> Int? {
        guard let found = text.wholeMatch(of: /([0-9]{2}):([0-9]{2})/),
            let hours = Int(found.1), let minutes = Int(found.2), hours < 24, minutes < 60
        else { return nil }
        return hours * 60 + minutes
    }

    /// Seconds until the next sweep; more than none.
    package func secondsToNext(from unixMilliseconds: Int64) -> Double {
        let day: Int64 = 86_400_000
        let (begin, now) = (Int64(sweepMinute) * 60_000, unixMilliseconds % day)
        let wait = begin > now ? begin - now : begin + day - now
        return Double(wait) / 1000
    }
}

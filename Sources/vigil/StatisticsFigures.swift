// Statistics for programs: CSV with one figure a line, and JSON lines. Both say the same.
//
// What there is nothing of is left out or empty, never 0 s. Fields are added, never renamed.

import Foundation
import Match
import Report

/// Statistics as a list of figures.
struct StatisticsFigures {
    /// One figure.
    ///
    /// In CSV all of its parts are columns; in JSON what is missing is left out.
    struct Figure: Encodable {
        /// What it is of, for instance `alerts` or an interval.
        var metric: String
        /// What it is grouped by, for instance `set` or `endpoint`.
        var by: String?
        /// The name of the group.
        var group: String?
        /// How many it was made of, or just how many.
        var n: Int?
        var medianS: Double?
        var p90S: Double?
        var maxS: Double?
        /// A share, 0…1, and the ends of its 95 % interval.
        var share: Double?
        var low: Double?
        var high: Double?
        /// A sum of time.
        var seconds: Double?
        /// A moment: since when an alert is late, and its removal.
        var sinceUnixMs: Int64?
        var removedUnixMs: Int64?
        /// How many times were left out, since they end before they begin.
        var leftOut: Int?

        init(_ metric: String, by: String? = nil, _ group: String? = nil, n: Int? = nil) {
            self.metric = metric
            self.by = by
            self.group = group
            self.n = n
        }

        enum CodingKeys: String, CodingKey, CaseIterable {
            case metric, by, group, n
            case medianS = "median_s"
            case p90S = "p90_s"
            case maxS = "max_s"
            case share, low, high, seconds
            case sinceUnixMs = "since_unix_ms"
            case removedUnixMs = "removed_unix_ms"
            case leftOut = "left_out"
        }

        fileprivate var columns: [String] {
            let numbers = [medianS, p90S, maxS, share, low, high, seconds]
            let times = [sinceUnixMs, removedUnixMs, leftOut.map { Int64($0) }]
            return [metric, by ?? "", group ?? "", n.map(String.init) ?? ""]
                + numbers.map { $0.map { "\($0)" } ?? "" }
                + times.map { $0.map(String.init) ?? "" }
        }
    }

    private let statistics: ReportStatistics

    init(_ statistics: ReportStatistics) { self.statistics = statistics }

    /// All of them, in a fixed order.
    var all: [Figure] {
        counts + intervals + errorRates + coverage + late
    }

    private var counts: [Figure] {
        var figures = [
            Figure("alerts", n: statistics.alerts),
            Figure("live_alerts", n: statistics.liveAlerts),
        ]
        for (grouping, names) in groups {
            figures += names.map { Figure("alerts", by: grouping, $0.name, n: $0.figures.alerts) }
        }
        figures += ReportState.allCases.map {
            Figure("reports", by: "state", $0.rawValue, n: statistics.reports[$0] ?? 0)
        }
        let stops = statistics.stops
        figures += [
            ("called_for", stops.calledFor), ("held", stops.held), ("requested", stops.requested),
            ("confirmed_gone", stops.confirmedGone), ("ended_by_itself", stops.endedByItself),
            ("given_up", stops.givenUp),
        ].map { Figure("stops", by: "outcome", $0, n: $1) }
        figures += Verdict.allCases.map {
            Figure("feedback", by: "verdict", $0.rawValue, n: statistics.verdicts[$0] ?? 0)
        }
        return figures
    }

    /// The groups in the order in which they are printed.
    private var groups: [(grouping: String, names: [(name: String, figures: GroupFigures)])] {
        AlertGrouping.allCases.map { grouping in
            let names = (statistics.groups[grouping] ?? [:]).sorted { $0.key < $1.key }
            return (grouping.rawValue, names.map { ($0.key, $0.value) })
        }
    }

    private var intervals: [Figure] {
        statistics.intervals.map { interval in
            let durations = interval.durations
            let isGrouped = !interval.group.isEmpty
            var figure = Figure(
                interval.interval.rawValue, by: isGrouped ? "endpoint" : nil,
                isGrouped ? interval.group : nil, n: durations.count)
            figure.medianS = durations.quantile(0.5).map(Self.seconds)
            figure.p90S = durations.quantile(0.9).map(Self.seconds)
            figure.maxS = durations.longest.map(Self.seconds)
            if interval.leftOut > 0 { figure.leftOut = interval.leftOut }
            return figure
        }
    }

    private var errorRates: [Figure] {
        groups.filter { $0.grouping != AlertGrouping.category.rawValue }.flatMap {
            grouping, names in
            names.compactMap { name, figures in
                guard let rate = figures.errors.rate else { return nil }
                var figure = Figure("error_rate", by: grouping, name, n: figures.errors.decided)
                figure.share = Self.rounded(rate)
                figure.low = figures.errors.interval.map { Self.rounded($0.lowerBound) }
                figure.high = figures.errors.interval.map { Self.rounded($0.upperBound) }
                return figure
            }
        }
    }

    private var coverage: [Figure] {
        let coverage = statistics.coverage
        guard let share = coverage.share else { return [] }
        var examined = Figure("coverage", by: "result", "examined", n: coverage.streams)
        examined.share = Self.rounded(share)
        examined.seconds = milliseconds(coverage.examinedSeconds)
        return [examined]
            + MissedCause.allCases.map { cause in
                let seconds = coverage.missedSeconds[cause] ?? 0
                var figure = Figure(
                    "coverage", by: "result", cause.rawValue, n: coverage.streams)
                figure.share = Self.rounded(seconds / coverage.seconds)
                figure.seconds = milliseconds(seconds)
                return figure
            }
    }

    private var late: [Figure] {
        [Figure("late_alerts", n: statistics.lateCount)]
            + statistics.late.map { alert in
                var figure = Figure("late_alert", by: "alert_id", alert.id.description)
                figure.sinceUnixMs = alert.sinceUnixMilliseconds
                figure.removedUnixMs = alert.removedUnixMilliseconds
                return figure
            }
    }

    private static func seconds(_ milliseconds: Int64) -> Double { Double(milliseconds) / 1000 }

    private static func rounded(_ share: Double) -> Double { (share * 1e6).rounded() / 1e6 }

    // MARK: - Forms

    /// Lines of CSV (RFC 4180), the names of the columns first.
    var csv: [String] {
        [Figure.CodingKeys.allCases.map(\.rawValue).joined(separator: ",")]
            + all.map { CSV.row($0.columns) }
    }

    private struct Head: Encodable {
        var from: Int64
        var to: Int64
        var made: Int64
        var lateAfterHours: Double

        enum CodingKeys: String, CodingKey {
            case from = "from_unix_ms"
            case to = "to_unix_ms"
            case made = "made_unix_ms"
            case lateAfterHours = "late_after_h"
        }
    }

    /// JSON lines: first what was asked, then a figure a line.
    var jsonLines: [String] {
        let request = statistics.request
        let head = Head(
            from: request.from, to: request.to, made: request.now,
            lateAfterHours: Double(request.lateAfter) / 3_600_000)
        return [JSONLine.text(type: "statistics", head)]
            + all.map { JSONLine.text(type: "figure", $0) }
    }
}

// Statistics for people: what can be put in a report to an authority as it stands.

import Foundation
import Match
import Report

/// Lays statistics out as text.
struct StatisticsText {
    private let statistics: ReportStatistics

    init(_ statistics: ReportStatistics) { self.statistics = statistics }

    /// The lines of the text.
    var lines: [String] {
        let request = statistics.request
        let head = [
            "Alerts from \(UTC.second(request.from)) to before \(UTC.second(request.to)), "
                + "as known at \(UTC.second(request.now))",
            "",
        ]
        guard statistics.alerts > 0 else { return head + ["no alerts"] + coverage }
        return head + alerts + times + errors + late + coverage
    }

    // MARK: - Counts

    private var alerts: [String] {
        var rows = [["Alerts", "\(statistics.alerts)"]]
        rows.append(["  of live streams", "\(statistics.liveAlerts)"])
        for grouping in AlertGrouping.allCases {
            for (name, figures) in names(grouping) {
                rows.append(["  \(grouping.rawValue) \(shown(name))", "\(figures.alerts)"])
            }
        }
        rows.append(["Reports made", "\(statistics.reports.values.reduce(0, +))"])
        rows += ReportState.allCases.map {
            ["  \($0.rawValue)", "\(statistics.reports[$0] ?? 0)"]
        }
        let stops = statistics.stops
        rows += [
            ["Alerts that called for a stop", "\(stops.calledFor)"],
            ["  delayed or prevented by an authority's hold", "\(stops.held)"],
            ["  stop requested", "\(stops.requested)"],
            ["  stream confirmed gone", "\(stops.confirmedGone)"],
            ["  stream ended by itself", "\(stops.endedByItself)"],
            ["  given up", "\(stops.givenUp)"],
        ]
        let judged = statistics.verdicts.values.reduce(0, +)
        rows.append(["Alerts with feedback", "\(judged)"])
        rows += Verdict.allCases.map {
            ["  \($0.rawValue.replacing("_", with: " "))", "\(statistics.verdicts[$0] ?? 0)"]
        }
        rows.append(["Alerts without feedback", "\(statistics.alerts - judged)"])
        return Self.table(rows) + [""]
    }

    private func names(_ grouping: AlertGrouping) -> [(String, GroupFigures)] {
        (statistics.groups[grouping] ?? [:])
            .sorted { ($1.value.alerts, $0.key) < ($0.value.alerts, $1.key) }
            .map { ($0.key, $0.value) }
    }

    private func shown(_ name: String) -> String {
        name.isEmpty ? "(none)" : Console.printable(name)
    }

    // MARK: - Times

    private var times: [String] {
        var rows = [["Time", "number", "median", "90 % within", "longest"]]
        for interval in statistics.intervals {
            let durations = interval.durations
            let name = Self.name(interval.interval)
            let group = interval.group.isEmpty ? "" : " by \(shown(interval.group))"
            let values = [durations.quantile(0.5), durations.quantile(0.9), durations.longest]
            rows.append(
                [name + group, "\(durations.count)"] + values.map { $0.map(Self.duration) ?? "-" })
        }
        if !statistics.intervals.contains(where: { $0.interval == .alertToAccepted }) {
            rows.append([Self.name(.alertToAccepted), "0", "-", "-", "-"])
        }
        var notes: [String] = []
        let leftOut = statistics.intervals.reduce(0) { $0 + $1.leftOut }
        if leftOut > 0 {
            notes.append(
                "\(leftOut) times were left out: they end before they begin, since a clock was set."
            )
        }
        if statistics.intervals.contains(where: { !$0.durations.isExact }) {
            notes.append("Medians and 90 % of more than 65536 times are right to within 0.05 %.")
        }
        return Self.table(rows) + [""] + Self.definitions + notes + [""]
    }

    private static func name(_ interval: TimelineInterval) -> String {
        switch interval {
        case .firstFrameToAlert: "first frame to alert"
        case .alertToAccepted: "alert to report accepted"
        case .firstFrameToStopRequested: "first frame to stop requested"
        case .stopRequestedToGone: "stop requested to gone"
        case .firstFrameToGone: "first frame to gone"
        case .alertToFeedback: "alert to feedback"
        }
    }

    private static let definitions = [
        "first frame       the first frame of a live stream that counts as evidence arrived",
        "alert             the alert and its report were stored",
        "report accepted   an endpoint answered that it has the report, for the first time",
        "stop requested    a media server was asked for the first time to stop the stream",
        "gone              the stream was seen to be gone after that",
        "feedback          the first human decision about the alert was recorded",
    ]

    /// A duration in words of two units.
    static func duration(_ milliseconds: Int64) -> String {
        let seconds = Double(milliseconds) / 1000
        switch seconds {
        case ..<60: return String(format: seconds < 10 ? "%.2f s" : "%.1f s", seconds)
        case ..<3600: return "\(Int(bounded: seconds) / 60) min \(Int(bounded: seconds) % 60) s"
        case ..<86_400:
            return "\(Int(bounded: seconds) / 3600) h \(Int(bounded: seconds) / 60 % 60) min"
        default: return "\(Int(bounded: seconds) / 86_400) d \(Int(bounded: seconds) / 3600 % 24) h"
        }
    }

    // MARK: - Errors, what is late, and coverage

    private var errors: [String] {
        var rows = [["Error rate", "decided", "rejected", "rate", "95 % interval"]]
        for grouping in [AlertGrouping.set, .rule] {
            for (name, figures) in names(grouping) {
                let errors = figures.errors
                guard let rate = errors.rate, let interval = errors.interval else { continue }
                rows.append([
                    "\(grouping.rawValue) \(shown(name))", "\(errors.decided)",
                    "\(errors.rejected)", Self.percent(rate),
                    "\(Self.percent(interval.lowerBound)) to \(Self.percent(interval.upperBound))",
                ])
            }
        }
        guard rows.count > 1 else {
            return ["Error rate: not known, no alert was confirmed or rejected", ""]
        }
        return Self.table(rows)
            + [
                "",
                "rate              rejected of those confirmed or rejected (newest decision of each)",
                "",
            ]
    }

    private static func percent(_ share: Double) -> String {
        String(format: "%.2f %%", share * 100)
    }

    private var late: [String] {
        let hours = Double(statistics.request.lateAfter) / 3_600_000
        let limit = String(format: hours == hours.rounded() ? "%.0f h" : "%.2f h", hours)
        guard statistics.lateCount > 0 else {
            return ["Not confirmed removed within \(limit): none", ""]
        }
        let rows = statistics.late.map { alert in
            let since = alert.sinceUnixMilliseconds
            let state =
                alert.removedUnixMilliseconds.map { "removed after \(Self.duration($0 - since))" }
                ?? "open for \(Self.duration(statistics.request.now - since))"
            return [
                "  \(alert.id)", UTC.second(since), state,
                Console.printable("\(alert.set) \(alert.category)"),
            ]
        }
        let left = statistics.lateCount - statistics.late.count
        let more = left > 0 ? ["  and \(left) more"] : []
        return ["Not confirmed removed within \(limit): \(statistics.lateCount)"]
            + Self.table(rows) + more
            + [
                "",
                "removed           the stream was seen to be gone, or ended by itself, or feedback",
                "                  says taken over or rejected", "",
            ]
    }

    private var coverage: [String] {
        let coverage = statistics.coverage
        guard let share = coverage.share else { return ["Streams: none was watched"] }
        var rows = [
            ["Streams watched", "\(coverage.streams)", ""],
            ["  time on record", Self.hours(coverage.seconds), ""],
            ["  examined", Self.hours(coverage.examinedSeconds), Self.percent(share)],
        ]
        for cause in MissedCause.allCases {
            guard let seconds = coverage.missedSeconds[cause] else { continue }
            rows.append([
                "  not examined: \(cause.rawValue.replacing("_", with: " "))", Self.hours(seconds),
                Self.percent(seconds / coverage.seconds),
            ])
        }
        return Self.table(rows)
    }

    private static func hours(_ seconds: Double) -> String {
        String(format: "%.2f h", seconds / 3600)
    }

    /// Columns under one another, the first to the left, the others to the right.
    private static func table(_ rows: [[String]]) -> [String] {
        var widths: [Int] = []
        for row in rows {
            for (place, cell) in row.enumerated() {
                if place == widths.count { widths.append(0) }
                widths[place] = max(widths[place], cell.count)
            }
        }
        return rows.map { row in
            let cells = row.enumerated().map { place, cell in
                let fill = String(repeating: " ", count: widths[place] - cell.count)
                return place == 0 ? cell + fill : fill + cell
            }
            var line = cells.joined(separator: "   ")
            while line.last == " " { line.removeLast() }
            return line
        }
    }
}

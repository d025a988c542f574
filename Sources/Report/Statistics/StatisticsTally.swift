// Adds up alerts, one after the other, in bounded memory: the pure part of statistics, which every
// store shares. A store only finds the facts of each alert.

package import Match

/// What is known of one alert; times are Unix milliseconds, `nil` is "did not happen".
package struct AlertFacts: Sendable {
    package var id: AlertID
    package var set: String
    package var category: String
    package var rule: String
    package var input: String
    package var opened: Int64
    /// The first frame of a live stream.
    package var firstFrame: Int64?
    package var calledFor: Int64?
    package var held: Int64?
    package var requested: Int64?
    package var gone: Int64?
    package var ended: Int64?
    package var givenUp: Int64?
    package var firstFeedback: Int64?
    /// First feedback that says that the matter is in other hands.
    package var takenOver: Int64?
    /// When it was rejected, if that still stands.
    package var rejected: Int64?
    package var verdict: Verdict?

    package init(
        id: AlertID, set: String, category: String, rule: String, input: String, opened: Int64
    ) {
        self.id = id
        self.set = set
        self.category = category
        self.rule = rule
        self.input = input
        self.opened = opened
    }

    /// When removal was confirmed, whichever way.
    var removed: Int64? { [gone, ended, takenOver, rejected].compactMap(\.self).min() }
}

/// Adds up.
package struct StatisticsTally {
    private var sums: ReportStatistics
    private var intervals: [TimelineInterval: [String: IntervalFigures]] = [:]

    package init(_ request: StatisticsRequest) {
        sums = ReportStatistics(request: request)
        for state in ReportState.allCases { sums.reports[state] = 0 }
        for verdict in Verdict.allCases { sums.verdicts[verdict] = 0 }
        for interval in TimelineInterval.allCases where interval != .alertToAccepted {
            intervals[interval, default: [:]][""] = IntervalFigures(interval: interval, group: "")
        }
    }

    /// Adds an alert; alerts come in the order in which they were opened.
    package mutating func add(_ alert: AlertFacts) {
        sums.alerts += 1
        if alert.firstFrame != nil { sums.liveAlerts += 1 }
        for (grouping, name) in [
            (AlertGrouping.set, alert.set), (.category, alert.category), (.rule, alert.rule),
        ] { count(alert, grouping, name) }
        addStop(alert)
        if let verdict = alert.verdict { sums.verdicts[verdict, default: 0] += 1 }
        add(.firstFrameToAlert, alert.firstFrame, alert.opened)
        add(.firstFrameToStopRequested, alert.firstFrame, alert.requested)
        add(.stopRequestedToGone, alert.requested, alert.gone)
        add(.firstFrameToGone, alert.firstFrame, alert.gone)
        add(.alertToFeedback, alert.opened, alert.firstFeedback)
        addLate(alert)
    }

    private mutating func count(_ alert: AlertFacts, _ grouping: AlertGrouping, _ name: String) {
        let isNamed =
            sums.groups[grouping]?[name] != nil
            || sums.groups[grouping]?.count ?? 0 < ReportStatistics.mostNames
        let key = isNamed ? name : ReportStatistics.otherNames
        Self.add(
            alert.verdict, to: &sums.groups[grouping, default: [:]][key, default: GroupFigures()])
    }

    private static func add(_ verdict: Verdict?, to figures: inout GroupFigures) {
        figures.alerts += 1
        switch verdict {
        case .confirmed: figures.errors.confirmed += 1
        case .rejected: figures.errors.rejected += 1
        case .takenOver, nil: break
        }
    }

    private mutating func addStop(_ alert: AlertFacts) {
        if alert.calledFor != nil { sums.stops.calledFor += 1 }
        if alert.held != nil { sums.stops.held += 1 }
        if alert.requested != nil { sums.stops.requested += 1 }
        if alert.gone != nil { sums.stops.confirmedGone += 1 }
        if alert.ended != nil { sums.stops.endedByItself += 1 }
        if alert.givenUp != nil { sums.stops.givenUp += 1 }
    }

    private mutating func addLate(_ alert: AlertFacts) {
        let since = alert.firstFrame ?? alert.opened
        let removed = alert.removed
        guard (removed ?? sums.request.now) - since > sums.request.lateAfter else { return }
        sums.lateCount += 1
        guard sums.late.count < ReportStatistics.mostLate else { return }
        sums.late.append(
            LateAlert(
                id: alert.id, set: alert.set, category: alert.category, input: alert.input,
                sinceUnixMilliseconds: since, removedUnixMilliseconds: removed))
    }

    /// Adds a time, where both its ends are known.
    package mutating func add(
        _ interval: TimelineInterval, _ from: Int64?, _ to: Int64?, group: String = ""
    ) {
        guard let from, let to else { return }
        let isNamed =
            intervals[interval]?[group] != nil
            || intervals[interval]?.count ?? 0 < Self.mostGroups
        let key = isNamed ? group : ReportStatistics.otherNames
        Self.add(
            to - from,
            to: &intervals[interval, default: [:]][
                key, default: IntervalFigures(interval: interval, group: key)])
    }

    /// In place: a copy of so many durations for each alert would take long.
    private static func add(_ milliseconds: Int64, to figures: inout IntervalFigures) {
        if milliseconds < 0 {
            figures.leftOut += 1
        } else {
            figures.durations.add(milliseconds)
        }
    }

    /// Most endpoints that are told apart.
    private static let mostGroups = 64

    /// Notes how many reports have a state.
    package mutating func set(_ reports: Int, _ state: ReportState) {
        sums.reports[state] = reports
    }

    /// Notes what was examined.
    package mutating func set(_ coverage: CoverageFigures) { sums.coverage = coverage }

    /// What it came to.
    package func finish() -> ReportStatistics {
        var statistics = sums
        statistics.intervals = TimelineInterval.allCases.flatMap { interval in
            (intervals[interval] ?? [:]).values.sorted { $0.group < $1.group }
        }
        return statistics
    }
}

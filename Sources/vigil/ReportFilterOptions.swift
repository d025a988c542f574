// Which reports a command is about, and following them as they come.

import ArgumentParser
import Foundation
import Match
import Report

/// Options that choose reports.
struct ReportFilterOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Only reports in this state.", valueName: "state"))
    var stateIs: ReportState?

    @Option(help: "Only reports on items of this known set.")
    var set: String?

    @Option(help: "Only reports on this input.")
    var input: String?

    @Option(help: ArgumentHelp("Only reports of this event; `all` is all.", valueName: "event"))
    var event: String?

    @Option(help: ArgumentHelp("Only reports on this alert.", valueName: "id"))
    var alert: String?

    @Option(
        help: ArgumentHelp(
            "Only reports made at this UTC time or later.", valueName: "2026-11-30T12:00:00Z"))
    var since: String?

    @Option(
        help: ArgumentHelp(
            "Only reports made before this UTC time.", valueName: "2026-12-01T00:00:00Z"))
    var until: String?

    func validate() throws { _ = try filter() }

    func filter() throws -> ReportFilter {
        let id = try alert.map { text in
            guard let id = AlertID(text) else {
                throw ValidationError("--alert: \(text) is no id (8-4-4-4-12 hex digits)")
            }
            return id
        }
        return ReportFilter(
            state: stateIs, set: set, input: input, event: event == "all" ? nil : event,
            alert: id, since: try Self.unixMilliseconds(since, "--since"),
            until: try Self.unixMilliseconds(until, "--until"))
    }

    static func unixMilliseconds(_ text: String?, _ option: String) throws -> Int64? {
        guard let text else { return nil }
        guard let date = try? Date(text, strategy: .iso8601) else {
            throw ValidationError("\(option): give a UTC time such as 2026-11-30T12:00:00Z")
        }
        return Int64(bounded: date.timeIntervalSince1970 * 1000)
    }
}

extension ReportStore {
    /// Goes through all reports that pass a filter, newest first, a page at a time, so that memory
    /// stays flat however many there are.
    /// - Parameter limit: how many at most; `nil` is all.
    /// - Returns: how many there were.
    @discardableResult
    func forEach(
        _ filter: ReportFilter, limit: Int? = nil, _ body: (QueuedReport) throws -> Void
    ) throws -> Int {
        var (count, cursor) = (0, AlertID?.none)
        while count < limit ?? .max {
            let page = try reports(
                matching: filter, limit: min((limit ?? .max) - count, 1000), before: cursor)
            guard let last = page.last else { break }
            for report in page { try body(report) }
            count += page.count
            cursor = last.id
        }
        return count
    }
}

/// Prints reports as they are made.
struct ReportFollower {
    let format: OutputFormat

    /// How far back each look goes: ids of one moment come in any order, clocks step back.
    private static let overlap: Int64 = 30_000

    func follow(_ store: some ReportStore, _ filter: ReportFilter) throws -> Never {
        let began = unixMilliseconds()
        var told: [AlertID: Int64] = [:]
        while true {
            let now = unixMilliseconds()
            var window = filter
            window.since = max(filter.since ?? 0, max(began - 1000, now - Self.overlap))
            var new: [QueuedReport] = []
            try store.forEach(window, limit: 10_000) { if told[$0.id] == nil { new.append($0) } }
            for report in new.reversed() {
                told[report.id] = now
                ReportText.printLine(report, format)
            }
            Console.flush()
            told = told.filter { now - $0.value < 2 * Self.overlap }
            // This thread does nothing but look again.
            Thread.sleep(forTimeInterval: 0.5)
        }
    }

    private func unixMilliseconds() -> Int64 { Int64(bounded: Date().timeIntervalSince1970 * 1000) }
}

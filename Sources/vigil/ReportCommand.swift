// `vigil report`: the durable report queue, read only.

public import ArgumentParser
import Foundation
import Match
public import Report

struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Look at the report queue.",
        discussion: "Example: vigil report list --state-is queued",
        subcommands: [ReportList.self, ReportShow.self])
}

struct ReportStoreOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Folder of the report queue (default: your XDG state folder, in vigil).",
            valueName: "dir"))
    var state: String?

    /// - Returns: `nil`, after a line on standard error, where there is no queue yet.
    func open() throws -> SQLiteStore? {
        let directory =
            state
            ?? SQLiteStore.defaultDirectory(environment: ProcessInfo.processInfo.environment)
        do {
            return try SQLiteStore(directory: directory, readOnly: true)
        } catch {
            guard error.code != .noDatabase else {
                Console.error("vigil: \(error.message)")
                return nil
            }
            throw fail(error.message)
        }
    }
}

extension ReportState: ExpressibleByArgument {}

struct ReportList: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List reports, newest first.",
        discussion: "Example: vigil report list --set hotline --limit 20")

    @OptionGroup var store: ReportStoreOptions

    @Option(help: ArgumentHelp("Only reports in this state.", valueName: "state"))
    var stateIs: ReportState?

    @Option(help: "Only reports on items of this known set.")
    var set: String?

    @Option(help: "Only reports on this input.")
    var input: String?

    @Option(
        help: ArgumentHelp(
            "Only reports made at this UTC time or later.", valueName: "2026-11-30T12:00:00Z"))
    var since: String?

    @Option(
        help: ArgumentHelp(
            "Only reports made before this UTC time.", valueName: "2026-12-01T00:00:00Z"))
    var until: String?

    @Option(help: ArgumentHelp("At most this many.", valueName: "n"))
    var limit = 100

    @Option(help: "text or jsonl, one object a line.")
    var format = OutputFormat.text

    func validate() throws {
        guard limit > 0 else { throw ValidationError("--limit must be at least 1") }
        _ = try (unixMilliseconds(since, "--since"), unixMilliseconds(until, "--until"))
    }

    func run() throws {
        guard let store = try store.open() else { return }
        let filter = ReportFilter(
            state: stateIs, set: set, input: input, since: try unixMilliseconds(since, "--since"),
            until: try unixMilliseconds(until, "--until"))
        do {
            try printPages(of: store, filter)
        } catch let error as ReportError {
            throw fail(error.message)
        }
        try finishOutput(isComplete: true)
    }

    /// A page at a time, so that memory stays flat however many there are.
    private func printPages(of store: SQLiteStore, _ filter: ReportFilter) throws {
        var (left, cursor) = (limit, AlertID?.none)
        while left > 0 {
            let page = try store.reports(matching: filter, limit: min(left, 1000), before: cursor)
            guard let last = page.last else { break }
            for report in page { ReportText.printLine(report, format) }
            left -= page.count
            cursor = last.id
        }
        if left == limit { Console.error("vigil: no report matches in \(store.path)") }
    }

    private func unixMilliseconds(_ text: String?, _ option: String) throws -> Int64? {
        guard let text else { return nil }
        guard let date = try? Date(text, strategy: .iso8601) else {
            throw ValidationError("\(option): give a UTC time such as 2026-11-30T12:00:00Z")
        }
        return Int64(date.timeIntervalSince1970 * 1000)
    }
}

struct ReportShow: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show one report.",
        discussion: "Example: vigil report show 0193f1c2-7d1e-7a40-9c55-0d2b6f1f3a11")

    @Argument(help: ArgumentHelp("Id of the report or of its alert.", valueName: "id"))
    var id: String

    @OptionGroup var store: ReportStoreOptions

    @Option(help: "text or jsonl, one object a line.")
    var format = OutputFormat.text

    func run() throws {
        guard let id = AlertID(id) else {
            throw ValidationError("\(id): is no id (8-4-4-4-12 hex digits)")
        }
        guard let store = try store.open() else { throw Exit.incomplete }
        do {
            guard let report = try store.report(id: id) else {
                throw fail("\(store.path): has no report or alert \(id)")
            }
            switch format {
            case .jsonl: ReportText.printLine(report, format)
            case .text: Console.line(ReportText.table(report))
            }
        } catch let error as ReportError {
            throw fail(error.message)
        }
        try finishOutput(isComplete: true)
    }
}

enum ReportText {
    static func printLine(_ report: QueuedReport, _ format: OutputFormat) {
        switch format {
        case .jsonl:
            var rounded = report
            rounded.alert = report.alert.rounded
            Console.line(JSONLine.text(type: "report", rounded))
        case .text:
            let alert = report.alert
            Console.line(
                Console.printable(
                    "\(report.id)  \(time(report.createdUnixMilliseconds))  "
                        + "\(report.state.rawValue)  \(alert.known.set)/\(alert.known.item)  "
                        + alert.input))
        }
    }

    static func table(_ report: QueuedReport) -> String {
        let alert = report.alert
        let share = Int((alert.knownShare * 100).rounded())
        var rows = [
            ("report", "\(report.id)"), ("event", report.event), ("state", report.state.rawValue),
            ("attempts", "\(report.attempts)"), ("made", time(report.createdUnixMilliseconds)),
            ("alert", "\(alert.id)"), ("input", alert.input),
            ("known item", "\(alert.known.item), set \(alert.known.set)"),
            ("category", alert.known.category.isEmpty ? "(none)" : alert.known.category),
            ("seen", "from \(timeText(alert.firstSeen)) to \(timeText(alert.lastSeen))"),
            (
                "evidence",
                "\(count(alert.framesMatched, "picture")), \(share) % of the item, rule \(alert.rule)"
            ),
            ("distance", "\(alert.bestDistance) of 256, \(alert.variant)"),
            ("showing", report.alertClosed ? "over" : "may go on"),
        ]
        if let error = report.lastError { rows.append(("last error", error)) }
        if let next = report.nextAttemptUnixMilliseconds { rows.append(("next try", time(next))) }
        return rows.map { name, value in
            name.padding(toLength: 12, withPad: " ", startingAt: 0) + Console.printable(value)
        }.joined(separator: "\n")
    }

    private static func time(_ unixMilliseconds: Int64) -> String {
        Date(timeIntervalSince1970: Double(unixMilliseconds) / 1000).formatted(
            .iso8601.year().month().day().timeZone(separator: .omitted)
                .time(includingFractionalSeconds: true))
    }
}

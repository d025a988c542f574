// `vigil report list` and `show`: what is on the durable report queue.

public import ArgumentParser
import Foundation
import Match
public import Report

struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Look at the report queue, have reports sent again, and keep it in order.",
        discussion: "Example: vigil report list --state-is queued",
        subcommands: [
            ReportList.self, ReportShow.self, ReportDead.self, ReportRetry.self,
            ReportReplay.self, ReportExport.self, ReportEndpoints.self, ReportEnable.self,
            ReportTest.self, ReportSecret.self, ReportStatisticsCommand.self, ReportSweep.self,
            ReportHold.self, ReportRelease.self, ReportHolds.self,
        ])
}

struct ReportStoreOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Folder of the report queue (default: your XDG state folder, in vigil).",
            valueName: "dir"))
    var state: String?

    /// The state directory.
    var directory: String {
        state ?? SQLiteStore.defaultDirectory(environment: ProcessInfo.processInfo.environment)
    }

    /// Opens what is there; a wrong path must not make a new queue.
    private func openWhatIsThere(forWriting: Bool) throws(ReportError) -> SQLiteStore {
        do {
            let store = try SQLiteStore(directory: directory, readOnly: true)
            guard forWriting else { return store }
        } catch {
            // Who may write brings it up to date.
            guard forWriting, error.code == .olderSchema else { throw error }
        }
        return try SQLiteStore(directory: directory)
    }

    /// - Returns: `nil`, after a line on standard error, where there is no queue yet.
    func open(forWriting: Bool = false) throws -> SQLiteStore? {
        do { return try openWhatIsThere(forWriting: forWriting) } catch {
            guard error.code != .noDatabase else {
                Console.error("vigil: \(error.message)")
                return nil
            }
            throw fail(error.message)
        }
    }

    /// Opens a queue that has to be there.
    func openExisting(forWriting: Bool = false) throws -> SQLiteStore {
        do { return try openWhatIsThere(forWriting: forWriting) } catch {
            throw fail(error.message)
        }
    }
}

extension ReportState: ExpressibleByArgument {}

struct ReportList: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List reports, newest first.",
        discussion: """
            Example: vigil report list --set hotline --limit 20

            Without --event it lists one report for each alert, that it opened; --event all lists those \
            of all events.
            """)

    @OptionGroup var store: ReportStoreOptions

    @OptionGroup var which: ReportFilterOptions

    @Option(help: ArgumentHelp("At most this many.", valueName: "n"))
    var limit = 100

    @Option(help: "text or jsonl, one object a line.")
    var format = OutputFormat.text

    @Flag(help: "Go on with reports as they are made, oldest first, until stopped.")
    var follow = false

    func validate() throws {
        guard limit > 0 else { throw ValidationError("--limit must be at least 1") }
    }

    func run() throws {
        guard let store = try store.open() else { return }
        var filter = try which.filter()
        // One for each alert; what came of it later are further reports.
        if which.event == nil { filter.event = QueuedReport.alertOpened }
        AuditLooks.note("alerts", in: store)
        try reportErrors {
            if follow { try ReportFollower(format: format).follow(store, filter) }
            try printPages(of: store, filter)
        }
        try finishOutput(isComplete: true)
    }

    private func printPages(of store: SQLiteStore, _ filter: ReportFilter) throws {
        let count = try store.forEach(filter, limit: limit) { ReportText.printLine($0, format) }
        if count == 0 { Console.error("vigil: no report matches in \(store.path)") }
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
        try reportErrors {
            guard let report = try store.report(id: id) else {
                throw fail("\(store.path): has no report or alert \(id)")
            }
            if let alert = report.alert {
                AuditLooks.note("alert", alert.id.description, in: store)
            }
            switch format {
            case .jsonl: ReportText.printLine(report, format)
            case .text:
                Console.line(ReportText.table(report))
                for delivery in try store.deliveries(of: report.id) {
                    Console.line(ReportText.line(delivery))
                }
            }
        }
        try finishOutput(isComplete: true)
    }
}

enum ReportText {
    static func printLine(_ report: QueuedReport, _ format: OutputFormat) {
        switch format {
        case .jsonl:
            var rounded = report
            rounded.alert = report.alert?.rounded
            Console.line(JSONLine.text(type: "report", rounded))
        case .text:
            let item = report.alert.map { "\($0.known.set)/\($0.known.item)  " } ?? ""
            Console.line(
                Console.printable(
                    "\(report.id)  \(time(report.createdUnixMilliseconds))  "
                        + "\(report.state.rawValue)  \(report.event)  \(item)\(report.subject)"))
        }
    }

    static func table(_ report: QueuedReport) -> String {
        var rows = [
            ("report", "\(report.id)"), ("event", report.event), ("state", report.state.rawValue),
            ("attempts", "\(report.attempts)"), ("made", time(report.createdUnixMilliseconds)),
        ]
        if let alert = report.alert {
            rows += Self.rows(alert)
            rows.append(("showing", report.alertClosed ? "over" : "may go on"))
        } else {
            rows.append(("about", report.subject))
        }
        if let error = report.lastError { rows.append(("last error", error)) }
        if let next = report.nextAttemptUnixMilliseconds { rows.append(("next try", time(next))) }
        return rows.map { name, value in
            name.padding(toLength: 12, withPad: " ", startingAt: 0) + Console.printable(value)
        }.joined(separator: "\n")
    }

    private static func rows(_ alert: Alert) -> [(String, String)] {
        let share = Int(bounded: (alert.knownShare * 100).rounded())
        return [
            ("alert", "\(alert.id)"), ("input", alert.input),
            ("known item", "\(alert.known.item), set \(alert.known.set)"),
            ("category", alert.known.category.isEmpty ? "(none)" : alert.known.category),
            ("seen", "from \(timeText(alert.firstSeen)) to \(timeText(alert.lastSeen))"),
            (
                "evidence",
                "\(count(alert.framesMatched, "picture")), \(share) % of the item, rule \(alert.rule)"
            ),
            ("distance", "\(alert.bestDistance) of 256, \(alert.variant)"),
        ]
    }

    /// One of the endpoints that a report goes to.
    static func line(_ delivery: Delivery) -> String {
        var text = "goes to     \(delivery.endpoint): \(delivery.state.rawValue)"
        if let accepted = delivery.acceptedUnixMilliseconds {
            text += ", accepted \(time(accepted))"
        }
        if delivery.attempts > 0 { text += ", \(count(delivery.attempts, "attempt"))" }
        if let next = delivery.nextAttemptUnixMilliseconds { text += ", next \(time(next))" }
        if let error = delivery.lastError { text += "; \(error)" }
        return Console.printable(text)
    }

    static func time(_ unixMilliseconds: Int64) -> String {
        // Of a file from outside it may be anything; what is beyond the year 9999 has no text.
        let bounded = min(max(unixMilliseconds, 0), 253_402_300_799_999)
        return Date(timeIntervalSince1970: Double(bounded) / 1000).formatted(
            .iso8601.year().month().day().timeZone(separator: .omitted)
                .time(includingFractionalSeconds: true))
    }
}

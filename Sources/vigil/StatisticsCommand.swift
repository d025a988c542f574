// `vigil report statistics`: the figures that reports to authorities need, in three forms.

import ArgumentParser
import Foundation
import Report
import Serve

/// How statistics are printed.
enum StatisticsFormat: String, ExpressibleByArgument, CaseIterable {
    case text, csv, jsonl
}

struct ReportStatisticsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "statistics",
        abstract: "Counts, times and error rates of the alerts of a range.",
        discussion: """
            Counts the alerts whose row was made from one time to before another, in UTC, and whatever became of them \
            until now. docs/statistics.md says what each figure means.

            Example: vigil report statistics --from 2026-01-01 --to 2026-02-01
            """)

    @Option(
        help: ArgumentHelp("From this UTC day or time.", valueName: "2026-01-01"))
    var from: String

    @Option(
        help: ArgumentHelp("To before this UTC day or time.", valueName: "2026-02-01"))
    var to: String

    @Option(
        help: ArgumentHelp(
            "Hours after which an alert without confirmed removal is late.", valueName: "hours"))
    var lateH = 72.0

    @Option(help: "text, csv (one figure a line) or jsonl (one object a line).")
    var format = StatisticsFormat.text

    @OptionGroup var store: ReportStoreOptions

    func validate() throws {
        let (from, to) = (try UTC.time(from, "--from"), try UTC.time(to, "--to"))
        guard from < to else { throw ValidationError("--from must be before --to") }
        guard (0...1e6).contains(lateH) else {
            throw ValidationError("--late-h must be from 0 to 1000000")
        }
    }

    func run() throws {
        let now = Int64(bounded: (Date().timeIntervalSince1970 * 1000).rounded())
        var request = StatisticsRequest(
            from: try UTC.time(from, "--from"), to: try UTC.time(to, "--to"), now: now)
        request.lateAfter = Int64(bounded: lateH * 3_600_000)
        request.exceptSet = ReservedSets.canary
        guard let store = try store.open() else { throw Exit.incomplete }
        // The list of late alerts names streams.
        AuditLooks.note("statistics", in: store)
        do {
            let statistics = try store.statistics(request)
            switch format {
            case .text: for line in StatisticsText(statistics).lines { Console.line(line) }
            case .csv: for line in StatisticsFigures(statistics).csv { Console.line(line) }
            case .jsonl: for line in StatisticsFigures(statistics).jsonLines { Console.line(line) }
            }
        } catch {
            throw fail(error.message)
        }
        try finishOutput(isComplete: true)
    }
}

/// Times in UTC, as they are given and printed.
enum UTC {
    /// Reads a day or a time.
    /// - Returns: Unix milliseconds.
    static func time(_ text: String, _ option: String) throws -> Int64 {
        let isDay = text.wholeMatch(of: /\d{4}-\d{2}-\d{2}/) != nil
        guard let date = try? Date(isDay ? "\(text)T00:00:00Z" : text, strategy: .iso8601) else {
            throw ValidationError(
                "\(option): give a UTC day such as 2026-01-01, or a time such as 2026-01-01T12:00:00Z"
            )
        }
        return Int64(bounded: (date.timeIntervalSince1970 * 1000).rounded())
    }

    /// A time to the second.
    static func second(_ unixMilliseconds: Int64) -> String {
        Date(timeIntervalSince1970: Double(unixMilliseconds / 1000)).formatted(.iso8601)
    }
}

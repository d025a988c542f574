// `vigil report export`, and `vigil report test`, which makes reports to try endpoints with.

import ArgumentParser
import Foundation
import Match
import Report

struct ReportExport: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write reports as JSON lines or CSV.",
        discussion: """
            Example: vigil report export --since 2026-11-01T00:00:00Z --format csv > november.csv

            JSON lines have what was delivered, with id and state; CSV has a row for each report and \
            endpoint.
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable { case jsonl, csv }

    @OptionGroup var which: ReportFilterOptions
    @OptionGroup var store: ReportStoreOptions

    @Option(help: "jsonl or csv.")
    var format = Format.jsonl

    func run() throws {
        guard let store = try store.open() else { return }
        let filter = try which.filter()
        AuditLooks.note("alerts", in: store)
        if format == .csv { Console.line(Self.columns.joined(separator: ",")) }
        try reportErrors {
            try store.forEach(filter) { report in
                switch format {
                case .jsonl: Console.line(try Self.line(report, store))
                case .csv: for row in try Self.rows(report, store) { Console.line(row) }
                }
            }
        }
        try finishOutput(isComplete: true)
    }

    private struct Line: Encodable {
        var report: QueuedReport
        var deliveries: [Delivery]
    }

    private static func line(_ report: QueuedReport, _ store: SQLiteStore) throws -> String {
        var report = report
        report.alert = report.alert?.rounded
        return JSONLine.text(
            type: "report", Line(report: report, deliveries: try store.deliveries(of: report.id)))
    }

    private static let columns = [
        "report_id", "event", "created_at", "alert_id", "subject", "set", "item", "category",
        "endpoint", "state", "attempts", "accepted_at", "last_error",
    ]

    private static func rows(_ report: QueuedReport, _ store: SQLiteStore) throws -> [String] {
        let alert = report.alert
        let facts = [
            report.id.description, report.event, ReportText.time(report.createdUnixMilliseconds),
            alert?.id.description ?? "", report.subject, alert?.known.set ?? "",
            alert?.known.item ?? "", alert?.known.category ?? "",
        ]
        let deliveries = try store.deliveries(of: report.id)
        guard !deliveries.isEmpty else {
            return [CSV.row(facts + ["", report.state.rawValue, "0", "", ""])]
        }
        return deliveries.map {
            CSV.row(
                facts + [
                    $0.endpoint, $0.state.rawValue, "\($0.attempts)",
                    $0.acceptedUnixMilliseconds.map(ReportText.time) ?? "", $0.lastError ?? "",
                ])
        }
    }
}

/// Comma-separated values (RFC 4180).
enum CSV {
    static func row(_ fields: [String]) -> String { fields.map(field).joined(separator: ",") }

    /// A field; one that a spreadsheet would take for a formula gets an apostrophe before it.
    private static func field(_ text: String) -> String {
        var text = Console.printable(text)
        if let first = text.unicodeScalars.first, "=+-@\t\r".unicodeScalars.contains(first) {
            text = "'" + text
        }
        guard text.unicodeScalars.contains(where: { "\",\r\n".unicodeScalars.contains($0) }) else {
            return text
        }
        return "\"" + text.replacing("\"", with: "\"\"") + "\""
    }
}

struct ReportTest: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test",
        abstract: "Queue a test event, to see whether and how it arrives.",
        discussion: """
            Example: vigil report test --message "hello from the new receiver"

            A service that runs on the same state sends it to the endpoints that take the event \
            webhook.test. With --alerts it raises that many alerts on the set vigil-test instead, \
            which endpoints get as they get others, and prints the id of each that is stored.
            """)

    @Option(help: "What it says.")
    var message = "a test"

    @Option(help: ArgumentHelp("Raise so many test alerts.", valueName: "n"))
    var alerts: Int?

    @Option(help: ArgumentHelp("Store so many at a time.", valueName: "n"))
    var batch = 100

    @OptionGroup var store: ReportStoreOptions

    func validate() throws {
        guard (1...1_000_000).contains(alerts ?? 1), (1...1000).contains(batch) else {
            throw ValidationError("--alerts is 1 to 1000000, --batch 1 to 1000")
        }
    }

    func run() throws {
        let composer = EventComposer(
            origin: EventOrigin(
                host: ProcessInfo.processInfo.hostName, vigilVersion: Vigil.configuration.version),
            policy: EventPolicy(name: "test", version: "1"))
        try reportErrors {
            let store = try SQLiteStore(directory: self.store.directory, composer: composer)
            guard let alerts else {
                let now = Int64(bounded: Date().timeIntervalSince1970 * 1000)
                let payload = EventPayload.test(
                    message: message, at: now, origin: composer.origin)
                let draft = EventDraft(payload.kind.rawValue, about: message) {
                    payload.body(id: $0)
                }
                for id in try store.queue([draft], at: now) { Console.line("\(id)") }
                return
            }
            try raise(alerts, in: store)
        }
        try finishOutput(isComplete: true)
    }

    private func raise(_ count: Int, in store: SQLiteStore) throws {
        var left = count
        while left > 0 {
            let now = Int64(bounded: Date().timeIntervalSince1970 * 1000)
            let some = (0..<min(batch, left)).map { Self.alert(count - left + $0, at: now) }
            for report in try store.open(some, at: now) { Console.line("\(report.id)") }
            // Whoever reads these lines takes each for stored.
            Console.flush()
            left -= some.count
        }
    }

    private static func alert(_ number: Int, at unixMilliseconds: Int64) -> Alert {
        var random = SystemRandomNumberGenerator()
        return Alert(
            id: AlertID(unixMilliseconds: UInt64(clamping: unixMilliseconds), using: &random),
            input: "test \(number)",
            known: KnownReference(set: "vigil-test", item: "test-\(number)", category: "test"),
            firstSeen: 0, lastSeen: 1, framesMatched: 1, knownShare: 1, bestDistance: 0,
            variant: "original", rule: "test")
    }
}

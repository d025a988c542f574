// `vigil scan`: files, directories and URLs against known sets.

import ArgumentParser
import Foundation
import Known
import Match
import Report
import Run

struct ScanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scan",
        abstract: "Scan files, directories or URLs against known sets.",
        discussion: """
            Directories are walked; what is a picture or video is decided by content. Alerts go on the durable \
            report queue and to standard output.

            Example: vigil scan uploads/ --known hotline.vigil --format jsonl

            Exit codes: 0 examined, nothing found; 1 something found; 2 nothing found, but an input could not \
            be (fully) examined; 64 wrong usage.
            """)

    @Argument(help: ArgumentHelp("Files, directories or http(s) URLs.", valueName: "path|url"))
    var inputs: [String]

    @OptionGroup var comparison: ComparisonOptions

    @Option(help: "text or jsonl, one object a line.")
    var format = OutputFormat.text

    @OptionGroup var queue: QueueOptions

    @Option(
        help: ArgumentHelp(
            "Inputs examined at the same time (default: one for each core).", valueName: "n"))
    var jobs: Int?

    @Flag(help: "Show no progress line.")
    var noProgress = false

    func validate() throws {
        guard (1...256).contains(jobs ?? 1) else {
            throw ValidationError("--jobs must be a number from 1 to 256")
        }
    }

    func run() throws {
        var pipeline = try comparison.pipeline()
        if let jobs { pipeline.jobs = jobs }
        let index = try comparison.index(for: pipeline)
        let store = try queue.open()
        let stopSwitch = StopSwitch()
        // Inputs that do not end are left by the scan itself; the rest is the store's time.
        let signals = StopSignals(stopSwitch, grace: 10)
        let scan = ScanRun(
            inputs: inputs, pipeline: pipeline, index: index, store: store, stopSwitch: stopSwitch)
        let progress =
            Console.isTerminal && !noProgress ? ProgressLine(scan, inputs: inputs) : nil
        let summary = scan.run { event in
            if progress != nil { ProgressLine.clear() }
            print(event, storePath: store.path)
        }
        progress?.finish()
        withExtendedLifetime(signals) {}
        print(summary)
        do { try finish(summary) } catch let code as ExitCode where scan.inputsLeft > 0 {
            // Threads are left that may use anything: nothing is taken down around them.
            _exit(code.rawValue)
        }
    }

    private func print(_ event: ScanEvent, storePath: String) {
        switch (event, format) {
        case (.alert(let alert, let problem), .jsonl):
            let line = AlertLine(alert: alert.rounded, isRecorded: problem == nil)
            Console.line(JSONLine.text(type: "alert", line))
            if let problem { Console.error("vigil: \(problem)") }
        case (.input(let result), .jsonl):
            Console.line(JSONLine.text(type: "input", result.rounded))
        case (.alert(let alert, let problem), .text):
            Console.line(ScanText.alert(alert, recordedAt: problem == nil ? storePath : nil))
            if let problem { Console.error("vigil: \(problem)") }
        case (.input(let result), .text): Console.line(ScanText.input(result))
        case (.problem(let message), _): Console.error("vigil: \(message)")
        }
        Console.flush()
    }

    private func print(_ summary: ScanSummary) {
        switch format {
        case .jsonl: Console.line(JSONLine.text(type: "summary", summary.rounded))
        case .text: Console.line(ScanText.summary(summary))
        }
    }

    private func finish(_ summary: ScanSummary) throws {
        if !Console.isComplete() {
            Console.error("vigil: not all results could be written to standard output")
            throw summary.alerts > 0 ? Exit.found : Exit.incomplete
        }
        if summary.alerts > 0 { throw Exit.found }
        if summary.failed + summary.partial > 0 || summary.stopped { throw Exit.incomplete }
    }
}

/// An alert and whether the report queue holds it.
struct AlertLine: Encodable {
    var alert: Alert
    var isRecorded: Bool

    private enum CodingKeys: String, CodingKey { case recorded }

    func encode(to encoder: any Encoder) throws {
        try alert.encode(to: encoder)
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(isRecorded, forKey: .recorded)
    }
}

/// A scan's results for people.
enum ScanText {
    static func alert(_ alert: Alert, recordedAt path: String?) -> String {
        let category = alert.known.category.isEmpty ? "" : ", category \(alert.known.category)"
        let frames = count(alert.framesMatched, "picture")
        let share = Int(bounded: (alert.knownShare * 100).rounded())
        let facts =
            "ALERT     \(alert.input): known item \(alert.known.item) (set \(alert.known.set)\(category)) "
            + "from \(timeText(alert.firstSeen)) to \(timeText(alert.lastSeen)), \(frames), "
            + "distance \(alert.bestDistance) of 256, \(share) % of the item seen, \(alert.variant)"
        let place =
            path.map { "recorded in \($0)" } ?? "NOT RECORDED: see standard error"
        return Console.printable(facts) + "\n          alert \(alert.id), "
            + Console.printable(place)
    }

    static func input(_ result: InputResult) -> String {
        let label =
            switch result.status {
            case .examined: "examined "
            case .partial: "PARTIAL  "
            case .failed: "FAILED   "
            }
        var text = "\(label) \(result.input)"
        if result.framesSampled > 0 {
            text += ": " + count(result.framesSampled, "picture")
            if result.duration > 0 { text += " of \(timeText(result.duration))" }
            if result.framesLowQuality > 0 {
                text += ", \(result.framesLowQuality) too flat to compare"
            }
        }
        if let error = result.error { text += ": \(error)" }
        return Console.printable(text)
    }

    static func summary(_ summary: ScanSummary) -> String {
        var parts = [count(summary.inputs, "input"), count(summary.alerts, "alert")]
        if summary.failed > 0 { parts.append("\(summary.failed) failed") }
        if summary.partial > 0 { parts.append("\(summary.partial) examined in part") }
        if summary.skipped > 0 { parts.append("\(summary.skipped) skipped (no picture or video)") }
        if summary.alertsUnrecorded > 0 { parts.append("\(summary.alertsUnrecorded) NOT RECORDED") }
        parts.append(
            "\(timeText(summary.mediaSeconds)) of media in \(timeText(summary.wallSeconds))")
        return parts.joined(separator: ", ") + (summary.stopped ? ". Stopped before the end." : ".")
    }
}

extension Alert {
    /// With times to the millisecond and shares to the thousandth.
    var rounded: Alert {
        var copy = self
        copy.firstSeen = milliseconds(firstSeen)
        copy.lastSeen = milliseconds(lastSeen)
        copy.knownShare = milliseconds(knownShare)
        return copy
    }
}

extension InputResult {
    var rounded: InputResult {
        var copy = self
        copy.duration = milliseconds(duration)
        return copy
    }
}

extension ScanSummary {
    var rounded: ScanSummary {
        var copy = self
        copy.mediaSeconds = milliseconds(mediaSeconds)
        copy.wallSeconds = milliseconds(wallSeconds)
        return copy
    }
}

// `vigil watch`: one live stream in the foreground.

import ArgumentParser
import Decode
import Foundation
import Report
import Run

struct WatchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Watch one live stream in the foreground.",
        discussion: """
            Reads RTMP, HLS, DASH, SRT, RTSP, or MPEG-TS over UDP, TCP or HTTP; when the stream ends or breaks, \
            connects again until stopped. Alerts go on the durable report queue at once. What could not be \
            examined is accounted for, with the reason.

            Example: vigil watch rtmp://127.0.0.1/live/one --known hotline.vigil

            Exit codes: 0 all that was there was examined, nothing found; 1 something found; 2 nothing found, \
            but nothing was examined either; 64 wrong usage.
            """)

    @Argument(help: ArgumentHelp("Address of the stream.", valueName: "url"))
    var url: String

    @OptionGroup var comparison: ComparisonOptions

    @Option(
        help: ArgumentHelp(
            "Which rendition is read, where there are several (default: as the pipeline says, the smallest of at least 240 lines).",
            valueName: RenditionChoice.words.joined(separator: "|")))
    var rendition: String?

    @Option(help: "text or jsonl, one object a line.")
    var format = OutputFormat.text

    @OptionGroup var queue: QueueOptions

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp("Stop after so many seconds.", valueName: "seconds"))
    var seconds: Double?

    @Option(
        help: ArgumentHelp(
            "Internal ranges that playlists and redirects may lead to, such as 10.1.0.0/16, with commas between.",
            valueName: "ranges"))
    var allow = ""

    @Flag(help: "Show no status line.")
    var noProgress = false

    func validate() throws {
        guard (seconds ?? 1) > 0, (seconds ?? 1).isFinite else {
            throw ValidationError("--for must be a number of seconds above 0")
        }
        _ = try input()
        _ = try egress()
        guard rendition.map({ RenditionChoice(text: $0) != nil }) ?? true else {
            let words = RenditionChoice.words.joined(separator: " or ")
            throw ValidationError("--rendition must be \(words)")
        }
    }

    /// The pipeline, with what the flags say of live streams.
    private func pipeline() throws -> Pipeline {
        var pipeline = try comparison.pipeline()
        var lines = RenditionChoice.defaultLines
        if case .smallest(let least) = pipeline.rendition { lines = least }
        if let choice = rendition.flatMap({ RenditionChoice(text: $0, atLeastLines: lines) }) {
            pipeline.rendition = choice
        }
        return pipeline
    }

    /// Whoever types an address means its host; what that leads to is not the operator's choice.
    private func egress() throws -> EgressPolicy {
        var policy = EgressPolicy.watch
        do { policy.allowed = try AddressRange.list(allow) } catch {
            throw ValidationError("--allow: \(error.message)")
        }
        return policy
    }

    private func input() throws -> LiveInput {
        do { return try LiveInput(url) } catch { throw ValidationError("the url \(error.message)") }
    }

    func run() throws {
        let input = try input()
        let pipeline = try pipeline()
        guard case .keyframes = pipeline.sampling.mode else {
            throw ValidationError("a live stream is looked at by its keyframes: leave --sample out")
        }
        let index = try comparison.index(for: pipeline)
        let store = try queue.open()
        let stopSwitch = StopSwitch()
        let signals = StopSignals(stopSwitch)
        let output = WatchOutput(
            format: format, storePath: store.path,
            showsStatus: Console.isTerminal && !noProgress)
        let run = LiveRun(pipeline: pipeline, index: index, store: store) { output.tell($0) }
        let number = run.watch(input, egress: try egress())
        let start = DispatchTime.now()
        while !stopSwitch.isStopped {
            // This thread does nothing but draw, and ask whether it is time to stop.
            Thread.sleep(forTimeInterval: 0.25)
            if let status = run.status(of: number) { output.draw(status) }
            output.tell(run.takeMinutes(of: number))
            let elapsed = DispatchTime.now().uptimeNanoseconds - start.uptimeNanoseconds
            if let seconds, Double(elapsed) / 1e9 >= seconds { break }
        }
        let remainder = run.stop()
        guard let status = run.status(of: number) else { return }
        output.finish(run.takeMinutes(of: number), status, of: input.redacted)
        let isComplete = Console.isComplete()
        withExtendedLifetime(signals) {}
        if !isComplete {
            Console.error("vigil: not all results could be written to standard output")
        }
        let code = code(status, isComplete: isComplete && remainder.isRecorded)
        // Threads are left that may use anything: nothing is taken down around them.
        if remainder != LiveRun.Remainder() { _exit(code.rawValue) }
        if code != .success { throw code }
    }

    private func code(_ status: WatchStatus, isComplete: Bool) -> ExitCode {
        if status.alerts > 0 { return Exit.found }
        let isExamined = isComplete && status.coverage.examinedSeconds > 0
        return isExamined ? .success : Exit.incomplete
    }
}

// `vigil explain`: why one input matched known sets, or did not.

import ArgumentParser
import Fingerprint
import Foundation
import Match
import Run

struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Show why a file or URL matched known sets, or did not.",
        discussion: """
            Examines one input as scan does, with the same decisions, and shows for each sampled picture the \
            nearest known item, however far it is, and the evidence so far. Nothing is recorded: no alert goes on \
            the report queue.

            Example: vigil explain upload.mp4 --known hotline.vigil
            Example: vigil explain upload.mp4 --known hotline.vigil --format html --output why.html

            Exit codes: 0 examined, nothing found; 1 matched; 2 nothing found, but the input could not be (fully) \
            examined, or the result could not be written; 64 wrong usage.
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable { case table, jsonl, html }

    @Argument(help: ArgumentHelp("A file or http(s) URL.", valueName: "path|url"))
    var input: String

    @OptionGroup var comparison: ComparisonOptions

    @Option(
        help: ArgumentHelp(
            "Tell of this known item only: its id, or set/id where several sets have it.",
            valueName: "id"))
    var item: String?

    @Option(help: "table, jsonl (one object a line), or html (one page that needs nothing else).")
    var format = Format.table

    @Option(
        help: ArgumentHelp(
            "File to write to, readable by you alone (default: standard output).",
            valueName: "file"))
    var output: String?

    @Flag(
        help:
            "Put small grey pictures of the input into the html page. They may show abuse: mind who opens it."
    )
    var withPictures = false

    func validate() throws {
        if withPictures, format != .html {
            throw ValidationError("--with-pictures needs --format html")
        }
    }

    func run() throws {
        let pipeline = try comparison.pipeline()
        if withPictures, pipeline.effort == .fast {
            throw ValidationError(
                "--with-pictures needs the effort standard or thorough: fast makes no small pictures"
            )
        }
        let scanInput = try singleInput()
        let index = try comparison.index(for: pipeline)
        let number = try item.map { try index.items.number(of: $0) }
        let file = try ExplainFile(path: output, sources: comparison.known + [input])
        let writer = makeWriter(file, pipeline)
        let stopSwitch = StopSwitch()
        let signals = StopSignals(stopSwitch, note: "what was seen is shown") { file.discard() }
        let run = ExplainRun(
            input: scanInput, pipeline: pipeline, index: index, item: number,
            showsPictures: withPictures, stopSwitch: stopSwitch
        ) { writer.take($0) }
        let explanation = run.run()
        withExtendedLifetime(signals) {}
        writer.finish(explanation)
        try finish(explanation, file)
    }

    private func singleInput() throws -> ScanInput {
        let walker = InputWalker([input])
        guard walker.isSingleInput, case .input(let single) = walker.next() else {
            throw ValidationError(
                "\(Console.printable(input)) is a folder; explain takes one file or URL")
        }
        return single
    }

    private func makeWriter(_ file: ExplainFile, _ pipeline: Pipeline) -> any ExplainWriter {
        switch format {
        case .table: ExplainTable(file, pipeline)
        case .jsonl: ExplainLines(file, pipeline)
        case .html: ExplainPage(file, pipeline, hasPictures: withPictures)
        }
    }

    private func finish(_ explanation: Explanation, _ file: ExplainFile) throws {
        if let problem = file.close() {
            Console.error("vigil: \(problem)")
            throw explanation.alertCount > 0 ? Exit.found : Exit.incomplete
        }
        if explanation.alertCount > 0 { throw Exit.found }
        if explanation.result.status != .examined || explanation.stopped { throw Exit.incomplete }
    }
}

/// Renders what an explanation tells.
protocol ExplainWriter {
    /// Takes in what was seen.
    func take(_ event: ExplainEvent)
    /// All is there.
    func finish(_ explanation: Explanation)
}

extension IndexedItems {
    /// The number of the item that a user names by its id, or by set and id.
    fileprivate func number(of name: String) throws -> Int {
        let named = indices.filter { number in
            let item = self[number].reference
            return item.item == name || "\(item.set)/\(item.item)" == name
        }
        switch named.count {
        case 1: return named[0]
        case 0:
            throw ValidationError(
                "no known item is called \(Console.printable(name)); vigil known info SET --items lists them"
            )
        default:
            throw ValidationError(
                "several sets have an item \(Console.printable(name)): name it as set/id")
        }
    }
}

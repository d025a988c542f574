// `vigil bench`: this machine's own numbers, for those who size servers.

import ArgumentParser
import CHashKernels
import Decode
import Foundation
import Measure
import Run

struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure how much this machine can watch.",
        discussion: """
            Measures hashing, look-ups, keyframe decoding and whole scans, and works out how many live streams \
            one core can take: every packet is read, each keyframe is decoded, hashed and looked up in all its \
            forms in a list of a million hashes. The clips are made here and removed again. Takes one to two \
            minutes; --quick about a quarter of one. Run it on a machine that does nothing else: where CPU \
            time is far below the median, something else ran too.

            Example: vigil bench --only decode,streams --keyframe-interval 4

            Exit codes: 0 measured; 2 something could not be measured, or it was stopped; 64 wrong usage.
            """)

    @Option(
        help: ArgumentHelp(
            "Which figures: a list of luma, pdq, index, decode, pipeline, streams.",
            valueName: "list"))
    var only: SectionList?

    @Option(
        help: ArgumentHelp("Time spent on each figure, 0.001 to 60 (default: 0.4).", valueName: "s")
    )
    var seconds: Double?

    @Option(
        help: ArgumentHelp(
            "Hashes in the lists of the index figures (default: 10k,100k,1M); 10M takes a minute and 2 GB.",
            valueName: "list"))
    var indexSizes: SizeList?

    @Option(
        help: ArgumentHelp(
            "From one keyframe of a clip or stream to the next, 0.5 to 12.", valueName: "s"))
    var keyframeInterval = BenchSettings().keyframeInterval

    @Flag(help: "A rough answer: H.264 only, short clips, small lists.")
    var quick = false

    @Option(help: "text or jsonl, one object a line.")
    var format = OutputFormat.text

    /// Sections by their names, with commas between.
    struct SectionList: ExpressibleByArgument {
        var sections: Set<BenchSection> = []

        init?(argument: String) {
            for name in argument.split(separator: ",", omittingEmptySubsequences: false) {
                guard let section = BenchSection(rawValue: String(name)) else { return nil }
                sections.insert(section)
            }
        }
    }

    /// Numbers of hashes such as `500`, `10k`, `1M`, with commas between.
    struct SizeList: ExpressibleByArgument {
        var sizes: [Int] = []

        init?(argument: String) {
            for text in argument.split(separator: ",", omittingEmptySubsequences: false) {
                let factor = ["k": 1000, "m": 1_000_000][text.suffix(1).lowercased()]
                guard let number = Int(factor == nil ? text : text.dropLast()),
                    (1...100_000_000).contains(number),
                    (1...100_000_000).contains(number * (factor ?? 1))
                else { return nil }
                sizes.append(number * (factor ?? 1))
            }
        }
    }

    func validate() throws {
        guard (0.001...60).contains(seconds ?? 1) else {
            throw ValidationError("--seconds must be a number from 0.001 to 60")
        }
        guard BenchSettings.keyframeIntervals.contains(keyframeInterval) else {
            throw ValidationError(
                "--keyframe-interval must be a number from 0.5 to 12: the default policy samples no "
                    + "closer, and decodes in between where keyframes lie further apart")
        }
    }

    func run() throws {
        // One of the encoders writes to standard error by itself.
        setenv("SVT_LOG", "0", 0)
        let folder: TemporaryFolder
        do {
            folder = try TemporaryFolder()
        } catch {
            throw fail("\(error)")
        }
        defer { folder.remove() }
        let stopSwitch = StopSwitch()
        let signals = StopSignals(stopSwitch, note: "the clips are removed") { folder.remove() }
        let settings = settings()
        let output = BenchOutput(format: format)
        output.begin(Machine(), settings)
        let bench = Bench(settings, folder: folder, stopSwitch: stopSwitch, handle: output.take)
        let isComplete = bench.run()
        withExtendedLifetime(signals) {}
        output.finish()
        if stopSwitch.isStopped { Console.error("vigil: stopped before everything was measured") }
        try finishOutput(isComplete: isComplete && !stopSwitch.isStopped)
    }

    private func settings() -> BenchSettings {
        var settings = BenchSettings()
        settings.isQuick = quick
        if quick {
            settings.seconds = 0.1
            settings.indexSizes = [10_000, 100_000]
            settings.listSize = 100_000
        }
        if let only { settings.sections = only.sections }
        if let seconds { settings.seconds = seconds }
        if let indexSizes { settings.indexSizes = indexSizes.sizes }
        settings.keyframeInterval = keyframeInterval
        return settings
    }
}

/// What the figures were measured on and with.
struct Machine: Encodable {
    var cpu: String
    var cores = ProcessInfo.processInfo.activeProcessorCount
    var kernels = String(cString: vigil_kernel_level())
    var ffmpeg = MediaLibrary().version
    var vigil = Vigil.configuration.version
    /// Runnable threads before the run, a mean over one minute; `nil` where it is not known.
    var loadAverage: Double?

    private enum CodingKeys: String, CodingKey {
        case cpu, cores, kernels, ffmpeg, vigil
        case loadAverage = "load_average_1min"
    }

    init() {
        let lines = try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)
        let model = lines?.split(separator: "\n").first { $0.hasPrefix("model name") }
        cpu =
            model?.split(separator: ":", maxSplits: 1).last
            .map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown"
        var loads = [0.0]
        if getloadavg(&loads, 1) == 1 { loadAverage = loads[0] }
    }
}

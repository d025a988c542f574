// Options that several commands share, and how they become a pipeline and an index.

public import ArgumentParser
import Decode
public import Fingerprint
import Foundation
import Known
import Match
import Report
import Run

/// How results are printed.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
    case text, jsonl
}

extension Effort: ExpressibleByArgument {}
extension VariantLevel: ExpressibleByArgument {}

/// `--sample`: keyframes, all, or seconds.
struct SampleMode: ExpressibleByArgument {
    var mode: SamplingPolicy.Mode

    init?(argument: String) {
        guard let mode = SamplingPolicy.Mode(text: argument) else { return nil }
        self.mode = mode
    }
}

/// The key that known sets are sealed with.
struct KeyOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Key that the known set is sealed with (default: $VIGIL_KEY_FILE, else a key made once in your configuration folder).",
            valueName: "file"))
    var keyFile: String?

    /// - Parameter creates: whether a missing default key is made; a named one never is.
    func load(creates: Bool) throws -> SealKey {
        let environment = ProcessInfo.processInfo.environment
        let path = KeyFile.resolve(explicit: keyFile, environment: environment)
        let isDefault = keyFile == nil && environment[KeyFile.environmentName] == nil
        do {
            return try KeyFile.load(path: path, createIfMissing: creates && isDefault)
        } catch {
            throw fail(error.message)
        }
    }
}

/// What is looked at, and how closely.
struct PipelineOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Pipeline file; flags override it.", valueName: "file"))
    var pipeline: String?

    @Option(
        help: ArgumentHelp(
            "Which frames: keyframes, all, or seconds between frames.",
            valueName: "keyframes|all|seconds"))
    var sample: SampleMode?

    @Option(
        help: ArgumentHelp(
            "How much is tried to recognise an edited copy; see README.",
            valueName: "fast|standard|thorough"))
    var effort: Effort?

    func resolve() throws -> Pipeline {
        var resolved = Pipeline()
        if let pipeline {
            do {
                resolved = try Pipeline(file: pipeline)
            } catch {
                throw ValidationError(error.message)
            }
        }
        if let sample { resolved.sampling.mode = sample.mode }
        if let effort { resolved.effort = effort }
        return resolved
    }
}

/// What pictures are compared with, and how.
struct ComparisonOptions: ParsableArguments {
    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp("Sealed known sets to compare with.", valueName: "file"))
    var known: [String]

    @OptionGroup var key: KeyOptions
    @OptionGroup var pipelineOptions: PipelineOptions

    func validate() throws {
        guard !known.isEmpty else { throw ValidationError("--known needs at least one known set") }
    }

    func pipeline() throws -> Pipeline { try pipelineOptions.resolve() }

    func index(for pipeline: Pipeline) throws -> KnownIndex {
        try loadIndex(known, key: key.load(creates: false), policy: pipeline.matchPolicy)
    }
}

/// Where alerts are recorded.
struct QueueOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Folder of the report queue (default: your XDG state folder, in vigil).",
            valueName: "dir"))
    var state: String?

    func open() throws -> SQLiteStore {
        let directory =
            state
            ?? SQLiteStore.defaultDirectory(environment: ProcessInfo.processInfo.environment)
        do {
            return try SQLiteStore(directory: directory)
        } catch {
            throw fail(error.message)
        }
    }
}

/// Opens known sets and puts them behind one index.
func loadIndex(_ paths: [String], key: SealKey, policy: MatchPolicy) throws -> KnownIndex {
    do {
        return try LoadedKnown(paths, key: key).index(policy: policy)
    } catch {
        throw fail(error.message)
    }
}

// `vigil doctor`: what is missing or wrong on this machine, and what to do about it. Creates
// nothing.

import ArgumentParser
import CHashKernels
import Decode
import Foundation
import Known
import Report

struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Say what is missing or wrong here.",
        discussion: """
            Looks at the decoders, the processor, the key and the state folder, and changes nothing.

            Example: vigil doctor

            Exit codes: 0 all is well; 2 something needs attention.
            """)

    @OptionGroup var key: KeyOptions

    @Option(
        help: ArgumentHelp(
            "Folder of the report queue (default: your XDG state folder, in vigil).",
            valueName: "dir"))
    var state: String?

    private enum Verdict: String { case ok, note, problem }

    func run() throws {
        let checks = ffmpegChecks() + [kernelCheck(), keyCheck(), stateCheck(), coreDumpCheck()]
        for (verdict, text) in checks {
            Console.line(
                verdict.rawValue.padding(toLength: 9, withPad: " ", startingAt: 0)
                    + Console.printable(text))
        }
        try finishOutput(isComplete: !checks.contains { $0.0 == .problem })
    }

    private func ffmpegChecks() -> [(Verdict, String)] {
        let library = MediaLibrary()
        var checks: [(Verdict, String)] = [(.ok, "FFmpeg libraries \(library.version)")]
        let missing = library.missingDecoders
        checks.append(
            missing.isEmpty
                ? (.ok, "decoders for \(library.expectedDecoders.joined(separator: ", "))")
                : (
                    .problem,
                    "no decoder for \(missing.joined(separator: ", ")): such inputs will fail; install an FFmpeg that has them"
                ))
        return checks
    }

    private func kernelCheck() -> (Verdict, String) {
        let level = String(cString: vigil_kernel_level())
        let cores = ProcessInfo.processInfo.activeProcessorCount
        return level == "SSE2" || level == "scalar"
            ? (
                .note,
                "\(count(cores, "core")), \(level) kernels: a processor with AVX2 hashes faster"
            )
            : (.ok, "\(count(cores, "core")), \(level) kernels")
    }

    private func keyCheck() -> (Verdict, String) {
        let environment = ProcessInfo.processInfo.environment
        let path = KeyFile.resolve(explicit: key.keyFile, environment: environment)
        do {
            let key = try KeyFile.load(path: path, createIfMissing: false)
            return (.ok, "key \(key.id) in \(path)")
        } catch {
            let isDefault = key.keyFile == nil && environment[KeyFile.environmentName] == nil
            return error.code == .keyMissing && isDefault
                ? (.note, "no key yet at \(path); `vigil known build` makes one")
                : (.problem, error.message)
        }
    }

    private func stateCheck() -> (Verdict, String) {
        let directory =
            state
            ?? SQLiteStore.defaultDirectory(environment: ProcessInfo.processInfo.environment)
        do {
            let store = try SQLiteStore(directory: directory, readOnly: true)
            let counts = try store.counts()
            let waiting = counts.filter { $0.key != .delivered && $0.key != .dead }
                .reduce(0) { $0 + $1.value }
            return (.ok, "report queue \(store.path): \(count(waiting, "report")) waiting")
        } catch {
            return error.code == .noDatabase
                ? (.note, "\(error.message); the first scan makes it") : (.problem, error.message)
        }
    }

    private func coreDumpCheck() -> (Verdict, String) {
        Vigil.areCoreDumpsOff
            ? (.ok, "core dumps of Vigil are off: no known hash can reach one")
            : (
                .problem,
                "core dumps could not be turned off: a crash could write known hashes to disk"
            )
    }
}

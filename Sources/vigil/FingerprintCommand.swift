// `vigil fingerprint`: the hashes of pictures and videos, as vPDQ text or JSON lines.

import ArgumentParser
import Decode
import Fingerprint
import Foundation
import Run

struct FingerprintCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fingerprint",
        abstract: "Print the fingerprints of pictures and videos.",
        discussion: """
            --format vpdq prints frame,quality,hash,seconds a line, as the vPDQ reference does; frame counts \
            all frames with --sample all, otherwise the sampled ones. Several inputs in this format need an \
            --output folder.

            Example: vigil fingerprint clip.mp4 --sample all --format vpdq > clip.txt
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable { case vpdq, jsonl }

    @Argument(help: ArgumentHelp("Files, directories or http(s) URLs.", valueName: "path|url"))
    var inputs: [String]

    @OptionGroup var pipelineOptions: PipelineOptions

    @Option(help: "vpdq or jsonl, one object a line.")
    var format = Format.vpdq

    @Option(
        help: ArgumentHelp(
            "File to write to, or an existing folder: then one file for each input.",
            valueName: "file|dir"))
    var output: String?

    func run() throws {
        var pipeline = try pipelineOptions.resolve()
        // One hash a frame: the other forms follow from it and are for searching.
        pipeline.effort = .fast
        let stopSwitch = StopSwitch()
        let signals = StopSignals(stopSwitch)
        let writer = FingerprintWriter(format: format, output: output)
        try writer.checkUsage(inputs)
        var fingerprints = MediaFingerprints(
            pipeline: pipeline, form: .rgb, stopSwitch: stopSwitch)
        var complete = true
        let walker = InputWalker(inputs)
        while !stopSwitch.isStopped, let step = walker.next() {
            switch step {
            case .unreadable(let path, let reason):
                Console.error("vigil: \(path): \(reason)")
                complete = false
            case .input(let input):
                try writer.begin(input)
                let result = fingerprints.examine(input) { track, forms in
                    // The forms of one frame; with effort fast there is one.
                    if track == 0, let first = forms.first { writer.write(first, of: input) }
                }
                try writer.end(discard: result == nil || result?.framesSampled == 0)
                if let result, result.status != .examined {
                    Console.error(
                        "vigil: \(result.input): \(result.status.rawValue): \(result.error ?? "")")
                    complete = false
                }
            }
        }
        withExtendedLifetime(signals) {}
        guard Console.isComplete() else { throw fail("standard output cannot be written") }
        if !complete || stopSwitch.isStopped { throw Exit.incomplete }
    }
}

/// Writes fingerprints to standard output, to one file, or to a file for each input.
final class FingerprintWriter {
    private let format: FingerprintCommand.Format
    private let output: String?
    private let outputIsFolder: Bool
    private var file: UnsafeMutablePointer<FILE>?
    private var path = ""
    private var taken: Set<String> = []

    private struct Line: Encodable {
        var input: String
        var fingerprint: FrameFingerprint

        func encode(to encoder: any Encoder) throws {
            try fingerprint.encode(to: encoder)
            var values = encoder.container(keyedBy: Key.self)
            try values.encode(input, forKey: .input)
        }

        enum Key: String, CodingKey { case input }
    }

    init(format: FingerprintCommand.Format, output: String?) {
        self.format = format
        self.output = output
        outputIsFolder = output.map(Self.isFolder) ?? false
    }

    private static func isFolder(_ path: String) -> Bool {
        var isDirectory: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory)
            && isDirectory.boolValue
    }

    func checkUsage(_ inputs: [String]) throws {
        let several = inputs.count > 1 || inputs.contains(where: Self.isFolder)
        if several, format == .vpdq, !outputIsFolder {
            throw ValidationError(
                "several inputs in vpdq format would run into each other: give --output an existing folder, or use --format jsonl"
            )
        }
    }

    func begin(_ input: ScanInput) throws {
        guard let output else { return }
        if outputIsFolder {
            path = output + "/" + name(for: input)
        } else if file != nil {
            return
        } else {
            path = output
        }
        file = fopen(path, "w")
        guard file != nil else {
            throw fail("\(path): cannot be written: \(String(cString: strerror(errno)))")
        }
    }

    func write(_ fingerprint: FrameFingerprint, of input: ScanInput) {
        var line: String
        switch format {
        case .vpdq: line = fingerprint.vpdqLine
        case .jsonl:
            var rounded = fingerprint
            rounded.mediaTime = milliseconds(fingerprint.mediaTime)
            line = JSONLine.text(
                type: "fingerprint", Line(input: input.media.redacted, fingerprint: rounded))
        }
        guard let file else { return Console.line(line) }
        line += "\n"
        fputs(line, file)
    }

    /// - Parameter discard: there was nothing to write; no empty file is left.
    func end(discard: Bool) throws {
        guard let open = file, outputIsFolder || !discard else { return }
        let failed = fflush(open) != 0 || ferror(open) != 0
        if outputIsFolder {
            fclose(open)
            file = nil
            if discard { unlink(path) }
        }
        if failed { throw fail("\(path): cannot be written in full; is the disk full?") }
    }

    private func name(for input: ScanInput) -> String {
        let last = (input.media.redacted as NSString).lastPathComponent
        let stem = (last as NSString).deletingPathExtension
        var name = stem
        var number = 2
        while !taken.insert(name).inserted {
            name = "\(stem)-\(number)"
            number += 1
        }
        return name + (format == .vpdq ? ".txt" : ".jsonl")
    }

    deinit {
        if let file { fclose(file) }
    }
}

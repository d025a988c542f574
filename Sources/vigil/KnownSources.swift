// Where the items of a known set come from: media and lists of hashes. Shared by `known build` and
// `known import`.

import ArgumentParser
import Fingerprint
import Foundation
import Known
import Match
import Run

struct KnownSources: ParsableArguments {
    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp("Pictures, videos or folders of them.", valueName: "path"))
    var media: [String] = []

    @Option(
        help:
            "Also hash media as cropped and turned copies look: none, standard or thorough. Finds more, takes more room."
    )
    var variants = VariantLevel.none

    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp(
            "Lists of hashes: PDQ lines, vPDQ text, or signal CSV.", valueName: "file"))
    var from: [String] = []

    @Option(help: "Category of the items, where a list gives none itself.")
    var category = ""

    @Flag(help: "Make a corrupt line in a list an error instead of skipping it.")
    var strict = false

    func validate() throws {
        guard !(media.isEmpty && from.isEmpty) else {
            throw ValidationError("give --media, --from, or both")
        }
        guard variants == .none || !media.isEmpty else {
            throw ValidationError(
                "--variants needs --media: of a list's hashes no variants can be made")
        }
    }

    /// Adds everything to a set and says on standard error what could not be.
    /// - Returns: whether all media was read in full.
    func add(to set: inout KnownSet) throws -> Bool {
        for path in from { try addList(path, to: &set) }
        let isComplete = try addMedia(to: &set)
        guard !set.hashes.isEmpty else {
            throw fail("nothing to put into the set; none was written")
        }
        return isComplete
    }

    private func addList(_ path: String, to set: inout KnownSet) throws {
        do {
            let list = try ImportList.read(path: path, category: category)
            try report(list, of: path)
            StructureWarning.show(list.set, from: path)
            let merge = try set.merge(list.set)
            var text =
                "\(path): \(count(merge.added, "item")) taken from a \(list.format.rawValue) list"
            if merge.present > 0 { text += ", \(merge.present) already in the set" }
            if list.duplicates > 0 {
                text += ", \(count(list.duplicates, "repeated line")) skipped"
            }
            if list.corruptCount > 0 {
                text += ", \(count(list.corruptCount, "corrupt line")) skipped"
            }
            for (type, rows) in list.unsupported.sorted(by: { $0.key < $1.key }) {
                text += ", \(count(rows, "row")) of type \(type) not supported"
            }
            Console.error(text)
        } catch let error as KnownError {
            throw fail(error.message)
        }
    }

    private func report(_ list: ImportList.Result, of path: String) throws {
        let shown = 10
        for line in list.corruptLines.prefix(shown) {
            Console.error("vigil: \(path), line \(line.line): \(line.reason)")
        }
        if list.corruptCount > shown {
            Console.error("vigil: \(path): and \(list.corruptCount - shown) more corrupt lines")
        }
        if strict, list.corruptCount > 0 {
            throw fail(
                "\(path): \(count(list.corruptCount, "corrupt line")) and --strict: nothing was written"
            )
        }
    }

    private func addMedia(to set: inout KnownSet) throws -> Bool {
        guard !media.isEmpty else { return true }
        let stopSwitch = StopSwitch()
        let signals = StopSignals(stopSwitch)
        let builder = KnownMediaBuilder(
            category: category, minimumQuality: MatchPolicy().minimumQuality, variants: variants,
            stopSwitch: stopSwitch)
        let found = builder.build(media, taken: Set(set.items.map(\.id))) { result in
            if Console.isTerminal {
                Console.error("\(result.input): \(count(result.framesSampled, "frame")) read")
            }
        }
        withExtendedLifetime(signals) {}
        if stopSwitch.isStopped { throw fail("stopped; nothing was written") }
        for result in found.incomplete {
            let reason = result.error ?? "no frame has enough structure to be compared"
            Console.error("vigil: \(result.input): \(reason)")
        }
        StructureWarning.show(found.lowStructure)
        do {
            for (item, hashes) in found.items { try set.add(item, hashes: hashes) }
        } catch {
            throw fail(error.message)
        }
        Console.error(
            "media: \(count(found.items.count, "item")) from \(count(found.frames, "frame")); left out "
                + "\(found.framesPruned) that look like one kept, \(found.framesLowQuality) too flat"
                + (found.skipped > 0
                    ? "; skipped \(found.skipped) that are no picture or video" : ""))
        return found.incomplete.isEmpty
    }
}

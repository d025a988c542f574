// `vigil known`: making and keeping sealed known sets. None of these commands ever prints a hash.

import ArgumentParser
import Foundation
import Known
import Run

struct KnownCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "known",
        abstract: "Build, look at and change sealed known sets.",
        discussion: """
            A known set holds hashes, never media, sealed with a key. No command prints a hash of it.

            Example: vigil known build hotline.vigil --name hotline --from list.txt --category A1
            """,
        subcommands: [
            KnownBuild.self, KnownInfo.self, KnownVerify.self, KnownImport.self, KnownRemove.self,
            KnownDiff.self, KnownLintCommand.self,
        ])
}

struct KnownBuild: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "build",
        abstract: "Make a known set from media and from lists of hashes.",
        discussion: """
            Media is sampled at every frame; frames that look like one just kept, or have too little \
            structure, are left out. So are a video's frames that any bars, title card or logo would match,             with a line that says when they are shown; a picture of that kind is taken, with a warning, and so             are hashes of lists. `vigil known lint` finds both. Lists: one PDQ hash a line with optional ,metadata; vPDQ text; or CSV \
            with signal_type,signal_str,… A corrupt line is named, counted and skipped.

            --variants also hashes media as cropped and slightly turned copies look, five times a second at \
            most: standard adds 4 hashes each time, thorough 8, and twice as many where media has borders.

            Example: vigil known build demo.vigil --name demo --media clips/ --category sample
            """)

    @Argument(help: ArgumentHelp("Known set to write.", valueName: "out"))
    var out: String

    @Option(help: "Name of the set; alerts carry it.")
    var name: String

    @OptionGroup var sources: KnownSources
    @OptionGroup var key: KeyOptions

    @Flag(help: "Write over an existing known set.")
    var replace = false

    func run() throws {
        guard replace || !FileManager.default.fileExists(atPath: out) else {
            throw fail("\(out): exists; add to it with `vigil known import`, or give --replace")
        }
        let sealKey = try key.load(creates: true)
        var set = KnownSet(
            name: name, createdUnixSeconds: Int64(bounded: Date().timeIntervalSince1970))
        let isComplete = try sources.add(to: &set)
        try writeSet(set, to: out, key: sealKey)
        Console.line("\(out): \(KnownText.contents(of: set, in: out))")
        try finishOutput(isComplete: isComplete)
    }
}

struct KnownImport: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Add media or lists of hashes to a known set.",
        discussion: """
            An item that the set already has, with the same hashes, is counted and left as it is.

            Example: vigil known import hotline.vigil --from update.csv
            """)

    @Argument(help: ArgumentHelp("Known set to add to.", valueName: "set"))
    var path: String

    @OptionGroup var sources: KnownSources
    @OptionGroup var key: KeyOptions

    func run() throws {
        var isComplete = true
        var added = 0
        let set = try changeSet(path, key: key) { set in
            let before = set.items.count
            isComplete = try sources.add(to: &set)
            added = set.items.count - before
        }
        Console.line(
            "\(path): \(count(added, "item")) added; now "
                + KnownText.contents(of: set, in: path))
        try finishOutput(isComplete: isComplete)
    }
}

struct KnownRemove: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Take items out of a known set.",
        discussion: "Example: vigil known remove hotline.vigil item-17 item-18")

    @Argument(help: ArgumentHelp("Known set.", valueName: "set"))
    var path: String

    @Argument(help: ArgumentHelp("Ids of the items.", valueName: "id"))
    var ids: [String]

    @OptionGroup var key: KeyOptions

    func run() throws {
        var removed = 0
        let set = try changeSet(path, key: key) { set in
            let missing = set.missing(of: Set(ids))
            guard missing.isEmpty else {
                let names = missing.sorted().joined(separator: ", ")
                throw fail("\(path): has no item \(names); nothing was removed")
            }
            removed = set.remove(ids: Set(ids))
        }
        Console.line(
            "\(path): \(count(removed, "item")) removed; now "
                + KnownText.contents(of: set, in: path))
        try finishOutput(isComplete: true)
    }
}

struct KnownInfo: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info",
        abstract: "Say what a known set holds, without its hashes.",
        discussion: "Example: vigil known info hotline.vigil --items")

    @Argument(help: ArgumentHelp("Known sets.", valueName: "set"))
    var paths: [String]

    @OptionGroup var key: KeyOptions

    @Flag(help: "List the items too.")
    var items = false

    @Option(help: "text or jsonl, one object a line.")
    var format = OutputFormat.text

    func run() throws {
        let sealKey = try key.load(creates: false)
        for path in paths {
            let set = try readSet(path, key: sealKey)
            let facts = KnownFacts(path: path, set: set)
            switch format {
            case .jsonl: Console.line(JSONLine.text(type: "known", facts))
            case .text: Console.line(Console.printable(path) + "\n" + KnownText.table(facts))
            }
            if items { printItems(of: set) }
        }
        try finishOutput(isComplete: true)
    }

    private func printItems(of set: KnownSet) {
        for (index, item) in set.items.enumerated() {
            let hashes = set.catalogue.plainRange(ofItemAt: index).count
            let facts = KnownItemFacts(
                item: item, hashes: hashes,
                variants: set.hashCount(ofItemAt: index) - hashes)
            switch format {
            case .jsonl: Console.line(JSONLine.text(type: "item", facts))
            case .text:
                let length = item.kind == .video ? ", \(timeText(item.durationSeconds))" : ""
                let category = item.category.isEmpty ? "" : ", category \(item.category)"
                Console.line(
                    Console.printable(
                        "  \(item.id): \(item.kind.rawValue)\(length), "
                            + KnownText.amount(hashes: facts.hashes, variants: facts.variants)
                            + "\(category), from \(item.source)"
                    ))
            }
        }
    }
}

struct KnownVerify: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check that known sets are whole and open with the key.",
        discussion: "Example: vigil known verify hotline.vigil")

    @Argument(help: ArgumentHelp("Known sets.", valueName: "set"))
    var paths: [String]

    @OptionGroup var key: KeyOptions

    func run() throws {
        let sealKey = try key.load(creates: false)
        var isComplete = true
        for path in paths {
            do {
                let set = try SealedFile.read(path: path, key: sealKey)
                Console.line(
                    "\(Console.printable(path)): whole; "
                        + KnownText.contents(of: set, in: path))
            } catch {
                Console.error("vigil: \(error.message)")
                isComplete = false
            }
        }
        try finishOutput(isComplete: isComplete)
    }
}

struct KnownDiff: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff",
        abstract: "Say which items differ between two known sets.",
        discussion: """
            Prints + for an item only in the second, - for one only in the first, ~ for one that changed.

            Example: vigil known diff yesterday.vigil today.vigil

            Exit codes: 0 no difference; 1 a difference; 2 a set could not be read.
            """)

    @Argument(help: ArgumentHelp("The older known set.", valueName: "old"))
    var old: String

    @Argument(help: ArgumentHelp("The newer known set.", valueName: "new"))
    var new: String

    @OptionGroup var key: KeyOptions

    func run() throws {
        let sealKey = try key.load(creates: false)
        let difference = KnownDifference(
            from: try readSet(old, key: sealKey), to: try readSet(new, key: sealKey))
        for (mark, ids) in [
            ("+", difference.added), ("-", difference.removed), ("~", difference.changed),
        ] {
            for id in ids { Console.line("\(mark) \(Console.printable(id))") }
        }
        try finishOutput(isComplete: true)
        if !difference.isEmpty { throw Exit.found }
    }
}

// MARK: - Shared

/// Keeps two commands from changing sets of one folder at the same time, where the later would undo
/// what the earlier did.
///
/// The lock is on the folder, because the set's own file is replaced.
struct SetLock {
    private let descriptor: CInt

    init(_ path: String) throws {
        let folder = (path as NSString).deletingLastPathComponent
        descriptor = open(folder.isEmpty ? "." : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0, flock(descriptor, LOCK_EX) == 0 else {
            throw fail("\(path): its folder cannot be locked: \(String(cString: strerror(errno)))")
        }
    }

    func release() { close(descriptor) }
}

func readSet(_ path: String, key: SealKey) throws -> KnownSet {
    do {
        return try SealedFile.read(path: path, key: key)
    } catch {
        throw fail(error.message)
    }
}

/// Reads a set, changes it and writes its next version, with no other command in between.
/// - Returns: the set as written.
func changeSet(
    _ path: String, key: KeyOptions, _ change: (inout KnownSet) throws -> Void
) throws -> KnownSet {
    let sealKey = try key.load(creates: false)
    let lock = try SetLock(path)
    defer { lock.release() }
    var set = try readSet(path, key: sealKey)
    try change(&set)
    set.markRewritten(atUnixSeconds: Int64(bounded: Date().timeIntervalSince1970))
    try writeSet(set, to: path, key: sealKey)
    return set
}

func writeSet(_ set: KnownSet, to path: String, key: SealKey) throws {
    do {
        try SealedFile.write(set, to: path, key: key)
    } catch {
        throw fail(error.message)
    }
}

func finishOutput(isComplete: Bool) throws {
    guard Console.isComplete() else { throw fail("standard output cannot be written") }
    if !isComplete { throw Exit.incomplete }
}

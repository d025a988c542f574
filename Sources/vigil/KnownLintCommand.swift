// `vigil known lint`: what in sealed sets would match unrelated pictures, or nothing at all.

import ArgumentParser
import Foundation
import Known
import Match

struct KnownLintCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lint",
        abstract: "Find what in known sets would match unrelated pictures, or nothing.",
        discussion: """
            Names items, never hashes, and why:

            low_quality      hashes below quality \(MatchPolicy().minimumQuality), which take part in no match
            low_structure    hashes that look like those of bars, gradients, title cards or logos; \
            from the bits alone about a third of such pictures can be told
            shared_hash      hashes that another item has too, within \(KnownLint.sharedDistance) bits (in \
            sets of more than \(KnownLint.mostForNear) hashes: the very same): a card that several videos \
            show, or one item twice
            no_usable_hash   no hash of the item is without one of the first two faults

            Example: vigil known lint hotline.vigil

            Exit codes: 0 nothing found; 1 something found; 2 nothing found, but a set could not be read.
            """)

    @Argument(help: ArgumentHelp("Known sets.", valueName: "set"))
    var paths: [String]

    @OptionGroup var key: KeyOptions

    @Option(
        help: ArgumentHelp(
            "How many findings of each set are printed, 0 to \(Self.mostFindings); all are counted.",
            valueName: "number"))
    var limit = 100

    @Option(help: "text or jsonl, one object a line.")
    var format = OutputFormat.text

    private static let mostFindings = 1_000_000

    func validate() throws {
        guard (0...Self.mostFindings).contains(limit) else {
            throw ValidationError("--limit must be a number from 0 to \(Self.mostFindings)")
        }
    }

    func run() throws {
        let sealKey = try key.load(creates: false)
        var isComplete = true
        var total = 0
        for path in paths {
            do {
                let set = try SealedFile.read(path: path, key: sealKey)
                let lint = KnownLint(
                    set, minimumQuality: MatchPolicy().minimumQuality, limit: limit)
                total += lint.total
                show(lint, of: set, path)
            } catch {
                Console.error("vigil: \(error.message)")
                isComplete = false
            }
        }
        guard Console.isComplete() else { throw fail("standard output cannot be written") }
        if total > 0 { throw Exit.found }
        if !isComplete { throw Exit.incomplete }
    }

    private func show(_ lint: KnownLint, of set: KnownSet, _ path: String) {
        switch format {
        case .jsonl:
            for finding in lint.findings {
                Console.line(
                    JSONLine.text(type: "finding", FindingLine(finding, set: set.name)))
            }
            Console.line(JSONLine.text(type: "lint", LintLine(lint, of: set, path)))
        case .text:
            for finding in lint.findings { Console.line(Console.printable(text(finding))) }
            let more = lint.total - lint.findings.count
            if more > 0, limit > 0 { Console.line("  and \(count(more, "more finding"))") }
            Console.line(Console.printable("\(path): \(summary(lint, of: set))"))
        }
    }

    private func text(_ finding: KnownLint.Finding) -> String {
        var text =
            "  \(finding.item): \(finding.reason.rawValue), \(finding.hashes) of "
            + count(finding.itemHashes, "hash", "hashes")
        if finding.itemHashes > 1 { text += ", first at \(timeText(finding.firstTime))" }
        if !finding.others.isEmpty {
            text += ", with \(finding.others.joined(separator: ", "))"
        }
        return text
    }

    private func summary(_ lint: KnownLint, of set: KnownSet) -> String {
        let size =
            "\(count(set.items.count, "item")), \(count(set.hashes.count, "hash", "hashes"))"
        guard lint.total > 0 else { return "nothing found in \(size)" }
        let reasons = KnownLint.Reason.allCases.compactMap { reason in
            lint.counts[reason].map { "\(reason.rawValue) in \(count($0, "item"))" }
        }
        return "\(size): \(reasons.joined(separator: ", "))"
    }
}

private struct FindingLine: Encodable {
    var set: String
    var item: String
    var reason: String
    var hashes: Int
    var itemHashes: Int
    var firstSeconds: Double
    var sharedWith: [String]?

    enum CodingKeys: String, CodingKey {
        case set, item, reason, hashes
        case itemHashes = "item_hashes"
        case firstSeconds = "first_s"
        case sharedWith = "shared_with"
    }

    init(_ finding: KnownLint.Finding, set: String) {
        self.set = set
        item = finding.item
        reason = finding.reason.rawValue
        hashes = finding.hashes
        itemHashes = finding.itemHashes
        firstSeconds = milliseconds(finding.firstTime)
        sharedWith = finding.others.isEmpty ? nil : finding.others
    }
}

private struct LintLine: Encodable {
    var path: String
    var set: String
    var items: Int
    var hashes: Int
    /// Number of items by reason, every reason present.
    var found: [String: Int]
    var listed: Int
    var comparedNear: Bool

    enum CodingKeys: String, CodingKey {
        case path, set, items, hashes, found, listed
        case comparedNear = "compared_near"
    }

    init(_ lint: KnownLint, of set: KnownSet, _ path: String) {
        self.path = path
        self.set = set.name
        items = set.items.count
        hashes = set.hashes.count
        found = Dictionary(
            uniqueKeysWithValues: KnownLint.Reason.allCases.map {
                ($0.rawValue, lint.counts[$0] ?? 0)
            })
        listed = lint.findings.count
        comparedNear = lint.comparedNear
    }
}

// `vigil match`: hex hashes on standard input against known sets.

import ArgumentParser
import Fingerprint
import Foundation
import Known
import Match

struct MatchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "match",
        abstract: "Compare PDQ hashes with known sets.",
        discussion: """
            Reads one hash of 64 hex digits a line from standard input. Prints a line for each known item \
            within the radius.

            Example: vigil match --known hotline.vigil --format jsonl < hashes.txt

            Exit codes: 0 nothing found; 1 something found; 2 nothing found, but a line was no hash.
            """)

    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp("Sealed known sets to compare with.", valueName: "file"))
    var known: [String]

    @OptionGroup var key: KeyOptions

    @Option(
        help: ArgumentHelp("Largest Hamming distance that is a hit, 0 to 64.", valueName: "bits"))
    var radius = MatchPolicy().radius

    @Option(help: "text or jsonl, one object a line.")
    var format = OutputFormat.text

    private struct Line: Encodable {
        var query: String
        var item: String
        var set: String
        var distance: Int
    }

    func validate() throws {
        guard !known.isEmpty else { throw ValidationError("--known needs at least one known set") }
        guard (0...HashIndex.maximumRadius).contains(radius) else {
            throw ValidationError("--radius must be a number from 0 to \(HashIndex.maximumRadius)")
        }
    }

    func run() throws {
        let policy = MatchPolicy(radius: radius)
        let index = try loadIndex(known, key: key.load(creates: false), policy: policy)
        var (hits, number, malformed) = (0, 0, 0)
        while let line = readLine(strippingNewline: true) {
            number += 1
            let text = line.trimmingCharacters(in: .whitespaces)
            if text.isEmpty { continue }
            guard let query = PDQHash(hex: text) else {
                malformed += 1
                if malformed <= 10 {
                    Console.error(
                        "vigil: standard input, line \(number): is no PDQ hash (64 hex digits)")
                }
                continue
            }
            // The caller's own hash, quality unknown: let it take part.
            let frame = FrameFingerprint(hash: query, quality: 100, mediaTime: 0, frame: 0)
            for hit in index.hits([frame]) {
                hits += 1
                print(hit, query: text.lowercased(), item: index.items[hit.item].reference)
            }
        }
        if malformed > 10 {
            Console.error("vigil: standard input: \(malformed) lines in all are no PDQ hashes")
        }
        guard Console.isComplete() else { throw fail("standard output cannot be written") }
        if hits > 0 { throw Exit.found }
        if malformed > 0 { throw Exit.incomplete }
    }

    private func print(_ hit: Hit, query: String, item: KnownReference) {
        switch format {
        case .text:
            Console.line(
                Console.printable("\(query) \(item.set) \(item.item) \(hit.distance)"))
        case .jsonl:
            Console.line(
                JSONLine.text(
                    type: nil,
                    Line(query: query, item: item.item, set: item.set, distance: hit.distance)))
        }
    }
}

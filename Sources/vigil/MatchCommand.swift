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

    func validate() throws {
        guard !known.isEmpty else { throw ValidationError("--known needs at least one known set") }
        guard (0...HashIndex.maximumRadius).contains(radius) else {
            throw ValidationError("--radius must be a number from 0 to \(HashIndex.maximumRadius)")
        }
    }

    func run() throws {
        let policy = MatchPolicy(radius: radius)
        let index = try loadIndex(known, key: key.load(creates: false), policy: policy)
        var run = MatchRun(index: index, format: format)
        var lines = LineBatches()
        while lines.next({ run.take($0) }) { run.answer() }
        run.answer()
        if run.malformed > MatchRun.mostNamedLines {
            Console.error("vigil: standard input: \(run.malformed) lines in all are no PDQ hashes")
        }
        guard Console.isComplete() else { throw fail("standard output cannot be written") }
        if let failure = lines.failure {
            Console.error("vigil: standard input cannot be read to its end: \(failure)")
        }
        if run.hits > 0 { throw Exit.found }
        if run.malformed > 0 || lines.failure != nil { throw Exit.incomplete }
    }
}

/// Answers lines in batches; each costs about a microsecond beside the search.
struct MatchRun {
    static let mostNamedLines = 10

    /// Hits so far.
    private(set) var hits = 0
    /// Lines so far that are no hash.
    private(set) var malformed = 0

    private let index: KnownIndex
    private let format: OutputFormat
    private var number = 0
    private var queries: [PDQHash] = []
    /// The digits of the queries, as they are printed.
    private var texts: [UInt8] = []
    private var output: [UInt8] = []

    private struct Line: Encodable {
        var query: String
        var item: String
        var set: String
        var distance: Int
    }

    init(index: KnownIndex, format: OutputFormat) {
        self.index = index
        self.format = format
    }

    /// Takes a line in.
    mutating func take(_ line: ArraySlice<UInt8>) {
        number += 1
        let digits = Self.trimmed(line)
        if digits.isEmpty { return }
        guard let query = digits.withUnsafeBufferPointer({ PDQHash(hexDigits: $0.span) }) else {
            malformed += 1
            if malformed <= Self.mostNamedLines {
                Console.error(
                    "vigil: standard input, line \(number): is no PDQ hash (64 hex digits)")
            }
            return
        }
        queries.append(query)
        // Makes letters lower case and leaves digits alone.
        for digit in digits { texts.append(digit | 0x20) }
    }

    /// Searches for what was taken in, and writes out what was found.
    mutating func answer() {
        guard !queries.isEmpty else { return }
        for (place, found) in index.hits(ofAll: queries).enumerated() {
            for hit in found { print(hit, query: texts[(64 * place)..<(64 * place + 64)]) }
        }
        queries.removeAll(keepingCapacity: true)
        texts.removeAll(keepingCapacity: true)
        if !output.isEmpty { Console.lines(output) }
        output.removeAll(keepingCapacity: true)
    }

    private mutating func print(_ hit: Hit, query: ArraySlice<UInt8>) {
        hits += 1
        let item = index.items[hit.item].reference
        let text = item.set + " " + item.item
        guard text.utf8.allSatisfy(Self.isPlain) else { return printAny(hit, item, query) }
        switch format {
        case .text:
            output += query
            output += " \(text) \(hit.distance)\n".utf8
        case .jsonl:
            // As the encoder writes it: the keys in the order of the alphabet.
            output += "{\"distance\":\(hit.distance),\"item\":\"\(item.item)\",\"query\":\"".utf8
            output += query
            output += "\",\"set\":\"\(item.set)\"}\n".utf8
        }
    }

    /// The same for names with characters that may need care.
    private mutating func printAny(_ hit: Hit, _ item: KnownReference, _ query: ArraySlice<UInt8>) {
        let query = String(decoding: query, as: UTF8.self)
        switch format {
        case .text:
            output += Console.printable("\(query) \(item.set) \(item.item) \(hit.distance)").utf8
        case .jsonl:
            let line = Line(
                query: query, item: item.item, set: item.set, distance: hit.distance)
            output += JSONLine.text(type: nil, line).utf8
        }
        output.append(UInt8(ascii: "\n"))
    }

    /// Whether a byte stands for itself in every format.
    private static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte < 0x7f && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
    }

    /// The line without blanks around it, of whatever script.
    private static func trimmed(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let isASCII = line.allSatisfy { $0 < 0x80 }
        guard isASCII else {
            let text = String(decoding: line, as: UTF8.self)
            return Array(text.trimmingCharacters(in: .whitespaces).utf8)[...]
        }
        var rest = line
        while let first = rest.first, first == 0x20 || first == 0x09 { rest.removeFirst() }
        while let last = rest.last, last == 0x20 || last == 0x09 { rest.removeLast() }
        return rest
    }
}

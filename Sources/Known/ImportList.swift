// Importers for lists of hashes as clearing houses and the reference tools give them. One corrupt
// line never breaks a list: it is counted, named by its number with a reason, and skipped.
//
//   PDQ list   [hash=]<64 hex>[,metadata]        one image item a line
//   vPDQ text  frame,quality,hash,seconds         the whole file is one video item
//   signal CSV signal_type,signal_str,…           `pdq` rows: images; `vpdq` rows: videos
//
// Invariants: no reason and no error holds anything of a line, for a line may be a hash; nothing
// is skipped uncounted; a list without one usable line is an error, never an empty success. The
// form is that of the first line that has one, blank lines and comments (#) apart.

import Fingerprint

/// Reads lists of hashes.
public enum ImportList {
    /// The forms that are understood.
    public enum Format: String, Sendable, Hashable {
        /// A hash a line.
        case pdq
        /// The frames of one video.
        case vpdq
        /// CSV with columns `signal_type` and `signal_str`.
        case signalCSV
    }

    /// A line that could not be used.
    public struct CorruptLine: Sendable, Hashable {
        /// Number of the line, from 1.
        public let line: Int
        /// Why; never holds anything of the line.
        public let reason: String
    }

    /// What a list held.
    public struct Result: Sendable {
        /// The form that was recognised.
        public var format: Format
        /// The items with their hashes, in the list's order, as a set of the list's name.
        public var set: KnownSet
        /// The first 1000 lines that could not be used.
        public var corruptLines: [CorruptLine] = []
        /// How many lines could not be used.
        public var corruptCount = 0
        /// Lines that repeat an earlier one in everything; the repeats are left out.
        public var duplicates = 0
        /// Rows of other kinds of signal, counted by `signal_type`.
        public var unsupported: [String: Int] = [:]
    }

    /// A longer line is corrupt.
    static let longestLine = 16 << 20
    /// Corrupt lines that are named one by one; the rest are counted.
    static let mostNamedLines = 1000
    private static let binaryProbe = 1 << 16

    /// Reads a list from a file (mapped) or a pipe.
    /// - Parameters:
    ///   - path: the file; its name becomes the items' source and part of their ids.
    ///   - category: category of items whose line gives none.
    public static func read(path: String, category: String = "") throws(KnownError) -> Result {
        let content = try ListBytes.opening(path)
        return try content.withSpan { bytes, pages throws(KnownError) in
            try parse(bytes, name: path, category: category, pages: pages)
        }
    }

    /// Reads a list from memory; `name` stands for the file's.
    public static func parse(
        _ bytes: [UInt8], name: String, category: String = ""
    )
        throws(KnownError) -> Result
    {
        try parse(bytes.span, name: name, category: category, pages: ListPages())
    }

    static func parse(
        _ bytes: Span<UInt8>, name: String, category: String, pages: ListPages
    )
        throws(KnownError) -> Result
    {
        guard bytes.count > 0 else {
            return ItemCollector(format: .pdq, name: name, category: category).result
        }
        for place in 0..<min(bytes.count, binaryProbe) where bytes[place] == 0 {
            throw notAList(name, "it is a binary file, or text that is not UTF-8")
        }
        if let problem = KnownRules.problem(ofText: category) {
            throw KnownError(.invalidValue, "the category cannot be used: \(problem)")
        }
        guard let format = format(of: bytes) else {
            throw notAList(name, "no line has the form of one")
        }
        var collector = ItemCollector(format: format, name: name, category: category)
        collector.pages = pages
        switch format {
        case .pdq:
            collector.reserve(bytes: bytes.count)
            PDQListReader.read(bytes, into: &collector)
        case .vpdq: VPDQTextReader.read(bytes, into: &collector)
        case .signalCSV: SignalCSVReader.read(bytes, into: &collector)
        }
        if let failure = collector.failure { throw failure }
        let result = collector.result
        if result.set.items.isEmpty, result.unsupported.isEmpty, result.corruptCount > 0 {
            let first = result.corruptLines.first.map { "; line \($0.line): \($0.reason)" } ?? ""
            throw notAList(name, "none of its \(result.corruptCount) lines can be used\(first)")
        }
        return result
    }

    private static func format(of bytes: Span<UInt8>) -> Format? {
        var walker = LineWalker(bytes)
        while let line = walker.nextWithContent(in: bytes) {
            guard line.count <= longestLine else { continue }
            if (try? PDQListReader.parts(of: line, in: bytes)) != nil { return .pdq }
            if (try? VPDQTextReader.frame(of: line, in: bytes)) != nil { return .vpdq }
            if SignalCSVReader.columns(of: line, in: bytes) != nil { return .signalCSV }
        }
        return nil
    }

    private static func notAList(_ name: String, _ reason: String) -> KnownError {
        KnownError(
            .notHashList,
            "\(name) is not a list of hashes: \(reason); a list has lines `hash` or "
                + "`frame,quality,hash,seconds`, or is CSV with columns signal_type and signal_str"
                + ", as UTF-8 text")
    }
}

/// Gathers what a reader finds: gives ids, drops repeats, counts what is corrupt.
struct ItemCollector {
    private(set) var result: ImportList.Result
    /// Why an item could not be added; those after it are left out.
    private(set) var failure: KnownError?
    /// The list's memory.
    var pages = ListPages()
    /// The list's name without directories and ending, fit to be an id.
    let stem: String
    private let source: String
    private let category: String
    /// Finds the item that a line repeats.
    private var seen = PlaceTable()
    /// For each item, what tells the rest of its line from others.
    private var rests = SparseColumn<Int>()

    init(format: ImportList.Format, name: String, category: String) {
        let file = name.split(separator: "/").last.map(String.init) ?? name
        source = Self.printable(file, or: "list", longest: 255)
        let dot = file.lastIndex(of: ".").map { $0 == file.startIndex ? file.endIndex : $0 }
        stem = Self.printable(String(file[..<(dot ?? file.endIndex)]), or: "list", longest: 100)
        result = ImportList.Result(
            format: format, set: KnownSet(name: stem, createdUnixSeconds: 0))
        self.category = category
    }

    /// Makes room for as many lines of one hash as so many bytes can hold.
    mutating func reserve(bytes: Int) {
        let lines = bytes / (HexRun.length + 1) + 1
        result.set.reserveCapacity(lines, idBytes: lines * (stem.utf8.count + 9))
        seen = PlaceTable(capacity: lines)
    }

    mutating func corrupt(line: Int, _ reason: String) {
        result.corruptCount += 1
        guard result.corruptLines.count < ImportList.mostNamedLines else { return }
        result.corruptLines.append(.init(line: line, reason: reason))
    }

    mutating func unsupported(type: String) {
        let isKnown = result.unsupported[type] != nil || result.unsupported.count < 100
        result.unsupported[isKnown ? type : "other", default: 0] += 1
    }

    /// Adds the item of one line, unless the same line came before.
    /// - Parameter rest: a digest (`Hasher`) of what the line says beside its hashes; two lines of
    ///   the same hashes whose rests differ are taken for one with a chance of 2⁻⁶⁴.
    mutating func add(
        _ kind: KnownKind, _ hashes: [KnownHash], line: Int, id: String?, category: String = "",
        collection: String = "", rest: Int
    ) {
        guard failure == nil else { return }
        let digest = Self.digest(hashes, rest)
        guard !isRepeat(hashes, rest, digest) else {
            result.duplicates += 1
            return
        }
        let item = KnownItem(
            id: free(id, line: line), kind: kind,
            category: category.isEmpty ? self.category : category,
            source: collection.isEmpty ? source : "\(collection) (\(source))",
            durationSeconds: kind == .video ? Double(hashes.map(\.time).max() ?? 0) : 0)
        do throws(KnownError) {
            try result.set.add(item, hashes: hashes)
        } catch {
            failure = error
            return
        }
        rests.append(rest)
        seen.insert(rests.count - 1, hash: digest) { [result, rests] place in
            Self.digest(result.set.hashes(ofItemAt: place), rests[place])
        }
    }

    /// Adds the one item of a file that is all one video.
    mutating func addWhole(_ hashes: [KnownHash]) {
        guard !hashes.isEmpty else { return }
        add(.video, hashes, line: 1, id: stem, rest: 0)
    }

    private func isRepeat(_ hashes: [KnownHash], _ rest: Int, _ digest: Int) -> Bool {
        let same = seen.place(hash: digest) { place in
            guard rests[place] == rest else { return false }
            let range = result.set.hashRange(ofItemAt: place)
            return range.count == hashes.count && result.set.hashes(ofItemAt: place) == hashes
        }
        return same != nil
    }

    private static func digest(_ hashes: [KnownHash], _ rest: Int) -> Int {
        var hasher = Hasher()
        hasher.combine(hashes)
        hasher.combine(rest)
        return hasher.finalize()
    }

    private func free(_ wished: String?, line: Int) -> String {
        if let wished, !result.set.contains(id: wished) { return wished }
        let base = "\(stem):\(line)"
        var id = base
        var attempt = 2
        while result.set.contains(id: id) {
            id = "\(base):\(attempt)"
            attempt += 1
        }
        return id
    }

    private static func printable(_ text: String, or other: String, longest: Int) -> String {
        let scalars = text.unicodeScalars.filter(KnownRules.isPrintable).prefix(longest)
        return scalars.isEmpty ? other : String(String.UnicodeScalarView(scalars))
    }
}

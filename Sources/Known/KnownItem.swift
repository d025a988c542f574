// What a known set is made of: items (one picture or video, named by an opaque id) and their
// hashes.
//
// Invariants: an id is 1…128 printable characters and never spells one of its own hashes, because
// ids are shown in alerts and hashes must not be. A hash never prints itself (see PDQHash).

public import Fingerprint

/// What kind of media an item is.
public enum KnownKind: String, Sendable, Codable {
    /// One picture.
    case image
    /// A video: many hashes, each with its time.
    case video
}

/// One known picture or video, without its hashes.
public struct KnownItem: Sendable, Hashable, Codable {
    /// Opaque id, unique in its set: 1…128 printable characters.
    public var id: String
    /// Picture or video.
    public var kind: KnownKind
    /// Category that the supplier gave; may be empty.
    public var category: String
    /// List or file that the item came from.
    public var source: String
    /// Length of the video in seconds; 0 for an image, or when unknown.
    public var durationSeconds: Double

    /// Makes an item of its parts; `KnownSet.add` checks them.
    public init(
        id: String, kind: KnownKind, category: String = "", source: String = "",
        durationSeconds: Double = 0
    ) {
        self.id = id
        self.kind = kind
        self.category = category
        self.source = source
        self.durationSeconds = durationSeconds
    }

    private enum CodingKeys: String, CodingKey {
        case id, kind, category, source
        case durationSeconds = "duration_s"
    }
}

/// One hash of an item.
public struct KnownHash: Sendable, Hashable {
    /// The hash.
    public var hash: PDQHash
    /// PDQ's measure of structure, 0 (flat) to 100.
    public var quality: UInt8
    /// Seconds into the video; 0 for an image.
    public var time: Float
    /// Whether it is of the frame as it is, or of a view of it.
    public var variant: KnownVariant

    /// Makes a hash of its parts; `KnownSet.add` checks them.
    public init(
        hash: PDQHash, quality: UInt8, time: Float = 0, variant: KnownVariant = .original
    ) {
        self.hash = hash
        self.quality = quality
        self.time = time
        self.variant = variant
    }
}

/// The rules that values of a set keep, in memory and in the sealed file.
enum KnownRules {
    static let longestID = 128
    static let longestTextBytes = 4096
    static let mostHashes = Int(UInt32.max)
    /// When a set can have been made, seconds since 1970: to the end of the year 9999.
    static let times: ClosedRange<Int64> = -62_167_219_200...253_402_300_799

    /// Why a text cannot be an id or a set's name, or `nil` if it can.
    static func problem(ofID text: String) -> String? {
        let count = text.unicodeScalars.count
        guard count > 0 else { return "it is empty" }
        guard count <= longestID else { return "it is longer than \(longestID) characters" }
        guard isPrintable(text) else { return "it has characters that cannot be printed" }
        return nil
    }

    /// Why a text cannot be a category or source, or `nil` if it can.
    static func problem(ofText text: String) -> String? {
        guard text.utf8.count <= longestTextBytes else {
            return "it is longer than \(longestTextBytes) bytes"
        }
        guard isPrintable(text) else { return "it has characters that cannot be printed" }
        return nil
    }

    static func isPrintable(_ text: String) -> Bool {
        if text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7f }) { return true }
        return text.unicodeScalars.allSatisfy(isPrintable)
    }

    /// Control, format (which includes the marks that turn text around) and unassigned characters
    /// are left out: they could make an id look like another one.
    static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator,
            .paragraphSeparator:
            false
        default: true
        }
    }

    /// The same for the bytes of an id in a file, which need not be UTF-8.
    static func isID(_ bytes: ArraySlice<UInt8>) -> Bool {
        if (1...longestID).contains(bytes.count), bytes.allSatisfy({ $0 >= 0x20 && $0 < 0x7f }) {
            return true
        }
        return String(validating: bytes, as: UTF8.self).map { problem(ofID: $0) == nil } ?? false
    }

    /// Checks an item that is to be added to others.
    static func check(_ item: KnownItem, in items: KnownItems) throws(KnownError) {
        if let problem = problem(ofID: item.id) {
            let shown = String(String.UnicodeScalarView(item.id.unicodeScalars.prefix(40)))
            throw KnownError(
                .invalidValue,
                "the id \(shown.debugDescription) cannot be used: \(problem); "
                    + "use 1 to \(longestID) printable characters")
        }
        let label = KnownItems.Label(
            kind: item.kind, category: item.category, source: item.source)
        if !items.has(label) { try check(label, of: item.id) }
        guard item.durationSeconds.isFinite, item.durationSeconds >= 0 else {
            throw KnownError(
                .invalidValue, "the duration of item “\(item.id)” is not a number of seconds")
        }
        guard item.id.utf8.count <= KnownItems.mostIDBytes - items.idBytes.count else {
            throw KnownError(
                .tooManyHashes,
                "the ids of a known set take at most \(KnownItems.mostIDBytes) bytes; split the list "
                    + "over several sets")
        }
    }

    private static func check(_ label: KnownItems.Label, of id: String) throws(KnownError) {
        for (name, text) in [("category", label.category), ("source", label.source)] {
            guard let problem = problem(ofText: text) else { continue }
            throw KnownError(
                .invalidValue, "the \(name) of item “\(id)” cannot be used: \(problem)")
        }
    }

    static func check(_ hashes: [KnownHash], of id: String) throws(KnownError) {
        guard !hashes.isEmpty else {
            throw KnownError(
                .noHashes,
                "item “\(id)” has no hashes, so nothing could ever match it; leave it out")
        }
        guard hashes.allSatisfy({ $0.quality <= 100 && $0.time.isFinite }) else {
            throw KnownError(
                .invalidValue,
                "item “\(id)” has a hash whose quality is not 0 to 100 or whose time is no number")
        }
        let plain = hashes.prefix { $0.variant == .original }
        guard !plain.isEmpty, hashes[plain.endIndex...].allSatisfy({ $0.variant != .original })
        else {
            throw KnownError(
                .invalidValue,
                "item “\(id)” has a variant that does not stand behind all hashes of frames as they "
                    + "are")
        }
        if HexRun.isPresent(in: id), spells(id, oneOf: hashes) {
            throw KnownError(
                .invalidValue,
                "the id of an item spells one of its own hashes; ids are shown in alerts and a "
                    + "hash must not be: give the item another id")
        }
    }

    private static func spells(_ id: String, oneOf hashes: [KnownHash]) -> Bool {
        let digits = Array(id.utf8)
        let own = Set(hashes.map(\.hash))
        return (0...(digits.count - HexRun.length)).contains { start in
            ImportText.hash(in: digits.span, at: start).map(own.contains) ?? false
        }
    }

    static func checkCapacity(_ present: Int, adding more: Int) throws(KnownError) {
        guard more <= mostHashes - present else {
            throw KnownError(
                .tooManyHashes,
                "a known set holds at most \(mostHashes) hashes; split the list over several sets")
        }
    }
}

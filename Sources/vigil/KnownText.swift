// What `vigil known` says of a set: counts, names and sizes, never a hash.

import Fingerprint
import Foundation
import Known

/// What can be said of a known set without its hashes.
struct KnownFacts: Encodable {
    var path: String
    var name: String
    var version: Int
    var created: String
    var updated: String
    var images: Int
    var videos: Int
    /// Of frames as they are.
    var hashes: Int
    var variants: Int
    var variantKinds: [String: Int]
    var videoSeconds: Double
    var categories: [String: Int]
    var sources: [String: Int]
    var fileBytes: Int64
    var keyID: String

    enum CodingKeys: String, CodingKey {
        case path, name, version, created, updated, images, videos, hashes, variants
        case categories, sources
        case variantKinds = "variant_kinds"
        case videoSeconds = "video_s"
        case fileBytes = "file_bytes"
        case keyID = "key_id"
    }

    init(path: String, set: KnownSet) {
        let header = try? SealedFile.header(path: path)
        self.path = path
        name = set.name
        version = set.version
        created = Self.text(set.createdUnixSeconds)
        updated = Self.text(set.updatedUnixSeconds)
        let tally = set.items.tally
        images = tally.images
        videos = tally.videos
        let counts = set.catalogue.variantCounts
        variants = counts.values.reduce(0, +)
        hashes = set.hashes.count - variants
        variantKinds = counts.reduce(into: [:]) { $0["\($1.key)"] = $1.value }
        videoSeconds = milliseconds(tally.videoSeconds)
        categories = tally.categories
        sources = tally.sources
        fileBytes = header?.fileBytes ?? 0
        keyID = header?.keyID ?? ""
    }

    private static func text(_ unixSeconds: Int64) -> String {
        Date(timeIntervalSince1970: Double(unixSeconds)).formatted(.iso8601)
    }
}

struct KnownItemFacts: Encodable {
    var id: String
    var kind: String
    var category: String
    var source: String
    var durationSeconds: Double
    /// Of frames as they are.
    var hashes: Int
    var variants: Int

    enum CodingKeys: String, CodingKey {
        case id, kind, category, source, hashes, variants
        case durationSeconds = "duration_s"
    }

    init(item: KnownItem, hashes: Int, variants: Int) {
        id = item.id
        kind = item.kind.rawValue
        category = item.category
        source = item.source
        durationSeconds = milliseconds(item.durationSeconds)
        self.hashes = hashes
        self.variants = variants
    }
}

enum KnownText {
    /// What a set holds, and the size of its file.
    static func contents(of set: KnownSet, in path: String) -> String {
        let tally = set.items.tally
        let variants = set.catalogue.variantCounts.values.reduce(0, +)
        let header = try? SealedFile.header(path: path)
        let kinds = [(tally.videos, "video"), (tally.images, "image")].filter { $0.0 > 0 }
            .map { count($0.0, $0.1) }
        return Console.printable("set \(set.name), version \(set.version): ")
            + (kinds.isEmpty ? "no items" : kinds.joined(separator: " and "))
            + ", \(amount(hashes: set.hashes.count - variants, variants: variants))"
            + (header.map { ", \(size($0.fileBytes))" } ?? "")
    }

    static func amount(hashes: Int, variants: Int) -> String {
        let plain = count(hashes, "hash", "hashes")
        return variants == 0 ? plain : "\(plain) and \(count(variants, "variant"))"
    }

    /// A size in the unit in which it has two to four digits.
    private static func size(_ bytes: Int64) -> String {
        switch bytes {
        case ..<10_000: "\(bytes) bytes"
        case ..<10_000_000: "\((bytes + 500) / 1000) kB"
        default: "\((bytes + 500_000) / 1_000_000) MB"
        }
    }

    static func table(_ facts: KnownFacts) -> String {
        let rows = [
            ("name", facts.name), ("version", "\(facts.version)"),
            ("created", facts.created), ("updated", facts.updated),
            ("videos", "\(facts.videos), \(timeText(facts.videoSeconds)) in all"),
            ("images", "\(facts.images)"), ("hashes", "\(facts.hashes)"),
            ("variants", variants(facts)),
            ("categories", counts(facts.categories)), ("sources", counts(facts.sources)),
            ("file", "\(facts.fileBytes) bytes, sealed with key \(facts.keyID)"),
        ]
        return rows.map { name, value in
            "  " + name.padding(toLength: 12, withPad: " ", startingAt: 0)
                + Console.printable(value)
        }.joined(separator: "\n")
    }

    private static func variants(_ facts: KnownFacts) -> String {
        facts.variants == 0 ? "0" : "\(facts.variants): \(counts(facts.variantKinds))"
    }

    private static func counts(_ values: [String: Int]) -> String {
        let sorted = values.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        let shown = sorted.prefix(12).map { "\($0.key.isEmpty ? "(none)" : $0.key) \($0.value)" }
        let more = sorted.count > 12 ? ", and \(sorted.count - 12) more" : ""
        return shown.joined(separator: ", ") + more
    }
}

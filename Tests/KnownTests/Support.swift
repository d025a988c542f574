// What the tests of known sets share: seeded hashes and sets, and a directory that goes away with
// its test. Every hash here is random or made up.

import Fingerprint
import FoundationEssentials
import Known
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// SplitMix64: the same numbers for the same seed, everywhere.
struct Seeded: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }

    mutating func hash() -> PDQHash { PDQHash(words: SIMD4(next(), next(), next(), next())) }

    mutating func knownHash() -> KnownHash {
        KnownHash(
            hash: hash(), quality: UInt8.random(in: 0...100, using: &self),
            time: Float.random(in: 0...5000, using: &self))
    }

    /// An item and its hashes.
    mutating func item(_ number: Int, hashes most: Int = 5) -> (KnownItem, [KnownHash]) {
        let isVideo = Bool.random(using: &self)
        let item = KnownItem(
            id: "item-\(number)", kind: isVideo ? .video : .image,
            category: ["", "A1", "größer"].randomElement(using: &self) ?? "",
            source: "list-\(number % 3).csv", durationSeconds: isVideo ? Double(number) / 4 : 0)
        let count = Int.random(in: 1...most, using: &self)
        return (item, (0..<count).map { _ in knownHash() })
    }

    /// As many variants of an item's frames, with their times.
    mutating func variants(of hashes: [KnownHash], count: Int) -> [KnownHash] {
        (0..<count).map { _ in
            KnownHash(
                hash: hash(), quality: UInt8.random(in: 0...100, using: &self),
                time: hashes.randomElement(using: &self)?.time ?? 0,
                variant: KnownVariant.allCases.dropFirst().randomElement(using: &self) ?? .content)
        }
    }

    mutating func set(items: Int, hashes: Int = 5, variants: Int = 0) throws -> KnownSet {
        var set = KnownSet(name: "a benign set", createdUnixSeconds: 1_700_000_000)
        for number in 0..<items {
            var (item, hashes) = item(number, hashes: hashes)
            // Some items have none.
            if number % 3 != 1 { hashes += self.variants(of: hashes, count: variants) }
            try set.add(item, hashes: hashes)
        }
        return set
    }
}

/// A directory that is removed with everything in it when the value goes.
final class Scratch {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/vigil-known-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { path + "/" + name }

    @discardableResult
    func write(_ bytes: [UInt8], to name: String, mode: mode_t = 0o600) throws -> String {
        let file = file(name)
        try Data(bytes).write(to: URL(filePath: file))
        try #require(chmod(file, mode) == 0)
        return file
    }

    func names() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: path) }
}

extension ImportList.Result {
    /// The items with their hashes.
    var items: [(item: KnownItem, hashes: [KnownHash])] {
        self.set.items.indices.map { (set.items[$0], set.hashes(ofItemAt: $0)) }
    }
}

func contents(of path: String) throws -> [UInt8] {
    Array(try Data(contentsOf: URL(filePath: path)))
}

func mode(of path: String) -> mode_t {
    var status = stat()
    return stat(path, &status) == 0 ? status.st_mode & 0o777 : 0
}

/// Runs something that may fail, and gives its error.
func failure(of work: () throws -> Void) -> KnownError? {
    do {
        try work()
        return nil
    } catch {
        return error as? KnownError
    }
}

/// Whether a text shows what could be a hash or a key.
func showsHex(_ text: String) -> Bool {
    var run = 0
    for byte in text.utf8 {
        run = Character(UnicodeScalar(byte)).isHexDigit ? run + 1 : 0
        if run >= 64 { return true }
    }
    return false
}

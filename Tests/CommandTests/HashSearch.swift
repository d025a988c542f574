// Looks for hashes of known sets in all that the runs of a test wrote: what they printed, and every
// file in the test's folder but the sealed sets, the lists that hashes were taken from, and media.
//
// A hash counts as found by its first 8 bytes, as they are or as hex digits. Hashes of too simple
// patterns, such as those of tests' own lists, would be found everywhere and are not looked for.

import Foundation
import Synchronization
import Testing

/// Looks for the beginnings of hashes.
struct HashSearch {
    private var beginnings: Set<UInt64> = []
    /// Which last 16 bits a beginning may have; most places are passed over by it.
    private var ends = [Bool](repeating: false, count: 1 << 16)

    init(_ hashes: some Sequence<String> = []) { add(hashes) }

    var isEmpty: Bool { beginnings.isEmpty }

    /// Adds hashes, in hex digits.
    mutating func add(_ hashes: some Sequence<String>) {
        for hash in hashes {
            guard let value = UInt64(hash.prefix(16), radix: 16),
                withUnsafeBytes(of: value, { Set($0).count >= 6 })
            else { continue }
            beginnings.insert(value)
            ends[Int(value & 0xffff)] = true
        }
    }

    /// How often one is there.
    func count(in bytes: some Sequence<UInt8>) -> Int {
        var (found, binary, digits, length): (Int, UInt64, UInt64, Int) = (0, 0, 0, 0)
        for byte in bytes {
            binary = binary << 8 | UInt64(byte)
            if ends[Int(binary & 0xffff)], beginnings.contains(binary) { found += 1 }
            let digit = Self.digits[Int(byte)]
            if digit < 16 {
                digits = digits << 4 | UInt64(digit)
                length += 1
                if length >= 16, ends[Int(digits & 0xffff)], beginnings.contains(digits) {
                    found += 1
                }
            } else {
                length = 0
            }
        }
        return found
    }

    /// Values of hex digits; 16 for what is none.
    private static let digits: [UInt8] = (0...255).map {
        Character(UnicodeScalar($0)).hexDigitValue.map { UInt8($0) } ?? 16
    }

    /// The bytes that hex digits stand for.
    static func binary(_ hash: String) -> [UInt8] {
        stride(from: 0, to: hash.count, by: 2).compactMap { place in
            UInt8(hash.dropFirst(place).prefix(2), radix: 16)
        }
    }

    /// Hashes that a text has, in hex digits.
    static func hashes(in text: String) -> [String] {
        text.matches(of: /[0-9a-fA-F]{64}/).map { String($0.0) }
    }
}

/// What hashes a test gave to its runs, and whether any of them wrote one.
final class HashWatch: Sendable {
    private struct State {
        var search = HashSearch()
        var sources: Set<String> = []
        /// Files that the test wrote itself.
        var inputs: Set<String> = []
    }

    private let state = Mutex(State())
    /// Hashes of media files, by path: they are the same for all tests.
    private static let ofMedia = Mutex<[String: [String]]>([:])
    /// What holds pictures, no hashes; sealed sets hold them, but sealed.
    private static let passedOver: Set<String> = [
        "vigil", "mp4", "mkv", "ts", "flv", "webm", "m4s", "mov", "avi", "h264", "jpg", "png",
        "yuv",
    ]

    /// Notes a file that the test wrote itself.
    func note(input path: String) { state.withLock { _ = $0.inputs.insert(path) } }

    /// Notes what goes into a known set by a command.
    func note(_ arguments: [String]) throws {
        guard arguments.first == "known", ["build", "import"].contains(arguments.dropFirst().first)
        else { return }
        var option = ""
        for argument in arguments {
            if argument.hasPrefix("--") {
                option = argument
            } else if ["--media", "--from"].contains(option) {
                try note(source: argument, isMedia: option == "--media")
            }
        }
    }

    private func note(source path: String, isMedia: Bool) throws {
        let isNew = state.withLock { $0.sources.insert(path).inserted }
        guard isNew, FileManager.default.fileExists(atPath: path) else { return }
        let hashes =
            isMedia
            ? try Self.hashes(ofMedia: path)
            : HashSearch.hashes(in: (try? String(contentsOfFile: path, encoding: .utf8)) ?? "")
        state.withLock {
            $0.search.add(hashes)
            $0.inputs.insert(path)
        }
    }

    private static func hashes(ofMedia path: String) throws -> [String] {
        try ofMedia.withLock { known in
            if let hashes = known[path] { return hashes }
            let printed = try Program.run(
                try Program.vigil(), ["fingerprint", path, "--sample", "all"])
            let hashes = HashSearch.hashes(in: printed.output)
            known[path] = hashes
            return hashes
        }
    }

    /// Commands that are asked for hashes: `fingerprint` makes them, `match` repeats those that it is
    /// asked about.
    private static let mayPrint: Set<String> = ["fingerprint", "match"]

    /// Looks at what a command printed.
    func look(at finished: Finished, of arguments: [String]) {
        guard !Self.mayPrint.contains(arguments.first ?? "") else { return }
        let count = state.withLock { state in
            guard !state.search.isEmpty else { return 0 }
            return state.search.count(in: finished.output.utf8)
                + state.search.count(in: finished.error.utf8)
        }
        #expect(count == 0, "`vigil \(arguments.joined(separator: " "))` prints a known hash")
    }

    /// Looks at all files of a folder.
    /// - Returns: those in which a hash is.
    func findings(in folder: String) -> [String] {
        let state = state.withLock { $0 }
        guard !state.search.isEmpty else { return [] }
        let all = FileManager.default.enumerator(
            at: URL(filePath: folder), includingPropertiesForKeys: [.isRegularFileKey])
        return (all?.compactMap { $0 as? URL } ?? []).filter { file in
            let isRegular = (try? file.resourceValues(forKeys: [.isRegularFileKey]))?.isRegularFile
            guard isRegular == true, !Self.passedOver.contains(file.pathExtension),
                !state.inputs.contains(file.path),
                let bytes = try? Data(contentsOf: file, options: .alwaysMapped)
            else { return false }
            return state.search.count(in: bytes) > 0
        }.map(\.path)
    }
}

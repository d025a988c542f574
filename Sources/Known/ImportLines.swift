// The two line formats: PDQ lists and vPDQ text.
//
// Invariants: an id that comes from a list's metadata has only plain characters and no run of 64
// hex digits, because ids are shown in alerts and hashes must not be. The same hash on two
// different lines gives two items, and a match names both.

import Fingerprint

/// `[hash=]<64 hex>[,metadata]`, one image a line.
enum PDQListReader {
    private static let prefix = Array("hash=".utf8)

    static func read(_ bytes: Span<UInt8>, into collector: inout ItemCollector) {
        var walker = LineWalker(bytes)
        while let line = walker.nextWithContent(in: bytes) {
            do throws(LineFault) {
                let (hash, metadata) = try parts(of: line, in: bytes)
                collector.add(
                    .image, [KnownHash(hash: hash, quality: 100)], line: walker.number,
                    id: id(metadata, in: bytes), rest: digest(metadata, in: bytes))
            } catch {
                collector.corrupt(line: walker.number, error.reason)
            }
            collector.pages.passed(line.upperBound)
        }
    }

    /// The hash and the metadata of a line.
    static func parts(
        of line: Range<Int>, in bytes: Span<UInt8>
    ) throws(LineFault)
        -> (PDQHash, Range<Int>)
    {
        guard line.count <= ImportList.longestLine else { throw LineFault("longer than 16 MiB") }
        let start = line.lowerBound + (hasPrefix(line, in: bytes) ? prefix.count : 0)
        guard line.upperBound - start >= HexRun.length,
            let hash = ImportText.hash(in: bytes, at: start)
        else { throw LineFault("does not begin with a hash of 64 hex digits") }
        let end = start + HexRun.length
        if end == line.upperBound { return (hash, end..<end) }
        let after = ImportText.trimmed(end..<line.upperBound, in: bytes)
        guard bytes[after.lowerBound] == ImportText.comma else {
            throw LineFault("has something other than a comma after the hash")
        }
        let metadata = ImportText.trimmed(after.lowerBound + 1..<after.upperBound, in: bytes)
        guard ImportText.isText(metadata, in: bytes) else { throw LineFault("is not UTF-8 text") }
        return (hash, metadata)
    }

    private static func hasPrefix(_ line: Range<Int>, in bytes: Span<UInt8>) -> Bool {
        guard line.count > prefix.count else { return false }
        for (offset, byte) in prefix.enumerated() where bytes[line.lowerBound + offset] != byte {
            return false
        }
        return true
    }

    /// Metadata as an id, if it can be one.
    private static func id(_ metadata: Range<Int>, in bytes: Span<UInt8>) -> String? {
        guard (1...KnownRules.longestID).contains(metadata.count) else { return nil }
        for place in metadata where !isIDByte(bytes[place]) { return nil }
        let text = ImportText.text(metadata, in: bytes)
        return HexRun.isPresent(in: text) ? nil : text
    }

    /// Tells metadata from other metadata; 0 for none.
    private static func digest(_ metadata: Range<Int>, in bytes: Span<UInt8>) -> Int {
        guard !metadata.isEmpty else { return 0 }
        var hasher = Hasher()
        bytes.withUnsafeBytes { hasher.combine(bytes: .init(rebasing: $0[metadata])) }
        return hasher.finalize()
    }

    private static func isIDByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: ":"), UInt8(ascii: "@"), UInt8(ascii: "/"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}

/// `frame,quality,hash,seconds`, one video a file.
enum VPDQTextReader {
    static func read(_ bytes: Span<UInt8>, into collector: inout ItemCollector) {
        var walker = LineWalker(bytes)
        var frames: [KnownHash] = []
        while let line = walker.nextWithContent(in: bytes) {
            do throws(LineFault) {
                frames.append(try frame(of: line, in: bytes))
            } catch {
                collector.corrupt(line: walker.number, error.reason)
            }
        }
        collector.addWhole(frames)
    }

    static func frame(of line: Range<Int>, in bytes: Span<UInt8>) throws(LineFault) -> KnownHash {
        guard line.count <= ImportList.longestLine else { throw LineFault("longer than 16 MiB") }
        guard let fields = ImportText.fields(line, in: bytes, count: 4) else {
            throw LineFault("does not have the 4 fields frame,quality,hash,seconds")
        }
        guard ImportText.integer(fields[0], in: bytes) != nil else {
            throw LineFault("its frame is not a number")
        }
        return try frame(hash: fields[2], quality: fields[1], seconds: fields[3], in: bytes)
    }

    static func frame(
        hash: Range<Int>, quality: Range<Int>, seconds: Range<Int>, in bytes: Span<UInt8>
    ) throws(LineFault) -> KnownHash {
        guard let hash = ImportText.hash(hash, in: bytes) else {
            throw LineFault("its hash is not 64 hex digits")
        }
        guard let quality = ImportText.quality(quality, in: bytes) else {
            throw LineFault("its quality is not a whole number from 0 to 100")
        }
        guard let time = ImportText.seconds(seconds, in: bytes) else {
            throw LineFault("its time is not a number of seconds")
        }
        return KnownHash(hash: hash, quality: quality, time: time)
    }
}

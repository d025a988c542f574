// Lists, sealed sets, and the search kernels.

import Fingerprint
import Foundation
import Known
import Match

@Sendable func fuzzList(_ bytes: [UInt8]) {
    guard let result = try? ImportList.parse(bytes, name: "list") else { return }
    for item in 0..<result.set.items.count {
        for hash in result.set.hashes(ofItemAt: item) { precondition(hash.time.isFinite) }
    }
}

private let key = SealKey(bytes: [UInt8](repeating: 7, count: 32))!
private let scratch =
    FileManager.default.temporaryDirectory.path
    + "/vigil-fuzz-set-\(ProcessInfo.processInfo.processIdentifier)"

/// The seal itself: the bytes are the file.
@Sendable func fuzzSealedFile(_ bytes: [UInt8]) {
    guard FileManager.default.createFile(atPath: scratch, contents: Data(bytes)) else { return }
    defer { try? FileManager.default.removeItem(atPath: scratch) }
    _ = try? SealedFile.header(path: scratch)
    precondition((try? SealedFile.read(path: scratch, key: key)) == nil, "a seal was forged")
}

/// What stands behind the seal: somebody who has the key, or an older program, wrote nonsense.
@Sendable func fuzzSetCoding(_ bytes: [UInt8]) {
    defer { try? FileManager.default.removeItem(atPath: scratch) }
    // The first byte chooses the format.
    let version: UInt16 = bytes.first.map { $0 & 1 == 0 } ?? true ? 1 : 2
    guard
        (try? SealedFile.write(
            plaintext: Array(bytes.dropFirst()), formatVersion: version, to: scratch, key: key))
            != nil, let set = try? SealedFile.read(path: scratch, key: key)
    else { return }
    for item in 0..<set.items.count { _ = set.hashes(ofItemAt: item) }
    let index = HashIndex((0..<set.items.count).flatMap { set.hashes(ofItemAt: $0).map(\.hash) })
    _ = index.neighbours(of: .zero, within: 31)
}

/// Searches by tables and by scan; both must say the same.
@Sendable func fuzzIndex(_ bytes: [UInt8]) {
    guard bytes.count >= 3 + PDQHash.byteCount else { return }
    let chunks = 8 + Int(bytes[0] % 25)
    let keyBits = bytes[1] & 1 == 0 ? nil : min(256 / chunks, 4 + Int(bytes[1] % 9))
    let radius = Int(bytes[2]) % 49
    var hashes: [PDQHash] = []
    for start in stride(from: 3, through: bytes.count - PDQHash.byteCount, by: PDQHash.byteCount) {
        var words = SIMD4<UInt64>.zero
        for place in 0..<PDQHash.byteCount {
            words[place / 8] |= UInt64(bytes[start + place]) << UInt64(place % 8 * 8)
        }
        hashes.append(PDQHash(words: words))
    }
    let index = HashIndex(hashes, radius: max(1, radius), chunks: chunks, keyBits: keyBits)
    for query in hashes.prefix(4) {
        let expected = hashes.indices.filter { hashes[$0].distance(to: query) <= radius }
        precondition(index.neighbours(of: query, within: radius).map(\.index) == expected)
        if let found = index.neighboursByTables(of: query, within: radius) {
            precondition(found.map(\.index) == expected)
        }
    }
}

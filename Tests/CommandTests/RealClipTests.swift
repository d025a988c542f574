// Conformance with the vPDQ reference and matching, on real clips. They are not in the repository;
// without them these tests are skipped with a message.

import Fingerprint
import Foundation
import Testing

@Suite(.enabled("needs the real clips in ../shared/data") { SharedData.isPresent })
struct RealClipTests {
    private func frames(_ text: String) throws -> [FrameFingerprint] {
        try text.split(separator: "\n").map {
            try #require(FrameFingerprint(vpdqLine: $0), "line \($0)")
        }
    }

    @Test func everyFrameAgreesWithTheReference() throws {
        let place = try Workplace()
        let folder = SharedData.path + "/vpdq-reference"
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        try #require(!names.isEmpty)
        for name in names {
            let clip = String(name.dropLast(4))
            let reference = try frames(String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8))
            let result = try place.vigil(
                "fingerprint", SharedData.clip(clip), "--sample", "all", "--format", "vpdq")
            #expect(result.status == 0, "\(clip): \(result.error)")
            let own = try frames(result.output)
            #expect(own.count == reference.count, "\(clip)")
            compare(own, reference, clip)
        }
    }

    private func compare(
        _ own: [FrameFingerprint], _ reference: [FrameFingerprint], _ clip: String
    ) {
        var distances: [Int] = []
        for (mine, other) in zip(own, reference) {
            #expect(abs(mine.mediaTime - other.mediaTime) <= 0.001, "\(clip) frame \(mine.frame)")
            #expect(mine.frame == other.frame)
            guard other.quality >= 50 else { continue }
            distances.append(mine.hash.distance(to: other.hash))
            #expect(abs(mine.quality - other.quality) <= 3, "\(clip) frame \(mine.frame)")
        }
        let mean = Double(distances.reduce(0, +)) / Double(max(1, distances.count))
        print("vPDQ \(clip): mean distance \(mean), largest \(distances.max() ?? 0)")
        #expect(!distances.isEmpty && mean <= 1.5, "\(clip): mean \(mean)")
        #expect(distances.max() ?? 0 <= 10, "\(clip)")
    }

    @Test func editedCopyIsFoundAndOthersAreNot() throws {
        let place = try Workplace()
        let known = try place.known("chair", media: SharedData.clip("chair-orig-22-sd-bar"))
        let copy = try place.scan([SharedData.clip("chair-22-sd-grey-bar")], known: known)
        #expect(copy.status == 1)
        #expect(copy.objects(ofType: "alert").count == 1)
        let others = ["pattern-hd-no-bar", "bunny", "doorknob-hd-no-bar"].map(SharedData.clip)
        let none = try place.scan(others, known: known)
        #expect(none.status == 0, "\(none.output)")
        #expect(none.objects(ofType: "input").count == 3)
        #expect(none.objects(ofType: "alert").isEmpty)
    }
}

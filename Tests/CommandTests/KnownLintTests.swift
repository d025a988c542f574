// What has too little structure to be known by: warnings when a set is made, and `known lint`.

import Fingerprint
import Foundation
import Testing

@Suite struct KnownLintCommandTests {
    private let place: Workplace

    init() throws { place = try Workplace() }

    private static let ground = "color=black:s=320x240"
    private static let waving = "format=gray,geq=lum='128+100*sin(X/8+Y/12)'"

    private static func waves() throws -> String {
        try Clips.make("waves.png", "-f lavfi -i \(ground),\(waving) -frames:v 1")
    }

    private static func bars() throws -> String {
        try Clips.make("bars.png", "-f lavfi -i smptebars=s=320x240 -frames:v 1")
    }

    private static func scene() throws -> String {
        try Clips.make("scene.png", "-f lavfi -i mandelbrot=s=320x240 -frames:v 1")
    }

    /// Two seconds of waves, then four of a film.
    private static func filmWithWaves() throws -> String {
        try Clips.make(
            "film-with-waves.mp4",
            "-f lavfi -i \(ground):r=10:d=2,\(waving) -f lavfi -i mandelbrot=s=320x240:r=10 "
                + "-filter_complex [0]format=yuv420p[w];[1]format=yuv420p[m];[w][m]concat=n=2 "
                + "-t 6 \(Clips.x264) -crf 20")
    }

    /// A 64-digit run would be a hash.
    private func showsHash(_ result: Finished) -> Bool {
        (result.output + result.error).contains(/[0-9a-fA-F]{32}/)
    }

    @Test func buildWarnsOfSimplePicturesAndLintFindsThem() throws {
        let out = place.file("p.vigil")
        let build = try place.vigil(
            "known", "build", out, "--name", "p", "--media", try Self.waves(), try Self.bars(),
            try Self.scene())
        #expect(build.status == 0, "\(build.error)")
        #expect(build.output.contains("3 images, 3 hashes"))
        for id in ["waves", "bars"] {
            #expect(build.error.contains("\(id): has so little structure"), "\(build.error)")
        }
        #expect(!build.error.contains("scene: has"))

        let lint = try place.vigil("known", "lint", out)
        #expect(lint.status == 1, "\(lint.error)")
        #expect(lint.output.contains("  waves: low_structure, 1 of 1 hash\n"), "\(lint.output)")
        #expect(lint.output.contains("waves: no_usable_hash") && !lint.output.contains("scene:"))
        let lines = try place.vigil("known", "lint", out, "--format", "jsonl", "--limit", "1")
        #expect(lines.status == 1)
        let finding = try #require(lines.objects(ofType: "finding").first)
        #expect(finding["item"] as? String == "waves" && finding["set"] as? String == "p")
        #expect(finding["reason"] as? String == "low_structure" && finding["hashes"] as? Int == 1)
        let summary = try #require(lines.objects(ofType: "lint").first)
        #expect(summary["listed"] as? Int == 1 && summary["items"] as? Int == 3)
        #expect((summary["found"] as? [String: Int])?["no_usable_hash"] == 1)
        #expect(!showsHash(build) && !showsHash(lint) && !showsHash(lines))
    }

    @Test func simpleFramesOfAVideoAreLeftOut() throws {
        let out = place.file("v.vigil")
        let build = try place.vigil(
            "known", "build", out, "--name", "v", "--media", try Self.filmWithWaves())
        #expect(build.status == 0, "\(build.error)")
        #expect(
            build.error.contains("film-with-waves: 20 frames left out, with so little structure"),
            "\(build.error)")
        #expect(build.error.contains("at 0:00.0, 0:00.1, 0:00.2, 0:00.3, 0:00.4 and 15 more"))
        #expect(try place.vigil("known", "lint", out).status == 0)
        let waves = try place.scan([try Self.waves()], known: out)
        #expect(waves.status == 0, "\(waves.output)")
    }

    @Test func aVideoOfNothingElseIsSaidToHaveNoFrame() throws {
        let clip = try Clips.make(
            "only-waves.mp4", "-f lavfi -i \(Self.ground):r=10:d=1,\(Self.waving) \(Clips.x264)")
        let build = try place.vigil(
            "known", "build", place.file("o.vigil"), "--name", "o", "--media", clip)
        #expect(build.status == 2)
        #expect(build.error.contains("10 frames left out"), "\(build.error)")
        #expect(build.error.contains("no frame has enough structure"))
    }

    @Test func importedHashesAreKeptAndNamed() throws {
        let simple = PDQHash(words: SIMD4(repeating: 0x00ff_00ff_00ff_00ff)).hex
        let lines = (0..<30).map { "\(simple),logo-\($0)\n" }.joined()
        let list = try place.write("l.txt", Data(lines.utf8))
        let out = place.file("l.vigil")
        let build = try place.vigil("known", "build", out, "--name", "l", "--from", list)
        #expect(build.status == 0 && build.output.contains("30 images, 30 hashes"))
        #expect(build.error.contains("30 hashes of 30 items"), "\(build.error)")
        #expect(build.error.contains("logo-19 and 10 more") && !build.error.contains("logo-20"))
        let lint = try place.vigil("known", "lint", out, "--limit", "2")
        #expect(lint.status == 1 && lint.output.contains("and 88 more findings"))
        #expect(lint.output.contains("shared_hash in 30 items"), "\(lint.output)")
        #expect(!showsHash(build) && !showsHash(lint))
    }

    @Test func whatCannotBeReadIsNotClean() throws {
        let good = try place.known("film", media: Clips.film())
        #expect(try place.vigil("known", "lint", good).status == 0)
        let damaged = try place.write("d.vigil", Data("not a set".utf8))
        let result = try place.vigil("known", "lint", damaged, good)
        #expect(result.status == 2 && result.error.contains("d.vigil"), "\(result.error)")
        #expect(result.output.contains("nothing found in 1 item"))
        #expect(try place.vigil("known", "lint", good, "--limit", "-1").status == 64)
    }

    @Test(.enabled("needs the real clips in ../shared/data") { SharedData.isPresent })
    func framesOfRealClipsStay() throws {
        let clips = ["chair-orig-22-sd-bar", "bunny", "doorknob-hd-no-bar"].map(SharedData.clip)
        let build = try place.vigil(
            ["known", "build", place.file("r.vigil"), "--name", "r", "--media"] + clips)
        #expect(build.status == 0 && build.output.contains("3 videos"), "\(build.error)")
        let warnings = build.error.split(separator: "\n").filter { $0.contains("left out, with") }
        // Two frames of the doorknob are so much out of focus that little but a gradient is left.
        #expect(warnings.allSatisfy { $0.contains("doorknob") && $0.contains("2 frames") })
    }
}

// `vigil known build --variants` and what scans make of the sets.

import Foundation
import Testing

@Suite struct KnownVariantCommandTests {
    private let place: Workplace

    init() throws { place = try Workplace() }

    private func build(_ name: String, _ options: String...) throws -> (path: String, text: String)
    {
        let out = place.file(name + ".vigil")
        let build = try place.vigil(
            ["known", "build", out, "--name", name, "--media", try Clips.film()] + options)
        try #require(build.status == 0, "\(build.error)")
        return (out, build.output)
    }

    private func facts(_ path: String) throws -> [String: Any] {
        let info = try place.vigil("known", "info", path, "--format", "jsonl")
        return try #require(info.objects.first)
    }

    @Test func variantsAreCountedByKind() throws {
        let plain = try build("plain")
        let varied = try build("varied", "--variants", "standard")
        let (before, after) = (try facts(plain.path), try facts(varied.path))
        // Pictures that seem to have borders stand without them in every set.
        let content = try #require(before["variants"] as? Int)
        let kindsBefore = before["variant_kinds"] as? [String: Int] ?? [:]
        #expect(kindsBefore["content"] ?? 0 == content && kindsBefore.count <= 1)
        #expect(plain.text.contains("B") || plain.text.contains("bytes"))
        #expect(before["hashes"] as? Int == after["hashes"] as? Int)
        let kinds = try #require(after["variant_kinds"] as? [String: Int])
        let count = try #require(after["variants"] as? Int)
        #expect(kinds.values.reduce(0, +) == count && kinds["crop_10"] ?? 0 > 0)
        // Five times a second at most, each in a handful of kinds.
        #expect(count > 60 && count <= 12 * 5 * 9)
        let hashes = try #require(after["hashes"] as? Int)
        #expect(varied.text.contains("\(hashes) hashes and \(count) variants, "))
        let text = try place.vigil("known", "info", varied.path, "--items").output
        #expect(text.contains("crop_10 ") && text.contains("\(count) variants"))
        #expect(try place.vigil("known", "verify", varied.path).output.contains(" variants"))
        // What the two share differs in variants only, and that is a change.
        let difference = try place.vigil("known", "diff", plain.path, varied.path)
        #expect(difference.status == 1 && difference.output == "~ film\n")
    }

    @Test func importTakesVariantsToo() throws {
        let (path, _) = try build("set")
        let result = try place.vigil(
            "known", "import", path, "--media", try Clips.other(), "--variants", "thorough")
        #expect(result.status == 0 && result.output.contains(" variants"), "\(result.error)")
        #expect(try facts(path)["variants"] as? Int ?? 0 > 0)
        let removed = try place.vigil("known", "remove", path, "other")
        #expect(removed.status == 0)
    }

    @Test func variantsOfAListAreWrongUsage() throws {
        let list = try place.write("l.txt", Data(String(repeating: "0f", count: 32).utf8))
        let out = place.file("l.vigil")
        let build = try place.vigil(
            "known", "build", out, "--name", "l", "--from", list, "--variants", "standard")
        #expect(build.status == 64 && build.error.contains("--media"))
        let unknown = try place.vigil(
            "known", "build", out, "--name", "l", "--media", list, "--variants", "some")
        #expect(unknown.status == 64 && unknown.error.contains("thorough"))
    }

    /// At effort fast, where nothing is tried but the picture as it is.
    @Test func aCroppedPictureIsFoundByItsVariant() throws {
        let still = place.file("known.png")
        try Program.ffmpeg("-ss 5 -i \(try Clips.film()) -frames:v 1 \(still)")
        let copy = place.file("copy.png")
        try Program.ffmpeg("-i \(still) -vf crop=iw*.8:ih*.8 \(copy)")
        for (variants, status) in [("none", 0), ("standard", 1)] as [(String, Int32)] {
            let out = place.file(variants + ".vigil")
            let build = try place.vigil(
                "known", "build", out, "--name", "n", "--media", still, "--variants", variants)
            try #require(build.status == 0, "\(build.error)")
            let scan = try place.scan([copy], known: out, "--effort", "fast")
            #expect(scan.status == status, "\(variants): \(scan.output)")
        }
    }

    /// A still scene, so that no other moment of the film looks like the crop.
    @Test func aCroppedFilmIsFoundByItsVariant() throws {
        let scene = place.file("scene.mp4")
        try Program.ffmpeg(
            "-ss 5 -i \(try Clips.film()) -frames:v 1 \(place.file("scene.png"))")
        try Program.ffmpeg(
            "-loop 1 -i \(place.file("scene.png")) -vf scale=336:252,crop=320:240:n/10:n/16 -t 6 "
                + "\(Clips.x264) \(scene)")
        let copy = place.file("copy.mp4")
        try Program.ffmpeg("-i \(scene) -vf crop=iw*.8:ih*.8 \(Clips.x264) -g 25 \(copy)")
        let distances = try ["none", "standard"].map { level -> Int in
            let out = place.file(level + ".vigil")
            let build = try place.vigil(
                "known", "build", out, "--name", "n", "--media", scene, "--variants", level)
            try #require(build.status == 0, "\(build.error)")
            let scan = try place.scan([copy], known: out, "--effort", "standard")
            let alert = scan.objects(ofType: "alert").first
            return alert?["best_distance"] as? Int ?? 256
        }
        #expect(distances[1] <= 16 && distances[0] > 31, "\(distances)")
    }

    /// One core or several, groups of pictures or one by one: the same set.
    @Test func theSameMediaGiveTheSameVariants() throws {
        let (one, _) = try build("one", "--variants", "thorough")
        let (other, _) = try build("other", "--variants", "thorough")
        #expect(try place.vigil("known", "diff", one, other).status == 0)
    }
}

// Edited copies as uploaders make them, recognised at the effort that is meant for them; and what
// is no copy, at every effort. On films that are generated, and, where they stand beside the
// checkout, on real clips.

import Foundation
import Testing

/// What a scan of several inputs found, by the name of the input.
private struct Findings {
    var alerts: [String: [[String: Any]]] = [:]
    var inputs = 0

    init(_ scan: Finished) throws {
        try #require(scan.status <= 1, "\(scan.error)")
        inputs = scan.objects(ofType: "input").count
        for alert in scan.objects(ofType: "alert") {
            let input = URL(filePath: alert["input"] as? String ?? "")
            alerts[input.deletingPathExtension().lastPathComponent, default: []].append(alert)
        }
    }

    /// The known items that an input gave an alert on.
    func items(_ input: String) -> Set<String> {
        Set(
            (alerts[input] ?? []).compactMap {
                ($0["known"] as? [String: Any])?["item"] as? String
            })
    }

    /// A number of the only alert on an input.
    func value(_ key: String, _ input: String) -> Double? {
        guard let found = alerts[input], found.count == 1 else { return nil }
        return (found[0][key] as? NSNumber)?.doubleValue
    }
}

@Suite struct EditedCopyTests {
    private let place: Workplace
    private let film: String
    private let known: String

    private static let encoder = "\(Clips.x264) -g 10 -crf 20"

    init() throws {
        place = try Workplace()
        film = try Clips.generated("rich-film", seed: 1)
        known = try place.known("film", media: film)
    }

    /// Makes a copy with a filter.
    private func copy(_ name: String, _ filter: String) throws -> String {
        let path = place.file(name + ".mp4")
        try Program.ffmpeg("-i \(film) -vf \(filter) \(Self.encoder) \(path)")
        return path
    }

    /// Makes a copy of the film, input 1, in another picture, input 0.
    private func copy(_ name: String, on ground: String, _ graph: String) throws -> String {
        let path = place.file(name + ".mp4")
        try Program.ffmpeg(
            "\(ground) -i \(film) -filter_complex \(graph) -t 12 \(Self.encoder) \(path)")
        return path
    }

    private func scan(_ inputs: [String], effort: String) throws -> Findings {
        let found = try Findings(
            place.scan(inputs, known: known, "--effort", effort, "--jobs", "1"))
        #expect(found.inputs == inputs.count)
        return found
    }

    private static let letterbox = "pad=iw:trunc(ih*1.35/2)*2:0:(oh-ih)/2:black"

    @Test func mirroredTurnedNegativeAndBorderedCopiesAreRecognised() throws {
        let edits = [
            ("mirror", "hflip", "flipY"), ("flip", "vflip", "flipX"),
            ("quarter", "transpose=1", "rotate90"), ("half", "hflip,vflip", "rotate180"),
            ("invert", "negate", "negative"), ("letterbox", Self.letterbox, "original"),
            ("pillarbox", "pad=trunc(iw*1.6/2)*2:ih:(ow-iw)/2:0:black", "original"),
            (
                "white", "pad=trunc(iw*1.2/2)*2:trunc(ih*1.2/2)*2:(ow-iw)/2:(oh-ih)/2:white",
                "original"
            ),
            (
                "coloured",
                "pad=trunc(iw*1.3/2)*2:trunc(ih*1.3/2)*2:(ow-iw)/4:(oh-ih)/3:0x3355aa",
                "original"
            ),
            ("mirror-letterbox", "hflip," + Self.letterbox, "flipY"),
        ]
        let found = try scan(try edits.map { try copy($0.0, $0.1) }, effort: "standard")
        for (name, _, variant) in edits {
            #expect(found.items(name) == ["rich-film"], "\(name)")
            #expect(found.alerts[name]?.first?["variant"] as? String == variant, "\(name)")
            #expect(found.value("frames_matched", name) ?? 0 >= 10, "\(name)")
        }
    }

    @Test func copiesAtAnySpeedAndBackwardsAreRecognised() throws {
        let edits = [
            ("slow", "setpts=PTS/0.5", 24.0), ("slower", "setpts=PTS/0.8", 15),
            ("faster", "setpts=PTS/1.25", 9.6), ("fast", "setpts=PTS/2", 6),
            ("backwards", "reverse", 12),
        ]
        let found = try scan(try edits.map { try copy($0.0, $0.1) }, effort: "standard")
        for (name, _, seconds) in edits {
            #expect(found.items(name) == ["rich-film"], "\(name)")
            #expect(found.value("known_share", name) ?? 0 > 0.8, "\(name)")
            let first = found.value("first_seen_s", name) ?? .infinity
            let last = found.value("last_seen_s", name) ?? 0
            #expect(first < 2 && last > seconds - 2.5 && last <= seconds, "\(name)")
        }
    }

    @Test func aBorderThatComesAndGoesIsOneShowing() throws {
        let path = try copy(
            "switching",
            "split[a][b];[a]scale=224:126,pad=320:180:60:27:black[c];"
                + "[b][c]overlay=enable='lt(mod(t,8),4)'")
        let found = try scan([path], effort: "standard")
        // All of it: with and without the border.
        #expect(found.value("frames_matched", "switching") ?? 0 >= 11)
        #expect(found.value("known_share", "switching") ?? 0 > 0.8)
    }

    @Test func pictureWithinAMovingPictureIsRecognised() throws {
        let centred = "[1]scale=480:270[a];[0][a]overlay=(W-w)/2:(H-h)/2:shortest=1"
        let inputs = [
            try copy("animated-border", on: "-f lavfi -i testsrc2=s=640x360:r=10", centred),
            try copy(
                "grainy-border",
                on: "-f lavfi -i life=s=640x360:r=10:mold=10:seed=3:life_color=white",
                centred),
            try copy(
                "slowly-moving", on: "-i \(try Clips.generated("rich-ground", seed: 2))",
                "[0]scale=640:360[g];[1]scale=352:198[a];[g][a]overlay=x=40+8*t:y=30+5*t"),
        ]
        let found = try scan(inputs, effort: "thorough")
        for name in ["animated-border", "grainy-border", "slowly-moving"] {
            #expect(found.items(name) == ["rich-film"], "\(name)")
            #expect(found.value("frames_matched", name) ?? 0 >= 9, "\(name)")
        }
    }

    @Test func croppedTurnedAndOverlaidCopiesAreRecognised() throws {
        let edits = [
            ("crop", "crop=trunc(iw*.90/2)*2:trunc(ih*.90/2)*2"),
            ("turned", "rotate=4*PI/180:fillcolor=black"),
            ("logo", "drawbox=x=iw*.82:y=ih*.05:w=iw*.13:h=ih*.10:color=red@0.9:t=fill"),
            (
                "chat",
                "drawbox=x=iw*.70:y=0:w=iw*.30:h=ih:color=black@0.6:t=fill,"
                    + "drawgrid=x=iw*.72:y=ih*.05:w=iw:h=ih*.08:t=3:c=white"
            ),
        ]
        let found = try scan(try edits.map { try copy($0.0, $0.1) }, effort: "thorough")
        for (name, _) in edits {
            #expect(found.items(name) == ["rich-film"], "\(name)")
            #expect(found.value("known_share", name) ?? 0 > 0.5, "\(name)")
        }
    }

    @Test func threeSecondsInTenMinutesAreFound() throws {
        let cut = place.file("cut.mp4")
        try Program.ffmpeg("-i \(film) -ss 3 -t 3 \(Self.encoder) \(cut)")
        let before = try Clips.generated("rich-ground", seed: 2)
        let behind = try Clips.generated("rich-other", seed: 3)
        let parts =
            [String](repeating: before, count: 25) + [cut]
            + [String](repeating: behind, count: 25)
        let list = try place.write(
            "list.txt", Data(parts.map { "file '\($0)'\n" }.joined().utf8))
        let path = place.file("long.mp4")
        try Program.ffmpeg("-f concat -safe 0 -i \(list) -c copy \(path)")
        let found = try scan([path], effort: "standard")
        #expect(found.items("long") == ["rich-film"])
        #expect((299...301).contains(found.value("first_seen_s", "long") ?? 0))
        #expect((302...304).contains(found.value("last_seen_s", "long") ?? 0))
    }

    @Test(arguments: ["fast", "standard", "thorough"])
    func otherFilmsAreNoAlert(_ effort: String) throws {
        let others = [
            try Clips.generated("rich-ground", seed: 2), try Clips.generated("rich-other", seed: 3),
            try Clips.film(), try Clips.other(),
        ]
        let found = try scan(others, effort: effort)
        #expect(found.alerts.isEmpty, "\(found.alerts.keys)")
    }

    /// Edges are sought in halved copies, of which such pictures leave nothing.
    @Test func picturesOfAFewColumnsOrRowsAreExamined() throws {
        let inputs = try ["6x1400", "1400x6"].map { size in
            let path = place.file(size + ".mp4")
            try Program.ffmpeg("-f lavfi -i testsrc2=s=\(size):r=5 -t 2 \(Self.encoder) \(path)")
            return path
        }
        let found = try scan(inputs, effort: "thorough")
        #expect(found.inputs == 2 && found.alerts.isEmpty)
    }
}

@Suite(.enabled("needs the real clips in ../shared/data") { SharedData.isPresent })
struct EditedRealClipTests {
    private static let encoder = "-an \(Clips.x264) -g 60 -crf 20"

    @Test func bunnyWithinOtherPicturesIsRecognised() throws {
        let place = try Workplace()
        let known = try place.known("bunny", media: SharedData.clip("bunny"))
        let gradient =
            "gradients=s=640x360:c0=0x204060:c1=0x806020:x0=0:y0=0:x1=640:y1=360:speed=0.005:r=30,"
            + "noise=alls=8"
        let screen =
            "color=c=0xf0f0f0:s=1280x720:r=30,drawgrid=w=160:h=40:t=1:c=0xbbbbbb,"
            + "drawbox=x=0:y=0:w=iw:h=40:color=0x333333:t=fill"
        let edits = [
            ("pip", gradient, "[0:v]scale=320:180[f];[1:v][f]overlay=x=W*.04:y=H*.06:shortest=1"),
            (
                "split", "mandelbrot=s=320x240:r=30",
                "[0:v]scale=640:360,fps=30[f];[1:v]scale=640:360,setsar=1[b];"
                    + "[f][b]hstack=shortest=1"
            ),
            ("screen", screen, "[0:v]scale=920:518[f];[1:v][f]overlay=x=24:y=64:shortest=1"),
        ]
        let inputs = try edits.map { name, ground, graph in
            let path = place.file(name + ".mp4")
            try Program.ffmpeg(
                "-i \(SharedData.clip("bunny")) -f lavfi -t 5.3 -i \(ground) "
                    + "-filter_complex \(graph) -t 5.3 \(Self.encoder) \(path)")
            return path
        }
        let found = try Findings(
            place.scan(inputs, known: known, "--effort", "thorough", "--jobs", "1"))
        #expect(found.inputs == 3)
        for (name, _, _) in edits { #expect(found.items(name) == ["bunny"], "\(name)") }
    }

    @Test func clipsRaiseNoAlertOnOtherClips() throws {
        let place = try Workplace()
        let folder = SharedData.path + "/clips"
        let clips = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
            .filter { $0.hasSuffix(".mp4") }.map { "\(folder)/\($0)" }
        let set = place.file("all.vigil")
        let build = try place.vigil(["known", "build", set, "--name", "all", "--media"] + clips)
        try #require(build.status == 0, "\(build.error)")
        let found = try Findings(
            place.scan(clips, known: set, "--effort", "thorough", "--jobs", "1"))
        #expect(found.inputs == clips.count && clips.count > 1)
        for clip in clips {
            let name = URL(filePath: clip).deletingPathExtension().lastPathComponent
            // Clips of a family are copies of one another: chair-19…, chair-22….
            let family = name.prefix { $0 != "-" }
            let items = found.items(name)
            #expect(items.contains(name), "\(name)")
            let others = items.filter { $0.prefix { $0 != "-" } != family }
            #expect(others.isEmpty, "\(name): \(others)")
        }
    }
}

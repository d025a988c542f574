// Bad input of every kind: one clear line, the documented exit code, never a crash, a hang, or a
// silent "clean".

import Foundation
import TestSupport
import Testing

@Suite struct BadInputTests {
    private let place: Workplace
    private let known: String

    init() throws {
        place = try Workplace()
        known = try place.known("film", media: Clips.film())
    }

    /// Scans one input that cannot be examined and checks everything that is promised of it.
    private func expectFailed(_ input: String, saying reason: String) throws {
        let result = try place.scan([input], known: known)
        #expect(result.status == 2, "\(result.output)\(result.error)")
        let inputs = result.objects(ofType: "input")
        #expect(inputs.count == 1)
        #expect(inputs.first?["status"] as? String == "failed")
        #expect((inputs.first?["error"] as? String)?.contains(reason) == true, "\(inputs)")
        #expect(result.objects(ofType: "summary").first?["failed"] as? Int == 1)
        let text = try place.vigil("scan", input, "--known", known, "--no-progress")
        let lines = text.output.split(separator: "\n").filter { $0.hasPrefix("FAILED") }
        #expect(lines.count == 1 && lines[0].contains(reason), "\(text.output)")
        #expect(text.status == 2 && text.error.isEmpty)
    }

    @Test func emptyFile() throws {
        try expectFailed(place.write("empty.mp4", Data()), saying: "empty")
    }

    @Test func textNamedLikeAVideo() throws {
        let text = String(repeating: "this is no video\n", count: 500)
        try expectFailed(place.write("text.mp4", Data(text.utf8)), saying: "not a picture or video")
    }

    @Test func missingPath() throws {
        try expectFailed(place.file("gone.mp4"), saying: "no such file")
    }

    @Test func onlyAudio() throws {
        let path = place.file("sound.m4a")
        try Program.ffmpeg("-f lavfi -i sine=d=2 -c:a aac \(path)")
        try expectFailed(path, saying: "no video track")
        let wave = place.file("sound.wav")
        try Program.ffmpeg("-f lavfi -i sine=d=1 \(wave)")
        try expectFailed(wave, saying: "audio only")
    }

    @Test func pictureOfOnePixel() throws {
        let path = place.file("dot.png")
        try Program.ffmpeg("-f lavfi -i color=red:s=2x2,format=rgb24,crop=1:1 -frames:v 1 \(path)")
        try expectFailed(path, saying: "too small")
    }

    @Test func directoryWithoutPermission() throws {
        let folder = place.file("locked")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try FileManager.default.setAttributes([.posixPermissions: 0], ofItemAtPath: folder)
        defer {
            try? FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: folder)
        }
        let scan = ["scan", folder, "--known", known, "--format", "jsonl", "--no-progress"]
        let result: Finished
        if getuid() == 0 {
            // Root may read everything: run as nobody, who needs a way to the key and to a state
            // folder.
            result = try asNobody(scan)
        } else {
            result = try place.vigil(scan)
        }
        #expect(result.status == 2, "\(result.output)\(result.error)")
        let error = result.objects(ofType: "input").first?["error"] as? String
        #expect(error?.contains("permission denied") == true, "\(result.output)\(result.error)")
    }

    private func asNobody(_ arguments: [String]) throws -> Finished {
        let vigil = place.file("vigil")
        try FileManager.default.copyItem(atPath: try Program.vigil(), toPath: vigil)
        _ = try Program.run("chown", ["-R", "65534:65534", place.path])
        defer { _ = try? Program.run("chown", ["-R", "0:0", place.path]) }
        _ = try Program.run("chmod", ["0", place.file("locked")])
        return try Program.run(
            "setpriv", ["--reuid=65534", "--regid=65534", "--clear-groups", vigil] + arguments,
            environment: place.environment)
    }

    @Test(arguments: ["mp4", "mkv", "flv", "avi"])
    func truncatedAtHalfIsPartial(_ container: String) throws {
        let whole = place.file("whole.\(container)")
        let front = container == "mp4" ? ["-movflags", "+faststart"] : []
        try Program.ffmpeg(["-i", try Clips.other(), "-c", "copy"] + front + [whole])
        let data = try Data(contentsOf: URL(filePath: whole))
        let half = try place.write("half.\(container)", data.prefix(data.count / 2))
        let result = try place.scan([half], known: known)
        #expect(result.status == 2, "\(result.output)")
        let input = try #require(result.objects(ofType: "input").first)
        #expect(input["status"] as? String == "partial", "\(input)")
        #expect((input["frames_sampled"] as? Int ?? 0) > 0)
        #expect((input["error"] as? String)?.isEmpty == false)
    }

    @Test func truncatedBeforeItsIndexFails() throws {
        let data = try Data(contentsOf: URL(filePath: Clips.other()))
        try expectFailed(
            place.write("half.mp4", data.prefix(data.count / 2)), saying: "cannot open")
    }

    @Test func flippedBytesNeverCrash() throws {
        let data = try Data(contentsOf: URL(filePath: Clips.other()))
        for seed in 0..<12 {
            var random = SeededGenerator(seed: UInt64(seed))
            var mutated = data
            for _ in 0..<200 {
                let place = Int.random(in: 0..<mutated.count, using: &random)
                mutated[place] ^= UInt8.random(in: 1...255, using: &random)
            }
            let path = try place.write("flipped-\(seed).mp4", mutated)
            let result = try place.scan([path], known: known)
            #expect(result.status == 0 || result.status == 2, "seed \(seed): \(result.status)")
            let input = try #require(result.objects(ofType: "input").first, "seed \(seed)")
            let isWhole = input["status"] as? String == "examined"
            #expect(isWhole == (result.status == 0), "seed \(seed): \(input)")
            #expect(isWhole == (input["error"] == nil), "seed \(seed): \(input)")
        }
    }

    @Test func knownSetWithAFlippedByte() throws {
        var data = try Data(contentsOf: URL(filePath: known))
        data[data.count / 2] ^= 1
        let path = try place.write("flipped.vigil", data)
        try expectNoScan(known: path, saying: "damaged")
    }

    @Test func knownSetWithTheWrongKey() throws {
        let key = try place.write("other.key", Data(String(repeating: "ab", count: 32).utf8))
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: key)
        try expectNoScan(known: known, saying: "key", "--key-file", key)
    }

    @Test func missingKnownSetAndKey() throws {
        try expectNoScan(known: place.file("no.vigil"), saying: "no.vigil")
        try expectNoScan(known: known, saying: "no.key", "--key-file", place.file("no.key"))
    }

    /// Nothing may be examined without the known set: no result, one line, exit code 2.
    private func expectNoScan(known: String, saying reason: String, _ options: String...) throws {
        let result = try place.vigil(["scan", try Clips.film(), "--known", known] + options)
        #expect(result.status == 2)
        #expect(result.output.isEmpty)
        let lines = result.error.split(separator: "\n")
        #expect(lines.count == 1 && lines[0].contains(reason), "\(result.error)")
    }

    /// Whether a small file system can be mounted here.
    static let canMount: Bool = {
        let place = try? Workplace()
        guard let place else { return false }
        let mounted = try? Program.run(
            "mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", place.path])
        guard mounted?.status == 0 else {
            print("skipped: needs the right to mount a small tmpfs")
            return false
        }
        _ = try? Program.run("umount", ["-l", place.path])
        return true
    }()

    @Test(.enabled("needs the right to mount a tmpfs") { canMount })
    func fullDiskUnderState() throws {
        let mount = place.file("small")
        try FileManager.default.createDirectory(atPath: mount, withIntermediateDirectories: true)
        let mounted = try Program.run(
            "mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", mount])
        try #require(mounted.status == 0)
        defer { _ = try? Program.run("umount", ["-l", mount]) }
        // Nothing fits: the scan must not start as if alerts could be recorded.
        let filler = Data(repeating: 0, count: 1 << 16)
        try? filler.write(to: URL(filePath: mount + "/filler"))
        let result = try place.vigil(
            "scan", Clips.film(), "--known", known, "--state", mount + "/state")
        #expect(result.status == 2, "\(result.output)\(result.error)")
        #expect(result.error.contains("full") || result.error.contains("space"), "\(result.error)")
        #expect(result.error.split(separator: "\n").count == 1, "\(result.error)")
    }

    @Test(.enabled("needs the right to mount a tmpfs") { canMount })
    func diskThatFillsUpDuringTheScan() throws {
        let mount = place.file("filling")
        try FileManager.default.createDirectory(atPath: mount, withIntermediateDirectories: true)
        let mounted = try Program.run(
            "mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", mount])
        try #require(mounted.status == 0)
        defer { _ = try? Program.run("umount", ["-l", mount]) }
        // The queue exists; then the disk fills up but for what opening it takes.
        let state = mount + "/state"
        let first = try place.scan([try Clips.film()], known: known, "--state", state)
        #expect(first.status == 1, "\(first.output)\(first.error)")
        let fill =
            "dd if=/dev/zero of=\(mount)/filler bs=4k 2>/dev/null; truncate -s -96K \(mount)/filler"
        _ = try Program.run("sh", ["-c", fill])
        var inputs: [String] = []
        for number in 0..<60 {
            let copy = place.file("copy-\(number).mp4")
            try FileManager.default.copyItem(atPath: try Clips.film(), toPath: copy)
            inputs.append(copy)
        }
        let result = try place.scan(inputs, known: known, "--state", state)
        // Found is found: every alert is printed, and which of them the queue did not take is said.
        #expect(result.status == 1, "\(result.error)")
        let alerts = result.objects(ofType: "alert")
        #expect(alerts.count == 60)
        let refused = alerts.filter { $0["recorded"] as? Bool == false }
        let summary = try #require(result.objects(ofType: "summary").first)
        #expect(!refused.isEmpty && summary["alerts_unrecorded"] as? Int == refused.count)
        for alert in refused {
            let id = try #require(alert["alert_id"] as? String)
            #expect(result.error.contains("alert \(id) could not be recorded"))
        }
        let kept = try place.vigil("report", "list", "--state", state, "--limit", "1000")
        #expect(kept.output.split(separator: "\n").count == 1 + 60 - refused.count, "\(kept.error)")
    }

    @Test func wrongUsage() throws {
        let cases = [
            ["scan", "x"], ["scan", "--known", "a"],
            ["scan", "x", "--known", "a", "--sample", "often"],
            ["scan", "x", "--known", "a", "--effort", "heroic"],
            ["match", "--known", "a", "--radius", "65"],
            ["nonsense"], ["known", "build", "out"], ["known", "build", "out", "--name", "n"],
            ["scan", "x", "--known", "a", "--jobs", "0"], ["report", "show", "x"],
        ]
        for arguments in cases {
            let result = try place.vigil(arguments)
            #expect(result.status == 64, "\(arguments): \(result.status)")
            #expect(!result.error.isEmpty && result.output.isEmpty, "\(arguments)")
        }
    }

    @Test func wrongPipelineFileIsAUsageError() throws {
        let path = try place.write("p.yaml", Data("sampling: {max_gab_s: 3}".utf8))
        let result = try place.vigil("scan", "x", "--known", known, "--pipeline", path)
        #expect(result.status == 64)
        #expect(result.error.contains("did you mean sampling.max_gap_s?"), "\(result.error)")
    }
}

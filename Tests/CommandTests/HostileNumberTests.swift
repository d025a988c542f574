// Media whose numbers no recording has: none ends the program, keeps the rest of a folder from being
// reported, or reads as examined in full.

import Foundation
import TestSupport
import Testing

@Suite struct HostileNumberTests {
    private let place: Workplace
    private let known: String

    init() throws {
        place = try Workplace()
        known = try place.known("film", media: Clips.film())
    }

    private static let far: Int64 = 8_900_000_000_000_000

    /// The film's pictures in VP8, each a keyframe.
    private func pictures() throws -> [Data] {
        let path = try Clips.make(
            "pictures.ivf",
            "-i \(try Clips.film()) -r 4 -c:v libvpx -g 1 -b:v 400k -deadline realtime")
        return IVF.frames(of: try Data(contentsOf: URL(filePath: path)))
    }

    private func stamped(
        _ pictures: [Data], _ stamp: (Int) -> Int64
    ) -> [(stamp: Int64, data: Data)] {
        pictures.enumerated().map { (stamp($0.offset), $0.element) }
    }

    /// Files whose stamps start over by ages, or are no times at all.
    private func absurd() throws -> [String: Data] {
        let pictures = try pictures()
        let lines: [String: (Int) -> Int64] = [
            "over": { $0 % 2 == 0 ? 0 : Self.far }, "under": { $0 % 2 == 0 ? Self.far : 0 },
            "grow": { Int64($0) * (Self.far / 50) },
            "ends": { $0 == 0 ? 0 : $0 % 2 == 0 ? .max : .max - 1 },
            "below": { $0 == 0 ? 0 : $0 % 3 == 0 ? .min + 1 : -1 << 62 },
        ]
        var files: [String: Data] = [:]
        for (name, line) in lines {
            files["\(name).ivf"] = IVF.file(stamped(pictures, line))
            files["\(name).mkv"] = Matroska.file(stamped(pictures, line))
        }
        files["seconds.ivf"] = IVF.file(stamped(pictures) { Int64($0) }, rate: 1, scale: .max >> 1)
        return files
    }

    /// Files with other numbers that no recording has.
    private func odd() throws -> [String: Data] {
        let pictures = try pictures()
        let usual = stamped(pictures) { Int64($0) * 250 }
        var files = [
            "fast.ivf": IVF.file(usual, rate: .max >> 1, scale: 1),
            "zero.ivf": IVF.file(usual, rate: 0, scale: 0),
            "long.mkv": Matroska.file(usual, duration: 1e300),
            "nan.mkv": Matroska.file(usual, duration: .nan),
            "negative.mkv": Matroska.file(usual, duration: -1e18),
            "scale.mkv": Matroska.file(usual, scale: .max >> 1),
            "frame.mkv": Matroska.file(usual, frameNanoseconds: .max),
            "size.ivf": IVF.file(usual, width: .max, height: .max),
        ]
        let film = place.file("plain.mp4")
        try Program.ffmpeg("-i \(try Clips.film()) -c copy \(film)")
        let plain = try Data(contentsOf: URL(filePath: film))
        try FileManager.default.removeItem(atPath: film)
        for length in [Int64.max, .min, -1, 1 << 62] {
            // Version 1, with lengths of 64 bits.
            files["media\(length).mp4"] = MP4.replacing("mdhd", in: plain) { _ in
                Data([1, 0, 0, 0]) + Data(count: 16) + bigEndian(UInt32(12_800)) + bigEndian(length)
                    + Data(count: 4)
            }
            files["movie\(length).mp4"] = MP4.replacing("mvhd", in: plain) {
                Data([1, 0, 0, 0]) + Data(count: 16) + bigEndian(UInt32(1)) + bigEndian(length)
                    + $0.dropFirst(20)
            }
            files["edit\(length).mp4"] = MP4.replacing("elst", in: plain) { _ in
                Data([1, 0, 0, 0]) + bigEndian(UInt32(2))
                    + [length, .max - 1].map { bigEndian(length) + bigEndian($0) }
                    .reduce(Data()) { $0 + $1 + Data([0, 1, 0, 0]) }
            }
        }
        for step in [UInt32.max, 1 << 31, 0] {
            files["step\(step).mp4"] = MP4.replacing("stts", in: plain) { _ in
                Data(count: 4) + bigEndian(UInt32(1)) + bigEndian(UInt32(300)) + bigEndian(step)
            }
        }
        return files
    }

    /// Writes a folder of files, with the film last.
    private func folder(_ files: [String: Data]) throws -> String {
        let folder = place.file("disk")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for (name, data) in files { _ = try place.write("disk/\(name)", data) }
        try FileManager.default.copyItem(atPath: Clips.film(), toPath: folder + "/z.mp4")
        return folder
    }

    private func statuses(_ result: Finished) throws -> [String: String] {
        var statuses: [String: String] = [:]
        for input in result.objects(ofType: "input") {
            let path = try #require(input["input"] as? String)
            statuses[URL(filePath: path).lastPathComponent] = input["status"] as? String
            let seconds = try #require(input["duration_s"] as? Double, "\(input)")
            #expect((0...1e9).contains(seconds), "\(input)")
        }
        return statuses
    }

    @Test func stampsThatNoRecordingHasAreTold() throws {
        let files = try absurd()
        let result = try place.scan([try folder(files)], known: known)
        #expect(result.status == 1, "\(result.status) \(result.error)")
        let statuses = try statuses(result)
        #expect(statuses.count == files.count + 1, "\(statuses)")
        #expect(statuses["z.mp4"] == "examined")
        // Of the last the library itself hands out no stamps, so none is there to be told of.
        for name in files.keys where name != "ends.mkv" {
            #expect(["partial", "failed"].contains(statuses[name]), "\(name): \(result.output)")
        }
        // Their pictures were looked at all the same.
        let alerts = result.objects(ofType: "alert").compactMap { $0["input"] as? String }
        for name in ["over.ivf", "under.ivf", "over.mkv", "z.mp4"] {
            #expect(alerts.contains { $0.hasSuffix("/\(name)") }, "\(name): \(result.output)")
        }
        let over = result.objects(ofType: "input").first {
            ($0["input"] as? String ?? "").hasSuffix("over.ivf")
        }
        let error = over?["error"] as? String ?? ""
        #expect(error.contains("not believed"), "\(over ?? [:])")
    }

    @Test func otherNumbersThatNoRecordingHasHarmNothing() throws {
        let files = try odd()
        let folder = try folder(files)
        for options in [[], ["--sample", "1"], ["--sample", "all", "--effort", "thorough"]] {
            let result = try place.vigil(
                ["scan", folder, "--known", known, "--format", "jsonl", "--no-progress"] + options)
            #expect(result.status == 1, "\(result.status) \(result.error)")
            let statuses = try statuses(result)
            #expect(statuses.count == files.count + 1, "\(options) \(statuses)")
            #expect(statuses["z.mp4"] == "examined")
        }
    }

    @Test func otherCommandsTakeThemToo() throws {
        var files = try absurd()
        files.merge(try odd()) { first, _ in first }
        let folder = try folder(files)
        for name in files.keys.sorted() {
            let path = "\(folder)/\(name)"
            for arguments in [
                ["explain", path, "--known", known], ["fingerprint", path, "--format", "jsonl"],
            ] {
                let result = try place.vigil(arguments)
                #expect(result.status < 3, "\(arguments[0]) \(name): \(result.error)")
                #expect(!result.output.contains("inf") && !result.output.contains(" nan"))
            }
        }
        let set = place.file("all.vigil")
        let build = try place.vigil(["known", "build", set, "--name", "all", "--media", folder])
        #expect(build.status < 3, "\(build.status) \(build.error)")
        #expect(try place.vigil("known", "info", set).status == 0)
        let scan = try place.scan([try Clips.film()], known: set)
        #expect(scan.status == 1, "\(scan.error)")
    }

    @Test(arguments: [
        ["match", "--radius", "99999999999999999999"], ["match", "--radius", "-1"],
        ["scan", "x", "--sample", "1e300"], ["scan", "x", "--sample", "nan"],
        ["scan", "x", "--sample", "-inf"], ["scan", "x", "--sample", "1e-300"],
        ["scan", "x", "--jobs", "9223372036854775807"], ["scan", "x", "--jobs", "-1"],
        ["watch", "http://127.0.0.1:9/x", "--for", "nan"],
        ["watch", "http://127.0.0.1:9/x", "--for", "-1e300"],
    ])
    func numbersOfTheCommandLine(_ arguments: [String]) throws {
        let result = try place.vigil(arguments + ["--known", known])
        #expect([2, 64].contains(result.status), "\(arguments): \(result.status) \(result.error)")
    }

    @Test(arguments: [
        ["bench", "--keyframe-interval", "nan"], ["bench", "--seconds", "inf"],
        ["bench", "--index-sizes", "99999999999999m"], ["report", "list", "--limit", "-1"],
        ["receive", "--secret-file", "x", "--hang-s", "1e300"],
        ["receive", "--secret-file", "x", "--delay-ms", "9223372036854775807"],
        ["receive", "--secret-file", "x", "--retry-after=-9223372036854775808"],
        ["receive", "--secret-file", "x", "--fail-share", "nan"],
    ])
    func numbersOfOtherCommands(_ arguments: [String]) throws {
        let result = try place.vigil(arguments)
        #expect(result.status == 64, "\(arguments): \(result.status) \(result.error)")
    }
}

// Playlists on a disk: what they are called, and what they may lead to. An uploader could else have
// anything read that the scanner may read, under the upload's name.

import Foundation
import Testing

@Suite struct PlaylistFileTests {
    private let place: Workplace
    private let known: String

    init() throws {
        place = try Workplace()
        known = try place.known("film", media: Clips.film())
        for folder in ["in/sub", "out"] {
            try FileManager.default.createDirectory(
                atPath: place.file(folder), withIntermediateDirectories: true)
        }
        // What must not be read is what would be found.
        try segment("film", try Clips.film(), "out/s.ts")
        try segment("other", try Clips.other(), "in/good.ts")
    }

    private func segment(_ name: String, _ clip: String, _ target: String) throws {
        let made = try Clips.make("segment-\(name).ts", "-i \(clip) -t 6 -c copy -f mpegts")
        try FileManager.default.copyItem(atPath: made, toPath: place.file(target))
    }

    private func link(_ name: String, _ target: String) throws {
        try FileManager.default.createSymbolicLink(
            atPath: place.file(name), withDestinationPath: target)
    }

    private func playlist(_ parts: [String], before: String = "") -> String {
        "#EXTM3U\n#EXT-X-TARGETDURATION:6\n\(before)"
            + parts.map { "#EXTINF:6,\n\($0)\n" }.joined() + "#EXT-X-ENDLIST\n"
    }

    private func write(_ name: String, _ text: String) throws -> String {
        try place.write(name, Data(text.utf8))
    }

    private func scanOne(_ path: String) throws -> (Finished, [String: Any]) {
        let result = try place.scan([path], known: known)
        let input = result.objects(ofType: "input").first { ($0["input"] as? String) == path }
        return (result, try #require(input, "\(result.output)\(result.error)"))
    }

    @Test(arguments: ["up.mp4", "up.jpg", "up.ts", "up", "up.m3u8.mp4", "up.MP3"])
    func aPlaylistByAnotherNameIsToldAndNotFollowed(_ name: String) throws {
        try segment("film", try Clips.film(), "in/s.ts")
        let path = try write("in/\(name)", playlist(["s.ts"]))
        let (result, input) = try scanOne(path)
        #expect(result.status == 2 && input["status"] as? String == "failed", "\(input)")
        #expect(result.objects(ofType: "alert").isEmpty)
        let error = try #require(input["error"] as? String)
        #expect(error.contains("is a playlist in a file") && error.contains("not followed"))
        // As a walk finds it.
        try FileManager.default.removeItem(atPath: place.file("in/s.ts"))
        let walk = try place.scan([place.file("in")], known: known)
        #expect(walk.status == 2, "\(walk.output)")
        let failed = walk.objects(ofType: "input").filter { $0["status"] as? String == "failed" }
        #expect(failed.count == 1 && failed.first?["input"] as? String == path, "\(walk.output)")
    }

    @Test func aPlaylistBehindATagIsOneToo() throws {
        // The library passes over such a tag before it looks for a format.
        let tag = Data("ID3".utf8) + Data([3, 0, 0, 0, 0, 0, 10]) + Data(count: 10)
        let path = try place.write(
            "in/up.mp4", tag + Data(playlist(["\(place.file("out/s.ts"))"]).utf8))
        let (result, input) = try scanOne(path)
        #expect(result.status == 2 && result.objects(ofType: "alert").isEmpty, "\(input)")
        #expect((input["error"] as? String)?.contains("playlist") == true, "\(input)")
    }

    @Test func nothingOutsideItsFolderIsRead() throws {
        let out = place.file("out/s.ts")
        try link("in/link.ts", out)
        try link("in/relative.ts", "../out/s.ts")
        try link("in/folder", place.file("out"))
        try link("in/zero.ts", "/dev/zero")
        #expect(mkfifo(place.file("in/pipe.ts"), 0o600) == 0)
        try Data().write(to: URL(filePath: place.file("in/empty.ts")))
        let start = try Data(contentsOf: URL(filePath: out)).prefix(2900).base64EncodedString()
        let cases: [(name: String, reason: String)] = [
            (out, "outside"), ("../out/s.ts", "outside"), ("sub/../../out/s.ts", "outside"),
            ("file://\(out)", "outside"), ("file:\(out)", "outside"),
            ("file:../out/s.ts", "outside"), ("//localhost\(out)", "outside"),
            ("/dev/zero", "outside"), ("/proc/self/environ", "outside"),
            ("/proc/self/fd/0", "outside"),
            ("FILE://\(out)", "an address"), ("http://127.0.0.1:9/s.ts", "an address"),
            ("HTTPS://user:secret@127.0.0.1:9/s.ts", "an address"),
            ("concat:\(out)", "an address"), ("crypto:\(out)", "an address"),
            ("crypto:file:here/good.ts", "an address"), ("cache:\(out)", "an address"),
            ("async:file:\(out)", "an address"), ("gopher:x", "an address"),
            ("data:video/mp2t;base64,\(start)", "an address"),
            ("subfile,,start,0,end,0,,:\(out)", "an address"),
            ("concat|\(out)", "no such file"), ("nowhere.ts", "no such file"),
            ("good.ts/x.ts", "no such file"),
            ("%2e%2e/out/s.ts", "encoded"), ("%2E%2E%2fout%2Fs.ts", "encoded"),
            ("..\\out\\s.ts", "encoded"),
            ("link.ts", "a link"), ("relative.ts", "a link"), ("folder/s.ts", "a link"),
            ("zero.ts", "a link"), ("pipe.ts", "no regular file"), ("sub", "no regular file"),
            ("empty.ts", "empty"),
        ]
        for (name, reason) in cases {
            let path = try write("in/list.m3u8", playlist(["good.ts", name]))
            let (result, input) = try scanOne(path)
            #expect(result.status == 2, "\(name): \(result.output)")
            #expect(input["status"] as? String == "partial", "\(name): \(input)")
            let error = try #require(input["error"] as? String)
            #expect(error.contains("1 of the parts") && error.contains(reason), "\(name): \(error)")
            #expect(!error.contains("secret"))
        }
    }

    @Test func aPlaylistOfNothingThatMayBeReadSaysWhy() throws {
        let path = try write("in/list.m3u8", playlist(["../out/s.ts", "http://127.0.0.1:9/x.ts"]))
        let (result, input) = try scanOne(path)
        #expect(result.status == 2 && input["status"] as? String == "failed", "\(input)")
        let error = try #require(input["error"] as? String)
        #expect(error.contains("outside the playlist's folder (../out/s.ts)"), "\(error)")
        #expect(error.contains("an address"), "\(error)")
    }

    @Test func partsBeneathItsFolderAreRead() throws {
        try segment("film", try Clips.film(), "in/sub/s.ts")
        // Names that the library would not open by themselves.
        for name in ["sub/s.ts", "./sub/../sub/s.ts", "file:here/sub/s.ts"] {
            let (result, input) = try scanOne(write("in/list.M3U8", playlist([name])))
            #expect(result.status == 1 && input["status"] as? String == "examined", "\(input)")
        }
        for odd in ["s.dat", "no suffix", "ünï.ts", "a%20b.ts", "q?x=1.ts"] {
            try FileManager.default.copyItem(
                atPath: place.file("in/sub/s.ts"), toPath: place.file("in/\(odd)"))
            let (result, input) = try scanOne(write("in/list.m3u", playlist([odd])))
            #expect(result.status == 1 && input["status"] as? String == "examined", "\(input)")
        }
        // Lists in folders below, which come back up.
        _ = try write("in/sub/media.m3u8", playlist(["../sub/s.ts"]))
        let master = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nsub/media.m3u8\n"
        for path in [try write("in/master.m3u8", master), place.file("in")] {
            let result = try place.scan([path], known: known)
            #expect(result.status == 1, "\(path): \(result.output)")
        }
        // The user's own link, and a folder reached by one.
        try link("in/named.m3u8", "list.m3u8")
        try link("way", place.file("in"))
        _ = try write("in/list.m3u8", playlist(["sub/s.ts"]))
        for path in [place.file("in/named.m3u8"), place.file("way/list.m3u8")] {
            let (result, input) = try scanOne(path)
            #expect(result.status == 1 && input["status"] as? String == "examined", "\(input)")
        }
    }

    @Test func encryptedPartsAndTheirKeysAreReadBeneathItsFolder() throws {
        let key = try place.write("in/enc.key", Data((0..<16).map { UInt8($0 * 7) }))
        let info = try write("info", "enc.key\n\(key)\n")
        let path = place.file("in/enc.m3u8")
        try Program.ffmpeg(
            "-i \(try Clips.film()) -c copy -hls_time 2 -hls_list_size 0 "
                + "-hls_key_info_file \(info) -hls_segment_filename \(place.file("in/e%d.ts")) "
                + path)
        let (result, input) = try scanOne(path)
        #expect(result.status == 1 && input["status"] as? String == "examined", "\(input)")
        try FileManager.default.moveItem(atPath: key, toPath: place.file("out/enc.key"))
        for uri in ["../out/enc.key", "data:;base64,AAAAAAAAAAAAAAAAAAAAAA=="] {
            let text = try String(contentsOfFile: path, encoding: .utf8)
                .replacingOccurrences(of: "enc.key", with: uri)
            let (result, input) = try scanOne(write("in/moved.m3u8", text))
            #expect(result.status == 2 && input["status"] as? String == "failed", "\(input)")
            #expect((input["error"] as? String)?.contains("of the parts") == true, "\(input)")
        }
    }

    @Test func longChainsAndHugeListsEnd() throws {
        for number in 0..<100 {
            _ = try write(
                "in/c\(number).m3u8",
                "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nc\(number + 1).m3u8\n"
                    + "#EXT-X-STREAM-INF:BANDWIDTH=2\nc\(number + 2).m3u8\n")
        }
        let (chain, input) = try scanOne(place.file("in/c0.m3u8"))
        #expect(chain.status == 2 && input["status"] as? String == "failed", "\(input)")
        let names = String(repeating: "#EXTINF:1,\na\n", count: 300_000)
        let (huge, told) = try scanOne(
            write("in/huge.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:1\n\(names)"))
        #expect(huge.status == 2 && told["status"] as? String == "failed", "\(told)")
        #expect((told["error"] as? String)?.contains("250000 names") == true, "\(told)")
    }

    @Test func picturesThatAnMP4SaysAreElsewhereAreNotRead() throws {
        let film = place.file("out/film.mp4")
        try Program.ffmpeg("-i \(try Clips.film()) -an -c copy \(film)")
        let data = try Data(contentsOf: URL(filePath: film))
        let path = try place.write("in/refers.mp4", try Self.referring(data, to: "/film.mp4"))
        try FileManager.default.copyItem(atPath: film, toPath: place.file("in/film.mp4"))
        let (result, input) = try scanOne(path)
        #expect(result.status == 2 && input["status"] as? String == "failed", "\(input)")
        #expect(result.objects(ofType: "alert").isEmpty)
        #expect((input["error"] as? String)?.contains("none of its pictures") == true, "\(input)")
    }

    /// An MP4 whose track's data is in another file, named by a Macintosh alias record (QuickTime
    /// File Format, data reference atoms).
    private static func referring(_ file: Data, to path: String) throws -> Data {
        var bytes = [UInt8](file)
        func big(_ value: Int, _ count: Int) -> [UInt8] {
            (0..<count).reversed().map { UInt8(value >> ($0 * 8) & 255) }
        }
        func place(of type: String, before end: Int) throws -> Int {
            let name = Array(type.utf8)
            let found = stride(from: end, through: 4, by: -1).first {
                bytes[$0..<$0 + 4].elementsEqual(name)
            }
            return try #require(found) - 4
        }
        let dref = try place(of: "dref", before: bytes.count - 4)
        var alias = [UInt8](repeating: 0, count: 150)
        let name = Array(path.utf8) + (path.utf8.count % 2 == 0 ? [] : [0])
        alias += big(2, 2) + big(name.count, 2) + name + [0xff, 0xff, 0, 0]
        let entry = big(alias.count + 12, 4) + Array("alis".utf8) + big(0, 4) + alias
        let grown = entry.count - 12
        var end = dref
        var outer = [dref]
        for type in ["dinf", "minf", "mdia", "trak", "moov"] {
            end = try place(of: type, before: end)
            outer.append(end)
        }
        for box in outer {
            let size = bytes[box..<box + 4].reduce(0) { $0 << 8 | Int($1) }
            bytes.replaceSubrange(box..<box + 4, with: big(size + grown, 4))
        }
        bytes.replaceSubrange(dref + 16..<dref + 28, with: entry)
        return Data(bytes)
    }
}

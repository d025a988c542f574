// Inputs that are small and ask for much: pictures beyond the limits, sizes that are cropped away,
// sizes that change, an index for each of a hundred tracks, texts that unpack to gigabytes.

import Foundation
import Testing

@Suite struct LargePictureTests {
    private let place: Workplace

    init() throws {
        place = try Workplace()
        none = try place.known("film", media: try Clips.film())
    }

    private func input(_ result: Finished) throws -> (status: String, error: String, frames: Int) {
        let line = try #require(result.objects(ofType: "input").first, "\(result.error)")
        return (
            line["status"] as? String ?? "", line["error"] as? String ?? "",
            (line["frames_sampled"] as? NSNumber)?.intValue ?? -1
        )
    }

    /// A set that nothing here matches; the same for all scans of a test.
    private let none: String

    /// A pipeline file that lets pictures of 320x240 through and not much more.
    private func lowered() throws -> String {
        try place.write(
            "lowered.yaml", Data("decode: {max_video_px: 640x360, max_memory_mb: 64}".utf8))
    }

    // MARK: - Size

    @Test func aSizeThatChangesOnTheWayIsToldAndTheRestIsExamined() throws {
        let film = try Clips.film()
        let large = try Clips.make(
            "large.ts", "-f lavfi -i testsrc2=s=1280x720:r=25 -t 4 \(Clips.x264) -g 25")
        let ends = try ["0", "6"].map { start in
            try Clips.make("film-\(start).ts", "-ss \(start) -i \(film) -t 6 -c copy")
        }
        var joined = Data()
        for part in [ends[0], large, ends[1]] {
            joined += try Data(contentsOf: URL(filePath: part))
        }
        let path = try place.write("grows.ts", joined)
        let result = try place.scan([path], known: none, "--pipeline", try lowered())
        let found = try input(result)
        #expect(found.status == "partial" && found.frames >= 6, "\(found)")
        #expect(
            found.error.contains("is 1280x720 pixels, more than 640x360 (decode.max_video_px)"),
            "\(found.error)")
        #expect(result.objects(ofType: "alert").count >= 1 && result.status == 1)
    }

    @Test func whatIsCroppedAwayCounts() throws {
        let path = try Clips.make(
            "cropped.mp4",
            "-f lavfi -i testsrc2=s=1920x1088:r=5 -t 3 \(Clips.x264) -g 5 "
                + "-bsf:v h264_metadata=crop_right=1600:crop_bottom=848")
        let result = try place.scan([path], known: none, "--pipeline", try lowered())
        let found = try input(result)
        #expect(found.status == "failed" && result.status == 2)
        #expect(found.error.contains("is 1920x1088 pixels, more than 640x360"), "\(found.error)")
        // At its own limits the picture is the cropped one.
        let whole = try input(try place.scan([path], known: none))
        #expect(whole.status == "examined" && whole.frames >= 2, "\(whole)")
    }

    @Test func picturesThatSayTooMuchAreToldWithTheirSize() throws {
        var inputs: [(path: String, size: String)] = []
        for side in [16_384, 1_000_000] {
            let png = try place.write("\(side).png", Self.png(side: side, chunks: []))
            inputs.append((png, "\(side)x\(side)"))
        }
        // An SOF0 of three components and a scan of nothing.
        let jpeg: [UInt8] =
            [0xff, 0xd8, 0xff, 0xc0, 0, 17, 8, 0xff, 0xdc, 0xff, 0xdc, 3]
            + [1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0]
            + [0xff, 0xda, 0, 12, 3, 1, 0, 2, 0, 3, 0, 0, 63, 0, 0, 0, 0xff, 0xd9]
        inputs.append((try place.write("large.jpg", Data(jpeg)), "65500x65500"))
        for (path, size) in inputs {
            let found = try input(try place.scan([path], known: none))
            #expect(found.status == "failed" && found.frames <= 0)
            #expect(
                found.error.contains("is \(size) pixels, more than 16384x8192"),
                "\(path): \(found.error)")
        }
    }

    // MARK: - Memory

    /// Scans with the peak of memory.
    private func scan(_ path: String, _ options: [String]) throws -> (Finished, megabytes: Int) {
        let script = """
            import resource, subprocess, sys
            code = subprocess.run(sys.argv[1:]).returncode
            peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
            print(f"peak {peak}", file=sys.stderr)
            sys.exit(code)
            """
        let arguments =
            ["-c", script, try Program.vigil(), "scan", path, "--known", none]
            + ["--format", "jsonl", "--no-progress"] + options
        let result = try Program.run("python3", arguments, environment: place.environment)
        place.look(at: result, of: ["scan"])
        let last = result.error.split(separator: "\n").last { $0.hasPrefix("peak ") }
        return (result, try #require(last.flatMap { Int($0.dropFirst(5)) }, "\(result.error)"))
    }

    @Test func anIndexForEachOfAHundredTracksIsBounded() throws {
        // Each says ten million samples of one byte: 240 MB in memory.
        let path = try place.write("index.mp4", Self.manyIndexes(tracks: 100, samples: 10_000_000))
        let (result, megabytes) = try scan(path, [])
        let found = try input(result)
        #expect(found.status == "failed" && result.status == 2)
        #expect(
            found.error == "needs more than 512 MB of memory to be opened", "\(found.error)")
        #expect(megabytes < 1000, "\(megabytes) MB")
    }

    @Test func textsThatUnpackToGigabytesAreBounded() throws {
        let text = try #require(try Self.zeros(compressed: 64 << 20))
        let chunks = (0..<16).map { _ in ("zTXt", Data("k\0\0".utf8) + text) }
        let path = try place.write("text.png", Self.png(side: 64, chunks: chunks))
        let (result, megabytes) = try scan(path, ["--pipeline", try lowered()])
        let found = try input(result)
        #expect(found.status != "examined")
        #expect(
            found.error.contains("needs more than 64 MB to be decoded (decode.max_memory_mb)"),
            "\(found.error)")
        #expect(megabytes < 400, "\(megabytes) MB")
    }

    // MARK: - Files

    private static func big(_ numbers: Int...) -> Data {
        numbers.reduce(into: Data()) { data, number in
            data += withUnsafeBytes(of: UInt32(number).bigEndian) { Data($0) }
        }
    }

    /// A PNG of grey without picture data worth mentioning; the decoder does not look at checksums.
    private static func png(side: Int, chunks: [(String, Data)]) -> Data {
        func chunk(_ type: String, _ data: Data) -> Data {
            big(data.count) + Data(type.utf8) + data + big(0)
        }
        let header = big(side, side) + Data([8, 0, 0, 0, 0])
        // Stored blocks of zeros: rows of 64 samples and a filter each.
        let rows = Data([0x78, 0x01, 0x01, 0x40, 0x10, 0xbf, 0xef]) + Data(count: 4160)
        return Data([0x89]) + Data("PNG\r\n\u{1a}\n".utf8) + chunk("IHDR", header)
            + chunks.reduce(Data()) { $0 + chunk($1.0, $1.1) } + chunk("IDAT", rows)
            + chunk("IEND", Data())
    }

    /// So many zeros, compressed by python's zlib.
    private static func zeros(compressed count: Int) throws -> Data? {
        let script = """
            import base64, zlib
            print(base64.b64encode(zlib.compress(bytes(\(count)), 9)).decode())
            """
        let result = try Program.run("python3", ["-c", script])
        return Data(base64Encoded: result.output.trimmingCharacters(in: .newlines))
    }

    /// An MP4 whose tracks have samples of one size, which takes a few bytes to say.
    private static func manyIndexes(tracks: Int, samples: Int) -> Data {
        func box(_ type: String, _ parts: Data...) -> Data {
            let content = parts.reduce(Data(), +)
            return big(8 + content.count) + Data(type.utf8) + content
        }
        let entry = box(
            "avc1", Data(count: 7), Data([1]), Data(count: 16), Data([2, 0x80, 1, 0x68]),
            big(0x48_0000, 0x48_0000, 0), Data([0, 1]), Data(count: 32), Data([0, 24, 255, 255]))
        let table = box(
            "stbl", box("stsd", big(0, 1), entry), box("stts", big(0, 1, samples, 1)),
            box("stsc", big(0, 1, 1, samples, 1)), box("stsz", big(0, 1, samples)),
            box("stco", big(0, 1, 100)))
        let media = box(
            "mdia", box("mdhd", big(0, 0, 0, 1000, samples, 0)),
            box("hdlr", big(0, 0), Data("vide".utf8), Data(count: 13)),
            box(
                "minf", box("vmhd", big(1, 0, 0)),
                box("dinf", box("dref", big(0, 1), box("url ", big(1)))), table))
        let matrix = big(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x4000_0000)
        var movie = box("mvhd", big(0, 0, 0, 1000, samples), Data(count: 80))
        for number in 1...tracks {
            let header = box(
                "tkhd", big(7, 0, 0, number, 0, samples), Data(count: 16), matrix,
                big(640 << 16, 360 << 16))
            movie += box("trak", header, media)
        }
        return box("ftyp", Data("isom".utf8), big(0), Data("isom".utf8)) + box("moov", movie)
            + box("mdat", Data(count: 1000))
    }
}

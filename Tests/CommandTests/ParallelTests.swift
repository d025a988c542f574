// However many cores help, an input gives the same fingerprints in the same order, the same account
// of what was examined, and the same alerts.

import Decode
import Fingerprint
import Foundation
import Run
import Synchronization
import Testing

@Suite struct ParallelTests {
    private let place: Workplace

    init() throws { place = try Workplace() }

    private func examine(
        _ path: String, jobs: Int, mode: SamplingPolicy.Mode, form: FrameForm
    ) throws -> ([FrameFingerprint], InputResult?) {
        var pipeline = Pipeline()
        pipeline.jobs = jobs
        pipeline.sampling.mode = mode
        var reader = MediaFingerprints(pipeline: pipeline, form: form, stopSwitch: StopSwitch())
        guard case .input(let input) = InputWalker([path]).next() else { return ([], nil) }
        let found = Mutex<[FrameFingerprint]>([])
        let result = reader.examine(input) { _, forms in found.withLock { $0 += forms } }
        return (found.withLock { $0 }, result)
    }

    /// - Parameter isExact: false where pictures are damaged: what the library conceals that with
    ///   differs from run to run, on one core too, and the hashes with it.
    private func expectSame(
        _ path: String, sampled: Int = 2, isExact: Bool = true, _ comment: Comment
    ) throws {
        for mode in [SamplingPolicy.Mode.keyframes, .all] {
            let one = try examine(path, jobs: 1, mode: mode, form: .luma)
            let many = try examine(path, jobs: 5, mode: mode, form: .luma)
            #expect(one.0.count >= sampled && one.1 == many.1, comment)
            // Which regions are found follows from the samples too.
            let wholes = [one, many].map { $0.0.filter { $0.region == .whole } }
            let isSame =
                isExact
                ? one.0 == many.0
                : wholes[0].map(\.mediaTime) == wholes[1].map(\.mediaTime)
                    && wholes[0].map(\.frame) == wholes[1].map(\.frame)
            #expect(isSame, comment)
        }
    }

    @Test func plainFiles() throws {
        try expectSame(try Clips.film(), "one keyframe a second")
        try expectSame(try Clips.other(), "few keyframes")
        let one = try examine(try Clips.film(), jobs: 1, mode: .keyframes, form: .rgb)
        let many = try examine(try Clips.film(), jobs: 3, mode: .keyframes, form: .rgb)
        #expect(one == many)
    }

    @Test func aGroupOfMorePicturesThanAreKeptIsLookedAtOneByOne() throws {
        let path = place.file("slow.mp4")
        try Program.ffmpeg(
            "-f lavfi -i testsrc2=s=958x540:r=5 -t 40 \(Clips.x264) -g 100 -crf 30 \(path)")
        let one = try examine(path, jobs: 1, mode: .all, form: .luma)
        let many = try examine(path, jobs: 3, mode: .all, form: .luma)
        #expect(one == many && one.1?.framesSampled == 200)
        let regions = Set(many.0.filter { $0.region != .whole }.map(\.frame))
        // Some neighbours stand in one cell of time.
        #expect(regions.count > 150, "regions were looked for in all of the group")
    }

    @Test(arguments: ["mp4", "mkv", "ts"])
    func whatKeyframesShowDecidesWhatIsRead(_ container: String) throws {
        // Black keyframes, stretches without any, and dense ones in one file: reading ahead has
        // to go back again and again.
        let path = place.file("mixed.\(container)")
        try Program.ffmpeg(
            "-stream_loop 5 -i \(try Clips.film()) "
                + "-vf drawbox=t=fill:c=black:enable='lt(mod(n,350),60)' \(Clips.x264) -g 100000 "
                + "-sc_threshold 0 -force_key_frames "
                + "expr:lt(mod(t,30),9)*gte(t,prev_forced_t+0.3)+gte(t,prev_forced_t+6) \(path)")
        try expectSame(path, sampled: 20, "\(container)")
    }

    @Test(arguments: [
        ("closed.mp4", "\(Clips.x264) -bf 3 -preset veryfast -g 20"),
        ("open.mkv", "\(Clips.x264) -preset veryfast -x264-params open-gop=1:bframes=3:keyint=20"),
        ("closed.ts", "\(Clips.x264) -bf 2 -g 30"),
        ("closed-hevc.mp4", "-c:v libx265 -preset ultrafast -x265-params \(hevc):open-gop=0"),
        ("open-hevc.mkv", "-c:v libx265 -preset ultrafast -x265-params \(hevc):open-gop=1"),
        ("vp9.webm", "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -g 20 -auto-alt-ref 1"),
        ("mpeg2.ts", "-c:v mpeg2video -bf 2 -g 15 -q:v 4"),
        ("endless.mp4", "\(Clips.x264) -g 9999 -sc_threshold 0"),
    ])
    func groupsOfPictures(_ name: String, _ encoder: String) throws {
        let path = place.file(name)
        try Program.ffmpeg("-i \(try Clips.film()) -vf scale=160:120 \(encoder) \(path)")
        for mode in [SamplingPolicy.Mode.all, .every(seconds: 0.31)] {
            let one = try examine(path, jobs: 1, mode: mode, form: .luma)
            let many = try examine(path, jobs: 4, mode: mode, form: .luma)
            #expect(one.0.count >= 38 && one == many, "\(mode)")
        }
    }

    private static let hevc = "log-level=none:bframes=3:keyint=20:min-keyint=20:scenecut=0"

    @Test func damagedFiles() throws {
        let path = place.file("long.mkv")
        try Program.ffmpeg("-stream_loop 3 -i \(try Clips.film()) -c copy \(path)")
        let whole = try Data(contentsOf: URL(filePath: path))
        for seed in 1...2 {
            var data = whole
            for place in stride(from: 20_000 * seed, to: data.count - 9, by: 60_000 + seed) {
                data.replaceSubrange(place..<place + 8, with: Data(repeating: 0x5a, count: 8))
            }
            try expectSame(
                try place.write("damaged.mkv", data), isExact: false, "seed \(seed)")
        }
        try expectSame(
            try place.write("cut.mkv", whole.prefix(whole.count * 2 / 3)), isExact: false,
            "cut short")
    }

    @Test func parametersThatChangeOnTheWay() throws {
        // Joined recordings of two sizes: what the second part needs is in its own packets only.
        let parts = ["320x240", "480x360"].map { size in (size, place.file("\(size).ts")) }
        for (size, path) in parts {
            try Program.ffmpeg(
                "-stream_loop 1 -i \(try Clips.film()) -vf scale=\(size) \(Clips.x264) -g 25 \(path)"
            )
        }
        let data = try parts.map { try Data(contentsOf: URL(filePath: $0.1)) }
        try expectSame(try place.write("joined.ts", data[0] + data[1] + data[0]), "joined")
    }

    /// The units of an H.264 byte stream, with their start codes.
    private func units(_ path: String) throws -> [Data] {
        let data = try Data(contentsOf: URL(filePath: path))
        var starts: [Int] = []
        var place = data.startIndex
        while let found = data.range(of: Data([0, 0, 1]), in: place..<data.endIndex) {
            starts.append(found.lowerBound)
            place = found.upperBound
        }
        return zip(starts, starts.dropFirst() + [data.endIndex]).map { Data(data[$0..<$1]) }
    }

    @Test func parametersThatOnlyTheFirstPictureBrings() throws {
        // What the container says of the stream decodes too, without an error, into other
        // pictures. Only who has seen the first packet knows better.
        let paths = ["20", "31"].map { (qp: $0, path: place.file("\($0).h264")) }
        for (qp, path) in paths {
            try Program.ffmpeg(
                "-i \(try Clips.film()) -c:v libx264 -preset ultrafast -g 25 -qp \(qp) \(path)")
        }
        let (own, other) = (try units(paths[0].path), try units(paths[1].path))
        let isPPS = { (unit: Data) in unit[3] & 0x1f == 8 }
        let right = try #require(own.first(where: isPPS))
        let wrong = try #require(other.first(where: isPPS))
        try #require(right != wrong && right.count == wrong.count)
        var seen: Set<UInt8> = []
        let once = own.filter { unit in
            let type = unit[3] & 0x1f
            return ![7, 8].contains(type) || seen.insert(type).inserted
        }
        let raw = try place.write("once.h264", Data(once.joined()))
        let path = place.file("once.mp4")
        try Program.ffmpeg("-r 25 -i \(raw) -c copy \(path)")
        var data = try Data(contentsOf: URL(filePath: path))
        let header = try #require(data.range(of: Data("avcC".utf8)))
        let set = try #require(
            data.range(of: right.dropFirst(3), in: header.upperBound..<header.upperBound + 80))
        data.replaceSubrange(set, with: wrong.dropFirst(3))
        let patched = try place.write("patched.mp4", data)
        try expectSame(patched, sampled: 12, "patched")
        // They are the right pictures.
        let known = try place.known("film", media: Clips.film())
        #expect(try place.scan([patched], known: known).status == 1)
    }

    @Test func keyframesThatNobodyWantsAreNotKept() throws {
        // Every frame a keyframe, far more of them than are looked at.
        let path = place.file("intra.mp4")
        try Program.ffmpeg(
            "-f lavfi -i testsrc2=s=64x64:r=400:d=20 \(Clips.x264) -g 1 \(path)")
        try expectSame(path, sampled: 39, "intra")
    }

    @Test func scansPrintTheSameLines() throws {
        let known = try place.known("film", media: Clips.film())
        let path = place.file("long.mp4")
        try Program.ffmpeg("-stream_loop 9 -i \(try Clips.film()) -c copy \(path)")
        func lines(_ jobs: String) throws -> [String] {
            let result = try place.scan([path], known: known, "--jobs", jobs)
            return try result.objects.map { object in
                var object = object
                for key in ["alert_id", "recorded", "wall_s", "stages"] { object[key] = nil }
                let data = try JSONSerialization.data(
                    withJSONObject: object, options: [.sortedKeys])
                return String(decoding: data, as: UTF8.self)
            }
        }
        let one = try lines("1")
        #expect(one.count == 3)
        #expect(try lines("2") == one)
        #expect(try lines("5") == one)
    }
}

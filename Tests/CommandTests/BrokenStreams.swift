// What broken streams send, and what their ledger must tell of it.

import Foundation
import Synchronization
import TestSupport
import Testing

/// A way to break, or to hide.
enum BrokenStream: String, CaseIterable, Sendable {
    /// One keyframe for all of it.
    case oneKeyframe
    /// No keyframe that can be decoded by itself, and joined in the middle.
    case intraRefresh
    /// Every keyframe is black.
    case blackKeyframes
    /// Every keyframe is damaged; what follows it decodes.
    case brokenKeyframes
    /// Stamps jump by an hour and back.
    case jumpingStamps
    /// Five seconds of noise within.
    case garbage
    /// Eight seconds of nothing, with the connection open.
    case stall
    /// The server goes, and comes again.
    case killed
    /// Another size, then another codec, in the same connection.
    case changes

    /// Whether the copy can be told from what is left of it.
    var isFound: Bool { self != .brokenKeyframes }

    /// Seconds that each cause must have, given what was sent.
    func expected(_ log: [ScriptedPublisher.Entry], _ whole: Double) -> [String: Double] {
        func seconds(_ steps: ClosedRange<Int>) -> Double {
            log.filter { steps.contains($0.step) }.reduce(0) { $0 + $1.end - $1.start }
        }
        switch self {
        case .oneKeyframe, .jumpingStamps: return ["examined": seconds(0...9)]
        // Up to two seconds to a point to begin at, and two until it is refreshed.
        case .intraRefresh: return ["examined": seconds(0...9) - 4]
        // It is looked at, but that does not count.
        case .brokenKeyframes: return ["examined": 0, "undecodable": seconds(0...9)]
        // They are believed for nearly `max_gap_s`.
        case .blackKeyframes: return ["examined": seconds(0...9) - 3]
        // The library notices the other codec only in another connection.
        case .changes:
            return ["examined": seconds(0...1) + seconds(3...3), "undecodable": seconds(2...2)]
        case .garbage, .stall: return ["examined": seconds(0...0) + seconds(2...2)]
        case .killed:
            let away = log.count > 2 ? log[2].start - log[0].end : .infinity
            return ["examined": seconds(0...0) + seconds(2...2), "not_connected": away]
        }
    }
}

/// All of them, watched at once.
final class BrokenStreams: Sendable {
    static let shared = BrokenStreams()
    /// How long each is watched.
    static let seconds = 30.0

    /// What the lines of coverage say together.
    struct Ledger {
        var examined = 0.0
        var missed: [String: Double] = [:]
        var seconds: Double { missed.values.reduce(examined, +) }

        init(_ lines: [[String: Any]]) {
            for line in lines {
                examined += (line["examined_s"] as? NSNumber)?.doubleValue ?? 0
                for (cause, seconds) in line["missed_s"] as? [String: NSNumber] ?? [:] {
                    missed[cause, default: 0] += seconds.doubleValue
                }
            }
        }
    }

    struct Result: Sendable {
        var finished: Finished
        var log: [ScriptedPublisher.Entry]
        var start: Double
        var ledger: Ledger { Ledger(finished.objects(ofType: "coverage")) }
    }

    private let results = Mutex<[BrokenStream: Swift.Result<Result, any Error>]?>(nil)

    func result(of stream: BrokenStream) throws -> Result {
        try results.withLock { results in
            let all = try results ?? Self.watchAll()
            results = all
            return try #require(all[stream]).get()
        }
    }

    private static func watchAll() throws -> [BrokenStream: Swift.Result<Result, any Error>] {
        let place = try Workplace()
        let known = try place.known("film", media: try Clips.generated("rich-film", seed: 1))
        let pipeline = try place.write("pipeline.yaml", Data("sampling:\n  max_gap_s: 3\n".utf8))
        let scripts = try BrokenStream.allCases.map { ($0, try BrokenClips.script(of: $0)) }
        let (program, environment) = (try Program.vigil(), place.environment)
        let all = Mutex<[BrokenStream: Swift.Result<Result, any Error>]>([:])
        let group = DispatchGroup()
        for (stream, script) in scripts {
            group.enter()
            Thread.detachNewThread {
                let result = Swift.Result<Result, any Error> {
                    let publisher = try ScriptedPublisher(script)
                    defer { publisher.stop() }
                    let start = ScriptedPublisher.now
                    let finished = try Program.run(
                        program,
                        ["watch", "tcp://127.0.0.1:\(publisher.port)", "--known", known]
                            + ["--format", "jsonl", "--for", "\(seconds)"]
                            + ["--pipeline", pipeline], environment: environment)
                    return Result(finished: finished, log: publisher.entries, start: start)
                }
                all.withLock { $0[stream] = result }
                group.leave()
            }
        }
        group.wait()
        withExtendedLifetime(place) {}
        return all.withLock { $0 }
    }
}

/// The clips that they send: something else, and in the midst a mirrored copy of the known film.
private enum BrokenClips {
    private static let seldom = "\(Clips.x264) -g 1000 -keyint_min 1000 -sc_threshold 0 -crf 23"
    private static let often = "\(Clips.x264) -g 10 -keyint_min 10 -sc_threshold 0 -bf 2 -crf 23"
    private static let transport = "-f mpegts -pat_period 0.2"

    /// So many seconds of something else, a copy, and something else again.
    private static func clip(
        _ name: String, before: Double = 6, copy: Double = 8, after: Double = 6,
        filter: String = "null", size: String = "320x180", _ encoder: String
    ) throws -> Data {
        let film = try Clips.generated("rich-film", seed: 1)
        let parts =
            "[0]trim=duration=\(before),setpts=PTS-STARTPTS,format=yuv420p,setsar=1[a];"
            + "[1:v]hflip,trim=duration=\(copy),scale=\(size.replacing("x", with: ":")),format=yuv420p,"
            + "setsar=1[b];[2]trim=duration=\(after),setpts=PTS-STARTPTS,format=yuv420p,setsar=1[c];"
            + "[a][b][c]concat=n=3,\(filter)"
        let path = try Clips.make(
            "broken-\(name).ts",
            "-f lavfi -i testsrc2=s=\(size):r=10:d=\(before + 1) -i \(film) "
                + "-f lavfi -i testsrc2=s=\(size):r=10:d=\(after + 1) -filter_complex "
                + "\(parts) \(encoder) \(transport)")
        return try Data(contentsOf: URL(filePath: path))
    }

    /// Some seconds without the copy.
    private static func other(
        _ name: String, size: String = "320x180", seconds: Int = 8, _ encoder: String = often
    ) throws -> Data {
        let path = try Clips.make(
            "broken-\(name).ts",
            "-f lavfi -i testsrc2=s=\(size):r=10:d=\(seconds) -pix_fmt yuv420p \(encoder) \(transport)"
        )
        return try Data(contentsOf: URL(filePath: path))
    }

    static func script(of stream: BrokenStream) throws -> [ScriptedPublisher.Step] {
        let plain = try other("plain")
        let copied = try clip("copied", before: 4, after: 0.5, often)
        switch stream {
        case .oneKeyframe: return [.send(try clip("one", seldom), seconds: 20)]
        case .intraRefresh:
            let refreshing = try clip(
                "refresh", before: 9, "\(seldom) -x264-params intra-refresh=1:keyint=20")
            return [.send(tail(of: refreshing, from: 0.2), seconds: 18)]
        case .blackKeyframes:
            let black = "drawbox=t=fill:c=black:enable='not(mod(n\\,10))'"
            return [.send(try clip("black", filter: black, often), seconds: 20)]
        case .brokenKeyframes:
            let noise = "-bsf:v noise=amount=if(key\\,2000\\,-1)"
            return [.send(try clip("damaged", "\(often) \(noise)"), seconds: 20)]
        case .jumpingStamps:
            let later = try other("later", "\(often) -output_ts_offset 3600")
            return [
                .send(plain, seconds: 8), .send(later, seconds: 8), .send(copied, seconds: 12.5),
            ]
        case .garbage:
            return [
                .send(plain, seconds: 8), .send(noise(200_000), seconds: 5),
                .send(copied, seconds: 12.5),
            ]
        case .stall:
            return [
                .send(plain, seconds: 8), .stall(seconds: 8), .send(copied, seconds: 12.5),
            ]
        case .killed:
            return [
                .send(plain, seconds: 8), .close(seconds: 5), .send(copied, seconds: 12.5),
            ]
        case .changes:
            let (small, large) = (
                try other("small", seconds: 4), try other("large", size: "640x360", seconds: 4)
            )
            let encoder = "-c:v mpeg2video -r 25 -g 25 -b:v 2M"
            let mpeg2 = try other("mpeg2", seconds: 12, encoder)
            let copied = try clip("mpeg2-copied", before: 2, after: 0.5, encoder)
            return [
                .send(small, seconds: 4), .send(large, seconds: 4), .send(mpeg2, seconds: 12),
                // What is given up is not sent to its end.
                .send(copied, seconds: 10.5),
            ]
        }
    }

    /// What is left behind a share of a transport stream.
    private static func tail(of data: Data, from share: Double) -> Data {
        let packets = data.count / 188
        return data.dropFirst(Int(Double(packets) * share) * 188)
    }

    private static func noise(_ count: Int) -> Data {
        var random = SeededGenerator(seed: 5)
        return Data((0..<count).map { _ in UInt8.random(in: 0...255, using: &random) })
    }
}

// Runs the built executable as its users do, and makes the clips that the tests need with ffmpeg.
// Every run has its own key, configuration and state folders; nothing outside the test's temporary
// folder is touched.

import Foundation
import Synchronization
import Testing

/// What a finished program left.
struct Finished {
    var status: Int32
    var output: String
    var error: String

    /// The JSON objects of the output's lines.
    var objects: [[String: Any]] {
        output.split(separator: "\n").compactMap {
            try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
        }
    }

    func objects(ofType type: String) -> [[String: Any]] {
        objects.filter { $0["type"] as? String == type }
    }
}

/// A temporary folder with its own Vigil configuration; removed at the end.
///
/// Nothing that a run wrote may hold a hash of the known sets that it was given: see ``HashWatch``.
final class Workplace {
    let path: String
    var environment: [String: String]
    private let hashes = HashWatch()

    init() throws {
        path =
            FileManager.default.temporaryDirectory
            .appending(path: "vigil-test-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        environment = ProcessInfo.processInfo.environment
        environment["XDG_CONFIG_HOME"] = path + "/config"
        environment["XDG_STATE_HOME"] = path + "/state"
        environment["VIGIL_KEY_FILE"] = nil
    }

    deinit {
        for file in hashes.findings(in: path) {
            Issue.record("a hash of a known set is in \(file)")
        }
        try? FileManager.default.removeItem(atPath: path)
    }

    func file(_ name: String) -> String { "\(path)/\(name)" }

    func write(_ name: String, _ data: Data) throws -> String {
        try data.write(to: URL(filePath: file(name)))
        hashes.note(input: file(name))
        return file(name)
    }

    @discardableResult
    func vigil(_ arguments: String..., input: String? = nil) throws -> Finished {
        try vigil(arguments, input: input)
    }

    func vigil(_ arguments: [String], input: String? = nil) throws -> Finished {
        try hashes.note(arguments)
        let finished = try Program.run(
            try Program.vigil(), arguments, environment: environment, input: input)
        look(at: finished, of: arguments)
        return finished
    }

    /// Looks for hashes in what a run printed.
    func look(at finished: Finished, of arguments: [String]) {
        hashes.look(at: finished, of: arguments)
    }

    /// Builds a known set of media with one hash for each distinct frame.
    func known(_ name: String, media: String...) throws -> String {
        let out = file(name + ".vigil")
        let build = try vigil(["known", "build", out, "--name", name, "--media"] + media)
        try #require(build.status == 0, "\(build.error)")
        return out
    }

    /// Scans with JSON lines.
    func scan(_ inputs: [String], known: String, _ options: String...) throws -> Finished {
        try vigil(
            ["scan"] + inputs + ["--known", known, "--format", "jsonl", "--no-progress"] + options)
    }

    /// Seconds at which a file is sampled.
    func sampleTimes(_ input: String, _ options: String...) throws -> [Double] {
        let result = try vigil(["fingerprint", input, "--format", "jsonl"] + options)
        try #require(result.status == 0, "\(result.error)")
        return result.objects.compactMap { $0["media_s"] as? Double }
    }
}

enum Program {
    /// Nothing in these tests may take longer, seconds.
    private static let limit = "120"

    /// The executable stands beside the test bundle.
    static func vigil() throws -> String {
        let folder = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
            .deletingLastPathComponent()
        let path = folder.appending(path: "vigil").path
        try #require(FileManager.default.isExecutableFile(atPath: path), "no executable at \(path)")
        return path
    }

    /// Runs a program to its end.
    ///
    /// A status of 124 is a run that hung.
    static func run(
        _ program: String, _ arguments: [String], environment: [String: String]? = nil,
        input: String? = nil
    ) throws -> Finished {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["timeout", "-k", "5", limit, program] + arguments
        if let environment { process.environment = environment }
        let folder = FileManager.default.temporaryDirectory
        let name = UUID().uuidString
        let files = ["out", "err", "in"].map { folder.appending(path: "vigil-\(name).\($0)") }
        defer { for file in files { try? FileManager.default.removeItem(at: file) } }
        try Data().write(to: files[0])
        try Data().write(to: files[1])
        try Data((input ?? "").utf8).write(to: files[2])
        process.standardOutput = try FileHandle(forWritingTo: files[0])
        process.standardError = try FileHandle(forWritingTo: files[1])
        process.standardInput = try FileHandle(forReadingFrom: files[2])
        try process.run()
        process.waitUntilExit()
        let status =
            process.terminationReason == .uncaughtSignal
            ? 128 + process.terminationStatus : process.terminationStatus
        return Finished(
            status: status,
            output: String(decoding: try Data(contentsOf: files[0]), as: UTF8.self),
            error: String(decoding: try Data(contentsOf: files[1]), as: UTF8.self))
    }

    static func ffmpeg(_ arguments: String) throws {
        try ffmpeg(arguments.split(separator: " ").map(String.init))
    }

    static func ffmpeg(_ arguments: [String]) throws {
        let result = try run("ffmpeg", ["-nostdin", "-v", "error", "-y"] + arguments)
        try #require(
            result.status == 0, "ffmpeg \(arguments.joined(separator: " ")): \(result.error)")
    }
}

/// Clips that several tests share, made once for each run of the tests.
enum Clips {
    private static let folder = Mutex<String?>(nil)

    /// A folder for generated clips that goes when the tests end.
    static func folderOfClips() throws -> String {
        try folder.withLock { folder in
            if let folder { return folder }
            let path = FileManager.default.temporaryDirectory
                .appending(path: "vigil-test-clips-\(getpid())").path
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            atexit {
                try? FileManager.default.removeItem(
                    atPath: FileManager.default.temporaryDirectory
                        .appending(path: "vigil-test-clips-\(getpid())").path)
            }
            folder = path
            return path
        }
    }

    private static let made = Mutex<Set<String>>([])

    /// Makes a clip once; `arguments` are ffmpeg's, without the name of the output.
    /// - Parameter prepare: makes what ffmpeg reads.
    static func make(
        _ name: String, _ arguments: String, prepare: () throws -> Void = {}
    ) throws -> String {
        let path = try folderOfClips() + "/" + name
        try made.withLock { made in
            guard !made.contains(name) else { return }
            try prepare()
            try Program.ffmpeg(arguments.split(separator: " ").map(String.init) + [path])
            made.insert(name)
        }
        return path
    }

    static let x264 = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p"

    /// Twelve seconds of a picture that changes all the time, a keyframe every second.
    static func film() throws -> String {
        try make(
            "film.mp4",
            "-f lavfi -i mandelbrot=s=320x240:r=25:start_scale=2:end_scale=0.02:end_pts=300 -t 12 "
                + "\(x264) -g 25 -crf 20 -movflags +faststart")
    }

    /// Something else: ten seconds with other pictures.
    static func other() throws -> String {
        try make(
            "other.mp4",
            "-f lavfi -i testsrc2=s=320x240:r=25 -t 10 \(x264) -g 50 -crf 23")
    }
}

/// The folder of real clips and reference hashes that may stand beside the checkout.
enum SharedData {
    static let path = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "shared/data").path

    static var isPresent: Bool {
        let isThere = FileManager.default.fileExists(atPath: path + "/clips")
        if !isThere {
            print("skipped: needs the real clips in ../shared/data, which are not there")
        }
        return isThere
    }

    static func clip(_ name: String) -> String { "\(path)/clips/\(name).mp4" }
}

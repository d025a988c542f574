// Reads a pipeline file: YAML with strict keys. An unknown key is an error that names the nearest
// right one, a value out of its range is an error that names the range; nothing is silently
// ignored.

internal import Decode
internal import Fingerprint
internal import Foundation
internal import Known
internal import Match

extension Pipeline {
    /// Largest pipeline file that is read, bytes.
    private static let maximumFileBytes = 1 << 20

    /// Reads a pipeline file; what it does not mention keeps its default.
    /// - Throws: `RunError` of code `configuration`, naming file, line and key.
    public init(file path: String) throws(RunError) {
        try self.init(yaml: Self.text(ofFile: path), name: path)
    }

    /// The text of a pipeline file, which is bounded.
    package static func text(ofFile path: String) throws(RunError) -> String {
        let bytes: [UInt8]
        do throws(SmallFile.Problem) {
            bytes = try SmallFile.read(path, most: maximumFileBytes, as: .plainOrPiped)
        } catch {
            throw RunError(
                .configuration, "\(path): the pipeline file cannot be read: \(reason(error))")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw RunError(.configuration, "\(path): is no pipeline file: not UTF-8 text")
        }
        return text
    }

    private static func reason(_ problem: SmallFile.Problem) -> String {
        switch problem {
        case .missing: "no such file"
        case .notRegular, .exposed: "it is a directory or device, no file"
        case .tooLarge: "it is larger than \(maximumFileBytes >> 20) MiB"
        case .nothingWritten: "nothing came through the pipe"
        case .system(let number): String(cString: strerror(number)).lowercased()
        }
    }

    /// Reads the text of a pipeline file.
    public init(yaml: String, name: String) throws(RunError) {
        self.init()
        var reader = try StrictMapping(yaml: yaml, name: name)
        try read(&reader)
        // What `vigil serve` reads besides.
        for section in Self.sectionsOfService { reader.leave(section) }
        try reader.finish()
    }

    /// Sections of the file that say how the service runs, not what is looked at.
    package static let sectionsOfService = [
        "serve", "egress", "servers", "stop", "retention", "delivery",
    ]

    /// Reads the sections that say what is looked at and how; the rest is left.
    package mutating func read(_ root: inout StrictMapping) throws(RunError) {
        try readSampling(&root)
        try readRest(&root)
        try readLive(&root)
    }

    private mutating func readSampling(_ root: inout StrictMapping) throws(RunError) {
        guard var section = try root.section("sampling") else { return }
        if let text = try section.text("mode") {
            guard let mode = SamplingPolicy.Mode(text: text) else {
                throw section.error("mode", "must be keyframes, all, or seconds between frames")
            }
            sampling.mode = mode
        }
        try section.number("min_interval_s", in: 0...3600) { sampling.minimumInterval = $0 }
        try section.number("max_gap_s", in: 0.1...3600) { sampling.maximumGap = $0 }
        guard sampling.minimumInterval <= sampling.maximumGap else {
            throw section.error("min_interval_s", "must not be larger than max_gap_s")
        }
        try section.finish()
    }

    private mutating func readRest(_ root: inout StrictMapping) throws(RunError) {
        if var section = try root.section("decode") {
            try section.integerOrAuto("threads", in: 1...64) { decoderThreads = $0 }
            try section.pictureSize("max_video_px") { videoLimits.mostPixels = $0 }
            try section.pictureSize("max_still_px") { stillLimits.mostPixels = $0 }
            try section.megabytes("max_memory_mb") {
                videoLimits.mostBytes = $0
                stillLimits.mostBytes = $0
            }
            try section.finish()
        }
        if var section = try root.section("fingerprint") {
            if let text = try section.text("effort") {
                guard let value = Effort(rawValue: text) else {
                    let names = Effort.allCases.map(\.rawValue).joined(separator: " or ")
                    throw section.error("effort", "must be \(names)")
                }
                effort = value
            }
            try section.finish()
        }
        if var section = try root.section("match") {
            try section.integer("radius_bits", in: 0...64) { match.radius = $0 }
            try section.integer("min_quality", in: 0...100) { match.minimumQuality = $0 }
            try section.finish()
        }
        if var section = try root.section("evidence") {
            try section.integer("image_frames", in: 1...1000) { evidence.imageFrames = $0 }
            try section.integer("video_frames", in: 1...1000) { evidence.videoFrames = $0 }
            try section.number("known_share", in: 0...1) { evidence.knownShare = $0 }
            try section.number("input_share", in: 0...1) { evidence.inputShare = $0 }
            try section.number("false_alarm_rate", in: 1e-30...0.5) {
                evidence.falseAlarmRate = $0
            }
            try section.number("hold_s", in: 0...86_400) { evidence.holdSeconds = $0 }
            try section.finish()
        }
        if var section = try root.section("run") {
            try section.integerOrAuto("jobs", in: 1...256) { jobs = $0 }
            try section.integer("queue_frames", in: 1...65_536) { queueFrames = $0 }
            try section.finish()
        }
    }

    private mutating func readLive(_ root: inout StrictMapping) throws(RunError) {
        guard var section = try root.section("live") else { return }
        var lines = RenditionChoice.defaultLines
        try section.integer("rendition_min_lines", in: 1...8640) { lines = $0 }
        let word = try section.text("rendition") ?? "smallest"
        guard let choice = RenditionChoice(text: word, atLeastLines: lines) else {
            let words = RenditionChoice.words.joined(separator: " or ")
            throw section.error("rendition", "must be \(words)")
        }
        rendition = choice
        try section.pictureSize("max_video_px") { liveLimits.mostPixels = $0 }
        try section.megabytes("max_memory_mb") { liveLimits.mostBytes = $0 }
        try section.finish()
    }
}

extension StrictMapping {
    fileprivate mutating func pictureSize(
        _ key: String, _ set: (PictureSize) -> Void
    ) throws(RunError) {
        guard let text = try text(key) else { return }
        guard let size = PictureSize(text: text) else {
            throw error(key, "must be a size from 64x64 to 16384x16384, such as 4096x2304")
        }
        set(size)
    }

    /// Reads megabytes as bytes.
    fileprivate mutating func megabytes(
        _ key: String, _ set: (Int) -> Void
    ) throws(RunError) {
        try integer(key, in: 16...65_536) { set($0 << 20) }
    }
}

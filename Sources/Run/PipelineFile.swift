// Reads a pipeline file: YAML with strict keys. An unknown key is an error that names the nearest
// right one, a value out of its range is an error that names the range; nothing is silently
// ignored.

internal import Decode
internal import Fingerprint
internal import Foundation
internal import Match
internal import Yams

extension Pipeline {
    /// Largest pipeline file that is read, bytes.
    private static let maximumFileBytes = 1 << 20

    /// Reads a pipeline file; what it does not mention keeps its default.
    /// - Throws: `RunError` of code `configuration`, naming file, line and key.
    public init(file path: String) throws(RunError) {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw RunError(.configuration, "\(path): the pipeline file cannot be read")
        }
        guard data.count <= Self.maximumFileBytes, let text = String(data: data, encoding: .utf8)
        else {
            throw RunError(
                .configuration, "\(path): is no pipeline file (not UTF-8 text, or too large)")
        }
        try self.init(yaml: text, name: path)
    }

    /// Reads the text of a pipeline file.
    public init(yaml: String, name: String) throws(RunError) {
        self.init()
        let root: Node?
        do {
            root = try Yams.compose(yaml: yaml)
        } catch {
            throw RunError(.configuration, "\(name): is not valid YAML: \(Self.brief(error))")
        }
        guard let root, root != Node("") else { return }
        var reader = try StrictMapping(root, path: "", file: name)
        try readSampling(&reader)
        try readRest(&reader)
        try reader.finish()
    }

    private static func brief(_ error: any Error) -> String {
        "\(error)".split(separator: "\n").first.map(String.init) ?? "unreadable"
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
}

/// A YAML mapping that is read key by key and complains about what nobody asked for.
private struct StrictMapping {
    private let path: String
    private let file: String
    private let line: Int
    private var values: [String: Node] = [:]
    private var asked: [String] = []

    init(_ node: Node, path: String, file: String) throws(RunError) {
        self.path = path
        self.file = file
        line = node.mark?.line ?? 1
        guard let mapping = node.mapping else {
            let what = path.isEmpty ? "the file" : path
            throw RunError(
                .configuration, "\(file):\(line): \(what) must be a mapping of keys to values")
        }
        for (key, value) in mapping {
            guard let name = key.string else {
                throw RunError(.configuration, "\(file):\(line): a key must be a word")
            }
            guard values.updateValue(value, forKey: name) == nil else {
                throw RunError(.configuration, "\(file):\(line): \(path)\(name) is given twice")
            }
        }
    }

    mutating func section(_ key: String) throws(RunError) -> StrictMapping? {
        asked.append(key)
        guard let node = values[key], !isNull(node) else { return nil }
        return try StrictMapping(node, path: "\(path)\(key).", file: file)
    }

    mutating func text(_ key: String) throws(RunError) -> String? {
        asked.append(key)
        guard let node = values[key] else { return nil }
        guard let scalar = node.scalar else { throw error(key, "must be a single value") }
        return scalar.string
    }

    mutating func number(
        _ key: String, in range: ClosedRange<Double>, _ set: (Double) -> Void
    ) throws(RunError) {
        guard let text = try text(key) else { return }
        guard let value = Double(text), range.contains(value) else {
            throw error(key, "must be a number from \(range.lowerBound) to \(range.upperBound)")
        }
        set(value)
    }

    mutating func integer(
        _ key: String, in range: ClosedRange<Int>, _ set: (Int) -> Void
    ) throws(RunError) {
        guard let text = try text(key) else { return }
        guard let value = Int(text), range.contains(value) else {
            throw error(
                key, "must be a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        set(value)
    }

    mutating func integerOrAuto(
        _ key: String, in range: ClosedRange<Int>, _ set: (Int?) -> Void
    ) throws(RunError) {
        if values[key]?.scalar?.string == "auto" {
            asked.append(key)
            return set(nil)
        }
        try integer(key, in: range, set)
    }

    /// Complains about the first key that was not asked for.
    func finish() throws(RunError) {
        let unknown = values.filter { !asked.contains($0.key) }
        guard
            let (key, node) = unknown.min(by: {
                ($0.value.mark?.line ?? 0, $0.key) < ($1.value.mark?.line ?? 0, $1.key)
            })
        else { return }
        let nearest = asked.min { distance($0, key) < distance($1, key) } ?? ""
        let place = "\(file):\(node.mark?.line ?? line)"
        throw RunError(
            .configuration,
            "\(place): unknown key \(path)\(key); did you mean \(path)\(nearest)?")
    }

    func error(_ key: String, _ complaint: String) -> RunError {
        let place = "\(file):\(values[key]?.mark?.line ?? line)"
        return RunError(.configuration, "\(place): \(path)\(key) \(complaint)")
    }

    private func isNull(_ node: Node) -> Bool {
        node.scalar.map { $0.string.isEmpty || $0.string == "null" || $0.string == "~" } ?? false
    }

    /// Levenshtein's edit distance of two short words.
    private func distance(_ left: String, _ right: String) -> Int {
        let (a, b) = (Array(left.utf8.prefix(64)), Array(right.utf8.prefix(64)))
        var row = Array(0...b.count)
        for (i, x) in a.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, y) in b.enumerated() {
                let substituted = diagonal + (x == y ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(substituted, row[j] + 1, diagonal + 1)
            }
        }
        return row[b.count]
    }
}

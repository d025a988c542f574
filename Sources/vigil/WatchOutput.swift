// What `vigil watch` prints: alerts and minutes of coverage to standard output, and on a terminal a
// status line.

import Foundation
import Match
import Report
import Run

/// Prints the course of one watch; safe to use from any thread.
struct WatchOutput: Sendable {
    let format: OutputFormat
    let storePath: String
    let showsStatus: Bool

    func tell(_ event: LiveRunEvent) {
        let (kind, alert, problem): (String, Alert, String?)
        switch event {
        case .opened(let opened, let why): (kind, alert, problem) = ("alert", opened, why)
        case .closed(let closed, let why): (kind, alert, problem) = ("alert_ended", closed, why)
        case .refused(_, let name, let why):
            if showsStatus { ProgressLine.clear() }
            return Console.error("vigil: \(name): \(why)")
        case .stuck(_, let name):
            if showsStatus { ProgressLine.clear() }
            return Console.error("vigil: \(name): its reader does not end, and is left")
        case .shown: return
        }
        if showsStatus { ProgressLine.clear() }
        switch format {
        case .jsonl:
            let line = AlertLine(alert: alert.rounded, isRecorded: problem == nil)
            Console.line(JSONLine.text(type: kind, line))
        case .text:
            let text = ScanText.alert(alert, recordedAt: problem == nil ? storePath : nil)
            Console.line(kind == "alert" ? text : "ended  " + text)
        }
        Console.flush()
        if let problem { Console.error("vigil: \(problem)") }
    }

    func tell(_ minutes: [CoverageMinute]) {
        guard !minutes.isEmpty else { return }
        if showsStatus { ProgressLine.clear() }
        for minute in minutes {
            switch format {
            case .jsonl: Console.line(JSONLine.text(type: "coverage", CoverageLine(minute)))
            case .text: Console.line(Self.text(minute))
            }
        }
        Console.flush()
    }

    func draw(_ status: WatchStatus) {
        guard showsStatus else { return }
        Console.raw("\r\u{1b}[K" + Console.printable(Self.text(status)))
    }

    func finish(_ minutes: [CoverageMinute], _ status: WatchStatus, of name: String) {
        tell(minutes)
        if showsStatus { ProgressLine.clear() }
        switch format {
        case .jsonl: Console.line(JSONLine.text(type: "watch", WatchLine(status, input: name)))
        case .text:
            Console.line(Console.printable("\(name): \(Self.sum(status)), \(Self.text(status))"))
        }
    }

    private static func text(_ minute: CoverageMinute) -> String {
        let start = Date(timeIntervalSince1970: Double(minute.startUnixSeconds))
        return "\(start.formatted(.iso8601))  \(shares(minute))"
    }

    /// What was examined, and what was not and why.
    private static func shares(_ minute: CoverageMinute) -> String {
        let missed = MissedCause.allCases.compactMap { cause -> String? in
            guard let seconds = minute.missedSeconds[cause], seconds >= 0.05 else { return nil }
            return "\(timeText(seconds)) \(words(cause))"
        }
        let examined =
            "examined \(timeText(minute.examinedSeconds)) (\(count(minute.samples, "picture")))"
        return missed.isEmpty
            ? examined : examined + "; not examined: " + missed.joined(separator: ", ")
    }

    private static func words(_ cause: MissedCause) -> String {
        switch cause {
        case .notConnected: "not connected"
        case .noKeyframe: "without a keyframe"
        case .overload: "for lack of time"
        case .undecodable: "that could not be decoded"
        case .tooLarge: "of pictures that are too large"
        case .lowQuality: "too flat to compare"
        case .notRunning: "while Vigil did not run"
        }
    }

    private static func sum(_ status: WatchStatus) -> String {
        count(status.alerts, "alert") + ", " + shares(status.coverage)
    }

    private static func text(_ status: WatchStatus) -> String {
        var parts: [String] = []
        switch status.connection {
        case .connecting: parts.append("connecting")
        case .connected: parts.append("connected")
        case .waiting(let why), .heldBack(let why, _): parts.append("waiting: \(why)")
        case .ended: parts.append(count(status.connections, "connection"))
        }
        if let lag = status.lag {
            parts.append("\(Int(bounded: (lag * 1000).rounded())) ms behind")
        }
        parts.append(count(status.samples, "picture"))
        if status.dropped > 0 { parts.append("\(status.dropped) dropped") }
        if status.failed > 0 { parts.append("\(status.failed) not decoded") }
        if let problem = status.problem { parts.append(problem) }
        parts.append(status.bestDistance.map { "nearest \($0)" } ?? "nothing near")
        return parts.joined(separator: ", ")
    }
}

/// A minute of coverage as an object.
private struct CoverageLine: Encodable {
    var minuteUnixS: Int64
    var examinedS: Double
    var missedS: [String: Double]
    var samples: Int
    var gaps: Int

    init(_ minute: CoverageMinute) {
        minuteUnixS = minute.startUnixSeconds
        examinedS = milliseconds(minute.examinedSeconds)
        missedS = Dictionary(
            uniqueKeysWithValues: minute.missedSeconds.map { ($0.rawValue, milliseconds($1)) })
        samples = minute.samples
        gaps = minute.gaps
    }

    private enum CodingKeys: String, CodingKey {
        case minuteUnixS = "minute_unix_s"
        case examinedS = "examined_s"
        case missedS = "missed_s"
        case samples, gaps
    }
}

/// The whole of a watch as an object.
private struct WatchLine: Encodable {
    var input: String
    var coverage: CoverageLine
    var status: WatchStatus

    init(_ status: WatchStatus, input: String) {
        self.input = input
        self.status = status
        coverage = CoverageLine(status.coverage)
    }

    private enum CodingKeys: String, CodingKey {
        case input, alerts, connections, keyframes, samples, dropped, failed, problem
        case examinedS = "examined_s"
        case missedS = "missed_s"
        case bestDistance = "best_distance"
    }

    func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(input, forKey: .input)
        try values.encode(status.alerts, forKey: .alerts)
        try values.encode(status.connections, forKey: .connections)
        try values.encode(status.keyframes, forKey: .keyframes)
        try values.encode(status.samples, forKey: .samples)
        try values.encode(status.dropped, forKey: .dropped)
        try values.encode(status.failed, forKey: .failed)
        try values.encodeIfPresent(status.problem, forKey: .problem)
        try values.encode(coverage.examinedS, forKey: .examinedS)
        try values.encode(coverage.missedS, forKey: .missedS)
        try values.encode(status.bestDistance, forKey: .bestDistance)
    }
}

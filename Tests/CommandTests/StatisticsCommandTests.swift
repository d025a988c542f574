// `vigil report statistics`, `sweep`, `hold` and `release` on a database whose answers are known.

import Foundation
import Match
import Report
import Testing

/// Noon of 15 January 2026, UTC, Unix milliseconds.
private let noon: Int64 = 1_768_478_400_000

/// A state folder with alerts in January 2026.
private final class PlantedState {
    let place: Workplace
    let store: SQLiteStore
    var path: String { place.file("planted") }

    init() throws {
        place = try Workplace()
        store = try SQLiteStore(directory: place.file("planted"))
    }

    func id(_ number: Int) -> AlertID {
        var random = SeededCounter(value: UInt64(number))
        return AlertID(unixMilliseconds: UInt64(noon), using: &random)
    }

    /// Opens an alert whose first frame arrived some time before.
    @discardableResult
    func open(
        _ number: Int, set: String, category: String = "A1", after delay: Int64
    ) throws -> QueuedReport {
        let alert = Alert(
            id: id(number), input: "rtmp://media.example/live/\(number)",
            known: KnownReference(set: set, item: "item-\(number)", category: category),
            firstSeen: 1, lastSeen: 2, framesMatched: 2, knownShare: 0.5, bestDistance: 3,
            variant: "original", rule: "video_frames",
            stream: AlertStream(
                id: id(900).description, frameArrivedUnixMilliseconds: noon - delay / 2,
                examinedSeconds: 10, missedSeconds: 0,
                firstFrameArrivedUnixMilliseconds: noon - delay))
        return try store.open([alert], at: noon)[0]
    }

    /// Four alerts, what was done about them, and a minute of coverage.
    func plant() throws {
        for (number, delay) in [(1, 1000), (2, 2000), (3, 3000)] as [(Int, Int64)] {
            try open(number, set: "hotline", after: delay)
        }
        try open(4, set: "=own, \"b\"", category: "", after: 40_000)
        for number in [1, 2] {
            try store.add(AlertStep(.detected, at: noon), to: id(number))
            try store.add(AlertStep(.stopRequested, at: noon + 500), to: id(number))
        }
        try store.add(AlertStep(.confirmedGone, at: noon + 4500), to: id(1))
        try store.add(AlertStep(.stopGivenUp, at: noon + 90_000), to: id(2))
        let said: [(Int, Verdict)] = [(1, .confirmed), (3, .rejected), (4, .takenOver)]
        for (number, verdict) in said {
            let feedback = Feedback(verdict, reason: "r", by: "b", at: noon + 7_200_000)
            _ = try store.add(feedback, to: id(number))
        }
        let stream = StreamID(id(900))
        _ = try store.add(
            WatchedStream(
                id: stream, address: "rtmp://a/b/c", name: "c", startedUnixMilliseconds: noon))
        var minute = CoverageMinute(startUnixSeconds: noon / 1000)
        minute.examinedSeconds = 45
        minute.missedSeconds = [.overload: 15]
        try store.record([
            CoverageEntry(stream: stream, sessionUnixMilliseconds: noon, minute: minute)
        ])
    }

    func statistics(_ more: String...) throws -> Finished {
        try place.vigil(
            ["report", "statistics", "--from", "2026-01-01", "--to", "2026-02-01"]
                + ["--state", path] + more)
    }
}

/// Ids that are the same in each run.
private struct SeededCounter: RandomNumberGenerator {
    var value: UInt64
    mutating func next() -> UInt64 {
        defer { value += 1000 }
        return value
    }
}

@Suite struct StatisticsCommandTests {
    @Test func text() throws {
        let state = try PlantedState()
        try state.plant()
        let result = try state.statistics()
        try #require(result.status == 0, "\(result.error)")
        let text = result.output
        #expect(
            text.hasPrefix(
                "Alerts from 2026-01-01T00:00:00Z to before 2026-02-01T00:00:00Z, as known at "))
        let lines = text.split(separator: "\n").map(String.init)
        for line in [
            "Alerts                                          4",
            "  set hotline                                   3",
            "  category (none)                               1",
            "  stream confirmed gone                         1",
            "Alerts without feedback                         1",
            "first frame to alert                 4      2.00 s        40.0 s      40.0 s",
            "alert to report accepted             0           -             -           -",
            "first frame to stop requested        2      1.50 s        2.50 s      2.50 s",
            "stop requested to gone               1      4.00 s        4.00 s      4.00 s",
            "alert to feedback                    3   2 h 0 min     2 h 0 min   2 h 0 min",
            "set hotline               2          1   50.00 %   9.45 % to 90.55 %",
            "Not confirmed removed within 72 h: 1",
            "  examined                 0.01 h   75.00 %",
            "  not examined: overload   0.00 h   25.00 %",
        ] { #expect(lines.contains(line), "\(line)\n\(text)") }
        #expect(
            lines.contains { $0.hasPrefix("  \(state.id(2))   2026-01-15T11:59:58Z   open for") })
        #expect(lines.allSatisfy { $0.count <= 100 }, "\(text)")
    }

    @Test func csv() throws {
        let state = try PlantedState()
        try state.plant()
        let result = try state.statistics("--format", "csv")
        try #require(result.status == 0, "\(result.error)")
        let lines = result.output.split(separator: "\n").map(String.init)
        #expect(
            lines.first == "metric,by,group,n,median_s,p90_s,max_s,share,low,high,seconds,"
                + "since_unix_ms,removed_unix_ms,left_out")
        for line in [
            "alerts,,,4,,,,,,,,,,", "alerts,set,hotline,3,,,,,,,,,,",
            "alerts,set,\"'=own, \"\"b\"\"\",1,,,,,,,,,,", "alerts,category,,1,,,,,,,,,,",
            "reports,state,queued,7,,,,,,,,,,", "stops,outcome,given_up,1,,,,,,,,,,",
            "feedback,verdict,rejected,1,,,,,,,,,,",
            "first_frame_to_alert,,,4,2.0,40.0,40.0,,,,,,,",
            "first_frame_to_gone,,,1,5.5,5.5,5.5,,,,,,,",
            "error_rate,set,hotline,2,,,,0.5,0.094531,0.905469,,,,",
            "coverage,result,examined,1,,,,0.75,,,45.0,,,",
            "late_alerts,,,1,,,,,,,,,,",
            "late_alert,alert_id,\(state.id(2)),,,,,,,,,\(noon - 2000),,",
        ] { #expect(lines.contains(line), "\(line)\n\(result.output)") }
    }

    @Test func jsonLines() throws {
        let state = try PlantedState()
        try state.plant()
        let result = try state.statistics("--format", "jsonl", "--late-h", "0.001")
        try #require(result.status == 0, "\(result.error)")
        let head = try #require(result.objects(ofType: "statistics").first)
        #expect(head["from_unix_ms"] as? Int64 == 1_767_225_600_000)
        #expect(head["late_after_h"] as? Double == 0.001)
        let figures = result.objects(ofType: "figure")
        func figure(_ metric: String, _ group: String? = nil) -> [String: Any]? {
            figures.first { $0["metric"] as? String == metric && $0["group"] as? String == group }
        }
        #expect(figure("first_frame_to_alert")?["median_s"] as? Double == 2)
        #expect(figure("stop_requested_to_gone")?["n"] as? Int == 1)
        #expect(figure("alert_to_accepted") == nil, "nothing was accepted")
        #expect(figure("error_rate", "hotline")?["share"] as? Double == 0.5)
        #expect(figure("late_alerts")?["n"] as? Int == 4)
        let late = figure("late_alert", "\(state.id(1))")
        #expect(late?["removed_unix_ms"] as? Int64 == noon + 4500)
    }

    @Test func nothingIsNotZeroSeconds() throws {
        let state = try PlantedState()
        let text = try state.statistics()
        #expect(text.status == 0 && text.output.contains("\nno alerts\n"), "\(text.output)")
        #expect(!text.output.contains("0.00 s") && !text.output.contains("0 s"))
        let csv = try state.statistics("--format", "csv").output
        #expect(csv.contains("\nfirst_frame_to_alert,,,0,,,,,,,,,,\n"), "\(csv)")
        let jsonl = try state.statistics("--format", "jsonl")
        #expect(jsonl.objects(ofType: "figure").allSatisfy { $0["median_s"] == nil })
    }

    @Test func wrongUse() throws {
        let place = try Workplace()
        for arguments in [
            ["--from", "2026-02-01", "--to", "2026-01-01"],
            ["--from", "january", "--to", "2026-01-01"], ["--from", "2026-01-01"],
            ["--from", "2026-01-01", "--to", "2026-02-01", "--late-h", "-1"],
        ] {
            let result = try place.vigil(["report", "statistics"] + arguments)
            #expect(result.status == 64, "\(arguments) \(result.error)")
        }
        let none = try place.vigil(
            "report", "statistics", "--from", "2026-01-01", "--to", "2026-02-01")
        #expect(none.status == 2 && none.error.contains("no reports yet"), "\(none.error)")
        #expect(try place.vigil("report", "hold", "x", "--authority", "a").status == 64)
        #expect(try place.vigil("report", "sweep").status == 64, "no time is given")
    }

    // MARK: - Retention

    @Test func sweepsAndHolds() throws {
        let state = try PlantedState()
        let place = state.place
        for number in [1, 2] {
            let report = try state.open(number, set: "hotline", after: 1000)
            try state.store.update(#require(report.alert), closed: true, at: noon)
        }
        let file = try place.write("p.yaml", Data("retention: {alerts_days: 1}".utf8))
        let more = ["--state", state.path, "--pipeline", file]
        // All of it is months old to the clock, which may be wrong.
        let refused = try place.vigil(["report", "sweep"] + more)
        #expect(refused.status == 2 && refused.error.contains("--clock-is-right"))
        #expect(try state.store.report(id: state.id(2)) != nil)
        let held = try place.vigil(
            ["report", "hold", "\(state.id(1))", "--authority", "Office 12", "--state", state.path])
        try #require(held.status == 0, "\(held.error)")
        let hold = held.output.trimmingCharacters(in: .whitespacesAndNewlines)
        let listed = try place.vigil("report", "holds", "--state", state.path)
        #expect(listed.output.contains(hold) && listed.output.contains("alert \(state.id(1))"))

        let dry = try place.vigil(["report", "sweep", "--dry-run"] + more)
        #expect(
            dry.output.contains("alerts  after 1 day: 1 to erase, 1 kept: legal_hold"),
            "\(dry.output) \(dry.error)")
        #expect(try state.store.report(id: state.id(2)) != nil)
        let swept = try place.vigil(["report", "sweep"] + more)
        #expect(swept.output.contains("alerts  after 1 day: 1 erased, 1 kept: legal_hold"))
        #expect(try state.store.report(id: state.id(2)) == nil)

        #expect(try place.vigil("report", "release", hold, "--state", state.path).status == 0)
        #expect(try place.vigil("report", "release", hold, "--state", state.path).status == 2)
        #expect(try place.vigil(["report", "sweep"] + more).output.contains("1 erased"))
        #expect(try state.store.report(id: state.id(1)) == nil)
    }
}

// Events about the service itself: each is told as it begins, and not again while it lasts.

import Foundation
import Logging
import Match
import Report
import Serve
import Synchronization
import Testing

@Suite struct ServiceReportsTests {
    private let composer = EventComposer(
        origin: EventOrigin(host: "host.example", vigilVersion: "1"),
        policy: EventPolicy(name: "test", version: "1"))
    private let noon: Int64 = 1_750_000_020  // begins a minute

    private func with(
        _ body: (SQLiteStore, ServiceReports) async throws -> Void
    ) async throws {
        let directory = NSTemporaryDirectory() + "vigil-reports-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let store = try SQLiteStore(directory: directory)
        let reports = ServiceReports(
            DeliverySettings([:], concurrency: 1, retrySeconds: [0]), store: store,
            composer: composer, logger: Logger(label: "test"), queued: {})
        try await body(store, reports)
    }

    private func payloads(_ store: SQLiteStore, _ event: String) throws -> [EventPayload] {
        try store.reports(matching: ReportFilter(event: event), limit: 100, before: nil).map {
            try EventPayload(body: #require(try store.body(of: $0.id)))
        }
    }

    @Test func aCanaryThatFailsIsToldOnce() async throws {
        try await with { store, reports in
            var state = CanaryState()
            await reports.tellOfCanary(state, every: 60)
            #expect(try payloads(store, "canary.failed").isEmpty, "none was sent yet")
            state.failed = 1
            await reports.tellOfCanary(state, every: 60)
            await reports.tellOfCanary(state, every: 60)
            #expect(try payloads(store, "canary.failed").count == 1)
            state.lastPassed = .now
            state.lastPassedUnixMilliseconds = noon * 1000
            await reports.tellOfCanary(state, every: 60)
            state.lastPassed = .now - .seconds(181)
            await reports.tellOfCanary(state, every: 60)
            let told = try payloads(store, "canary.failed")
            #expect(told.count == 2, "it came through in between")
            guard case .canaryFailed(let data)? = told.first?.data else {
                Issue.record("\(told)")
                return
            }
            #expect(data.lastPassedAt?.unixMilliseconds == noon * 1000)
        }
    }

    @Test func whatIsHardlyExaminedIsToldAsItBegins() async throws {
        try await with { store, reports in
            var random = SystemRandomNumberGenerator()
            let streams = (0..<3).map { number in
                WatchedStream(
                    id: StreamID(
                        AlertID(unixMilliseconds: UInt64(noon - 900) * 1000, using: &random)),
                    address: "rtmp://host.example/live/\(number)", name: "stream \(number)",
                    // The last is too young to be judged.
                    startedUnixMilliseconds: (noon - (number == 2 ? 60 : 900)) * 1000)
            }
            for stream in streams { _ = try store.add(stream) }
            func examine(_ stream: Int, _ seconds: Double, from: Int64, to: Int64) throws {
                try store.record(
                    stride(from: from, to: to, by: 60).map { start in
                        var minute = CoverageMinute(startUnixSeconds: start)
                        minute.examinedSeconds = seconds
                        minute.missedSeconds[.overload] = 60 - seconds
                        return CoverageEntry(
                            stream: streams[stream].id, sessionUnixMilliseconds: 1, minute: minute)
                    })
            }
            try examine(0, 60, from: noon - 600, to: noon + 600)
            try examine(1, 50, from: noon - 600, to: noon)
            await reports.tellOfUnexamined(at: noon + 27)
            await reports.tellOfUnexamined(at: noon + 40)
            var told = try payloads(store, "stream.unexamined")
            #expect(told.count == 1)
            guard case .streamUnexamined(let data)? = told.first?.data else {
                Issue.record("\(told)")
                return
            }
            #expect(data.stream.name == "stream 1" && data.thresholdShare == 0.9)
            #expect(abs(data.examinedShare - 0.833) < 0.001 && data.missed["overload"] == 50)
            // It is well again, and then nothing is written of it at all.
            try examine(1, 60, from: noon, to: noon + 300)
            await reports.tellOfUnexamined(at: noon + 325)
            #expect(try payloads(store, "stream.unexamined").count == 2, "the youngest, by now")
            await reports.tellOfUnexamined(at: noon + 505)
            told = try payloads(store, "stream.unexamined")
            #expect(told.count == 3)
        }
    }
}

// Sending reports: with receivers that fail, are slow, want no more, or hang.

import Foundation
import Logging
import Match
import Report
import Serve
import Synchronization
import Testing

/// A receiver that answers as a script says, by the number of the attempt on the report.
private final class ScriptedSink: DeliverySink {
    private let script: @Sendable (DueDelivery) async -> SendResult
    private let sent = Mutex<[DueDelivery]>([])
    private let isClosed = Atomic(false)

    init(_ script: @escaping @Sendable (DueDelivery) async -> SendResult) { self.script = script }

    func send(_ delivery: DueDelivery) async -> SendResult {
        sent.withLock { $0.append(delivery) }
        return await script(delivery)
    }

    func close() async { isClosed.store(true, ordering: .relaxed) }

    var all: [DueDelivery] { sent.withLock { $0 } }
    var wasClosed: Bool { isClosed.load(ordering: .relaxed) }
}

/// A folder of a test's own, gone with it.
private final class TemporaryFolder {
    let path = NSTemporaryDirectory() + "vigil-delivery-" + UUID().uuidString

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

@Suite struct DeliveryDeskTests {
    private let place = TemporaryFolder()
    private let composer = EventComposer(
        origin: EventOrigin(host: "host.example", vigilVersion: "1"),
        policy: EventPolicy(name: "test", version: "1"))

    private func store() throws -> SQLiteStore {
        try SQLiteStore(directory: place.path, composer: composer)
    }

    private func alerts(_ count: Int) -> [Alert] {
        var random = SystemRandomNumberGenerator()
        return (0..<count).map { number in
            Alert(
                id: AlertID(unixMilliseconds: 1_750_000_000_000, using: &random),
                input: "clip \(number)",
                known: KnownReference(set: "birds", item: "bird", category: "benign"),
                firstSeen: 0, lastSeen: 1, framesMatched: 2, knownShare: 0.5, bestDistance: 3,
                variant: "original", rule: "test")
        }
    }

    /// Runs a desk until `done` says so; suites that block the threads of tasks may leave it none for
    /// minutes.
    private func run(
        _ sinks: [String: any DeliverySink], _ store: SQLiteStore, concurrency: Int = 4,
        retrySeconds: [Int64] = [0, 0, 0], exact: Set<String> = [],
        until done: @escaping @Sendable () throws -> Bool
    ) async throws -> DeliveryDesk {
        let desk = DeliveryDesk(
            DeliverySettings(
                sinks, concurrency: concurrency, retrySeconds: retrySeconds, exact: exact),
            store: store, composer: composer, logger: Logger(label: "test"))
        let running = Task { await desk.run() }
        let end = ContinuousClock.now + .seconds(1800)
        while try !done() {
            try #require(ContinuousClock.now < end, "it took too long")
            // The desk works on its own; there is nothing to be told by.
            try await Task.sleep(for: .milliseconds(5))
        }
        running.cancel()
        await running.value
        return desk
    }

    @Test func whatFailsIsRepeatedWithTheSameBody() async throws {
        let store = try store()
        // Few enough that the endpoint does not count as broken.
        _ = try store.open(alerts(2), at: unixMilliseconds())
        let sink = ScriptedSink { $0.attempt < 3 ? .failed("HTTP 500") : .accepted }
        _ = try await run(["a": sink], store, retrySeconds: [0, 0, 0, 0]) {
            try store.counts()[.delivered] == 2
        }
        #expect(sink.all.count == 6 && sink.wasClosed)
        for attempts in Dictionary(grouping: sink.all, by: \.report).values {
            #expect(attempts.map(\.attempt) == [1, 2, 3])
            #expect(Set(attempts.map(\.body)).count == 1)
        }
    }

    @Test func onlyWhoWasGivenDistancesGetsThem() async throws {
        let store = try store()
        let opened = try store.open(alerts(3), at: unixMilliseconds())
        for report in opened {
            if let alert = report.alert {
                try store.update(alert, closed: true, at: unixMilliseconds())
            }
        }
        let usual = ScriptedSink { $0.attempt < 2 ? .failed("HTTP 500") : .accepted }
        let reviewer = ScriptedSink { _ in .accepted }
        _ = try await run(
            ["usual": usual, "reviewer": reviewer], store, retrySeconds: [0, 0, 0, 0],
            exact: ["reviewer"]
        ) { try store.counts()[.delivered] == 6 }
        #expect(usual.all.count == 12 && reviewer.all.count == 6)
        for delivery in usual.all {
            let text = String(decoding: delivery.body, as: UTF8.self)
            #expect(text.contains(#""band":"exact","best_distance":null,"#))
        }
        for delivery in reviewer.all {
            #expect(try store.body(of: delivery.report) == delivery.body, "as it was frozen")
            let text = String(decoding: delivery.body, as: UTF8.self)
            #expect(text.contains(#""band":"exact","best_distance":3,"#))
        }
    }

    @Test func afterTheLastAttemptItIsDead() async throws {
        let store = try store()
        let id = try store.open(alerts(1), at: unixMilliseconds())[0].id
        let sink = ScriptedSink { _ in .failed("HTTP 500") }
        _ = try await run(["a": sink], store) { try store.counts()[.dead] == 1 }
        #expect(sink.all.count == 3)
        #expect(try store.report(id: id)?.lastError == "HTTP 500")
    }

    @Test func whoWantsNoMoreGetsNoMore() async throws {
        let store = try store()
        _ = try store.open(alerts(9), at: unixMilliseconds())
        let sink = ScriptedSink { _ in .gone("HTTP 410") }
        let other = ScriptedSink { _ in .accepted }
        _ = try await run(["a": sink, "b": other], store, concurrency: 1) {
            try store.disabledEndpoints().count == 1
                && store.deliveryCounts()["b"]?[.delivered] == 9
        }
        #expect(sink.all.count == 1)
        let counts = try store.deliveryCounts()["a"]
        #expect(counts == [.queued: 9], "all waits for when it is enabled")
        _ = try await run(["a": sink, "b": other], store) { other.all.count == 9 }
        #expect(sink.all.count == 1, "also after the next start")
        _ = try store.enable("a", by: "user:root", at: 1)
        let again = ScriptedSink { _ in .accepted }
        _ = try await run(["a": again, "b": other], store) {
            try store.deliveryCounts()["a"]?[.delivered] == 9
        }
    }

    @Test func oneThatHangsHoldsUpNoOther() async throws {
        let store = try store()
        _ = try store.open(alerts(50), at: unixMilliseconds())
        let hanging = ScriptedSink { _ in
            // For as long as the desk runs.
            try? await Task.sleep(for: .seconds(3600))
            return .failed("the service ended")
        }
        let healthy = ScriptedSink { _ in .accepted }
        let desk = try await run(["a": hanging, "b": healthy], store, concurrency: 2) {
            try store.deliveryCounts()["b"]?[.delivered] == 50
        }
        #expect(hanging.all.count == 2, "no more at a time than it may have")
        let figures = await desk.figures
        #expect(figures.map(\.underWay) == [0, 0])
        let left = try store.deliveryCounts()["a"]
        #expect(left == [.queued: 50], "what the end cut short is sent at once the next time")
    }

    @Test func oneThatFailsIsLeftAloneForAWhile() async throws {
        let store = try store()
        _ = try store.open(alerts(100), at: unixMilliseconds())
        let broken = ScriptedSink { _ in .failed("HTTP 503") }
        let healthy = ScriptedSink { _ in .accepted }
        let desk = try await run(["a": broken, "b": healthy], store, concurrency: 1) {
            try store.deliveryCounts()["b"]?[.delivered] == 100
        }
        #expect(broken.all.count < 20, "\(broken.all.count) attempts at one that fails")
        #expect(await desk.figures.first?.isOpen == true)
    }

    @Test func asManyGoAtATimeAsAreAllowed() async throws {
        let store = try store()
        _ = try store.open(alerts(40), at: unixMilliseconds())
        let counts = Mutex((now: 0, most: 0))
        let sink = ScriptedSink { _ in
            counts.withLock {
                $0.now += 1
                $0.most = max($0.most, $0.now)
            }
            // Long enough for others to begin meanwhile.
            try? await Task.sleep(for: .milliseconds(20))
            counts.withLock { $0.now -= 1 }
            return .accepted
        }
        _ = try await run(["a": sink], store, concurrency: 5) {
            try store.counts()[.delivered] == 40
        }
        #expect(counts.withLock { $0.most } == 5)
    }

    @Test func afterACrashItIsSentAgain() async throws {
        let store = try store()
        let id = try store.open(alerts(1), at: unixMilliseconds())[0].id
        var turn = DeliveryTurn(route: { _ in ["a"] }, composer: composer)
        turn.wants = ["a": 1]
        let lost = try store.take(turn, at: unixMilliseconds())
        #expect(lost.map(\.report) == [id])
        let sink = ScriptedSink { _ in .accepted }
        _ = try await run(["a": sink], store) { try store.counts()[.delivered] == 1 }
        #expect(try sink.all.map(\.body) == lost.map { try EventPayload.coarse($0.body) })
        #expect(sink.all.map(\.attempt) == [1])
    }

    @Test func aClockThatGoesBackIsNoticed() {
        var watch = ClockWatch()
        let start = ContinuousClock.now
        let hour: Int64 = 3_600_000
        #expect(watch.wentBack(wall: 1_000_000_000, monotonic: start) == 0)
        #expect(watch.wentBack(wall: 1_000_005_000, monotonic: start + .seconds(5)) == 0)
        #expect(watch.wentBack(wall: 1_000_009_000, monotonic: start + .seconds(10)) == 0)
        let back = watch.wentBack(wall: 1_000_010_000 - hour, monotonic: start + .seconds(11))
        #expect(back == hour)
        watch.restore(back)
        let again = watch.wentBack(wall: 1_000_011_000 - hour, monotonic: start + .seconds(12))
        #expect(again == hour, "what could not be acted on is told again")
        #expect(watch.wentBack(wall: 1_000_012_000 - hour, monotonic: start + .seconds(13)) == 0)
        #expect(watch.wentBack(wall: 1_099_000_000, monotonic: start + .seconds(14)) == 0)
    }
}

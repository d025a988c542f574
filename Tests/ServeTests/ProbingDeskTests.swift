// Probing as it is raised: in the queue of events, to listeners, as a figure, and never with a hash.

import Fingerprint
import Foundation
import Logging
import Match
import Report
import Run
import Serve
import Testing

@Suite struct ProbingDeskTests {
    private let noon: Int64 = 1_750_000_020_000
    private let known = KnownReference(set: "birds", item: "bird-1", category: "benign")

    /// A flip of one bit each.
    private func hash(_ number: Int) -> PDQHash {
        var words = SIMD4<UInt64>(0x0123_4567_89ab_cdef, 7, 11, 0xfedc_ba98_7654_3210)
        words[number / 64 % 4] ^= 1 << UInt64(number % 64)
        return PDQHash(words: words)
    }

    @Test func whoTriesOutVariantsIsRaised() async throws {
        let directory = NSTemporaryDirectory() + "vigil-probing-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let store = try SQLiteStore(directory: directory)
        let composer = EventComposer(
            origin: EventOrigin(host: "host.example", vigilVersion: "1"),
            policy: EventPolicy(name: "test", version: "1"))
        let reports = ServiceReports(
            DeliverySettings([:], concurrency: 1, retrySeconds: [0]), store: store,
            composer: composer, logger: Logger(label: "test"), queued: {})
        let events = EventHub()
        let listener = try events.listen(by: "reviewer a")
        let desk = ProbingDesk(
            store: store, events: events, reports: reports, logger: Logger(label: "test"))
        for number in 0..<30 {
            // Each from another connection, address and key, but of one account.
            let id = StreamID(newID())
            _ = try store.add(
                WatchedStream(
                    id: id, address: "rtmp://127.0.0.1/live/s3cret\(number)",
                    name: "rtmp://127.0.0.1/live/s3…", labels: ["account_id": "a-17"],
                    publisher: StreamPublisher(id: nil, peer: "192.0.2.\(number):4711"),
                    startedUnixMilliseconds: noon))
            try store.end(id, at: noon, reason: "its publisher ended")
            let showing = BriefShowing(
                stream: id, known: known, pictures: [.init(time: 0, query: hash(number))])
            await desk.take(showing, at: noon + Int64(number) * 60_000)
        }
        #expect(desk.raised == 1)
        let queued = try store.reports(
            matching: ReportFilter(event: "probing.suspected"), limit: 10, before: nil)
        #expect(queued.count == 1)
        let body = try #require(try queued.first.flatMap { try store.body(of: $0.id) })
        guard case .probingSuspected(let data) = try EventPayload(body: body).data else {
            Issue.record("another kind of event")
            return
        }
        #expect(data.source.kind == .account && data.source.name == "a-17")
        #expect(data.known == known && data.variants == 24)
        #expect(data.since.unixMilliseconds == noon && data.stream?.labels["account_id"] == "a-17")
        events.finish()
        var heard: [ServiceEvent] = []
        for await event in listener { heard.append(event) }
        #expect(heard.map(\.type) == ["probing.suspected"])
        #expect(heard.first?.data.contains(#""source":{"kind":"account","name":"a-17"}"#) == true)
        let told = String(decoding: body, as: UTF8.self) + (heard.first?.data ?? "")
        #expect(!told.contains("s3cret") && !told.contains("distance"))
        for number in 0..<30 { #expect(!told.contains(hash(number).hex)) }
    }

    @Test func whatNobodyPublishedIsNotCounted() async throws {
        let directory = NSTemporaryDirectory() + "vigil-probing-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let store = try SQLiteStore(directory: directory)
        let composer = EventComposer(
            origin: EventOrigin(host: "h", vigilVersion: "1"),
            policy: EventPolicy(name: "test", version: "1"))
        let reports = ServiceReports(
            DeliverySettings([:], concurrency: 1, retrySeconds: [0]), store: store,
            composer: composer, logger: Logger(label: "test"), queued: {})
        let desk = ProbingDesk(
            store: store, events: EventHub(), reports: reports, logger: Logger(label: "test"))
        for number in 0..<60 {
            let showing = BriefShowing(
                stream: StreamID(newID()), known: known,
                pictures: [.init(time: 0, query: hash(number))])
            await desk.take(showing, at: noon)
        }
        #expect(desk.raised == 0)
    }
}

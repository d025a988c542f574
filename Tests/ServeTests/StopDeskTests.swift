// Stops as the service carries them out, with a driver that the test makes: on record, once a place,
// under holds, and after a restart.

import Foundation
import Logging
import Match
import Report
import Serve
import Synchronization
import TestSupport
import Testing

@Suite struct StopDeskTests {
    @Test func aStopIsOnRecordStepByStep() async throws {
        try await withBed { bed in
            let alert = try bed.raise()
            bed.desk.opened(alert)
            let steps = try await bed.steps(of: alert.id) { $0.last == .confirmedGone }
            #expect(steps == [.detected, .stopRequested, .confirmedGone])
            #expect(bed.driver.drops == 1)
            #expect(try bed.store.denial(of: bed.place, at: unixMilliseconds())?.alert == alert.id)
        }
    }

    @Test func twoAlertsOfOnePlaceAreOneStop() async throws {
        try await withBed { bed in
            bed.driver.isThere.withLock { $0 = nil }
            let alerts = [try bed.raise(), try bed.raise()]
            for alert in alerts { bed.desk.opened(alert) }
            _ = try await bed.steps(of: alerts[0].id) { $0.contains(.stopRequested) }
            bed.driver.isThere.withLock { $0 = false }
            for alert in alerts {
                let kinds = try await bed.steps(of: alert.id) { $0.last == .confirmedGone }
                #expect(kinds.first == .detected)
            }
        }
    }

    @Test func noAlertIsLostHoweverItMeetsTheEndOfAStop() async throws {
        try await withBed { bed in
            var random = SeededGenerator(seed: 9)
            var alerts: [Alert] = []
            for _ in 0..<40 {
                // The publisher is back.
                bed.driver.isThere.withLock { $0 = true }
                alerts.append(try bed.raise())
                bed.desk.opened(alerts[alerts.count - 1])
                try await Task.sleep(for: .milliseconds(Int.random(in: 0...120, using: &random)))
            }
            for alert in alerts {
                let kinds = try await bed.steps(of: alert.id) { $0.last == .confirmedGone }
                #expect(kinds.first == .detected)
            }
            let isThere = bed.driver.isThere.withLock { $0 }
            #expect(isThere == false)
        }
    }

    @Test func nothingIsStoppedUnderAHold() async throws {
        try await withBed { bed in
            try bed.store.keep(bed.hold)
            let alert = try bed.raise()
            bed.desk.opened(alert)
            _ = try await bed.steps(of: alert.id) { $0.contains(.held) }
            let held = try #require(try bed.store.steps(of: alert.id).last)
            #expect(held.detail.contains("office 12") && held.detail.contains("until 2"))
            // A service that begins anew waits as well, and stops when the hold ends.
            let again = bed.newDesk()
            await again.resume()
            try await Task.sleep(for: .milliseconds(300))
            #expect(bed.driver.drops == 0)
            #expect(try bed.store.endHold(bed.hold.id, at: unixMilliseconds()))
            _ = try await bed.steps(of: alert.id) { $0.contains(.confirmedGone) }
            #expect(bed.driver.drops >= 1)
        }
    }

    @Test func afterAHoldNobodyElseIsStopped() async throws {
        try await withBed { bed in
            try bed.store.keep(bed.hold)
            let alert = try bed.raise()
            bed.desk.opened(alert)
            _ = try await bed.steps(of: alert.id) { $0.contains(.held) }
            try bed.store.end(bed.stream.id, at: unixMilliseconds(), reason: "ended")
            #expect(try bed.store.endHold(bed.hold.id, at: unixMilliseconds()))
            let steps = try await bed.steps(of: alert.id) { $0.contains(.endedByItself) }
            #expect(steps == [.detected, .held, .endedByItself] && bed.driver.drops == 0)
        }
    }

    @Test func aKilledServicesStopIsTakenUpAgain() async throws {
        try await withBed { bed in
            let alert = try bed.raise()
            // All that was written before the kill.
            try bed.store.add(AlertStep(.detected, at: unixMilliseconds()), to: alert.id)
            await bed.desk.resume()
            _ = try await bed.steps(of: alert.id) { $0.last == .confirmedGone }
            #expect(bed.driver.drops == 1)
            #expect(try bed.store.unfinishedStops().isEmpty)
        }
    }

    @Test func withoutARuleNothingHappens() async throws {
        try await withBed(rules: []) { bed in
            let alert = try bed.raise()
            bed.desk.opened(alert)
            try await Task.sleep(for: .milliseconds(200))
            #expect(try bed.store.steps(of: alert.id).isEmpty && bed.driver.drops == 0)
        }
    }

    private func withBed(
        rules: [StopRule] = [StopRule(set: StopRule.anySet)],
        _ body: (Bed) async throws -> Void
    ) async throws {
        let folder = NSTemporaryDirectory() + "vigil-stops-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try await body(Bed(folder: folder, rules: rules))
    }
}

/// A media server that drops what it is asked to.
private final class ToyDriver: StopDriver {
    /// What it says of the stream: there, gone, or that it cannot tell.
    let isThere = Mutex<Bool?>(true)
    private let count = Mutex(0)

    var drops: Int { count.withLock { $0 } }

    func drop(
        _ place: StreamPlace, publisher: StreamPublisher
    ) async throws(StopError) -> DropAnswer {
        count.withLock { $0 += 1 }
        isThere.withLock { if $0 == true { $0 = false } }
        return .dropped
    }

    func isPublished(
        _ place: StreamPlace, publisher: StreamPublisher
    ) async throws(StopError) -> Bool? { isThere.withLock { $0 } }
}

private struct Bed: Sendable {
    let store: SQLiteStore
    let driver = ToyDriver()
    let desk: StopDesk
    let place = StreamPlace(server: "edge", path: "live/one")
    let stream: WatchedStream
    private let rules: [StopRule]

    init(folder: String, rules: [StopRule]) throws {
        store = try SQLiteStore(directory: folder)
        self.rules = rules
        stream = WatchedStream(
            id: StreamID(newID()), address: "rtmp://edge/live/one", name: "rtmp://edge/live/one",
            place: place, startedUnixMilliseconds: unixMilliseconds())
        _ = try store.add(stream)
        desk = Self.desk(store, driver, rules)
    }

    func newDesk() -> StopDesk { Self.desk(store, driver, rules) }

    private static func desk(
        _ store: SQLiteStore, _ driver: ToyDriver, _ rules: [StopRule]
    ) -> StopDesk {
        StopDesk(
            policy(rules), servers: [MediaServer(name: "edge", driver: driver)],
            store: store, events: EventHub(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    private static func policy(_ rules: [StopRule]) -> StopPolicy {
        var policy = StopPolicy()
        policy.rules = rules
        return policy
    }

    var hold: Hold {
        Hold(
            id: stream.id.uuid, place: place, authority: "office 12", reason: "inquiry",
            sinceUnixMilliseconds: stream.startedUnixMilliseconds,
            untilUnixMilliseconds: stream.startedUnixMilliseconds + 600_000)
    }

    func raise() throws -> Alert {
        let alert = Alert(
            id: newID(), input: stream.name,
            known: KnownReference(set: "birds", item: "wren", category: "benign"), firstSeen: 1,
            lastSeen: 2, framesMatched: 2, knownShare: 0.5, bestDistance: 4, variant: "original",
            rule: "video_frames",
            stream: AlertStream(
                id: stream.id.description, frameArrivedUnixMilliseconds: unixMilliseconds(),
                examinedSeconds: 1, missedSeconds: 0))
        _ = try store.open([alert], at: unixMilliseconds())
        return alert
    }

    /// Waits until the steps of an alert are as asked for, some seconds at most.
    func steps(
        of alert: AlertID, until isEnough: ([AlertStep.Kind]) -> Bool
    ) async throws -> [AlertStep.Kind] {
        var kinds: [AlertStep.Kind] = []
        for _ in 0..<400 {
            kinds = try store.steps(of: alert).map(\.kind)
            if isEnough(kinds) { return kinds }
            try await Task.sleep(for: .milliseconds(25))
        }
        Issue.record("steps are \(kinds)")
        return kinds
    }
}

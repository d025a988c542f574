// What becomes of alerts that the store refuses: they wait in order and are tried again, also once
// they have closed.

import Match
import Report
import Run
import Synchronization
import Testing

@Suite struct AlertRecorderTests {
    /// A store that refuses when it is told to, and some alerts always.
    private final class Store: ReportStore {
        struct Content {
            var isFull = false
            var isRefused: AlertID?
            var opened: [AlertID] = []
            var closed: [AlertID] = []
            var attempts = 0
        }
        let content = Mutex(Content())

        func open(_ alerts: [Alert], at time: Int64) throws(ReportError) -> [QueuedReport] {
            let isRefused = content.withLock { content in
                content.attempts += 1
                if content.isFull || alerts.contains(where: { $0.id == content.isRefused }) {
                    return true
                }
                content.opened += alerts.map(\.id).filter { !content.opened.contains($0) }
                return false
            }
            if isRefused { throw ReportError(.diskFull, "no room") }
            return []
        }

        func update(_ alert: Alert, closed: Bool, at time: Int64) throws(ReportError) {
            let isKnown = content.withLock { content in
                if closed { content.closed.append(alert.id) }
                return content.opened.contains(alert.id) && !content.isFull
            }
            if !isKnown { throw ReportError(.notFound, "no such alert") }
        }

        func queue(_ events: [EventDraft], at time: Int64) throws(ReportError) -> [AlertID] { [] }
        func removeAlerts(ofSet name: String) throws(ReportError) {}
        func reports(
            matching filter: ReportFilter, limit: Int, before cursor: AlertID?
        ) throws(ReportError) -> [QueuedReport] { [] }
        func report(id: AlertID) throws(ReportError) -> QueuedReport? { nil }
        func counts() throws(ReportError) -> [ReportState: Int] { [:] }

        func fill(_ isFull: Bool) { content.withLock { $0.isFull = isFull } }
        var opened: [AlertID] { content.withLock { $0.opened } }
        var closed: [AlertID] { content.withLock { $0.closed } }
        var attempts: Int { content.withLock { $0.attempts } }
    }

    private static func alerts(_ count: Int) -> [Alert] {
        var random = SystemRandomNumberGenerator()
        return (0..<count).map {
            Alert(
                id: AlertID(unixMilliseconds: UInt64($0), using: &random), input: "one",
                known: KnownReference(set: "birds", item: "bird", category: "benign"),
                firstSeen: 0, lastSeen: 1, framesMatched: 3, knownShare: 0.5, bestDistance: 3,
                variant: "original", rule: "video-default")
        }
    }

    @Test func whatWasRefusedIsTriedAgainInOrderAndLessAndLessOften() {
        let store = Store()
        var recorder = AlertRecorder(store, isLasting: true)
        let alerts = Self.alerts(3)
        store.fill(true)
        for alert in alerts {
            let problem = recorder.open(alert, now: 100)
            #expect(problem?.contains("no room; it is tried again") == true)
        }
        var tries: [Double] = []
        while let time = recorder.retryTime, time < 190 {
            recorder.retry(now: time - 0.01)
            tries.append(time)
            recorder.retry(now: time)
        }
        #expect(tries == [101, 103, 107, 115, 131, 161])
        #expect(store.opened.isEmpty)
        store.fill(false)
        recorder.retry(now: 191)
        #expect(store.opened == alerts.map(\.id) && recorder.retryTime == nil)
        for alert in alerts {
            let closed = recorder.close(alert, now: 192)
            #expect(closed.problem == nil && closed.late == nil)
        }
        #expect(store.closed == alerts.map(\.id))
        // The next trouble begins with a second again.
        store.fill(true)
        recorder.open(Self.alerts(1)[0], now: 200)
        #expect(recorder.retryTime == 201)
    }

    @Test func aNewAlertTakesThoseBeforeItAlong() {
        let store = Store()
        var recorder = AlertRecorder(store, isLasting: true)
        let alerts = Self.alerts(4)
        store.fill(true)
        for alert in alerts.prefix(3) { recorder.open(alert, now: 100) }
        let attempts = store.attempts
        #expect(attempts == 3, "each asks the store once")
        store.fill(false)
        let problem = recorder.open(alerts[3], now: 100.1)
        #expect(problem == nil && store.opened == alerts.map(\.id))
    }

    @Test func whatClosedMeanwhileIsRecordedWhereTheRunGoesOn() {
        let store = Store()
        let alerts = Self.alerts(2)
        var lasting = AlertRecorder(store, isLasting: true)
        store.fill(true)
        lasting.open(alerts[0], now: 100)
        #expect(lasting.close(alerts[0], now: 100.5).problem != nil)
        store.fill(false)
        lasting.retry(now: 101)
        #expect(store.opened == [alerts[0].id] && store.closed == [alerts[0].id])
        #expect(lasting.finish(now: 102).isEmpty)

        var brief = AlertRecorder(store, isLasting: false)
        store.fill(true)
        brief.open(alerts[1], now: 100)
        #expect(brief.close(alerts[1], now: 100.5).problem?.hasSuffix("no room") == true)
        #expect(brief.retryTime == nil && brief.finish(now: 101).isEmpty)
    }

    @Test func oneThatIsRefusedForItsOwnSakeHoldsUpNoOthers() {
        let store = Store()
        var recorder = AlertRecorder(store, isLasting: true)
        let alerts = Self.alerts(3)
        store.content.withLock { $0.isRefused = alerts[0].id }
        for alert in alerts { recorder.open(alert, now: 100) }
        recorder.retry(now: 101)
        #expect(store.opened == alerts.dropFirst().map(\.id))
        let left = recorder.finish(now: 102).map(\.id)
        #expect(left == [alerts[0].id])
    }

    @Test func whatWaitsIsBounded() {
        let store = Store()
        var recorder = AlertRecorder(store, isLasting: true)
        let alerts = Self.alerts(10_001)
        store.fill(true)
        for alert in alerts { recorder.open(alert, now: 100) }
        store.fill(false)
        recorder.retry(now: 200)
        #expect(store.opened.count == 10_000)
        // What was forgotten is recorded when it closes, as before.
        let closed = recorder.close(alerts[10_000], now: 201)
        #expect(closed.problem == nil && closed.late == nil && store.opened.count == 10_001)
    }
}

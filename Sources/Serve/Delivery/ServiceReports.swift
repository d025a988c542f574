// Events that are about the service itself and not about one alert: a known set that is another than
// before, a canary that does not come through, a stream of which too much is not examined, somebody who
// tries out what is recognised. Each is told as it begins, not again while it lasts.

internal import Foundation
package import Logging
internal import Match
package import Report
internal import Run
internal import Synchronization

/// Queues events about the service.
package final class ServiceReports: Sendable {
    private let store: any LiveStore
    private let disk = StoreQueue("vigil.serve.reports")
    private let composer: EventComposer
    private let settings: DeliverySettings
    private let logger: Logger
    private let queued: @Sendable () -> Void
    private let told = Mutex<(isCanaryFailing: Bool, unexamined: Set<StreamID>)>((false, []))

    /// - Parameter queued: is called when something was queued.
    package init(
        _ settings: DeliverySettings, store: any LiveStore, composer: EventComposer,
        logger: Logger, queued: @escaping @Sendable () -> Void
    ) {
        self.settings = settings
        self.store = store
        self.composer = composer
        self.logger = logger
        self.queued = queued
    }

    // MARK: Known sets

    /// Tells of sets whose version is not that of the last start; to be asked before this start is
    /// recorded.
    func tellOfKnown(_ known: [KnownView]) async {
        _ = await attempt { [self] now in
            let latest = try store.latest(.knownChanged)
            // At the very first start all sets are new, which is no news.
            guard !latest.isEmpty else { return [] }
            return known.compactMap { set in
                let before = latest.first { $0.subject == set.name }.flatMap(Self.version)
                guard before != set.version else { return nil }
                let payload = EventPayload.knownUpdated(
                    set: set.name, from: before, to: set.version, added: nil, removed: nil, at: now,
                    origin: composer.origin)
                return EventDraft(payload.kind.rawValue, about: set.name, set: set.name) {
                    payload.body(id: $0)
                }
            }
        }
    }

    private static func version(_ record: AuditRecord) -> Int? {
        let detail = try? JSONSerialization.jsonObject(with: Data(record.detail.utf8))
        return (detail as? [String: Any])?["version"] as? Int
    }

    // MARK: The canary

    /// Tells of a canary that fails, once until it comes through again.
    package func tellOfCanary(_ state: CanaryState, every seconds: Double) async {
        let isFailing = Readiness(state, every: seconds).status == "failing"
        let isNew = told.withLock { told in
            if !isFailing { told.isCanaryFailing = false }
            return isFailing && !told.isCanaryFailing
        }
        guard isNew else { return }
        let isTold = await attempt { [composer] now in
            let payload = EventPayload.canaryFailed(
                lastPassed: state.lastPassedUnixMilliseconds, at: now, origin: composer.origin)
            return [
                EventDraft(payload.kind.rawValue, about: "the canary") { payload.body(id: $0) }
            ]
        }
        // What the store refused is told when it takes it.
        if isTold { told.withLock { $0.isCanaryFailing = true } }
    }

    // MARK: Streams that felled the service

    /// Tells of a stream that is not read for now.
    package func tellOfHeldBack(_ stream: WatchedStream, _ suspicion: StreamSuspicion) async {
        _ = await attempt { [composer] now in
            let payload = EventPayload.streamHeldBack(
                stream, suspicion, at: now, origin: composer.origin)
            return [
                EventDraft(payload.kind.rawValue, about: stream.name, stream: stream.id) {
                    payload.body(id: $0)
                }
            ]
        }
    }

    // MARK: Probing

    /// Tells of somebody who seems to try out what is recognised.
    func tellOfProbing(
        _ suspicion: ProbingDetector.Suspicion, in stream: WatchedStream
    ) async {
        _ = await attempt { [composer] now in
            let payload = EventPayload.probingSuspected(
                suspicion.source, known: suspicion.known, variants: suspicion.variants,
                since: suspicion.since, stream: stream, at: now, origin: composer.origin)
            return [
                EventDraft(
                    payload.kind.rawValue, about: stream.name, stream: stream.id,
                    set: suspicion.known.set
                ) { payload.body(id: $0) }
            ]
        }
    }

    // MARK: Coverage

    /// Looks once a minute at what was examined of each stream.
    func watchCoverage() async {
        while (try? await Task.sleep(for: .seconds(60))) != nil {
            await tellOfUnexamined(at: unixMilliseconds() / 1000)
        }
    }

    /// Tells of streams of which too much was not examined in the last minutes, as it begins.
    package func tellOfUnexamined(at unixSeconds: Int64) async {
        // The ledger is written every ten seconds.
        let end = (unixSeconds - 20) / 60 * 60
        let range = (end - Int64(settings.examinedMinutes) * 60)..<end
        let poor = Mutex<Set<StreamID>?>(nil)
        let isTold = await attempt { [self] now in
            var found: [(stream: WatchedStream, sum: CoverageMinute)] = []
            try Self.forEachStream(store) { stream in
                // One that is younger has not had its time yet.
                guard stream.startedUnixMilliseconds <= range.lowerBound * 1000 else { return }
                let minutes = try store.minutes(of: stream.id, in: range, limit: 100)
                let sum = Self.sum(minutes, in: range)
                let share = sum.examinedSeconds / Double(range.count)
                if share < settings.leastExamined { found.append((stream, sum)) }
            }
            poor.withLock { $0 = Set(found.map(\.stream.id)) }
            let before = told.withLock { $0.unexamined }
            return found.filter { !before.contains($0.stream.id) }.map { stream, sum in
                let payload = EventPayload.streamUnexamined(
                    stream, in: range, coverage: sum, threshold: settings.leastExamined, at: now,
                    origin: composer.origin)
                return EventDraft(
                    payload.kind.rawValue, about: stream.name, stream: stream.id
                ) { payload.body(id: $0) }
            }
        }
        if isTold, let poor = poor.withLock({ $0 }) { told.withLock { $0.unexamined = poor } }
    }

    private static func forEachStream(
        _ store: any LiveStore, _ body: (WatchedStream) throws -> Void
    ) throws {
        var cursor: StreamID?
        while true {
            let page = try store.streams(watchedOnly: true, limit: 500, before: cursor)
            for stream in page { try body(stream) }
            guard page.count == 500, let last = page.last else { return }
            cursor = last.id
        }
    }

    private static func sum(
        _ minutes: [CoverageMinute], in range: Range<Int64>
    ) -> CoverageMinute {
        var sum = CoverageMinute(startUnixSeconds: range.lowerBound)
        for minute in minutes {
            sum.examinedSeconds += minute.examinedSeconds
            sum.missedSeconds.merge(minute.missedSeconds, uniquingKeysWith: +)
            sum.samples += minute.samples
            sum.gaps += minute.gaps
        }
        // What nobody wrote down was not examined either.
        let unwritten = Double(range.count) - sum.seconds
        if unwritten > 1 { sum.missedSeconds[.notRunning, default: 0] += unwritten }
        return sum
    }

    private func attempt(
        _ drafts: @escaping @Sendable (_ now: Int64) throws -> [EventDraft]
    ) async -> Bool {
        do {
            let count = try await disk.run { [store] in
                let now = unixMilliseconds()
                return try store.queue(try drafts(now), at: now).count
            }
            if count > 0 { queued() }
            return true
        } catch {
            logger.error("an event about the service is not told: \(error)")
            return false
        }
    }
}

// Events that are about the service itself and not about one alert: a known set that is another than
// before, a canary that does not come through, a stream of which too much is not examined. Each is
// told as it begins, not again while it lasts.

internal import Foundation
internal import Logging
internal import Match
internal import Report
internal import Synchronization

/// Queues events about the service.
final class ServiceReports: Sendable {
    private let store: any LiveStore
    private let disk = StoreQueue("vigil.serve.reports")
    private let composer: EventComposer
    private let settings: DeliverySettings
    private let logger: Logger
    private let queued: @Sendable () -> Void
    private let told = Mutex<(isCanaryFailing: Bool, unexamined: Set<StreamID>)>((false, []))

    /// - Parameter queued: is called when something was queued.
    init(
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
        await attempt { [self] now in
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
    func tellOfCanary(_ state: CanaryState, every seconds: Double) async {
        let isFailing = Readiness(state, every: seconds).status == "failing"
        let isNew = told.withLock { told in
            defer { told.isCanaryFailing = isFailing }
            return isFailing && !told.isCanaryFailing
        }
        guard isNew else { return }
        await attempt { [composer] now in
            let payload = EventPayload.canaryFailed(
                lastPassed: state.lastPassedUnixMilliseconds, at: now, origin: composer.origin)
            return [
                EventDraft(payload.kind.rawValue, about: "the canary") { payload.body(id: $0) }
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

    private func tellOfUnexamined(at unixSeconds: Int64) async {
        let end = unixSeconds / 60 * 60
        let range = (end - Int64(settings.examinedMinutes) * 60)..<end
        await attempt { [self] now in
            var poor: [(stream: WatchedStream, sum: CoverageMinute)] = []
            try Self.forEachStream(store) { stream in
                // One that is younger has not had its time yet.
                guard stream.startedUnixMilliseconds <= range.lowerBound * 1000 else { return }
                let minutes = try store.minutes(of: stream.id, in: range, limit: 100)
                let sum = Self.sum(minutes, from: range.lowerBound)
                // What nobody wrote down was not examined either.
                let share = sum.examinedSeconds / Double(range.count)
                if share < settings.leastExamined { poor.append((stream, sum)) }
            }
            let new = told.withLock { told in
                defer { told.unexamined = Set(poor.map(\.stream.id)) }
                return poor.filter { !told.unexamined.contains($0.stream.id) }
            }
            return new.map { stream, sum in
                let payload = EventPayload.streamUnexamined(
                    stream, in: range, coverage: sum, threshold: settings.leastExamined, at: now,
                    origin: composer.origin)
                return EventDraft(
                    payload.kind.rawValue, about: stream.name, stream: stream.id
                ) { payload.body(id: $0) }
            }
        }
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

    private static func sum(_ minutes: [CoverageMinute], from start: Int64) -> CoverageMinute {
        var sum = CoverageMinute(startUnixSeconds: start)
        for minute in minutes {
            sum.examinedSeconds += minute.examinedSeconds
            sum.missedSeconds.merge(minute.missedSeconds, uniquingKeysWith: +)
            sum.samples += minute.samples
            sum.gaps += minute.gaps
        }
        return sum
    }

    private func attempt(
        _ drafts: @escaping @Sendable (_ now: Int64) throws -> [EventDraft]
    ) async {
        do {
            let count = try await disk.run { [store] in
                let now = unixMilliseconds()
                return try store.queue(try drafts(now), at: now).count
            }
            if count > 0 { queued() }
        } catch {
            logger.error("an event about the service is not told: \(error)")
        }
    }
}

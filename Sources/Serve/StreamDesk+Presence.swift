// What media servers tell of streams that are watched, and which watches end because of it.
//
// A doubt (StreamPresence) arises on a clock of its own and its media server takes seconds to answer,
// so whether it still holds is asked once more where watches begin and end: on the desk's queue.
// What was published in between goes on being watched.

internal import Logging
internal import Match
package import Report
internal import Run
internal import Synchronization

extension StreamDesk {
    /// Most doubts that are settled at a time.
    private static let mostLooks = 16
    /// Most unwatched places that are tried at a time, and how often is told that there are some.
    private static let mostTries = 16, tellingPause = Duration.seconds(60)

    /// Begins to watch what a media server lets somebody publish; what cannot be is tried again until
    /// that one ends.
    package func published(
        _ request: StreamRequest
    ) async throws -> (stream: WatchedStream, isNew: Bool) {
        do { return try await add(request) } catch {
            if !state.withLock({ $0.unwatched.add(request, at: .now) }) {
                logger.error("a stream is NOT watched and will not be: too many others are not")
            }
            throw error
        }
    }

    /// A media server says that somebody does not publish at a place any more.
    package func unpublished(_ place: StreamPlace, by publisher: StreamPublisher) {
        state.withLock { $0.unwatched.ended(place, by: publisher) }
    }

    /// Places that are published and not watched.
    package var unwatched: Int { state.withLock { $0.unwatched.count } }

    /// A stream which is watched is asked for again, by a media server because it begins anew; on the
    /// desk's queue.
    func publishedAgain(_ stream: inout WatchedStream, _ request: StreamRequest) throws {
        let (isKept, asked) = (stream.isKept, stream.id)
        state.withLock { $0.presences[asked]?.isKept = isKept }
        guard let place = request.place else { return }
        let (id, recorded) = (stream.id, stream.publisher)
        see(id, at: .now)
        let (number, publisher) = state.withLock { state in
            state.presences[
                id, default: StreamPresence(at: place, by: recorded, isKept: isKept, now: .now)
            ].published(by: request.publisher, isCertain: request.isPublisherCertain, at: .now)
            return (state.readings[id]?.number, state.presences[id]?.publishers.current)
        }
        if let number { run.expect(number) }
        if let publisher, publisher != recorded {
            try store.record(publisher, of: id)
            stream.publisher = publisher
        }
    }

    /// A media server says that somebody does not publish a stream any more.
    package func unpublished(_ id: StreamID, by publisher: StreamPublisher) async throws {
        try await disk.run { [self] in
            let (before, after) = state.withLock { state in
                let before = state.presences[id]?.publishers.current
                state.presences[id]?.unpublished(by: publisher, at: .now)
                return (before, state.presences[id]?.publishers.current)
            }
            if let after, after != before { try store.record(after, of: id) }
        }
    }

    /// Notes what a stream's reader has seen.
    private func see(_ id: StreamID, at now: ContinuousClock.Instant) {
        guard let status = status(of: id) else { return }
        state.withLock {
            $0.presences[id]?.saw(
                isConnected: status.connection == .connected, connections: status.connections,
                keyframes: status.keyframes, at: now)
        }
    }

    /// Ends watches of streams that are no longer published.
    package func sweep(at now: ContinuousClock.Instant = .now) async {
        await resumeDue()
        for id in state.withLock({ Array($0.presences.keys) }) { see(id, at: now) }
        let doubts = state.withLock { state in
            let waiting = state.waiting
            return state.presences.compactMap { id, presence in
                presence.doubt(at: now).map { (id: id, presence: presence, doubt: $0) }
                // One that waits is not there because nobody reads it.
            }.filter { $0.doubt.cause == .ended || waiting[$0.id] == nil }
        }
        // Those that were asked about longest ago come first.
        let next = doubts.sorted { $0.presence.nextLook < $1.presence.nextLook }
            .prefix(Self.mostLooks)
        await withTaskGroup { group in
            group.addTask { await self.tryUnwatched(at: now) }
            for (id, presence, doubt) in next {
                group.addTask { await self.settle(doubt, of: id, presence, at: now) }
            }
        }
    }

    private func resumeDue() async {
        // Not for nothing: hooks wait for that queue.
        guard !state.withLock({ $0.resumeGuard.isIdle }) else { return }
        do {
            try await disk.run { [self] in try resumeDue(at: unixMilliseconds()) }
        } catch { logger.error("streams that wait are not read: \(error)") }
    }

    /// Tries again to watch what is published and not watched, and says that there is something.
    private func tryUnwatched(at now: ContinuousClock.Instant) async {
        let (count, isDue, requests) = state.withLock { state in
            let read = state.readings.count + state.waiting.count + state.leaving.count
            let room = settings.mostStreams - read - run.stuckReaders
            let requests = state.unwatched.due(at: now, most: max(0, min(Self.mostTries, room)))
            let count = state.unwatched.count
            let isDue =
                count > 0 && state.unwatchedTold.map { now - $0 >= Self.tellingPause } ?? true
            if isDue { state.unwatchedTold = now }
            return (count, isDue, requests)
        }
        if isDue { logger.error("streams that are published and NOT watched: \(count)") }
        for request in requests {
            guard let added = try? await add(request) else { continue }
            logger.notice("\(added.stream.name) is watched after all")
        }
    }

    private func remember(_ stream: WatchedStream, at now: ContinuousClock.Instant) {
        var request = StreamRequest(address: stream.address)
        (request.labels, request.place) = (stream.labels, stream.place)
        (request.isPriority, request.isTrusted) = (stream.isPriority, stream.isTrusted)
        request.publisher = stream.publisher
        state.withLock { _ = $0.unwatched.add(request, at: now) }
    }

    private func settle(
        _ doubt: StreamPresence.Doubt, of id: StreamID, _ presence: StreamPresence,
        at now: ContinuousClock.Instant
    ) async {
        var isPublished: Bool?
        if let driver = drivers[presence.place.server] {
            do throws(StopError) {
                isPublished = try await driver.isPublished(
                    presence.place,
                    publisher: presence.publishers.current ?? StreamPublisher(id: nil, peer: nil))
            } catch {
                logger.debug("whether \(id) is published cannot be asked: \(error)")
            }
        }
        let isCrowded = isCrowded && unwatched > 0
        let reason = state.withLock { [isPublished] in
            $0.presences[id]?.settle(
                doubt, isPublished: isPublished, isCrowded: isCrowded, at: now)
        }
        guard let reason else { return }
        do {
            try await disk.run { [self, isPublished] in
                see(id, at: now)
                let isStill = state.withLock { $0.presences[id]?.isStill(doubt) ?? false }
                guard isStill, let stream = try store.stream(id) else { return }
                _ = try removeNow(id, reason)
                // Nobody said that it is over, so it may still come.
                if isPublished == nil, doubt.cause == .neverCame { remember(stream, at: now) }
            }
        } catch {
            logger.error("the end of watch \(id) is not recorded: \(error)")
        }
    }
}

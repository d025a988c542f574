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
        for id in state.withLock({ Array($0.presences.keys) }) { see(id, at: now) }
        let doubts = state.withLock { state in
            state.presences.compactMap { id, presence in
                presence.doubt(at: now).map { (id: id, presence: presence, doubt: $0) }
            }
        }
        // Those that were asked about longest ago come first.
        let next = doubts.sorted { $0.presence.nextLook < $1.presence.nextLook }
            .prefix(Self.mostLooks)
        await withTaskGroup { group in
            for (id, presence, doubt) in next {
                group.addTask { await self.settle(doubt, of: id, presence, at: now) }
            }
        }
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
        let isCrowded = isCrowded
        let reason = state.withLock { [isPublished] in
            $0.presences[id]?.settle(
                doubt, isPublished: isPublished, isCrowded: isCrowded, at: now)
        }
        guard let reason else { return }
        do {
            try await disk.run { [self] in
                see(id, at: now)
                let isStill = state.withLock { $0.presences[id]?.isStill(doubt) ?? false }
                if isStill { _ = try removeNow(id, reason) }
            }
        } catch {
            logger.error("the end of watch \(id) is not recorded: \(error)")
        }
    }
}

// Places at media servers where somebody was let publish and is not watched: because there was no room,
// or the store did not take it. They are tried again until their publisher ends.
//
// Invariants: bounded; who is turned away ends only its own part of an entry, so that nobody takes a
// place off the list who does not publish there.

package import Report

/// Places that are published and not watched.
package struct UnwatchedPlaces: Sendable {
    private struct Entry {
        var request: StreamRequest
        var publishers: Publishers
        var nextTry: ContinuousClock.Instant
    }

    /// Most that are kept.
    package static let most = 10_000
    /// From one try to the next.
    private static let pause = Duration.seconds(5)

    private var entries: [StreamPlace: Entry] = [:]

    /// None yet.
    package init() {}

    /// How many there are.
    package var count: Int { entries.count }

    /// Somebody was let publish and is not watched.
    /// - Returns: whether the place is kept; not where there are too many.
    package mutating func add(_ request: StreamRequest, at now: ContinuousClock.Instant) -> Bool {
        guard let place = request.place else { return false }
        if entries[place] == nil {
            guard entries.count < Self.most else { return false }
            entries[place] = Entry(
                request: request, publishers: Publishers(StreamPublisher(id: nil, peer: nil)),
                nextTry: now + Self.pause)
        }
        // Nobody sees whether the one before is still there.
        entries[place]?.publishers.began(request.publisher, isCurrent: request.isPublisherCertain)
        return true
    }

    /// A media server says that somebody ended publishing there.
    package mutating func ended(_ place: StreamPlace, by publisher: StreamPublisher) {
        entries[place]?.publishers.ended(publisher)
        if entries[place]?.publishers.current == nil { entries[place] = nil }
    }

    /// A place is watched now.
    package mutating func isWatched(_ place: StreamPlace) { entries[place] = nil }

    /// Those that are to be tried now, at most so many; the next time they come after all others.
    package mutating func due(
        at now: ContinuousClock.Instant, most: Int
    ) -> [StreamRequest] {
        let due = entries.filter { $0.value.nextTry <= now }
            .sorted { $0.value.nextTry < $1.value.nextTry }.prefix(most)
        return due.map { place, entry in
            entries[place]?.nextTry = now + Self.pause
            var request = entry.request
            request.publisher = entry.publishers.current ?? request.publisher
            return request
        }
    }
}

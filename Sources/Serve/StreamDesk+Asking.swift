// What callers of the API ask of streams: read on a connection and a queue of its own, so that no hook
// waits for it. What the ledger has not got yet is written first, once a second at most for all who
// ask.

package import Report
package import Run
internal import Synchronization

extension StreamDesk {
    private static let longestLag = Duration.seconds(1)

    /// Has what was examined written, unless it was just now.
    private func catchUp() async throws {
        let isDue = state.withLock { state in
            guard state.flushed.map({ .now - $0 >= Self.longestLag }) ?? true else { return false }
            state.flushed = .now
            return true
        }
        if isDue { try await flush() }
    }

    /// A stream and how it stands.
    package func state(of id: StreamID) async throws -> StreamState? {
        try await catchUp()
        return try await readingDisk.run { [self] in
            guard let stream = try reading.stream(id) else { return nil }
            return StreamState(
                stream: stream, status: status(of: id), coverage: try reading.total(of: id))
        }
    }

    /// How the watch of a stream stands; `nil` where it is not watched now.
    package func status(of id: StreamID) -> WatchStatus? {
        let (reading, waiting) = state.withLock { ($0.readings[id], $0.waiting[id]) }
        return reading.flatMap { run.status(of: $0.number) } ?? waiting?.status
    }

    /// Streams, the newest first, without their coverage.
    func list(
        watchedOnly: Bool, limit: Int, before cursor: StreamID?
    ) async throws -> [StreamState] {
        try await readingDisk.run { [self] in
            try reading.streams(watchedOnly: watchedOnly, limit: limit, before: cursor).map {
                StreamState(stream: $0, status: status(of: $0.id))
            }
        }
    }

    /// Minutes of a stream's ledger; `nil` where there is no such stream.
    func minutes(
        of id: StreamID, in range: Range<Int64>, limit: Int
    ) async throws -> [CoverageMinute]? {
        try await catchUp()
        return try await readingDisk.run { [self] in
            guard try reading.stream(id) != nil else { return nil }
            return try reading.minutes(of: id, in: range, limit: limit)
        }
    }
}

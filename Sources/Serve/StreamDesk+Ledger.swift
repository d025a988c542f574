// The ledger of what is watched: written every few seconds, and after a restart completed with the
// time in which the service did not run. Everything here runs on the desk's own queue.

internal import Foundation
internal import Logging
package import Report
internal import Run
internal import Synchronization

extension StreamDesk {
    /// Most entries of the ledger that wait for a store that refuses them: an hour of 1000 streams.
    private static let mostUnwritten = 60_000

    private func takeLedger(of reading: Reading) -> [CoverageEntry] {
        run.takeLedger(of: reading.number).map {
            CoverageEntry(
                stream: reading.stream, sessionUnixMilliseconds: reading.session, minute: $0)
        }
    }

    /// Writes what is new in the ledger of all streams.
    package func flush() async throws { try await disk.run { [self] in flushAll() } }

    func flushAll() {
        writeWaiting()
        let (readings, leaving) = state.withLock { ($0.readings.values, $0.leaving.values) }
        // Asked before their ledger is taken, which is complete then.
        let gone = leaving.filter { run.status(of: $0.number)?.connection == .ended }
        write((Array(readings) + leaving).flatMap(takeLedger))
        for reading in gone {
            run.letGo(reading.number)
            state.withLock { _ = $0.leaving.removeValue(forKey: reading.number) }
        }
    }

    /// Writes entries, and first those that were refused before; keeps them where the store
    /// refuses, the oldest not beyond a limit.
    func write(_ entries: [CoverageEntry]) {
        let all = state.withLock { state in
            defer { state.unwritten = [] }
            return state.unwritten + entries
        }
        do throws(ReportError) {
            try store.record(all)
        } catch {
            let newest = Self.newest(of: all)
            let lost = max(0, newest.count - Self.mostUnwritten)
            let isNew = state.withLock { state in
                state.unwritten = Array(newest.dropFirst(lost)) + state.unwritten
                return all.count == entries.count
            }
            if isNew { logger.error("the ledger is not written, and will be later: \(error)") }
            if lost > 0 { logger.error("\(lost) minutes of the ledger are lost: \(error)") }
        }
    }
}

extension StreamDesk {
    /// What is left of entries where a later one of the same minute takes the place of one before.
    private static func newest(of entries: [CoverageEntry]) -> [CoverageEntry] {
        struct Key: Hashable {
            let stream: StreamID
            let session: Int64
            let minute: Int64
        }
        var seen: Set<Key> = []
        return entries.reversed().filter {
            seen.insert(
                Key(
                    stream: $0.stream, session: $0.sessionUnixMilliseconds,
                    minute: $0.minute.startUnixSeconds)
            ).inserted
        }.reversed()
    }
}

extension StreamDesk {
    /// Up to when a stream's ledger goes, Unix seconds; `nil` where it cannot be read.
    func endOfLedger(of stream: WatchedStream) -> Double? {
        do throws(ReportError) {
            return Absence.begin(
                after: try store.lastMinute(of: stream.id),
                started: Double(stream.startedUnixMilliseconds) / 1000)
        } catch {
            logger.error(
                "the absence before now is missing in the ledger of \(stream.id): \(error)")
            return nil
        }
    }

    /// The time in which a stream was not read because the service did not run.
    func absence(
        of stream: WatchedStream, from end: Double, to session: Int64
    ) -> [CoverageEntry] {
        Absence.minutes(from: end, to: Double(session) / 1000).map {
            CoverageEntry(stream: stream.id, sessionUnixMilliseconds: -session, minute: $0)
        }
    }
}

/// A time in which nothing was examined because Vigil did not run.
package enum Absence {
    /// Most minutes that it is told in; of a longer one the first stands for what is too much.
    package static let mostMinutes = 1440

    /// When it begins, Unix seconds: where the newest minute of the ledger ends.
    ///
    /// Not the sum of all minutes after the start: old ones may be erased by now.
    /// - Parameters:
    ///   - minute: the newest; `nil` where there is none.
    ///   - start: of the watch, Unix seconds.
    package static func begin(after minute: CoverageMinute?, started start: Double) -> Double {
        guard let minute else { return start }
        let from = Double(minute.startUnixSeconds)
        return min(max(from, start) + minute.seconds, from + 60)
    }

    /// The minutes of the time from one moment to another, Unix seconds.
    package static func minutes(from start: Double, to end: Double) -> [CoverageMinute] {
        var minutes: [CoverageMinute] = []
        var from = start
        while from < end {
            let minute = (from / 60).rounded(.down) * 60
            let isTooLong = minutes.isEmpty && end - minute > Double(Self.mostMinutes) * 60
            let to =
                isTooLong
                ? ((end / 60).rounded(.down) - Double(Self.mostMinutes - 2)) * 60
                : min(end, minute + 60)
            var part = CoverageMinute(startUnixSeconds: Int64(bounded: minute))
            part.missedSeconds[.notRunning] = to - from
            part.gaps = minutes.isEmpty ? 1 : 0
            minutes.append(part)
            from = to
        }
        return minutes
    }
}

// The daily sweep of the service. It has a connection to the store of its own and pauses between its
// batches, so that recording an alert never waits for more than one of them.

internal import Foundation
package import Logging
internal import Report

/// Erases what is due, once a day.
package struct RetentionKeeper: Sendable {
    let schedule: RetentionSchedule
    /// Folder of the state.
    let directory: String
    let logger: Logger
    /// Time of the newest record of the audit log before the service began.
    private let newestRecord: Int64?

    package init(
        schedule: RetentionSchedule, directory: String, newestRecord: Int64? = nil, logger: Logger
    ) {
        self.schedule = schedule
        self.directory = directory
        self.newestRecord = newestRecord
        self.logger = logger
    }

    /// Runs until it is cancelled.
    func run() async {
        let start = ContinuousClock.now
        let monotonic = { Int64(bounded: (ContinuousClock.now - start) / .milliseconds(1)) }
        var clock = SweepClock(wall: unixMilliseconds(), monotonic: 0, newest: newestRecord)
        let wait = { Duration.seconds(bounded: schedule.secondsToNext(from: unixMilliseconds())) }
        while (try? await Task.sleep(for: wait())) != nil {
            let now = unixMilliseconds()
            guard clock.mayErase(wall: now, monotonic: monotonic()) else {
                logger.error(
                    "nothing is erased for up to three days: the clock is far ahead of what was recorded; is it right?"
                )
                continue
            }
            do { try await sweep(at: now) } catch is CancellationError {
                return
            } catch {
                logger.error("what is due was not erased, or not all of it: \(error)")
            }
        }
    }

    /// Erases what is due now.
    package func sweep(at now: Int64) async throws {
        let disk = StoreQueue("vigil.serve.retention")
        let store = try await disk.run { [directory] in try SQLiteStore(directory: directory) }
        var sweep = RetentionSweep(schedule.policy, at: now)
        defer { tell(sweep) }
        let pause = Duration.milliseconds(RetentionSweep.pauseMilliseconds)
        var goesOn = true
        while goesOn {
            (sweep, goesOn) = try await disk.run { [sweep] in
                var sweep = sweep
                let goesOn = try sweep.step(store)
                return (sweep, goesOn)
            }
            if goesOn { try await Task.sleep(for: pause) }
        }
    }

    private func tell(_ sweep: RetentionSweep) {
        for kind in RetentionKind.allCases {
            let erased = sweep.erased[kind] ?? 0
            let kept = (sweep.kept[kind] ?? [:]).sorted { $0.key.rawValue < $1.key.rawValue }
            let reasons = kept.map { ", kept \($0.value): \($0.key.rawValue)" }.joined()
            guard erased > 0 || !kept.isEmpty else { continue }
            logger.notice("retention: \(kind.rawValue): erased \(erased)\(reasons)")
        }
    }
}

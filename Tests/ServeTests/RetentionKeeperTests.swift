// The service's sweep: what it erases it tells, once for each kind.

import Foundation
import Logging
import Match
import Report
import Serve
import Synchronization
import Testing

@Suite struct RetentionKeeperTests {
    @Test func tellsWhatItErased() async throws {
        let directory = NSTemporaryDirectory() + "vigil-retention-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let noon: Int64 = 1_750_000_000_000
        try Self.plant(3, at: noon, in: directory)
        let told = Mutex<[RetentionKind: [Int]]>([:])
        let keeper = RetentionKeeper(
            schedule: RetentionSchedule(), directory: directory, logger: Logger(label: "test"),
            swept: { kind, count in told.withLock { $0[kind, default: []].append(count) } })
        try await keeper.sweep(at: noon + 365 * 86_400_000)
        #expect(told.withLock { $0 } == [:], "nothing is due")
        try await keeper.sweep(at: noon + 366 * 86_400_000)
        #expect(told.withLock { $0 } == [.alerts: [3]])
        try await keeper.sweep(at: noon + 367 * 86_400_000)
        #expect(told.withLock { $0 } == [.alerts: [3]])
    }

    /// Alerts that are over and were given up.
    private static func plant(_ count: Int, at time: Int64, in directory: String) throws {
        let store = try SQLiteStore(directory: directory)
        var random = SystemRandomNumberGenerator()
        let alerts = (0..<count).map { number in
            Alert(
                id: AlertID(unixMilliseconds: UInt64(time), using: &random), input: "a.mp4",
                known: KnownReference(set: "birds", item: "\(number)", category: ""),
                firstSeen: 1, lastSeen: 2, framesMatched: 1, knownShare: 0.5, bestDistance: 1,
                variant: "original", rule: "image_frames")
        }
        for report in try store.open(alerts, at: time) {
            try store.update(report.alert, closed: true, at: time)
            for event in [ReportEvent.started, .abandoned] {
                _ = try store.apply(event, to: report.id, at: time, error: nil, nextAttempt: nil)
            }
        }
    }
}

// The service's sweep: what it erases stands in the audit log.

import Foundation
import Logging
import Match
import Report
import Serve
import Testing

@Suite struct RetentionKeeperTests {
    @Test func tellsWhatItErased() async throws {
        let directory = NSTemporaryDirectory() + "vigil-retention-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let noon: Int64 = 1_750_000_000_000
        try Self.plant(3, at: noon, in: directory)
        let keeper = RetentionKeeper(
            schedule: RetentionSchedule(), directory: directory, logger: Logger(label: "test"))
        let store = try SQLiteStore(directory: directory)
        func told() throws -> [String] {
            try store.records(after: 0, limit: 1000).filter { $0.kind == "retention.swept" }
                .map(\.detail)
        }
        try await keeper.sweep(at: noon + 365 * 86_400_000)
        #expect(try told() == [], "nothing is due")
        try await keeper.sweep(at: noon + 366 * 86_400_000)
        #expect(try told() == [#"{"erased":3,"what":"alerts"}"#])
        try await keeper.sweep(at: noon + 367 * 86_400_000)
        #expect(try told().count == 1)
    }

    /// What a clock says at some moments, each a wall clock's and a monotonic one's days after its
    /// beginning; `late` is how many days after the newest record that is.
    private func erases(_ moments: [(wall: Double, passed: Double)], late: Double?) -> [Bool] {
        func milliseconds(_ days: Double) -> Int64 { Int64(days * 86_400_000) }
        let noon: Int64 = 1_750_000_000_000
        var clock = SweepClock(
            wall: noon, monotonic: 0, newest: late.map { noon - milliseconds($0) })
        return moments.map {
            clock.mayErase(
                wall: noon + milliseconds($0.wall), monotonic: milliseconds($0.passed))
        }
    }

    @Test func aClockThatIsAheadErasesNothingForThreeDays() {
        #expect(erases([(0, 0), (400.04, 400), (-400, 400)], late: 30) == [true, true, true])
        #expect(erases([(365, 1), (367, 3), (368, 4)], late: 0) == [false, false, true])
        #expect(erases([(0, 0), (2, 2), (3, 3)], late: 31) == [false, false, true])
        #expect(erases([(0, 0)], late: nil) == [true])
    }

    /// Alerts that are over.
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
        _ = try store.open(alerts, at: time)
        for alert in alerts { try store.update(alert, closed: true, at: time) }
    }
}

// Whether the wall clock is to be trusted with erasing, which cannot be taken back.
//
// To a clock that is ahead everything looks due, holds with an end look over. So where the clock ran
// ahead of the time that really passed, or where it is long after the newest record of the audit
// log, nothing is erased for three days, in which somebody can set it right. Pure: times come with
// calls.

/// Says when erasing may begin.
package struct SweepClock: Sendable {
    /// Longest time without a record that needs no explanation, milliseconds.
    package static let longestGap: Int64 = 30 * 86_400_000
    /// How far a clock may get ahead while it is set, milliseconds.
    private static let mostAhead: Int64 = 3_600_000
    /// How long nothing is erased after that, milliseconds.
    private static let pause: Int64 = 3 * 86_400_000

    private var base: (wall: Int64, monotonic: Int64)
    private var notBefore: Int64

    /// - Parameters:
    ///   - wall: Unix milliseconds.
    ///   - monotonic: milliseconds of a clock that nobody sets.
    ///   - newest: time of the newest record of the audit log before now; `nil` where there is none.
    package init(wall: Int64, monotonic: Int64, newest: Int64?) {
        base = (wall, monotonic)
        notBefore = Self.isPlausible(wall, after: newest) ? monotonic : monotonic + Self.pause
    }

    /// Whether a time may follow the newest record.
    package static func isPlausible(_ wall: Int64, after newest: Int64?) -> Bool {
        newest.map { wall - $0 <= longestGap } ?? true
    }

    /// Whether what is due by the wall clock may be erased now.
    package mutating func mayErase(wall: Int64, monotonic: Int64) -> Bool {
        let ahead = (wall - base.wall) - (monotonic - base.monotonic)
        if ahead > Self.mostAhead {
            base = (wall, monotonic)
            notBefore = monotonic + Self.pause
        }
        return monotonic >= notBefore
    }
}

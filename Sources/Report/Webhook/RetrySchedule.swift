// When a delivery that failed is tried again: the schedule of Standard Webhooks 1.0, ten attempts
// over a little more than three days.
//
// Invariants: never earlier than the schedule says, nor than the receiver asked for, within a day;
// never unbounded. A pure value: randomness and times come with the calls. Delays are varied
// upwards, so that what failed together does not come again together.

/// Delays between attempts.
public struct RetrySchedule: Sendable, Hashable {
    /// Delays before each attempt, seconds; the first attempt's is 0.
    public let delaysSeconds: [Int64]
    /// Largest share of a delay that is added by chance, 0…1.
    public let jitter: Double

    /// Longest that a receiver can ask to wait, seconds.
    public static let longestRetryAfter: Int64 = 86_400

    /// At once, 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h and 24 h: 75.6 h, and up to a tenth
    /// more.
    ///
    /// Source: Standard Webhooks 1.0.0, "Deliverability and reliability".
    public static let standard = RetrySchedule(
        delaysSeconds: [0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400])

    /// Makes a schedule.
    /// - Parameters:
    ///   - delaysSeconds: before each attempt; at least one, each brought into 0…604 800.
    ///   - jitter: brought into 0…1.
    public init(delaysSeconds: [Int64], jitter: Double = 0.1) {
        let delays = delaysSeconds.isEmpty ? [0] : delaysSeconds
        self.delaysSeconds = delays.map { min(max($0, 0), 604_800) }
        self.jitter = jitter.isFinite ? min(max(jitter, 0), 1) : 0
    }

    /// How many attempts there are.
    public var attempts: Int { delaysSeconds.count }

    /// How long to wait after an attempt that failed, milliseconds.
    /// - Parameters:
    ///   - attempts: attempts that were begun, that one among them.
    ///   - retryAfterSeconds: what the receiver asked for; counts up to `longestRetryAfter`.
    /// - Returns: `nil` where no attempt is left.
    public func delayMilliseconds(
        afterAttempts attempts: Int, retryAfterSeconds: Int64? = nil,
        using random: inout some RandomNumberGenerator
    ) -> Int64? {
        guard attempts < delaysSeconds.count else { return nil }
        let asked = min(max(retryAfterSeconds ?? 0, 0), Self.longestRetryAfter)
        let least = max(delaysSeconds[max(0, attempts)], asked) * 1000
        return least
            + Int64(bounded: Double(least) * jitter * Double.random(in: 0...1, using: &random))
    }
}

/// The header `Retry-After`.
///
/// Source: RFC 9110, sections 10.2.3 and 5.6.7.
public enum RetryAfter {
    /// Seconds to wait from `now`, 0 to ``RetrySchedule/longestRetryAfter``.
    /// - Parameters:
    ///   - text: the header's value: seconds, or an HTTP date in any of its three forms.
    ///   - now: Unix seconds.
    /// - Returns: `nil` where it is neither.
    public static func seconds(_ text: String, now: Int64) -> Int64? {
        let bytes = Array(text.utf8.prefix(65)).trimmed
        guard !bytes.isEmpty, bytes.count <= 64 else { return nil }
        let most = RetrySchedule.longestRetryAfter
        if bytes.allSatisfy({ (48...57).contains($0) }) {
            return bytes.reduce(0) { min(most, $0 * 10 + Int64($1 - 48)) }
        }
        guard let date = HTTPDate.unixSeconds(bytes, now: now) else { return nil }
        let (wait, isOver) = date.subtractingReportingOverflow(now)
        return isOver ? nil : min(max(wait, 0), most)
    }
}

extension [UInt8] {
    /// Without spaces and tabs at both ends.
    fileprivate var trimmed: [UInt8] {
        let blank: (UInt8) -> Bool = { $0 == 32 || $0 == 9 }
        return Array(drop(while: blank).reversed().drop(while: blank).reversed())
    }
}

/// Dates of HTTP.
enum HTTPDate {
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// Reads `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT` and
    /// `Sun Nov  6 08:49:37 1994`; the name of the day is not looked at.
    /// - Parameter now: Unix seconds; a year of two digits is not more than 50 years from it.
    static func unixSeconds(_ bytes: [UInt8], now: Int64) -> Int64? {
        let words = bytes.split(whereSeparator: { $0 == 32 || $0 == UInt8(ascii: "-") })
            .map { String(decoding: $0, as: UTF8.self) }
        if words.count == 6, words[0].hasSuffix(","), words[5] == "GMT" {
            return seconds(day: words[1], month: words[2], year: words[3], time: words[4], now)
        }
        guard words.count == 5 else { return nil }
        return seconds(day: words[2], month: words[1], year: words[4], time: words[3], now)
    }

    private static func seconds(
        day: String, month: String, year: String, time: String, _ now: Int64
    ) -> Int64? {
        let clock = time.split(separator: ":", omittingEmptySubsequences: false).map { number($0) }
        guard clock.count == 3, let hour = clock[0], let minute = clock[1], let second = clock[2],
            let monthNumber = months.firstIndex(of: month), let day = number(day[...]),
            let year = fullYear(year, now)
        else { return nil }
        return UTCTime(
            year: year, month: Int64(monthNumber + 1), day: day, hour: hour, minute: minute,
            second: second)?.unixSeconds
    }

    private static func number(_ text: Substring) -> Int64? {
        guard (1...2).contains(text.utf8.count) else { return nil }
        return text.utf8.allSatisfy({ (48...57).contains($0) }) ? Int64(text) : nil
    }

    private static func fullYear(_ text: String, _ now: Int64) -> Int64? {
        guard text.utf8.allSatisfy({ (48...57).contains($0) }), let year = Int64(text) else {
            return nil
        }
        if text.utf8.count == 4 { return year }
        guard text.utf8.count == 2 else { return nil }
        let thisYear = UTCTime(unixSeconds: now).year
        let full = thisYear - thisYear % 100 + year
        return full > thisYear + 50 ? full - 100 : full
    }
}

// Dates and times of day in UTC, by the rules of the Gregorian calendar, without locale or tables.
//
// Source of the day count: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".

/// A moment as date and time of day, in UTC.
struct UTCTime: Sendable, Hashable {
    let year: Int64
    let month: Int64
    let day: Int64
    let hour: Int64
    let minute: Int64
    let second: Int64

    /// Takes the parts; `nil` where there is no such date or time.
    ///
    /// Second 60 is a leap second.
    init?(year: Int64, month: Int64, day: Int64, hour: Int64, minute: Int64, second: Int64) {
        let lengths: [Int64] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        guard (0...9999).contains(year), (1...12).contains(month) else { return nil }
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let length = lengths[Int(month) - 1] + (month == 2 && isLeap ? 1 : 0)
        guard (1...length).contains(day), (0...23).contains(hour), (0...59).contains(minute),
            (0...60).contains(second)
        else { return nil }
        (self.year, self.month, self.day) = (year, month, day)
        (self.hour, self.minute, self.second) = (hour, minute, second)
    }

    /// The moment at a time; brought into the years 0 to 9999.
    init(unixSeconds: Int64) {
        let seconds = min(max(unixSeconds, -62_167_219_200), 253_402_300_799)
        let days = (seconds - Self.modulo(seconds, 86_400)) / 86_400
        let time = Self.modulo(seconds, 86_400)
        let shifted = days + 719_468
        let era = (shifted - Self.modulo(shifted, 146_097)) / 146_097
        let dayOfEra = Self.modulo(shifted, 146_097)
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60)
    }

    /// Seconds since 1970.
    var unixSeconds: Int64 {
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = (shiftedYear - Self.modulo(shiftedYear, 400)) / 400
        let yearOfEra = Self.modulo(shiftedYear, 400)
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        let days = era * 146_097 + dayOfEra - 719_468
        return days * 86_400 + hour * 3600 + minute * 60 + second
    }

    private static func modulo(_ value: Int64, _ divisor: Int64) -> Int64 {
        let rest = value % divisor
        return rest < 0 ? rest + divisor : rest
    }
}

extension UTCTime {
    /// RFC 3339 in UTC with milliseconds: `2026-11-22T15:08:52.123Z`.
    static func text(unixMilliseconds: Int64) -> String {
        let fraction = modulo(unixMilliseconds, 1000)
        let time = UTCTime(
            unixSeconds: unixMilliseconds / 1000 - (unixMilliseconds % 1000 < 0 ? 1 : 0))
        let date = "\(padded(time.year, 4))-\(padded(time.month))-\(padded(time.day))"
        let clock = "\(padded(time.hour)):\(padded(time.minute)):\(padded(time.second))"
        return "\(date)T\(clock).\(padded(fraction, 3))Z"
    }

    private static func padded(_ value: Int64, _ width: Int = 2) -> String {
        let text = String(value)
        return String(repeating: "0", count: max(0, width - text.count)) + text
    }
}

extension UTCTime {
    /// Reads what ``text(unixMilliseconds:)`` writes, and nothing else.
    static func unixMilliseconds(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        let form = Array("0000-00-00T00:00:00.000Z".utf8)
        guard bytes.count == form.count else { return nil }
        for (byte, expected) in zip(bytes, form) {
            let isDigit = (48...57).contains(byte)
            guard expected == 48 ? isDigit : byte == expected else { return nil }
        }
        func number(_ range: Range<Int>) -> Int64 {
            bytes[range].reduce(0) { $0 * 10 + Int64($1 - 48) }
        }
        let time = UTCTime(
            year: number(0..<4), month: number(5..<7), day: number(8..<10), hour: number(11..<13),
            minute: number(14..<16), second: number(17..<19))
        return time.map { $0.unixSeconds * 1000 + number(20..<23) }
    }
}

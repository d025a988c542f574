// Durations and times as XML Schema writes them, in seconds, without a calendar library.

/// Reads `xs:duration` and `xs:dateTime`.
package enum DASHTime {
    /// Longest text that is read, bytes.
    private static let longest = 64

    /// Seconds of a duration such as `PT1H2M3.5S`; a year counts 365 days, a month 30.
    package static func duration(_ text: String?) -> Double? {
        guard let text, text.utf8.count <= longest else { return nil }
        var rest = text.utf8.drop { $0 <= 0x20 }[...]
        guard rest.popFirst() == UInt8(ascii: "P") else { return nil }
        var seconds = 0.0
        var isTime = false
        while let next = rest.first, next > 0x20 {
            if next == UInt8(ascii: "T") {
                isTime = true
                rest = rest.dropFirst()
                continue
            }
            let digits = rest.prefix { isDigit($0) || $0 == UInt8(ascii: ".") }
            rest = rest.dropFirst(digits.count)
            guard let number = String(digits).flatMap(Double.init), let unit = rest.popFirst(),
                let factor = factor(of: unit, isTime: isTime)
            else { return nil }
            seconds += number * factor
        }
        return seconds.isFinite && seconds < 1e12 ? seconds : nil
    }

    private static func factor(of unit: UInt8, isTime: Bool) -> Double? {
        switch (unit, isTime) {
        case (UInt8(ascii: "Y"), false): 365 * 86_400
        case (UInt8(ascii: "M"), false): 30 * 86_400
        case (UInt8(ascii: "W"), false): 7 * 86_400
        case (UInt8(ascii: "D"), false): 86_400
        case (UInt8(ascii: "H"), true): 3600
        case (UInt8(ascii: "M"), true): 60
        case (UInt8(ascii: "S"), true): 1
        default: nil
        }
    }

    /// Seconds since 1970 of a time such as `2026-01-02T03:04:05.6Z`; without a zone it is UTC.
    package static func date(_ text: String?) -> Double? {
        guard let text, text.utf8.count <= longest else { return nil }
        var rest = text.utf8.drop { $0 <= 0x20 }[...]
        guard let year = number(&rest, digits: 4, then: "-"),
            let month = number(&rest, digits: 2, then: "-"), (1...12).contains(month),
            let day = number(&rest, digits: 2, then: "T"), (1...31).contains(day),
            let hour = number(&rest, digits: 2, then: ":"), hour <= 24,
            let minute = number(&rest, digits: 2, then: ":"), minute < 60
        else { return nil }
        let digits = rest.prefix { isDigit($0) || $0 == UInt8(ascii: ".") }
        rest = rest.dropFirst(digits.count)
        guard let second = String(digits).flatMap(Double.init), second < 62 else { return nil }
        let days = daysSince1970(year: year, month: month, day: day)
        let time = Double((days * 24 + hour) * 60 + minute) * 60 + second
        return time - zone(&rest)
    }

    /// Seconds that a zone is ahead of UTC.
    private static func zone(_ rest: inout Substring.UTF8View) -> Double {
        guard let sign = rest.popFirst(), sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-"),
            let hours = number(&rest, digits: 2, then: ":"), hours < 24,
            let minutes = number(&rest, digits: 2, then: nil), minutes < 60
        else { return 0 }
        return Double(hours * 60 + minutes) * (sign == UInt8(ascii: "-") ? -60 : 60)
    }

    private static func number(
        _ rest: inout Substring.UTF8View, digits: Int, then: Character?
    ) -> Int? {
        let text = rest.prefix(digits)
        guard text.count == digits, text.allSatisfy(isDigit), let number = Int(Substring(text))
        else { return nil }
        rest = rest.dropFirst(digits)
        if let then { guard rest.popFirst() == then.asciiValue else { return nil } }
        return number
    }

    /// Days of the Gregorian calendar.
    private static func daysSince1970(year: Int, month: Int, day: Int) -> Int {
        // Years that begin in March, so that the day that is inserted is the last.
        let shifted = month > 2 ? year : year - 1
        let monthFromMarch = (month + 9) % 12
        let ofYear = (153 * monthFromMarch + 2) / 5 + day - 1
        let leapDays = shifted / 4 - shifted / 100 + shifted / 400
        return shifted * 365 + leapDays + ofYear - 719_468
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
}

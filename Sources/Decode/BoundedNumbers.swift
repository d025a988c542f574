// Whole numbers of floating-point ones that come from outside: media, playlists, queries, lists,
// clocks. `Int(_:)` of such a number ends the program where it is infinite, no number, or beyond the
// range, and whoever sends a file chooses its numbers.
//
// So the initialisers of the standard library are shadowed here by deprecated ones, and warnings are
// errors: the compiler, which knows the types, refuses each conversion that could trap. What is left
// is `Int(bounded:)`, and `Int(exactly:)` where a number beyond the range is to be refused. Shadowing
// reaches as far as a module, so every target holds this one file, by a link; `scripts/check-numbers`
// proves that it does. See docs/decisions/0017.

extension Int {
    /// Whole numbers that a Double tells apart.
    ///
    /// Sums of two of them, and products of one with a thousand, do not overflow.
    static let boundedRange = -(1 << 53)...1 << 53

    /// The whole number next to `value` towards zero, brought into a range; what is no number counts
    /// as 0.
    init(bounded value: Double, in range: ClosedRange<Int> = boundedRange) {
        let whole: Int
        if let exact = Int(exactly: value.rounded(.towardZero)) {
            whole = exact
        } else {
            whole = value > 0 ? .max : value < 0 ? .min : 0
        }
        self = Swift.min(Swift.max(whole, range.lowerBound), range.upperBound)
    }
}

extension FixedWidthInteger {
    /// The whole number next to `value` towards zero, brought into `Int.boundedRange` and the range of
    /// the type; what is no number counts as 0.
    init(bounded value: Double) { self.init(clamping: Int(bounded: value)) }

    /// The same.
    init(bounded value: Float) { self.init(clamping: Int(bounded: Double(value))) }
}

extension Duration {
    /// Seconds, up to some 30 years either way; what is no number counts as 0.
    static func seconds(bounded value: Double) -> Duration {
        .milliseconds(Int(bounded: value * 1000, in: -1_000_000_000_000...1_000_000_000_000))
    }

    /// Shadows the standard library's.
    @available(*, deprecated, message: "traps on what is too large; use seconds(bounded:)")
    static func seconds(_ seconds: Double) -> Duration { .seconds(bounded: seconds) }

    /// Shadows the standard library's.
    @available(*, deprecated, message: "traps on what is too large; use seconds(bounded:)")
    static func milliseconds(_ milliseconds: Double) -> Duration {
        .seconds(bounded: milliseconds / 1000)
    }
}

// MARK: - Shadows

@available(*, deprecated, message: "traps on what is out of range; use bounded: or exactly:")
extension Int {
    init(_ source: Double) { self.init(bounded: source) }
    init(_ source: Float) { self.init(bounded: source) }
    init<Source: BinaryFloatingPoint>(_ source: Source) { self.init(bounded: Double(source)) }
}

@available(*, deprecated, message: "traps on what is out of range; use bounded: or exactly:")
extension Int8 {
    init(_ source: Double) { self.init(bounded: source) }
    init(_ source: Float) { self.init(bounded: source) }
    init<Source: BinaryFloatingPoint>(_ source: Source) { self.init(bounded: Double(source)) }
}

@available(*, deprecated, message: "traps on what is out of range; use bounded: or exactly:")
extension Int16 {
    init(_ source: Double) { self.init(bounded: source) }
    init(_ source: Float) { self.init(bounded: source) }
    init<Source: BinaryFloatingPoint>(_ source: Source) { self.init(bounded: Double(source)) }
}

@available(*, deprecated, message: "traps on what is out of range; use bounded: or exactly:")
extension Int32 {
    init(_ source: Double) { self.init(bounded: source) }
    init(_ source: Float) { self.init(bounded: source) }
    init<Source: BinaryFloatingPoint>(_ source: Source) { self.init(bounded: Double(source)) }
}

@available(*, deprecated, message: "traps on what is out of range; use bounded: or exactly:")
extension Int64 {
    init(_ source: Double) { self.init(bounded: source) }
    init(_ source: Float) { self.init(bounded: source) }
    init<Source: BinaryFloatingPoint>(_ source: Source) { self.init(bounded: Double(source)) }
}

@available(*, deprecated, message: "traps on what is out of range; use bounded: or exactly:")
extension UInt {
    init(_ source: Double) { self.init(bounded: source) }
    init(_ source: Float) { self.init(bounded: source) }
    init<Source: BinaryFloatingPoint>(_ source: Source) { self.init(bounded: Double(source)) }
}

@available(*, deprecated, message: "traps on what is out of range; use bounded: or exactly:")
extension UInt8 {
    init(_ source: Double) { self.init(bounded: source) }
    init(_ source: Float) { self.init(bounded: source) }
    init<Source: BinaryFloatingPoint>(_ source: Source) { self.init(bounded: Double(source)) }
}

@available(*, deprecated, message: "traps on what is out of range; use bounded: or exactly:")
extension UInt16 {
    init(_ source: Double) { self.init(bounded: source) }
    init(_ source: Float) { self.init(bounded: source) }
    init<Source: BinaryFloatingPoint>(_ source: Source) { self.init(bounded: Double(source)) }
}

@available(*, deprecated, message: "traps on what is out of range; use bounded: or exactly:")
extension UInt32 {
    init(_ source: Double) { self.init(bounded: source) }
    init(_ source: Float) { self.init(bounded: source) }
    init<Source: BinaryFloatingPoint>(_ source: Source) { self.init(bounded: Double(source)) }
}

@available(*, deprecated, message: "traps on what is out of range; use bounded: or exactly:")
extension UInt64 {
    init(_ source: Double) { self.init(bounded: source) }
    init(_ source: Float) { self.init(bounded: source) }
    init<Source: BinaryFloatingPoint>(_ source: Source) { self.init(bounded: Double(source)) }
}

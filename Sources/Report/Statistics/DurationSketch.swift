// Quantiles of durations in bounded memory: exact for the first `mostExact` durations, and after
// that to within one part in 2048, by classes whose width grows with the value (as HdrHistogram's).
// The largest is always exact. A quantile is that of the nearest rank: a duration that occurred.

/// Durations of which quantiles are asked.
public struct DurationSketch: Sendable, Hashable {
    private var exact: [Int64] = []
    private var classes: [Int32: Int] = [:]
    /// How many there are.
    public private(set) var count = 0
    /// The longest, milliseconds; `nil` where there is none.
    public private(set) var longest: Int64?

    /// Durations that are kept as they are.
    public static let mostExact = 1 << 16
    /// Values below this have a class of their own; above, the relative width is its inverse.
    private static let precisionBits = 11

    /// A sketch of nothing.
    public init() {}

    /// Whether quantiles are exact.
    public var isExact: Bool { classes.isEmpty }

    /// Adds a duration.
    /// - Parameter milliseconds: 0 or more.
    public mutating func add(_ milliseconds: Int64) {
        count += 1
        longest = max(longest ?? 0, milliseconds)
        guard classes.isEmpty else { return classify(milliseconds) }
        exact.append(milliseconds)
        guard exact.count > Self.mostExact else { return }
        for value in exact { classify(value) }
        exact = []
    }

    private mutating func classify(_ value: Int64) {
        classes[Self.classNumber(of: value), default: 0] += 1
    }

    /// The least duration that so large a share is not above.
    /// - Parameter share: 0…1.
    /// - Returns: milliseconds; `nil` where there is none.
    public func quantile(_ share: Double) -> Int64? {
        guard count > 0 else { return nil }
        let rank = min(count, max(1, Int(bounded: (share * Double(count)).rounded(.up))))
        if isExact { return exact.sorted()[rank - 1] }
        var below = 0
        for (number, members) in classes.sorted(by: { $0.key < $1.key }) {
            below += members
            if below >= rank { return min(Self.middle(of: number), longest ?? 0) }
        }
        return longest
    }

    private static func classNumber(of value: Int64) -> Int32 {
        let magnitude = 63 - max(value, 1).leadingZeroBitCount
        let shift = max(0, magnitude - precisionBits)
        return Int32(shift) << (precisionBits + 1) + Int32(value >> Int64(shift))
    }

    private static func middle(of number: Int32) -> Int64 {
        let shift = Int64(number >> Int32(precisionBits + 1))
        let value = Int64(number & (1 << (precisionBits + 1) - 1))
        return value << shift + (shift > 0 ? 1 << (shift - 1) : 0)
    }
}

// How often alerts were wrong, as far as humans said so, and how sure that is.

/// Human decisions on the alerts of a group.
public struct ErrorRate: Sendable, Hashable {
    /// Alerts that were confirmed.
    public var confirmed = 0
    /// Alerts that were rejected.
    public var rejected = 0

    /// No decision yet.
    public init() {}

    /// Makes it of its parts.
    public init(confirmed: Int, rejected: Int) {
        self.confirmed = confirmed
        self.rejected = rejected
    }

    /// Alerts that were decided.
    public var decided: Int { confirmed + rejected }

    /// The share that was rejected; `nil` where none was decided.
    public var rate: Double? { decided > 0 ? Double(rejected) / Double(decided) : nil }

    /// Where the true rate is, 95 times of 100.
    ///
    /// Wilson's score interval: "Probable inference, the law of succession, and statistical
    /// inference", 1927.
    public var interval: ClosedRange<Double>? {
        guard let rate else { return nil }
        let (n, z) = (Double(decided), 1.959963984540054)
        let middle = rate + z * z / (2 * n)
        let spread = z * (rate * (1 - rate) / n + z * z / (4 * n * n)).squareRoot()
        let scale = 1 + z * z / n
        // Rounding must not lead out of 0…1, nor past the rate itself.
        let low = rejected == 0 ? 0 : max(0, (middle - spread) / scale)
        let high = confirmed == 0 ? 1 : min(1, (middle + spread) / scale)
        return low...high
    }
}

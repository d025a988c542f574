// Which alerts are reason enough to stop a stream without a person's word.
//
// Invariant: nothing is stopped on its own unless a rule says so; a rule without conditions is none.

public import Match

/// A condition on alerts: those that meet it stop the stream that they were raised on.
public struct StopRule: Sendable, Hashable {
    /// Matches every known set, said in the stead of one's name.
    public static let anySet = "*"

    /// Name of the known set; `anySet` for all, `nil` where it does not matter.
    public var set: String?
    /// Category that the set gives the item; `nil` where it does not matter.
    public var category: String?
    /// How many frames at least matched.
    public var leastFrames: Int?
    /// How many bits at most the best of them was off.
    public var mostDistance: Int?

    /// Makes a rule; all conditions that it names have to be met.
    public init(
        set: String? = nil, category: String? = nil, leastFrames: Int? = nil,
        mostDistance: Int? = nil
    ) {
        self.set = set
        self.category = category
        self.leastFrames = leastFrames
        self.mostDistance = mostDistance
    }

    /// Whether it names no condition, so that it matches nothing.
    public var isEmpty: Bool {
        self.set == nil && category == nil && leastFrames == nil && mostDistance == nil
    }

    /// Whether an alert meets it.
    public func matches(_ alert: Alert) -> Bool {
        if isEmpty { return false }
        if let set, set != Self.anySet, set != alert.known.set { return false }
        if let category, category != alert.known.category { return false }
        if let leastFrames, alert.framesMatched < leastFrames { return false }
        if let mostDistance, alert.bestDistance > mostDistance { return false }
        return true
    }
}

extension [StopRule] {
    /// Whether any rule matches an alert; without rules, none does.
    public func matches(_ alert: Alert) -> Bool { contains { $0.matches(alert) } }
}

// The seam to what is remembered of streams that felled the service, across restarts and watches: a
// publisher must not begin anew with each watch of the same address.
//
// Promises are those of `ReportStore`.

/// A stream that was worked on when the service fell.
public struct StreamSuspicion: Sendable, Hashable {
    /// SHA-256 of its address, hex: the address itself is forgotten with the watch.
    public var key: String
    /// How often the service fell with it in hand.
    public var falls: Int
    /// Whether it was read alone, on probation, when this was written.
    public var isOnProbation: Bool
    /// When the service fell with it last, Unix milliseconds.
    public var fellUnixMilliseconds: Int64
    /// Before when it is not read, Unix milliseconds.
    public var nextUnixMilliseconds: Int64
    /// What it did, for people.
    public var reason: String

    /// Makes it of its parts.
    public init(
        key: String, falls: Int, isOnProbation: Bool = false, fellUnixMilliseconds: Int64,
        nextUnixMilliseconds: Int64, reason: String
    ) {
        self.key = key
        self.falls = falls
        self.isOnProbation = isOnProbation
        self.fellUnixMilliseconds = fellUnixMilliseconds
        self.nextUnixMilliseconds = nextUnixMilliseconds
        self.reason = reason
    }
}

/// Keeps suspicions.
public protocol SuspicionStore: Sendable {
    /// All of them, those that fell last first; at most 10 000.
    func suspicions() throws(ReportError) -> [StreamSuspicion]

    /// Writes suspicions over those of the same keys, and forgets others, all or nothing.
    /// - Parameter forgotten: keys of which nothing is remembered any more; unknown ones are no error.
    func record(_ suspicions: [StreamSuspicion], forgetting forgotten: [String]) throws(ReportError)
}

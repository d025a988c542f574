// What can honestly be said of an input after it was read: how much was looked at, and everything
// that kept it from being looked at in full. "Not examined" must never read as "clean".

/// Account of one track that was read.
public struct SourceReport: Sendable, Hashable {
    /// Length in seconds: as declared where that is known, else as far as data reached.
    public var duration: Double
    /// Pictures that were handed on.
    public var sampled: Int
    /// Sampled pictures that could not be decoded.
    public var failed: Int
    /// Pictures handed on although the decoder had to conceal errors in them.
    public var damaged: Int
    /// Why the track was not examined in full, one line each; empty where it was.
    public var problems: [String]

    init() {
        duration = 0
        sampled = 0
        failed = 0
        damaged = 0
        problems = []
    }
}

/// Seconds with one decimal, for messages.
func tenths(_ seconds: Double) -> String {
    guard seconds.isFinite, abs(seconds) <= 1e9 else { return "?" }
    let value = Int(bounded: (seconds * 10).rounded())
    return "\(value / 10).\(abs(value % 10))"
}

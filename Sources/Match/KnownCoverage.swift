// How much of a known video has been seen: a union of intervals on its time line.
//
// Samples of the input are seconds apart, so the hashes that they hit cover little by themselves.
// Where two hits in a row step through the known video about as far as the input went (forwards or
// backwards, at half to double speed and a little more), what lies between was seen too.

/// Union of the seen parts of one known video.
struct KnownCoverage: Sendable, Hashable {
    /// Disjoint, ascending.
    ///
    /// Bounded: merging keeps their number below `maximumParts`.
    private var parts: [ClosedRange<Double>] = []
    private var lastInput: Double?
    private var lastKnown: Double?

    private static let maximumParts = 1024
    /// Longest step of the input that is bridged, seconds.
    private static let longestBridge = 30.0
    private static let speeds = 0.4...2.5

    /// Adds a hit at time `known` of the known video, seen at time `input`.
    mutating func add(input: Double, known: Double, span: Double) {
        insert(known...(known + span))
        if let lastInput, let lastKnown, input > lastInput, input - lastInput <= Self.longestBridge
        {
            let speed = abs(known - lastKnown) / (input - lastInput)
            if Self.speeds.contains(speed) {
                insert(min(known, lastKnown)...max(known, lastKnown))
            }
        }
        lastInput = input
        lastKnown = known
    }

    /// Adds what another coverage of the same video has.
    mutating func merge(_ other: KnownCoverage) {
        for part in other.parts { insert(part) }
    }

    /// Seen share of a video of this length, 0…1.
    func share(of duration: Double) -> Double {
        guard duration > 0 else { return parts.isEmpty ? 0 : 1 }
        let seen = parts.reduce(0) { $0 + max(0, min($1.upperBound, duration) - $1.lowerBound) }
        return min(1, seen / duration)
    }

    private mutating func insert(_ part: ClosedRange<Double>) {
        var merged = part
        var kept: [ClosedRange<Double>] = []
        for other in parts {
            if other.overlaps(merged) {
                merged =
                    min(
                        other.lowerBound, merged.lowerBound)...max(
                        other.upperBound, merged.upperBound)
            } else {
                kept.append(other)
            }
        }
        guard kept.count < Self.maximumParts else { return }
        let position = kept.firstIndex { $0.lowerBound > merged.lowerBound } ?? kept.count
        kept.insert(merged, at: position)
        parts = kept
    }
}

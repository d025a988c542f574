// What evidence has come to so far, for those who want to know why an alert opened or did not. It
// reads and changes nothing.

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Musl
#endif

/// What the newest frames of a track say of an item that is followed.
public struct Suspicion: Sendable, Hashable {
    /// Number of the item.
    public var item: Int
    /// Base-2 logarithm of the bet that the item is being shown, against chance.
    public var bits: Double
    /// Frames that this rests on and that look different from one another.
    public var witnesses: Int

    /// Makes a suspicion of its parts.
    public init(item: Int, bits: Double, witnesses: Int) {
        self.item = item
        self.bits = bits
        self.witnesses = witnesses
    }
}

extension Evidence {
    /// The items that are followed after the newest frame, most evidence first.
    public var suspicions: [Suspicion] {
        guard let suspects else { return [] }
        let weighed = suspects.followed.keys.map { item in
            let verdict = suspects.verdict(on: item)
            return Suspicion(
                item: item, bits: verdict.bits, witnesses: verdict.witnesses.count)
        }
        return weighed.filter(\.bits.isFinite).sorted { ($1.bits, $0.item) < ($0.bits, $1.item) }
    }
}

extension EvidenceRules {
    /// Bits of evidence at which weak sightings are enough, given enough different frames.
    public var likelihoodBits: Double { -log2(falseAlarmRate) }
}

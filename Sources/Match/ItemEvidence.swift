// What was seen of one known item during one showing, as its alert will tell it.
//
// Bounded: a fixed number of remembered times, and the coverage's own bound.

internal import Fingerprint

/// What was seen of one item during one showing.
struct ItemEvidence: Sendable {
    var firstSeen: Double
    var lastSeen: Double
    var framesMatched = 0
    /// Of these, those with enough structure to tell the item by.
    var framesTold = 0
    /// Such frames that lie apart: neighbours within `momentSeconds` count once.
    var moments = 0
    /// Times of the known frames that were matched; one frame may have several hashes.
    var distinctTimes: Set<Double> = []
    var bestDistance = Int.max
    var variant = Variant.original
    var coverage = KnownCoverage()
    var alertID: AlertID?
    var rule = ""
    private var lastMoment: Double?
    /// Up to when witnesses of a verdict were taken in.
    private var lastWitness = -Double.infinity

    private static let momentSeconds = 0.2
    private static let rememberedTimes = 1024

    init(firstSeen: Double) {
        self.firstSeen = firstSeen
        lastSeen = firstSeen
    }

    mutating func add(_ hit: Hit, at time: Double) {
        firstSeen = min(firstSeen, time)
        lastSeen = max(lastSeen, time)
        framesMatched += 1
        if !hit.isLowStructure { tell(hit, at: time) }
        if hit.distance < bestDistance {
            bestDistance = hit.distance
            variant = hit.variant
        }
    }

    /// Counts a hit that says something by itself.
    private mutating func tell(_ hit: Hit, at time: Double) {
        framesTold += 1
        coverage.add(input: time, known: hit.knownTime, span: hit.knownSpan)
        if lastMoment.map({ abs(time - $0) >= Self.momentSeconds }) ?? true {
            moments += 1
            lastMoment = time
        }
        if distinctTimes.count < Self.rememberedTimes { distinctTimes.insert(hit.knownTime) }
    }

    /// Takes in the witnesses of a verdict; those within the radius were taken in before.
    mutating func add(_ verdict: Verdict, beyond radius: Int) {
        for (time, hit) in verdict.support.sorted(by: { $0.time < $1.time })
        where time > lastWitness {
            lastWitness = time
            if hit.distance > radius { add(hit, at: time) }
        }
    }

    /// Takes in an earlier showing of the same item.
    mutating func merge(_ earlier: ItemEvidence) {
        firstSeen = min(firstSeen, earlier.firstSeen)
        lastSeen = max(lastSeen, earlier.lastSeen)
        framesMatched += earlier.framesMatched
        framesTold += earlier.framesTold
        coverage.merge(earlier.coverage)
        if earlier.bestDistance < bestDistance {
            bestDistance = earlier.bestDistance
            variant = earlier.variant
        }
    }
}

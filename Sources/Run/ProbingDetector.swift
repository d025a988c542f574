// Notices who tries out, by small changes, what of a known picture is still recognised: each answer to
// such a try, an alert or none, tells up to one bit of the known hash, and about as many tries as a hash
// has bits give all of it (docs/decisions/0022).
//
// Kept for each source and known picture: the first fingerprint that was shown of it, and in which of its
// bits any later one differed. A showing counts where it changes a bit that none changed before; once
// `leastBits` were changed, also where it is none of the latest. So what is shown again and again
// counts once, and what an encoder's noise changes are always the same few bits. Whoever wants to learn
// n bits of a hash by answers of one bit has to show n versions that differ in n bits.
// Pure: times are given. Bounded: `most` trails, of which the shortest makes room, then the oldest.

internal import Fingerprint
package import Match
package import Report

/// Counts variants of known pictures by who shows them.
package struct ProbingDetector {
    /// What is raised.
    package struct Suspicion: Sendable {
        package var source: ProbingSource
        package var known: KnownReference
        /// Showings of versions that were none of those before.
        package var variants: Int
        /// When the first of them ended, Unix milliseconds.
        package var since: Int64
    }

    private struct Key: Hashable {
        var source: ProbingSource
        var known: KnownReference
        var time: Double
    }

    private struct Trail {
        let first: PDQHash
        let since: Int64
        var last: Int64
        var changed = PDQHash.zero
        /// The latest versions, of which a ring of `mostVersions` is kept.
        var versions: [PDQHash] = []
        var variants = 1
        /// At how many variants it is raised next.
        var next = ProbingDetector.leastVariants

        var changedBits: Int { changed.distance(to: .zero) }

        mutating func add(_ query: PDQHash) {
            let union = PDQHash(words: changed.words | (query.words ^ first.words))
            let isOther = changedBits >= ProbingDetector.leastBits && !versions.contains(query)
            if union != changed || isOther {
                variants += 1
                if versions.count < ProbingDetector.mostVersions {
                    versions.append(query)
                } else {
                    versions[variants % ProbingDetector.mostVersions] = query
                }
            }
            changed = union
        }
    }

    /// Most pictures and sources that are remembered.
    package static let most = 4096
    /// Variants that are suspicious, and in how many bits they have to differ in all.
    package static let leastVariants = 12, leastBits = 24
    /// Versions of a picture that are remembered.
    package static let mostVersions = 32
    /// After so long without another a picture's variants are forgotten, milliseconds.
    package static let memory: UInt64 = 7 * 86_400_000

    private var trails: [Key: Trail] = [:]

    package init() {}

    /// Pictures and sources that are remembered.
    package var count: Int { trails.count }

    /// Takes in a showing.
    /// - Parameter now: when it ended, Unix milliseconds.
    /// - Returns: what is to be raised: at so many variants, and at twice as many, and so on.
    package mutating func note(
        _ showing: BriefShowing, from sources: [ProbingSource], at now: Int64
    ) -> [Suspicion] {
        var raised: [Suspicion] = []
        for source in sources {
            for picture in showing.pictures {
                let key = Key(source: source, known: showing.known, time: picture.time)
                if let trail = note(picture.query, key, now),
                    !raised.contains(where: { $0.source == source })
                {
                    raised.append(
                        Suspicion(
                            source: source, known: showing.known, variants: trail.variants,
                            since: trail.since))
                }
            }
        }
        return raised
    }

    /// - Returns: the trail, where it is to be raised.
    private mutating func note(_ query: PDQHash, _ key: Key, _ now: Int64) -> Trail? {
        guard var trail = trails[key],
            now.subtractingReportingOverflow(trail.last).partialValue.magnitude <= Self.memory
        else {
            if trails[key] == nil, trails.count >= Self.most { forgetOne() }
            trails[key] = Trail(first: query, since: now, last: now)
            return nil
        }
        trail.last = now
        trail.add(query)
        let isRaised = trail.variants >= trail.next && trail.changedBits >= Self.leastBits
        if isRaised { trail.next = 2 * trail.variants }
        trails[key] = trail
        return isRaised ? trail : nil
    }

    private mutating func forgetOne() {
        // Non-nil: it is full.
        let least = trails.min {
            ($0.value.variants, $0.value.last) < ($1.value.variants, $1.value.last)
        }!
        trails[least.key] = nil
    }
}

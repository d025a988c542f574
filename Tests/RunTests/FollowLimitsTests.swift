// How much streams may keep: what is decoded has room whatever the others keep, and the largest of
// those give way first.

import Run
import Testing

@Suite struct FollowLimitsTests {
    /// Keeps a byte at a time until there is no room, and says how much it is.
    private func fill(
        _ limits: FollowLimits, isFollowed: Bool, most: Int = .max
    ) -> Int {
        var kept = 0
        while kept < most, limits.take(bytes: 1, beside: kept, isFollowed: isFollowed) { kept += 1 }
        return kept
    }

    @Test func whatIsFollowedHasRoomWhateverTheOthersKeep() {
        let limits = FollowLimits(mostBytes: 4000, mostPlaces: 1)
        for _ in 0..<100 { _ = fill(limits, isFollowed: false) }
        #expect(limits.keptBytes <= 3000 && limits.keptBytes > 2900)
        #expect(fill(limits, isFollowed: true) >= 1000)
        #expect(limits.keptBytes == 4000)
        #expect(!limits.take(bytes: 1, beside: 0, isFollowed: false))
        limits.give(bytes: 4000)
        #expect(limits.keptBytes == 0, "what was refused is not counted")
    }

    @Test func theLargestGiveWayFirst() {
        let limits = FollowLimits(mostBytes: 4000, mostPlaces: 1)
        // Two that take all they can, and many small ones.
        let large = (fill(limits, isFollowed: false), fill(limits, isFollowed: false))
        #expect(large == (1500, 750))
        for _ in 0..<20 { #expect(fill(limits, isFollowed: false, most: 20) == 20) }
        #expect(!limits.take(bytes: 1, beside: large.0, isFollowed: false))
        #expect(!limits.take(bytes: 1, beside: large.1, isFollowed: false))
    }
}

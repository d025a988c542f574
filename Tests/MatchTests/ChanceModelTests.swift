// What chance does to distances: a probability, bets that chance cannot win, a reach that shrinks.

import Foundation
import Match
import Testing

@Suite struct ChanceModelTests {
    @Test func probabilityGrowsWithTheDistanceUpToOne() {
        var before = -Double.infinity
        for distance in 0...256 {
            let log2 = ChanceModel.log2Probability(within: distance)
            #expect(log2 > before && log2 <= 0, "distance \(distance)")
            before = log2
        }
        #expect(ChanceModel.log2Probability(within: 256) == 0)
        #expect(
            ChanceModel.log2Probability(within: -5) == ChanceModel.log2Probability(within: 0))
        #expect(ChanceModel.log2Probability(within: 999) == 0)
    }

    @Test func boundIsNotBelowCoinFlips() {
        // The normal tail of 256 coin flips, from where pictures were measured.
        for distance in 56...110 {
            let deviations = (128 - Double(distance) - 0.5) / 8
            let coins = log2(0.5 * erfc(deviations / 2.0.squareRoot()))
            #expect(ChanceModel.log2Probability(within: distance) > coins, "distance \(distance)")
        }
    }

    @Test func betsOnChanceComeToNothing() {
        // The mean of a bet over all p-values, by steps of a 64th of a bit.
        var mean = 0.0
        for step in 0..<64 * 600 {
            let log2P = -(Double(step) + 0.5) / 64
            let share = exp2(-Double(step) / 64) - exp2(-Double(step + 1) / 64)
            mean += share * exp2(ChanceModel.log2Bet(log2P: log2P))
        }
        #expect(mean > 0.99 && mean <= 1.001, "mean \(mean)")
        #expect(ChanceModel.log2Bet(log2P: 3) == ChanceModel.log2Bet(log2P: 0))
        #expect(ChanceModel.log2Bet(log2P: 0) < 0)
        #expect(ChanceModel.log2Bet(log2P: -30) > ChanceModel.log2Bet(log2P: -20))
    }

    @Test func reachFallsAsTheSetGrows() {
        let sizes = [0, 1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 1_000_000_000]
        let reaches = sizes.map { ChanceModel.reach(hashes: $0) }
        #expect(zip(reaches, reaches.dropFirst()).allSatisfy { $0 >= $1 }, "\(reaches)")
        #expect(Set(reaches).count >= 8, "\(reaches)")
        #expect(reaches.allSatisfy { (0...80).contains($0) })
        #expect(reaches[0] == reaches[1])
        #expect(ChanceModel.reach(hashes: .max) >= 0)
        for (size, reach) in zip(sizes, reaches) where reach < 80 {
            // As far as chance comes in one frame of 64, and no farther.
            let frames = { (distance: Int) in
                exp2(ChanceModel.log2Probability(within: distance)) * 64 * Double(max(1, size))
            }
            #expect(frames(reach) <= 1.0 / 64 && frames(reach + 1) > 1.0 / 64, "\(size) hashes")
        }
    }
}

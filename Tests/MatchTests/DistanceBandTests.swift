// How coarsely distances are told, and that an alert told coarsely has none.

import Foundation
import Match
import TestSupport
import Testing

@Suite struct DistanceBandTests {
    @Test func bandsHaveFixedEdges() {
        let edges = [0, 8, 9, 31, 32, 256].map { DistanceBand(distance: $0) }
        #expect(edges == [.exact, .exact, .close, .close, .weak, .weak])
    }

    private func alert(_ distance: Int) -> Alert {
        var random = SeededGenerator(seed: 1)
        return Alert(
            id: AlertID(unixMilliseconds: 1, using: &random), input: "in",
            known: KnownReference(set: "s", item: "i", category: ""), firstSeen: 0, lastSeen: 1,
            framesMatched: 2, knownShare: 1, bestDistance: distance, variant: "original",
            rule: "image_frames")
    }

    private func object(_ value: some Encodable) throws -> [String: Any] {
        let data = try JSONEncoder().encode(value)
        return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    }

    @Test func aCoarseAlertHasABandAndNullForItsDistance() throws {
        let exact = try object(alert(12))
        #expect(exact["best_distance"] as? Int == 12 && exact["band"] as? String == "close")
        let coarse = try object(CoarseAlert(alert(12)))
        #expect(coarse["best_distance"] is NSNull && coarse["band"] as? String == "close")
        #expect(Set(coarse.keys) == Set(exact.keys), "nothing else is left out")
        let same = try (9...31).map { try JSONEncoder.sorted.encode(CoarseAlert(alert($0))) }
        #expect(Set(same).count == 1, "within a band nothing tells distances apart")
    }

    @Test func anAlertCanStillBeReadBack() throws {
        var live = alert(3)
        live.stream = AlertStream(
            id: "x", frameArrivedUnixMilliseconds: 5, examinedSeconds: 1, missedSeconds: 0)
        for alert in [alert(40), live] {
            let data = try JSONEncoder().encode(alert)
            #expect(try JSONDecoder().decode(Alert.self, from: data) == alert)
        }
    }
}

extension JSONEncoder {
    fileprivate static var sorted: JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        return encoder
    }
}

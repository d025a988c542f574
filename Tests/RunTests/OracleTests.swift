// Answers as an oracle: an attacker who can have any fingerprint compared, and reads what is told of it,
// against the real index, the real evidence and the real JSON. What is learned is counted in bits of a
// known hash that the attacker is sure of.

import Fingerprint
import Foundation
import Known
import Match
import Report
import Run
import TestSupport
import Testing

/// What can be asked, and what is answered.
private struct Oracle {
    /// What an answer holds.
    enum Told { case distance, band }

    private let index: KnownIndex
    private let told: Told
    private var random = SeededGenerator(seed: 99)
    private var showings: ShowingTracker
    private var detector = ProbingDetector()
    private(set) var queries = 0
    /// Alerts among the answers.
    private(set) var alerts = 0
    /// Queries until probing was suspected.
    private(set) var suspectedAfter: Int?

    init(_ secret: PDQHash, _ told: Told) throws {
        var random = SeededGenerator(seed: 7)
        var set = KnownSet(name: "s", createdUnixSeconds: 0)
        try set.add(
            KnownItem(id: "picture", kind: .image), hashes: [KnownHash(hash: secret, quality: 100)])
        for number in 0..<500 {
            let other = PDQHash(
                words: SIMD4(random.next(), random.next(), random.next(), random.next()))
            try set.add(
                KnownItem(id: "other \(number)", kind: .image),
                hashes: [KnownHash(hash: other, quality: 100)])
        }
        index = KnownIndex([set], policy: MatchPolicy(reach: .full))
        showings = ShowingTracker(radius: index.policy.radius)
        self.told = told
    }

    /// Shows one picture in a stream of its own.
    /// - Returns: the alert as it is told; `nil` where there is none.
    mutating func ask(_ query: PDQHash) throws -> [String: Any]? {
        queries += 1
        let frame = FrameFingerprint(hash: query, quality: 100, mediaTime: 0, frame: 0)
        let hits = index.hits([frame])
        suspect(hits)
        // Weak evidence is left out: it blurs the edge, which helps no attacker.
        var evidence = Evidence(
            input: "in", rules: EvidenceRules(), items: index.items, policy: index.policy)
        let actions = evidence.observe(
            at: 0, isUsable: true, forms: [frame], hits: hits,
            makeID: { AlertID(unixMilliseconds: 1, using: &random) })
        guard case .opened(let alert)? = actions.first else { return nil }
        alerts += 1
        let data =
            switch told {
            case .distance: try JSONEncoder().encode(alert)
            case .band: try JSONEncoder().encode(CoarseAlert(alert))
            }
        return try JSONSerialization.jsonObject(with: data) as? [String: Any]
    }

    /// What the status of a stream told of a picture that raised no alert.
    mutating func status(_ query: PDQHash) -> Int? {
        queries += 1
        let frame = FrameFingerprint(hash: query, quality: 100, mediaTime: 0, frame: 0)
        return index.hits([frame]).map(\.distance).min()
    }

    private mutating func suspect(_ hits: [Hit]) {
        let stream = StreamID(AlertID(unixMilliseconds: UInt64(queries), using: &random))
        var ended = showings.observe(hits, of: stream, at: Double(queries))
        ended += showings.end(stream)
        for showing in ended {
            let brief = BriefShowing(
                stream: stream, known: index.items[showing.item].reference,
                pictures: showing.pictures)
            let raised = detector.note(
                brief, from: [ProbingSource(.account, "a")], at: Int64(queries) * 60_000)
            if !raised.isEmpty, suspectedAfter == nil { suspectedAfter = queries }
        }
    }
}

extension PDQHash {
    fileprivate func flipped(_ places: some Sequence<Int>) -> PDQHash {
        var words = words
        for place in places { words[place / 64] ^= 1 << UInt64(place % 64) }
        return PDQHash(words: words)
    }
}

@Suite struct OracleTests {
    private let secret: PDQHash
    /// A copy that the attacker has: 20 bits off.
    private let copy: PDQHash

    init() {
        var random = SeededGenerator(seed: 41)
        secret = PDQHash(
            words: SIMD4(random.next(), random.next(), random.next(), random.next()))
        copy = secret.flipped((0..<256).shuffled(using: &random).prefix(20))
    }

    /// Bits of a guess that are right, where a `nil` is a bit that the attacker is not sure of.
    private func learned(_ guess: [Bool?]) -> Int {
        guess.indices.count { guess[$0] == secret.bit($0) }
    }

    /// Flips one bit at a time, and compares answers with that for the copy.
    private func flipOneByOne(_ oracle: inout Oracle) throws -> [Bool?] {
        let base = try #require(try oracle.ask(copy))
        return try (0..<256).map { place in
            let answer = try oracle.ask(copy.flipped([place]))
            if let before = base["best_distance"] as? Int,
                let after = answer?["best_distance"] as? Int
            {
                return after < before ? !copy.bit(place) : copy.bit(place)
            }
            // One band nearer or further says the same; the same band says nothing.
            let steps = nearness(answer) - nearness(base)
            return steps == 0 ? nil : steps < 0 ? !copy.bit(place) : copy.bit(place)
        }
    }

    private func nearness(_ answer: [String: Any]?) -> Int {
        ["exact", "close", "weak"].firstIndex(of: answer?["band"] as? String ?? "none") ?? 3
    }

    @Test func distancesGiveAHashAwayAndBandsDoNotByTheSameQueries() throws {
        var exact = try Oracle(secret, .distance)
        let all = try flipOneByOne(&exact)
        #expect(exact.queries == 257 && learned(all) == 256, "what is mended is as it is told")
        var coarse = try Oracle(secret, .band)
        let none = try flipOneByOne(&coarse)
        #expect(coarse.queries == 257 && learned(none) == 0)
        #expect(none.allSatisfy { $0 == nil })
    }

    /// The best that bands and alerts allow: walk to the edge of the radius, and ask there.
    ///
    /// - Returns: for each query after the walk, how many bits are known then.
    private func walkTheEdge(_ oracle: inout Oracle) throws -> [(query: Int, bits: Int)] {
        var (inside, outside) = (0, 200)
        while outside - inside > 1 {
            let middle = (inside + outside) / 2
            if try oracle.ask(copy.flipped(0..<middle)) != nil {
                inside = middle
            } else {
                outside = middle
            }
        }
        let base = copy.flipped(0..<inside)
        var guess = [Bool?](repeating: nil, count: 256)
        // Further by that one.
        guess[inside] = base.bit(inside)
        var course: [(Int, Int)] = []
        for place in 0..<256 where place != inside {
            let isNear = try oracle.ask(base.flipped([place])) != nil
            guess[place] = isNear ? !base.bit(place) : base.bit(place)
            course.append((oracle.queries, learned(guess)))
        }
        return course
    }

    @Test func alertsAloneTellOneBitAQueryAndThatIsNoticedEarly() throws {
        var oracle = try Oracle(secret, .band)
        let course = try walkTheEdge(&oracle)
        // An alert or none has to be told to somebody: this remains, and is why it is counted.
        #expect(course.last?.bits == 256 && oracle.queries <= 8 + 255)
        let noticed = try #require(oracle.suspectedAfter)
        let bits = course.last { $0.query <= noticed }?.bits ?? 0
        #expect(noticed <= 8 + 25 && bits <= 25, "after \(noticed) queries, \(bits) bits")
        print("probing suspected after \(noticed) queries, when \(bits) bits were known")
    }

    @Test func manyBitsAtATimeAreNoticedAsWell() throws {
        var oracle = try Oracle(secret, .band)
        var random = SeededGenerator(seed: 3)
        for _ in 0..<40 {
            _ = try oracle.ask(copy.flipped((0..<256).shuffled(using: &random).prefix(13)))
        }
        #expect(oracle.alerts > 10)
        #expect(try #require(oracle.suspectedAfter) <= 20)
    }

    @Test func withoutACopyNothingIsLearned() throws {
        var random = SeededGenerator(seed: 12)
        // A picture of something else that happens to be in reach of the index, as some are.
        let stranger = secret.flipped((0..<256).shuffled(using: &random).prefix(60))
        var status = try Oracle(secret, .distance)
        let answer = status.status(stranger)
        let before = try #require(answer)
        let guess: [Bool?] = (0..<256).map { place in
            status.status(stranger.flipped([place])).map {
                $0 < before ? !stranger.bit(place) : stranger.bit(place)
            }
        }
        #expect(learned(guess) == 256, "the status of a stream told all without an alert")
        var oracle = try Oracle(secret, .band)
        for place in 0..<256 { _ = try oracle.ask(stranger.flipped([place])) }
        #expect(oracle.queries == 256 && oracle.alerts == 0)
    }
}

// Evidence without media: frames are times and hits.

import Fingerprint
import Known
import Match
import TestSupport
import Testing

@Suite struct EvidenceTests {
    private static let items = [
        IndexedItem(
            reference: KnownReference(set: "s", item: "film", category: "c"), kind: .video,
            duration: 20),
        IndexedItem(
            reference: KnownReference(set: "s", item: "picture", category: ""), kind: .image,
            duration: 0),
    ]

    private struct Frame {
        var time: Double
        var hits: [Hit] = []
    }

    private func hit(
        item: Int = 0, at known: Double, hash: Int? = nil, span: Double = 0.1, distance: Int = 8,
        variant: Variant = .original
    ) -> Hit {
        Hit(
            item: item, knownHash: hash ?? Int(known * 10), knownTime: known, knownSpan: span,
            distance: distance, variant: variant)
    }

    private func run(_ frames: [Frame], rules: EvidenceRules = EvidenceRules()) -> [EvidenceAction]
    {
        var evidence = Evidence(input: "in", rules: rules, items: Self.items)
        var random = SeededGenerator(seed: 1)
        var number: UInt64 = 0
        let makeID = {
            number += 1
            return AlertID(unixMilliseconds: number, using: &random)
        }
        var actions: [EvidenceAction] = []
        for frame in frames {
            actions += evidence.observe(
                at: frame.time, isUsable: true, hits: frame.hits, makeID: makeID)
        }
        return actions + evidence.finish(makeID: makeID)
    }

    private func opened(_ actions: [EvidenceAction]) -> [Alert] {
        actions.compactMap { if case .opened(let alert) = $0 { alert } else { nil } }
    }

    private func closed(_ actions: [EvidenceAction]) -> [Alert] {
        actions.compactMap { if case .closed(let alert) = $0 { alert } else { nil } }
    }

    @Test func aClipInsideALongStreamGivesOneAlertWithItsTimes() throws {
        var frames = stride(from: 0.0, to: 600, by: 2).map { Frame(time: $0) }
        for number in 100..<108 {
            frames[number].hits = [hit(at: frames[number].time - 200, distance: number - 96)]
        }
        let actions = run(frames)
        let first = try #require(opened(actions).first)
        let last = try #require(closed(actions).first)
        #expect(actions.count == 2)
        #expect(first.id == last.id)
        #expect((last.firstSeen, last.lastSeen) == (200, 214))
        #expect(last.framesMatched == 8 && last.bestDistance == 4)
        #expect(abs(last.knownShare - 14.1 / 20) < 0.01)
        #expect(last.rule == "video_frames" && last.input == "in" && last.known.item == "film")
    }

    @Test func oneFrameOfAKnownVideoInALongStreamIsNotEnough() {
        var frames = (0..<100).map { Frame(time: Double($0) * 2) }
        frames[50].hits = [hit(at: 3)]
        #expect(run(frames).isEmpty)
    }

    @Test func theSameKnownFrameAgainAndAgainIsNotEnough() {
        // A title card that two unrelated films share.
        var frames = (0..<100).map { Frame(time: Double($0) * 2) }
        for number in 50..<53 { frames[number].hits = [hit(at: 3, hash: 7)] }
        #expect(run(frames).isEmpty)
    }

    @Test func neighbouringFramesAreOneMoment() {
        var frames = (0..<3000).map { Frame(time: Double($0) / 25) }
        for number in 500..<504 {
            frames[number].hits = [hit(at: Double(number - 500) / 25, hash: number)]
        }
        #expect(run(frames).isEmpty)
    }

    @Test func oneFrameOfAKnownImageIsEnough() throws {
        var frames = (0..<100).map { Frame(time: Double($0) * 2) }
        frames[10].hits = [hit(item: 1, at: 0, distance: 31)]
        let alert = try #require(closed(run(frames)).first)
        #expect(alert.rule == "image_frames" && alert.knownShare == 1 && alert.framesMatched == 1)
    }

    @Test func whatIsSettledIsNotToldAgainByACloserLook() {
        var evidence = Evidence(input: "in", rules: EvidenceRules(), items: Self.items)
        var random = SeededGenerator(seed: 1)
        let makeID = { AlertID(unixMilliseconds: 1, using: &random) }
        let frames = (0..<3).map { (Double($0) * 2, [hit(at: Double($0) * 2)]) }
        func opened(_ evidence: inout Evidence) -> Int {
            let actions = frames.flatMap { time, hits in
                evidence.observe(at: time, isUsable: true, hits: hits, makeID: makeID)
            }
            return self.opened(actions + evidence.finish(makeID: makeID)).count
        }
        #expect(opened(&evidence) == 1)
        var closer = evidence.forCloserLook()
        #expect(opened(&closer) == 0)
    }

    @Test func aShortInputIsJudgedByItsOwnShare() throws {
        let actions = run([Frame(time: 0, hits: [hit(at: 3)])])
        let alert = try #require(closed(actions).first)
        #expect(alert.rule == "input_share")
        #expect(opened(actions).count == 1)
        #expect(run([Frame(time: 0), Frame(time: 1), Frame(time: 2, hits: [hit(at: 3)])]).isEmpty)
    }

    @Test func aStillKnownVideoIsSeenInTwoFrames() throws {
        // All of it looks the same, so that every frame comes nearest to one hash that stands for
        // all.
        var frames = (0..<100).map { Frame(time: Double($0) * 2) }
        frames[10].hits = [hit(at: 0, hash: 1, span: 20)]
        #expect(run(frames).isEmpty)
        frames[11].hits = [hit(at: 0, hash: 1, span: 20)]
        let alert = try #require(closed(run(frames)).first)
        #expect(alert.rule == "known_share" && alert.knownShare == 1)
    }

    @Test func twoShowingsFarApartAreTwoAlerts() {
        var frames = (0..<600).map { Frame(time: Double($0) * 2) }
        for start in [50, 300] {
            for number in start..<start + 5 {
                frames[number].hits = [hit(at: Double(number - start) * 2)]
            }
        }
        let alerts = closed(run(frames))
        #expect(alerts.map(\.firstSeen) == [100, 600])
        #expect(Set(alerts.map(\.id)).count == 2)
    }

    @Test func aHoleShorterThanTheHoldIsOneShowing() {
        var frames = (0..<100).map { Frame(time: Double($0) * 2) }
        for number in [10, 11, 35, 36] { frames[number].hits = [hit(at: Double(number % 10) * 2)] }
        #expect(closed(run(frames)).count == 1)
    }

    @Test func hitsThatAreTooFewAskForACloserLook() {
        var evidence = Evidence(input: "in", rules: EvidenceRules(), items: Self.items)
        var random = SeededGenerator(seed: 1)
        let makeID = { AlertID(unixMilliseconds: 1, using: &random) }
        for number in 0..<200 {
            let time = Double(number) * 2
            let hits = number == 20 || number == 150 ? [hit(at: 3)] : []
            _ = evidence.observe(at: time, isUsable: true, hits: hits, makeID: makeID)
        }
        #expect(evidence.finish(makeID: makeID).isEmpty)
        #expect(evidence.unsettled == [30...50, 290...310])
    }

    @Test func closerLookIsBounded() {
        var evidence = Evidence(input: "in", rules: EvidenceRules(), items: Self.items)
        var random = SeededGenerator(seed: 1)
        let makeID = { AlertID(unixMilliseconds: 1, using: &random) }
        for number in 0..<5000 {
            let hits = number % 50 == 0 ? [hit(at: 3, hash: 7)] : []
            _ = evidence.observe(at: Double(number) * 2, isUsable: true, hits: hits, makeID: makeID)
        }
        _ = evidence.finish(makeID: makeID)
        #expect(evidence.unsettled.count == 8)
        #expect(evidence.unsettled.allSatisfy { $0.upperBound - $0.lowerBound <= 60 })
        #expect(
            zip(evidence.unsettled, evidence.unsettled.dropFirst())
                .allSatisfy { $0.upperBound <= $1.lowerBound })
    }

    @Test func showingsThatLapseStillCountForTheShareOfTheInput() throws {
        // Time stamps that hop by minutes cut one showing into many.
        let frames = (0..<8).map { Frame(time: Double($0) * 100, hits: [hit(at: 3, hash: 7)]) }
        let alert = try #require(closed(run(frames)).first)
        #expect(alert.rule == "input_share" && alert.framesMatched == 8)
        #expect((alert.firstSeen, alert.lastSeen) == (0, 700))
        var rules = EvidenceRules()
        rules = rules.forCloserLook
        #expect(run(frames, rules: rules).isEmpty)
    }

    @Test func itemsAreJudgedSeparately() {
        var frames = (0..<50).map { Frame(time: Double($0) * 2) }
        for number in 3..<6 {
            frames[number].hits = [hit(at: Double(number) * 2), hit(item: 1, at: 0)]
        }
        #expect(Set(closed(run(frames)).map(\.known.item)) == ["film", "picture"])
    }

    @Test func bestFormIsNamed() throws {
        let mirrored = Variant(form: .flipY)
        let frames = [
            Frame(time: 0, hits: [hit(at: 0, distance: 20)]),
            Frame(time: 2, hits: [hit(at: 2, distance: 6, variant: mirrored)]),
        ]
        let alert = try #require(closed(run(frames)).first)
        #expect(alert.variant == "flipY" && alert.bestDistance == 6)
    }

    @Test(arguments: [0.5, 1.0, 2.0, -1.0])
    func coverageBridgesSparseSamplesAtOtherSpeedsAndBackwards(_ speed: Double) throws {
        // Ten seconds of the film, sampled every two seconds of the input.
        let start = speed < 0 ? 10.0 : 0
        let frames = stride(from: 0.0, through: 10 / abs(speed), by: 2.5).map {
            Frame(time: $0, hits: [hit(at: start + $0 * speed)])
        }
        let alert = try #require(closed(run(frames)).first)
        #expect(abs(alert.knownShare - 0.5) < 0.05, "share \(alert.knownShare)")
    }

    @Test func coverageDoesNotBridgeUnrelatedJumps() throws {
        let frames = [0.0, 19, 1, 18, 2, 17].enumerated().map { number, known in
            Frame(time: Double(number) * 2, hits: [hit(at: known)])
        }
        let alert = try #require(closed(run(frames)).first)
        #expect(alert.knownShare < 0.1)
    }
}

@Suite struct KnownIndexTests {
    private func set(_ name: String, quality: UInt8, _ hashes: [PDQHash]) throws -> KnownSet {
        var set = KnownSet(name: name, createdUnixSeconds: 0)
        try set.add(
            KnownItem(id: "v", kind: .video, durationSeconds: 9),
            hashes: hashes.enumerated().map {
                KnownHash(hash: $1, quality: quality, time: Float($0 * 3))
            })
        return set
    }

    @Test func nearestHashOfEachItemIsReportedForEverySet() throws {
        var random = SeededGenerator(seed: 5)
        let base = random.hash()
        let near = random.neighbour(of: base, at: 10)
        let index = KnownIndex(
            [
                try set("a", quality: 100, [near, base, random.hash()]),
                try set("b", quality: 100, [base]),
            ], policy: MatchPolicy())
        let hits = index.hits([FrameFingerprint(hash: base, quality: 90, mediaTime: 1, frame: 0)])
        #expect(hits.map(\.item) == [0, 1])
        #expect(hits.map(\.distance) == [0, 0])
        #expect(hits[0].knownTime == 3 && hits[0].knownSpan == 3)
        #expect(hits[1].knownSpan == 3)
        #expect(index.items.map(\.reference.set) == ["a", "b"])
    }

    /// A frame and its variants are one moment of the known video, whichever of them is hit.
    @Test func variantsStandForTheirFrames() throws {
        var random = SeededGenerator(seed: 6)
        let hashes = (0..<5).map { _ in random.hash() }
        let low = KnownHash(hash: random.hash(), quality: 10, time: 1)
        var set = KnownSet(name: "s", createdUnixSeconds: 0)
        try set.add(
            KnownItem(id: "before", kind: .image),
            hashes: [KnownHash(hash: random.hash(), quality: 100)])
        try set.add(
            KnownItem(id: "v", kind: .video, durationSeconds: 7),
            hashes: [
                KnownHash(hash: hashes[0], quality: 100), low,
                KnownHash(hash: hashes[1], quality: 100, time: 2.5),
                KnownHash(hash: hashes[2], quality: 100, variant: .crop5),
                KnownHash(hash: hashes[3], quality: 100, variant: .turnLeft4),
                KnownHash(hash: hashes[4], quality: 100, time: 2.5, variant: .crop5),
            ])
        let index = KnownIndex([set], policy: MatchPolicy())
        let hits = hashes.compactMap {
            index.hits([FrameFingerprint(hash: $0, quality: 90, mediaTime: 1, frame: 0)]).first
        }
        #expect(hits.map(\.item) == [1, 1, 1, 1, 1] && index.hashCount == 6)
        #expect(hits.map(\.knownTime) == [0, 2.5, 0, 0, 2.5])
        #expect(hits.map(\.knownSpan) == [1, 3, 1, 1, 3])
        #expect(
            hits.map(\.knownVariant) == [.original, .original, .crop5, .turnLeft4, .crop5])
        #expect(index.hashes(ofItem: 1) == 1..<6)
    }

    /// Against a plain reading of the sets: whose hash it is, its number, its time and its span.
    @Test func mixedSetsGiveWhatBruteForceGives() throws {
        var random = SeededGenerator(seed: 8)
        let base = random.hash()
        var sets: [KnownSet] = []
        for (number, most) in [1, 1, 4, 3].enumerated() {
            var set = KnownSet(name: "set \(number)", createdUnixSeconds: 0)
            for item in 0..<30 {
                let hashes = (0..<Int.random(in: 1...most, using: &random)).map { frame in
                    KnownHash(
                        hash: random.neighbour(
                            of: base, at: Int.random(in: 1...45, using: &random)),
                        quality: number % 2 == 0 ? 100 : UInt8.random(in: 0...100, using: &random),
                        time: most == 1 ? 0 : Float(frame) * 1.5)
                }
                try set.add(
                    KnownItem(
                        id: "i\(item)", kind: most == 1 ? .image : .video,
                        category: "c\(item % 3)", durationSeconds: most == 1 ? 0 : 7),
                    hashes: hashes)
            }
            sets.append(set)
        }
        for chosen in [[0], [1], [2], [3], [0, 1, 2, 3], [3, 0]] {
            let used = chosen.map { sets[$0] }
            let index = KnownIndex(used, policy: MatchPolicy())
            let expected = Self.bruteForce(used, base)
            let frame = FrameFingerprint(hash: base, quality: 90, mediaTime: 1, frame: 0)
            #expect(index.hits([frame]) == expected && index.hits([frame, frame]) == expected)
            #expect(index.hits(ofAll: [base, base.complement, base]) == [expected, [], expected])
            let items = used.flatMap { set in
                set.items.map {
                    IndexedItem(
                        reference: .init(set: set.name, item: $0.id, category: $0.category),
                        kind: $0.kind, duration: $0.durationSeconds)
                }
            }
            #expect(Array(index.items) == items)
        }
    }

    private static func bruteForce(_ sets: [KnownSet], _ query: PDQHash) -> [Hit] {
        var (hits, firstItem, number) = ([Hit](), 0, 0)
        for set in sets {
            for item in set.items.indices {
                var best: Hit?
                let hashes = set.hashes(ofItemAt: item)
                for (place, hash) in hashes.enumerated() where hash.quality >= 50 {
                    let distance = hash.hash.distance(to: query)
                    let next =
                        place + 1 < hashes.count
                        ? hashes[place + 1].time : Float(set.items[item].durationSeconds)
                    if distance <= 31, distance < best?.distance ?? .max {
                        best = Hit(
                            item: firstItem + item, knownHash: number,
                            knownTime: Double(hash.time),
                            knownSpan: Double(min(3, max(0, next - hash.time))),
                            distance: distance, variant: .original, query: query,
                            breaks: min(query.patternBreaks, hash.hash.patternBreaks))
                    }
                    number += 1
                }
                if let best { hits.append(best) }
            }
            firstItem += set.items.count
        }
        return hits
    }

    @Test func lowQualityOnEitherSideTakesNoPart() throws {
        let hash = PDQHash(words: [1, 2, 3, 4])
        func hits(known: UInt8, query: Int) throws -> Int {
            KnownIndex([try set("a", quality: known, [hash])], policy: MatchPolicy()).hits([
                FrameFingerprint(hash: hash, quality: query, mediaTime: 0, frame: 0)
            ]).count
        }
        #expect(try hits(known: 50, query: 50) == 1)
        #expect(try hits(known: 49, query: 100) == 0)
        #expect(try hits(known: 100, query: 49) == 0)
    }
}

@Suite struct AlertIDTests {
    @Test func textRoundTripsAndSortsByTime() throws {
        var random = SeededGenerator(seed: 3)
        let earlier = AlertID(unixMilliseconds: 1_700_000_000_000, using: &random)
        let later = AlertID(unixMilliseconds: 1_700_000_000_001, using: &random)
        #expect(earlier < later && earlier.description < later.description)
        #expect(AlertID(earlier.description) == earlier)
        #expect(earlier.unixMilliseconds == 1_700_000_000_000)
        let text = Array(earlier.description)
        #expect(text[14] == "7" && "89ab".contains(text[19]))
        for bad in [
            "", "x", earlier.description + "0", earlier.description.replacing("-", with: "_"),
        ] {
            #expect(AlertID(bad) == nil)
        }
    }
}

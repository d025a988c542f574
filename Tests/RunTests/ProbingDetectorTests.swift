// Who tries out variants of a known picture is noticed; who shows it is not.

import Fingerprint
import Match
import Report
import Run
import TestSupport
import Testing

extension SeededGenerator {
    fileprivate mutating func hash() -> PDQHash {
        PDQHash(words: SIMD4(next(), next(), next(), next()))
    }

    /// A hash that differs in some of the given places.
    fileprivate mutating func noisy(_ hash: PDQHash, in places: Range<Int>) -> PDQHash {
        var words = hash.words
        for place in places where Bool.random(using: &self) {
            words[place / 64] ^= 1 << UInt64(place % 64)
        }
        return PDQHash(words: words)
    }
}

/// One who shows things, minute by minute.
private struct Course {
    var random = SeededGenerator(seed: 17)
    var showings = ShowingTracker(radius: 31)
    var detector = ProbingDetector()
    /// Seconds.
    var now = 0.0
    var raised: [(at: Double, variants: Int)] = []
    var source = ProbingSource(.account, "a-17")

    mutating func stream() -> StreamID {
        StreamID(AlertID(unixMilliseconds: UInt64(now), using: &random))
    }

    /// Shows a picture of an item.
    mutating func show(
        _ query: PDQHash, of time: Double = 0, item: Int = 0, distance: Int = 30,
        in stream: StreamID
    ) {
        let hit = Hit(
            item: item, knownHash: 0, knownTime: time, knownSpan: 1, distance: distance,
            variant: .original, query: query)
        take(showings.observe([hit], of: stream, at: now))
    }

    mutating func end(_ stream: StreamID) { take(showings.end(stream)) }

    private mutating func take(_ ended: [ShowingTracker.Ended]) {
        for showing in ended {
            let known = KnownReference(set: "s", item: "\(showing.item)", category: "")
            let brief = BriefShowing(
                stream: showing.stream, known: known, pictures: showing.pictures)
            let found = detector.note(brief, from: [source], at: Int64(now * 1000))
            raised += found.map { (now, $0.variants) }
        }
    }

    /// A film's pictures, in order, one every two seconds, each a bit different than before.
    mutating func play(_ film: [PDQHash], noise: Range<Int>, in stream: StreamID) {
        for (number, picture) in film.enumerated() {
            show(
                random.noisy(picture, in: noise), of: Double(number) * 2, distance: 6, in: stream)
            now += 2
        }
    }
}

@Suite struct ProbingDetectorTests {
    private static let film: [PDQHash] = {
        var random = SeededGenerator(seed: 5)
        return (0..<60).map { _ in random.hash() }
    }()

    @Test func aFilmOfAnHourRaisesNothing() {
        var course = Course()
        let stream = course.stream()
        for _ in 0..<30 { course.play(Self.film, noise: 0..<256, in: stream) }
        course.end(stream)
        #expect(course.raised.isEmpty && course.detector.count == 0)
    }

    @Test func aClipInALoopAroundTheClockRaisesNothing() {
        var course = Course()
        let stream = course.stream()
        // Ten seconds of it, every ten minutes of other things, encoded anew each time.
        for _ in 0..<144 {
            course.play(Array(Self.film.prefix(5)), noise: 0..<40, in: stream)
            course.now += 590
        }
        course.end(stream)
        #expect(course.raised.isEmpty)
    }

    @Test func oneWhoPublishesTheSameClipAgainAndAgainRaisesNothing() {
        var course = Course()
        for _ in 0..<200 {
            let stream = course.stream()
            course.play(Array(Self.film.prefix(5)), noise: 0..<40, in: stream)
            course.end(stream)
            course.now += 30
        }
        #expect(course.raised.isEmpty)
    }

    @Test func aPictureThatIsShownForHoursOrAgainRaisesNothing() {
        var course = Course()
        let still = Self.film[0]
        let long = course.stream()
        for _ in 0..<7200 {
            course.show(course.random.noisy(still, in: 100..<118), in: long)
            course.now += 2
        }
        course.end(long)
        // Encoders differ in the bits that are nearly even, always the same ones.
        for _ in 0..<500 {
            let stream = course.stream()
            course.show(course.random.noisy(still, in: 100..<118), in: stream)
            course.end(stream)
            course.now += 600
        }
        #expect(course.raised.isEmpty)
    }

    /// Flips one bit after the other, each in a showing of its own.
    private func probe(_ course: inout Course, _ count: Int, isOneStream: Bool = false) {
        let one = course.stream()
        for number in 0..<count {
            let stream = isOneStream ? one : course.stream()
            var words = Self.film[0].words
            words[number / 64 % 4] ^= 1 << UInt64(number % 64)
            // As often beyond the radius as within.
            course.show(PDQHash(words: words), distance: 31 + number % 2, in: stream)
            if !isOneStream { course.end(stream) }
            course.now += 90
        }
        course.end(one)
    }

    @Test(arguments: [false, true])
    func oneWhoFlipsBitByBitIsRaised(isOneStream: Bool) throws {
        var course = Course()
        probe(&course, 255, isOneStream: isOneStream)
        #expect(try #require(course.raised.first).variants <= 24)
        #expect(course.raised.map(\.variants) == [24, 48, 96, 192], "not at each of them")
    }

    @Test func aSecondPictureThatStaysTheSameHidesNothing() {
        // A known video needs two of its pictures for an alert.
        var course = Course()
        for number in 0..<30 {
            let stream = course.stream()
            var words = Self.film[0].words
            words[number / 64] ^= 1 << UInt64(number % 64)
            course.show(Self.film[1], of: 2, distance: 0, in: stream)
            course.show(PDQHash(words: words), of: 0, in: stream)
            course.end(stream)
            course.now += 5
        }
        #expect(course.raised.count == 1)
    }

    @Test func variantsOfDifferentPublishersAreNotAddedUp() {
        var course = Course()
        for number in 0..<40 {
            course.source = ProbingSource(.account, "a-\(number / 10)")
            let stream = course.stream()
            course.show(course.random.noisy(Self.film[0], in: 0..<256), in: stream)
            course.end(stream)
            course.now += 60
        }
        #expect(course.raised.isEmpty)
    }

    @Test func whatIsFarOrHasNoStructureIsNoShowing() {
        var tracker = ShowingTracker(radius: 31)
        var random = SeededGenerator(seed: 1)
        let stream = StreamID(AlertID(unixMilliseconds: 1, using: &random))
        var hit = Hit(
            item: 0, knownHash: 0, knownTime: 0, knownSpan: 0, distance: 40, variant: .original)
        #expect(tracker.observe([hit], of: stream, at: 0).isEmpty && tracker.count == 0)
        (hit.distance, hit.isLowStructure) = (3, true)
        #expect(tracker.observe([hit], of: stream, at: 0).isEmpty && tracker.count == 0)
        (hit.distance, hit.isLowStructure) = (39, false)
        #expect(tracker.observe([hit], of: stream, at: 0).isEmpty && tracker.count == 1)
        #expect(tracker.end(stream).count == 1 && tracker.count == 0)
    }

    @Test func aReplayGivesTheSame() {
        var (first, second) = (Course(), Course())
        for _ in 0..<3 {
            probe(&first, 60)
            probe(&second, 60)
        }
        #expect(first.raised.map(\.at) == second.raised.map(\.at) && !first.raised.isEmpty)
    }

    // MARK: - Hostile counts

    @Test func memoryIsBoundedAndAFloodHidesNobody() {
        var course = Course()
        probe(&course, 20)
        for number in 0..<ProbingDetector.most + 500 {
            course.source = ProbingSource(.address, "192.0.2.\(number)")
            let stream = course.stream()
            course.show(course.random.hash(), item: number % 7, in: stream)
            course.end(stream)
        }
        #expect(course.detector.count == ProbingDetector.most)
        course.source = ProbingSource(.account, "a-17")
        probe(&course, 40)
        #expect(!course.raised.isEmpty)
    }

    @Test func showingsThatNeverEndAreBounded() {
        var course = Course()
        let streams = (0..<ShowingTracker.most + 100).map { _ in course.stream() }
        for stream in streams { course.show(course.random.hash(), in: stream) }
        #expect(course.showings.count == ShowingTracker.most)
        #expect(course.detector.count > 0, "those that made room count")
    }

    @Test func timesThatJumpTrapNowhere() {
        var random = SeededGenerator(seed: 2)
        var detector = ProbingDetector()
        let known = KnownReference(set: "s", item: "i", category: "")
        let stream = StreamID(AlertID(unixMilliseconds: 1, using: &random))
        for now: Int64 in [.min, .max, 0, .min, -1, .max] {
            let picture = BriefShowing.Picture(time: .nan, query: random.hash())
            let showing = BriefShowing(stream: stream, known: known, pictures: [picture])
            _ = detector.note(showing, from: [ProbingSource(.host, "h")], at: now)
        }
        var tracker = ShowingTracker(radius: 31)
        let hit = Hit(
            item: 0, knownHash: 0, knownTime: -.infinity, knownSpan: .nan, distance: 3,
            variant: .original)
        for now in [Double.infinity, -.infinity, .nan, 0] {
            _ = tracker.observe([hit], of: stream, at: now)
        }
        #expect(detector.count >= 1 && tracker.count <= 1)
    }
}

// Statistics: quantiles against sorting, Wilson's interval against published values, and the sums of
// a planted database whose answers are known.

import Foundation
import GRDB
import Match
import Report
import TestSupport
import Testing

@Suite struct DurationSketchTests {
    private func sketch(_ values: [Int64]) -> DurationSketch {
        var sketch = DurationSketch()
        for value in values { sketch.add(value) }
        return sketch
    }

    @Test func ofNothingThereIsNoQuantile() {
        let none = DurationSketch()
        #expect(none.quantile(0.5) == nil && none.longest == nil && none.count == 0)
    }

    @Test func nearestRanks() {
        #expect(sketch([7]).quantile(0.5) == 7)
        let ten = sketch([10, 1, 9, 2, 8, 3, 7, 4, 6, 5])
        #expect(ten.quantile(0.5) == 5 && ten.quantile(0.9) == 9 && ten.quantile(1) == 10)
        #expect(ten.quantile(0) == 1 && ten.longest == 10 && ten.isExact)
    }

    /// A case on each side of the change from values to classes, and values of all sizes.
    @Test(arguments: [DurationSketch.mostExact, DurationSketch.mostExact + 1, 200_000])
    func quantilesAreThoseOfSorting(count: Int) throws {
        var random = SeededGenerator(seed: UInt64(count))
        let values = (0..<count).map { _ in
            Int64.random(in: 0...1, using: &random)
                + Int64.random(
                    in: 0...(1 << Int64.random(in: 0...40, using: &random)), using: &random)
        }
        let sketch = sketch(values)
        let sorted = values.sorted()
        #expect(sketch.isExact == (count <= DurationSketch.mostExact))
        #expect(sketch.longest == sorted.last && sketch.count == count)
        for share in [0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1] {
            let trueValue = sorted[min(count, Int((share * Double(count)).rounded(.up))) - 1]
            let found = try #require(sketch.quantile(share))
            let allowed = sketch.isExact ? 0 : Double(trueValue) / 2048
            #expect(abs(Double(found - trueValue)) <= allowed, "\(share): \(found), \(trueValue)")
        }
    }
}

@Suite struct ErrorRateTests {
    @Test func ofNothingThereIsNoRate() {
        #expect(ErrorRate().rate == nil && ErrorRate().interval == nil)
    }

    /// Values of R's `prop.test(x, n, correct = FALSE)`.
    @Test(arguments: [
        (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (5, 10, 0.2366, 0.7634),
        (1, 100, 0.0018, 0.0545), (50, 1000, 0.0381, 0.0653),
    ])
    func wilson(rejected: Int, of n: Int, low: Double, high: Double) throws {
        let errors = ErrorRate(confirmed: n - rejected, rejected: rejected)
        let interval = try #require(errors.interval)
        #expect(errors.rate == Double(rejected) / Double(n))
        #expect(abs(interval.lowerBound - low) < 6e-5 && abs(interval.upperBound - high) < 6e-5)
    }

    @Test func theRateLiesInItsInterval() throws {
        for n in 1...60 {
            for rejected in 0...n {
                let errors = ErrorRate(confirmed: n - rejected, rejected: rejected)
                let interval = try #require(errors.interval)
                #expect(interval.contains(try #require(errors.rate)))
                #expect(interval.lowerBound >= 0 && interval.upperBound <= 1)
            }
        }
    }
}

@Suite struct StatisticsTests {
    private let hour: Int64 = 3_600_000

    /// An alert of a live stream.
    private func live(_ number: Int, set: String = "birds", first: Int64) -> Alert {
        var alert = makeAlert(number, set: set)
        alert.stream = AlertStream(
            id: makeID(80).description, frameArrivedUnixMilliseconds: first + 100,
            examinedSeconds: 1, missedSeconds: 0, firstFrameArrivedUnixMilliseconds: first)
        return alert
    }

    private func request(now: Int64? = nil) -> StatisticsRequest {
        StatisticsRequest(from: noon - hour, to: noon + hour, now: now ?? noon + hour)
    }

    private func interval(
        _ interval: TimelineInterval, _ statistics: ReportStatistics
    ) -> DurationSketch? {
        statistics.intervals.first { $0.interval == interval }?.durations
    }

    @Test func ofNothing() throws {
        try withDirectory { directory in
            let statistics = try SQLiteStore(directory: directory).statistics(request())
            #expect(statistics.alerts == 0 && statistics.groups.isEmpty)
            #expect(statistics.intervals.allSatisfy { $0.durations.quantile(0.5) == nil })
            #expect(statistics.late.isEmpty && statistics.coverage.share == nil)
        }
    }

    @Test func sumsAndTimes() throws {
        try withDirectory { directory in
            let store = try SQLiteStore(directory: directory)
            // Their delays are 1, 2, … 10 s.
            for number in 1...10 {
                let set = number > 7 ? "trees" : "birds"
                _ = try store.open(
                    [live(number, set: set, first: noon - Int64(number) * 1000)], at: noon)
            }
            _ = try store.open([makeAlert(11)], at: noon + 5)
            // Neither of these counts: one is before, one at the end of the range.
            _ = try store.open([makeAlert(12)], at: noon - hour - 1)
            _ = try store.open([makeAlert(13)], at: noon + hour)
            for number in 1...4 {
                try store.add(AlertStep(.detected, at: noon), to: makeID(number))
                try store.add(AlertStep(.stopRequested, at: noon + 10), to: makeID(number))
                // Asked again: the first time counts.
                try store.add(AlertStep(.stopRequested, at: noon + 700), to: makeID(number))
            }
            for number in 1...3 {
                let gone = AlertStep(.confirmedGone, at: noon + 10 + Int64(number) * 200)
                try store.add(gone, to: makeID(number))
            }
            try store.add(AlertStep(.stopGivenUp, at: noon + 900), to: makeID(4))
            let said: [(Int, Verdict)] = [(1, .confirmed), (2, .rejected), (8, .takenOver)]
            for (number, verdict) in said {
                let feedback = Feedback(verdict, reason: "r", by: "b", at: noon + 60_000)
                _ = try store.add(feedback, to: makeID(number))
            }
            _ = try store.add(Feedback(.rejected, by: "b", at: noon + 90_000), to: makeID(1))

            let sums = try store.statistics(request())
            #expect(sums.alerts == 11 && sums.liveAlerts == 10)
            #expect(sums.groups[.set]?.mapValues(\.alerts) == ["birds": 8, "trees": 3])
            #expect(sums.groups[.category]?.mapValues(\.alerts) == ["benign": 11])
            #expect(sums.groups[.set]?["birds"]?.errors == ErrorRate(confirmed: 0, rejected: 2))
            #expect(sums.groups[.set]?["trees"]?.errors.decided == 0)
            #expect(sums.reports[.queued] == 15 && sums.reports[.dead] == 0)
            #expect(sums.verdicts == [.confirmed: 0, .rejected: 2, .takenOver: 1])
            let stops = sums.stops
            #expect(stops.calledFor == 4 && stops.requested == 4 && stops.held == 0)
            #expect(stops.confirmedGone == 3 && stops.endedByItself == 0 && stops.givenUp == 1)
            let alert = try #require(interval(.firstFrameToAlert, sums))
            #expect(alert.count == 10 && alert.quantile(0.5) == 5000)
            #expect(alert.quantile(0.9) == 9000 && alert.longest == 10_000)
            let gone = try #require(interval(.stopRequestedToGone, sums))
            #expect(gone.count == 3 && gone.quantile(0.5) == 400 && gone.longest == 600)
            #expect(interval(.firstFrameToGone, sums)?.longest == 3610)
            #expect(interval(.alertToFeedback, sums)?.quantile(0.5) == 60_000)
            #expect(interval(.alertToAccepted, sums) == nil, "nothing was accepted")

            var without = request()
            without.exceptSet = "birds"
            #expect(try store.statistics(without).alerts == 3)
        }
    }

    @Test func whatIsLate() throws {
        try withDirectory { directory in
            let store = try SQLiteStore(directory: directory)
            _ = try store.open((1...5).map { live($0, first: noon) }, at: noon)
            for number in [1, 2] {
                try store.add(AlertStep(.detected, at: noon), to: makeID(number))
            }
            try store.add(AlertStep(.confirmedGone, at: noon + 72 * hour), to: makeID(1))
            try store.add(AlertStep(.endedByItself, at: noon + 72 * hour + 1), to: makeID(2))
            _ = try store.add(Feedback(.takenOver, by: "b", at: noon + 1), to: makeID(3))
            // That it is what it says does not remove it.
            _ = try store.add(Feedback(.confirmed, by: "b", at: noon + 1), to: makeID(4))
            let at = { (now: Int64) in try store.statistics(request(now: now)) }
            #expect(try at(noon + 72 * hour).late.map(\.id) == [makeID(2)])
            let late = try at(noon + 80 * hour)
            #expect(Set(late.late.map(\.id)) == Set([2, 4, 5].map(makeID)) && late.lateCount == 3)
            let removed = late.late.map(\.removedUnixMilliseconds)
            #expect(removed.compactMap(\.self) == [noon + 72 * hour + 1])
            var soon = request(now: noon + 2)
            soon.lateAfter = 1
            #expect(try store.statistics(soon).lateCount == 4)
        }
    }

    @Test func aWithdrawnRejectionRemovesNothing() throws {
        try withDirectory { directory in
            let store = try SQLiteStore(directory: directory)
            _ = try store.open((1...3).map { live($0, first: noon) }, at: noon)
            let said: [(Int, Verdict, Int64)] = [
                (1, .rejected, 1), (1, .confirmed, 2),
                (2, .confirmed, 1), (2, .rejected, 2), (2, .rejected, 3),
                (3, .takenOver, 1), (3, .confirmed, 2),
            ]
            for (number, verdict, hours) in said {
                _ = try store.add(
                    Feedback(verdict, by: "\(hours)", at: noon + hours * hour), to: makeID(number))
            }
            let late = try store.statistics(request(now: noon + 80 * hour))
            #expect(late.late.map(\.id) == [makeID(1)])
            #expect(late.late.map(\.removedUnixMilliseconds) == [nil])
            var soon = request(now: noon + 80 * hour)
            soon.lateAfter = 1
            let removed = try store.statistics(soon).late.map(\.removedUnixMilliseconds)
            #expect(removed == [nil, noon + 2 * hour, noon + hour])
        }
    }

    @Test func whatEndsBeforeItBeginsIsLeftOut() throws {
        try withDirectory { directory in
            let store = try SQLiteStore(directory: directory)
            _ = try store.open([live(1, first: noon + 50), live(2, first: noon - 50)], at: noon)
            let figures = try #require(
                try store.statistics(request()).intervals.first {
                    $0.interval == .firstFrameToAlert
                })
            #expect(figures.leftOut == 1 && figures.durations.count == 1)
        }
    }

    @Test func coverageOfTheRange() throws {
        try withDirectory { directory in
            let store = try SQLiteStore(directory: directory)
            let id = StreamID(makeID(80))
            _ = try store.add(
                WatchedStream(
                    id: id, address: "rtmp://a/b/c", name: "c", startedUnixMilliseconds: noon))
            let first = noon / 60_000 * 60
            try store.record(
                (Int64(0)..<120).map { number in
                    var minute = CoverageMinute(startUnixSeconds: first + number * 60)
                    minute.examinedSeconds = 45
                    minute.missedSeconds = [.overload: 15]
                    return CoverageEntry(
                        stream: id, sessionUnixMilliseconds: noon, minute: minute)
                })
            let coverage = try store.statistics(request()).coverage
            #expect(coverage.streams == 1 && coverage.share == 0.75)
            #expect(coverage.missedSeconds.keys.map(\.self) == [.overload])
            #expect((59...61).contains(coverage.seconds / 60))
        }
    }

    @Test func acceptancesByEndpoint() throws {
        try withDirectory { directory in
            let store = try SQLiteStore(directory: directory)
            let reports = try store.open((1...3).map { live($0, first: noon) }, at: noon)
            try DatabaseQueue(path: store.path).write { database in
                let insert = """
                    INSERT INTO deliveries (report_id, endpoint, state, attempts, due_ms,
                        accepted_ms, updated_ms)
                    VALUES (?1, ?2, ?3, 1, iif(?3 = 'retrying', 1, NULL), ?4, 1)
                    """
                let rows: [(Int, String, String, Int64?)] = [
                    (0, "desk", "delivered", noon + 100), (0, "law", "delivered", noon + 300),
                    (1, "desk", "delivered", noon + 200), (1, "law", "dead", nil),
                    (2, "desk", "retrying", nil),
                ]
                for (number, endpoint, state, time) in rows {
                    try database.execute(
                        sql: insert,
                        arguments: [reports[number].id.description, endpoint, state, time])
                }
            }
            let again = try SQLiteStore(directory: directory)
            let figures = try again.statistics(request()).intervals.filter {
                $0.interval == .alertToAccepted
            }
            #expect(figures.map(\.group) == ["desk", "law"])
            #expect(figures.map(\.durations.count) == [2, 1])
            #expect(figures.map { $0.durations.longest } == [200, 300])
            let accepted = try again.timeline(of: makeID(1))?.entries.suffix(2)
            #expect(
                accepted == [
                    .init(.accepted, at: noon + 100, detail: "desk"),
                    .init(.accepted, at: noon + 300, detail: "law"),
                ])
            // They go with their report.
            for number in 1...3 { try again.update(makeAlert(number), closed: true, at: noon) }
            _ = try again.take(again.turn(wants: ["desk": 9]), at: noon)
            _ = try again.take(
                again.turn(steps: [DeliveryStep(.succeeded, reports[2].id, to: "desk")]), at: noon)
            try again.settle()
            var sweep = RetentionSweep(RetentionPolicy(), at: noon + 366 * 24 * hour)
            while try sweep.step(again) {}
            #expect(sweep.erased[.alerts] == 3)
        }
    }

    /// Names come from lists and may be many.
    @Test func groupsAreBounded() {
        var tally = StatisticsTally(request())
        for number in 0..<(ReportStatistics.mostNames + 50) {
            tally.add(
                AlertFacts(
                    id: makeID(number), set: "s", category: "c\(number)", rule: "r", input: "i",
                    opened: noon))
        }
        let categories = tally.finish().groups[.category]
        #expect(categories?.count == ReportStatistics.mostNames + 1)
        #expect(categories?[ReportStatistics.otherNames]?.alerts == 50)
    }
}

// Retention erases what is due and nothing that somebody still needs. The time is passed in, so years
// go by at once.

import Foundation
import GRDB
import Match
import Report
import Testing

private let day: Int64 = 86_400_000

private func makeStream(_ number: Int) -> WatchedStream {
    WatchedStream(
        id: StreamID(makeID(number)), address: "rtmp://media.example/live/key\(number)",
        name: "rtmp://media.example/live/ke…", labels: ["room": "\(number)"],
        place: StreamPlace(server: "edge", path: "live/key\(number)"),
        publisher: StreamPublisher(id: "7", peer: "192.0.2.1:5000"),
        startedUnixMilliseconds: noon)
}

@Suite struct RetentionTests {
    @Test(arguments: AftermathConformance.allCases)
    func conforms(_ promise: AftermathConformance) throws {
        try withDirectory { try promise.check(SQLiteStore(directory: $0)) }
    }

    /// Runs a sweep to its end.
    private func sweep(
        _ store: SQLiteStore, _ policy: RetentionPolicy = RetentionPolicy(), days: Int64,
        isDry: Bool = false
    ) throws -> RetentionSweep {
        var sweep = RetentionSweep(policy, at: noon + days * day, isDry: isDry)
        var steps = 0
        while try sweep.step(store) {
            steps += 1
            try #require(steps < 1000, "it does not end")
        }
        return sweep
    }

    /// Alerts that ended at noon and whose reports arrived.
    private func plant(_ numbers: ClosedRange<Int>, in store: SQLiteStore) throws {
        let alerts = numbers.map { makeAlert($0) }
        _ = try store.open(alerts, at: noon)
        for alert in alerts { try store.update(alert, closed: true, at: noon) }
        try store.settle()
    }

    private func numbers(in store: SQLiteStore, of all: ClosedRange<Int>) throws -> [Int] {
        try all.filter { try store.report(id: makeID($0)) != nil }
    }

    @Test func erasesAlertsWithAllThatBelongsToThem() throws {
        try withDirectory { directory in
            let store = try SQLiteStore(directory: directory)
            try plant(1...2, in: store)
            for step in [AlertStep(.detected, at: noon), AlertStep(.confirmedGone, at: noon)] {
                try store.add(step, to: makeID(1))
            }
            try store.deny(
                Denial(
                    place: StreamPlace(server: "edge", path: "one"), alert: makeID(1),
                    sinceUnixMilliseconds: noon, untilUnixMilliseconds: noon + 1))
            _ = try store.add(Feedback(.confirmed, by: "x", at: noon), to: makeID(1))
            #expect(try sweep(store, days: 365).erased[.alerts] == 0, "not due yet")
            let swept = try sweep(store, days: 366)
            #expect(swept.erased[.alerts] == 2 && swept.kept[.alerts] == [:])
            let database = try DatabaseQueue(path: store.path)
            for table in ["alerts", "reports", "alert_steps", "denials", "feedback"] {
                let left = try database.read { database in
                    try Int.fetchOne(database, sql: "SELECT COUNT(*) FROM \(table)")
                }
                #expect(left == 0, "\(table)")
            }
        }
    }

    @Test func keepsWhatIsNeeded() throws {
        try withDirectory { directory in
            let store = try SQLiteStore(directory: directory)
            try plant(1...5, in: store)
            try store.keep(
                LegalHold(
                    id: makeID(90), kind: .alert, subject: makeID(1), authority: "office",
                    reason: "", sinceUnixMilliseconds: noon), by: "user:root")
            try store.add(AlertStep(.detected, at: noon), to: makeID(2))
            try store.deny(
                Denial(
                    place: StreamPlace(server: "edge", path: "one"), alert: makeID(3),
                    sinceUnixMilliseconds: noon, untilUnixMilliseconds: noon + 500 * day))
            // Its report did not arrive.
            _ = try store.open([makeAlert(6)], at: noon)
            try store.update(makeAlert(6), closed: true, at: noon)
            _ = try store.take(store.turn(), at: noon)
            // It goes on: its stream is still watched.
            _ = try store.add(makeStream(80))
            var live = makeAlert(7)
            live.stream = AlertStream(
                id: makeID(80).description, frameArrivedUnixMilliseconds: noon,
                examinedSeconds: 1, missedSeconds: 0)
            _ = try store.open([live], at: noon)

            let dry = try sweep(store, days: 400, isDry: true)
            #expect(try numbers(in: store, of: 1...7) == [1, 2, 3, 4, 5, 6, 7])
            let swept = try sweep(store, days: 400)
            #expect(swept.erased == dry.erased && swept.kept == dry.kept)
            #expect(swept.erased[.alerts] == 2)
            #expect(
                swept.kept[.alerts] == [
                    .legalHold: 1, .stopUnfinished: 1, .denialInForce: 1, .notDelivered: 1,
                    .open: 1,
                ])
            #expect(try numbers(in: store, of: 1...7) == [1, 2, 3, 6, 7])
            // What kept two of them ends.
            #expect(
                try store.releaseLegalHolds(makeID(90), by: "user:root", at: noon + 400 * day) == 1)
            try store.add(AlertStep(.stopGivenUp, at: noon), to: makeID(2))
            #expect(try sweep(store, days: 401).erased[.alerts] == 2)
            #expect(try numbers(in: store, of: 1...7) == [3, 6, 7])
        }
    }

    @Test func aLegalHoldOnAStreamKeepsItsAlerts() throws {
        try withDirectory { directory in
            let store = try SQLiteStore(directory: directory)
            for number in [81, 82] { _ = try store.add(makeStream(number)) }
            for (alert, stream) in [(1, 81), (2, 82)] {
                var live = makeAlert(alert)
                live.stream = AlertStream(
                    id: makeID(stream).description, frameArrivedUnixMilliseconds: noon,
                    examinedSeconds: 1, missedSeconds: 0)
                _ = try store.open([live], at: noon)
                try store.update(live, closed: true, at: noon)
                try store.settle(.abandoned)
                try store.end(StreamID(makeID(stream)), at: noon, reason: "asked")
            }
            try store.keep(
                LegalHold(
                    id: makeID(90), kind: .stream, subject: makeID(81), authority: "office",
                    reason: "", sinceUnixMilliseconds: noon), by: "user:root")
            let swept = try sweep(store, days: 500)
            #expect(try numbers(in: store, of: 1...2) == [1])
            #expect(swept.kept[.alerts] == [.legalHold: 1])
            #expect(swept.erased[.streams] == 1 && swept.kept[.streams] == [.legalHold: 1])
            #expect(try store.stream(StreamID(makeID(81)))?.publisher.peer == "192.0.2.1:5000")
            #expect(try store.stream(StreamID(makeID(82))) == nil)
        }
    }

    @Test func rejectedAlertsGoEarlier() throws {
        try withDirectory { directory in
            let store = try SQLiteStore(directory: directory)
            try plant(1...4, in: store)
            for number in 1...3 {
                let feedback = Feedback(.rejected, reason: "no", by: "x", at: noon + day)
                _ = try store.add(feedback, to: makeID(number))
            }
            // The newest verdict counts.
            _ = try store.add(Feedback(.confirmed, by: "y", at: noon + 2 * day), to: makeID(2))
            #expect(try sweep(store, days: 31).erased[.rejectedAlerts] == 0)
            var kept = RetentionPolicy()
            kept.rejectedAlertsDays = 0
            #expect(try sweep(store, kept, days: 100).erased.values.reduce(0, +) == 0)
            #expect(try sweep(store, days: 32).erased[.rejectedAlerts] == 2)
            #expect(try numbers(in: store, of: 1...4) == [2, 4])
        }
    }

    @Test func anAlertThatWasNeverClosedIsNotKeptForEver() throws {
        try withDirectory { directory in
            let store = try SQLiteStore(directory: directory)
            // Of a scan that was killed.
            _ = try store.open([makeAlert(1)], at: noon)
            try store.settle()
            var short = RetentionPolicy()
            short.alertsDays = 1
            #expect(try sweep(store, short, days: 29).kept[.alerts] == [.open: 1])
            #expect(try sweep(store, short, days: 31).erased[.alerts] == 1)
        }
    }

    @Test func coverageAndStreamsHaveTimesOfTheirOwn() throws {
        try withDirectory { directory in
            let store = try SQLiteStore(directory: directory)
            let ids = [81, 82].map { StreamID(makeID($0)) }
            for number in [81, 82] { _ = try store.add(makeStream(number)) }
            let first = noon / 60_000 * 60
            for start in stride(from: Int64(0), to: 5000, by: 1000) {
                try store.record(
                    ids.flatMap { id in
                        (start..<start + 1000).map { minute in
                            var entry = CoverageMinute(startUnixSeconds: first + minute * 60)
                            entry.examinedSeconds = 60
                            return CoverageEntry(
                                stream: id, sessionUnixMilliseconds: noon, minute: entry)
                        }
                    })
            }
            try store.end(ids[0], at: noon, reason: "asked")

            // The first stream's name goes; its coverage stays for as long as all coverage does.
            let early = try sweep(store, days: 370)
            #expect(early.erased[.streams] == 1 && early.erased[.coverage] == 0)
            let bare = try #require(try store.stream(ids[0]))
            #expect(bare.name.isEmpty && bare.labels.isEmpty && bare.place == nil)
            #expect(bare.publisher == StreamPublisher(id: nil, peer: nil))
            #expect(try store.total(of: ids[0])?.examinedSeconds == 5000 * 60)
            #expect(try store.stream(ids[1])?.name.isEmpty == false, "it is watched")

            // About a day of minutes is due two days later, of both.
            let dry = try sweep(store, days: 401, isDry: true)
            let some = try sweep(store, days: 401)
            #expect(some.erased[.coverage] == dry.erased[.coverage])
            #expect((2878...2884).contains(try #require(some.erased[.coverage])))
            let all = try sweep(store, days: 410)
            #expect(
                try #require(all.erased[.coverage]) + #require(some.erased[.coverage]) == 10_000)
            #expect(try store.stream(ids[0]) == nil)
            #expect(try store.stream(ids[1])?.isWatched == true)
        }
    }

    @Test func manyAreErasedInSteps() throws {
        try withDirectory { directory in
            let store = try SQLiteStore(directory: directory)
            // At once, since a transaction for each takes long.
            _ = try store.open((1...1203).map { makeAlert($0) }, at: noon)
            try DatabaseQueue(path: store.path).write { database in
                try database.execute(
                    sql: "UPDATE alerts SET closed_ms = \(noon)")
                try database.execute(sql: "UPDATE reports SET state = 'dead'")
            }
            try store.keep(
                LegalHold(
                    id: makeID(9000), kind: .alert, subject: makeID(600), authority: "office",
                    reason: "", sinceUnixMilliseconds: noon), by: "user:root")
            var sweep = RetentionSweep(RetentionPolicy(), at: noon + 366 * day)
            var most = 0
            var before = 0
            while try sweep.step(store) {
                most = max(most, (sweep.erased[.alerts] ?? 0) - before)
                before = sweep.erased[.alerts] ?? 0
            }
            #expect(sweep.erased[.alerts] == 1202 && sweep.kept[.alerts] == [.legalHold: 1])
            #expect(most == 200)
        }
    }

    @Test func reportsAboutNoAlertAndRequestsThatAreOverGoInTheirOwnTime() throws {
        try withDirectory { directory in
            let store = try SQLiteStore(directory: directory)
            try plant(1...1, in: store)
            let payload = EventPayload.test(
                message: "hello", at: noon, origin: testComposer.origin)
            let draft = EventDraft("webhook.test", about: "hello") { payload.body(id: $0) }
            _ = try store.queue([draft, draft], at: noon)
            try store.settle()
            let stream = StreamID(makeID(81))
            _ = try store.add(makeStream(81))
            try store.end(stream, at: noon, reason: "asked")
            let ofStream = EventDraft("webhook.test", about: "hello", stream: stream) {
                payload.body(id: $0)
            }
            let waiting = try store.queue([ofStream], at: noon)
            _ = try store.take(store.turn(), at: noon)
            try store.keep(
                Hold(
                    id: makeID(80), place: StreamPlace(server: "edge", path: "one"),
                    authority: "office", reason: "", sinceUnixMilliseconds: noon,
                    untilUnixMilliseconds: noon + 1), by: "user:root")
            for (number, end) in [(90, noon + 1), (91, nil)] {
                try store.keep(
                    LegalHold(
                        id: makeID(number), kind: .alert, subject: makeID(1),
                        authority: "office", reason: "", sinceUnixMilliseconds: noon,
                        untilUnixMilliseconds: end), by: "user:root")
            }
            var policy = RetentionPolicy()
            policy.alertsDays = 0
            let dry = try sweep(store, policy, days: 91, isDry: true)
            #expect(dry.erased[.otherReports] == 2)
            #expect(try sweep(store, policy, days: 90).erased[.otherReports] == 0, "not due yet")
            let swept = try sweep(store, policy, days: 91)
            #expect(swept.erased[.otherReports] == 2 && swept.erased[.holds] == 0)
            #expect(swept.kept[.otherReports] == [.notDelivered: 1])
            let streams = try sweep(store, policy, days: 366)
            #expect(streams.kept[.streams] == [.notDelivered: 1])
            #expect(try store.report(id: waiting[0]) != nil)
            #expect(try sweep(store, policy, days: 1096).erased[.holds] == 2)
            #expect(try store.legalHolds(at: noon).map(\.id) == [makeID(91)])
            #expect(try numbers(in: store, of: 1...1) == [1])
        }
    }

    @Test func nothingIsDueWhereAllIsKeptForEver() throws {
        try withDirectory { directory in
            let store = try SQLiteStore(directory: directory)
            try plant(1...3, in: store)
            var policy = RetentionPolicy()
            policy.alertsDays = 0
            policy.rejectedAlertsDays = 0
            (policy.streamsDays, policy.coverageDays) = (0, 0)
            (policy.otherReportsDays, policy.holdsDays) = (0, 0)
            #expect(try sweep(store, policy, days: 40_000).erased.values.reduce(0, +) == 0)
            #expect(try numbers(in: store, of: 1...3) == [1, 2, 3])
        }
    }
}

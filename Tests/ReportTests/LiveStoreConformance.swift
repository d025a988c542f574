// What every store of streams, of the ledger and of actions must do, one case a promise. A store's
// tests run each case on a new, empty store.

import Match
import Report
import Testing

typealias LiveStore = ActionStore & CoverageStore & ReportStore & StreamStore & SuspicionStore

enum LiveStoreConformance: String, CaseIterable {
    case addsOnce, raisesWhatIsKnown, keepsWhoPublishes, endsOnce, watchesAgain, listsStreams,
        findsByPlace
    case alertsCarryTheirStream, closesWhatWasLeftOpen
    case ledgerReplaces, ledgerSumsSessions, ledgerRanges, ledgerIsAtomic
    case stepsKeepTheirOrder, stepsAreBounded, findsUnfinishedStops
    case denialsEnd, denialsAreLifted, holdsEnd
    case remembersSuspicions, suspicionsAreBounded

    func check(_ store: any LiveStore) throws {
        switch self {
        case .addsOnce: try checkAdding(store)
        case .raisesWhatIsKnown: try checkRaising(store)
        case .keepsWhoPublishes: try checkPublisher(store)
        case .endsOnce: try checkEnding(store)
        case .watchesAgain: try checkWatchingAgain(store)
        case .listsStreams: try checkListing(store)
        case .findsByPlace: try checkPlaces(store)
        case .alertsCarryTheirStream: try checkAlerts(store)
        case .closesWhatWasLeftOpen: try checkAbandoned(store)
        case .ledgerReplaces: try checkReplacing(store)
        case .ledgerSumsSessions: try checkSums(store)
        case .ledgerRanges: try checkRanges(store)
        case .ledgerIsAtomic: try checkLedgerAtomicity(store)
        case .stepsKeepTheirOrder: try checkSteps(store)
        case .stepsAreBounded: try checkManySteps(store)
        case .findsUnfinishedStops: try checkUnfinished(store)
        case .denialsEnd: try checkDenials(store)
        case .denialsAreLifted: try checkLifting(store)
        case .holdsEnd: try checkHolds(store)
        case .remembersSuspicions: try checkSuspicions(store)
        case .suspicionsAreBounded: try checkManySuspicions(store)
        }
    }
}

private func makeStream(_ number: Int, place: StreamPlace? = nil) -> WatchedStream {
    WatchedStream(
        id: StreamID(makeID(number)), address: "rtmp://media.example/live/key\(number)",
        name: "rtmp://media.example/live/ke…", labels: ["channel": "\(number)"], isPriority: true,
        place: place, publisher: StreamPublisher(id: "7", peer: "192.0.2.1:5000"),
        startedUnixMilliseconds: noon)
}

// MARK: Suspicions

private func makeSuspicion(_ number: Int, fell: Int64 = noon) -> StreamSuspicion {
    let digits = String(number, radix: 16)
    return StreamSuspicion(
        key: String(repeating: "0", count: 64 - digits.count) + digits, falls: number,
        isOnProbation: number % 2 == 0, fellUnixMilliseconds: fell,
        nextUnixMilliseconds: fell + 600_000, reason: "the service fell")
}

private func checkSuspicions(_ store: any LiveStore) throws {
    #expect(try store.suspicions().isEmpty)
    var all = (1...3).map { makeSuspicion($0, fell: noon + Int64($0)) }
    try store.record(all, forgetting: ["nobody"])
    #expect(try store.suspicions() == all.reversed(), "those that fell last first")
    all[0].falls = 9
    try store.record([all[0]], forgetting: [all[1].key])
    #expect(try store.suspicions() == [all[2], all[0]])
    // It outlives the watch of its address.
    let stream = makeStream(1)
    _ = try store.add(stream)
    try store.end(stream.id, at: noon, reason: "asked")
    #expect(try store.suspicions().count == 2)
    var broken = all[2]
    broken.falls = 0
    #expect(throws: ReportError.self) {
        try store.record([all[1], broken], forgetting: [all[0].key])
    }
    #expect(try store.suspicions() == [all[2], all[0]], "all or nothing")
}

private func checkManySuspicions(_ store: any LiveStore) throws {
    try store.record((1...10_005).map { makeSuspicion($0, fell: noon + Int64($0)) }, forgetting: [])
    let kept = try store.suspicions()
    #expect(kept.count == 10_000 && kept.last?.falls == 6, "the oldest go")
}

// MARK: Streams

private func checkAdding(_ store: any LiveStore) throws {
    let stream = makeStream(1)
    let first = try store.add(stream)
    #expect(first.isNew && first.stream == stream)
    var other = makeStream(2)
    other.address = stream.address
    let second = try store.add(other)
    #expect(!second.isNew && second.stream.id == stream.id)
    #expect(try store.isWatched(address: stream.address))
    #expect(try !store.isWatched(address: "rtmp://media.example/live/key2"))
    #expect(try store.stream(stream.id) == stream)
    #expect(try store.stream(other.id) == nil)
}

private func checkRaising(_ store: any LiveStore) throws {
    var stream = makeStream(1)
    (stream.isPriority, stream.isKept) = (false, true)
    _ = try store.add(stream)
    var asked = makeStream(2, place: StreamPlace(server: "edge", path: "live/one"))
    (asked.address, asked.isTrusted) = (stream.address, true)
    let known = try store.add(asked).stream
    #expect(known.id == stream.id && known.isTrusted && known.isPriority && known.isKept)
    #expect(known.place == asked.place && known.labels == stream.labels)
    #expect(try store.add(stream).stream == known, "nothing is taken back")
    #expect(try store.stream(stream.id) == known)
}

private func checkPublisher(_ store: any LiveStore) throws {
    var stream = makeStream(1)
    _ = try store.add(stream)
    let first = stream.publisher
    stream.publisher = StreamPublisher(id: "8", peer: nil)
    #expect(try store.add(stream).stream.publisher == first, "who asks need not be who publishes")
    try store.record(stream.publisher, of: stream.id)
    #expect(try store.stream(stream.id)?.publisher == stream.publisher)
    try store.end(stream.id, at: noon, reason: "asked")
    try store.record(first, of: stream.id)
    #expect(try store.stream(stream.id)?.publisher == stream.publisher)
}

private func checkEnding(_ store: any LiveStore) throws {
    let stream = makeStream(1)
    _ = try store.add(stream)
    try store.end(stream.id, at: noon + 5, reason: "asked")
    try store.end(stream.id, at: noon + 9, reason: "again")
    let ended = try #require(try store.stream(stream.id))
    #expect(ended.endedUnixMilliseconds == noon + 5 && ended.endReason == "asked")
    #expect(!ended.isWatched && ended.address.isEmpty)
    let error = try reportError { try store.end(StreamID(makeID(9)), at: noon, reason: "none") }
    #expect(error.code == .notFound)
}

private func checkWatchingAgain(_ store: any LiveStore) throws {
    let stream = makeStream(1)
    _ = try store.add(stream)
    try store.end(stream.id, at: noon + 5, reason: "asked")
    var again = makeStream(2)
    again.address = stream.address
    #expect(try store.add(again).isNew)
    #expect(try store.streams(watchedOnly: true, limit: 10, before: nil).map(\.id) == [again.id])
}

private func checkListing(_ store: any LiveStore) throws {
    for number in 1...5 { _ = try store.add(makeStream(number)) }
    let all = try store.streams(watchedOnly: false, limit: 3, before: nil)
    let rest = try store.streams(watchedOnly: false, limit: 3, before: all.last?.id)
    #expect((all + rest).map(\.id) == (1...5).map { StreamID(makeID($0)) }.sorted().reversed())
    try store.end(all[0].id, at: noon, reason: "asked")
    #expect(try store.streams(watchedOnly: true, limit: 10, before: nil).count == 4)
}

private func checkPlaces(_ store: any LiveStore) throws {
    let place = StreamPlace(server: "edge", path: "live/one")
    let stream = makeStream(1, place: place)
    _ = try store.add(stream)
    _ = try store.add(makeStream(2, place: StreamPlace(server: "edge", path: "live/two")))
    #expect(try store.stream(at: place) == stream)
    try store.end(stream.id, at: noon, reason: "unpublished")
    #expect(try store.stream(at: place) == nil)
}

private func checkAlerts(_ store: any LiveStore) throws {
    var alert = makeAlert(1)
    alert.stream = AlertStream(
        id: makeID(7).description, frameArrivedUnixMilliseconds: noon - 40, examinedSeconds: 58.5,
        missedSeconds: 1.5)
    _ = try store.open([alert, makeAlert(2)], at: noon)
    #expect(try store.report(id: alert.id)?.alert == alert)
    #expect(try store.report(id: makeID(2))?.alert?.stream == nil)
    alert.stream?.examinedSeconds = 100
    try store.update(alert, closed: true, at: noon + 1)
    #expect(try store.report(id: alert.id)?.alert == alert)
}

private func checkAbandoned(_ store: any LiveStore) throws {
    let stream = makeStream(9)
    _ = try store.add(stream)
    var alerts = (1...3).map { makeAlert($0) }
    let facts = AlertStream(
        id: stream.id.description, frameArrivedUnixMilliseconds: noon, examinedSeconds: 1,
        missedSeconds: 0)
    alerts[0].stream = facts
    alerts[1].stream = facts
    // The third is of a scan, or of a stream that is watched in the foreground.
    _ = try store.open(alerts, at: noon)
    try store.update(alerts[0], closed: true, at: noon + 1)
    #expect(try store.closeAbandonedAlerts(at: noon + 9) == 1)
    let closed = try (1...3).map { try store.report(id: makeID($0))?.closedUnixMilliseconds }
    #expect(closed == [noon + 1, noon + 9, nil])
    #expect(try store.closeAbandonedAlerts(at: noon + 10) == 0)
}

// MARK: The ledger

private let minute: Int64 = noon / 1000 / 60 * 60

private func makeEntry(
    _ number: Int, minute start: Int64 = minute, session: Int64 = noon, examined: Double = 40
) -> CoverageEntry {
    var minute = CoverageMinute(startUnixSeconds: start)
    minute.examinedSeconds = examined
    for (place, cause) in MissedCause.allCases.enumerated() {
        minute.missedSeconds[cause] = Double(place + 1)
    }
    minute.samples = 20
    minute.gaps = 2
    return CoverageEntry(
        stream: StreamID(makeID(number)), sessionUnixMilliseconds: session, minute: minute)
}

private func checkReplacing(_ store: any LiveStore) throws {
    _ = try store.add(makeStream(1))
    try store.record([makeEntry(1, examined: 10)])
    let entry = makeEntry(1)
    try store.record([entry])
    #expect(try store.total(of: entry.stream) == entry.minute)
    #expect(try store.total(of: StreamID(makeID(5))) == nil)
}

private func checkSums(_ store: any LiveStore) throws {
    _ = try store.add(makeStream(1))
    try store.record([
        makeEntry(1), makeEntry(1, session: noon + 1), makeEntry(1, minute: minute + 60),
    ])
    let minutes = try store.minutes(
        of: StreamID(makeID(1)), in: minute..<minute + 120, limit: 10)
    #expect(minutes.map(\.startUnixSeconds) == [minute, minute + 60])
    #expect(minutes.map(\.examinedSeconds) == [80, 40])
    #expect(minutes.map(\.samples) == [40, 20] && minutes.map(\.gaps) == [4, 2])
    #expect(
        minutes[0].missedSeconds[.overload] == 2 * makeEntry(1).minute.missedSeconds[.overload]!)
    #expect(try store.total(of: StreamID(makeID(1)))?.examinedSeconds == 120)
    try store.record([makeEntry(1, minute: minute + 60, session: -noon, examined: 3)])
    let last = try #require(try store.lastMinute(of: StreamID(makeID(1))))
    #expect(last.startUnixSeconds == minute + 60 && last.examinedSeconds == 43)
    #expect(try store.lastMinute(of: StreamID(makeID(2))) == nil)
}

private func checkRanges(_ store: any LiveStore) throws {
    _ = try store.add(makeStream(1))
    try store.record((0..<5).map { makeEntry(1, minute: minute + Int64($0) * 60) })
    let id = StreamID(makeID(1))
    let middle = try store.minutes(of: id, in: minute + 60..<minute + 180, limit: 10)
    #expect(middle.map(\.startUnixSeconds) == [minute + 60, minute + 120])
    #expect(try store.minutes(of: id, in: 0..<Int64.max, limit: 3).count == 3)
    #expect(try store.minutes(of: StreamID(makeID(2)), in: 0..<Int64.max, limit: 3).isEmpty)
}

private func checkLedgerAtomicity(_ store: any LiveStore) throws {
    _ = try store.add(makeStream(1))
    // The second names a stream that there is not.
    _ = try reportError { try store.record([makeEntry(1), makeEntry(2)]) }
    #expect(try store.total(of: StreamID(makeID(1))) == nil)
}

// MARK: Actions

private func checkSteps(_ store: any LiveStore) throws {
    let alert = makeAlert(1)
    _ = try store.open([alert], at: noon)
    let steps = [
        AlertStep(.detected, at: noon), AlertStep(.stopRequested, at: noon + 9, detail: "edge"),
        AlertStep(.confirmedGone, at: noon + 5),
    ]
    for step in steps { try store.add(step, to: alert.id) }
    #expect(try store.steps(of: alert.id) == steps)
    #expect(try store.steps(of: makeID(2)).isEmpty)
    let error = try reportError { try store.add(steps[0], to: makeID(2)) }
    #expect(error.code == .notFound)
}

private func checkManySteps(_ store: any LiveStore) throws {
    let alert = makeAlert(1)
    _ = try store.open([alert], at: noon)
    let long = String(repeating: "x", count: 10_000)
    for _ in 0..<100 {
        try store.add(AlertStep(.republishDenied, at: noon, detail: long), to: alert.id)
    }
    #expect(try store.steps(of: alert.id).count == 40, "whoever is refused does not fill them")
    for _ in 0..<250 {
        try store.add(AlertStep(.stopFailed, at: noon, detail: long), to: alert.id)
    }
    try store.add(AlertStep(.confirmedGone, at: noon, detail: long), to: alert.id)
    let steps = try store.steps(of: alert.id)
    #expect(
        steps.count == 201 && steps.last?.kind == .confirmedGone
            && steps.allSatisfy { $0.detail.count == 300 })
}

private func checkUnfinished(_ store: any LiveStore) throws {
    _ = try store.open((1...4).map { makeAlert($0) }, at: noon)
    for number in 1...3 { try store.add(AlertStep(.detected, at: noon), to: makeID(number)) }
    try store.add(AlertStep(.confirmedGone, at: noon), to: makeID(1))
    try store.add(AlertStep(.stopGivenUp, at: noon), to: makeID(2))
    #expect(try store.unfinishedStops() == [makeID(3)])
}

private let place = StreamPlace(server: "edge", path: "live/one")

private func makeDenial(_ place: StreamPlace = place, until: Int64) -> Denial {
    Denial(
        place: place, alert: makeID(1), sinceUnixMilliseconds: noon, untilUnixMilliseconds: until)
}

private func checkDenials(_ store: any LiveStore) throws {
    _ = try store.open([makeAlert(1)], at: noon)
    try store.deny(makeDenial(until: noon + 10))
    #expect(try store.denial(of: place, at: noon + 9) == makeDenial(until: noon + 10))
    #expect(try store.denial(of: place, at: noon + 10) == nil)
    try store.deny(makeDenial(until: noon + 20))
    #expect(try store.denials(at: noon + 15) == [makeDenial(until: noon + 20)])
    let other = StreamPlace(server: "edge", path: "live/two")
    #expect(try store.denial(of: other, at: noon) == nil)
}

private func checkLifting(_ store: any LiveStore) throws {
    _ = try store.open([makeAlert(1)], at: noon)
    try store.deny(makeDenial(until: noon + 10))
    #expect(try store.lift(place, at: noon + 1))
    #expect(try store.denial(of: place, at: noon) == nil)
    #expect(try !store.lift(place, at: noon + 2))
}

private func checkHolds(_ store: any LiveStore) throws {
    let hold = Hold(
        id: makeID(1), place: place, authority: "office 12, file 7", reason: "inquiry",
        sinceUnixMilliseconds: noon, untilUnixMilliseconds: noon + 100)
    _ = try store.open([makeAlert(1)], at: noon)
    try store.deny(makeDenial(until: noon + 100))
    try store.keep(hold)
    #expect(try store.denial(of: place, at: noon + 50) == nil)
    #expect(try store.hold(of: place, at: noon + 50) == hold)
    #expect(try store.hold(of: place, at: noon + 100) == nil)
    #expect(try store.holds(at: noon) == [hold])
    #expect(try store.endHold(hold.id, at: noon + 60))
    #expect(try store.hold(of: place, at: noon + 60) == nil)
    #expect(try store.hold(of: place, at: noon + 59)?.untilUnixMilliseconds == noon + 60)
    #expect(try !store.endHold(hold.id, at: noon + 61))
}

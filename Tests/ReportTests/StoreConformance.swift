// What every `ReportStore` must do, one case a promise. A store's tests run each case on a new,
// empty store; nothing here knows which one it is.

import Match
import Report
import Testing

enum StoreConformance: String, CaseIterable {
    case openQueues, openIsIdempotent, openRepeatsInOneCall, openIsAtomic, openNothing, removesASet
    case updateGrows, updateCloses, updateRefusesStrangers
    case listsNewestFirst, pagesVisitAllOnce, limitIsClamped, filtersCombine
    case findsByEitherID, countsEveryState
    case walksTheStates, refusesForbiddenEvents, retryNeedsATime, keepsTheReason

    func check(_ store: any QueueStore) throws {
        switch self {
        case .openQueues: try checkOpenQueues(store)
        case .openIsIdempotent: try checkIdempotence(store)
        case .openRepeatsInOneCall: try checkRepeatInOneCall(store)
        case .openIsAtomic: try checkAtomicity(store)
        case .openNothing: #expect(try store.open([], at: noon).isEmpty)
        case .removesASet: try checkRemoval(store)
        case .updateGrows: try checkGrowth(store)
        case .updateCloses: try checkClosing(store)
        case .updateRefusesStrangers: try checkStrangers(store)
        case .listsNewestFirst: try checkOrder(store)
        case .pagesVisitAllOnce: try checkPages(store)
        case .limitIsClamped: try checkLimit(store)
        case .filtersCombine: try checkFilters(store)
        case .findsByEitherID: try checkLookup(store)
        case .countsEveryState: try checkCounts(store)
        case .walksTheStates: try checkWalk(store)
        case .refusesForbiddenEvents: try checkForbidden(store)
        case .retryNeedsATime: try checkRetryTime(store)
        case .keepsTheReason: try checkReason(store)
        }
    }
}

// MARK: Opening and updating

private func checkOpenQueues(_ store: any QueueStore) throws {
    let alerts = (1...3).map { makeAlert($0) }
    let reports = try store.open(alerts, at: noon)
    #expect(reports.map(\.alert) == alerts)
    #expect(Set(reports.map(\.id)).union(alerts.map(\.id)).count == 6)
    for report in reports {
        #expect(report.state == .queued && report.attempts == 0)
        #expect(report.event == "alert.opened" && !report.alertClosed)
        #expect(report.id.unixMilliseconds == UInt64(noon))
        #expect(report.createdUnixMilliseconds == noon && report.updatedUnixMilliseconds == noon)
        #expect(report.lastError == nil && report.nextAttemptUnixMilliseconds == nil)
        #expect(try store.report(id: report.id) == report)
    }
}

private func checkRemoval(_ store: any QueueStore) throws {
    _ = try store.open(
        [makeAlert(1), makeAlert(2, set: "test"), makeAlert(3, set: "test")], at: noon)
    try store.removeAlerts(ofSet: "test")
    let left = try store.reports(matching: ReportFilter(), limit: 10, before: nil)
    #expect(left.map(\.alert) == [makeAlert(1)])
    #expect(try store.report(id: makeID(2)) == nil)
    #expect(try store.open([makeAlert(2, set: "test")], at: noon).first?.state == .queued)
}

private func checkIdempotence(_ store: any QueueStore) throws {
    let first = try store.open([makeAlert(1)], at: noon)
    let moved = try store.apply(
        .started, to: first[0].id, at: noon + 1, error: nil, nextAttempt: nil)
    var grown = makeAlert(1)
    grown.framesMatched = 99
    let again = try store.open([grown, makeAlert(2)], at: noon + 5)
    #expect(again[0] == moved)
    #expect(try store.reports(matching: ReportFilter(), limit: 10, before: nil).count == 2)
}

private func checkRepeatInOneCall(_ store: any QueueStore) throws {
    let reports = try store.open([makeAlert(1), makeAlert(1)], at: noon)
    #expect(reports.count == 2 && reports[0] == reports[1])
    #expect(try store.counts()[.queued] == 1)
}

private func checkAtomicity(_ store: any QueueStore) throws {
    let alerts = [makeAlert(1), makeAlert(2, distance: 257), makeAlert(3)]
    let error = try reportError { try store.open(alerts, at: noon) }
    #expect(error.code == .invalidValue)
    #expect(try store.reports(matching: ReportFilter(), limit: 10, before: nil).isEmpty)
    for alert in alerts {
        #expect(try store.report(id: alert.id) == nil)
        let missing = try reportError { try store.update(alert, closed: false, at: noon) }
        #expect(missing.code == .notFound)
    }
    #expect(try store.open([makeAlert(1)], at: noon).count == 1)
    var nan = makeAlert(4)
    nan.knownShare = .nan
    #expect(try reportError { try store.open([nan], at: noon) }.code == .invalidValue)
    #expect(try reportError { try store.open([makeAlert(5)], at: -1) }.code == .invalidValue)
}

private func checkGrowth(_ store: any QueueStore) throws {
    let report = try store.open([makeAlert(1)], at: noon)[0]
    var alert = makeAlert(1)
    alert.lastSeen = 30
    alert.framesMatched = 10
    alert.knownShare = 1
    alert.bestDistance = 0
    alert.variant = "mirrored"
    alert.rule = "image-default"
    try store.update(alert, closed: false, at: noon + 7)
    let now = try #require(try store.report(id: report.id))
    #expect(now.alert == alert && !now.alertClosed && now.state == .queued)
    #expect(now.createdUnixMilliseconds == noon && now.updatedUnixMilliseconds == noon + 7)
}

private func checkClosing(_ store: any QueueStore) throws {
    let report = try store.open([makeAlert(1)], at: noon)[0]
    var alert = makeAlert(1)
    alert.lastSeen = 12
    try store.update(alert, closed: true, at: noon + 9)
    let closed = try #require(try store.report(id: report.id))
    #expect(closed.alertClosed && closed.closedUnixMilliseconds == noon + 9)
    #expect(closed.alert == alert)
    alert.lastSeen = 99
    for ends in [true, false] {
        let error = try reportError { try store.update(alert, closed: ends, at: noon + 10) }
        #expect(error.code == .alertClosed)
    }
    #expect(try store.report(id: report.id) == closed)
    // The report of a closed alert still goes its way.
    _ = try store.apply(.started, to: report.id, at: noon + 11, error: nil, nextAttempt: nil)
}

private func checkStrangers(_ store: any QueueStore) throws {
    let unknown = try reportError { try store.update(makeAlert(1), closed: false, at: noon) }
    #expect(unknown.code == .notFound)
    let report = try store.open([makeAlert(1)], at: noon)[0]
    for other in [makeAlert(1, set: "trees"), makeAlert(1, input: "/clips/b.mp4")] {
        let error = try reportError { try store.update(other, closed: true, at: noon + 1) }
        #expect(error.code == .conflict)
    }
    #expect(try store.report(id: report.id) == report)
    let damaged = makeAlert(1, distance: -1)
    let error = try reportError { try store.update(damaged, closed: false, at: noon + 1) }
    #expect(error.code == .invalidValue)
    #expect(try store.report(id: report.id) == report)
}

// MARK: Listing

private func checkOrder(_ store: any QueueStore) throws {
    var expected: [AlertID] = []
    for moment in 0..<5 {
        let alerts = (0..<4).map { makeAlert(moment * 4 + $0) }
        expected += try store.open(alerts, at: noon + Int64(moment)).map(\.id)
    }
    let listed = try store.reports(matching: ReportFilter(), limit: 100, before: nil)
    #expect(listed.map(\.id) == expected.reversed())
}

/// 2500 reports in all five states, walked in pages of several sizes.
private func checkPages(_ store: any QueueStore) throws {
    var ids: [AlertID] = []
    for block in 0..<5 {
        let alerts = (0..<500).map { makeAlert(block * 500 + $0) }
        ids += try store.open(alerts, at: noon + Int64(block)).map(\.id)
    }
    for index in stride(from: 0, to: 2500, by: 25) {
        let ends: [ReportEvent?] = [nil, .succeeded, .failed, .abandoned]
        _ = try store.apply(.started, to: ids[index], at: noon, error: nil, nextAttempt: nil)
        guard let end = ends[index / 25 % 4] else { continue }
        _ = try store.apply(end, to: ids[index], at: noon, error: "no", nextAttempt: noon + 60)
    }
    for state in [nil] + ReportState.allCases.map(Optional.some) {
        let filter = ReportFilter(state: state)
        let whole = try store.reports(matching: filter, limit: 10_000, before: nil).map(\.id)
        let counts: [ReportState: Int] = [.queued: 2400, .unaddressed: 0]
        #expect(whole.count == (state.map { counts[$0] ?? 25 } ?? 2500))
        let size = state == nil || state == .queued ? 333 : 7
        #expect(try walk(store, filter, page: size) == whole)
    }
    #expect(try walk(store, ReportFilter(), page: 500) == ids.reversed())
}

private func walk(
    _ store: any QueueStore, _ filter: ReportFilter, page: Int
) throws -> [AlertID] {
    var seen: [AlertID] = []
    while true {
        let reports = try store.reports(matching: filter, limit: page, before: seen.last)
        seen += reports.map(\.id)
        guard reports.count == page else { return seen }
    }
}

private func checkLimit(_ store: any QueueStore) throws {
    _ = try store.open((0..<3).map { makeAlert($0) }, at: noon)
    for (limit, count) in [(-5, 1), (0, 1), (1, 1), (2, 2), (Int.max, 3)] {
        #expect(try store.reports(matching: .init(), limit: limit, before: nil).count == count)
    }
}

private func checkFilters(_ store: any QueueStore) throws {
    var all: [QueuedReport] = []
    for number in 0..<60 {
        let alert = makeAlert(
            number, set: ["birds", "trees"][number % 2], input: "/clips/\(number % 3).mp4")
        var report = try store.open([alert], at: noon + Int64(number))[0]
        if number % 5 == 0 {
            report = try store.apply(
                .started, to: report.id, at: noon + 100, error: nil, nextAttempt: nil)
        }
        all.insert(report, at: 0)
    }
    let sets = [nil, "birds", "none"]
    let inputs = [nil, "/clips/1.mp4"]
    let times: [(Int64?, Int64?)] = [
        (nil, nil), (noon + 10, nil), (nil, noon + 10), (noon + 10, noon + 40), (0, noon),
        (noon + 20, noon + 20), (-1, .max), (.max, nil), (nil, -1),
    ]
    for state in [nil, ReportState.queued, .delivering, .dead] {
        for set in sets {
            for input in inputs {
                for (since, until) in times {
                    let filter = ReportFilter(
                        state: state, set: set, input: input, since: since, until: until)
                    let expected = all.filter { filter.lets($0) }
                    let listed = try store.reports(matching: filter, limit: 100, before: nil)
                    #expect(listed == expected, "\(filter)")
                }
            }
        }
    }
}

extension ReportFilter {
    /// The filter's meaning, said once more without a database.
    fileprivate func lets(_ report: QueuedReport) -> Bool {
        let alert = report.alert
        return (state ?? report.state) == report.state
            && (set ?? alert?.known.set) == alert?.known.set
            && (input ?? alert?.input) == alert?.input
            && report.createdUnixMilliseconds >= since ?? .min
            && report.createdUnixMilliseconds < until ?? .max
    }
}

private func checkLookup(_ store: any QueueStore) throws {
    let report = try store.open([makeAlert(1), makeAlert(2)], at: noon)[1]
    #expect(try store.report(id: report.id) == report)
    #expect(try store.report(id: #require(report.alert).id) == report)
    #expect(try store.report(id: makeID(77)) == nil)
}

private func checkCounts(_ store: any QueueStore) throws {
    let none = Dictionary(uniqueKeysWithValues: ReportState.allCases.map { ($0, 0) })
    #expect(try store.counts() == none)
    let reports = try store.open((0..<4).map { makeAlert($0) }, at: noon)
    _ = try store.apply(.started, to: reports[2].id, at: noon, error: nil, nextAttempt: nil)
    let some = none.merging([.queued: 3, .delivering: 1]) { $1 }
    #expect(try store.counts() == some)
}

// MARK: The state machine

private func checkWalk(_ store: any QueueStore) throws {
    let id = try store.open([makeAlert(1)], at: noon)[0].id
    func step(
        _ event: ReportEvent, _ at: Int64, error: String? = nil, next: Int64? = nil
    ) throws -> QueuedReport {
        let report = try store.apply(event, to: id, at: noon + at, error: error, nextAttempt: next)
        #expect(try store.report(id: id) == report)
        #expect(report.updatedUnixMilliseconds == noon + at)
        return report
    }
    var now = try step(.started, 1)
    #expect(now.state == .delivering && now.attempts == 1)
    now = try step(.failed, 2, error: "HTTP 503", next: noon + 60)
    #expect(now.state == .retrying && now.nextAttemptUnixMilliseconds == noon + 60)
    #expect(now.lastError == "HTTP 503" && now.attempts == 1)
    now = try step(.started, 61)
    #expect(now.attempts == 2 && now.nextAttemptUnixMilliseconds == nil)
    #expect(now.lastError == "HTTP 503")
    now = try step(.recovered, 62)
    #expect(now.state == .queued && now.attempts == 1)
    _ = try step(.started, 63)
    now = try step(.abandoned, 64, error: "HTTP 410", next: noon + 99)
    #expect(now.state == .dead && now.attempts == 2 && now.nextAttemptUnixMilliseconds == nil)
    now = try step(.retryRequested, 65)
    #expect(now.state == .queued && now.attempts == 0 && now.lastError == "HTTP 410")
    _ = try step(.started, 66)
    now = try step(.succeeded, 67)
    #expect(now.state == .delivered && now.attempts == 1 && now.lastError == nil)
}

/// Brings a report into each state and tries each event that the table forbids there.
private func checkForbidden(_ store: any QueueStore) throws {
    let ways: [ReportState: [ReportEvent]] = [
        .queued: [], .delivering: [.started], .delivered: [.started, .succeeded],
        .retrying: [.started, .failed], .dead: [.started, .abandoned],
    ]  // of one that goes to somebody
    for (number, (state, way)) in ways.enumerated() {
        let id = try store.open([makeAlert(number)], at: noon)[0].id
        for event in way {
            _ = try store.apply(event, to: id, at: noon, error: nil, nextAttempt: noon + 1)
        }
        let before = try store.report(id: id)
        #expect(before?.state == state)
        for event in ReportEvent.allCases where state.next(on: event) == nil {
            let error = try reportError {
                try store.apply(event, to: id, at: noon, error: "no", nextAttempt: noon)
            }
            #expect(error.code == .forbiddenTransition)
        }
        #expect(try store.report(id: id) == before)
    }
    let unknown = try reportError {
        try store.apply(.started, to: makeID(500), at: noon, error: nil, nextAttempt: nil)
    }
    #expect(unknown.code == .notFound)
}

private func checkRetryTime(_ store: any QueueStore) throws {
    let id = try store.open([makeAlert(1)], at: noon)[0].id
    let before = try store.apply(.started, to: id, at: noon, error: nil, nextAttempt: nil)
    let error = try reportError {
        try store.apply(.failed, to: id, at: noon, error: "no", nextAttempt: nil)
    }
    #expect(error.code == .invalidValue)
    #expect(try store.report(id: id) == before)
}

private func checkReason(_ store: any QueueStore) throws {
    let id = try store.open([makeAlert(1)], at: noon)[0].id
    _ = try store.apply(.started, to: id, at: noon, error: nil, nextAttempt: nil)
    let long = String(repeating: "é", count: 5000)
    let dead = try store.apply(.abandoned, to: id, at: noon, error: long, nextAttempt: nil)
    #expect(dead.lastError == String(long.prefix(1000)))
    #expect(try store.report(id: id) == dead)
}

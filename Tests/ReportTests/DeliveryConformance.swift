// What every `DeliveryStore` must do, one case a promise.

import Match
import Report
import Testing

enum DeliveryConformance: String, CaseIterable {
    case goesToThoseChosen, goesToNobody, bodyStays, beginsWhatIsDue, endpointsAreApart
    case sumsUp, takesUpAfterACrash, clockGoesBack, retries, replays, endpointsAreDisabled
    case clockWasAhead, goneEndpoints, eventsWithoutAlert, closingIsTold, ignoresWhatIsGone

    func check(_ store: any QueueStore) throws {
        switch self {
        case .goesToThoseChosen: try checkRouting(store)
        case .goesToNobody: try checkNobody(store)
        case .bodyStays: try checkBody(store)
        case .beginsWhatIsDue: try checkDue(store)
        case .endpointsAreApart: try checkApart(store)
        case .sumsUp: try checkSummary(store)
        case .takesUpAfterACrash: try checkCrash(store)
        case .clockGoesBack: try checkClock(store)
        case .clockWasAhead: try checkClockAhead(store)
        case .retries: try checkRetries(store)
        case .replays: try checkReplays(store)
        case .endpointsAreDisabled: try checkDisabling(store)
        case .goneEndpoints: try checkGoneEndpoints(store)
        case .eventsWithoutAlert: try checkEvents(store)
        case .closingIsTold: try checkClosing(store)
        case .ignoresWhatIsGone: try checkGone(store)
        }
    }
}

private func turn(
    _ wants: [String: Int] = [:], _ steps: [DeliveryStep] = [], to endpoints: [String] = ["a"]
) -> DeliveryTurn {
    var turn = DeliveryTurn(route: { _ in endpoints }, composer: testComposer)
    turn.wants = wants
    turn.steps = steps
    return turn
}

private func checkRouting(_ store: any QueueStore) throws {
    let report = try store.open([makeAlert(1, set: "birds")], at: noon)[0]
    var turn = turn()
    turn.route = { facts in
        facts.event == "alert.opened" && facts.set == "birds" && facts.category == "benign"
            ? ["b", "a", "a"] : ["c"]
    }
    #expect(try store.take(turn, at: noon + 1).isEmpty)
    let deliveries = try store.deliveries(of: report.id)
    #expect(deliveries.map(\.endpoint) == ["a", "b"])
    #expect(deliveries.allSatisfy { $0.state == .queued && $0.attempts == 0 })
    turn.route = { _ in ["d"] }
    _ = try store.take(turn, at: noon + 2)
    #expect(try store.deliveries(of: report.id) == deliveries, "it is routed once")
}

private func checkNobody(_ store: any QueueStore) throws {
    let report = try store.open([makeAlert(1)], at: noon)[0]
    _ = try store.take(turn(to: []), at: noon)
    #expect(try store.report(id: report.id)?.state == .unaddressed)
    #expect(try store.deliveries(of: report.id).isEmpty)
}

private func checkBody(_ store: any QueueStore) throws {
    let report = try store.open([makeAlert(1)], at: noon)[0]
    let first = try #require(try store.take(turn(["a": 1]), at: noon).first)
    #expect(first.report == report.id && first.event == "alert.opened" && first.attempt == 1)
    #expect(try store.body(of: report.id) == first.body)
    let payload = try EventPayload(body: first.body)
    #expect(payload.kind == .alertOpened && payload.unixMilliseconds == noon)
    var grown = makeAlert(1)
    grown.framesMatched = 99
    try store.update(grown, closed: true, at: noon + 5)
    let failed = DeliveryStep(
        .failed, report.id, to: "a", error: "HTTP 500", nextAttempt: noon + 10)
    _ = try store.take(turn([:], [failed]), at: noon + 6)
    let again = try store.take(turn(["a": 9]), at: noon + 10).filter { $0.report == report.id }
    #expect(again.map(\.body) == [first.body] && again.map(\.attempt) == [2])
}

private func checkDue(_ store: any QueueStore) throws {
    let ids = try store.open((0..<5).map { makeAlert($0) }, at: noon).map(\.id)
    _ = try store.take(turn(), at: noon)
    #expect(try store.take(turn(["a": 0]), at: noon).isEmpty)
    let some = try store.take(turn(["a": 2]), at: noon)
    #expect(some.map(\.report) == Array(ids.prefix(2)), "the oldest first")
    #expect(try store.report(id: ids[0])?.state == .delivering)
    let later = DeliveryStep(.failed, ids[0], to: "a", error: "no", nextAttempt: noon + 60)
    let done = DeliveryStep(.succeeded, ids[1], to: "a")
    let rest = try store.take(turn(["a": 9], [later, done]), at: noon + 1)
    #expect(rest.map(\.report) == Array(ids.suffix(3)), "not what waits, nor what is done")
    #expect(try store.take(turn(["a": 9]), at: noon + 59).isEmpty)
    #expect(try store.take(turn(["a": 9]), at: noon + 60).map(\.report) == [ids[0]])
    #expect(try store.report(id: ids[1])?.state == .delivered)
    let accepted = try store.deliveries(of: ids[1])[0].acceptedUnixMilliseconds
    #expect(accepted == noon + 1)
}

private func checkApart(_ store: any QueueStore) throws {
    let id = try store.open([makeAlert(1)], at: noon)[0].id
    _ = try store.take(turn(to: ["a", "b"]), at: noon)
    #expect(try store.take(turn(["a": 1]), at: noon).map(\.endpoint) == ["a"])
    let step = DeliveryStep(.succeeded, id, to: "a")
    let next = try store.take(turn(["a": 1, "b": 1, "none": 1], [step]), at: noon + 1)
    #expect(next.map(\.endpoint) == ["b"])
    #expect(try store.deliveryCounts() == ["a": [.delivered: 1], "b": [.delivering: 1]])
}

private func checkSummary(_ store: any QueueStore) throws {
    let id = try store.open([makeAlert(1)], at: noon)[0].id
    _ = try store.take(turn(["a": 1, "b": 1], to: ["a", "b"]), at: noon)
    _ = try store.take(turn(["a": 1, "b": 1]), at: noon)
    let report = { try #require(try store.report(id: id)) }
    #expect(try report().state == .delivering)
    _ = try store.apply(DeliveryStep(.succeeded, id, to: "a"), at: noon + 1)
    #expect(try report().state == .delivering)
    _ = try store.apply(
        DeliveryStep(.failed, id, to: "b", error: "HTTP 500", nextAttempt: noon + 9), at: noon + 2)
    #expect(try report().state == .retrying && report().nextAttemptUnixMilliseconds == noon + 9)
    #expect(try report().lastError == "HTTP 500")
    _ = try store.take(turn(["b": 1]), at: noon + 9)
    _ = try store.apply(DeliveryStep(.abandoned, id, to: "b"), at: noon + 10)
    #expect(try report().state == .dead && report().attempts == 2)
}

private func checkCrash(_ store: any QueueStore) throws {
    let ids = try store.open((0..<3).map { makeAlert($0) }, at: noon).map(\.id)
    _ = try store.take(turn(), at: noon)
    _ = try store.take(turn(["a": 2]), at: noon)
    let late = DeliveryStep(.failed, ids[1], to: "a", error: "no", nextAttempt: noon + 999_999)
    _ = try store.take(turn([:], [late]), at: noon)
    #expect(try store.recoverDeliveries(dueAtMost: noon + 5000, at: noon + 5) == 1)
    #expect(try store.report(id: ids[0])?.state == .queued)
    let due = try store.take(turn(["a": 9]), at: noon + 5)
    #expect(Set(due.map(\.report)) == Set(ids), "also what a wrong clock put off")
    #expect(due.first { $0.report == ids[0] }?.attempt == 1, "nobody knows of the first")
}

/// What was written while the clock was an hour ahead.
private func checkClockAhead(_ store: any QueueStore) throws {
    let hour: Int64 = 3_600_000
    let ids = try store.open((0..<2).map { makeAlert($0) }, at: noon + hour).map(\.id)
    _ = try store.take(turn(), at: noon + hour)
    #expect(try store.take(turn(["a": 9]), at: noon).isEmpty)
    #expect(try store.recoverDeliveries(dueAtMost: noon + 48 * hour, at: noon) == 0)
    #expect(try store.take(turn(["a": 9]), at: noon).count == 2, "it was due all along")
    let dead = ids.map { DeliveryStep(.abandoned, $0, to: "a", error: "no") }
    _ = try store.take(turn([:], dead), at: noon + hour)
    let one = try store.retryDeliveries(
        of: ids[0], to: nil, limit: 9, by: "user:root", at: noon + 1)
    let all = try store.retryDeliveries(of: nil, to: nil, limit: 9, by: "user:root", at: noon + 1)
    #expect(one == 1 && all == 1)
}

private func checkClock(_ store: any QueueStore) throws {
    let id = try store.open([makeAlert(1)], at: noon)[0].id
    _ = try store.take(turn(), at: noon)
    _ = try store.take(turn(["a": 1]), at: noon)
    let step = DeliveryStep(.failed, id, to: "a", error: "no", nextAttempt: noon + 5000)
    _ = try store.take(turn([:], [step]), at: noon)
    let hour: Int64 = 3_600_000
    try store.clockWentBack(by: hour)
    #expect(try store.take(turn(["a": 1]), at: noon - hour + 4999).isEmpty)
    #expect(try store.take(turn(["a": 1]), at: noon - hour + 5000).map(\.report) == [id])
}

private func checkRetries(_ store: any QueueStore) throws {
    let ids = try store.open((0..<3).map { makeAlert($0) }, at: noon).map(\.id)
    _ = try store.take(turn(to: ["a", "b"]), at: noon)
    _ = try store.take(turn(["a": 9, "b": 9]), at: noon)
    let steps = [
        DeliveryStep(.abandoned, ids[0], to: "a", error: "no"),
        DeliveryStep(.abandoned, ids[0], to: "b", error: "no"),
        DeliveryStep(.abandoned, ids[1], to: "a", error: "no"),
        DeliveryStep(.failed, ids[1], to: "b", error: "no", nextAttempt: noon + 60),
        DeliveryStep(.succeeded, ids[2], to: "a"), DeliveryStep(.succeeded, ids[2], to: "b"),
    ]
    _ = try store.take(turn([:], steps), at: noon + 1)
    #expect(
        try store.retryDeliveries(of: ids[2], to: nil, limit: 9, by: "user:root", at: noon + 2) == 0
    )
    #expect(
        try store.retryDeliveries(of: ids[1], to: nil, limit: 9, by: "user:root", at: noon + 2) == 2
    )
    #expect(
        try store.retryDeliveries(of: nil, to: "b", limit: 9, by: "user:root", at: noon + 2) == 1)
    #expect(
        try store.retryDeliveries(of: nil, to: nil, limit: 9, by: "user:root", at: noon + 2) == 1)
    let due = try store.take(turn(["a": 9, "b": 9]), at: noon + 2)
    #expect(due.count == 4 && due.allSatisfy { $0.attempt == 1 })
}

private func checkReplays(_ store: any QueueStore) throws {
    let ids = try (0..<5).map {
        try store.open([makeAlert($0)], at: noon + Int64($0))[0].id
    }
    _ = try store.take(turn(["a": 9]), at: noon + 9)
    _ = try store.take(turn(["a": 9]), at: noon + 9)
    _ = try store.take(
        turn([:], ids.prefix(4).map { DeliveryStep(.succeeded, $0, to: "a") }), at: noon + 10)
    let filter = ReportFilter(since: noon + 1)
    #expect(
        try store.replay(
            filter, to: "a", before: nil, limit: 9, tests: ["birds"], by: "user:root", at: noon + 11
        )
        .count == 0)
    var page = try store.replay(
        filter, to: "a", before: nil, limit: 3, tests: [], by: "user:root", at: noon + 20)
    #expect(page.count == 2 && page.last == ids[2], "one is on its way")
    page = try store.replay(
        filter, to: "a", before: page.last, limit: 3, tests: [], by: "user:root", at: noon + 20)
    #expect(page.count == 1 && page.last == nil)
    let due = try store.take(turn(["a": 9]), at: noon + 20)
    #expect(Set(due.map(\.report)) == Set(ids[1...3]))
    #expect(try store.deliveries(of: ids[1])[0].acceptedUnixMilliseconds == noon + 10)
    // Another endpoint gets what it never had, with the same bodies.
    #expect(
        try store.replay(
            .init(), to: "new", before: nil, limit: 9, tests: [], by: "user:root", at: noon + 30
        ).count
            == 5)
    let new = try store.take(turn(["new": 9]), at: noon + 30)
    #expect(try new.allSatisfy { try store.body(of: $0.report) == $0.body } && new.count == 5)
}

private func checkDisabling(_ store: any QueueStore) throws {
    let standing = EndpointStanding(
        endpoint: "a", reason: "HTTP 410", disabledUnixMilliseconds: noon)
    try store.disable(standing)
    var again = standing
    again.disabledUnixMilliseconds = noon + 5
    try store.disable(again)
    #expect(try store.disabledEndpoints() == [standing], "the first reason stays")
    #expect(try store.enable("a", by: "user:root", at: noon))
    #expect(try !store.enable("a", by: "user:root", at: noon) && store.disabledEndpoints().isEmpty)
}

private func checkGoneEndpoints(_ store: any QueueStore) throws {
    let id = try store.open([makeAlert(1)], at: noon)[0].id
    _ = try store.take(turn(to: ["a", "old"]), at: noon)
    #expect(try store.abandonDeliveries(except: ["a"], at: noon + 1) == 1)
    #expect(try store.deliveries(of: id).map(\.state) == [.queued, .dead])
    #expect(try store.abandonDeliveries(except: ["a"], at: noon + 2) == 0)
    #expect(
        try store.retryDeliveries(of: nil, to: "old", limit: 9, by: "user:root", at: noon + 3) == 1)
}

private func checkEvents(_ store: any QueueStore) throws {
    let payload = EventPayload.test(
        message: "hello", at: noon, origin: testComposer.origin)
    let draft = EventDraft("webhook.test", about: "hello") { payload.body(id: $0) }
    let ids = try store.queue([draft, draft], at: noon)
    #expect(ids.count == 2 && ids == ids.sorted())
    let report = try #require(try store.report(id: ids[0]))
    #expect(report.alert == nil && report.subject == "hello" && report.event == "webhook.test")
    #expect(try store.body(of: ids[1]) == payload.body(id: ids[1]))
    let filter = ReportFilter(event: "webhook.test")
    #expect(try store.reports(matching: filter, limit: 9, before: nil).count == 2)
}

private func checkClosing(_ store: any QueueStore) throws {
    let opened = try store.open([makeAlert(1), makeAlert(2)], at: noon)[0]
    try store.update(makeAlert(1), closed: false, at: noon + 1)
    try store.update(makeAlert(1), closed: true, at: noon + 2)
    let filter = ReportFilter(alert: makeID(1))
    let all = try store.reports(matching: filter, limit: 9, before: nil)
    #expect(all.map(\.event) == ["alert.closed", "alert.updated", "alert.opened"])
    #expect(all.last?.id == opened.id && Set(all.map(\.id)).count == 3)
    let due = try store.take(turn(["a": 9]), at: noon + 3)
    let kinds = try due.map { try EventPayload(body: $0.body).kind }
    #expect(Set(kinds) == [.alertOpened, .alertUpdated, .alertClosed])
}

private func checkGone(_ store: any QueueStore) throws {
    let id = try store.open([makeAlert(1)], at: noon)[0].id
    _ = try store.take(turn(["a": 1]), at: noon)
    let steps = [
        DeliveryStep(.succeeded, makeID(700), to: "a"), DeliveryStep(.succeeded, id, to: "b"),
        DeliveryStep(.recovered, id, to: "a"), DeliveryStep(.succeeded, id, to: "a"),
    ]
    _ = try store.take(turn([:], Array(steps.prefix(2))), at: noon)
    #expect(try store.report(id: id)?.state == .delivering)
    _ = try store.take(turn([:], Array(steps.suffix(2))), at: noon)
    #expect(try store.report(id: id)?.state == .queued, "an outcome after another is left out")
}

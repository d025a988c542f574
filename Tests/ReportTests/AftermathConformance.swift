// What every store of feedback and legal holds must do, one case a promise, and what a timeline
// tells. A store's tests run each case on a new, empty store.

import Match
import Report
import Testing

typealias AftermathStore = ActionStore & FeedbackStore & LegalHoldStore & ReportStore
    & StatisticsStore & StreamStore

enum AftermathConformance: String, CaseIterable {
    case feedbackIsKept, feedbackRepeatsOnce, feedbackNeedsAnAlert, feedbackIsBounded
    case feedbackGoesWithItsSet
    case legalHoldsNeedASubject, legalHoldsEndOneByOne, legalHoldsEndBySubject
    case timelineTellsAll, timelineOfNothing

    func check(_ store: any AftermathStore) throws {
        switch self {
        case .feedbackIsKept: try checkFeedback(store)
        case .feedbackRepeatsOnce: try checkRepeats(store)
        case .feedbackNeedsAnAlert: try checkStrangers(store)
        case .feedbackIsBounded: try checkBound(store)
        case .feedbackGoesWithItsSet: try checkRemoval(store)
        case .legalHoldsNeedASubject: try checkSubjects(store)
        case .legalHoldsEndOneByOne: try checkRelease(store)
        case .legalHoldsEndBySubject: try checkReleaseOfAll(store)
        case .timelineTellsAll: try checkTimeline(store)
        case .timelineOfNothing: #expect(try store.timeline(of: makeID(1)) == nil)
        }
    }
}

// MARK: Feedback

private func makeFeedback(_ verdict: Verdict, at time: Int64 = noon) -> Feedback {
    Feedback(
        verdict, reason: "looked at", by: "team 3", reference: "7/26", caller: "desk", at: time)
}

private func checkFeedback(_ store: any AftermathStore) throws {
    _ = try store.open([makeAlert(1), makeAlert(2)], at: noon)
    let said = Verdict.allCases.enumerated().map { makeFeedback($1, at: noon + Int64($0)) }
    for feedback in said {
        let added = try store.add(feedback, to: makeID(1))
        #expect(added.isNew && added.feedback == feedback)
    }
    #expect(try store.feedback(on: makeID(1)) == said)
    #expect(try store.feedback(on: makeID(2)).isEmpty)
}

private func checkRepeats(_ store: any AftermathStore) throws {
    _ = try store.open([makeAlert(1)], at: noon)
    let first = makeFeedback(.rejected)
    _ = try store.add(first, to: makeID(1))
    let again = try store.add(makeFeedback(.rejected, at: noon + 9), to: makeID(1))
    #expect(!again.isNew && again.feedback == first)
    // Once something else was said in between, it is a new decision.
    _ = try store.add(makeFeedback(.confirmed, at: noon + 10), to: makeID(1))
    #expect(try store.add(makeFeedback(.rejected, at: noon + 11), to: makeID(1)).isNew)
    #expect(
        try store.feedback(on: makeID(1)).map(\.verdict) == [.rejected, .confirmed, .rejected])
}

private func checkStrangers(_ store: any AftermathStore) throws {
    let error = try reportError { try store.add(makeFeedback(.confirmed), to: makeID(1)) }
    #expect(error.code == .notFound)
}

private func checkBound(_ store: any AftermathStore) throws {
    _ = try store.open([makeAlert(1)], at: noon)
    for number in 0..<FeedbackLimits.each {
        _ = try store.add(
            makeFeedback(number.isMultiple(of: 2) ? .confirmed : .rejected), to: makeID(1))
    }
    let error = try reportError { try store.add(makeFeedback(.takenOver), to: makeID(1)) }
    #expect(error.code == .full)
    #expect(try store.feedback(on: makeID(1)).count == FeedbackLimits.each)
    // Who sends too many shuts out nobody else.
    let other = Feedback(.rejected, reason: "a cartoon", by: "team 4", caller: "hotline", at: noon)
    #expect(try store.add(other, to: makeID(1)).isNew)
}

private func checkRemoval(_ store: any AftermathStore) throws {
    _ = try store.open([makeAlert(1, set: "test"), makeAlert(2)], at: noon)
    for number in 1...2 { _ = try store.add(makeFeedback(.confirmed), to: makeID(number)) }
    try store.removeAlerts(ofSet: "test")
    #expect(try store.feedback(on: makeID(1)).isEmpty)
    #expect(try store.feedback(on: makeID(2)).count == 1)
}

// MARK: Legal holds

private func makeHold(
    _ number: Int, of kind: LegalHold.Kind, _ subject: AlertID
) -> LegalHold {
    LegalHold(
        id: makeID(100 + number), kind: kind, subject: subject, authority: "office \(number)",
        reason: "inquiry", sinceUnixMilliseconds: noon)
}

private func plant(_ store: any AftermathStore) throws {
    _ = try store.open([makeAlert(1)], at: noon)
    _ = try store.add(
        WatchedStream(
            id: StreamID(makeID(9)), address: "rtmp://media.example/live/key9", name: "live",
            startedUnixMilliseconds: noon))
}

private func checkSubjects(_ store: any AftermathStore) throws {
    try plant(store)
    for hold in [makeHold(1, of: .alert, makeID(5)), makeHold(2, of: .stream, makeID(1))] {
        #expect(try reportError { try store.keep(hold, by: "user:root") }.code == .notFound)
    }
    #expect(try store.legalHolds(at: noon).isEmpty)
    #expect(try store.legalHoldKind(of: makeID(1)) == .alert)
    #expect(try store.legalHoldKind(of: makeID(9)) == .stream)
    #expect(try store.legalHoldKind(of: makeID(5)) == nil)
}

private func checkRelease(_ store: any AftermathStore) throws {
    try plant(store)
    let holds = [
        makeHold(1, of: .alert, makeID(1)), makeHold(2, of: .alert, makeID(1)),
        makeHold(3, of: .stream, makeID(9)),
    ]
    for hold in holds { try store.keep(hold, by: "user:root") }
    #expect(try Set(store.legalHolds(at: noon + 5)) == Set(holds))
    #expect(try store.releaseLegalHolds(holds[0].id, by: "user:root", at: noon + 5) == 1)
    #expect(try Set(store.legalHolds(at: noon + 5)) == Set(holds[1...]))
    #expect(try store.legalHolds(at: noon + 4).count == 3, "it stays on record")
    #expect(try store.releaseLegalHolds(holds[0].id, by: "user:root", at: noon + 6) == 0)
    #expect(try store.legalHolds(on: holds[0].subject).map(\.id).contains(holds[0].id))
}

private func checkReleaseOfAll(_ store: any AftermathStore) throws {
    try plant(store)
    for number in 1...2 { try store.keep(makeHold(number, of: .alert, makeID(1)), by: "user:root") }
    let other = makeHold(3, of: .stream, makeID(9))
    try store.keep(other, by: "user:root")
    #expect(try store.releaseLegalHolds(makeID(1), by: "user:root", at: noon + 1) == 2)
    #expect(try store.legalHolds(at: noon + 1) == [other])
}

// MARK: Timelines

private func checkTimeline(_ store: any AftermathStore) throws {
    var alert = makeAlert(1)
    alert.stream = AlertStream(
        id: makeID(9).description, frameArrivedUnixMilliseconds: noon - 40, examinedSeconds: 1,
        missedSeconds: 0, firstFrameArrivedUnixMilliseconds: noon - 2040)
    _ = try store.open([alert], at: noon)
    for step in [
        AlertStep(.detected, at: noon), AlertStep(.stopRequested, at: noon + 3),
        AlertStep(.stopFailed, at: noon + 4), AlertStep(.confirmedGone, at: noon + 900),
    ] { try store.add(step, to: alert.id) }
    _ = try store.add(makeFeedback(.confirmed, at: noon + 5000), to: alert.id)
    try store.update(alert, closed: true, at: noon + 1000)
    #expect(
        try store.timeline(of: alert.id)?.entries == [
            .init(.firstFrame, at: noon - 2040), .init(.frame, at: noon - 40),
            .init(.opened, at: noon), .init(.stopRequested, at: noon + 3),
            .init(.confirmedGone, at: noon + 900), .init(.closed, at: noon + 1000),
            .init(.feedback, at: noon + 5000, detail: "confirmed"),
        ])
}

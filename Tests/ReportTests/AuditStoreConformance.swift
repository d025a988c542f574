// What every `AuditStore` must do, one case a promise. A store's tests run each case on a new,
// empty store.

import Match
import Report
import Testing

typealias AuditedStore = ActionStore & AuditStore & CoverageStore & DeliveryStore & LegalHoldStore
    & ReportStore & RetentionStore & StreamStore

enum AuditStoreConformance: String, CaseIterable {
    case chains, pages, bounds, followsAlerts, followsActions, followsPeople
    case nothingWithoutItsFact
    case signsHeads, erases, knowsTheLatestSettings, readsAllInOrder

    func check(_ store: any AuditedStore) throws {
        switch self {
        case .chains: try checkChain(store)
        case .pages: try checkAuditPages(store)
        case .bounds: try checkBounds(store)
        case .followsAlerts: try checkAlerts(store)
        case .followsActions: try checkActions(store)
        case .followsPeople: try checkPeople(store)
        case .nothingWithoutItsFact: try checkAtomicity(store)
        case .signsHeads: try checkHeads(store)
        case .erases: try checkErasing(store)
        case .knowsTheLatestSettings: try checkSettings(store)
        case .readsAllInOrder: try checkReading(store)
        }
    }
}

/// What checking a store's whole log finds.
func verified(
    _ store: any AuditStore, trusting keys: [AuditPublicKey] = []
) throws -> AuditVerifier {
    var verifier = AuditVerifier(trusting: keys)
    try store.readAudit { line in
        verifier.check(line)
        return true
    }
    verifier.finish()
    return verifier
}

private func kinds(_ store: any AuditStore) throws -> [String] {
    try store.records(after: 0, limit: 10_000).map(\.kind)
}

private func checkChain(_ store: any AuditedStore) throws {
    #expect(try store.head() == nil)
    #expect(try verified(store).isGood)
    try store.append([], at: noon)
    let entries = [
        AuditEntry(.serviceStarted, detail: ["b": 7, "a": true, "c": "x \"y\"\n"]),
        AuditEntry(.lookedAt, by: "token:desk", about: "one"),
        AuditEntry(.lookedAt, by: "token:desk", about: "one"),
    ]
    try store.append(entries, at: noon)
    try store.append([AuditEntry(.serviceEnded)], at: noon + 5)
    let records = try store.records(after: 0, limit: 10)
    #expect(records.map(\.number) == [1, 2, 3, 4])
    #expect(records.map(\.kind) == ["service.started", "looked_at", "looked_at", "service.ended"])
    #expect(records.map(\.actor) == ["vigil", "token:desk", "token:desk", "vigil"])
    #expect(records.map(\.subject) == [nil, "one", "one", nil])
    #expect(records.map(\.unixMilliseconds) == [noon, noon, noon, noon + 5])
    #expect(records[0].detail == #"{"a":true,"b":7,"c":"x \"y\"?"}"# && records[1].detail == "{}")
    #expect(records[1].subjectDigest != records[2].subjectDigest, "each has its own salt")
    #expect(zip(records, records.dropFirst()).allSatisfy { $0.hash == $1.previous })
    #expect(try store.head() == AuditHead(number: 4, hash: records[3].hash))
    let verifier = try verified(store)
    #expect(verifier.isGood && verifier.records == 4 && verifier.times == noon...(noon + 5))
}

private func checkAuditPages(_ store: any AuditedStore) throws {
    try store.append((0..<25).map { _ in AuditEntry(.lookedAt, about: "a") }, at: noon)
    var numbers: [Int64] = []
    while true {
        let page = try store.records(after: numbers.last ?? 0, limit: 7)
        numbers += page.map(\.number)
        guard page.count == 7 else { break }
    }
    #expect(numbers == Array(1...25))
    #expect(try store.records(after: 20, limit: -3).map(\.number) == [21])
    #expect(try store.records(about: "a", limit: 2).map(\.number) == [24, 25])
    #expect(try store.records(about: "b", limit: 2).isEmpty)
}

/// Whatever is put in, the fact that it belongs to is stored, and the chain holds.
private func checkBounds(_ store: any AuditedStore) throws {
    let long = String(repeating: "e\u{301}", count: 5000)
    let many = Dictionary(
        uniqueKeysWithValues: (0..<500).map { ("key\($0)", AuditValue.text(long)) })
    let odd = "a\0b\u{7f}\n\u{feff}\u{fffd}"
    try store.append([AuditEntry(.lookedAt, by: long, about: long, detail: many)], at: noon)
    try store.append([AuditEntry(.lookedAt, by: odd, about: odd, detail: [odd: .text(odd)])], at: 0)
    let records = try store.records(after: 0, limit: 10)
    #expect(records.count == 2)
    #expect(records[0].detail.utf8.count <= 2048 && records[0].detail.hasSuffix(#","cut":true}"#))
    #expect(records.allSatisfy { $0.actor.unicodeScalars.count <= 200 })
    #expect(try verified(store).isGood)
    #expect(try store.erase(subject: long, at: noon, by: "user:root") == 1)
    #expect(try store.erase(subject: odd, at: noon, by: "user:root") == 1)
    #expect(try verified(store).isGood)
}

private func checkAlerts(_ store: any AuditedStore) throws {
    let alerts = [makeAlert(1), makeAlert(2)]
    _ = try store.open(alerts, at: noon)
    _ = try store.open(alerts, at: noon + 1)
    try store.update(makeAlert(1), closed: false, at: noon + 2)
    try store.update(makeAlert(1), closed: true, at: noon + 3)
    let records = try store.records(after: 0, limit: 10)
    #expect(records.map(\.kind) == ["alert.opened", "alert.opened", "alert.closed"])
    #expect(records.map(\.subject) == [1, 2, 1].map { "\(makeID($0))" })
    #expect(records[0].detail.contains(#""item":"bird-1""#))
    #expect(records.allSatisfy { !$0.detail.contains("/clips/") }, "inputs may tell of people")
    #expect(try verified(store).isGood)
}

private func checkActions(_ store: any AuditedStore) throws {
    let place = StreamPlace(server: "edge", path: "live/secret-name")
    let alert = makeAlert(1)
    _ = try store.open([alert], at: noon)
    for (number, kind) in AlertStep.Kind.allCases.enumerated() {
        try store.add(AlertStep(kind, at: noon + Int64(number), detail: "at live/"), to: alert.id)
    }
    let denial = Denial(
        place: place, alert: alert.id, sinceUnixMilliseconds: noon,
        untilUnixMilliseconds: noon + 50)
    try store.deny(denial)
    #expect(try store.lift(place, at: noon + 1, by: "token:desk"))
    #expect(try !store.lift(place, at: noon + 1, by: "token:desk"))
    try store.deny(denial)
    let hold = Hold(
        id: makeID(9), place: place, authority: "an office", reason: "a reason",
        sinceUnixMilliseconds: noon, untilUnixMilliseconds: noon + 90)
    try store.keep(hold, by: "token:desk")
    #expect(try store.endHold(hold.id, at: noon + 3, by: "token:other"))
    #expect(try !store.endHold(hold.id, at: noon + 3, by: "token:other"))
    let records = try store.records(after: 0, limit: 100)
    let tail = [
        "denial.set", "denial.lifted", "denial.set", "hold.kept", "denial.lifted", "hold.ended",
    ]
    let steps = AlertStep.Kind.allCases.map { AuditKind($0).rawValue }
    #expect(Set(steps).count == steps.count)
    #expect(records.map(\.kind) == ["alert.opened"] + steps + tail)
    #expect(records.suffix(3).map(\.actor) == ["token:desk", "token:desk", "token:other"])
    #expect(records.last?.subject == "\(hold.id)")
    #expect(!records.contains { "\($0)".contains("secret-name") || "\($0)".contains("office") })
    #expect(try verified(store).isGood)
}

private func checkPeople(_ store: any AuditedStore) throws {
    let report = try store.open([makeAlert(1)], at: noon)[0].id
    let hold = LegalHold(
        id: makeID(9), kind: .alert, subject: makeID(1), authority: "office", reason: "",
        sinceUnixMilliseconds: noon)
    try store.keep(hold, by: "token:desk")
    #expect(try store.releaseLegalHolds(hold.id, by: "user:root", at: noon + 1) == 1)
    for _ in 1...2 {
        try store.disable(
            EndpointStanding(endpoint: "a", reason: "410", disabledUnixMilliseconds: noon + 2))
    }
    #expect(try store.enable("a", by: "user:root", at: noon + 3))
    #expect(try !store.enable("a", by: "user:root", at: noon + 3))
    let replayed = try store.replay(
        ReportFilter(), to: "a", before: nil, limit: 9, tests: [], by: "user:ann", at: noon + 4)
    #expect(replayed.count == 1)
    let begun = try store.take(store.turn(wants: ["a": 1]), at: noon + 5)
    let dead = DeliveryStep(.abandoned, report, to: "a", error: "no")
    _ = try store.take(store.turn(steps: [dead]), at: noon + 6)
    let retried = try store.retryDeliveries(
        of: report, to: nil, limit: 9, by: "user:bob", at: noon + 7)
    #expect(begun.count == 1 && retried == 1)
    _ = try store.take(store.turn(wants: ["a": 1]), at: noon + 8)
    _ = try store.take(
        store.turn(steps: [DeliveryStep(.succeeded, report, to: "a")]), at: noon + 9)
    try store.update(makeAlert(1), closed: true, at: noon + 10)
    var sweep = RetentionSweep(
        RetentionPolicy(), at: noon + 400 * 86_400_000, by: "user:cleaner")
    while try sweep.step(store) {}
    let asked = try store.records(after: 0, limit: 100).filter { $0.actor != "vigil" }
    #expect(
        asked.map { "\($0.kind) \($0.actor)" } == [
            "retention.changed token:desk", "retention.changed user:root",
            "endpoint.enabled user:root", "delivery.asked_for user:ann",
            "delivery.asked_for user:bob", "subject.erased user:cleaner",
            "retention.swept user:cleaner",
        ])
    #expect(try kinds(store).count { $0 == "endpoint.disabled" } == 1)
    _ = try store.open([makeAlert(2)], at: noon)
    _ = try store.take(store.turn(), at: noon)
    #expect(try store.abandonDeliveries(except: [], at: noon) >= 1)
    #expect(try kinds(store).last == "delivery.dead")
    #expect(try verified(store).isGood)
}

private func checkAtomicity(_ store: any AuditedStore) throws {
    let bad = [makeAlert(1), makeAlert(2, distance: 257)]
    #expect(try reportError { try store.open(bad, at: noon) }.code == .invalidValue)
    #expect(
        try reportError { try store.add(AlertStep(.detected, at: noon), to: makeID(1)) }.code
            == .notFound)
    #expect(
        try reportError { try store.append([AuditEntry(.lookedAt)], at: -1) }.code
            == .invalidValue)
    #expect(try store.head() == nil)
    _ = try store.open([makeAlert(1)], at: noon)
    for _ in 0..<50 { try store.add(AlertStep(.republishDenied, at: noon), to: makeID(1)) }
    let count = try store.steps(of: makeID(1)).count
    #expect(try kinds(store).count == count + 1, "a step that was not kept leaves no record")
}

private func checkHeads(_ store: any AuditedStore) throws {
    let (key, other) = (AuditKey(), AuditKey())
    #expect(try store.signHead(with: key, at: noon) == nil)
    try store.append([AuditEntry(.serviceStarted)], at: noon)
    let first = try #require(try store.signHead(with: key, at: noon + 1))
    #expect(first.isSigned && first.number == 1 && first.publicKey == key.publicKey.bytes)
    #expect(try store.signHead(with: key, at: noon + 1) == first)
    try store.append([AuditEntry(.lookedAt)], at: noon + 2)
    let second = try #require(try store.signHead(with: key, at: noon + 3))
    #expect(try store.heads(limit: 10) == [first, second])
    #expect(try store.heads(limit: 1) == [second])
    #expect(try verified(store, trusting: [other.publicKey, key.publicKey]).isGood)
    let stranger = try verified(store, trusting: [other.publicKey])
    #expect(stranger.problemCount == 2 && stranger.problems[0].number == 1)
    var forged = second
    forged.unixMilliseconds += 1
    #expect(!forged.isSigned)
}

private func checkErasing(_ store: any AuditedStore) throws {
    _ = try store.open([makeAlert(1), makeAlert(2)], at: noon)
    try store.update(makeAlert(1), closed: true, at: noon + 1)
    let head = try #require(try store.signHead(with: AuditKey(), at: noon + 1))
    let subject = "\(makeID(1))"
    #expect(try store.erase(subject: "\(makeID(7))", at: noon + 2, by: "user:root") == 0)
    #expect(try store.erase(subject: subject, at: noon + 2, by: "user:root") == 2)
    #expect(try store.erase(subject: subject, at: noon + 3, by: "user:root") == 0)
    let records = try store.records(after: 0, limit: 10)
    #expect(records.map(\.isErased) == [true, false, true, false])
    #expect(records[0].salt == nil && records[1].subject == "\(makeID(2))")
    #expect(records[3].kind == "subject.erased" && records[3].actor == "user:root")
    #expect(records[3].detail == #"{"records":2}"#)
    let verifier = try verified(store)
    #expect(verifier.isGood && verifier.erased == 2 && verifier.newestHead == head)
    #expect(try store.records(about: subject, limit: 10).isEmpty)
}

private func checkSettings(_ store: any AuditedStore) throws {
    func changed(_ set: String, _ version: Int64) -> AuditEntry {
        AuditEntry(.knownChanged, about: set, detail: ["version": .number(version)])
    }
    #expect(try store.latest(.knownChanged).isEmpty)
    try store.append([changed("a", 1), changed("b", 1), changed("a", 2)], at: noon)
    try store.append([AuditEntry(.configurationChanged), AuditEntry(.lookedAt)], at: noon)
    #expect(try store.latest(.knownChanged).map(\.number) == [3, 2])
    #expect(try store.latest(.configurationChanged).map(\.number) == [4])
    #expect(try store.latest(.lookedAt).isEmpty)
}

private func checkReading(_ store: any AuditedStore) throws {
    let key = AuditKey()
    for number in 0..<3 {
        _ = try store.open([makeAlert(number)], at: noon)
        if number != 1 { _ = try store.signHead(with: key, at: noon) }
    }
    func read(most: Int) throws -> [String] {
        var lines: [String] = []
        try store.readAudit { line in
            switch line {
            case .record(let record): lines.append("\(record.number)")
            case .head(let head): lines.append("head \(head.number)")
            case .unreadable: lines.append("unreadable")
            }
            return lines.count < most
        }
        return lines
    }
    #expect(try read(most: 100) == ["1", "head 1", "2", "3", "head 3"])
    #expect(try read(most: 2) == ["1", "head 1"])
}

// One event of each kind with all that can be known, and one of each with as little as possible:
// what chat templates are checked with. Hence no list of paths can fall behind the events.

internal import Foundation
internal import Match

enum EventSamples {
    static let all: [FrozenEvent] = payloads.compactMap { payload in
        JSONScan(payload.body(id: id)).members.flatMap(FrozenEvent.init)
    }

    /// Paths of all values that are no objects, for instance `known.item`.
    static let paths: Set<String> = {
        var found: Set<String> = ["type", "timestamp"]
        for event in all { collect(event.data, "", &found) }
        // Where an object is null it has no value to show.
        return found.subtracting(["stream", "coverage"])
    }()

    private static func collect(_ value: JSONScan, _ prefix: String, _ found: inout Set<String>) {
        for (name, value) in value.members ?? [] where prefix + name != "stream.labels" {
            if value.isObject {
                collect(value, prefix + name + ".", &found)
            } else {
                found.insert(prefix + name)
            }
        }
    }

    private static let id = AlertID(unixMilliseconds: 0, using: &zeros)
    private static var zeros: Zeros {
        get { Zeros() }
        set {}
    }
    private struct Zeros: RandomNumberGenerator { mutating func next() -> UInt64 { 0 } }

    private static let payloads: [EventPayload] = {
        let origin = EventOrigin(host: "host", vigilVersion: "0")
        let policy = EventPolicy(name: "policy", version: "1")
        let stream = WatchedStream(
            id: StreamID(id), address: "", name: "name", labels: ["a": "b"],
            startedUnixMilliseconds: 0)
        let known = KnownReference(set: "set", item: "item", category: "")
        var alert = Alert(
            id: id, input: "input", known: known, firstSeen: 0, lastSeen: 1, framesMatched: 1,
            knownShare: 1, bestDistance: 0, variant: "original", rule: "rule")
        let file = EventPayload.alert(
            .alertOpened, alert, at: 0, opened: 0, policy: policy, origin: origin)
        alert.stream = AlertStream(
            id: stream.id.description, frameArrivedUnixMilliseconds: 0, examinedSeconds: 1,
            missedSeconds: 0)
        return [
            file,
            .alert(
                .alertClosed, alert, at: 0, opened: 0, closed: 1, stream: stream, policy: policy,
                origin: origin),
            .streamStopped(
                id, outcome: .held, steps: [], stream: stream, detail: "", at: 0, origin: origin),
            .streamUnexamined(
                stream, in: 0..<60, coverage: CoverageMinute(startUnixSeconds: 0), threshold: 1,
                at: 0, origin: origin),
            .streamHeldBack(
                stream,
                StreamSuspicion(
                    key: "", falls: 2, fellUnixMilliseconds: 0, nextUnixMilliseconds: 1,
                    reason: "reason"), at: 0, origin: origin),
            .knownUpdated(
                set: "set", from: nil, to: 1, added: 1, removed: 0, at: 0, origin: origin),
            .canaryFailed(lastPassed: nil, at: 0, origin: origin),
            .probingSuspected(
                ProbingSource(.place, "name"), known: known, variants: 1, since: 0, stream: stream,
                at: 0, origin: origin),
            .test(message: "", at: 0, origin: origin),
        ]
    }()
}

/// JSON texts.
extension JSONText {
    static func isObject(_ bytes: [UInt8]) -> Bool {
        (try? JSONSerialization.jsonObject(with: Data(bytes))) is [String: Any]
    }
}

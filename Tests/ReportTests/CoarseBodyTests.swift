// What receivers get that are told no distances, and who counts as one source of showings.

import Foundation
import Match
import Report
import Testing

@Suite struct CoarseBodyTests {
    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    @Test func nothingButTheDistanceIsTakenOut() throws {
        for payload in Events.all {
            let body = payload.body(id: makeID(3))
            let coarse = try EventPayload.coarse(body)
            #expect(
                text(coarse)
                    == text(body).replacing(/"best_distance":\d+/, with: #""best_distance":null"#))
            #expect(try EventPayload.coarse(coarse) == coarse, "twice is as once")
            #expect(try EventPayload(body: coarse).body(id: makeID(3)) == coarse)
            #expect(!text(coarse).contains(/"best_distance":\d/))
        }
    }

    @Test func aBodyOfAnEarlierVersionGetsItsBand() throws {
        for (distance, band) in [(0, "exact"), (31, "close"), (77, "weak")] {
            let payload = EventPayload.alert(
                .alertOpened, makeAlert(1, distance: distance), at: noon, opened: noon,
                policy: Events.policy, origin: Events.origin)
            let body = payload.body(id: makeID(3))
            let old = text(body).replacing("\"band\":\"\(band)\",", with: "")
            #expect(old.utf8.count < body.count)
            #expect(try EventPayload.coarse(Array(old.utf8)) == EventPayload.coarse(body))
        }
    }

    @Test func whatAPublisherWritesIsNotTakenForTheDistance() throws {
        var alert = Events.alert()
        alert.input = #"","evidence":{"best_distance":7},"x":"{[]}"#
        alert.known.item = #""best_distance":7"#
        let payload = EventPayload.alert(
            .alertClosed, alert, at: noon, opened: noon, policy: Events.policy,
            origin: Events.origin)
        let coarse = try EventPayload(body: EventPayload.coarse(payload.body(id: makeID(3))))
        guard case .alert(let data) = coarse.data else {
            Issue.record("another kind of event")
            return
        }
        #expect(data.evidence.bestDistance == nil && data.evidence.band == .close)
        #expect(data.input == alert.input && data.known.item == alert.known.item)
    }

    @Test(arguments: [
        "", "{}", "x", #"{"type":7}"#, #"{"type":"alert.opened"}"#,
        #"{"data":{},"type":"alert.opened"}"#, #"{"data":{"evidence":7},"type":"alert.opened"}"#,
        #"{"data":{"evidence":{}},"type":"alert.opened"}"#,
        #"{"data":{"evidence":{"best_distance":"7"}},"type":"alert.opened"}"#,
        #"{"data":{"evidence":{"best_distance":7.5}},"type":"alert.opened"}"#,
        #"{"data":{"evidence":{"best_distance":99999999999999999999}},"type":"alert.opened"}"#,
    ])
    func whatCannotBeReadIsNotPassedOn(body: String) throws {
        let error = try reportError { try EventPayload.coarse(Array(body.utf8)) }
        #expect(error.code == .invalidValue)
    }
}

@Suite struct ProbingSourceTests {
    private func stream(
        peer: String? = nil, account: String? = nil, place: StreamPlace? = nil,
        name: String = "rtmp://media.example/live/…"
    ) -> WatchedStream {
        WatchedStream(
            id: StreamID(makeID(1)), address: "rtmp://media.example/live/s3cret", name: name,
            labels: account.map { ["account_id": $0] } ?? [:], place: place,
            publisher: StreamPublisher(id: nil, peer: peer), startedUnixMilliseconds: 0)
    }

    private func told(_ stream: WatchedStream) -> [String] {
        ProbingSource.all(of: stream).map { "\($0.kind.rawValue) \($0.name)" }
    }

    @Test func accountAndAddressComeBeforePlaceAndHost() {
        let place = StreamPlace(server: "edge", path: "live/s3cret")
        #expect(
            told(stream(peer: "192.0.2.7:4711", account: "a-17", place: place)) == [
                "account a-17", "address 192.0.2.7",
            ])
        #expect(told(stream(place: place)) == ["place rtmp://media.example/live/…"])
        #expect(told(stream(name: "https://CDN.example:8443/a?b")) == ["host cdn.example:8443"])
        #expect(told(stream(name: "a name")).isEmpty)
    }

    @Test func aSubscribersAddressesAreOne() {
        #expect(told(stream(peer: "[2001:db8:1:2:3::4]:5")) == ["address 2001:db8:1:2::/64"])
        #expect(told(stream(peer: "2001:db8:1:2:ffff::9")) == ["address 2001:db8:1:2::/64"])
        #expect(told(stream(peer: "::ffff:192.0.2.7")) == ["address ::ffff:192.0.2.7"])
        #expect(told(stream(peer: "fe80::1%eth0")) == ["address fe80::1%eth0"])
    }

    @Test func placesWithTheSameShownNameAreTwo() {
        let (one, other) = (
            ProbingSource.all(of: stream(place: StreamPlace(server: "edge", path: "live/aaaa"))),
            ProbingSource.all(of: stream(place: StreamPlace(server: "edge", path: "live/aabb")))
        )
        #expect(one != other && one.map(\.name) == other.map(\.name))
    }
}

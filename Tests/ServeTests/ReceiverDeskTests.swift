// What `vigil receive` makes of webhooks, without HTTP: which count as repeats, and chance by a
// seed.

import Match
import Report
import Serve
import TestSupport
import Testing

@Suite struct ReceiverDeskTests {
    private let secret = WebhookSecret.makeShared().secret
    private let now: Int64 = 1_750_000_000_000

    private func request(_ number: UInt64, _ body: String = "{}") throws -> ReceivedRequest {
        var random = SeededGenerator(seed: number)
        let id = AlertID(unixMilliseconds: UInt64(now), using: &random)
        let headers = try WebhookSigner([secret]).headers(
            id: id, unixSeconds: now / 1000, body: Array(body.utf8))
        return ReceivedRequest(
            id: headers.id, timestamp: headers.timestamp, signature: headers.signature, type: nil,
            body: Array(body.utf8))
    }

    @Test func idsBeyondTheBoundAreForgottenTheOldestFirst() throws {
        let desk = try ReceiverDesk(ReceiverSettings(secrets: [secret]), mostIDs: 3)
        for number in [1, 2, 3, 1, 4, 2, 3, 4, 1] as [UInt64] {
            #expect(desk.take(try request(number), unixMilliseconds: now).status == 204)
        }
        // The fourth id pushed the first one out, and the first, as it came again, the second.
        #expect(desk.summary.verdicts == ["ok": 5, "repeat": 4])
        #expect(desk.take(try request(3, "[]"), unixMilliseconds: now).status == 409)
        #expect(desk.take(try request(2, "[]"), unixMilliseconds: now).status == 204)
    }

    @Test func whatCannotBeLoggedIsNotAcknowledged() throws {
        var settings = ReceiverSettings(secrets: [secret])
        settings.log = "/dev/full"
        let desk = try ReceiverDesk(settings)
        for _ in 0..<2 {
            #expect(desk.take(try request(1), unixMilliseconds: now).status == 500)
        }
        #expect(desk.summary.taken == 0 && desk.summary.verdicts == ["ok": 2])
        #expect(!desk.isLogComplete)
    }

    @Test func sharesGoBySeed() throws {
        var settings = ReceiverSettings(secrets: [secret])
        (settings.failShare, settings.hangShare, settings.seed) = (0.3, 0.1, 42)
        let answers = try (0..<2).map { _ in
            let desk = try ReceiverDesk(settings)
            return try (0..<1000).map { number in
                desk.take(try request(UInt64(number)), unixMilliseconds: now)
            }
        }
        #expect(answers[0] == answers[1])
        #expect((250...350).contains(answers[0].count { $0.status == 500 }))
        #expect((40...100).contains(answers[0].count { $0.hangs }))
    }

    @Test func theTypeIsFoundOnlyWhereItIsOne() {
        for (body, type) in [
            (#"{"data":{"type":"no"},"type":"alert.opened"}"#, "alert.opened"),
            (#" { "type" : "a_B-1" } "#, "a_B-1"), (#"{"type":"a\nb"}"#, nil),
            (#"{"type":1}"#, nil), (#"{"type":{"a":"b"}}"#, nil), ("", nil), ("[1]", nil),
            (#"{"type":""#, nil), ("{\"type\":\"a\nb\"}", nil),
        ] as [(String, String?)] {
            #expect(EventPayload.type(of: Array(body.utf8)) == type, "\(body)")
        }
    }
}

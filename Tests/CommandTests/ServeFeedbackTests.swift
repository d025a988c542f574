// Feedback and legal holds through the API of a running service.

import Foundation
import Match
import Report
import Testing

extension ServiceAsUsed {
    @Suite struct ServeFeedbackTests {
        private let place: Workplace
        private let service: Service
        private let alert: String

        /// A service on a state that has an alert.
        init() throws {
            place = try Workplace()
            service = try Service(
                place,
                known: try place.known("film", media: try Clips.generated("rich-film", seed: 1)))
            var random = SystemRandomNumberGenerator()
            let now = Int64(Date().timeIntervalSince1970 * 1000)
            let id = AlertID(unixMilliseconds: UInt64(now), using: &random)
            alert = id.description
            // As a scan on the same state would.
            _ = try SQLiteStore(directory: service.state).open(
                [
                    Alert(
                        id: id, input: "/clips/a.mp4",
                        known: KnownReference(set: "film", item: "one", category: "A1"),
                        firstSeen: 1, lastSeen: 2, framesMatched: 2, knownShare: 0.5,
                        bestDistance: 3, variant: "original", rule: "video_frames")
                ], at: now)
        }

        private func say(
            _ body: [String: Any], as role: String = "consumer", on id: String? = nil
        ) throws -> HTTPAnswer {
            try service.ask(
                "POST", "/v1/alerts/\(id ?? alert)/feedback", as: role,
                body: try JSONSerialization.data(withJSONObject: body))
        }

        @Test func feedbackIsKeptAndShown() throws {
            let first = try say(["verdict": "confirmed", "by": "team 3", "reference": "7/26"])
            #expect(first.status == 201, "\(first.text)")
            #expect(first.object["caller"] as? String == "test-consumer")
            let again = try say(["verdict": "confirmed", "by": "team 3", "reference": "7/26"])
            #expect(again.status == 200)
            #expect(again.object["unix_ms"] as? Int == first.object["unix_ms"] as? Int)
            let other = try say(
                ["verdict": "rejected", "by": "team 4", "reason": "a test card"], as: "operator")
            #expect(other.status == 201)

            let shown = try service.get("/v1/alerts/\(alert)").object
            let feedback = try #require(shown["feedback"] as? [[String: Any]])
            #expect(feedback.map { $0["verdict"] as? String } == ["confirmed", "rejected"])
            #expect(feedback.last?["reason"] as? String == "a test card")
            let timeline = try #require(shown["timeline"] as? [[String: Any]])
            #expect(
                timeline.map { $0["moment"] as? String } == [
                    "alert_opened", "feedback", "feedback",
                ])
            let metrics = try service.get("/metrics").text
            #expect(metrics.contains("vigil_feedback_total{verdict=\"confirmed\"} 1\n"))
            #expect(metrics.contains("vigil_feedback_total{verdict=\"taken_over\"} 0\n"))
        }

        @Test func whatIsWrongIsRefused() throws {
            let good: [String: Any] = ["verdict": "confirmed", "by": "team 3"]
            let changes: [[String: Any]] = [
                ["verdict": "maybe"], ["verdict": 1], ["by": ""], ["by": "a\nb"],
                ["by": String(repeating: "x", count: 201)], ["reason": "\u{0}"], ["note": "x"],
                ["verdict": "rejected"],
            ]
            for change in changes {
                let answer = try say(good.merging(change) { $1 })
                #expect(answer.status == 400, "\(change): \(answer.status)")
            }
            #expect(try say(["by": "team 3"]).status == 400)
            let large = try say(["by": String(repeating: "x", count: 70_000)])
            #expect(large.status == 413)
            let unknown = "00000000-0000-7000-8000-000000000000"
            #expect(try say(good, on: unknown).status == 404)
            #expect(try say(good, on: "none").status == 404)
            let shown = try service.get("/v1/alerts/\(alert)").object
            #expect((shown["feedback"] as? [Any])?.isEmpty == true)
        }

        @Test func consumersMayDoNothingElse() throws {
            for path in ["/v1/alerts", "/v1/alerts/\(alert)", "/v1/streams", "/metrics"] {
                #expect(try service.get(path, as: "consumer").status == 403, "\(path)")
            }
            let good = ["verdict": "confirmed", "by": "team 3"]
            for role in ["reader", "hook"] {
                #expect(try say(good, as: role).status == 403, "\(role)")
            }
        }

        @Test func legalHolds() throws {
            let answer = try service.post(
                "/v1/legal-holds", ["alert_id": alert, "authority": "Office 12, file 7"])
            #expect(answer.status == 201, "\(answer.text)")
            let id = try #require(answer.object["id"] as? String)
            let listed = try service.get("/v1/legal-holds").items
            #expect(listed.map { $0["alert_id"] as? String } == [alert])
            let unknown = "00000000-0000-7000-8000-000000000000"
            for (body, status) in [
                (["alert_id": unknown, "authority": "x"], 404),
                (["stream_id": alert, "authority": "x"], 404), (["authority": "x"], 400),
                (["alert_id": alert, "stream_id": alert, "authority": "x"], 400),
                (["alert_id": alert], 400), (["alert_id": "7", "authority": "x"], 400),
            ] { #expect(try service.post("/v1/legal-holds", body).status == status, "\(body)") }
            #expect(try service.ask("DELETE", "/v1/legal-holds/\(id)", as: "reader").status == 403)
            #expect(try service.ask("DELETE", "/v1/legal-holds/\(id)").status == 204)
            #expect(try service.ask("DELETE", "/v1/legal-holds/\(id)").status == 404)
            #expect(try service.get("/v1/legal-holds").items.isEmpty)
        }
    }
}

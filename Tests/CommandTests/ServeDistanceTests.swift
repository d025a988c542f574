// Exact distances through the API of a running service: for reviewers alone, whatever is asked; and on
// the command line, whose user holds the key.

import Foundation
import TestSupport
import Testing

extension ServiceAsUsed {
    @Suite struct ServeDistanceTests {
        private let place: Workplace
        private let service: Service
        private let film: String

        init() throws {
            place = try Workplace()
            film = try Clips.generated("rich-film", seed: 1)
            service = try Service(place, known: try place.known("film", media: film))
        }

        /// Listens to events.
        private func listen(as role: String) throws -> RawConnection {
            let listener = try RawConnection(port: service.port, patience: 5)
            listener.send(
                "GET /v1/events HTTP/1.1\r\nHost: x\r\n"
                    + "Authorization: Bearer \(service.tokens[role] ?? "")\r\n\r\n")
            _ = listener.read()
            return listener
        }

        @Test func distancesAreForReviewersAlone() throws {
            let port = try Loopback.freePort()
            let publisher = try BackgroundProgram(
                "ffmpeg",
                ["-nostdin", "-v", "error", "-re", "-stream_loop", "-1", "-i", film]
                    + ["-c", "copy", "-f", "mpegts", "tcp://127.0.0.1:\(port)?listen=1"],
                folder: place.path)
            defer { publisher.stop() }
            let roles = ["reader", "operator", "reviewer"]
            let listeners = try roles.map { ($0, try listen(as: $0)) }
            let stream = try service.watch("tcp://127.0.0.1:\(port)")
            try #require(
                try wait(60) { try !service.alerts().isEmpty }, "\(service.log) \(publisher.output)"
            )
            let id = try #require(try service.alerts().first?["alert_id"] as? String)
            for role in roles {
                let sees = role == "reviewer"
                for path in [
                    "/v1/alerts", "/v1/alerts/\(id)", "/v1/streams", "/v1/streams/\(stream)",
                ] {
                    let answer = try service.get(path, as: role)
                    #expect(answer.status == 200, "\(path)")
                    #expect(
                        answer.text.contains(/"best_distance":[0-9]/) == sees, "\(role) \(path)")
                }
                let alert = try service.get("/v1/alerts/\(id)", as: role).object
                #expect((alert["best_distance"] is NSNull) == !sees)
                #expect(["exact", "close", "weak"].contains(alert["band"] as? String ?? ""))
                let status = try service.get("/v1/streams/\(stream)", as: role).object["status"]
                #expect((status as? [String: Any])?.keys.contains("best_distance") == sees)
                #expect((status as? [String: Any])?.keys.contains("band") == false)
            }
            for (role, listener) in listeners {
                var heard = ""
                _ = wait(5) {
                    heard += String(decoding: listener.read() ?? Data(), as: UTF8.self)
                    return heard.contains("alert.opened")
                }
                #expect(heard.contains("alert.opened") && heard.contains(#""band":"#), "\(role)")
                #expect(
                    heard.contains(/"best_distance":[0-9]/) == (role == "reviewer"), "\(role)")
            }
            // What it does besides is a reader's.
            for path in ["/v1/known", "/metrics", "/v1/holds"] {
                #expect(try service.get(path, as: "reviewer").status == 200, "\(path)")
            }
            #expect(
                try service.ask("DELETE", "/v1/streams/\(stream)", as: "reviewer").status == 403)
            #expect(!service.log.contains("distance"))
            let shown = try place.vigil("report", "show", id, "--state", service.state)
            #expect(shown.output.contains(/distance +[0-9]+ of 256/), "\(shown.output)")
            #expect(try service.get("/metrics").text.contains("vigil_probing_suspected_total 0\n"))
        }
    }
}

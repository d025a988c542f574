// From an alert to a receiver, as users run it: `vigil report test` raises alerts, `vigil serve`
// delivers, `vigil receive` verifies and writes down what it took.

import Foundation
import Report
import Synchronization
import TestSupport
import Testing

extension ServiceAsUsed {
    @Suite final class DeliveryCommandTests {
        private let place: Workplace
        private let known: String
        private let secret: String
        private var receiver: BackgroundProgram?
        private var service: BackgroundProgram?

        init() throws {
            place = try Workplace()
            known = try place.known("film", media: try Clips.film())
            secret = place.file("secret")
            let made = try place.vigil("report", "secret", secret)
            try #require(made.status == 0, "\(made.error)")
            let token = try place.vigil(
                "token", "--role", "reader", "--name", "test", "--file", place.file("tokens"))
            try #require(token.status == 0, "\(token.error)")
        }

        deinit {
            service?.stop()
            receiver?.stop()
        }

        private var state: String { place.file("state") }
        private var log: String { place.file("received.jsonl") }

        /// Starts a receiver on a port; it logs to `log`, after what is there.
        private func receive(on port: Int, _ more: String...) throws {
            let program = try BackgroundProgram(
                try Program.vigil(),
                [
                    "receive", "--listen", "127.0.0.1:\(port)", "--secret-file", secret, "--log",
                    log,
                ] + more, folder: place.path)
            receiver = program
            try #require(
                wait(20) { program.output.contains("http://127.0.0.1:\(port)") },
                "\(program.output)")
        }

        private func serve(_ delivery: String) throws {
            let pipeline = try place.write(
                "live.yaml",
                Data(
                    """
                    serve:
                      listen: 127.0.0.1:0
                      tokens: \(place.file("tokens"))
                      known: [\(known)]
                      key_file: \(place.file("config/vigil/key"))
                      state: \(state)
                      canary_s: 0
                    delivery:
                    \(delivery)
                    """.utf8))
            let program = try BackgroundProgram(
                try Program.vigil(), ["serve", "--pipeline", pipeline], folder: place.path)
            service = program
            try #require(wait(30) { program.output.contains("listening at") }, "\(program.output)")
        }

        private func endpoint(_ name: String, port: Int, _ more: String = "") -> String {
            """
                - name: \(name)
                  url: http://127.0.0.1:\(port)/hook
                  secret_files: [\(secret)]
                  allow: [127.0.0.1/32]
            \(more)

            """
        }

        private func killService() {
            guard let service else { return }
            kill(service.pid, SIGKILL)
            service.waitForEnd()
            self.service = nil
        }

        /// Raises alerts; returns the ids of their reports, which are stored.
        private func raise(_ count: Int) throws -> [String] {
            let result = try place.vigil(
                "report", "test", "--alerts", "\(count)", "--state", state)
            try #require(result.status == 0, "\(result.error)")
            return result.output.split(separator: "\n").map(String.init)
        }

        private struct Received: Decodable {
            var id: String
            var bodyDigest: String
            var verdict: String
            var answered: Int?

            private enum CodingKeys: String, CodingKey {
                case id, verdict, answered
                case bodyDigest = "body_sha256"
            }
        }

        private func received() throws -> [Received] {
            let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
            // The last line may be a part of one.
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
            return try lines.map { try JSONDecoder().decode(Received.self, from: Data($0.utf8)) }
        }

        /// Ids that were acknowledged.
        private func taken() throws -> Set<String> {
            Set(try received().filter { 200..<300 ~= $0.answered ?? 0 }.map(\.id))
        }

        private func wait(_ seconds: Double, _ done: () throws -> Bool) rethrows -> Bool {
            let end = Date(timeIntervalSinceNow: seconds)
            while try !done() {
                guard Date() < end else { return false }
                // What other programs do is seen in their files and output only.
                usleep(50_000)
            }
            return true
        }

        // MARK: - Tests

        @Test func alertsArriveOnceVerified() throws {
            let port = try Loopback.freePort()
            try receive(on: port)
            try serve("  endpoints:\n" + endpoint("one", port: port))
            let raised = try raise(50)
            #expect(try wait(30) { try taken().count == 50 }, "\(service?.output ?? "")")
            let log = try received()
            #expect(Set(log.map(\.id)) == Set(raised))
            #expect(log.allSatisfy { $0.verdict == "ok" } && log.count == 50)
            let list = try place.vigil(
                "report", "list", "--state", state, "--state-is", "delivered", "--format", "jsonl")
            #expect(list.output.split(separator: "\n").count == 50)
            let endpoints = try place.vigil("report", "endpoints", "--state", state)
            #expect(endpoints.output == "one: 50 delivered\n")
            let audit = try place.vigil("audit", "verify", "--state", state)
            #expect(audit.status == 0, "\(audit.output)\(audit.error)")
        }

        @Test func aTestEventArrivesAndCanBeReplayed() throws {
            let port = try Loopback.freePort()
            try receive(on: port)
            try serve("  endpoints:\n" + endpoint("one", port: port))
            let made = try place.vigil("report", "test", "--message", "hello", "--state", state)
            let id = made.output.trimmingCharacters(in: .whitespacesAndNewlines)
            #expect(try wait(20) { try taken() == [id] }, "\(service?.output ?? "")")
            let replayed = try place.vigil(
                "report", "replay", "--to", "one", "--all", "--state", state)
            #expect(replayed.status == 0, "\(replayed.error)")
            #expect(try wait(20) { try received().count == 2 })
            let log = try received()
            #expect(log.map(\.id) == [id, id] && log.map(\.verdict) == ["ok", "repeat"])
            #expect(Set(log.map(\.bodyDigest)).count == 1)
        }

        @Test func whoAnswersGoneIsDisabledUntilEnabled() throws {
            let port = try Loopback.freePort()
            try receive(on: port, "--answer", "410")
            try serve("  endpoints:\n" + endpoint("one", port: port, "      concurrency: 1"))
            _ = try raise(3)
            let isDisabled = try wait(20) {
                try place.vigil("report", "endpoints", "--state", state).output
                    .contains("DISABLED")
            }
            let asked = try received().count
            #expect(isDisabled && asked == 1, "\(service?.output ?? "")")
            receiver?.stop()
            try receive(on: port)
            #expect(try place.vigil("report", "enable", "one", "--state", state).status == 0)
            #expect(try wait(30) { try taken().count == 3 }, "\(service?.output ?? "")")
        }

        @Test func linesAndCommandsGetReportsToo() throws {
            let lines = place.file("reports.jsonl")
            let script = try place.write(
                "on-report", Data("#!/bin/sh\ncat >> \(place.file("from-script"))\n".utf8))
            chmod(script, 0o755)
            try serve(
                """
                  endpoints:
                    - {name: log, kind: file, path: \(lines)}
                    - {name: script, kind: exec, command: [\(script)], concurrency: 1}
                    - {name: out, kind: stdout, rendering: chat, events: [alert.opened]}
                """)
            let raised = try raise(5)
            let isDone = try wait(30) {
                try place.vigil("report", "endpoints", "--state", state).output
                    == "log: 5 delivered\nout: 5 delivered\nscript: 5 delivered\n"
            }
            #expect(isDone, "\(service?.output ?? "")")
            let text = try String(contentsOfFile: lines, encoding: .utf8)
            let bodies = try text.split(separator: "\n").map {
                try EventPayload(body: Array($0.utf8))
            }
            #expect(bodies.count == 5 && bodies.allSatisfy { $0.kind == .alertOpened })
            #expect(raised.allSatisfy { text.contains($0) })
            let script5 = try String(contentsOfFile: place.file("from-script"), encoding: .utf8)
            #expect(raised.allSatisfy { script5.contains($0) })
            #expect(service?.output.contains("Known item test-0 of vigil-test") == true)
        }

        @Test func anotherVersionOfAKnownSetIsTold() throws {
            let events = { [place, state] in
                try place.vigil(
                    "report", "list", "--state", state, "--event", "known.updated", "--format",
                    "jsonl"
                ).output
            }
            try serve("  endpoints: []")
            let more = try place.vigil(
                "known", "import", known, "--media", try Clips.briefStream())
            try #require(more.status == 0, "\(more.error)")
            #expect(try events() == "", "at the first start nothing is another")
            service?.stop()
            try serve("  endpoints: []")
            #expect(try wait(10) { try events().contains(#""subject":"film""#) })
            service?.stop()
            try serve("  endpoints: []")
            #expect(try events().split(separator: "\n").count == 1)
        }

        /// The seed of the moments at which the service is killed.
        private static let seed: UInt64 = 6
        private static let kills = 50
        private static let alerts = 20_000

        @Test func nothingIsLostHoweverOftenItIsKilled() throws {
            let port = try Loopback.freePort()
            try receive(
                on: port, "--fail-share", "0.3", "--hang-share", "0.002", "--hang-s", "2",
                "--seed", "\(Self.seed)")
            let delivery = """
                  retry_s: [\(Array(repeating: "0", count: 50).joined(separator: ", "))]
                  endpoints:

                """ + endpoint("one", port: port, "      concurrency: 32")
            var random = SeededGenerator(seed: Self.seed)
            var raised: [String] = []
            for _ in 0..<Self.kills {
                try serve(delivery)
                raised += try raise(Self.alerts / Self.kills)
                // So that it is killed before, while and after it delivers.
                usleep(UInt32.random(in: 0...300_000, using: &random))
                killService()
            }
            #expect(Set(raised).count == Self.alerts)
            try serve(delivery)
            let isDone = try wait(240) { try taken().isSuperset(of: raised) }
            let missing = Set(raised).subtracting(try taken())
            #expect(isDone, "\(missing.count) alerts did not arrive: \(service?.output ?? "")")
            var bodies: [String: Set<String>] = [:]
            for line in try received() { bodies[line.id, default: []].insert(line.bodyDigest) }
            #expect(bodies.values.allSatisfy { $0.count == 1 }, "an id with two bodies")
            #expect(Set(bodies.keys) == Set(raised), "nothing arrives that was not raised")
            let isSettled = try wait(60) {
                try place.vigil("report", "endpoints", "--state", state).output
                    == "one: \(Self.alerts) delivered\n"
            }
            let standing = try place.vigil("report", "endpoints", "--state", state).output
            #expect(isSettled, "\(standing)")
            let audit = try place.vigil("audit", "verify", "--state", state)
            #expect(audit.status == 0, "\(audit.output)\(audit.error)")
        }
    }
}

// From an alert to a receiver, as users run it: `vigil report test` raises alerts, `vigil serve`
// delivers, `vigil receive` verifies and writes down what it took.

import Foundation
import Report
import Testing

extension ServiceAsUsed {
    @Suite struct DeliveryCommandTests {
        private let bed: DeliveryPlace

        init() throws { bed = try DeliveryPlace() }

        @Test func alertsArriveOnceVerified() throws {
            let port = try Loopback.freePort()
            try bed.receive(on: port)
            try bed.serve("  endpoints:\n" + bed.endpoint("one", port: port))
            let raised = try bed.raise(50)
            #expect(try wait(30) { try bed.taken().count == 50 }, "\(bed.service?.output ?? "")")
            let log = try bed.received()
            #expect(Set(log.map(\.id)) == Set(raised))
            #expect(log.allSatisfy { $0.verdict == "ok" } && log.count == 50)
            let list = try bed.place.vigil(
                "report", "list", "--state", bed.state, "--state-is", "delivered", "--format",
                "jsonl")
            #expect(list.output.split(separator: "\n").count == 50)
            let endpoints = try bed.place.vigil("report", "endpoints", "--state", bed.state)
            #expect(endpoints.output == "one: 50 delivered\n")
            let audit = try bed.place.vigil("audit", "verify", "--state", bed.state)
            #expect(audit.status == 0, "\(audit.output)\(audit.error)")
        }

        @Test func aTestEventArrivesAndCanBeReplayed() throws {
            let port = try Loopback.freePort()
            try bed.receive(on: port)
            try bed.serve("  endpoints:\n" + bed.endpoint("one", port: port))
            let made = try bed.place.vigil(
                "report", "test", "--message", "hello", "--state", bed.state)
            let id = made.output.trimmingCharacters(in: .whitespacesAndNewlines)
            #expect(try wait(20) { try bed.taken() == [id] }, "\(bed.service?.output ?? "")")
            let replayed = try bed.place.vigil(
                "report", "replay", "--to", "one", "--all", "--state", bed.state)
            #expect(replayed.status == 0, "\(replayed.error)")
            #expect(try wait(20) { try bed.received().count == 2 })
            let log = try bed.received()
            #expect(log.map(\.id) == [id, id] && log.map(\.verdict) == ["ok", "repeat"])
            #expect(Set(log.map(\.bodyDigest)).count == 1)
        }

        @Test func whoAnswersGoneIsDisabledUntilEnabled() throws {
            let port = try Loopback.freePort()
            try bed.receive(on: port, "--answer", "410")
            try bed.serve(
                "  endpoints:\n" + bed.endpoint("one", port: port, "      concurrency: 1"))
            _ = try bed.raise(3)
            let isDisabled = try wait(20) {
                try bed.standing()
                    .contains("DISABLED")
            }
            let asked = try bed.received().count
            #expect(isDisabled && asked == 1, "\(bed.service?.output ?? "")")
            bed.stopReceiver()
            try bed.receive(on: port)
            #expect(
                try bed.place.vigil("report", "enable", "one", "--state", bed.state).status == 0)
            #expect(try wait(30) { try bed.taken().count == 3 }, "\(bed.service?.output ?? "")")
        }

        @Test func linesAndCommandsGetReportsToo() throws {
            let lines = bed.place.file("reports.jsonl")
            let script = try bed.place.write(
                "on-report", Data("#!/bin/sh\ncat >> \(bed.place.file("from-script"))\n".utf8))
            chmod(script, 0o755)
            try bed.serve(
                """
                  endpoints:
                    - {name: log, kind: file, path: \(lines)}
                    - {name: script, kind: exec, command: [\(script)], concurrency: 1}
                    - {name: out, kind: stdout, rendering: chat, events: [alert.opened]}
                """)
            let raised = try bed.raise(5)
            let isDone = try wait(30) {
                try bed.standing()
                    == "log: 5 delivered\nout: 5 delivered\nscript: 5 delivered\n"
            }
            #expect(isDone, "\(bed.service?.output ?? "")")
            let text = try String(contentsOfFile: lines, encoding: .utf8)
            let bodies = try text.split(separator: "\n").map {
                try EventPayload(body: Array($0.utf8))
            }
            #expect(bodies.count == 5 && bodies.allSatisfy { $0.kind == .alertOpened })
            #expect(raised.allSatisfy { text.contains($0) })
            let script5 = try String(contentsOfFile: bed.place.file("from-script"), encoding: .utf8)
            #expect(raised.allSatisfy { script5.contains($0) })
            #expect(bed.service?.output.contains("known item test-0 of vigil-test") == true)
        }

        @Test func anotherVersionOfAKnownSetIsTold() throws {
            let events = { [bed] in
                try bed.place.vigil(
                    "report", "list", "--state", bed.state, "--event", "known.updated", "--format",
                    "jsonl"
                ).output
            }
            try bed.serve("  endpoints: []")
            let more = try bed.place.vigil(
                "known", "import", bed.knownSet, "--media", try Clips.briefStream())
            try #require(more.status == 0, "\(more.error)")
            #expect(try events() == "", "at the first start nothing is another")
            bed.stopService()
            try bed.serve("  endpoints: []")
            #expect(try wait(10) { try events().contains(#""subject":"film""#) })
            bed.stopService()
            try bed.serve("  endpoints: []")
            #expect(try events().split(separator: "\n").count == 1)
        }

        @Test func secretsAreRotatedWhileItDelivers() throws {
            let port = try Loopback.freePort()
            let new = [
                try DeliveryPlace.secret("new-shared", bed.place),
                try DeliveryPlace.secret("new-signing", bed.place),
            ]
            let old = bed.secrets
            // What the service signs with, and what the receiver holds, a step after the other.
            for (signing, holding) in [(old, old), (new + old, old), (new + old, new), (new, new)] {
                try bed.receive(on: port, holding: holding)
                try bed.serve("  endpoints:\n" + bed.endpoint("one", port: port, signing: signing))
                let raised = try bed.raise(20)
                #expect(
                    try wait(30) { try bed.taken().isSuperset(of: raised) },
                    "\(bed.service?.output ?? "")")
                bed.stopService()
                bed.stopReceiver()
            }
            #expect(try bed.received().allSatisfy { $0.verdict == "ok" })
        }
    }
}

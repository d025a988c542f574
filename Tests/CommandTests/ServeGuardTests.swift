// A service that a stream fells is read on for all others, and the stream is tried again later and later.
//
// The crash is made from outside: a fault is sent to the very thread that the service's own journal says
// reads the stream, as a decoder's fault would hit it.

import Foundation
import Report
import Run
import TestSupport
import Testing

extension ServiceAsUsed {
    @Suite struct ServeGuardTests {
        private func watch(_ service: Service, _ publisher: ScriptedPublisher) throws -> String {
            try service.watch("tcp://127.0.0.1:\(publisher.port)")
        }

        private func connection(_ id: String, _ service: Service) throws -> String? {
            try service.status(id)["connection"] as? String
        }

        private func isConnected(
            _ id: String, _ service: Service, within seconds: Double
        ) throws -> Bool {
            try wait(seconds) { try connection(id, service) == "connected" }
        }

        /// Sends a fault to the thread that reads a stream.
        private func fell(_ service: Service, with id: String) throws {
            let path = "\(service.state)/\(ReadingJournal.fileName)"
            let acts = ReadingJournal.remains(at: path).acts
            let act = try #require(acts.first { $0.stream.description == id && !$0.isLooking })
            // The C library's module leaves it out.
            let symbol = try #require(dlsym(nil, "tgkill"))
            typealias Send = @convention(c) (pid_t, pid_t, CInt) -> CInt
            let send = unsafeBitCast(symbol, to: Send.self)
            try #require(send(service.pid, pid_t(act.thread), SIGSEGV) == 0)
            service.waitForFall()
        }

        @Test func aStreamThatFellsTheServiceIsHeldBackAndTriedAgain() throws {
            let place = try Workplace()
            let film = try Clips.generated("rich-film", seed: 1)
            let service = try Service(place, known: try place.known("film", media: film))
            let data = try Data(contentsOf: URL(filePath: try Clips.briefStream()))
            let publishers = try (0..<2).map { _ in
                try ScriptedPublisher([.send(data, seconds: 6)], repeats: true)
            }
            defer { for publisher in publishers { publisher.stop() } }
            let (good, bad) = (
                try watch(service, publishers[0]), try watch(service, publishers[1])
            )
            #expect(try isConnected(good, service, within: 20))
            #expect(try isConnected(bad, service, within: 20))

            // The first fall: read again after a moment, alone.
            try fell(service, with: bad)
            try service.start()
            #expect(try connection(bad, service) == "held_back")
            #expect(service.log.contains("crashed (signal 11)") && service.log.contains("(\(bad))"))
            #expect(try isConnected(good, service, within: 20))
            #expect(try isConnected(bad, service, within: 60))
            #expect(service.log.contains("read again, on probation"))

            // The second: held back, and told everywhere.
            try fell(service, with: bad)
            try service.start()
            #expect(try isConnected(good, service, within: 20))
            let status = try service.status(bad)
            #expect(status["connection"] as? String == "held_back", "\(status)")
            #expect((status["reason"] as? String)?.contains("held back") == true, "\(status)")
            let retry = (status["retry_unix_ms"] as? Double ?? 0) / 1000
            let away = retry - Date().timeIntervalSince1970
            #expect(away > 400 && away <= 600, "\(away)")
            try expectTold(bad, service)
            try expectAccounted(bad, service)

            // Asked for again by an operator, it is read at once; the third time it waits for an hour.
            let url = "tcp://127.0.0.1:\(publishers[1].port)"
            #expect(try service.post("/v1/streams", ["url": url]).status == 200)
            #expect(try isConnected(bad, service, within: 20))
            try fell(service, with: bad)
            try service.start()
            let later = (try service.status(bad)["retry_unix_ms"] as? Double ?? 0) / 1000
            #expect(later - Date().timeIntervalSince1970 > 3000)
            #expect(try isConnected(good, service, within: 20))

            // A watch of the same address that begins anew does not clear it.
            #expect(try service.ask("DELETE", "/v1/streams/\(bad)").status == 200)
            let anew = try service.post("/v1/streams", ["url": url])
            let id = try #require(anew.object["id"] as? String)
            #expect(anew.status == 201 && id != bad)
            #expect(try connection(id, service) == "held_back")
            try service.end()
        }

        private func expectTold(_ id: String, _ service: Service) throws {
            let metrics = try service.get("/metrics").text
            #expect(metrics.contains("vigil_streams_held_back 1\n"))
            #expect(metrics.contains("vigil_streams{state=\"held_back\"} 1\n"))
            let store = try SQLiteStore(directory: service.state, readOnly: true)
            let isQueued = try wait(10) {
                try store.reports(matching: ReportFilter(), limit: 100, before: nil)
                    .contains { $0.event == "stream.held_back" }
            }
            #expect(isQueued)
            #expect(service.log.contains("is held back: the service crashed"))
        }

        private func expectAccounted(_ id: String, _ service: Service) throws {
            func missed() throws -> Double {
                let coverage = try service.get("/v1/streams/\(id)").object["coverage"]
                let causes = (coverage as? [String: Any])?["missed_s"] as? [String: Double]
                return causes?["not_running"] ?? 0
            }
            let before = try missed()
            #expect(try wait(20) { try missed() > before + 1 }, "its time goes on in the ledger")
        }

        @Test func aKillByHandHoldsNobodyBack() throws {
            let place = try Workplace()
            let film = try Clips.generated("rich-film", seed: 1)
            let service = try Service(place, known: try place.known("film", media: film))
            let publishers = try (0..<3).map { _ in
                try ScriptedPublisher([.stall(seconds: 600)], repeats: true)
            }
            defer { for publisher in publishers { publisher.stop() } }
            let ids = try publishers.map { try watch(service, $0) }
            for _ in 0..<4 {
                service.killNow()
                try service.start()
            }
            #expect(service.log.contains("was killed, 4 times in a row; no stream is suspected"))
            for id in ids { #expect(try connection(id, service) != "held_back") }
            try service.end()
            try service.start()
            #expect(!service.log.contains("5 times in a row"))
            try service.end()
        }
    }
}

// A service that is killed at random moments loses no alert that anybody was told of, goes on with
// every watch, and accounts for the time in which it did not run.

import Foundation
import Synchronization
import TestSupport
import Testing

/// Notes every alert that a service tells of, in its events and in its lists, until it is killed.
private final class AlertWitness: Sendable {
    private let seen = Mutex<Set<String>>([])
    private let isStopped = Atomic<Bool>(false)
    private let threads = DispatchGroup()

    init(port: Int, token: String) {
        for work in [listen, poll] {
            threads.enter()
            Thread.detachNewThread { [self] in
                work(port, token)
                threads.leave()
            }
        }
    }

    /// Ids of alerts; waits until nothing more can come.
    func finish() -> Set<String> {
        isStopped.store(true, ordering: .relaxed)
        threads.wait()
        return seen.withLock { $0 }
    }

    private func listen(_ port: Int, _ token: String) {
        guard let connection = Self.ask("/v1/events", port, token) else { return }
        while let part = connection.read(), !part.isEmpty { note(part) }
    }

    private func poll(_ port: Int, _ token: String) {
        while !isStopped.load(ordering: .relaxed) {
            guard let connection = Self.ask("/v1/alerts?limit=50", port, token) else { return }
            note(connection.readToEnd())
            usleep(50_000)
        }
    }

    private static func ask(_ path: String, _ port: Int, _ token: String) -> RawConnection? {
        let connection = try? RawConnection(port: port, patience: 20)
        connection?.send(
            "GET \(path) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                + "Authorization: Bearer \(token)\r\n\r\n")
        return connection
    }

    private func note(_ data: Data) {
        let ids = String(decoding: data, as: UTF8.self).matches(of: /"alert_id":"([^"]{36})"/)
            .map { String($0.1) }
        seen.withLock { $0.formUnion(ids) }
    }
}

extension ServiceAsUsed {
    @Suite struct ServeCrashTests {
        @Test func nothingThatWasToldIsLostByAKill() throws {
            let place = try Workplace()
            let film = try Clips.generated("rich-film", seed: 1)
            let service = try Service(place, known: try place.known("film", media: film))
            let data = try Data(contentsOf: URL(filePath: try Clips.briefStream()))
            let publishers = try (0..<4).map { _ in
                try ScriptedPublisher([.send(data, seconds: 6)], repeats: true)
            }
            defer { for publisher in publishers { publisher.stop() } }
            let ids = try publishers.map { try service.watch("tcp://127.0.0.1:\($0.port)") }
            var seen: Set<String> = []
            for round in 0..<20 {
                let witness = AlertWitness(
                    port: service.port, token: service.tokens["reader"] ?? "")
                // Killed at any moment of its work.
                usleep(UInt32.random(in: 200_000...4_000_000))
                service.killNow()
                seen.formUnion(witness.finish())
                let began = Date()
                try service.start()
                if round % 5 == 4 { try expectAllResumed(ids, service, since: began) }
            }
            let kept = Set(try service.alerts().compactMap { $0["alert_id"] as? String })
            #expect(seen.count >= 4, "too few alerts to say anything: \(service.log)")
            #expect(seen.isSubset(of: kept), "lost: \(seen.subtracting(kept))")
            try expectAllTimeAccountedFor(ids, service)
            try service.end()
        }

        private func expectAllResumed(_ ids: [String], _ service: Service, since began: Date) throws
        {
            var first: [String: Int] = [:]
            let areBack = try wait(5 + began.timeIntervalSinceNow) {
                try ids.allSatisfy { id in
                    let status = try service.status(id)
                    let samples = status["samples"] as? Int ?? 0
                    guard let before = first[id] else {
                        first[id] = samples
                        return false
                    }
                    return status["connection"] as? String == "connected" && samples > before
                }
            }
            #expect(areBack, "not all watches are back, samples then: \(first)")
            print("resumed after \(Int(-began.timeIntervalSinceNow * 1000)) ms")
        }

        private func expectAllTimeAccountedFor(_ ids: [String], _ service: Service) throws {
            for id in ids {
                let stream = try service.get("/v1/streams/\(id)").object
                let now = Date().timeIntervalSince1970
                let coverage = try #require(stream["coverage"] as? [String: Any])
                let missed = coverage["missed_s"] as? [String: Double] ?? [:]
                let examined = try #require(coverage["examined_s"] as? Double)
                let started = try #require(stream["started_unix_ms"] as? Double) / 1000
                let sum = examined + missed.values.reduce(0, +)
                #expect(abs(sum - (now - started)) < 3, "\(sum) s of \(now - started): \(coverage)")
                #expect((missed["not_running"] ?? 0) > 1, "\(coverage)")
                #expect(examined > 1, "\(coverage)")
            }
        }
    }
}

extension Clips {
    /// Six seconds of transport stream: one of something else, then a mirrored copy of the film of
    /// seed 1; a keyframe every second.
    static func briefStream() throws -> String {
        try make("brief.ts", "-ss 3 -i \(try mirroredStream()) -t 6 -c copy -f mpegts")
    }
}

// Callers that mean ill, or are broken: too slow, too large, too many, not HTTP at all. The service
// goes on answering others, and does not grow.

import Foundation
import TestSupport
import Testing

extension ServiceAsUsed {
    @Suite struct ServeFloodTests {
        private let service: Service

        init() throws {
            let place = try Workplace()
            let film = try Clips.generated("rich-film", seed: 1)
            service = try Service(
                place, known: try place.known("film", media: film),
                .init(
                    serve: "  max_listeners_per_token: 32",
                    more: "servers: [{name: edge, kind: generic}]"))
        }

        private var residentBytes: Int {
            let text =
                (try? String(contentsOfFile: "/proc/\(service.pid)/status", encoding: .utf8)) ?? ""
            let line = text.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
            return (line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * 1024
        }

        private var head: String {
            "Host: x\r\nAuthorization: Bearer \(service.tokens["operator"] ?? "")\r\n"
        }

        @Test func slowCallersAreLetGoAndOthersServed() throws {
            let slow = try (0..<200).map { number in
                let connection = try RawConnection(port: service.port)
                // Some drip a header, some a body, some the body of a request that is refused.
                switch number % 10 {
                case 0:
                    connection.send(
                        "POST /v1/streams HTTP/1.1\r\n\(head)Content-Length: 900\r\n\r\n")
                case 1: connection.send("POST /v1/streams HTTP/1.1\r\nContent-Length: 900\r\n\r\n")
                case 2: break
                default: connection.send("GET /v1/streams HTTP/1.1\r\nX-Slow: ")
                }
                return connection
            }
            var longest = 0.0
            let end = Date(timeIntervalSinceNow: 40)
            var open = slow.count
            while open > 0, Date() < end {
                for (number, connection) in slow.enumerated() where number % 10 != 2 {
                    connection.send("x")
                }
                let asked = Date()
                #expect(try service.get("/v1/streams").status == 200)
                longest = max(longest, -asked.timeIntervalSinceNow)
                // A byte a second is what makes them slow.
                usleep(1_000_000)
                open = slow.count(where: { !$0.isClosed })
            }
            #expect(open == 0, "\(open) slow connections are still open")
            #expect(longest < 10, "others waited \(longest) s")
            // Once a minute, however many there are; other tests of the suite may be told of too.
            let told = service.log.split(separator: "a caller: it is too slow").count - 1
            #expect((1...3).contains(told), "\(service.log)")
            #expect(!service.log.contains(" error "), "\(service.log)")
        }

        @Test func largeBodiesAreRefusedAndNotKept() throws {
            let body = Data(repeating: UInt8(ascii: "x"), count: 10 << 20)
            #expect(try service.get("/healthz").status == 200)
            let before = residentBytes
            for token in ["operator", "reader", "nobody"] {
                for path in [
                    "/v1/streams", "/v1/holds", "/v1/hooks/generic", "/healthz", "/nowhere",
                ] {
                    for _ in 0..<3 {
                        let answer = try service.ask("POST", path, as: token, body: body)
                        // A connection that is closed while we still send may leave no answer.
                        #expect(
                            [0, 400, 401, 403, 404, 405, 413].contains(answer.status), "\(path)")
                    }
                }
            }
            let plain = try service.ask(
                "POST", "/v1/streams", body: Data(repeating: UInt8(ascii: "x"), count: 70_000))
            #expect(plain.status == 413, "\(plain.text)")
            let told = service.log.split(separator: "its body is too large").count - 1
            #expect((1...3).contains(told), "\(service.log)")
            #expect(residentBytes - before < 32 << 20, "it grew by \(residentBytes - before) bytes")
            #expect(!service.log.contains(" error "), "\(service.log)")
        }

        /// Health and a hook, as an orchestrator and a media server ask for them.
        private func expectHealthAndHooksAnswer(_ when: String) throws {
            #expect(try service.get("/healthz", as: nil).status == 200, "\(when)")
            let body = #"{"event":"publish","app":"live","name":"one"}"#
            let hook = try service.ask(
                "POST", "/v1/hooks/generic?server=edge&token=\(service.tokens["hook"] ?? "")",
                as: nil, body: Data(body.utf8), headers: ["Content-Type": "application/json"])
            #expect(hook.status == 200 || hook.status == 400, "\(when): \(hook.status)")
        }

        @Test(arguments: [
            "P", "",
            "POST /v1/hooks/generic HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n",
            "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "GET /healthz HTTP/1.1\r\nHost: x\r\nX: ",
            "POST /v1/streams HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n",
        ])
        func nineHundredConnectionsKeepHealthAndHooksFromNobody(sent: String) throws {
            var flood: [RawConnection] = []
            for round in 0..<4 {
                while flood.count < 900, let more = try? RawConnection(port: service.port) {
                    more.send(sent)
                    flood.append(more)
                    if flood.count.isMultiple(of: 225) {
                        try expectHealthAndHooksAnswer("with \(flood.count) in round \(round)")
                    }
                }
                try expectHealthAndHooksAnswer("after round \(round)")
                flood.removeAll { $0.isClosed }
            }
            let metrics = try service.get("/metrics").text
            #expect(metrics.contains("vigil_http_connections_evicted_total"))
            #expect(!service.log.contains(" error "), "\(service.log)")
        }

        @Test func aTokenHasItsShareOfListeners() throws {
            func listener(_ role: String) throws -> (RawConnection, Int) {
                let connection = try RawConnection(port: service.port)
                connection.send(
                    "GET /v1/events HTTP/1.1\r\nHost: x\r\n"
                        + "Authorization: Bearer \(service.tokens[role] ?? "")\r\n\r\n")
                return (connection, HTTPAnswer(connection.read() ?? Data()).status)
            }
            let readers = try (0..<33).map { _ in try listener("reader") }
            #expect(readers.map(\.1) == Array(repeating: 200, count: 32) + [429])
            #expect(try listener("operator").1 == 200)
            withExtendedLifetime(readers) {}
        }

        @Test func moreConnectionsThanItTakesAreSurvived() throws {
            var idle: [RawConnection] = []
            for _ in 0..<700 {
                guard let connection = try? RawConnection(port: service.port) else { break }
                idle.append(connection)
            }
            #expect(idle.count > 512)
            // Once those that say nothing are let go, others come in.
            let isBack = wait(45) { (try? service.get("/v1/streams").status) == 200 }
            #expect(isBack, "it does not answer any more")
            #expect(idle.contains { $0.isClosed })
            idle = []
            #expect(try service.get("/v1/streams").status == 200)
        }

        @Test func whatIsNotHTTPIsRefused() throws {
            let bad = [
                "GARBAGE\r\n\r\n", "GET /v1/streams HTTP/9.9\r\n\(head)\r\n",
                "GET /v1/streams HTTP/1.1\r\n\(head)X: "
                    + String(repeating: "a", count: 40_000) + "\r\n\r\n",
                "POST /v1/streams HTTP/1.1\r\n\(head)Content-Length: -5\r\n\r\nabc",
                "POST /v1/streams HTTP/1.1\r\n\(head)Content-Length: 5\r\n"
                    + "Content-Length: 7\r\n\r\nabcde",
                "POST /v1/streams HTTP/1.1\r\n\(head)Content-Length: 5\r\n"
                    + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                "POST /v1/streams HTTP/1.1\r\n\(head)"
                    + "Transfer-Encoding: chunked\r\n\r\nzzzz\r\n\r\n",
                "GET /v1/streams HTTP/1.1\r\n\(head)Bad Name: x\r\n\r\n",
                "GET \u{1}\u{2} HTTP/1.1\r\n\r\n", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}",
            ]
            for text in bad {
                let connection = try RawConnection(port: service.port, patience: 3)
                connection.send(text)
                let status = HTTPAnswer(connection.readToEnd()).status
                #expect(
                    status == 400 || status == 0 || status == 431, "\(text.prefix(60)): \(status)")
            }
            for value in [
                "", "[]", "null", "{", "{\"url\": 1}", "{\"url\": \"rtmp://x\", \"a\": 1}",
            ] {
                let answer = try service.ask("POST", "/v1/streams", body: Data(value.utf8))
                #expect(answer.status == 400 && answer.errorMessage.count > 10, "\(value)")
            }
            let wrong = try service.ask("PUT", "/v1/streams")
            #expect(
                wrong.status == 405 && wrong.headers["allow"] == "GET, POST", "\(wrong.headers)")
            #expect(try service.get("/v1/nothing").status == 404)
            #expect(try service.get("/healthz", as: nil).status == 200)
            #expect(!service.log.contains(" error "), "\(service.log)")
        }

        @Test func aListenerThatNeverReadsHoldsUpNobody() throws {
            func listener() throws -> RawConnection {
                let connection = try RawConnection(port: service.port, patience: 20)
                connection.send("GET /v1/events HTTP/1.1\r\n\(head)\r\n")
                return connection
            }
            let deaf = try (0..<20).map { _ in try listener() }
            // Enough events to fill what lies between.
            for number in 0..<400 {
                let labels = Dictionary(
                    uniqueKeysWithValues: (0..<32).map {
                        ("label-\($0)", String(repeating: "x", count: 200))
                    })
                let added = try service.post(
                    "/v1/streams", ["url": "tcp://127.0.0.1:1/\(number)", "labels": labels])
                let id = try #require(added.object["id"] as? String, "\(added.text)")
                #expect(try service.ask("DELETE", "/v1/streams/\(id)").status == 200)
            }
            let reader = try listener()
            var heard = String(decoding: reader.read() ?? Data(), as: UTF8.self)
            let data = try Data(contentsOf: URL(filePath: try Clips.briefStream()))
            let publisher = try ScriptedPublisher([.send(data, seconds: 6)])
            defer { publisher.stop() }
            let id = try service.watch("tcp://127.0.0.1:\(publisher.port)")
            while !heard.contains("alert.opened"), let part = reader.read(), !part.isEmpty {
                heard += String(decoding: part, as: UTF8.self)
            }
            #expect(heard.contains("alert.opened"), "\(heard.suffix(500))")
            #expect(try service.alerts().count == 1)
            #expect(heard.contains(id))
            #expect(try service.get("/metrics").text.contains("vigil_event_listeners 21"))
            withExtendedLifetime(deaf) {}
        }
    }
}

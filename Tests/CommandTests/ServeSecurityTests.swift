// What callers may not do with the service, what it never tells, and where it never connects to.

import Foundation
import TestSupport
import Testing

/// Listens on all addresses of the machine, and counts who came.
private final class Tripwire {
    let port: Int
    private let descriptor: Int32
    private var count = 0

    init() throws {
        descriptor = socket(
            AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let socket = descriptor
        let isOpen = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(socket, pointer, length) == 0 && listen(socket, 64) == 0
                    && getsockname(socket, pointer, &length) == 0
            }
        }
        try #require(isOpen, "no free port")
        port = Int(UInt16(bigEndian: address.sin_port))
    }

    deinit { close(descriptor) }

    /// Connections so far.
    var connections: Int {
        while true {
            let peer = accept(descriptor, nil, nil)
            guard peer >= 0 else { return count }
            count += 1
            close(peer)
        }
    }
}

extension ServiceAsUsed {
    @Suite struct ServeSecurityTests {
        private let place: Workplace

        init() throws { place = try Workplace() }

        private func service(egress: String = "allow: []", more: String = "") throws -> Service {
            let film = try Clips.generated("rich-film", seed: 1)
            return try Service(
                place, known: try place.known("film", media: film),
                .init(egress: egress, more: more))
        }

        // MARK: - Roles

        @Test func everyRouteButThreeNeedsAToken() throws {
            let service = try service(
                more: "servers: [{name: edge, kind: nginx-rtmp, watch: \"rtmp://127.0.0.1/{app}\"}]"
            )
            let paths = try #require(
                try service.get("/openapi.json", as: nil).object["paths"]
                    as? [String: [String: Any]])
            var routes = 0
            for (path, operations) in paths {
                for method in operations.keys.map({ $0.uppercased() }) {
                    routes += 1
                    try expectGuarded(method, path, service)
                }
            }
            #expect(routes >= 19)
            #expect(service.log.contains("refused a request"))
            #expect(!service.log.contains(service.tokens["reader"] ?? "vigil_"))
        }

        private func expectGuarded(_ method: String, _ path: String, _ service: Service) throws {
            let target = path.replacing("{id}", with: "00000000-0000-7000-8000-000000000000")
                .replacing("{kind}", with: "nginx-rtmp")
            if ["/healthz", "/readyz", "/openapi.json"].contains(path) {
                #expect(try service.ask(method, target, as: nil).status == 200, "\(path)")
                return
            }
            for token in [nil, "", "vigil_nobody", String(repeating: "x", count: 4000)] {
                let answer = try service.ask(method, target, as: token)
                #expect(answer.status == 401, "\(method) \(path)")
                #expect(answer.headers["www-authenticate"] == "Bearer")
            }
            // Only hooks take a token in the query.
            let reader = service.tokens["reader"] ?? ""
            let inQuery = try service.ask(method, "\(target)?token=\(reader)", as: nil)
            let isHook = path.contains("/hooks/")
            #expect(inQuery.status == (isHook ? 403 : 401), "\(method) \(path)")
            let wrong = isHook || method != "GET" ? "reader" : "hook"
            #expect(try service.ask(method, target, as: wrong).status == 403, "\(method) \(path)")
        }

        @Test func onlyAHooksTokenMayStandInAnAddress() throws {
            let service = try service(
                more: "servers: [{name: edge, kind: generic}]")
            for role in ["operator", "reader", "consumer"] {
                let token = try #require(service.tokens[role])
                let answer = try service.ask(
                    "POST", "/v1/hooks/generic?server=edge&token=\(token)", as: nil)
                #expect(answer.status == 403, "\(role): \(answer.text)")
                #expect(!service.log.contains(token) && !answer.text.contains(token))
            }
            #expect(service.log.contains("a token of role operator in the address"))
            let hook = try service.ask(
                "POST", "/v1/hooks/generic?server=edge&token=\(service.tokens["hook"] ?? "")",
                as: nil)
            #expect(hook.status != 401 && hook.status != 403, "\(hook.text)")
        }

        @Test func anUnknownQueryIsRefusedByNameAtEveryRoute() throws {
            let service = try service(more: "servers: [{name: edge, kind: nginx-rtmp}]")
            let paths = try #require(
                try service.get("/openapi.json", as: nil).object["paths"]
                    as? [String: [String: Any]])
            for (path, operations) in paths
            where !["/healthz", "/readyz", "/openapi.json"].contains(path) {
                let target = path.replacing("{id}", with: "00000000-0000-7000-8000-000000000000")
                    .replacing("{kind}", with: "nginx-rtmp")
                for method in operations.keys.map({ $0.uppercased() }) {
                    let answer = try service.ask(method, "\(target)?sinse=3")
                    #expect(answer.status == 400, "\(method) \(path): \(answer.status)")
                    #expect(answer.errorMessage.contains("sinse"), "\(answer.text)")
                }
            }
        }

        // MARK: - What callers write

        @Test func noTextForgesALogLine() throws {
            let service = try service()
            let id = "00000000-0000-7000-8000-000000000000"
            for bad in ["x\nnotice vigil: audit head 1 f", "x\u{9b}31m", "x\u{202e}y", "\u{2028}"] {
                let bodies: [(path: String, field: String, body: [String: Any])] = [
                    ("/v1/streams", "url", ["url": "rtmp://x/\(bad)"]),
                    (
                        "/v1/streams", "labels.room",
                        ["url": "rtmp://203.0.113.1/x", "labels": ["room": bad]]
                    ),
                    (
                        "/v1/streams", "labels",
                        ["url": "rtmp://203.0.113.1/x", "labels": [bad: "1"]]
                    ),
                    (
                        "/v1/holds", "authority",
                        ["stream_id": id, "authority": bad, "reason": "", "for_s": 60]
                    ),
                    (
                        "/v1/holds", "reason",
                        ["stream_id": id, "authority": "a", "reason": bad, "for_s": 60]
                    ),
                    ("/v1/legal-holds", "authority", ["alert_id": id, "authority": bad]),
                    ("/v1/alerts/\(id)/feedback", "by", ["verdict": "confirmed", "by": bad]),
                ]
                for (path, field, body) in bodies {
                    let answer = try service.post(path, body)
                    #expect(answer.status == 400, "\(path) \(field): \(answer.text)")
                    #expect(answer.errorMessage.contains(field), "\(answer.text)")
                }
                let coded = bad.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
                _ = try service.ask("GET", "/v1/streams/\(coded)", as: nil)
                _ = try service.ask("GET", "/v1/known?\(coded)=1")
            }
            try service.end()
            let lines = service.log.split(separator: "\n")
            #expect(!lines.contains { $0.contains("audit head 1 f") && !$0.contains("refused") })
            for scalar in "\u{9b}\u{202e}\u{2028}".unicodeScalars {
                #expect(!service.log.unicodeScalars.contains(scalar))
            }
        }

        // MARK: - Crashes

        // Without SIGABRT: threads of tests block it, a child inherits that, and abort() alone undoes it.
        @Test(arguments: [SIGSEGV, SIGILL, SIGTRAP, SIGBUS, SIGFPE])
        func aCrashPrintsNothing(number: Int32) throws {
            let process = Process()
            let pipe = Pipe()
            process.executableURL = URL(filePath: "/usr/bin/env")
            process.arguments = [
                "SWIFT_BACKTRACE=enable=yes,color=no,interactive=no", try Program.vigil(),
                "receive", "--secret-file", place.file("whsec"),
            ]
            try #require(try place.vigil("report", "secret", place.file("whsec")).status == 0)
            process.standardOutput = pipe
            process.standardError = pipe
            try process.run()
            let first = pipe.fileHandleForReading.availableData
            #expect(String(decoding: first, as: UTF8.self).contains("127.0.0.1"))
            kill(process.processIdentifier, number)
            let rest = String(
                decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            process.waitUntilExit()
            #expect(rest.isEmpty, "\(rest.prefix(500))")
            #expect(process.terminationReason == .uncaughtSignal)
            #expect(process.terminationStatus == number)
        }

        // MARK: - Secrets

        @Test func credentialsAndStreamKeysAreToldToNobody() throws {
            let service = try service(egress: "allow: [127.0.0.1/32]")
            let port = try Loopback.freePort()
            let listener = try RawConnection(port: service.port, patience: 3)
            listener.send(
                "GET /v1/events HTTP/1.1\r\nHost: x\r\n"
                    + "Authorization: Bearer \(service.tokens["reader"] ?? "")\r\n\r\n")
            _ = listener.read()
            var told = ""
            for scheme in ["rtmp", "http", "rtsp", "srt"] {
                // Only of RTMP the last part is what a stream is published with.
                let path = scheme == "rtmp" ? "live/streamkey123" : "live/one"
                let url = "\(scheme)://user:secretpw@127.0.0.1:\(port)/\(path)?token=abcsecret"
                let added = try service.post("/v1/streams", ["url": url])
                #expect(added.status == 201, "\(added.text)")
                let id = try #require(added.object["id"] as? String)
                _ = try wait(5) { try service.status(id)["reason"] != nil }
                for path in ["/v1/streams", "/v1/streams/\(id)", "/v1/streams/\(id)/coverage"] {
                    told += try service.get(path).text
                }
                told += try service.post("/v1/streams", ["url": url]).text
                told += try service.ask("DELETE", "/v1/streams/\(id)").text + added.text
            }
            for path in ["/metrics", "/v1/streams?watched=false", "/v1/alerts"] {
                told += try service.get(path).text
            }
            for url in [
                "file://user:secretpw@x/streamkey123", "rtmp://u:secretpw@10.0.0.1/streamkey123",
            ] {
                let refused = try service.post("/v1/streams", ["url": url])
                #expect(refused.status == 400)
                told += refused.text
            }
            told += String(decoding: listener.readToEnd(), as: UTF8.self)
            #expect(told.contains("stream.added") && told.contains("stream.removed"))
            try service.end()
            told += service.log + (try storedTexts(service))
            for secret in ["secretpw", "abcsecret", "amkey123", "user:"] {
                let at = told.range(of: secret)
                #expect(
                    at == nil, "\(secret): \(at.map { told[$0.lowerBound...].prefix(80) } ?? "")")
            }
        }

        /// Everything in the database but the addresses of streams.
        private func storedTexts(_ service: Service) throws -> String {
            let script = """
                import sqlite3, sys, glob
                for path in glob.glob(sys.argv[1] + "/*.sqlite*") + glob.glob(sys.argv[1] + "/*.db"):
                    if path.endswith(("-wal", "-shm")): continue
                    base = sqlite3.connect(path)
                    for (table,) in base.execute("select name from sqlite_master where type='table'"):
                        rows = base.execute(f'select * from "{table}"')
                        names = [column[0] for column in rows.description]
                        for row in rows:
                            print(table, [value for name, value in zip(names, row)
                                          if (table, name) != ("streams", "address")])
                """
            let read = try Program.run("python3", ["-c", script, service.state])
            #expect(read.status == 0 && read.output.contains("streams"), "\(read.error)")
            return read.output
        }

        // MARK: - Where it connects to

        @Test func internalAddressesAreRefused() throws {
            let service = try service()
            let wire = try Tripwire()
            let refused = [
                "http://169.254.169.254/latest/meta-data/", "http://127.0.0.1:\(wire.port)/x",
                "file:///etc/passwd", "http://[::1]/", "udp://239.0.0.1:1234", "udp://10.1.2.3:1",
                "rtmp://192.168.0.1/live/one", "http://[::ffff:127.0.0.1]:\(wire.port)/",
                "gopher://127.0.0.1:\(wire.port)/", "concat:/etc/passwd", "",
                "http://0.0.0.0:\(wire.port)/",
            ]
            for url in refused {
                let answer = try service.post("/v1/streams", ["url": url])
                #expect(answer.status == 400, "\(url): \(answer.status) \(answer.text)")
                #expect(answer.errorMessage.count > 15, "\(url): \(answer.text)")
            }
            let names = [
                "http://localhost", "http://2130706433", "http://0x7f.1", "tcp://localhost",
            ]
            let ids = try names.map { try service.watch("\($0):\(wire.port)/x.m3u8") }
            for (name, id) in zip(names, ids) {
                #expect(
                    try wait(15) {
                        (try service.status(id)["reason"] as? String ?? "")
                            .contains("not allowed to connect to")
                    }, "\(name): \(service.log)")
            }
            #expect(wire.connections == 0, "it connected to an internal address")
        }

        @Test(.enabled(if: FolderServer.isInstalled))
        func aPlaylistLeadsToNoInternalHost() throws {
            let service = try service(egress: "allow: [127.0.0.1/32]")
            let wire = try Tripwire()
            let text = """
                #EXTM3U
                #EXT-X-VERSION:3
                #EXT-X-TARGETDURATION:2
                #EXT-X-MEDIA-SEQUENCE:0
                #EXTINF:2,
                http://127.0.0.2:\(wire.port)/one.ts
                #EXTINF:2,
                http://127.0.0.2:\(wire.port)/two.ts

                """
            let folder = place.file("playlists")
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true)
            try Data(text.utf8).write(to: URL(filePath: folder + "/bad.m3u8"))
            let web = try FolderServer(folder: folder, place: place.path)
            let data = try Data(contentsOf: URL(filePath: try Clips.briefStream()))
            let good = try ScriptedPublisher([.send(data, seconds: 6)], repeats: true)
            defer { good.stop() }
            let goodID = try service.watch("tcp://127.0.0.1:\(good.port)")
            let badID = try service.watch(web.address("bad.m3u8"))
            #expect(
                try wait(20) {
                    (try service.status(badID)["reason"] as? String ?? "").contains("127.0.0.2")
                }, "\(service.log)")
            #expect(!web.served().isEmpty, "the playlist itself may be read")
            let before = try service.status(goodID)["samples"] as? Int ?? 0
            #expect(
                try wait(15) {
                    let status = try service.status(goodID)
                    return (status["samples"] as? Int ?? 0) > before + 2
                        && status["connection"] as? String == "connected"
                }, "another stream is disturbed: \(service.log)")
            #expect(try service.status(goodID)["connections"] as? Int == 1)
            #expect(wire.connections == 0, "it connected to an internal host")
            // It was tried again and again meanwhile.
            #expect(service.log.split(separator: "stream \(badID), ").count == 2, "\(service.log)")
        }
    }
}

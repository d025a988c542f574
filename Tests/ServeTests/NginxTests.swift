// Hooks, denial and stops with a real nginx and its RTMP module, and ffmpeg as publisher.

import Foundation
import Report
import Serve
import Synchronization
import Testing

/// A program that runs beside the test, asked to end with SIGTERM.
private final class Program {
    private let process = Process()

    init(_ program: String, _ arguments: [String]) throws {
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [program] + arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
    }

    deinit { stop() }

    var isRunning: Bool { process.isRunning }

    func stop() {
        guard process.isRunning else { return }
        kill(process.processIdentifier, SIGTERM)
        for _ in 0..<100 where process.isRunning { usleep(50_000) }
    }
}

/// What the hooks of one nginx said, and whom they deny.
private final class HookDesk: Sendable {
    private let state = Mutex<(hooks: [PublishHook], denied: Set<String>)>(([], []))

    var hooks: [PublishHook] { state.withLock { $0.hooks } }

    func deny(_ path: String) { state.withLock { _ = $0.denied.insert(path) } }

    func reply(_ request: SeenRequest) -> StubReply {
        let sent = HookRequest(
            body: Array(request.body.utf8), contentType: request.headers["content-type"],
            unixSeconds: 0)
        let answer: HookAnswer
        do throws(HookError) {
            let hook = try PublishHook.read(sent, from: .nginxRTMP, secret: nil)
            let isDenied = state.withLock { state in
                if let hook { state.hooks.append(hook) }
                return hook?.kind == .publish && state.denied.contains(hook?.path ?? "")
            }
            answer = HookAnswer(to: .nginxRTMP, isDenied ? .denied : .allowed, hook: hook)
        } catch {
            answer = HookAnswer(to: .nginxRTMP, .rejected(error.code))
        }
        return .answer(answer.status, answer.body, ["Content-Type": answer.contentType])
    }
}

@Suite(.serialized) struct NginxTests {
    private static let module = "/usr/lib/nginx/modules/ngx_rtmp_module.so"

    private static var isInstalled: Bool {
        let isThere = FileManager.default.fileExists(atPath: module)
        if !isThere { print("skipped: needs nginx and libnginx-mod-rtmp") }
        return isThere
    }

    private static func configuration(
        _ folder: String, rtmp: Int, http: Int, hook: String
    ) -> String {
        let hooks = ["publish", "publish_done", "play", "done"]
            .map { "on_\($0) \(hook)/nginx;" }.joined(separator: " ")
        return """
            load_module \(module);
            daemon off; worker_processes 1; pid \(folder)/nginx.pid; error_log stderr crit;
            events { worker_connections 256; }
            rtmp { server { listen 127.0.0.1:\(rtmp); notify_method post;
                application live { live on; idle_streams off; \(hooks) }
                application other { live on; idle_streams off; }
            } }
            http { access_log off;
                client_body_temp_path \(folder)/body; proxy_temp_path \(folder)/proxy;
                fastcgi_temp_path \(folder)/fastcgi; uwsgi_temp_path \(folder)/uwsgi;
                scgi_temp_path \(folder)/scgi;
                server { listen 127.0.0.1:\(http);
                    location /stat { rtmp_stat all; } location /control { rtmp_control all; } }
            }
            """
    }

    /// A port that nobody listens on now.
    private static func freePort() throws -> Int {
        let stub = try StubServer { _ in .silence }
        defer { stub.stop() }
        return stub.port
    }

    private static func publishing(_ name: String, port: Int) throws -> Program {
        try Program(
            "ffmpeg",
            [
                "-nostdin", "-v", "quiet", "-re", "-f", "lavfi", "-i",
                "testsrc=size=160x120:rate=10", "-c:v", "libx264", "-preset", "ultrafast", "-g",
                "10", "-f", "flv", "rtmp://127.0.0.1:\(port)/\(name)",
            ])
    }

    /// Waits until something holds, 20 s at most.
    private static func wait(
        _ what: String, until holds: () async throws -> Bool
    ) async throws {
        for _ in 0..<400 {
            if try await holds() { return }
            try await Task.sleep(for: .milliseconds(50))
        }
        Issue.record("\(what) never came")
    }

    @Test(.enabled(if: isInstalled))
    func aRealNginxTellsStopsAndDenies() async throws {
        let folder = FileManager.default.temporaryDirectory.path + "/" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let desk = HookDesk()
        let hooks = try StubServer { desk.reply($0) }
        defer { hooks.stop() }
        let (rtmp, http) = (try Self.freePort(), try Self.freePort())
        let file = "\(folder)/nginx.conf"
        let text = Self.configuration(folder, rtmp: rtmp, http: http, hook: hooks.address)
        try Data(text.utf8).write(to: URL(filePath: file))
        let nginx = try Program("nginx", ["-c", file, "-p", folder, "-e", "stderr"])
        defer { nginx.stop() }
        let transport = StopTransport()
        let access = try ServerAccess(
            server: "edge", address: "http://127.0.0.1:\(http)", transport: transport)
        try await Self.follow(NginxStops(access), desk, port: rtmp)
        await transport.shutdown()
    }

    private static func follow(_ driver: NginxStops, _ desk: HookDesk, port: Int) async throws {
        let one = StreamPlace(server: "edge", path: "live/one")
        let nobody = StreamPublisher(id: nil, peer: nil)
        try await wait("nginx") {
            (try? await driver.isPublished(one, publisher: nobody)) == false
        }
        #expect(try await driver.drop(one, publisher: nobody) == .notThere)

        // What the publisher appends to its name changes nothing of what the hook says.
        let first = try publishing("live/one?name=two&call=publish_done&key=s3cret", port: port)
        let second = try publishing("live/a+b=c!", port: port)
        let third = try publishing("other/one", port: port)
        defer { for program in [first, second, third] { program.stop() } }
        let odd = StreamPlace(server: "edge", path: "live/a+b=c!")
        let other = StreamPlace(server: "edge", path: "other/one")
        for place in [one, odd, other] {
            try await wait(place.path) {
                try await driver.isPublished(place, publisher: nobody) == true
            }
        }
        let hook = try #require(desk.hooks.first { $0.path == "live/one" })
        #expect(hook.kind == .publish && hook.publisher.peer == "127.0.0.1")
        #expect(hook.publisher.id != nil)

        // A second publisher at a place is turned away, which nginx tells like an end of the first.
        let rival = try publishing("live/a+b=c!", port: port)
        defer { rival.stop() }
        try await wait("the hook of the rival") {
            desk.hooks.contains { $0.path == odd.path && $0.kind == .unpublish }
        }
        let ids = desk.hooks.filter { $0.path == odd.path }.map(\.publisher.id)
        #expect(ids.count == 3 && ids[1] == ids[2] && ids[0] != ids[1])
        #expect(try await driver.isPublished(odd, publisher: nobody) == true)

        // One is stopped, by its own name; the others go on.
        desk.deny("live/one")
        #expect(try await driver.drop(one, publisher: hook.publisher) == .dropped)
        try await wait("the end") { try await driver.isPublished(one, publisher: nobody) == false }
        try await wait("the hook of the end") {
            desk.hooks.contains { $0.path == "live/one" && $0.kind == .unpublish }
        }
        #expect(try await driver.isPublished(odd, publisher: nobody) == true)
        #expect(try await driver.isPublished(other, publisher: nobody) == true)
        #expect(try await driver.drop(one, publisher: nobody) == .notThere)

        // Who comes back is denied by the hook's answer, and so is a name that nobody could stop.
        for name in ["live/one", "live/a&b"] {
            let again = try publishing(name, port: port)
            try await wait("the refusal of \(name)") { !again.isRunning }
        }
        #expect(desk.hooks.filter { $0.path == "live/one" && $0.kind == .publish }.count == 2)
        #expect(try await driver.isPublished(one, publisher: nobody) == false)
        #expect(try await driver.drop(odd, publisher: nobody) == .dropped)
    }
}

// `vigil serve` as its users run it: with a pipeline file, tokens and a known set in a folder of its
// own, on a free port. It can be ended, killed, and begun again on the same state.

import Foundation
import Testing

/// All tests of a running service, one after the other: they measure how long it takes, and need the
/// machine.
@Suite(.serialized) enum ServiceAsUsed {}

/// A running service; ended with the test.
final class Service {
    /// What the pipeline file says besides what every test needs.
    struct Settings {
        var serve = ""
        var egress = "allow: [127.0.0.1/32]"
        /// The sections `servers` and `stop`.
        var more = ""
    }

    let place: Workplace
    /// Where its state is kept.
    let state: String
    private(set) var port = 0
    private(set) var tokens: [String: String] = [:]
    private let pipeline: String
    private var program: BackgroundProgram?
    private var earlierLogs = ""

    /// Starts it; canaries are off unless `settings.serve` says otherwise.
    init(_ place: Workplace, known: String, _ settings: Settings = Settings()) throws {
        self.place = place
        state = place.file("serve-state")
        let canary = settings.serve.contains("canary_s") ? "" : "  canary_s: 0\n"
        pipeline = try place.write(
            "live.yaml",
            Data(
                """
                serve:
                  listen: 127.0.0.1:0
                  tokens: \(place.file("tokens"))
                  known: [\(known)]
                  key_file: \(place.file("config/vigil/key"))
                  state: \(state)
                \(canary)\(settings.serve)
                egress:
                  \(settings.egress)
                \(settings.more)
                """.utf8))
        for role in ["operator", "reader", "reviewer", "hook", "consumer"] {
            let made = try place.vigil(
                "token", "--role", role, "--name", "test-\(role)", "--file", place.file("tokens"))
            try #require(made.status == 0, "\(made.error)")
            tokens[role] = made.output.trimmingCharacters(in: .whitespacesAndNewlines)
        }
        try start()
    }

    deinit { program?.stop() }

    /// What it logged, in all its runs.
    var log: String { earlierLogs + (program?.output ?? "") }

    var isRunning: Bool { program?.isRunning ?? false }

    var pid: pid_t { program?.pid ?? 0 }

    /// Starts it and waits until the API can be reached.
    func start() throws {
        let program = try BackgroundProgram(
            try Program.vigil(), ["serve", "--pipeline", pipeline], folder: place.path)
        self.program = program
        for _ in 0..<1200 {
            // The whole line: a part of it may be there already.
            let line = /listening at https?:\/\/[^ ]*:(\d+)\n/
            if let found = program.output.firstMatch(of: line) {
                port = Int(found.1) ?? 0
                return
            }
            try #require(program.isRunning, "the service ended: \(program.output)")
            usleep(25_000)
        }
        Issue.record("the service does not listen: \(program.output)")
    }

    /// Ends it in order; it must not take long.
    func end() throws {
        let program = try #require(program)
        kill(program.pid, SIGTERM)
        for _ in 0..<400 where program.isRunning { usleep(50_000) }
        #expect(!program.isRunning, "it did not end on SIGTERM")
        forget()
    }

    /// Kills it without a warning.
    func killNow() {
        kill(pid, SIGKILL)
        waitForFall()
    }

    /// Waits until it has ended by itself.
    func waitForFall() {
        program?.waitForEnd()
        forget()
    }

    private func forget() {
        earlierLogs += program?.output ?? ""
        program = nil
    }

    // MARK: - Asking

    /// Sends a request and reads its answer, on a connection of its own.
    /// - Parameter token: a role, or a token.
    func ask(
        _ method: String, _ path: String, as token: String? = "operator", body: Data = Data(),
        headers: [String: String] = [:]
    ) throws -> HTTPAnswer {
        let connection = try RawConnection(port: port)
        var head = "\(method) \(path) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nConnection: close\r\n"
        if let token { head += "Authorization: Bearer \(tokens[token] ?? token)\r\n" }
        for (name, value) in headers { head += "\(name): \(value)\r\n" }
        if !body.isEmpty { head += "Content-Length: \(body.count)\r\n" }
        return HTTPAnswer(connection.exchange(Data((head + "\r\n").utf8) + body))
    }

    func get(_ path: String, as token: String? = "reader") throws -> HTTPAnswer {
        try ask("GET", path, as: token)
    }

    func post(_ path: String, _ value: [String: Any]) throws -> HTTPAnswer {
        try ask(
            "POST", path, body: try JSONSerialization.data(withJSONObject: value),
            headers: ["Content-Type": "application/json"])
    }

    /// Has a stream watched.
    /// - Returns: its id.
    @discardableResult
    func watch(_ url: String) throws -> String {
        let answer = try post("/v1/streams", ["url": url])
        try #require(answer.status == 201, "\(answer.status) \(answer.text)")
        return try #require(answer.object["id"] as? String)
    }

    /// The status of a stream, or what else is there.
    func status(_ id: String) throws -> [String: Any] {
        try get("/v1/streams/\(id)").object["status"] as? [String: Any] ?? [:]
    }

    /// Alerts, the newest first.
    func alerts() throws -> [[String: Any]] { try get("/v1/alerts?limit=1000").items }

    /// The steps of an alert, with their times.
    func steps(_ alert: String) throws -> [(step: String, unixMs: Int)] {
        let steps = try get("/v1/alerts/\(alert)").object["steps"] as? [[String: Any]] ?? []
        return steps.map { ($0["step"] as? String ?? "", $0["unix_ms"] as? Int ?? 0) }
    }
}

/// Waits until something holds.
/// - Returns: whether it did in time.
func wait(_ seconds: Double, until holds: () throws -> Bool) rethrows -> Bool {
    let end = Date(timeIntervalSinceNow: seconds)
    repeat {
        if try holds() { return true }
        usleep(50_000)
    } while Date() < end
    return try holds()
}

// What tests of deliveries share: a service that delivers, a receiver that verifies, and how reports
// are raised.

import Foundation
import TestSupport
import Testing

/// A service and its receiver; ended with the test.
///
/// Whatever a receiver took is verified once more at the end, by what others wrote: see
/// ``ReferenceVerifier``.
final class DeliveryPlace {
    let place: Workplace
    /// Secrets of the endpoint: a shared one, and one that signs.
    let secrets: [String]
    private(set) var receiver: BackgroundProgram?
    private(set) var service: BackgroundProgram?
    private let known: String
    private var logs: [(path: String, held: [String])] = []

    init() throws {
        place = try Workplace()
        known = try place.known("film", media: try Clips.film())
        secrets = [try Self.secret("shared", place), try Self.secret("signing", place)]
        let token = try place.vigil(
            "token", "--role", "reader", "--name", "test", "--file", place.file("tokens"))
        try #require(token.status == 0, "\(token.error)")
    }

    deinit {
        service?.stop()
        receiver?.stop()
        for log in logs { ReferenceVerifier.check(log.path, held: log.held, place) }
    }

    var state: String { place.file("state") }
    var knownSet: String { known }
    /// What the newest receiver writes.
    var log: String { logs.last?.path ?? "" }

    /// Makes a secret, beside which a file has what a receiver holds.
    static func secret(_ name: String, _ place: Workplace) throws -> String {
        let path = place.file(name)
        let made = try place.vigil(
            ["report", "secret", path] + (name.contains("signing") ? ["--signing"] : []))
        try #require(made.status == 0, "\(made.error)")
        let held =
            name.contains("signing")
            ? made.output : try String(contentsOfFile: path, encoding: .utf8)
        _ = try place.write("\(name).held", Data(held.utf8))
        return path
    }

    /// Starts a receiver on a port, which verifies with what is held of some secrets.
    func receive(on port: Int, holding secrets: [String]? = nil, _ more: String...) throws {
        let held = try (secrets ?? self.secrets).map {
            try String(contentsOfFile: "\($0).held", encoding: .utf8)
                .trimmingCharacters(in: .whitespacesAndNewlines)
        }
        let log = place.file("received-\(logs.count).jsonl")
        logs.append((log, held))
        let program = try BackgroundProgram(
            try Program.vigil(),
            [
                "receive", "--listen", "127.0.0.1:\(port)", "--secret-file",
                try place.secretFile(held), "--log", log, "--log-bodies",
            ] + more, folder: place.path)
        receiver = program
        try #require(
            wait(20) { program.output.contains("http://127.0.0.1:\(port)") }, "\(program.output)")
    }

    func stopReceiver() { receiver?.stop() }

    func serve(_ delivery: String) throws {
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

    /// Settings of an endpoint that signs with some secrets.
    func endpoint(
        _ name: String, port: Int, signing secrets: [String]? = nil, _ more: String = ""
    ) -> String {
        """
            - name: \(name)
              url: http://127.0.0.1:\(port)/hook
              secret_files: [\((secrets ?? self.secrets).joined(separator: ", "))]
              allow: [127.0.0.1/32]
        \(more)

        """
    }

    func stopService() { service?.stop() }

    func killService() {
        guard let service else { return }
        kill(service.pid, SIGKILL)
        service.waitForEnd()
        self.service = nil
    }

    /// Raises alerts; returns the ids of their reports, which are stored.
    func raise(_ count: Int) throws -> [String] {
        let result = try place.vigil("report", "test", "--alerts", "\(count)", "--state", state)
        try #require(result.status == 0, "\(result.error)")
        return result.output.split(separator: "\n").map(String.init)
    }

    /// A request as a receiver saw it.
    struct Received: Decodable {
        var id: String
        var bodyDigest: String
        var verdict: String
        var answered: Int?

        private enum CodingKeys: String, CodingKey {
            case id, verdict, answered
            case bodyDigest = "body_sha256"
        }
    }

    /// Requests that receivers saw, in order.
    func received() throws -> [Received] {
        try logs.flatMap { log in
            let text = (try? String(contentsOfFile: log.path, encoding: .utf8)) ?? ""
            // The last line may be a part of one.
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
            return try lines.map { try JSONDecoder().decode(Received.self, from: Data($0.utf8)) }
        }
    }

    /// Ids that were acknowledged.
    func taken() throws -> Set<String> {
        Set(try received().filter { 200..<300 ~= $0.answered ?? 0 }.map(\.id))
    }

    /// What `vigil report endpoints` prints.
    func standing() throws -> String {
        try place.vigil("report", "endpoints", "--state", state).output
    }
}

/// The reference library of Standard Webhooks, and a library for its Ed25519 signatures, which the
/// former does not know: whether they verify what was delivered.
enum ReferenceVerifier {
    private static let program = """
        import base64, json, sys
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from standardwebhooks import Webhook

        held = sys.argv[2:]
        shared = [Webhook(secret) for secret in held if secret.startswith("whsec_")]
        public = [Ed25519PublicKey.from_public_bytes(base64.b64decode(key[5:]))
                  for key in held if key.startswith("whpk_")]

        def holds(check):
            try:
                check()
                return True
            except Exception:
                return False

        def asymmetric(key, signature, name, stamp, body):
            version, _, value = signature.partition(",")
            return version == "v1a" and holds(lambda: key.verify(
                base64.b64decode(value), f"{name}.{stamp}.".encode() + body))

        count = 0
        with open(sys.argv[1], "rb") as lines:
            for line in lines:
                if not line.endswith(b"\\n"):
                    break
                came = json.loads(line)
                body = base64.b64decode(came["body"])
                name, stamp, signatures = came["id"], came["timestamp"], came["signature"]
                headers = {"webhook-id": name, "webhook-timestamp": stamp,
                           "webhook-signature": signatures}
                symmetric = [holds(lambda: secret.verify(body, headers)) for secret in shared]
                others = [asymmetric(key, signature, name, stamp, body)
                          for key in public for signature in signatures.split()]
                if not any(symmetric) and shared or not any(others) and public:
                    sys.exit(f"{name} is not verified: v1 {symmetric}, v1a {others}")
                count += 1
        print(count)
        """

    /// What the sample in Python needs.
    static func python() throws -> PythonEnvironment? {
        let list = try String(
            contentsOfFile: PythonEnvironment.root + "/samples/receivers/python/requirements.txt",
            encoding: .utf8)
        return try PythonEnvironment.find(
            "samples-python", list.split(separator: "\n").map(String.init))
    }

    /// Checks all requests in a log of `vigil receive --log-bodies` with what their receiver held.
    static func check(_ log: String, held: [String], _ place: Workplace) {
        do {
            guard let python = try python() else { return }
            let lines = try Data(contentsOf: URL(filePath: log)).count { $0 == 0x0a }
            let script = try place.write("verify.py", Data(program.utf8))
            let result = try Program.run(python.program("python"), [script, log] + held)
            #expect(result.status == 0 && result.output == "\(lines)\n", "\(result.error)")
        } catch {
            Issue.record("what was delivered was not verified: \(error)")
        }
    }
}

// `vigil receive` as its users run it: what it verifies, logs, answers, and how it misbehaves.

import Foundation
import Match
import Report
import Synchronization
import Testing

/// A running `vigil receive`; ended with the test.
private final class Receiver {
    let port: Int
    let program: BackgroundProgram
    private let logPath: String

    init(_ place: Workplace, _ secrets: [String], _ options: String...) throws {
        logPath = place.file("received-\(UUID().uuidString).jsonl")
        program = try BackgroundProgram(
            try Program.vigil(),
            ["receive", "--secret-file", try place.secretFile(secrets), "--log", logPath]
                + options,
            folder: place.path)
        let line = /listening at http:\/\/127\.0\.0\.1:(\d+)\/\n/
        for _ in 0..<600 where program.output.firstMatch(of: line) == nil && program.isRunning {
            // It says in its output when it listens, and nowhere else.
            usleep(25_000)
        }
        let found = try #require(program.output.firstMatch(of: line), "\(program.output)")
        port = try #require(Int(found.1))
    }

    deinit { program.stop() }

    var log: [[String: Any]] {
        ((try? String(contentsOfFile: logPath, encoding: .utf8)) ?? "").split(separator: "\n")
            .compactMap {
                try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
            }
    }

    var verdicts: [String] { log.compactMap { $0["verdict"] as? String } }
}

@Suite struct ReceiveTests {
    private let place: Workplace
    private let secret: WebhookSecret
    private let text: String

    init() throws {
        place = try Workplace()
        (secret, text) = WebhookSecret.makeShared()
    }

    @Test func everyWebhookIsToldForWhatItIs() throws {
        let (pair, _) = WebhookSecret.makeSigning()
        let receiver = try Receiver(place, ["# ours", text, "", try #require(pair.publicText)])
        let good = try SignedWebhook([secret])
        #expect(try good.send(to: receiver.port) == 204)
        #expect(try good.send(to: receiver.port) == 204)
        #expect(try SignedWebhook([pair]).send(to: receiver.port) == 204)
        let stranger = WebhookSecret.makeShared().secret
        #expect(try SignedWebhook([stranger]).send(to: receiver.port) == 401)
        #expect(try SignedWebhook([stranger, secret]).send(to: receiver.port) == 204)
        #expect(try SignedWebhook([secret], age: 400).send(to: receiver.port) == 400)
        #expect(try SignedWebhook([secret], age: -400).send(to: receiver.port) == 400)
        var other = try SignedWebhook(
            [secret], id: try #require(.init(good.id)), body: Array("{}".utf8))
        #expect(try other.send(to: receiver.port) == 409)
        other.body.append(32)
        #expect(try other.send(to: receiver.port) == 401)
        other.fields.removeFirst()
        #expect(try other.send(to: receiver.port) == 400)
        #expect(
            receiver.verdicts == [
                "ok", "repeat", "ok", "bad_signature", "ok", "stale", "stale", "conflict",
                "bad_signature", "malformed",
            ])
        let first = try #require(receiver.log.first)
        #expect(first["id"] as? String == good.id && first["type"] as? String == "alert.opened")
        #expect(first["bytes"] as? Int == good.body.count && first["answered"] as? Int == 204)
        let digest = try Program.run(
            "sha256sum", [], input: String(decoding: good.body, as: UTF8.self))
        #expect(digest.output.hasPrefix(try #require(first["body_sha256"] as? String)))
        #expect(receiver.log.last?["id"] is NSNull)
        kill(receiver.program.pid, SIGTERM)
        #expect(wait(20) { !receiver.program.isRunning })
        let last = Finished(status: 0, output: receiver.program.output, error: "")
        let summary = try #require(last.objects(ofType: "summary").last, "\(last.output)")
        #expect(summary["requests"] as? Int == 10 && summary["taken"] as? Int == 3)
        #expect((summary["verdicts"] as? [String: Int])?["stale"] == 2)
    }

    @Test func whatWasRefusedIsNoRepeat() throws {
        let receiver = try Receiver(place, [text], "--answer", "503", "--retry-after", "7")
        let webhook = try SignedWebhook([secret])
        let answer = HTTPAnswer(try RawConnection(port: receiver.port).exchange(webhook.request))
        #expect(answer.status == 503 && answer.headers["retry-after"] == "7")
        #expect(try webhook.send(to: receiver.port) == 503)
        #expect(receiver.verdicts == ["ok", "ok"])
        let failing = try Receiver(place, [text], "--fail-share", "1")
        #expect(try webhook.send(to: failing.port) == 500)
        #expect(try webhook.send(to: failing.port) == 500)
        #expect(failing.verdicts == ["ok", "ok"])
    }

    @Test func theLogHasWhatIsNotAnsweredYet() throws {
        let receiver = try Receiver(place, [text], "--hang-share", "1", "--hang-s", "600")
        let webhook = try SignedWebhook([secret])
        let connection = try RawConnection(port: receiver.port, patience: 1)
        connection.send(webhook.request)
        #expect(wait(20) { receiver.verdicts == ["ok"] })
        #expect(connection.read() == nil, "it answered at once")
        #expect(receiver.log.first?["hung"] as? Bool == true)
        // It does not make the end wait for it.
        kill(receiver.program.pid, SIGTERM)
        #expect(wait(20) { !receiver.program.isRunning })
        #expect(receiver.program.output.contains("\"hung\":1"))
    }

    @Test func nothingThatWasAcknowledgedIsMissingFromTheLogAfterAKill() throws {
        let receiver = try Receiver(place, [text])
        let acknowledged = Mutex<Set<String>>([])
        let threads = DispatchGroup()
        for _ in 0..<4 {
            threads.enter()
            Thread.detachNewThread { [secret, port = receiver.port] in
                defer { threads.leave() }
                while let webhook = try? SignedWebhook([secret]),
                    (try? webhook.send(to: port)) == 204
                {
                    _ = acknowledged.withLock { $0.insert(webhook.id) }
                }
            }
        }
        #expect(wait(60) { acknowledged.withLock { $0.count > 300 } })
        kill(receiver.program.pid, SIGKILL)
        threads.wait()
        let logged = Set(receiver.log.compactMap { $0["id"] as? String })
        let missing = acknowledged.withLock { $0.subtracting(logged) }
        #expect(missing.isEmpty, "\(missing.count) of \(logged.count)")
    }

    @Test func hostileRequestsDoNotEndIt() throws {
        let receiver = try Receiver(place, [text])
        let large = try SignedWebhook(
            [secret], body: [UInt8](repeating: 32, count: (1 << 20) + 1))
        #expect([0, 413].contains(try large.send(to: receiver.port)))
        for bytes in ["\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "POST", "\u{0}\u{1}"] {
            let connection = try RawConnection(port: receiver.port, patience: 1)
            connection.send(bytes)
            _ = connection.read()
        }
        var odd = try SignedWebhook([secret])
        odd.fields[0].value = "\"},{\"id\":\"x"
        #expect(try odd.send(to: receiver.port) == 401)
        #expect(receiver.log.last?["id"] is NSNull)
        let longest = try SignedWebhook([secret], body: [UInt8](repeating: 32, count: 1 << 20))
        #expect(try longest.send(to: receiver.port) == 204)
        #expect(receiver.program.isRunning)
    }

    @Test func badSecretsAndOptionsAreRefused() throws {
        let open = try place.secretFile([text], mode: 0o644)
        let bad = try place.secretFile([text, "whsec_short"])
        let none = try place.secretFile(["# nothing"])
        for (path, word) in [
            (open, "chmod 600"), (bad, "line 2"), (none, "0 webhook secrets"),
            (place.file("nothing"), "no such file"),
        ] {
            let result = try place.vigil("receive", "--secret-file", path)
            #expect(result.status == 2 && result.error.contains(word), "\(result.error)")
            #expect(!result.error.contains(text.dropFirst(6).prefix(8)))
        }
        let good = try place.secretFile([text])
        for options in [
            ["--listen", "127.0.0.1"], ["--listen", ":80"], ["--answer", "199"],
            ["--fail-share", "1.5"], ["--hang-s", "-1"], ["--listen", "127.0.0.1:65536"],
        ] {
            let result = try place.vigil(["receive", "--secret-file", good] + options)
            #expect(result.status == 64, "\(options): \(result.status)")
        }
        let noLog = try place.vigil("receive", "--secret-file", good, "--log", place.path)
        #expect(noLog.status == 2 && noLog.error.contains("cannot write the log"))
    }
}

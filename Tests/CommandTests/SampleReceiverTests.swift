// The sample consumers in samples/receivers, and the reference library, against our signatures.

import Foundation
import Report
import TestSupport
import Testing

@Suite struct SampleReceiverTests {
    private let place: Workplace
    private let old = WebhookSecret.makeShared()
    private let new = WebhookSecret.makeShared()
    private let pair = WebhookSecret.makeSigning().secret

    init() throws { place = try Workplace() }

    private static let folder = PythonEnvironment.root + "/samples/receivers"

    @Test func theReferenceLibraryVerifiesOurSignatures() throws {
        guard let python = try ReferenceVerifier.python() else { return }
        let cases = [
            ([old.secret], old.text, true), ([new.secret, old.secret], old.text, true),
            ([new.secret, old.secret, pair], new.text, true),
            ([pair, new.secret], old.text, false),
        ]
        for (secrets, held, isGood) in cases {
            let webhook = try SignedWebhook(secrets)
            let body = try place.write("body", Data(webhook.body))
            let headers = try JSONEncoder().encode(
                Dictionary(uniqueKeysWithValues: webhook.fields.map { ($0.name, $0.value) }))
            let program = """
                import json, sys
                from standardwebhooks import Webhook
                event = Webhook(sys.argv[1]).verify(open(sys.argv[2], "rb").read(), json.loads(sys.argv[3]))
                print(event["type"], event["data"]["event_id"])
                """
            let result = try Program.run(
                python.program("python"),
                ["-c", program, held, body, String(decoding: headers, as: UTF8.self)])
            #expect((result.status == 0) == isGood, "\(result.error)")
            if isGood { #expect(result.output == "alert.opened \(webhook.id)\n") }
        }
    }

    @Test func thePythonSampleTakesEachWebhookOnce() throws {
        guard let python = try ReferenceVerifier.python() else { return }
        let database = place.file("inbox.sqlite")
        try expectSoundConsumer { secrets, port in
            try BackgroundProgram(
                python.program("python"),
                [Self.folder + "/python/receiver.py", "--secret-file", secrets]
                    + ["--database", database, "--port", "\(port)"], folder: place.path)
        }
        let count = try Program.run(
            python.program("python"),
            [
                "-c",
                "import sqlite3,sys; print(sqlite3.connect(sys.argv[1]).execute("
                    + "'select count(*) from inbox').fetchone()[0])", database,
            ])
        #expect(count.output == "4\n", "\(count.error)")
    }

    @Test func theNodeSampleTakesEachWebhookOnce() throws {
        guard try Program.run("node", ["--version"]).status == 0 else {
            print("skipped: needs node")
            return
        }
        let inbox = place.file("inbox.jsonl")
        try expectSoundConsumer { secrets, port in
            try BackgroundProgram(
                "node",
                [Self.folder + "/node/receiver.mjs", "--secret-file", secrets]
                    + ["--inbox", inbox, "--port", "\(port)"], folder: place.path)
        }
        try expectLines(4, in: inbox)
    }

    @Test func theSwiftSampleTakesEachWebhookOnce() throws {
        let sample = try Program.vigil().replacing(/vigil$/, with: "sample-receiver")
        let inbox = place.file("inbox.jsonl")
        try expectSoundConsumer { secrets, port in
            try BackgroundProgram(
                sample, ["--secret-file", secrets, "--inbox", inbox, "--port", "\(port)"],
                folder: place.path)
        }
        try expectLines(4, in: inbox)
    }

    private func expectLines(_ count: Int, in path: String) throws {
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
        #expect(lines.count == count)
    }

    /// Sends it good webhooks of each kind, repeats, also after a new start, and bad ones: four are
    /// to be kept.
    private func expectSoundConsumer(
        start: (_ secrets: String, _ port: Int) throws -> BackgroundProgram
    ) throws {
        let secrets = try place.secretFile([old.text, try #require(pair.publicText)])
        let port = try Loopback.freePort()
        var program = try start(secrets, port)
        try Loopback.waitForListener(on: port)
        let good = [
            try SignedWebhook([old.secret]), try SignedWebhook([pair]),
            try SignedWebhook([new.secret, old.secret]), try SignedWebhook([new.secret, pair]),
        ]
        for webhook in good + good {
            #expect(try webhook.send(to: port) == 204, "\(program.output)")
        }
        #expect(
            program.output.contains(
                "\(good[0].id) alert.opened alert \(good[0].id) item birds/bird-1"))
        #expect(try SignedWebhook([new.secret]).send(to: port) == 401)
        #expect(try SignedWebhook([old.secret], age: 400).send(to: port) == 401)
        #expect(try SignedWebhook([pair], age: -400).send(to: port) == 401)
        for place in 0..<3 {
            var changed = try SignedWebhook([old.secret, pair])
            changed.fields[place].value =
                place == 1 ? "x" : String(changed.fields[place].value.reversed())
            #expect(try changed.send(to: port) == 401, "\(place) \(program.output)")
            changed = try SignedWebhook([old.secret, pair])
            changed.fields.remove(at: place)
            #expect(try changed.send(to: port) == 401, "\(place) \(program.output)")
        }
        var changed = try SignedWebhook([old.secret, pair])
        changed.body.append(32)
        #expect(try changed.send(to: port) == 401)
        program.stop()
        program = try start(secrets, port)
        try Loopback.waitForListener(on: port)
        #expect(try good[0].send(to: port) == 204, "\(program.output)")
    }
}

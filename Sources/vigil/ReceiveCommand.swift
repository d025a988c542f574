// `vigil receive`: a verifying consumer of webhooks, for development and tests.

import ArgumentParser
import Foundation
import Serve
import Synchronization

struct ReceiveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "receive",
        abstract: "Receive webhooks, verify and log them: for development.",
        discussion: """
            Takes every POST, verifies it by Standard Webhooks 1.0, tells repeats, answers, and writes a JSON line for \
            each request before its answer. Prints its address, and a summary when it is ended. It can be told to fail, \
            to hang and to be slow, to see what a sender makes of that. samples/receivers has consumers to begin with.

            {"received_at","id","type","body_sha256","bytes","verdict":
            "ok|repeat|conflict|bad_signature|stale|malformed","answered","hung"}

            Example: vigil receive --secret-file secrets --listen 127.0.0.1:8500 --log received.jsonl
            """)

    @Option(help: ArgumentHelp("Address and port; port 0 takes a free one.", valueName: "address"))
    var listen = "127.0.0.1:0"

    @Option(
        help: ArgumentHelp(
            "Secrets (whsec_…) and public keys (whpk_…), one a line, mode 600.", valueName: "file"))
    var secretFile: String

    @Option(help: ArgumentHelp("File that lines are added to.", valueName: "file"))
    var log: String?

    @Flag(help: "Add what came to the lines: timestamp, signature, body (base64).")
    var logBodies = false

    @Option(help: ArgumentHelp("Status of the answer to what is good.", valueName: "status"))
    var answer = 204

    @Option(
        help: ArgumentHelp(
            "What answers that are no success say in Retry-After.", valueName: "seconds"))
    var retryAfter: Int?

    @Option(
        help: ArgumentHelp(
            "Share of good requests answered with 500, as if they had never come.",
            valueName: "share"))
    var failShare = 0.0

    @Option(
        help: ArgumentHelp(
            "Share of good requests that are taken but answered late.", valueName: "share"))
    var hangShare = 0.0

    @Option(help: ArgumentHelp("How late.", valueName: "seconds"))
    var hangS = 30.0

    @Option(help: ArgumentHelp("How long each answer takes.", valueName: "milliseconds"))
    var delayMs = 0

    @Option(help: ArgumentHelp("Seed of what goes by chance.", valueName: "n"))
    var seed: UInt64 = 1

    func validate() throws {
        _ = try address()
        guard (200...599).contains(answer) else {
            throw ValidationError("--answer is a status from 200 to 599")
        }
        guard (0...1).contains(failShare), (0...1).contains(hangShare) else {
            throw ValidationError("--fail-share and --hang-share are shares from 0 to 1")
        }
        guard (0...3600).contains(hangS), (0...3_600_000).contains(delayMs) else {
            throw ValidationError("--hang-s and --delay-ms are at most an hour")
        }
        guard (0...1_000_000).contains(retryAfter ?? 0) else {
            throw ValidationError("--retry-after is 0 to 1000000 seconds")
        }
    }

    private func address() throws -> (host: String, port: Int) {
        guard let colon = listen.lastIndex(of: ":"),
            let port = UInt16(listen[listen.index(after: colon)...]), colon > listen.startIndex
        else { throw ValidationError("--listen is an address and a port: 127.0.0.1:8500") }
        let host = listen[..<colon]
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        return (String(isBracketed ? host.dropFirst().dropLast() : host), Int(port))
    }

    func run() throws {
        let receiver: WebhookReceiver
        let host: String
        do {
            var settings = ReceiverSettings(secrets: try ReceiverSettings.secrets(file: secretFile))
            (settings.host, settings.port) = try address()
            (settings.log, settings.logsBodies) = (log, logBodies)
            (settings.answer, settings.retryAfter) = (answer, retryAfter)
            (settings.failShare, settings.hangShare) = (failShare, hangShare)
            (settings.hangSeconds, settings.delayMilliseconds) = (hangS, delayMs)
            settings.seed = seed
            host = settings.host
            receiver = try WebhookReceiver(settings)
        } catch let error as ServeError {
            throw fail(error.message)
        }
        if let problem = serve(receiver, host) { throw fail(problem) }
        Console.line(JSONLine.text(type: "summary", receiver.summary))
        try finishOutput(isComplete: receiver.isLogComplete)
    }

    /// Serves until told to end.
    /// - Returns: why it ended otherwise.
    private func serve(_ receiver: WebhookReceiver, _ host: String) -> String? {
        let problem = Mutex<String?>(nil)
        // This is the main thread, which has nothing to do but wait for the end.
        let ended = DispatchSemaphore(value: 0)
        Task {
            do {
                try await receiver.serve { port in
                    let shown = host.contains(":") ? "[\(host)]" : host
                    Console.lines(Array("listening at http://\(shown):\(port)/\n".utf8))
                }
            } catch {
                problem.withLock { $0 = "cannot receive at \(host): \(error)" }
            }
            ended.signal()
        }
        ended.wait()
        return problem.withLock { $0 }
    }
}

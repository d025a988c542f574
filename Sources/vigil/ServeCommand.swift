// `vigil serve`: the service; `vigil token`: who may call it.

public import ArgumentParser
import Foundation
import Logging
import Run
public import Serve
import Synchronization

struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Watch live streams and offer an API for them.",
        discussion: """
            Reads a pipeline file with a serve section, resumes every watch that an earlier run left, and ends in \
            order on SIGTERM. It needs a token file (vigil token), a known set (vigil known build) and the key that \
            the set is sealed with. pipelines/live.yaml has every setting, /openapi.json describes the API, and \
            docs/service.md goes through a first start.

            Example: vigil serve --pipeline live.yaml
            """)

    @Option(help: ArgumentHelp("Pipeline file with a serve section.", valueName: "file"))
    var pipeline: String

    @Option(help: "Least that is logged: debug, info, notice, warning or error.")
    var logLevel = "info"

    func validate() throws {
        guard Logger.Level(rawValue: logLevel) != nil else {
            throw ValidationError("--log-level must be debug, info, notice, warning or error")
        }
    }

    func run() throws {
        Self.raiseFileLimit()
        let settings: ServiceSettings
        do { settings = try ServiceSettings(file: pipeline) } catch {
            throw ValidationError(error.message)
        }
        var logger = Logger(label: "vigil") { PlainLog.handler(label: $0) }
        logger.logLevel = Logger.Level(rawValue: logLevel) ?? .info
        let service: VigilService
        do {
            service = try VigilService(
                settings, environment: ProcessInfo.processInfo.environment,
                version: Vigil.configuration.version, logger: logger)
        } catch { throw fail(error.message) }
        if let problem = serve(service, settings, logger) { throw fail(problem) }
    }

    /// Takes all the open files that the system allows: a stream by HLS needs three.
    private static func raiseFileLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    /// Serves until told to end.
    /// - Returns: why it ended otherwise.
    private func serve(
        _ service: VigilService, _ settings: ServiceSettings, _ logger: Logger
    ) -> String? {
        let scheme = settings.tls == nil ? "http" : "https"
        if settings.tls == nil, !["127.0.0.1", "::1", "localhost"].contains(settings.host) {
            logger.warning(
                "tokens travel in the clear to \(settings.host): set serve.tls_certificate and tls_key"
            )
        }
        let problem = Mutex<String?>(nil)
        let isListening = Flag()
        let signals = ServiceSignals(isRunning: { isListening.isSet }) { service.leave() }
        // This is the main thread, which has nothing to do but wait for the end.
        let ended = DispatchSemaphore(value: 0)
        Task {
            do {
                try await service.serve { port in
                    isListening.set()
                    logger.notice("listening at \(scheme)://\(settings.host):\(port)")
                }
            } catch {
                problem.withLock { $0 = "the service ended: \(error)" }
            }
            ended.signal()
        }
        ended.wait()
        service.leave()
        withExtendedLifetime(signals) {}
        // Threads are left that may use anything: nothing is taken down around them.
        if problem.withLock({ $0 == nil }), service.hasRemainder { _exit(0) }
        return problem.withLock { $0 }
    }
}

/// Is set once.
private final class Flag: Sendable {
    private let value = Atomic<Bool>(false)

    var isSet: Bool { value.load(ordering: .acquiring) }
    func set() { value.store(true, ordering: .releasing) }
}

extension Role: ExpressibleByArgument {}

struct TokenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Make a token for the API.",
        discussion: """
            Prints the token once, to standard output, and adds its hash to a file, which vigil serve reads when it \
            begins. The token itself is kept nowhere. To take it back, delete its line from the file and start the \
            service again.

            A reader may look at everything but exact distances, an operator may also change what is watched, and \
            a reviewer looks as a reader does and sees exact distances. A hook may only tell of streams that begin \
            and end, a consumer only say what became of alerts.

            Example: vigil token --role reader --name dashboard --file /etc/vigil/tokens
            """)

    @Option(help: "What its bearer may do.")
    var role: Role

    @Option(help: "Who will use it, as records and logs name it: a word.")
    var name: String

    @Option(help: ArgumentHelp("Token file; made if it is missing.", valueName: "file"))
    var file: String

    func validate() throws {
        let isWord = name.unicodeScalars.allSatisfy {
            $0.isASCII && $0.value > 0x20 && $0.value < 0x7f
        }
        guard !name.isEmpty, name.count <= 100, isWord else {
            throw ValidationError("--name must be one word of at most 100 characters")
        }
    }

    func run() throws {
        let (token, line) = Tokens.make(role, name: name)
        // Appended in one write, so that two at a time do not mix.
        let descriptor = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        let bytes = Array((line + "\n").utf8)
        guard descriptor >= 0, write(descriptor, bytes, bytes.count) == bytes.count,
            fsync(descriptor) == 0, close(descriptor) == 0
        else {
            throw fail("\(file): the token cannot be written: \(String(cString: strerror(errno)))")
        }
        print(token)
        Console.error(
            "added to \(file) as \(role.rawValue) \(name); a service that runs must be restarted")
    }
}

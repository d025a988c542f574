// `vigil report dead`, `retry`, `replay`, `endpoints`, `enable`: reports that did not arrive, and having
// them sent again. They change the queue; a service that runs on it sends what is asked for.

import ArgumentParser
import Foundation
import Match
import Report
import Serve

struct ReportDead: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dead",
        abstract: "List reports that were given up, with why.",
        discussion: "Example: vigil report dead --since 2026-11-30T12:00:00Z")

    @OptionGroup var store: ReportStoreOptions

    @Option(help: "Only reports on items of this known set.")
    var set: String?

    @Option(
        help: ArgumentHelp(
            "Only reports made at this UTC time or later.", valueName: "2026-11-30T12:00:00Z"))
    var since: String?

    @Option(help: "text or jsonl, one object a line.")
    var format = OutputFormat.text

    func validate() throws { _ = try ReportFilterOptions.unixMilliseconds(since, "--since") }

    func run() throws {
        guard let store = try store.open() else { return }
        AuditLooks.note("alerts", in: store)
        let filter = ReportFilter(
            state: .dead, set: set,
            since: try ReportFilterOptions.unixMilliseconds(since, "--since"))
        try reportErrors {
            let count = try store.forEach(filter) { report in
                ReportText.printLine(report, format)
                guard format == .text else { return }
                for delivery in try store.deliveries(of: report.id) where delivery.state == .dead {
                    Console.line("    " + ReportText.line(delivery))
                }
            }
            if count == 0 { Console.error("vigil: no report is dead in \(store.path)") }
        }
        try finishOutput(isComplete: true)
    }
}

struct ReportRetry: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry",
        abstract: "Have reports that did not arrive tried again now.",
        discussion: """
            Example: vigil report retry --dead --endpoint hotline

            A service that runs on the same state sends them. What was accepted is not sent again; \
            see `vigil report replay`.
            """)

    @Argument(help: ArgumentHelp("Ids of reports.", valueName: "id"))
    var ids: [String] = []

    @Flag(help: "All reports that were given up.")
    var dead = false

    @Option(help: ArgumentHelp("Only to this endpoint.", valueName: "name"))
    var endpoint: String?

    @OptionGroup var store: ReportStoreOptions

    func validate() throws {
        guard ids.isEmpty == dead else { throw ValidationError("give ids, or --dead") }
        for id in ids where AlertID(id) == nil {
            throw ValidationError("\(id): is no id (8-4-4-4-12 hex digits)")
        }
    }

    func run() throws {
        guard let store = try store.open(forWriting: true) else { throw Exit.incomplete }
        let now = Int64(bounded: Date().timeIntervalSince1970 * 1000)
        var count = 0
        try reportErrors {
            for id in ids.compactMap({ AlertID($0) }) {
                count += try store.retryDeliveries(
                    of: id, to: endpoint, limit: 10_000, by: AuditLooks.actor, at: now)
            }
            // As many as are dead now: what dies again meanwhile is not tried for ever.
            let waiting = try store.deliveryCounts().filter { endpoint ?? $0.key == $0.key }
                .reduce(0) { $0 + ($1.value[.dead] ?? 0) }
            while dead, count < waiting {
                let some = try store.retryDeliveries(
                    of: nil, to: endpoint, limit: 1000, by: AuditLooks.actor, at: now)
                count += some
                if some == 0 { break }
            }
        }
        Console.error("vigil: deliveries that are tried again: \(count)")
        if count == 0 { throw Exit.incomplete }
    }
}

struct ReportReplay: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Have a range of reports sent to one endpoint, whether it had them or not.",
        discussion: """
            Example: vigil report replay --to hotline --since 2026-11-30T12:00:00Z

            Ids and bodies are those of the first time, so a consumer that drops repeats keeps what \
            it has. A service that runs on the same state sends them.
            """)

    @Option(name: .customLong("to"), help: ArgumentHelp("The endpoint.", valueName: "name"))
    var endpoint: String

    @OptionGroup var which: ReportFilterOptions
    @OptionGroup var store: ReportStoreOptions

    @Flag(help: "Needed where neither --since nor another filter narrows it down.")
    var all = false

    func validate() throws {
        let filter = try which.filter()
        if filter == ReportFilter(), !all {
            throw ValidationError("say which: --since, --until, --set, …, or --all")
        }
    }

    func run() throws {
        guard let store = try store.open(forWriting: true) else { throw Exit.incomplete }
        var filter = try which.filter()
        let now = Int64(bounded: Date().timeIntervalSince1970 * 1000)
        // What is made while this runs is sent anyway.
        filter.until = min(filter.until ?? .max, now)
        var (count, cursor) = (0, AlertID?.none)
        try reportErrors {
            repeat {
                let page = try store.replay(
                    filter, to: endpoint, before: cursor, limit: 1000,
                    tests: [ReservedSets.canary], by: AuditLooks.actor, at: now)
                count += page.count
                cursor = page.last
            } while cursor != nil
        }
        Console.error("vigil: reports that are sent to \(endpoint): \(count)")
        if count == 0 { throw Exit.incomplete }
    }
}

struct ReportEndpoints: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "endpoints",
        abstract: "List endpoints with what they were sent.",
        discussion: "Example: vigil report endpoints")

    @OptionGroup var store: ReportStoreOptions

    func run() throws {
        guard let store = try store.open() else { return }
        try reportErrors {
            let disabled = try store.disabledEndpoints()
            for (name, counts) in try store.deliveryCounts().sorted(by: { $0.key < $1.key }) {
                let states = ReportState.allCases.compactMap { state in
                    counts[state].map { "\($0) \(state.rawValue)" }
                }
                let standing = disabled.first { $0.endpoint == name }
                let why = standing.map {
                    "; DISABLED \(ReportText.time($0.disabledUnixMilliseconds)): \($0.reason)"
                }
                Console.line(
                    Console.printable("\(name): \(states.joined(separator: ", "))\(why ?? "")"))
            }
        }
        try finishOutput(isComplete: true)
    }
}

struct ReportEnable: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "enable",
        abstract: "Send to an endpoint again that was disabled because it answered 410.",
        discussion: "Example: vigil report enable hotline")

    @Argument(help: ArgumentHelp("The endpoint.", valueName: "name"))
    var endpoint: String

    @OptionGroup var store: ReportStoreOptions

    func run() throws {
        guard let store = try store.open(forWriting: true) else { throw Exit.incomplete }
        try reportErrors {
            let now = Int64(bounded: Date().timeIntervalSince1970 * 1000)
            guard try store.enable(endpoint, by: AuditLooks.actor, at: now) else {
                throw fail("\(store.path): no endpoint \(endpoint) is disabled")
            }
        }
        Console.error("vigil: \(endpoint) is sent to again")
    }
}

struct ReportSecret: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "secret",
        abstract: "Make a secret that deliveries are signed with.",
        discussion: """
            Example: vigil report secret /etc/vigil/hotline_secret

            The file, mode 600, is what `secret_files` of an endpoint names. A shared secret \
            (HMAC-SHA256) is given to the receiver too, by a safe way. With --signing it is the \
            secret half of an Ed25519 pair, and the receiver gets the public half, which is printed.
            """)

    @Argument(help: ArgumentHelp("The file to make; it must not exist.", valueName: "file"))
    var path: String

    @Flag(help: "Make an Ed25519 pair instead of a shared secret.")
    var signing = false

    func run() throws {
        let made = signing ? WebhookSecret.makeSigning() : WebhookSecret.makeShared()
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw fail("cannot make \(path): \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        guard Console.writeAll(Array((made.text + "\n").utf8), to: descriptor),
            fsync(descriptor) == 0
        else { throw fail("cannot write \(path): \(String(cString: strerror(errno)))") }
        if let publicText = made.secret.publicText { Console.line(publicText) }
        Console.error("vigil: the secret is in \(path)")
        try finishOutput(isComplete: true)
    }
}

/// Runs what touches the queue, and ends the command with the store's own words where it fails.
@discardableResult
func reportErrors<Result>(_ body: () throws -> Result) throws -> Result {
    do { return try body() } catch let error as ReportError { throw fail(error.message) }
}

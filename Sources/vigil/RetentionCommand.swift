// `vigil report sweep`, `hold`, `release` and `holds`: erasing what is due by hand, and what is kept
// beyond its time because an authority asked for it.

import ArgumentParser
import Foundation
import Match
import Report
import Run
import Serve

private func now() -> Int64 { Int64(bounded: (Date().timeIntervalSince1970 * 1000).rounded()) }

struct ReportSweep: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sweep",
        abstract: "Erase what is older than it may be kept.",
        discussion: """
            How long that is says the section retention of the pipeline file; a service does this once a day by \
            itself. Without a pipeline file only --dry-run is possible, with the built-in times.

            Example: vigil report sweep --pipeline /etc/vigil/live.yaml --dry-run
            """)

    @OptionGroup var store: ReportStoreOptions

    @Option(help: ArgumentHelp("Pipeline file with the section retention.", valueName: "file"))
    var pipeline: String?

    @Flag(help: "Erase nothing, say what would be.")
    var dryRun = false

    @Flag(help: "Erase although the newest record of the audit log is over 30 days old.")
    var clockIsRight = false

    func validate() throws {
        guard dryRun || pipeline != nil else {
            throw ValidationError(
                "name the pipeline file that says how long things are kept, with --pipeline, or add "
                    + "--dry-run")
        }
    }

    func run() throws {
        var policy = RetentionPolicy()
        if let pipeline {
            do { policy = try RetentionSchedule(file: pipeline).policy } catch {
                throw ValidationError(error.message)
            }
        }
        var sweep = RetentionSweep(policy, at: now(), by: AuditLooks.actor, isDry: dryRun)
        // A dry run changes nothing, so it needs no right to.
        guard let store = dryRun ? try store.open() : try store.open(forWriting: true) else {
            return
        }
        try reportErrors {
            let newest = try store.newestRecordTime()
            guard dryRun || clockIsRight || SweepClock.isPlausible(now(), after: newest) else {
                throw fail(
                    "\(store.path): its newest record is over 30 days old; to a clock that is ahead "
                        + "everything looks due. Is it \(UTC.second(now()))? Then add --clock-is-right"
                )
            }
            while try sweep.step(store) {
                // Others that write have their turn.
                if !dryRun { usleep(UInt32(RetentionSweep.pauseMilliseconds) * 1000) }
            }
        }
        for kind in RetentionKind.allCases { printLine(of: kind, sweep) }
        try finishOutput(isComplete: true)
    }

    private func printLine(of kind: RetentionKind, _ sweep: RetentionSweep) {
        let days = sweep.policy.days(of: kind)
        let erased = sweep.erased[kind] ?? 0
        let kept = (sweep.kept[kind] ?? [:]).sorted { $0.key.rawValue < $1.key.rawValue }
            .map { ", \($0.value) kept: \($0.key.rawValue)" }.joined()
        let verb = dryRun ? "to erase" : "erased"
        let time =
            days == 0 ? "kept for ever" : "after \(count(days, "day")): \(erased) \(verb)\(kept)"
        Console.line("\(kind.rawValue)  \(time)")
    }
}

struct ReportHold: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hold",
        abstract:
            "Keep an alert, or all of a stream, beyond its time, because an authority asks for it.",
        discussion: """
            What is on legal hold is not erased until it is released. Prints the legal hold's id.

            Example: vigil report hold 0193f1c2-7d1e-7a40-9c55-0d2b6f1f3a11 --authority "Office 12, file 7"
            """)

    @Argument(help: ArgumentHelp("Id of the alert or stream.", valueName: "id"))
    var id: String

    @Option(help: "Who asks, for instance an office and its file number.")
    var authority: String

    @Option(help: "Why, as far as it may be said.")
    var reason = ""

    @OptionGroup var store: ReportStoreOptions

    func validate() throws {
        guard (1...200).contains(authority.count), reason.count <= 1000 else {
            throw ValidationError("--authority has 1 to 200 characters, --reason at most 1000")
        }
    }

    func run() throws {
        let subject = try identifier(id)
        guard let store = try store.open(forWriting: true) else { throw Exit.incomplete }
        try reportErrors {
            guard let kind = try store.legalHoldKind(of: subject) else {
                throw fail("\(store.path): has no alert or stream \(subject)")
            }
            var random = SystemRandomNumberGenerator()
            let hold = LegalHold(
                id: AlertID(unixMilliseconds: UInt64(max(0, now())), using: &random), kind: kind,
                subject: subject, authority: authority, reason: reason,
                sinceUnixMilliseconds: now())
            try store.keep(hold, by: AuditLooks.actor)
            Console.line("\(hold.id)")
        }
        try finishOutput(isComplete: true)
    }
}

struct ReportRelease: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "release",
        abstract: "End a legal hold; what it kept is erased when its time is over.",
        discussion: "Example: vigil report release 0193f1c2-7d1e-7a40-9c55-0d2b6f1f3a11")

    @Argument(
        help: ArgumentHelp(
            "Id of the legal hold, or of the alert or stream, all of whose legal holds end then.",
            valueName: "id"))
    var id: String

    @OptionGroup var store: ReportStoreOptions

    func run() throws {
        let id = try identifier(id)
        guard let store = try store.open(forWriting: true) else { throw Exit.incomplete }
        let ended = try reportErrors {
            try store.releaseLegalHolds(id, by: AuditLooks.actor, at: now())
        }
        guard ended > 0 else { throw fail("\(store.path): no legal hold that goes on has this id") }
        Console.error("vigil: \(count(ended, "legal hold")) ended")
    }
}

struct ReportHolds: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "holds",
        abstract: "List legal holds that go on, newest first.",
        discussion: "Example: vigil report holds")

    @OptionGroup var store: ReportStoreOptions

    func run() throws {
        guard let store = try store.open() else { return }
        AuditLooks.note("legal_holds", in: store)
        for hold in try reportErrors({ try store.legalHolds(at: now()) }) {
            Console.line(
                Console.printable(
                    "\(hold.id)  \(UTC.second(hold.sinceUnixMilliseconds))  "
                        + "\(hold.kind.rawValue) \(hold.subject)  \(hold.authority)  \(hold.reason)"
                ))
        }
        try finishOutput(isComplete: true)
    }
}

/// Reads an id that a user gave.
private func identifier(_ text: String) throws -> AlertID {
    guard let id = AlertID(text) else {
        throw ValidationError("\(text): is no id (8-4-4-4-12 hex digits)")
    }
    return id
}

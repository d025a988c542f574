// `vigil audit`: the audit log, its proof, and what is taken out of it.

import ArgumentParser
import Foundation
import Match
import Report

struct AuditCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Prove, read and export the audit log.",
        discussion: """
            The audit log is kept with the alerts, in the state folder: what was found, delivered, \
            stopped, decided, changed and looked at, by whom and when. Each record is chained to the \
            one before, and the service signs the newest one each hour. docs/audit.md says what that \
            proves.

            Example: vigil audit verify
            """,
        subcommands: [AuditVerify.self, AuditList.self, AuditExport.self, AuditErase.self])
}

/// Who uses this terminal, and what they looked at.
enum AuditLooks {
    /// The user of this process, as the audit log names people.
    static var actor: String {
        guard let entry = getpwuid(getuid()), let name = entry.pointee.pw_name else {
            return "user:\(getuid())"
        }
        return "user:\(String(cString: name))"
    }

    /// Records a look where the state may be written; where not, nobody is kept from looking.
    static func note(_ what: String, _ subject: String? = nil, in store: SQLiteStore) {
        let directory = URL(filePath: store.path).deletingLastPathComponent().path
        let entry = AuditEntry(.lookedAt, by: actor, about: subject, detail: ["what": .text(what)])
        try? SQLiteStore(directory: directory).append([entry], at: now())
    }

    static func now() -> Int64 { Int64(bounded: (Date().timeIntervalSince1970 * 1000).rounded()) }
}

struct AuditList: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List records, oldest first.",
        discussion: "Example: vigil audit list --kind hold.kept --since 2026-11-30T00:00:00Z")

    @OptionGroup var place: ReportStoreOptions

    @Option(
        help: ArgumentHelp(
            "Only records of this kind; all of one sort by hold, stop, ….", valueName: "kind"))
    var kind: String?

    @Option(help: "Only records about this alert, hold or set.")
    var subject: String?

    @Option(
        help: ArgumentHelp(
            "Only records of this UTC time or later.", valueName: "2026-11-30T12:00:00Z"))
    var since: String?

    @Option(help: "text or jsonl, one object a line.")
    var format = OutputFormat.text

    func validate() throws {
        _ = try unixMilliseconds()
        if let kind {
            let kinds = AuditKind.allCases.map(\.rawValue)
            guard kinds.contains(where: { $0 == kind || $0.hasPrefix("\(kind).") }) else {
                throw ValidationError("--kind must be one of \(kinds.joined(separator: ", "))")
            }
        }
    }

    func run() throws {
        let store = try place.openExisting()
        let since = try unixMilliseconds() ?? 0
        do {
            var last: Int64 = 0
            while true {
                let page = try store.records(after: last, limit: 1000)
                for record in page where isWanted(record, since) {
                    AuditText.printLine(record, format)
                }
                guard page.count == 1000, let newest = page.last else { break }
                last = newest.number
            }
        } catch { throw fail(error.message) }
        AuditLooks.note("audit", in: store)
        try finishOutput(isComplete: true)
    }

    private func isWanted(_ record: AuditRecord, _ since: Int64) -> Bool {
        let isOfKind =
            kind.map { record.kind == $0 || record.kind.hasPrefix("\($0).") } ?? true
        return isOfKind && record.unixMilliseconds >= since
            && (subject == nil || record.subject == subject)
    }

    private func unixMilliseconds() throws -> Int64? {
        guard let since else { return nil }
        guard let date = try? Date(since, strategy: .iso8601) else {
            throw ValidationError("--since: give a UTC time such as 2026-11-30T12:00:00Z")
        }
        return Int64(bounded: date.timeIntervalSince1970 * 1000)
    }
}

struct AuditExport: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write the whole log, or all about one alert, to a file that can be verified.",
        discussion: """
            With --case, the file is an evidence package: the alert, its stream, steps, coverage, \
            report and audit records, sealed with a signature. It holds no media and no hash of a \
            known item, but what is known of the publisher: keep it as such.

            Example: vigil audit export --case 0193f1c2-7d1e-7a40-9c55-0d2b6f1f3a11 --output case.jsonl
            """)

    @OptionGroup var place: ReportStoreOptions

    @Option(
        help: ArgumentHelp(
            "Only what is about this alert, as a sealed package.", valueName: "alert-id"))
    var `case`: String?

    @Option(help: ArgumentHelp("New file to write (default: standard output).", valueName: "file"))
    var output: String?

    @Option(
        help: ArgumentHelp(
            "Key to sign with (default: audit.key in the state folder).",
            valueName: "file"))
    var key: String?

    func validate() throws {
        if let `case` {
            guard AlertID(`case`) != nil else {
                throw ValidationError("--case: \(`case`) is no id (8-4-4-4-12 hex digits)")
            }
            guard output != nil else { throw ValidationError("--case needs --output FILE") }
        }
    }

    func run() throws {
        if let `case`, let id = AlertID(`case`) { return try exportCase(id) }
        let store = try place.openExisting()
        AuditLooks.note("audit", in: store)
        signHead()
        let file = try output.map { try NewFile($0) }
        var isWritten = true
        func line(_ text: String) {
            guard let file else { return Console.line(text) }
            if !file.write(text + "\n") { isWritten = false }
        }
        var (records, heads, problem): (Int64, Int64, String?) = (0, 0, nil)
        line(AuditFile.header)
        do {
            try store.readAudit { item in
                switch item {
                case .record: records += 1
                case .head: heads += 1
                case .unreadable(let number, let what): problem = "record \(number): \(what)"
                }
                if let text = AuditFile.text(of: item) { line(text) }
                return isWritten && problem == nil
            }
        } catch { throw fail(error.message) }
        if let problem { throw fail("\(store.path): \(problem); run `vigil audit verify`") }
        line(AuditFile.footer(records: records, heads: heads))
        guard try file?.finish() ?? true, isWritten else {
            throw fail("\(output ?? "output"): it could not be written whole; is the disk full?")
        }
        try finishOutput(isComplete: true)
    }

    /// Has the newest record signed, so that nothing can be cut off the file; where the state or the
    /// key may not be used, the file has the heads that are there.
    private func signHead() {
        guard let store = try? SQLiteStore(directory: place.directory),
            let key = try? signingKey(store)
        else { return }
        _ = try? store.signHead(with: key, at: AuditLooks.now())
    }

    /// The key that the log is signed with; a second one would leave it with two for good.
    private func signingKey(_ store: SQLiteStore) throws(ReportError) -> AuditKey {
        let newest = try store.heads(limit: 1).last
        let key = try AuditKey(
            file: key ?? "\(place.directory)/\(AuditKey.fileName)",
            createIfMissing: key == nil && newest == nil)
        guard newest == nil || newest?.publicKey == key.publicKey.bytes else {
            throw ReportError(
                .conflict,
                "the audit log is signed with another key: name the service's with --key")
        }
        return key
    }

    private func exportCase(_ id: AlertID) throws {
        let store = try place.openExisting(forWriting: true)
        let now = AuditLooks.now()
        do {
            let key = try signingKey(store)
            let bytes = try CasePackage.make(
                of: id, from: store, key: key, at: now, by: AuditLooks.actor)
            let file = try NewFile(output ?? "")
            // On record before anybody has it.
            try store.append(
                [AuditEntry(.caseExported, by: AuditLooks.actor, about: id.description)], at: now)
            guard file.write(bytes), try file.finish() else {
                throw fail("\(output ?? ""): it could not be written whole; is the disk full?")
            }
        } catch let error as ReportError { throw fail(error.message) }
        Console.error("wrote the evidence package of \(id) to \(output ?? "")")
    }
}

struct AuditErase: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "erase",
        abstract: "Erase whom or what records are about; the records stay.",
        discussion: """
            The chain still holds afterwards, and how many records were changed is recorded, but not \
            which subject it was. It cannot be taken back.

            Example: vigil audit erase --subject 0193f1c2-7d1e-7a40-9c55-0d2b6f1f3a11
            """)

    @OptionGroup var place: ReportStoreOptions

    @Option(help: ArgumentHelp("Id of the alert or hold, as the records have it.", valueName: "id"))
    var subject: String

    func run() throws {
        let store = try place.openExisting(forWriting: true)
        do {
            let count = try store.erase(
                subject: subject, at: AuditLooks.now(), by: AuditLooks.actor)
            guard count > 0 else { throw fail("\(store.path): no record is about \(subject)") }
            Console.line("erased the subject of \(vigil.count(count, "record"))")
        } catch let error as ReportError { throw fail(error.message) }
        try finishOutput(isComplete: true)
    }
}

// `vigil audit verify`: proves a log, an exported log, or an evidence package, without a network.

public import ArgumentParser
import Foundation
import Known
public import Report

struct AuditVerify: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Prove that the log, an exported file or an evidence package was not changed.",
        discussion: """
            Exit codes: 0 good; 1 not good, with the first record and what is wrong; 2 it could not be \
            read. Without --public-key any key may have signed: the output says which, and it is for \
            you to compare it with the key that was told elsewhere, and the newest head with one that \
            was kept elsewhere: --anchor does that.

            Example: vigil audit verify audit.jsonl --public-key whpk_…
            """)

    @Argument(help: "Exported log or evidence package (default: the log of the state folder).")
    var file: String?

    @OptionGroup var place: ReportStoreOptions

    @Option(
        help: ArgumentHelp(
            "Key that must have signed, or a file with it; can be given again for an older one.",
            valueName: "file|whpk_…"))
    var publicKey: [AuditPublicKey] = []

    @Option(
        help: ArgumentHelp(
            "Head that was kept elsewhere, as the service's log has it; can be given again.",
            valueName: "number:hex"))
    var anchor: [AuditAnchor] = []

    @Option(help: "text or jsonl, one object.")
    var format = OutputFormat.text

    func run() throws {
        let isGood = try file.map { try checkFile($0) } ?? checkState()
        try finishOutput(isComplete: true)
        if !isGood { throw Exit.found }
    }

    private func checkState() throws -> Bool {
        let store = try place.openExisting()
        var verifier = AuditVerifier(trusting: publicKey, anchors: anchor)
        do {
            try store.readAudit { line in
                verifier.check(line)
                return true
            }
        } catch { throw fail(error.message) }
        verifier.finish()
        AuditText.print(verifier, of: store.path, isKeyGiven: !publicKey.isEmpty, format)
        return verifier.isGood
    }

    private func checkFile(_ path: String) throws -> Bool {
        guard let reader = LineReader(path) else {
            throw fail("\(path): it cannot be read: \(String(cString: strerror(errno)))")
        }
        let first = reader.next(most: AuditFile.longestLine) ?? []
        if CasePackage.isBegun(by: first) { return try checkCase(path) }
        var verifier = AuditFileVerifier(trusting: publicKey, anchors: anchor)
        verifier.check(first)
        while let line = reader.next(most: AuditFile.longestLine) { verifier.check(line) }
        guard !reader.hasFailed else { throw fail("\(path): the disk failed") }
        verifier.finish(isWhole: reader.isWhole)
        AuditText.print(
            verifier.verifier, of: path, isKeyGiven: !publicKey.isEmpty, format)
        return verifier.verifier.isGood
    }

    private func checkCase(_ path: String) throws -> Bool {
        guard let bytes = try? SmallFile.read(path, most: CasePackage.mostBytes, as: .plain)
        else { throw fail("\(path): it cannot be read, or is over \(CasePackage.mostBytes) bytes") }
        let findings = CasePackage.check(bytes, trusting: publicKey)
        AuditText.print(findings, of: path, isKeyGiven: !publicKey.isEmpty, format)
        return findings.problems.isEmpty
    }
}

extension AuditPublicKey: ExpressibleByArgument {
    /// Reads a key, or a file that holds one.
    public init?(argument: String) {
        if let key = AuditPublicKey(argument) {
            self = key
            return
        }
        guard let reader = LineReader(argument), let line = reader.next(most: 200),
            let key = AuditPublicKey(
                String(decoding: line, as: UTF8.self).trimmingCharacters(in: .whitespaces))
        else { return nil }
        self = key
    }
}

extension AuditAnchor: ExpressibleByArgument {
    /// Reads `NUMBER:DIGITS`.
    public init?(argument: String) { self.init(argument) }
}

/// What is printed of the audit log.
enum AuditText {
    static func printLine(_ record: AuditRecord, _ format: OutputFormat) {
        guard format == .text else { return Console.line(record.jsonLine) }
        let subject = record.subject ?? (record.isErased ? "(erased)" : "-")
        Console.line(
            Console.printable(
                "\(record.number)  \(ReportText.time(record.unixMilliseconds))  \(record.kind)  "
                    + "\(record.actor)  \(subject)  \(record.detail)"))
    }

    static func print(
        _ log: AuditVerifier, of path: String, isKeyGiven: Bool, _ format: OutputFormat
    ) {
        guard format == .text else {
            return Console.line(JSONLine.text(type: "audit", AuditVerdict(log)))
        }
        let word = log.isGood ? "good" : "NOT GOOD"
        let erased = log.erased > 0 ? ", \(log.erased) with an erased subject" : ""
        var lines = [
            "\(word): \(path): \(count(Int(log.records), "record"))\(erased), "
                + count(Int(log.heads), "signed head")
        ]
        lines += log.problems.map(\.description)
        if log.problemCount > log.problems.count {
            lines.append("and \(log.problemCount - log.problems.count) more")
        }
        if let head = log.newestHead {
            let time = ReportText.time(head.unixMilliseconds)
            lines.append(
                "newest signed head: record \(head.number), \(time), \(Hex.text(of: head.hash))")
            let after = (log.last?.number ?? 0) &- head.number
            lines.append("\(count(Int(after), "record")) after it, which no signature covers yet")
        }
        lines += log.keys.map { "signed with \($0.key): \(count($0.heads, "head"))" }
        if !isKeyGiven, !log.keys.isEmpty { lines.append(Self.compare) }
        Console.line(lines.map(Console.printable).joined(separator: "\n"))
    }

    static func print(
        _ found: CaseFindings, of path: String, isKeyGiven: Bool, _ format: OutputFormat
    ) {
        let isGood = found.problems.isEmpty
        guard format == .text else {
            return Console.line(JSONLine.text(type: "case", CaseVerdict(found)))
        }
        var lines = [
            "\(isGood ? "good" : "NOT GOOD"): \(path): evidence package of alert \(found.alert), "
                + "made \(ReportText.time(found.madeUnixMilliseconds)), "
                + "\(count(found.parts.count, "part")), \(count(found.records, "audit record"))"
        ]
        lines += found.problems
        if let key = found.key { lines.append("signed with \(key)") }
        if !isKeyGiven { lines.append(Self.compare) }
        Console.line(lines.map(Console.printable).joined(separator: "\n"))
    }

    private static let compare =
        "compare the key with the one you were told, or give it with --public-key"
}

/// `verify --format jsonl` of a log.
private struct AuditVerdict: Encodable {
    var good: Bool
    var records: Int64
    var heads: Int64
    var erased: Int64
    var problems: [String]
    var newestHead: String?
    var keys: [String]

    private enum CodingKeys: String, CodingKey {
        case good, records, heads, erased, problems, keys
        case newestHead = "newest_head"
    }

    init(_ log: AuditVerifier) {
        good = log.isGood
        records = log.records
        heads = log.heads
        erased = log.erased
        problems = log.problems.map(\.description)
        newestHead = log.newestHead.map { "\($0.number) \(Hex.text(of: $0.hash))" }
        keys = log.keys.map(\.key.description)
    }
}

/// `verify --format jsonl` of a package.
private struct CaseVerdict: Encodable {
    var good: Bool
    var alertID: String
    var parts: [String]
    var records: Int
    var problems: [String]
    var key: String?

    private enum CodingKeys: String, CodingKey {
        case good, parts, records, problems, key
        case alertID = "alert_id"
    }

    init(_ found: CaseFindings) {
        good = found.problems.isEmpty
        alertID = found.alert
        parts = found.parts
        records = found.records
        problems = found.problems
        key = found.key?.description
    }
}

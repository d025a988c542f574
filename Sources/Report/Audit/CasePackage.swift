// An evidence package: all that is known of one alert, sealed, in a file that can be handed on.
//
// JSON lines, so that every part is a run of bytes that anybody can hash: first the manifest, which
// names each part with its length and SHA-256 in the order of the lines; then the parts; last an
// Ed25519 signature over the first line. No media and no hash of a known item is in it. The records
// of the audit log in it prove themselves one by one; that they belong to the log is proven by the
// log, in which they must be found by number and hash.

internal import Crypto
internal import FoundationEssentials
public import Match

/// What an evidence package is made from.
public typealias CaseStores =
    ActionStore & AuditStore & CoverageStore & DeliveryStore & FeedbackStore & LegalHoldStore
    & ReportStore & StreamStore

/// Makes and checks evidence packages.
public enum CasePackage {
    /// How far before and after an alert coverage is given, seconds.
    private static let coverageMargin: Int64 = 86_400
    /// Most reports of an alert, the newest; beside the one that opened it.
    private static let mostReports = ReportLimits.page.upperBound
    /// Most bytes that are read of a package.
    public static let mostBytes = 64 << 20

    /// Makes the package of an alert.
    /// - Parameters:
    ///   - alert: the alert's id.
    ///   - actor: who asked, as ``AuditEntry`` names people.
    /// - Returns: the file's bytes.
    /// - Throws: `notFound` where there is no such alert.
    public static func make(
        of alert: AlertID, from store: any CaseStores, key: AuditKey,
        at unixMilliseconds: Int64, by actor: String
    ) throws(ReportError) -> [UInt8] {
        guard let report = try store.report(id: alert), let facts = report.alert, facts.id == alert
        else {
            throw ReportError(
                .notFound,
                "no alert has the id \(alert): list alerts with `vigil report list --format jsonl`")
        }
        let parts = try parts(of: facts, report, from: store)
        let head = try store.head()
        do {
            let manifest = Manifest(
                type: Manifest.kind, format: 1, alertId: alert.description,
                madeUnixMs: unixMilliseconds, madeBy: actor,
                publicKey: key.publicKey.description,
                auditNumber: head?.number, auditHash: head.map { Hex.text(of: $0.hash) },
                parts: parts.map { PartSum(name: $0.name, of: $0.line) })
            let first = try line(manifest)
            let last = CaseSignature.line(of: try key.signature(of: CaseSignature.message(first)))
            let lines = [first] + parts.map(\.line) + [last]
            return lines.flatMap { $0 + [UInt8(ascii: "\n")] }
        } catch {
            throw ReportError(.internal, "cannot make the evidence package: \(error)")
        }
    }

    private static func parts(
        of alert: Alert, _ report: QueuedReport, from store: any CaseStores
    ) throws(ReportError) -> [(name: String, line: [UInt8])] {
        let id = alert.id
        let stream = try alert.stream.flatMap { StreamID($0.id) }
            .flatMap { id throws(ReportError) in try store.stream(id) }
        let steps = try store.steps(of: id).map(CaseStep.init)
        let feedback = try store.feedback(on: id).map(CaseFeedback.init)
        var holds = try store.legalHolds(on: id)
        if let stream { holds += try store.legalHolds(on: stream.id.uuid) }
        let reports = try reports(of: report, store)
        let records = try store.records(
            about: id.description, limit: AuditLimits.page.upperBound)
        do {
            return [
                ("alert", try line(CasePart("alert", alert))),
                ("reports", try line(CasePart("reports", reports, most: mostReports))),
                ("stream", try line(CasePart("stream", stream.map(CaseStream.init)))),
                ("steps", try line(CasePart("steps", steps))),
                ("feedback", try line(CasePart("feedback", feedback))),
                ("legal_holds", try line(CasePart("legal_holds", holds.map(CaseLegalHold.init)))),
                ("coverage", try line(CasePart("coverage", try coverage(report, store)))),
                ("audit", auditLine(records)),
            ]
        } catch let error as ReportError { throw error } catch {
            throw ReportError(.internal, "cannot write the evidence package: \(error)")
        }
    }

    /// All reports of an alert, the oldest first, each with what was delivered and to whom.
    private static func reports(
        of opened: QueuedReport, _ store: any CaseStores
    ) throws(ReportError) -> [CaseReport] {
        let filter = ReportFilter(alert: opened.alert?.id)
        var all = try store.reports(matching: filter, limit: mostReports, before: nil)
        if !all.contains(where: { $0.id == opened.id }) { all.append(opened) }
        var reports: [CaseReport] = []
        for report in all.reversed() {
            reports.append(
                CaseReport(
                    report: report, deliveries: try store.deliveries(of: report.id),
                    body: try store.body(of: report.id).map { String(decoding: $0, as: UTF8.self) }
                ))
        }
        return reports
    }

    private static func coverage(
        _ report: QueuedReport, _ store: any CaseStores
    ) throws -> CaseCoverage? {
        guard let id = report.alert?.stream.flatMap({ StreamID($0.id) }) else { return nil }
        let opened = report.createdUnixMilliseconds / 1000
        let over = (report.closedUnixMilliseconds ?? report.updatedUnixMilliseconds) / 1000
        let range = max(0, opened - coverageMargin)..<(over + coverageMargin)
        let minutes = try store.minutes(of: id, in: range, limit: 10_000)
        return CaseCoverage(
            fromUnixS: range.lowerBound, toUnixS: range.upperBound,
            wholeWatch: try store.total(of: id).map(CaseMinute.init),
            minutes: minutes.map(CaseMinute.init))
    }

    private static func auditLine(_ records: [AuditRecord]) -> [UInt8] {
        let list = records.map(\.jsonLine).joined(separator: ",")
        let cut = records.count < AuditLimits.page.upperBound ? "" : #""cut":true,"#
        return Array(#"{\#(cut)"part":"audit","value":[\#(list)]}"#.utf8)
    }

    private static func line(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        return Array(try encoder.encode(value))
    }
}

// MARK: - Checking

/// What a package says of itself.
public struct CaseFindings: Sendable {
    /// The alert that it is about.
    public var alert = ""
    /// When it was made, Unix milliseconds.
    public var madeUnixMilliseconds: Int64 = 0
    /// Key that it is signed with.
    public var key: AuditPublicKey?
    /// Parts that are what the manifest says.
    public var parts: [String] = []
    /// Records of the audit log in it.
    public var records = 0
    /// What is wrong, in order.
    public var problems: [String] = []
}

extension CasePackage {
    /// Whether a file's first bytes are those of a package.
    public static func isBegun(by line: some Collection<UInt8>) -> Bool {
        String(decoding: line.prefix(4096), as: UTF8.self).contains(#""type":"\#(Manifest.kind)""#)
    }

    /// Checks a package.
    /// - Parameter trusted: keys that it may be signed with; empty is any.
    public static func check(
        _ bytes: [UInt8], trusting trusted: [AuditPublicKey] = []
    ) -> CaseFindings {
        var findings = CaseFindings()
        var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            .map { Array($0) }
        guard lines.count > 2, lines.removeLast().isEmpty,
            let manifest = try? Manifest.read(lines[0]),
            manifest.type == Manifest.kind, manifest.format == 1
        else {
            findings.problems.append("line 1: it is no whole evidence package of format 1")
            return findings
        }
        findings.alert = manifest.alertId
        findings.madeUnixMilliseconds = manifest.madeUnixMs
        findings.key = AuditPublicKey(manifest.publicKey)
        findings.checkSignature(lines[0], lines[lines.count - 1], at: lines.count, trusted)
        findings.check(Array(lines[1..<lines.count - 1]), manifest.parts)
        return findings
    }
}

extension CaseFindings {
    fileprivate mutating func checkSignature(
        _ first: [UInt8], _ last: [UInt8], at number: Int, _ trusted: [AuditPublicKey]
    ) {
        guard let signature = CaseSignature.read(last) else {
            return problems.append("line \(number): it holds no signature")
        }
        guard let key, key.isRight(signature, of: CaseSignature.message(first)) else {
            return problems.append(
                "line 1: it is not what was signed, or the signature in line \(number) is wrong")
        }
        guard trusted.isEmpty || trusted.contains(key) else {
            return problems.append("line 1: it is signed with another key: \(key)")
        }
    }

    fileprivate mutating func check(_ lines: [[UInt8]], _ sums: [PartSum]) {
        if lines.count != sums.count {
            problems.append("line 1: it names \(sums.count) parts, but there are \(lines.count)")
        }
        for (place, (line, sum)) in zip(lines, sums).enumerated() {
            guard PartSum(name: sum.name, of: line) == sum else {
                problems.append("line \(place + 2): part \(sum.name) was changed")
                continue
            }
            parts.append(sum.name)
            if sum.name == "audit" { checkRecords(line, at: place + 2) }
        }
    }

    private mutating func checkRecords(_ line: [UInt8], at number: Int) {
        guard let audit = try? JSONDecoder().decode(AuditPart.self, from: Data(line)) else {
            return problems.append("line \(number): its records cannot be read")
        }
        for parts in audit.value {
            records += 1
            guard let record = parts.record, AuditChain.hash(of: record) == record.hash,
                let subject = record.subject, let salt = record.salt,
                AuditChain.subjectDigest(salt: salt, subject: subject) == record.subjectDigest
            else {
                problems.append("line \(number): record \(parts.number) is not as it was recorded")
                continue
            }
        }
    }
}

/// The first line.
private struct Manifest: Codable {
    static let kind = "vigil_case"

    var type: String
    var format: Int
    var alertId: String
    var madeUnixMs: Int64
    var madeBy: String
    var publicKey: String
    var auditNumber: Int64?
    var auditHash: String?
    var parts: [PartSum]

    static func read(_ line: [UInt8]) throws -> Manifest {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(Manifest.self, from: Data(line))
    }
}

/// Length and SHA-256 of a line, without its line feed.
private struct PartSum: Codable, Equatable {
    var name: String
    var bytes: Int
    var sha256: String

    init(name: String, of line: [UInt8]) {
        self.name = name
        bytes = line.count
        sha256 = Hex.text(of: SHA256.hash(data: line))
    }
}

/// The last line.
private enum CaseSignature {
    private static let start = #"{"type":"signature","signature":""#
    private static let end = #""}"#

    static func message(_ manifest: [UInt8]) -> [UInt8] {
        var fields = FieldBytes("vigil.case.v1")
        fields.add(manifest)
        return fields.bytes
    }

    static func line(of signature: [UInt8]) -> [UInt8] {
        Array((start + Hex.text(of: signature) + end).utf8)
    }

    static func read(_ line: [UInt8]) -> [UInt8]? {
        let text = String(decoding: line, as: UTF8.self)
        guard text.hasPrefix(start), text.hasSuffix(end),
            let signature = Hex.bytes(of: text.dropFirst(start.count).dropLast(end.count)),
            Self.line(of: signature) == line
        else { return nil }
        return signature
    }
}

private struct AuditPart: Decodable {
    var value: [LineParts]
}

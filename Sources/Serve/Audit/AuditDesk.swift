// What the service itself puts into the audit log: its beginning and end, what it works with, who
// looked at what, and the signed heads.
//
// A head is signed at the start, each hour and at the end, and is named in the service's log, with
// its number and the first digits of its hash. Where logs are kept on another machine this anchors
// the audit log there. What a killed service had not written, the looks of its last second, is lost.

internal import Foundation
internal import Logging
internal import Report
internal import Synchronization

/// Keeps the audit log of a service.
final class AuditDesk: Sendable {
    private let store: any AuditStore
    private let key: AuditKey
    private let logger: Logger
    private let disk = StoreQueue("vigil.serve.audit")
    private let looks = Mutex(LookLog())
    private let hasFailed = Atomic<Bool>(false)
    private let start = ContinuousClock.now

    /// From one signed head to the next, seconds.
    private static let headSeconds = 3600

    /// Reads the key, or makes it where none is named.
    init(
        _ store: any AuditStore, keyFile: String?, in directory: String, logger: Logger
    ) throws(ReportError) {
        self.store = store
        self.logger = logger
        key = try AuditKey(
            file: keyFile ?? "\(directory)/\(AuditKey.fileName)", createIfMissing: keyFile == nil)
    }

    /// Records that the service begins, and what is not as it was at the last start.
    /// - Parameters:
    ///   - known: the known sets that are compared with.
    ///   - configuration: SHA-256 of the pipeline file, hex.
    func begin(known: [KnownView], configuration: String) async throws {
        logger.notice("the audit log is signed with \(key.publicKey)")
        try await disk.run { [store, key, logger] in
            var entries = [
                AuditEntry(.serviceStarted, detail: ["known_sets": .number(Int64(known.count))])
            ]
            let setting = AuditEntry(
                .configurationChanged, about: "pipeline",
                detail: ["sha256": .text(configuration)])
            let latest = try store.latest(.configurationChanged).first { $0.subject == "pipeline" }
            if latest?.detail != setting.detailText { entries.append(setting) }
            entries += Self.changes(of: known, since: try store.latest(.knownChanged))
            let now = unixMilliseconds()
            try store.append(entries, at: now)
            Self.tell(try store.signHead(with: key, at: now), logger)
        }
    }

    /// What is not as it was of the known sets.
    static func changes(of known: [KnownView], since latest: [AuditRecord]) -> [AuditEntry] {
        func entry(_ name: String, _ detail: [String: AuditValue]) -> AuditEntry {
            AuditEntry(.knownChanged, about: name, detail: detail)
        }
        let now = known.map { set in
            entry(
                set.name,
                ["version": .number(Int64(set.version)), "items": .number(Int64(set.items))])
        }
        let names = Set(known.map(\.name))
        let gone = latest.compactMap(\.subject).filter { !names.contains($0) }
            .map { entry($0, ["removed": true]) }
        return (now + gone).filter { entry in
            !latest.contains { $0.subject == entry.subject && $0.detail == entry.detailText }
        }
    }

    /// Writes looks each second and signs a head each hour, until it is cancelled.
    func run() async {
        var seconds = 0
        while (try? await Task.sleep(for: .seconds(1))) != nil {
            seconds += 1
            await flush()
            if seconds.isMultiple(of: Self.headSeconds) { await sign() }
        }
    }

    /// Records that the service ends, and signs the last head.
    func end() async {
        await flush(all: true)
        do {
            try await disk.run { [store] in
                try store.append([AuditEntry(.serviceEnded)], at: unixMilliseconds())
            }
        } catch { logger.error("the audit log lacks this end of the service: \(error)") }
        await sign()
    }

    /// Notes that a caller looked at something; waits for the disk only where there is no room.
    func looked(at what: String, _ subject: String? = nil, by context: APIContext) async {
        let look = LookLog.Look(actor: context.actor, what: what, subject: subject)
        if looks.withLock({ $0.note(look) }) { return }
        await flush(all: true)
        looks.withLock { looks in
            looks.makeRoom()
            if !looks.note(look) { looks.lose() }
        }
    }

    private func flush(all: Bool = false) async {
        let result: Result<Void, any Error>
        do {
            try await disk.run { [self] in
                let now = (ContinuousClock.now - start) / .seconds(1)
                let due = looks.withLock { $0.due(at: now, all: all) }
                guard !due.isEmpty else { return }
                try store.append(due, at: unixMilliseconds())
                looks.withLock { $0.wrote() }
            }
            result = .success(())
        } catch { result = .failure(error) }
        // Told once, not each second.
        switch result {
        case .failure(let error) where !hasFailed.exchange(true, ordering: .relaxed):
            logger.error("the audit log cannot be written, who looks is kept for now: \(error)")
        case .success where hasFailed.exchange(false, ordering: .relaxed):
            logger.notice("the audit log can be written again")
        default: break
        }
    }

    private func sign() async {
        do {
            try await disk.run { [store, key, logger] in
                Self.tell(try store.signHead(with: key, at: unixMilliseconds()), logger)
            }
        } catch { logger.error("the audit log could not be signed: \(error)") }
    }

    private static func tell(_ head: SignedHead?, _ logger: Logger) {
        guard let head else { return }
        logger.notice("audit head \(head.number) \(Hex.text(of: head.hash.prefix(8)))")
    }
}

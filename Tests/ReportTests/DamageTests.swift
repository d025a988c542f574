// Hard days for the store: killed processes, full disks, damaged files. What was acknowledged is
// there afterwards, or an error says that it cannot be read; nothing fails in silence.

import Foundation
import Match
import Report
import Synchronization
import Testing

@Suite struct DamageTests {
    // MARK: Killed

    /// Files copied from under an open store are what a crash at that moment leaves.
    @Test func reopensWhatACrashLeaves() throws {
        try withDirectory { directory in
            let live = directory + "/live"
            let store = try SQLiteStore(directory: live)
            var reports: [QueuedReport] = []
            for number in 0..<20 {
                reports += try store.open([makeAlert(number)], at: noon + Int64(number))
                let copy = directory + "/copy-\(number)"
                try FileManager.default.copyItem(atPath: live, toPath: copy)
                let revived = try SQLiteStore(directory: copy)
                let found = try revived.reports(matching: .init(), limit: 100, before: nil)
                #expect(found == reports.reversed())
                #expect(try revived.setting("integrity_check") == "ok")
            }
        }
    }

    /// Kills a process that writes as fast as it can, several times on the same database.
    ///
    /// The child has nothing from here but its parent's process id, which names the directory.
    @Test func killedWriterLosesNothing() async throws {
        let directory = Crash.directory(of: getpid())
        defer { try? FileManager.default.removeItem(atPath: directory) }
        for _ in 0..<3 {
            await #expect(processExitsWith: .signal(SIGKILL)) {
                try Crash.writeUntilKilled(Crash.directory(of: getppid()))
            }
            try Crash.check(directory)
        }
    }

    // MARK: Full disk

    @Test(.enabled(if: Tmpfs.isPermitted, "needs the right to mount a tmpfs"))
    func fullDiskKeepsWhatWasAcknowledged() throws {
        try withDirectory { directory in
            try Tmpfs.mounted(directory, kibibytes: 512) {
                let state = directory + "/state"
                var kept: [QueuedReport] = []
                do {
                    let store = try SQLiteStore(directory: state)
                    let error = try reportError {
                        for number in 0..<10_000 {
                            kept += try store.open([makeAlert(number)], at: noon + Int64(number))
                        }
                    }
                    #expect(error.code == .diskFull)
                    #expect(error.message.contains(store.path))
                    #expect(kept.count > 0)
                    try expect(store, holds: kept)
                    let large = makeAlert(30_000, input: String(repeating: "x", count: 300_000))
                    let stuck = try reportError { try store.open([large], at: noon) }
                    #expect(stuck.code == .diskFull)
                    try Tmpfs.resize(directory, kibibytes: 4096)
                    kept += try store.open([makeAlert(20_000)], at: noon + 20_000)
                    try expect(store, holds: kept)
                }
                let reopened = try SQLiteStore(directory: state)
                try expect(reopened, holds: kept)
                #expect(try reopened.setting("integrity_check") == "ok")
            }
        }
    }

    @Test(.enabled(if: Tmpfs.isPermitted, "needs the right to mount a tmpfs"))
    func openingOnAFullDiskSaysSo() throws {
        try withDirectory { directory in
            try Tmpfs.mounted(directory, kibibytes: 1024) {
                let state = directory + "/state"
                let kept = try SQLiteStore(directory: state).open([makeAlert(1)], at: noon)
                let filler = directory + "/filler"
                try fill(filler)
                for path in [state, directory + "/new"] {
                    let error = try reportError {
                        let store = try SQLiteStore(directory: path)
                        _ = try store.open([makeAlert(2)], at: noon)
                    }
                    #expect(error.code == .diskFull, "\(error)")
                }
                try FileManager.default.removeItem(atPath: filler)
                try expect(try SQLiteStore(directory: state), holds: kept)
                _ = try SQLiteStore(directory: directory + "/new").open([makeAlert(2)], at: 0)
            }
        }
    }

    private func fill(_ path: String) throws {
        let descriptor = open(path, O_CREAT | O_WRONLY, 0o600)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        for size in [4096, 1] {
            let bytes = [UInt8](repeating: 0, count: size)
            while write(descriptor, bytes, size) == size {}
        }
    }

    private func expect(_ store: SQLiteStore, holds reports: [QueuedReport]) throws {
        #expect(
            try store.reports(matching: .init(), limit: 10_000, before: nil) == reports.reversed())
    }

    // MARK: Damaged files

    @Test func overwrittenHeaderIsCorrupt() throws {
        for byte: UInt8 in [0, 0x41, 0xff] {
            try withDamaged(from: { _ in 0 }, count: 100, byte: byte) { directory in
                for readOnly in [false, true] {
                    let error = try reportError {
                        try SQLiteStore(directory: directory, readOnly: readOnly)
                    }
                    #expect(error.code == .corrupt, "\(error)")
                }
            }
        }
    }

    @Test func overwrittenPagesAreCorrupt() throws {
        for byte: UInt8 in [0, 0x41, 0xff] {
            try withDamaged(from: { $0 / 8192 * 4096 }, count: 40 * 4096, byte: byte) { directory in
                let store = try SQLiteStore(directory: directory)
                let error = try reportError {
                    _ = try store.reports(matching: .init(), limit: 10_000, before: nil)
                }
                #expect(error.code == .corrupt, "\(error)")
                #expect(error.message.contains(store.path))
            }
        }
    }

    @Test func cutOffFileIsCorrupt() throws {
        try withDamaged(from: { $0 }, count: 0, byte: 0) { directory in
            let path = directory + "/vigil.sqlite"
            let size = try #require(try FileManager.default.attributesOfItem(atPath: path)[.size])
            truncate(path, off_t((size as? Int ?? 0) / 2))
            let error = try reportError {
                let store = try SQLiteStore(directory: directory)
                _ = try store.reports(matching: .init(), limit: 10_000, before: nil)
            }
            #expect(error.code == .corrupt, "\(error)")
        }
    }

    /// Makes a database of 1000 reports, closes it and overwrites `count` bytes of it.
    private func withDamaged(
        from start: (Int) -> Int, count: Int, byte: UInt8, _ body: (String) throws -> Void
    ) throws {
        try withDirectory { directory in
            let path: String
            do {
                let store = try SQLiteStore(directory: directory)
                _ = try store.open((0..<1000).map { makeAlert($0) }, at: noon)
                path = store.path
            }
            try #require(!FileManager.default.fileExists(atPath: path + "-wal"))
            var data = try Data(contentsOf: URL(fileURLWithPath: path))
            let first = start(data.count)
            let range = first..<min(first + count, data.count)
            data.replaceSubrange(range, with: Data(repeating: byte, count: range.count))
            try data.write(to: URL(fileURLWithPath: path))
            try body(directory)
        }
    }
}

/// The process that is killed, and what must be true afterwards.
private enum Crash {
    static func directory(of process: pid_t) -> String {
        NSTemporaryDirectory() + "vigil-report-crash-\(process)"
    }

    private static func log(_ directory: String) -> String { directory + "/acknowledged" }

    static func writeUntilKilled(_ directory: String) throws {
        let store = try SQLiteStore(directory: directory)
        let log = open(log(directory), O_CREAT | O_WRONLY | O_APPEND, 0o600)
        let acknowledged = Acknowledged()
        Thread.detachNewThread {
            while acknowledged.count.load(ordering: .relaxed) < 40 { usleep(50) }
            kill(getpid(), SIGKILL)
        }
        let start = try store.counts()[.queued] ?? 0
        for number in 0... {
            let alerts = (0..<3).map { makeAlert(start + number * 3 + $0) }
            let reports = try store.open(alerts, at: noon)
            let lines = reports.map { "\($0.id)\n" }.joined()
            _ = lines.withCString { write(log, $0, strlen($0)) }
            acknowledged.count.add(1, ordering: .relaxed)
        }
    }

    static func check(_ directory: String) throws {
        let text = try String(contentsOfFile: log(directory), encoding: .utf8)
        let store = try SQLiteStore(directory: directory)
        let reports = try store.reports(matching: .init(), limit: 10_000, before: nil)
        let acknowledged = try text.split(separator: "\n").map { try #require(AlertID($0)) }
        #expect(acknowledged.count >= 120)
        #expect(Set(acknowledged).isSubset(of: reports.map(\.id)))
        #expect(reports.count.isMultiple(of: 3))
        #expect(try store.setting("integrity_check") == "ok")
        #expect(try store.setting("foreign_key_check") == nil)
        let audit = try verified(store)
        #expect(audit.isGood && audit.records == reports.count, "\(audit.problems)")
    }
}

private final class Acknowledged: Sendable {
    let count = Atomic(0)
}

// What is particular to the SQLite store: its files and their modes, its settings, its indexes,
// several stores on one directory, and refusing what it cannot read.
//
// GRDB is used here only to look at a database from outside, as another program would: to forge a
// future migration and to ask for the plans of queries that delivery will make. Every test works
// in a directory of its own, which is gone afterwards.

import Foundation
import GRDB
import Match
import Report
import Testing

@Suite struct SQLiteStoreTests {
    @Test(arguments: StoreConformance.allCases)
    func conforms(_ promise: StoreConformance) throws {
        try withDirectory { try promise.check(SQLiteStore(directory: $0)) }
    }

    @Test(arguments: LiveStoreConformance.allCases)
    func conforms(_ promise: LiveStoreConformance) throws {
        try withDirectory { try promise.check(SQLiteStore(directory: $0)) }
    }

    @Test(arguments: DeliveryConformance.allCases)
    func conforms(_ promise: DeliveryConformance) throws {
        try withDirectory { try promise.check(SQLiteStore(directory: $0)) }
    }

    @Test(arguments: DeliveryConformance.allCases)
    func conformsWhereBodiesAreMadeAtOnce(_ promise: DeliveryConformance) throws {
        try withDirectory {
            try promise.check(SQLiteStore(directory: $0, composer: testComposer))
        }
    }

    @Test(arguments: AuditStoreConformance.allCases)
    func conforms(_ promise: AuditStoreConformance) throws {
        try withDirectory { try promise.check(SQLiteStore(directory: $0)) }
    }

    @Test func connectionIsDurable() throws {
        try withDirectory { directory in
            let store = try SQLiteStore(directory: directory)
            #expect(try store.setting("journal_mode") == "wal")
            #expect(try store.setting("synchronous") == "2")
            #expect(try store.setting("foreign_keys") == "1")
            _ = try store.open([makeAlert(1)], at: noon)
            let again = try SQLiteStore(directory: directory)
            #expect(try again.setting("journal_mode") == "wal")
            #expect(try again.setting("synchronous") == "2")
        }
    }

    /// The alerts of a canary, one a minute, would say nothing and drown the rest.
    @Test func testAlertsLeaveNoAuditRecord() throws {
        try withDirectory { directory in
            let store = try SQLiteStore(directory: directory, unaudited: ["birds"])
            _ = try store.open([makeAlert(1)], at: noon)
            try store.add(AlertStep(.detected, at: noon), to: makeID(1))
            try store.update(makeAlert(1), closed: true, at: noon)
            try store.removeAlerts(ofSet: "birds")
            #expect(try store.head() == nil)
            _ = try store.open([makeAlert(2, set: "trees")], at: noon)
            #expect(try store.head()?.number == 1)
        }
    }

    @Test func filesArePrivate() throws {
        try withDirectory { directory in
            let state = directory + "/deep/er/state"
            let store = try SQLiteStore(directory: state + "/")
            #expect(store.path == state + "/vigil.sqlite")
            _ = try store.open([makeAlert(1)], at: noon)
            for directory in [directory + "/deep", directory + "/deep/er", state] {
                #expect(try mode(of: directory) == 0o700)
            }
            for suffix in ["", "-wal", "-shm"] {
                #expect(try mode(of: store.path + suffix) == 0o600)
            }
            let names = try FileManager.default.contentsOfDirectory(atPath: state)
            #expect(names.count == 3)
        }
    }

    @Test func everyListingReadsAnIndexAndStops() throws {
        try withDirectory { directory in
            let store = try SQLiteStore(directory: directory)
            _ = try store.open((0..<200).map { makeAlert($0) }, at: noon)
            for bits in 0..<128 {
                func chosen<Value>(_ bit: Int, _ value: Value) -> Value? {
                    bits >> bit & 1 == 1 ? value : nil
                }
                let filter = ReportFilter(
                    state: chosen(0, .queued), set: chosen(1, "birds"), input: chosen(2, "a"),
                    event: chosen(6, "alert.opened"), since: chosen(3, noon),
                    until: chosen(4, noon + 1))
                let plan = try store.queryPlan(filter, before: chosen(5, makeID(1)))
                #expect(plan.count == 2, "\(plan)")
                #expect(plan.allSatisfy { $0.hasPrefix("SEARCH") }, "\(plan)")
                let indexes = [1: "reports_state", 2: "reports_set", 4: "reports_input"]
                if bits < 64, let index = indexes[bits & 7] { #expect(plan[0].contains(index)) }
                #expect(plan[0].contains("id>? AND id<?"), "\(plan)")
            }
        }
    }

    @Test func dueRetriesHaveAnIndex() throws {
        try withDirectory { directory in
            let path = try SQLiteStore(directory: directory).path
            let queries = [
                "deliveries WHERE endpoint = 'a' AND due_ms <= 5 ORDER BY due_ms, report_id",
                "reports WHERE is_routed = 0 ORDER BY id",
                "deliveries WHERE state = 'delivering'",
            ]
            let plans = try DatabaseQueue(path: path).read { database in
                try queries.map { query in
                    let sql = "EXPLAIN QUERY PLAN SELECT * FROM \(query) LIMIT 5"
                    return try Row.fetchAll(database, sql: sql).map { $0["detail"] as String }
                }
            }
            #expect(plans.allSatisfy { $0.count == 1 }, "\(plans)")
            let indexes = ["deliveries_due", "reports_unrouted", "deliveries_under_way"]
            for (plan, index) in zip(plans, indexes) { #expect(plan[0].contains(index), "\(plan)") }
        }
    }

    @Test func readOnlyReadsAndRefusesToWrite() throws {
        try withDirectory { directory in
            let missing = directory + "/none"
            let error = try reportError {
                try SQLiteStore(directory: missing, readOnly: true)
            }
            #expect(error.code == .noDatabase)
            #expect(error.message.hasPrefix("no reports yet at \(missing)/vigil.sqlite"))
            #expect(!FileManager.default.fileExists(atPath: missing))
            // What a crash between making the file and making the tables leaves.
            try Data().write(to: URL(fileURLWithPath: directory + "/vigil.sqlite"))
            let empty = try reportError {
                try SQLiteStore(directory: directory, readOnly: true)
            }
            #expect(empty.code == .noDatabase)

            let reports = try SQLiteStore(directory: directory).open([makeAlert(1)], at: noon)
            let reader = try SQLiteStore(directory: directory, readOnly: true)
            #expect(try reader.reports(matching: .init(), limit: 9, before: nil) == reports)
            let refused = try reportError { try reader.open([makeAlert(2)], at: noon) }
            #expect(refused.code == .readOnly)
            #expect(refused.message.contains(reader.path))
        }
    }

    @Test func readerSeesWhatAWriterAdds() throws {
        try withDirectory { directory in
            let writer = try SQLiteStore(directory: directory)
            let reader = try SQLiteStore(directory: directory, readOnly: true)
            for number in 1...5 {
                _ = try writer.open([makeAlert(number)], at: noon)
                #expect(try reader.counts()[.queued] == number)
            }
        }
    }

    @Test func pathsThatCannotBeAStateDirectory() throws {
        try withDirectory { directory in
            let file = directory + "/file"
            try Data([1]).write(to: URL(fileURLWithPath: file))
            try FileManager.default.createDirectory(
                atPath: directory + "/odd/vigil.sqlite", withIntermediateDirectories: true)
            for path in [file, file + "/below", directory + "/odd"] {
                for readOnly in [false, true] {
                    let error = try reportError {
                        try SQLiteStore(directory: path, readOnly: readOnly)
                    }
                    #expect(error.code == .cannotOpen, "\(error)")
                    #expect(error.message.contains(path))
                }
            }
        }
    }

    @Test func databaseFromTheFutureIsRefused() throws {
        try withDirectory { directory in
            let path = try SQLiteStore(directory: directory).path
            try DatabaseQueue(path: path).write {
                try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('v999')")
            }
            for readOnly in [false, true] {
                let error = try reportError {
                    try SQLiteStore(directory: directory, readOnly: readOnly)
                }
                #expect(error.code == .newerSchema && error.message.contains("newer Vigil"))
            }
        }
    }

    @Test func schemaAges() {
        func age(_ applied: Set<String>) -> SQLiteSchema.Age {
            SQLiteSchema.Age(applied: applied, known: ["v1", "v2"])
        }
        #expect(age([]) == .empty && age(["v1"]) == .older && age(["v1", "v2"]) == .current)
        #expect(age(["v3"]) == .newer && age(["v1", "v2", "v3"]) == .newer)
    }

    /// Threads stand for processes: SQLite keeps two connections apart in either case.
    @Test func writersShareADirectory() throws {
        try withDirectory { directory in
            let failures = Failures()
            DispatchQueue.concurrentPerform(iterations: 4) { writer in
                do {
                    let store = try SQLiteStore(directory: directory + "/new")
                    for number in 0..<25 {
                        let alerts = (0..<2).map { makeAlert(writer * 100 + number * 2 + $0) }
                        let reports = try store.open(alerts, at: noon)
                        try store.update(alerts[0], closed: true, at: noon + 1)
                        _ = try store.apply(
                            .started, to: reports[1].id, at: noon + 1, error: nil, nextAttempt: nil)
                    }
                } catch { failures.add("\(error)") }
            }
            #expect(failures.all.isEmpty, "\(failures.all)")
            let store = try SQLiteStore(directory: directory + "/new", readOnly: true)
            let counts = try store.counts()
            #expect(counts[.queued] == 200 && counts[.delivering] == 100)
            let audit = try verified(store)
            #expect(audit.isGood && audit.records == 300, "\(audit.problems)")
        }
    }

    /// Of many workers that want the same report, one gets it.
    @Test func onlyOneWorkerTakesAReport() throws {
        try withDirectory { directory in
            let store = try SQLiteStore(directory: directory)
            let id = try store.open([makeAlert(1)], at: noon)[0].id
            let failures = Failures()
            DispatchQueue.concurrentPerform(iterations: 8) { _ in
                do {
                    let store = try SQLiteStore(directory: directory)
                    _ = try store.apply(.started, to: id, at: noon, error: nil, nextAttempt: nil)
                } catch let error as ReportError {
                    failures.add(error.code.rawValue)
                } catch { failures.add("\(error)") }
            }
            #expect(failures.all == Array(repeating: "forbidden_transition", count: 7))
        }
    }

    @Test func defaultDirectories() {
        func directory(_ environment: [String: String]) -> String {
            SQLiteStore.defaultDirectory(environment: environment)
        }
        #expect(directory(["XDG_STATE_HOME": "/s", "HOME": "/h"]) == "/s/vigil")
        #expect(directory(["XDG_STATE_HOME": "", "HOME": "/h"]) == "/h/.local/state/vigil")
        #expect(directory(["XDG_STATE_HOME": "s", "HOME": "/h"]) == "/h/.local/state/vigil")
        #expect(directory([:]) == "/var/lib/vigil")
    }

    @Test func outputFieldsAreStable() throws {
        let report = try withDirectory {
            try SQLiteStore(directory: $0).open([makeAlert(1)], at: noon)[0]
        }
        let data = try JSONEncoder().encode(report)
        let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        #expect(
            Set(object.keys) == [
                "report_id", "event", "subject", "alert", "state", "attempts", "created_unix_ms",
                "updated_unix_ms",
            ])
        #expect(try JSONDecoder().decode(QueuedReport.self, from: data) == report)
    }
}

/// Collects what went wrong on several threads.
final class Failures: @unchecked Sendable {
    // Sound: `lines` is only touched while `lock` is held.
    private let lock = NSLock()
    private var lines: [String] = []

    func add(_ line: String) { lock.withLock { lines.append(line) } }
    var all: [String] { lock.withLock { lines } }
}

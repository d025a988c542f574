// Who looked at what, before it is written: nothing is lost uncounted, and nothing grows for ever.

import Report
import Serve
import Testing

/// A log that expectations can change.
private final class Looks {
    private var log: LookLog

    init(most: Int = 100) { log = LookLog(most: most) }

    func note(_ number: Int) -> Bool {
        log.note(LookLog.Look(actor: "token:a", what: "alert", subject: "\(number)"))
    }

    func due(at seconds: Double, all: Bool = false) -> [AuditEntry] {
        log.due(at: seconds, all: all)
    }

    func wrote() { log.wrote() }
    func lose() { log.lose() }
    func makeRoom() { log.makeRoom() }
}

@Suite struct LookLogTests {

    private func times(_ entries: [AuditEntry]) -> [AuditValue?] {
        entries.map { $0.detail["times"] }
    }

    @Test func theFirstLookIsDueAtOnceAndRepeatsTogether() {
        let log = Looks()
        #expect(log.note(1))
        #expect(times(log.due(at: 0)) == [1])
        log.wrote()
        for _ in 0..<5 { #expect(log.note(1)) }
        #expect(log.due(at: 59).isEmpty)
        #expect(times(log.due(at: 60)) == [5])
        log.wrote()
        #expect(log.due(at: 200).isEmpty)
        #expect(log.note(1))
        #expect(times(log.due(at: 201)) == [1])
    }

    @Test func whatWasNotWrittenIsHandedOutAgain() {
        let log = Looks()
        #expect(log.note(1))
        let first = log.due(at: 0)
        #expect(log.note(2))
        let second = log.due(at: 1)
        #expect(second.count == 2 && second.first == first.first)
        log.wrote()
        #expect(log.due(at: 2).isEmpty)
    }

    @Test func atTheEndAllIsDue() {
        let log = Looks()
        #expect(log.note(1))
        _ = log.due(at: 0)
        log.wrote()
        #expect(log.note(1))
        #expect(times(log.due(at: 1, all: true)) == [1])
    }

    @Test func itIsBoundedAndCountsWhatIsLost() {
        let log = Looks(most: 3)
        for number in 0..<3 { #expect(log.note(number)) }
        #expect(!log.note(3))
        #expect(log.note(2), "what is there is still counted")
        // The disk takes nothing: there is room once, then no more.
        #expect(log.due(at: 0).count == 3)
        log.makeRoom()
        for number in 3..<6 { #expect(log.note(number)) }
        #expect(log.due(at: 1).count == 3)
        log.makeRoom()
        #expect(!log.note(6))
        log.lose()
        let due = log.due(at: 2)
        #expect(due.last?.detail["what"] == "looks_lost" && due.last?.detail["times"] == 1)
        log.lose()
        log.wrote()
        #expect(log.due(at: 3).last?.detail["times"] == 1, "lost while it was written")
    }
}

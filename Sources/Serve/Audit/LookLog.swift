// Who looked at what, until it is in the audit log: counted in memory, so that not every request
// waits for the disk, and written within a second.
//
// The first look of a caller at a thing is due at once; further ones within a minute are counted
// and recorded together, so that a page that asks every second does not fill the log. Invariants:
// bounded; what does not fit is counted, and the count is recorded. Pure: times come with calls.

package import Report

/// Looks that are not recorded yet.
package struct LookLog: Sendable {
    /// Somebody looked at something.
    package struct Look: Hashable, Sendable {
        var actor: String
        var what: String
        var subject: String?

        package init(actor: String, what: String, subject: String?) {
            self.actor = actor
            self.what = what
            self.subject = subject
        }
    }

    private struct Count {
        var times = 0
        /// When it was recorded last, seconds of a clock that nobody sets.
        var recorded: Double?
    }

    /// Most looks that differ, and most that wait to be written.
    package let most: Int
    private var counts: [Look: Count] = [:]
    private var unwritten: [AuditEntry] = []
    private var lost = 0
    /// How many of the lost ones are being written.
    private var lostDue = 0

    /// How long looks at the same thing are counted together, seconds.
    package static let together = 60.0

    package init(most: Int = 4096) { self.most = most }

    /// Notes a look.
    /// - Returns: whether there was room; if not, it is for the caller to make room, or to give up.
    package mutating func note(_ look: Look) -> Bool {
        guard counts[look] != nil || counts.count < most else { return false }
        counts[look, default: Count()].times += 1
        return true
    }

    /// Counts a look for which there was no room.
    package mutating func lose() { lost += 1 }

    /// What is to be written now; it is handed out again until `wrote` is told that it was.
    /// - Parameter all: whether also what could wait.
    package mutating func due(at seconds: Double, all: Bool = false) -> [AuditEntry] {
        for (look, count) in counts where unwritten.count < most {
            let isOver = all || seconds - (count.recorded ?? -.infinity) >= Self.together
            guard isOver else { continue }
            if count.times > 0 {
                unwritten.append(Self.entry(look, times: count.times))
                counts[look] = Count(recorded: seconds)
            } else {
                counts[look] = nil
            }
        }
        lostDue = lost
        guard lost > 0 else { return unwritten }
        let entry = AuditEntry(
            .lookedAt, detail: ["what": "looks_lost", "times": .number(Int64(lost))])
        return unwritten + [entry]
    }

    /// Forgets what was written.
    package mutating func wrote() {
        unwritten.removeAll()
        lost -= lostDue
        lostDue = 0
    }

    /// Forgets what was recorded already, to make room.
    package mutating func makeRoom() { counts = counts.filter { $0.value.times > 0 } }

    private static func entry(_ look: Look, times: Int) -> AuditEntry {
        AuditEntry(
            .lookedAt, by: look.actor, about: look.subject,
            detail: ["what": .text(look.what), "times": .number(Int64(times))])
    }
}

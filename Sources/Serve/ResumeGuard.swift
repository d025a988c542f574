// Which streams are not read at once after the service fell (crashed, was killed), and when they are: so
// that an input that fells it does so a few times and not for ever, and hides no other stream.
//
// One that was in hand when the service fell is read again later, alone for a while: on probation. If the
// service falls with it again it is held back, for ten minutes, an hour, six hours, and tried again alone
// each time, for ever: a publisher must not hide by crashing. An operator may release it. What one did
// is remembered for a day, so that a while of good conduct does not clear it. Where nobody
// is suspected, a kill by hand, a loss of power or a machine out of memory, all are read again, only more
// slowly from fall to fall. A pure value: what it decides is done, and written before it is done, by the
// desk; times come with the calls.

internal import Foundation
package import Report
package import Run

/// Decides for all streams of the service.
package struct ResumeGuard: Sendable {
    /// Whether a stream is read now.
    package enum Stand: Sendable, Hashable {
        /// At once.
        case free
        /// Not before a time, Unix milliseconds, and why.
        case later(Int64, why: String)
    }

    /// What is to be done, and first to be written.
    package struct Step: Sendable, Hashable {
        /// Streams that are to be read now.
        package var begun: [StreamID] = []
        /// What is to be remembered, and what is not any more.
        package var changed: [StreamSuspicion] = []
        package var forgotten: [String] = []

        /// Nothing is to be done, or so much.
        package init(changed: [StreamSuspicion] = []) { self.changed = changed }
    }

    private struct Entry: Sendable {
        var suspicion: StreamSuspicion
        /// The watch that waits.
        var waiting: StreamID?
        /// Since when it is read on probation in this run.
        var begun: Int64?
    }

    /// How long one is not read that the service fell with, by how sure it is that it did it and how
    /// often; milliseconds.
    private static let pauses: [Int64] = [3_000, 10_000, 600_000, 3_600_000, 21_600_000]
    /// From this pause on it is held back, which is told to people.
    private static let heldBack: Int64 = 600_000
    /// How long one is read alone before the next, and how long its probation is after the first fall.
    private static let alone: Int64 = 30_000, probation: Int64 = 60_000
    private static let longestProbation: Int64 = 3_600_000
    /// When a fall counts no more.
    private static let memory: Int64 = 86_400_000
    /// A picture that was looked at for so long when the service was last seen alive, and a reader that
    /// took so much of a processor, are no ordinary ones.
    private static let longLook = 0.2, busyReader = 0.5
    /// More suspects are none: it is the machine then.
    private static let mostSuspects = 8

    private var entries: [String: Entry] = [:]
    private var lastBegun: Int64?

    /// Suspects nobody.
    package init() {}

    /// Whether nobody is.
    package var isIdle: Bool { entries.isEmpty }

    /// From one stream that is connected to to the next after so many falls in a row, seconds.
    package static func spacing(afterFalls falls: Int) -> Double {
        min(0.05, LiveRun.usualSpacing * Double(1 << min(max(0, falls), 10)))
    }

    /// Streams that may have felled the service, and whether that is known.
    package static func suspects(
        in remains: JournalRemains
    ) -> (streams: [StreamID], isCertain: Bool) {
        guard remains.end == .fell else { return ([], false) }
        if let crashed = remains.crashed { return ([crashed.stream], true) }
        let streams = Set(
            remains.acts.filter { $0.isLooking ? $0.lasted >= longLook : $0.busy >= busyReader }
                .map(\.stream))
        return (streams.count <= mostSuspects ? streams.sorted() : [], false)
    }

    // MARK: - After a start

    /// Takes in how the last run ended, before any stream is read.
    /// - Parameters:
    ///   - suspicions: what is remembered.
    ///   - suspects: keys of the suspects that are still watched.
    /// - Returns: what is to be written.
    package mutating func begin(
        _ suspicions: [StreamSuspicion], after remains: JournalRemains,
        suspects: (keys: [String], isCertain: Bool), at now: Int64
    ) -> Step {
        var step = Step()
        for var suspicion in suspicions {
            guard now - suspicion.fellUnixMilliseconds < Self.memory else {
                step.forgotten.append(suspicion.key)
                continue
            }
            let wasOnProbation = suspicion.isOnProbation
            suspicion.isOnProbation = false
            // A clock that was set back must not make it wait for longer.
            let latest = now + Self.pauses[Self.pauses.count - 1]
            suspicion.nextUnixMilliseconds = min(suspicion.nextUnixMilliseconds, latest)
            // After an end in order nobody waits for what may have been chance.
            if remains.end == .orderly, suspicion.falls == 1 { suspicion.stands() }
            entries[suspicion.key] = Entry(suspicion: suspicion)
            if wasOnProbation, remains.end == .fell, suspects.keys.isEmpty {
                step.changed.append(fell(suspicion.key, isCertain: true, remains.signal, at: now))
            } else if wasOnProbation, suspects.keys.contains(suspicion.key) {
                step.changed.append(fell(suspicion.key, isCertain: true, remains.signal, at: now))
            } else if wasOnProbation {
                step.changed.append(suspicion)
            }
        }
        let told = Set(step.changed.map(\.key))
        for key in suspects.keys where !told.contains(key) {
            step.changed.append(
                fell(key, isCertain: suspects.isCertain, remains.signal, at: now))
        }
        return step
    }

    private mutating func fell(
        _ key: String, isCertain: Bool, _ signal: Int?, at now: Int64
    ) -> StreamSuspicion {
        let falls = (entries[key]?.suspicion.falls ?? 0) + 1
        let pause = Self.pauses[min(falls - 1 + (isCertain ? 1 : 0), Self.pauses.count - 1)]
        let how = signal.map { "crashed (signal \($0))" } ?? "was killed"
        let times = falls == 1 ? "once" : "\(falls) times in all"
        let suspicion = StreamSuspicion(
            key: key, falls: falls, fellUnixMilliseconds: now, nextUnixMilliseconds: now + pause,
            reason: "the service \(how) while it worked on this stream, \(times)")
        entries[key] = Entry(suspicion: suspicion, waiting: entries[key]?.waiting)
        return suspicion
    }

    // MARK: - While it runs

    /// Asks for a stream whose watch begins or is resumed.
    package mutating func stand(of key: String, _ stream: StreamID, at now: Int64) -> Stand {
        guard let entry = entries[key] else { return .free }
        if entry.begun != nil || entry.suspicion.hasStood { return .free }
        entries[key]?.waiting = stream
        let next = max(now, entry.suspicion.nextUnixMilliseconds)
        return .later(next, why: Self.text(entry.suspicion))
    }

    private static func text(_ suspicion: StreamSuspicion) -> String {
        isHeldBack(suspicion)
            ? "held back: \(suspicion.reason); it is tried again by itself, or once an operator asks "
                + "for its url again"
            : "\(suspicion.reason); it is read again in a moment, alone"
    }

    /// Whether one waits for so long that people are told.
    package static func isHeldBack(_ suspicion: StreamSuspicion) -> Bool {
        suspicion.nextUnixMilliseconds - suspicion.fellUnixMilliseconds >= heldBack
    }

    /// What is remembered of a stream that waits.
    package func suspicion(of key: String) -> StreamSuspicion? { entries[key]?.suspicion }

    /// Says what is due: one stream at a time, and those that have stood their probation.
    package mutating func step(at now: Int64) -> Step {
        var step = Step()
        for (key, entry) in entries {
            if entry.waiting == nil, now - entry.suspicion.fellUnixMilliseconds >= Self.memory {
                entries[key] = nil
                step.forgotten.append(key)
            } else if let begun = entry.begun, entry.suspicion.isOnProbation {
                let doublings = min(entry.suspicion.falls - 1, 10)
                let time = min(Self.longestProbation, Self.probation << Int64(doublings))
                guard now - begun >= time else { continue }
                entries[key]?.suspicion.stands()
                step.changed += entries[key].map { [$0.suspicion] } ?? []
            }
        }
        if let last = lastBegun, now >= last, now - last < Self.alone { return step }
        let due = entries.values.filter {
            $0.waiting != nil && $0.begun == nil && $0.suspicion.nextUnixMilliseconds <= now
        }.min {
            ($0.suspicion.fellUnixMilliseconds, $0.suspicion.key)
                < ($1.suspicion.fellUnixMilliseconds, $1.suspicion.key)
        }
        if let due, let stream = due.waiting, let changed = release(due.suspicion.key, at: now) {
            step.begun = [stream]
            step.changed.append(changed)
        }
        return step
    }

    /// Begins the probation of a stream now.
    /// - Returns: what is to be written; `nil` where nothing is remembered of it, or it is read.
    package mutating func release(_ key: String, at now: Int64) -> StreamSuspicion? {
        guard var entry = entries[key], entry.begun == nil else { return nil }
        entry.begun = now
        entry.waiting = nil
        entry.suspicion.isOnProbation = true
        entries[key] = entry
        lastBegun = now
        return entry.suspicion
    }

    /// A watch is over: its stream neither waits nor is it on probation.
    /// - Returns: what is to be written, if anything.
    package mutating func ended(_ key: String) -> StreamSuspicion? {
        guard var entry = entries[key] else { return nil }
        let wasOnProbation = entry.suspicion.isOnProbation
        (entry.waiting, entry.begun, entry.suspicion.isOnProbation) = (nil, nil, false)
        entries[key] = entry
        return wasOnProbation ? entry.suspicion : nil
    }

    /// The service ends in order: nobody is on probation any more.
    /// - Returns: what is to be written.
    package mutating func endAll() -> [StreamSuspicion] {
        entries.keys.sorted().compactMap { ended($0) }
    }
}

extension StreamSuspicion {
    /// Whether it has stood its probation; what it did is remembered all the same.
    fileprivate var hasStood: Bool { nextUnixMilliseconds <= fellUnixMilliseconds }

    fileprivate mutating func stands() {
        nextUnixMilliseconds = fellUnixMilliseconds
        isOnProbation = false
    }
}

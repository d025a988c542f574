// The course of stopping one stream because of one alert: a state machine that performs nothing.
//
// What happened goes in with its time, what is to be done comes out. Times are Unix milliseconds of
// a clock that does not jump; one that goes back is taken to stand still.
//
// Invariants:
// - the request is recorded before anything is asked of the server, so that a service that was
//   killed takes it up again;
// - one thing at a time is under way: after `drop` or `check` its outcome comes before the next one;
// - it is gone when it was seen gone twice, a second apart, or once after the server's hook said so:
//   the hook alone may speak of somebody who was turned away while another goes on publishing;
// - under a hold nothing is dropped or denied;
// - it ends: with confirmation, or five minutes after it was first asked for, handed to a person;
// - it records fewer steps than a store keeps.

public import Report

/// The course of stopping one stream.
public struct StopProcess: Sendable {
    /// How long and how often is tried; milliseconds.
    public struct Limits: Sendable, Hashable {
        /// After how long it is given up.
        public var total: Int64
        /// Pause before the second try; each later one is twice as long.
        public var firstPause: Int64
        /// Longest pause between tries.
        public var longestPause: Int64
        /// Pause between looks whether it is gone.
        public var look: Int64
        /// How long a drop that the server accepted may take before it is asked for again.
        public var patience: Int64
        /// How far apart two sights of nothing have to be.
        public var apart: Int64

        /// Makes limits; the defaults fit media servers nearby.
        public init(
            total: Int64 = 300_000, firstPause: Int64 = 250, longestPause: Int64 = 15_000,
            look: Int64 = 250, patience: Int64 = 1500, apart: Int64 = 1000
        ) {
            self.total = total
            self.firstPause = firstPause
            self.longestPause = longestPause
            self.look = look
            self.patience = patience
            self.apart = apart
        }
    }

    /// What is to be done.
    public enum Action: Sendable, Hashable {
        /// Add a step to the alert.
        case record(AlertStep)
        /// Deny the place to everybody for a time.
        case deny
        /// Lift that denial.
        case lift
        /// Ask the server to drop the stream, then say `dropped` or `dropFailed`.
        case drop
        /// Look whether it is still there, then say `looked` or `lookFailed`.
        case check
        /// Hand it to a person: it could not be stopped, or not be seen to be.
        case giveUp
    }

    /// Where it stands.
    public enum Phase: Sendable, Hashable {
        /// Not begun.
        case idle
        /// Not to be stopped for now.
        case held
        /// The server was asked; its answer is awaited.
        case dropping
        /// It is being looked whether it is gone; what was seen is awaited.
        case checking
        /// Nothing is under way; `wakeAt` says when to go on.
        case waiting
        /// Confirmed gone.
        case gone
        /// Given up.
        case givenUp
    }

    private enum Next: Sendable { case drop, check }

    /// Most failures, refusals and repeated requests that are recorded each.
    static let mostOfAKind = 40

    private let limits: Limits
    /// Where it stands.
    public private(set) var phase = Phase.idle
    /// When `tick` is to be called; `nil` where nothing is waited for.
    public private(set) var wakeAt: Int64?
    private var next = Next.drop
    private var now = Int64.min
    private var deadline: Int64?
    private var tries = 0
    private var droppedAt: Int64?
    private var goneSince: Int64?
    private var nothingSince: Int64?
    private var retryAt: Int64?
    private var hasWord = false
    private var isDenied = false
    private var recorded: [AlertStep.Kind: Int] = [:]
    private var lastTrouble = ""

    /// Makes a process that has not begun.
    public init(limits: Limits = Limits()) { self.limits = limits }

    /// Whether it has ended.
    public var isFinished: Bool { phase == .gone || phase == .givenUp }

    // MARK: - Beginning

    /// The evidence became sufficient.
    public mutating func begin(isHeld: Bool, at time: Int64) -> [Action] {
        guard phase == .idle else { return [] }
        advance(time)
        let detected = record(.detected)
        return detected + (isHeld ? hold(detail: "") : request())
    }

    /// Takes up what a service that was killed had begun; its time begins anew.
    /// - Parameter steps: what is recorded of the alert.
    /// - Returns: nothing where no stop was called for, or it was finished.
    public mutating func resume(
        _ steps: [AlertStep], isHeld: Bool, at time: Int64
    ) -> [Action] {
        let begun: Set<AlertStep.Kind> = [.detected, .held, .stopRequested]
        guard phase == .idle, steps.contains(where: { begun.contains($0.kind) }) else {
            return []
        }
        advance(time)
        for step in steps { recorded[step.kind, default: 0] += 1 }
        if steps.contains(where: { $0.kind == .confirmedGone || $0.kind == .endedByItself }) {
            phase = .gone
            return []
        }
        if steps.contains(where: { $0.kind == .stopGivenUp }) {
            phase = .givenUp
            return []
        }
        isDenied = steps.contains { $0.kind == .stopRequested }
        return isHeld ? hold(detail: "taken up again after a restart") : request()
    }

    /// An authority asked not to stop it.
    public mutating func held(at time: Int64) -> [Action] {
        guard !isFinished, phase != .held, phase != .idle else { return [] }
        advance(time)
        return hold(detail: "")
    }

    /// The hold has ended; its time begins anew.
    public mutating func holdEnded(at time: Int64) -> [Action] {
        guard phase == .held else { return [] }
        advance(time)
        return request()
    }

    private mutating func hold(detail: String) -> [Action] {
        phase = .held
        wakeAt = nil
        let lift: [Action] = isDenied ? [.lift] : []
        isDenied = false
        return record(.held, detail) + lift
    }

    private mutating func request() -> [Action] {
        deadline = now + limits.total
        tries = 0
        goneSince = nil
        nothingSince = nil
        retryAt = nil
        hasWord = false
        isDenied = true
        let first = record(.stopRequested)
        return first + [.deny] + drop()
    }

    // MARK: - Outcomes

    /// The server took the order.
    /// - Parameter answer: whether it found something to stop.
    public mutating func dropped(_ answer: DropAnswer, at time: Int64) -> [Action] {
        guard phase == .dropping else { return [] }
        advance(time)
        droppedAt = now
        switch answer {
        case .dropped:
            goneSince = nil
            nothingSince = nil
        case .notThere: nothingSince = nothingSince ?? now
        }
        return check()
    }

    /// The server could not be asked, or refused.
    public mutating func dropFailed(_ why: String, at time: Int64) -> [Action] {
        guard phase == .dropping else { return [] }
        advance(time)
        lastTrouble = why
        let failed = record(.stopFailed, why)
        return failed + (hasWord ? check() : retry())
    }

    /// It was looked for.
    /// - Parameter isPublished: whether it is there; `nil` where the server cannot tell.
    public mutating func looked(_ isPublished: Bool?, at time: Int64) -> [Action] {
        guard phase == .checking else { return [] }
        advance(time)
        switch isPublished {
        case true?: hasWord = false
        case _ where hasWord: return confirm("the server says that it has ended")
        default: break
        }
        switch isPublished {
        case false?: return seenGone()
        case true?: return stillThere()
        case nil: return unknown()
        }
    }

    /// It could not be looked for.
    public mutating func lookFailed(_ why: String, at time: Int64) -> [Action] {
        guard phase == .checking else { return [] }
        advance(time)
        lastTrouble = why
        return wait(pause(), .check)
    }

    /// The server's hook says that somebody has ended publishing there: it is looked at once.
    public mutating func unpublished(at time: Int64) -> [Action] {
        guard phase == .waiting || phase == .checking || phase == .dropping else { return [] }
        advance(time)
        hasWord = true
        return phase == .waiting ? check() : []
    }

    /// Somebody publishes there again, and the server let them.
    ///
    /// After the end, a new process is begun.
    public mutating func republished(at time: Int64) -> [Action] {
        guard phase == .waiting || phase == .checking || phase == .dropping else { return [] }
        advance(time)
        goneSince = nil
        nothingSince = nil
        hasWord = false
        guard phase == .waiting else { return [] }
        return again()
    }

    /// Somebody tried to publish there again and was refused.
    public mutating func republishDenied(_ detail: String, at time: Int64) -> [Action] {
        guard deadline != nil || isFinished else { return [] }
        advance(time)
        return record(.republishDenied, detail)
    }

    /// Time has passed.
    public mutating func tick(at time: Int64) -> [Action] {
        advance(time)
        guard phase == .waiting, let wakeAt, now >= wakeAt else { return [] }
        if let deadline, now >= deadline { return abandon() }
        return next == .check ? check() : again()
    }

    // MARK: - What follows

    private mutating func seenGone() -> [Action] {
        guard let goneSince else {
            self.goneSince = now
            return wait(limits.apart, .check)
        }
        guard now - goneSince >= limits.apart else {
            return wait(limits.apart - (now - goneSince), .check)
        }
        return confirm("seen gone twice")
    }

    private mutating func stillThere() -> [Action] {
        goneSince = nil
        lastTrouble = "it is still published"
        guard let droppedAt, now - droppedAt < limits.patience else { return retry() }
        return wait(limits.look, .check)
    }

    /// Where the server cannot tell, that it twice finds nothing to drop is its word.
    private mutating func unknown() -> [Action] {
        if let nothingSince, now - nothingSince >= limits.apart {
            return confirm("the server twice found nothing to stop")
        }
        lastTrouble = "the server cannot tell whether it is gone"
        return wait(max(limits.apart, pause()), .drop)
    }

    private mutating func again() -> [Action] {
        let asked = record(.stopRequested)
        return asked + drop()
    }

    private mutating func drop() -> [Action] {
        tries += 1
        retryAt = nil
        phase = .dropping
        wakeAt = nil
        return [.drop]
    }

    private mutating func check() -> [Action] {
        phase = .checking
        wakeAt = nil
        return [.check]
    }

    private mutating func retry() -> [Action] { wait(pause(), .drop) }

    private mutating func wait(_ pause: Int64, _ next: Next) -> [Action] {
        guard let deadline, now < deadline else { return abandon() }
        phase = .waiting
        self.next = next
        var due = min(now + max(pause, 1), deadline)
        // However often hooks make it look in between, a due try comes when it is due.
        if next == .drop {
            due = min(due, retryAt ?? due)
            if due <= now { return again() }
            retryAt = due
        }
        wakeAt = due
        return []
    }

    private func pause() -> Int64 {
        min(limits.firstPause << Int64(min(max(tries - 1, 0), 20)), limits.longestPause)
    }

    private mutating func confirm(_ how: String) -> [Action] {
        phase = .gone
        wakeAt = nil
        return record(.confirmedGone, how)
    }

    private mutating func abandon() -> [Action] {
        phase = .givenUp
        wakeAt = nil
        let detail = lastTrouble.isEmpty ? "" : "after \(tries) tries: \(lastTrouble)"
        return record(.stopGivenUp, detail) + [.giveUp]
    }

    private mutating func record(_ kind: AlertStep.Kind, _ detail: String = "") -> [Action] {
        let count = recorded[kind, default: 0]
        guard count < Self.mostOfAKind else { return [] }
        recorded[kind] = count + 1
        return [.record(AlertStep(kind, at: now, detail: detail))]
    }

    private mutating func advance(_ time: Int64) { now = max(now, time) }
}

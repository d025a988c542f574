// Keeps an endpoint that does not answer from taking the time of others.
//
//     closed ──failures in a row──▶ open ──its pause is over──▶ one probe
//       ▲                            ▲                            │  │
//       └─────any success────────────┼────────────────────────────┘  │
//                                    └──failed, with a longer pause───┘
//
// Invariants: while open nothing is sent; after it one attempt at a time is. Pauses double up to a
// bound. Attempts that began before it opened change nothing when they fail late. A pure value:
// times come with the calls, milliseconds of a clock that nobody sets back.

/// Whether an endpoint may be sent something.
public struct CircuitBreaker: Sendable, Hashable {
    /// When it opens, and for how long.
    public struct Policy: Sendable, Hashable {
        /// Failures in a row that open it.
        public var failures = 5
        /// The first pause, milliseconds.
        public var firstPause: Int64 = 5000
        /// The longest pause, milliseconds.
        public var longestPause: Int64 = 600_000
        /// After how long a probe that nobody heard of counts as lost, milliseconds.
        public var probePatience: Int64 = 60_000

        /// Five failures; 5 s to 10 min; 60 s.
        public init() {}
    }

    /// What it says to an attempt.
    public enum Answer: Sendable, Hashable {
        /// Send; `isProbe` comes back with the outcome.
        case send(isProbe: Bool)
        /// Not before this time, milliseconds.
        case wait(until: Int64)
    }

    /// How it stands.
    public enum State: Sendable, Hashable {
        /// Attempts go through; some in a row have failed.
        case closed(failures: Int)
        /// Nothing goes through until a time.
        case open(until: Int64)
        /// A probe is under way since a time.
        case probing(since: Int64)
    }

    /// When it opens.
    public let policy: Policy
    /// How it stands.
    public private(set) var state = State.closed(failures: 0)
    /// The next pause, milliseconds.
    private var pause: Int64

    /// Lets everything through at first.
    public init(_ policy: Policy = Policy()) {
        self.policy = policy
        pause = policy.firstPause
    }

    /// Asks whether to send now; after `send` the outcome has to be told.
    public mutating func ask(at time: Int64) -> Answer {
        switch state {
        case .closed: return .send(isProbe: false)
        case .open(let until) where time < until: return .wait(until: until)
        case .probing(let since) where time - since < policy.probePatience:
            return .wait(until: since + policy.probePatience)
        case .open, .probing:
            state = .probing(since: time)
            return .send(isProbe: true)
        }
    }

    /// Notes that an attempt succeeded: the endpoint works.
    public mutating func succeeded() {
        state = .closed(failures: 0)
        pause = policy.firstPause
    }

    /// Notes that an attempt failed.
    /// - Parameters:
    ///   - isProbe: as `ask` said.
    ///   - notBefore: when the endpoint wants to be asked again; opens at once.
    public mutating func failed(isProbe: Bool, at time: Int64, notBefore: Int64? = nil) {
        switch state {
        case .closed(let failures):
            guard failures + 1 >= policy.failures || notBefore.map({ $0 > time }) == true else {
                state = .closed(failures: failures + 1)
                return
            }
            open(at: time, notBefore)
        case .probing where isProbe: open(at: time, notBefore)
        case .open(let until): state = .open(until: max(until, bounded(notBefore, at: time)))
        case .probing: break
        }
    }

    private mutating func open(at time: Int64, _ notBefore: Int64?) {
        state = .open(until: max(time + pause, bounded(notBefore, at: time)))
        pause = min(pause * 2, policy.longestPause)
    }

    /// No endpoint can shut itself out for more than a day.
    private func bounded(_ notBefore: Int64?, at time: Int64) -> Int64 {
        // What asked for more waits for it by itself; others are tried before.
        min(notBefore ?? time, time + policy.longestPause)
    }
}

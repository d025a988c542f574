// The reader of one live stream: connects, reads, and connects again, until it is told to stop.
//
// An end, an error and a silence are all the same to it: it tries again, in the same watch, because
// encoders and servers come back. What differs is told in the status. How long a silence may be
// follows the stream's own keyframes.

internal import Decode
internal import Foundation
internal import Synchronization

/// How long to wait before the next try to connect.
package struct Backoff {
    private var failures = 0

    private static let first = 0.25
    private static let longest = 15.0

    /// Until when it is tried again at short intervals, whatever fails; see `expect`.
    private var eagerUntil = 0.0

    /// Longest wait while a stream is expected, and for how long it is, seconds.
    private static let eager = 0.5, expecting = 30.0

    package init() {}

    /// Somebody said that the stream begins about now.
    package mutating func expect(now: Double) {
        failures = 0
        eagerUntil = now + Self.expecting
    }

    /// A connection held: the next failure is the first again.
    package mutating func succeeded() { failures = 0 }

    /// Seconds until the next try, a random half of them, so that a thousand streams of a server
    /// that restarts do not all come at once.
    package mutating func next(
        now: Double = 0, using random: inout some RandomNumberGenerator
    ) -> Double {
        let longest = now < eagerUntil ? Self.eager : Self.longest
        let limit = min(longest, Self.first * Double(1 << min(failures, 10)))
        failures += 1
        return Double.random(in: limit / 2...limit, using: &random)
    }
}

/// How long a stream may be silent before it is taken for dead.
package struct SilenceLimit {
    private var lastKeyframe: Double?
    private var distance = 0.0
    /// The first packet of the connection, and how far what came since is ahead of it.
    private var start: (time: Double, arrival: Double)?
    private var ahead = 0.0

    private static let least = 6.0, most = 60.0

    package init() {}

    /// How long, seconds.
    ///
    /// A playlist brings nothing for as long as a segment, and segments end with keyframes. What came
    /// ahead of its time is no silence until that time has passed.
    package var seconds: Double { min(Self.most, max(Self.least, 3 * distance) + ahead) }

    /// Notes that a packet arrived.
    package mutating func packet(of time: Double, at arrival: Double) {
        guard let start else {
            start = (time, arrival)
            return
        }
        ahead = max(0, time - start.time - (arrival - start.arrival))
    }

    /// Notes that a keyframe arrived.
    package mutating func keyframe(at time: Double) {
        // The longest of late counts, and fades.
        if let lastKeyframe { distance = max(time - lastKeyframe, distance * 0.9) }
        lastKeyframe = time
    }

    /// Notes that the next keyframe does not follow the last.
    package mutating func reopened() { (lastKeyframe, start, ahead) = (nil, nil, 0) }
}

/// When a connection is given up because nothing of it can be decoded: what was missed at its
/// beginning, such as parameters or another codec, comes with another.
package struct RepairLimit {
    private var wait = RepairLimit.first
    private var samples = 0

    private static let first = 6.0, longest = 600.0

    package init() {}

    /// Whether to connect again now; the next time it is due later, so that a stream that nobody can
    /// decode is not opened over and over.
    /// - Parameters:
    ///   - start: since when nothing was decoded; `nil` where something was.
    ///   - samples: pictures that were decoded so far.
    package mutating func isDue(failingSince start: Double?, samples: Int, now: Double) -> Bool {
        if samples > self.samples { wait = Self.first }
        self.samples = samples
        guard let start, now - start > wait else { return false }
        wait = min(Self.longest, 2 * wait)
        return true
    }
}

/// Which keyframes of a stream are left for the workers.
///
/// An all-intra stream is not looked at frame by frame; but one whose stamps stand still is looked at.
/// The shortest distance varies, so that it cannot be known which keyframes are passed over.
package struct KeyframeSpacing {
    private let shortest: Double
    private var wait: Double
    private var last: (time: Double, arrival: Double)?
    private var random = SystemRandomNumberGenerator()

    package init(shortest: Double) {
        self.shortest = shortest
        wait = shortest
    }

    /// Whether a keyframe is to be looked at.
    package mutating func wants(time: Double, arrival: Double) -> Bool {
        if let last, time - last.time < wait, arrival - last.arrival < wait { return false }
        last = (time, arrival)
        wait = shortest * Double.random(in: 1...1.5, using: &random)
        return true
    }
}

/// Spaces out connecting: a server that everybody comes to at once turns some away.
///
/// It holds nobody up for longer than those before take to begin, whether they succeed or not.
package final class OpenGate: Sendable {
    private let next = Mutex(0.0)
    private let spacing: Double

    /// - Parameter spacing: from one to the next, seconds.
    package init(spacing: Double) { self.spacing = spacing }

    /// Takes the next turn.
    /// - Returns: seconds until it comes.
    package func takeTurn(now: Double) -> Double {
        next.withLock { next in
            let turn = max(now, next)
            next = turn + spacing
            return turn - now
        }
    }
}

/// Reads one stream on a thread of its own.
final class LiveWatcher: Sendable {
    let stream: LiveStream
    private let input: LiveInput
    private let egress: EgressPolicy
    private let rendition: RenditionChoice
    private let board: LiveBoard
    private let gate: OpenGate
    private let pace: ReadingPace
    private let clock: StageClock
    private let shortestInterval: Double
    private let current = Mutex<(interrupt: Interrupt?, isStopped: Bool)>((nil, false))
    private let isExpected: Atomic<Bool>
    /// Told of the first thing that was forbidden.
    private let refused: @Sendable (String) -> Void
    /// Signalled to end a wait early; waited for on the reader's own thread, which has nothing else
    /// to do.
    private let wakened = DispatchSemaphore(value: 0)

    init(
        _ input: LiveInput, egress: EgressPolicy, rendition: RenditionChoice, stream: LiveStream,
        board: LiveBoard, gate: OpenGate, pace: ReadingPace, clock: StageClock,
        shortestInterval: Double,
        isExpected: Bool, refused: @escaping @Sendable (String) -> Void
    ) {
        self.input = input
        self.egress = egress
        self.rendition = rendition
        self.stream = stream
        self.board = board
        self.gate = gate
        self.pace = pace
        self.clock = clock
        self.isExpected = Atomic(isExpected)
        self.shortestInterval = shortestInterval
        self.refused = refused
    }

    /// Somebody said that the stream begins about now: tries again at once, and often for a while.
    func expect() {
        if !isExpected.exchange(true, ordering: .relaxed) { wakened.signal() }
    }

    /// Ends the watch, soon.
    func stop() {
        let interrupt = current.withLock { state in
            state.isStopped = true
            return state.interrupt
        }
        interrupt?.cancel()
        wakened.signal()
    }

    private var isStopped: Bool { current.withLock { $0.isStopped } }

    /// How long a connection must give keyframes to count as one that holds, seconds.
    private static let holding = 3.0

    /// Longest connection to what is read by HTTP, seconds, from the least to the most.
    ///
    /// The library's reader of fragmented MP4 keeps an entry for each frame as long as it is open.
    private static let longestConnection = 3600.0...5400.0

    /// What is known of the stream from one connection to the next.
    private struct Course {
        var backoff = Backoff()
        var clock = LiveClock()
        var silence = SilenceLimit()
        var repair = RepairLimit()
        let lists = ListBudget()
        /// Connections in a row that gave no keyframe.
        var barren = 0
        var isRefusalTold = false
    }

    /// Reads until it is stopped.
    func run() {
        var course = Course()
        var random = SystemRandomNumberGenerator()
        while !isStopped {
            stream.set(.connecting)
            let interrupt = Interrupt()
            let isStopped = current.withLock { state in
                state.interrupt = interrupt
                return state.isStopped
            }
            if isStopped { break }
            if isExpected.exchange(false, ordering: .relaxed) {
                course.backoff.expect(now: monotonicSeconds())
            }
            _ = wakened.wait(timeout: .now() + gate.takeTurn(now: monotonicSeconds()))
            course.clock.reopened()
            course.silence.reopened()
            let problem = readOnce(interrupt, &course)
            if self.isStopped { break }
            stream.set(.waiting(problem))
            // A signal that came while it read is no reason not to wait now.
            while wakened.wait(timeout: .now()) == .success {}
            if self.isStopped { break }
            let pause = course.backoff.next(now: monotonicSeconds(), using: &random)
            _ = wakened.wait(timeout: .now() + pause)
        }
        stream.set(.ended)
    }

    /// Lets data gather after it had to be waited for.
    private func gather(for waited: Double) {
        let pause = Gathering.pause(waited: waited, limit: pace.limit)
        // Ended by a stop; a signal of another kind is for a reader that does not read.
        if pause > 0 { _ = wakened.wait(timeout: .now() + pause) }
    }

    /// Connects and reads to the end of the connection.
    /// - Returns: why it ended.
    private func readOnce(_ interrupt: Interrupt, _ course: inout Course) -> String {
        let rewriter = RenditionRewriter(rendition, attempt: course.barren)
        course.barren += 1
        let isHTTP = input.scheme == .http || input.scheme == .https
        let longest = isHTTP ? Double.random(in: Self.longestConnection) : .infinity
        var processor = StageClock.OfThread(self.clock)
        defer { processor.note() }
        do throws(DecodeError) {
            var reader = try LiveReader(
                input, egress: egress, interrupt: interrupt,
                rewrite: { text, url, load throws(DecodeError) in
                    try rewriter.rewritten(text, url: url, load: load)
                }, lists: course.lists)
            stream.set(.connected)
            let connected = monotonicSeconds()
            pace.begin()
            defer { pace.end() }
            var gathering = Gathering(connected: connected)
            var spacing = KeyframeSpacing(shortest: shortestInterval)
            while true {
                let asked = monotonicSeconds()
                let event = try reader.next(within: course.silence.seconds)
                let now = monotonicSeconds()
                let waited = input.isKeptByPeer ? now - asked : .infinity
                let arrival = gathering.arrival(waited: waited, now: now)
                switch event {
                case .ended: return "the stream ended"
                case .between(let packet):
                    let time = course.clock.timeBetween(stamp: packet.stamp, arrival: arrival)
                    course.silence.packet(of: time, at: arrival)
                    let placed = try packet.placed(at: time, arrival: arrival)
                    if stream.keep(placed) { board.put(stream) }
                case .keyframe(var keyframe, let stamp):
                    processor.note()
                    course.barren = 0
                    if arrival - connected > longest { return "it is opened anew now and then" }
                    course.silence.keyframe(at: arrival)
                    let (failing, samples) = stream.decoding
                    if course.repair.isDue(failingSince: failing, samples: samples, now: arrival) {
                        return "no keyframe could be decoded"
                    }
                    // One that ends at once, such as a playlist that is over, is no success.
                    if arrival - connected > Self.holding { course.backoff.succeeded() }
                    let time = course.clock.time(stamp: stamp, arrival: arrival)
                    course.silence.packet(of: time, at: arrival)
                    keyframe.place(at: time)
                    let isLeft = spacing.wants(time: time, arrival: arrival)
                    let packet = try keyframe.packet(arrival: arrival, isLookedAtAlone: isLeft)
                    if isLeft ? stream.leave(keyframe, packet) : stream.keep(packet) {
                        board.put(stream)
                    }
                }
                if input.isKeptByPeer { gather(for: waited) }
            }
        } catch {
            if error.code == .refused, !course.isRefusalTold {
                course.isRefusalTold = true
                refused(error.message)
            }
            return error.message
        }
    }
}

// One watched live stream between its reader, the board and the workers.
//
// A stream holds at most one keyframe that waits: a newer one takes its place and is counted as
// overload, so that a machine that cannot keep up looks at fewer pictures of every stream instead of
// at fewer streams, and memory stays flat. One worker at a time has a stream, so that its pictures
// are looked at in order.

internal import Decode
internal import Fingerprint
internal import Foundation
internal import Match
public import Report
internal import Synchronization

/// How a watch stands.
public struct WatchStatus: Sendable {
    /// What the reader does.
    public enum Connection: Sendable, Hashable {
        /// It tries to connect.
        case connecting
        /// It reads.
        case connected
        /// It waits before it tries again; why, in words.
        case waiting(String)
        /// The watch is over.
        case ended
    }

    /// What the reader does.
    public var connection = Connection.connecting
    /// Times that the connection stood.
    public var connections = 0
    /// Keyframes that came, were looked at, and were dropped because there was no time.
    public var keyframes = 0, samples = 0, dropped = 0
    /// Keyframes that could not be decoded.
    public var failed = 0
    /// Smallest distance from a known hash that was seen, bits; `nil` where none came within reach.
    public var bestDistance: Int?
    /// Alerts raised.
    public var alerts = 0
    /// From the arrival of the newest keyframe that was looked at until its fingerprints were there,
    /// seconds.
    public var lag: Double?
    /// What was examined of all of the watch.
    public var coverage: CoverageMinute
}

/// One watched stream.
final class LiveStream: Sendable {
    /// A keyframe and when it arrived.
    struct Arrived: ~Copyable {
        private let keyframe: CodedKeyframe
        let arrival: Double

        init(_ keyframe: consuming CodedKeyframe, arrival: Double) {
            self.keyframe = keyframe
            self.arrival = arrival
        }

        consuming func takeKeyframe() -> CodedKeyframe { keyframe }
    }

    private struct State: ~Copyable {
        var status: WatchStatus
        var coverage: CoverageTracker
        /// The keyframe that waits for a worker.
        var waiting: Arrived?
        /// Whether it stands on the board, or a worker has it.
        var isTaken = false
        /// Whether the reader has ended.
        var isOver = false
    }

    /// What is to be done with a stream of which a keyframe was looked at.
    enum Next {
        /// Another waits: put it on the board again.
        case again
        /// Nothing.
        case rest
        /// That was the last.
        case over
    }

    let number: Int
    let id: StreamID
    /// The address without its secrets, for output and records.
    let name: String
    let isPriority: Bool
    private let state: Mutex<State>
    /// Has seen the pictures that were looked at; the worker that has the stream has it.
    private let finder: Mutex<RegionFinder?>

    init(
        number: Int, id: StreamID, name: String, isPriority: Bool, effort: Effort,
        longestStretch: Double
    ) {
        finder = Mutex(RegionFinder(effort: effort))
        self.number = number
        self.id = id
        self.name = name
        self.isPriority = isPriority
        let coverage = CoverageTracker(
            at: monotonicSeconds(), unixSeconds: Double(unixMilliseconds()) / 1000,
            longestStretch: longestStretch)
        state = Mutex(
            State(status: WatchStatus(coverage: coverage.total), coverage: coverage))
    }

    /// How the watch stands.
    func status() -> WatchStatus {
        state.withLock {
            $0.coverage.settle(at: monotonicSeconds())
            $0.status.coverage = $0.coverage.total
            return $0.status
        }
    }

    /// Minutes of coverage that are over and were not taken before.
    func takeMinutes() -> [CoverageMinute] {
        state.withLock {
            $0.coverage.settle(at: monotonicSeconds())
            return $0.coverage.takeFinished()
        }
    }

    /// The minutes of coverage that were not taken before, and last the one that goes on.
    func takeLedger() -> [CoverageMinute] {
        state.withLock {
            $0.coverage.settle(at: monotonicSeconds())
            return $0.coverage.takeLedger()
        }
    }

    /// What an alert says of the stream.
    func facts(arrival: Int64) -> AlertStream {
        let coverage = status().coverage
        return AlertStream(
            id: id.description, frameArrivedUnixMilliseconds: arrival,
            examinedSeconds: coverage.examinedSeconds, missedSeconds: coverage.missed)
    }

    func set(_ connection: WatchStatus.Connection) {
        state.withLock {
            if connection == .connected { $0.status.connections += 1 }
            $0.status.connection = connection
            let now = monotonicSeconds()
            $0.coverage.connection(isUp: connection == .connected, at: now)
            if connection == .ended { $0.coverage.end(at: now) }
        }
    }

    /// Leaves a keyframe for a worker; one that waited is dropped and counted.
    /// - Returns: whether the stream has to be put on the board.
    func leave(_ keyframe: consuming CodedKeyframe, arrival: Double) -> Bool {
        var arrived: Arrived? = Arrived(keyframe, arrival: arrival)
        return state.withLock { state in
            state.status.keyframes += 1
            if let dropped = state.waiting.take() {
                state.status.dropped += 1
                state.coverage.keyframe(at: dropped.arrival, .missed(.overload))
            }
            state.waiting = arrived.take()
            if state.isTaken { return false }
            state.isTaken = true
            return true
        }
    }

    /// The keyframe that waits.
    func take() -> Arrived? { state.withLock { $0.waiting.take() } }

    /// Notes that its reader leaves no more.
    /// - Returns: whether all that it left was looked at; where not, the last worker is told.
    func readerEnded() -> Bool {
        state.withLock { state in
            state.isOver = true
            return !state.isTaken
        }
    }

    /// Notes how a keyframe ended.
    func done(arrival: Double, _ outcome: CoverageTracker.Outcome) -> Next {
        state.withLock { state in
            state.coverage.keyframe(at: arrival, outcome)
            switch outcome {
            case .missed(.undecodable): state.status.failed += 1
            default:
                state.status.samples += 1
                state.status.lag = monotonicSeconds() - arrival
            }
            state.isTaken = state.waiting != nil
            return state.isTaken ? .again : state.isOver ? .over : .rest
        }
    }

    /// Lends the finder to the worker that has the stream, which gives it back.
    func takeFinder() -> RegionFinder? { finder.withLock { $0.take() } }

    func giveBack(_ used: RegionFinder) { finder.withLock { $0 = used } }

    /// Notes what was found.
    func found(distance: Int?, alerts: Int) {
        state.withLock {
            $0.status.alerts += alerts
            if let distance {
                $0.status.bestDistance = min(distance, $0.status.bestDistance ?? distance)
            }
        }
    }
}

/// Seconds of a clock that nobody sets and that stands still only while the machine sleeps.
func monotonicSeconds() -> Double {
    Double(DispatchTime.now().uptimeNanoseconds) / 1e9
}

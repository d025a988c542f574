// One watched live stream between its reader, the board and the workers.
//
// A stream holds at most one keyframe that waits, or a few that came at once: newer ones take their
// place and they count as overload, so that a machine that cannot keep up looks at fewer pictures of
// every stream instead of at fewer streams, and memory stays flat (KeyframeQueue). One worker at a
// time has a stream, for one keyframe a turn, so that its pictures are looked at in order.

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
        /// It is not read for now, since the service fell with it in hand; why, in words, and until
        /// when.
        case heldBack(String, untilUnixMilliseconds: Int64)
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
    /// Why keyframes were not decoded that are too large, with their size, in words that follow the
    /// stream's name; `nil` once one was decoded again.
    public var problem: String?
    /// Smallest distance from a known hash that was seen, bits; `nil` where none came within reach.
    public var bestDistance: Int?
    /// Alerts raised.
    public var alerts = 0
    /// From the arrival of the newest keyframe that was looked at until its fingerprints were there,
    /// seconds.
    public var lag: Double?
    /// What was examined of all of the watch.
    public var coverage: CoverageMinute

    package init(coverage: CoverageMinute) { self.coverage = coverage }
}

/// One watched stream.
final class LiveStream: Sendable {
    /// A keyframe and when it arrived.
    struct Arrived: ~Copyable {
        private let keyframe: CodedKeyframe
        private let room: FollowLimits.Room?
        let arrival: Double
        var moment: FollowSchedule.Moment {
            FollowSchedule.Moment(time: keyframe.mediaTime, arrival: arrival)
        }

        /// - Parameter room: what it takes of the room for large ones, given back with it.
        init(
            _ keyframe: consuming CodedKeyframe, arrival: Double, room: FollowLimits.Room? = nil
        ) {
            self.keyframe = keyframe
            self.arrival = arrival
            self.room = room
        }

        consuming func takeKeyframe() -> CodedKeyframe { keyframe }
    }

    struct State: ~Copyable {
        var status: WatchStatus
        var coverage: CoverageTracker
        /// The keyframes that wait for a worker.
        var waiting = KeyframeQueue<Arrived>()
        /// Whether it stands on the board, or a worker has it.
        var isTaken = false
        /// Whether the reader has ended.
        var isOver = false
        /// What came since the newest keyframe, and when it is decoded.
        var run: PacketRun
        var schedule: FollowSchedule
        /// The stream's own decoder, while it is followed and no worker has it.
        var decoder: FollowingDecoder?
        /// Number of the stretch that is followed.
        var stretch = 0
        /// When the oldest arrived of what a worker has.
        var workArrival: Double?
        /// When the newest keyframe arrived that was dropped while a worker was busy, and the stretch
        /// that all such stood for.
        var dropped: (arrival: Double, stretch: Double?)?
        /// Keyframes since the last picture that could be decoded, and when the first arrived.
        var failedInARow = 0, failedSince = 0.0
        /// When frames with hits arrived.
        var evidence = EvidenceArrivals()

        init(_ coverage: CoverageTracker, _ sampling: SamplingPolicy, _ limits: FollowLimits) {
            status = WatchStatus(coverage: coverage.total)
            self.coverage = coverage
            run = PacketRun(limits)
            schedule = FollowSchedule(sampling)
        }
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
    /// What its turns cost.
    let turns = TurnAccount()
    let limits: FollowLimits
    let state: Mutex<State>
    /// Has seen the pictures that were looked at; the worker that has the stream has it.
    private let finder: Mutex<RegionFinder?>

    init(
        number: Int, id: StreamID, name: String, isPriority: Bool, effort: Effort,
        sampling: SamplingPolicy, limits: FollowLimits
    ) {
        finder = Mutex(RegionFinder(effort: effort))
        self.number = number
        self.id = id
        self.name = name
        self.isPriority = isPriority
        self.limits = limits
        let coverage = CoverageTracker(
            at: monotonicSeconds(), unixSeconds: Double(unixMilliseconds()) / 1000,
            longestStretch: sampling.maximumGap)
        state = Mutex(State(coverage, sampling, limits))
    }

    /// How the watch stands.
    func status() -> WatchStatus {
        state.withLock {
            $0.coverage.settle(at: $0.settledTime(at: monotonicSeconds()))
            $0.status.coverage = $0.coverage.total
            return $0.status
        }
    }

    /// Minutes of coverage that are over and were not taken before.
    func takeMinutes() -> [CoverageMinute] {
        state.withLock {
            $0.coverage.settle(at: $0.settledTime(at: monotonicSeconds()))
            return $0.coverage.takeFinished()
        }
    }

    /// The minutes of coverage that were not taken before, and last the one that goes on.
    func takeLedger() -> [CoverageMinute] {
        state.withLock {
            $0.coverage.settle(at: $0.settledTime(at: monotonicSeconds()))
            return $0.coverage.takeLedger()
        }
    }

    /// What an alert says of the stream.
    /// - Parameters:
    ///   - arrival: of the frame that made the evidence sufficient, Unix milliseconds.
    ///   - first: of the first frame that counts, likewise.
    func facts(arrival: Int64, first: Int64) -> AlertStream {
        let coverage = status().coverage
        return AlertStream(
            id: id.description, frameArrivedUnixMilliseconds: arrival,
            examinedSeconds: coverage.examinedSeconds, missedSeconds: coverage.missed,
            firstFrameArrivedUnixMilliseconds: first)
    }

    /// How long before the frame that opened an alert its first frame arrived, seconds.
    func lead(of alert: Alert, arrival: Double) -> Double {
        let newest = FollowSchedule.Moment(time: alert.lastSeen, arrival: arrival)
        return arrival
            - state.withLock { $0.evidence.arrival(ofFrameAt: alert.firstSeen, newest: newest) }
    }

    /// Takes what the reader does; one that is over stays so, whatever a reader says that was left.
    func set(_ connection: WatchStatus.Connection) {
        state.withLock {
            guard $0.status.connection != .ended else { return }
            if connection == .connected { $0.status.connections += 1 } else { $0.endRun() }
            $0.status.connection = connection
            let now = monotonicSeconds()
            $0.coverage.connection(isUp: connection == .connected, at: now)
            if connection == .ended { $0.coverage.end(at: now) }
        }
    }

    /// Leaves a keyframe for a worker; what has no room beside it is dropped and counted.
    /// - Parameter packet: the same, for what follows it.
    /// - Returns: whether the stream has to be put on the board.
    func leave(_ keyframe: consuming CodedKeyframe, _ packet: CodedPacket) -> Bool {
        let size = packet.byteCount
        let moment = FollowSchedule.Moment(time: packet.mediaTime, arrival: packet.arrival)
        guard size <= FollowLimits.mostKeyframeBytes else {
            refuse(at: moment, "sends a keyframe of \(size >> 20) MB, more than is kept of one")
            return false
        }
        let isLarge = size > FollowLimits.largeKeyframeBytes
        let room = isLarge ? limits.takeRoom(size) : nil
        var arrived: Arrived? = Arrived(keyframe, arrival: packet.arrival, room: room)
        return state.withLock { state in
            guard !state.isOver, let keyframe = arrived.take() else { return false }
            state.status.keyframes += 1
            if isLarge, room == nil {
                state.status.dropped += 1
                state.coverage.keyframe(at: moment.arrival, .missed(.overload))
                state.forgetRun()
                return false
            }
            let dropped = state.waiting.put(keyframe, at: moment, byteCount: packet.byteCount)
            for dropped in dropped { state.drop(dropped) }
            state.schedule.keyframe(at: moment)
            state.keep(packet)
            if state.isTaken { return false }
            state.isTaken = true
            return true
        }
    }

    /// Notes that a keyframe came that is not kept because of its size.
    private func refuse(at moment: FollowSchedule.Moment, _ problem: String) {
        state.withLock { state in
            state.status.keyframes += 1
            state.status.failed += 1
            state.status.problem = problem
            state.coverage.keyframe(at: moment.arrival, .missed(.tooLarge))
            state.forgetRun()
        }
    }

    /// Notes that its reader leaves no more, or is left.
    /// - Returns: whether all that it left was looked at; where not, the last worker is told. False
    ///   where that was noted before.
    func readerEnded() -> Bool {
        state.withLock { state in
            guard !state.isOver else { return false }
            state.isOver = true
            return !state.isTaken
        }
    }

    /// Notes how a keyframe ended.
    /// - Parameter refusal: why it had no memory.
    func done(
        _ moment: FollowSchedule.Moment, _ outcome: CoverageTracker.Outcome,
        _ refusal: PictureRefusal? = nil
    ) -> Next {
        state.withLock { state in
            state.judged(outcome, at: moment)
            switch outcome {
            case .missed(.undecodable), .missed(.tooLarge):
                state.status.failed += 1
                state.status.problem = refusal?.text ?? state.status.problem
            default:
                state.status.samples += 1
                state.status.lag = monotonicSeconds() - moment.arrival
            }
            return state.next()
        }
    }

    /// Lends the finder to the worker that has the stream, which gives it back.
    func takeFinder() -> RegionFinder? { finder.withLock { $0.take() } }

    func giveBack(_ used: RegionFinder) { finder.withLock { $0 = used } }

    /// Notes what was found in a frame.
    func found(distance: Int?, alerts: Int, at moment: FollowSchedule.Moment) {
        state.withLock {
            $0.status.alerts += alerts
            if let distance {
                $0.evidence.note(moment)
                $0.status.bestDistance = min(distance, $0.status.bestDistance ?? distance)
            }
        }
    }
}

/// Seconds of a clock that nobody sets and that stands still only while the machine sleeps.
package func monotonicSeconds() -> Double {
    Double(DispatchTime.now().uptimeNanoseconds) / 1e9
}

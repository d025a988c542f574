// What is watched: between the API, the live run and the store.
//
// A watch is in the store before it begins and until somebody ends it, so a service that was killed
// resumes all of them. Minutes of the ledger are written every few seconds, the one that goes on
// among them; what lies between the last that was written and the resumption is told as
// `not_running`. Invariant: everything that changes the store runs on `disk`, in order; nothing else
// runs there, since the answers to hooks wait for it.

internal import Decode
internal import Foundation
package import Logging
package import Match
package import Report
package import Run
internal import Synchronization

/// A stream that somebody wants watched.
package struct StreamRequest: Sendable {
    package var address: String
    package var labels: [String: String] = [:]
    package var isPriority = false
    /// Whether its host may be an internal one: the operator's configuration named it.
    package var isTrusted = false
    /// Whether whoever asks for it will end it, and no media server's word does.
    package var isKept = false
    package var place: StreamPlace?
    package var publisher = StreamPublisher(id: nil, peer: nil)
    /// Whether the media server says that this one does publish, and does not only ask.
    package var isPublisherCertain = false

    package init(address: String) { self.address = address }
}

/// A stream and how its watch stands.
package struct StreamState: Sendable {
    package var stream: WatchedStream
    /// `nil` where it is not watched now.
    package var status: WatchStatus?
    /// Of all the time since its watch began.
    package var coverage: CoverageMinute?
}

/// Why a stream is not taken.
package enum DeskError: Error {
    case refused(String)
    case full(Int)
    case closing
}

/// All streams of the service.
package final class StreamDesk: Sendable {
    /// One time that a stream is read.
    struct Reading {
        let stream: StreamID
        /// In the live run.
        let number: Int
        /// Tells it in the ledger from others of its stream: when it began, Unix milliseconds.
        let session: Int64
        let isTrusted: Bool
        let isPriority: Bool
    }

    struct State {
        var readings: [StreamID: Reading] = [:]
        /// Those that are over, but whose reader has not ended yet, by their number.
        var leaving: [Int: Reading] = [:]
        /// The newest session of all.
        var lastSession: Int64 = 0
        /// Streams that a media server tells of.
        var presences: [StreamID: StreamPresence] = [:]
        /// Places that are published and not watched, and when that was told last.
        var unwatched = UnwatchedPlaces()
        var unwatchedTold: ContinuousClock.Instant?
        /// When the ledger was written last because somebody asked.
        var flushed: ContinuousClock.Instant?
        /// Entries of the ledger that the store refused; they are tried again.
        var unwritten: [CoverageEntry] = []
        /// Streams that are watched and not read for now, and what decides on that.
        var waiting: [StreamID: Waiting] = [:]
        var resumeGuard = ResumeGuard()
        var isClosing = false
    }

    let run: LiveRun
    let store: any LiveStore
    /// On the same state, for reading only.
    let reading: any LiveStore
    let settings: ServiceSettings
    /// Media servers that can be asked whether a stream is there.
    let drivers: [String: any StopDriver]
    private let events: EventHub
    let logger: Logger
    /// What the last run left.
    let remains: JournalRemains
    /// Told of a stream that is held back.
    let tellHeldBack: @Sendable (WatchedStream, StreamSuspicion) -> Void
    let disk = StoreQueue("vigil.serve.desk")
    private let ending = StoreQueue("vigil.serve.desk.ending")
    package let readingDisk = StoreQueue("vigil.serve.desk.read")
    let state = Mutex(State())

    package init(
        run: LiveRun, store: any LiveStore, reading: any LiveStore, settings: ServiceSettings,
        servers: [MediaServer], events: EventHub, logger: Logger,
        remains: JournalRemains = JournalRemains(),
        heldBack: @escaping @Sendable (WatchedStream, StreamSuspicion) -> Void = { _, _ in }
    ) {
        self.remains = remains
        tellHeldBack = heldBack
        self.run = run
        self.store = store
        self.reading = reading
        self.settings = settings
        drivers = Dictionary(
            servers.compactMap { server in server.driver.map { (server.name, $0) } }
        ) { first, _ in first }
        self.events = events
        self.logger = logger
    }

    /// Streams that are watched now.
    package var count: Int { state.withLock { $0.readings.count + $0.waiting.count } }

    /// Streams that there are readers for, or will be.
    package var readers: Int { count + run.stuckReaders + state.withLock { $0.leaving.count } }

    /// Whether there is no room for another.
    var isCrowded: Bool { readers >= settings.mostStreams }

    /// How each of them stands.
    func statuses() -> [(id: StreamID, status: WatchStatus)] {
        let (readings, waiting) = state.withLock { ($0.readings, $0.waiting) }
        return readings.values.compactMap { reading in
            run.status(of: reading.number).map { (reading.stream, $0) }
        } + waiting.values.map { ($0.stream.id, $0.status) }
    }

    /// Begins to watch a stream, unless it is watched already.
    /// - Returns: the stream and whether it is new.
    package func add(_ request: StreamRequest) async throws -> (stream: WatchedStream, isNew: Bool)
    {
        try await disk.run { [self] in
            let input: LiveInput
            do throws(DecodeError) { input = try LiveInput(request.address) } catch {
                throw DeskError.refused("the url \(error.message)")
            }
            if let why = input.refusal(by: egress(request.isTrusted)) {
                throw DeskError.refused(why)
            }
            let isClosing = state.withLock { $0.isClosing }
            if isClosing { throw DeskError.closing }
            if isCrowded,
                try !store.isWatched(address: request.address)
            {
                throw DeskError.full(settings.mostStreams)
            }
            var added = try store.add(
                WatchedStream(
                    id: StreamID(newID()), address: request.address,
                    name: input.redacted(isKeyed: Self.isKeyed(input, request.place)),
                    labels: request.labels, isPriority: request.isPriority,
                    isTrusted: request.isTrusted, isKept: request.isKept, place: request.place,
                    publisher: request.publisher, startedUnixMilliseconds: unixMilliseconds()))
            if added.isNew {
                begin(added.stream, input)
                logger.info("watching \(added.stream.name) as \(added.stream.id)")
                events.send("stream.added", StreamView(StreamState(stream: added.stream)))
            } else {
                if request.isKept { try release(added.stream) }
                reopenIfRaised(added.stream, input)
                try publishedAgain(&added.stream, request)
            }
            if let place = request.place {
                state.withLock { $0.unwatched.isWatched(place) }
            }
            return added
        }
    }

    /// Whether the last name of a stream's address is what it is published with.
    private static func isKeyed(_ input: LiveInput, _ place: StreamPlace?) -> Bool {
        place != nil || input.scheme == .rtmp || input.scheme == .rtmps
    }

    /// Tells listeners of a stream.
    func send(_ type: String, _ stream: WatchedStream, _ status: WatchStatus) {
        events.send(type, StreamView(StreamState(stream: stream, status: status)))
    }

    /// - Returns: when it was begun, or since when it waits, Unix milliseconds; `nil` where it is read
    ///   already.
    @discardableResult
    func begin(_ stream: WatchedStream, _ input: LiveInput) -> Int64? {
        guard state.withLock({ $0.readings[stream.id] }) == nil else { return nil }
        if let since = waits(stream, input) { return since }
        let session = unixMilliseconds()
        let number = run.watch(
            input, egress: egress(stream.isTrusted), as: stream.id, name: stream.name,
            isPriority: stream.isPriority, isExpected: stream.place != nil)
        state.withLock { state in
            state.lastSession = max(session, state.lastSession + 1)
            state.readings[stream.id] = Reading(
                stream: stream.id, number: number, session: state.lastSession,
                isTrusted: stream.isTrusted, isPriority: stream.isPriority)
            guard let place = stream.place, state.presences[stream.id] == nil else { return }
            state.presences[stream.id] = StreamPresence(
                at: place, by: stream.publisher, isKept: stream.isKept, now: .now)
        }
        return session
    }

    /// Reads a stream anew that is trusted or of priority only since now.
    ///
    /// For the moment that its reader takes to end there are two, which the ledger counts both.
    private func reopenIfRaised(_ stream: WatchedStream, _ input: LiveInput) {
        let isRaised = state.withLock {
            guard let reading = $0.readings[stream.id] else { return $0.waiting[stream.id] == nil }
            return reading.isTrusted != stream.isTrusted
                || reading.isPriority != stream.isPriority
        }
        guard isRaised else { return }
        stopReading(stream.id)
        begin(stream, input)
        logger.info("reading \(stream.name) (\(stream.id)) anew: it is trusted or of priority now")
    }

    private func egress(_ isTrusted: Bool) -> EgressPolicy {
        var policy = settings.egress
        policy.trustsNamedHost = isTrusted
        return policy
    }

    /// Ends a watch.
    /// - Returns: the stream as it is then; `nil` where there is none.
    package func remove(_ id: StreamID, reason: String) async throws -> WatchedStream? {
        try await disk.run { [self] in try removeNow(id, reason) }
    }

    /// Ends a watch; on the desk's queue.
    func removeNow(_ id: StreamID, _ reason: String) throws -> WatchedStream? {
        guard let stream = try store.stream(id) else { return nil }
        guard stream.isWatched else { return stream }
        forgetWaiting(stream)
        try store.end(id, at: unixMilliseconds(), reason: reason)
        stopReading(id)
        state.withLock { _ = $0.presences.removeValue(forKey: id) }
        let ended = try store.stream(id) ?? stream
        logger.info("no longer watching \(stream.name) (\(id)): \(reason)")
        events.send("stream.removed", StreamView(StreamState(stream: ended)))
        return ended
    }

    /// Ends a stream's reading; what its ledger still says is written with the others.
    private func stopReading(_ id: StreamID) {
        let reading = state.withLock { state in
            let reading = state.readings.removeValue(forKey: id)
            if let reading { state.leaving[reading.number] = reading }
            return reading
        }
        if let reading { run.unwatch(reading.number) }
    }
}

// MARK: - Beginning and ending

extension StreamDesk {
    /// Takes up all watches that the store knows of, before anybody can change them.
    /// - Returns: how many.
    package func resume() async throws -> Int { try await disk.run { [self] in try resumeAll() } }

    /// Most minutes of absences that are written together.
    private static let mostAbsences = 20_000

    private func resumeAll() throws -> Int {
        try takeUpSuspicions(at: unixMilliseconds())
        var resumed = 0
        var cursor: StreamID?
        var absences: [CoverageEntry] = []
        while true {
            let page = try store.streams(watchedOnly: true, limit: 1000, before: cursor)
            guard let last = page.last else {
                write(absences)
                return resumed
            }
            cursor = last.id
            for stream in page {
                do throws(DecodeError) {
                    let input = try LiveInput(stream.address)
                    let end = endOfLedger(of: stream)
                    let now = begin(stream, input)
                    resumed += 1
                    // Later: others begin in the meantime, and a write for each takes its time.
                    if let end, let now { absences += absence(of: stream, from: end, to: now) }
                    if absences.count > Self.mostAbsences {
                        write(absences)
                        absences = []
                    }
                } catch {
                    let reason = "cannot be resumed: its url \(error.message)"
                    try store.end(stream.id, at: unixMilliseconds(), reason: reason)
                    logger.error("\(stream.name) (\(stream.id)) \(reason)")
                }
            }
        }
    }

    /// Ends all watches for now, until the service begins again; returns when what was found is
    /// recorded, or was waited for for long enough.
    /// - Returns: what did not end.
    @discardableResult
    package func close() async throws -> LiveRun.Remainder {
        state.withLock { $0.isClosing = true }
        // Not behind what the store has to do: readers are told at once.
        let remainder = try await ending.run { [run] in run.stop() }
        try await disk.run { [self] in
            flushAll()
            endSuspicions()
        }
        return remainder
    }
}

/// All that the service keeps.
package typealias LiveStore = ActionStore & AuditStore & CoverageStore & DeliveryStore
    & FeedbackStore & LegalHoldStore & ReportStore & StatisticsStore & StreamStore
    & SuspicionStore

/// The wall clock, milliseconds since 1970.
package func unixMilliseconds() -> Int64 {
    Int64(bounded: (Date().timeIntervalSince1970 * 1000).rounded())
}

/// A new id, of now.
package func newID() -> AlertID {
    var random = SystemRandomNumberGenerator()
    return AlertID(unixMilliseconds: UInt64(max(0, unixMilliseconds())), using: &random)
}

// Streams that are watched and not read for now, because the service fell with them in hand: between
// `ResumeGuard`, which decides, the store, which has it first, and the ledger, which tells the time as
// `not_running`. Everything here but asking runs on the desk's own queue.

internal import Crypto
internal import Decode
internal import Foundation
internal import Logging
internal import Report
internal import Run
internal import Synchronization

extension StreamDesk {
    /// A stream that waits until it may be read.
    struct Waiting {
        let stream: WatchedStream
        let input: LiveInput
        /// Tells its time in the ledger from others: since when it waits, Unix milliseconds.
        let session: Int64
        let untilUnixMilliseconds: Int64
        let why: String
        let isHeldBack: Bool

        /// How its watch stands.
        var status: WatchStatus {
            var status = WatchStatus(
                coverage: CoverageMinute(startUnixSeconds: session / 60_000 * 60))
            status.connection = .heldBack(why, untilUnixMilliseconds: untilUnixMilliseconds)
            return status
        }
    }

    /// What an address is remembered by.
    static func key(of address: String) -> String {
        SHA256.hash(data: Data(address.utf8)).map { String(format: "%02x", $0) }.joined()
    }

    /// Streams that are held back, those among them that only wait for a moment not counted.
    package var heldBack: Int {
        state.withLock { $0.waiting.values.count { $0.isHeldBack } }
    }

    /// Takes in how the last run ended, before any stream is read.
    func takeUpSuspicions(at now: Int64) throws {
        let (streams, isCertain) = ResumeGuard.suspects(in: remains)
        let watched = try streams.compactMap { try store.stream($0) }.filter(\.isWatched)
        tellOfFall(watched)
        let suspicions = try store.suspicions()
        let step = state.withLock {
            $0.resumeGuard.begin(
                suspicions, after: remains,
                suspects: (watched.map { Self.key(of: $0.address) }, isCertain), at: now)
        }
        try store.record(step.changed, forgetting: step.forgotten)
    }

    private func tellOfFall(_ suspects: [WatchedStream]) {
        guard remains.end == .fell else { return }
        let how = remains.signal.map { "crashed (signal \($0))" } ?? "was killed"
        let falls = remains.falls == 1 ? "" : ", \(remains.falls) times in a row"
        let names = suspects.map { "\($0.name) (\($0.id))" }.joined(separator: ", ")
        logger.error(
            "the last run \(how)\(falls); \(names.isEmpty ? "no stream is" : "\(names) are") suspected"
        )
    }

    /// Whether a stream may be read now; where not, it waits from now on.
    /// - Returns: since when it waits, Unix milliseconds; `nil` where it may be read.
    func waits(_ stream: WatchedStream, _ input: LiveInput) -> Int64? {
        let now = unixMilliseconds()
        let key = Self.key(of: stream.address)
        let waiting: (now: Waiting, suspicion: StreamSuspicion)? = state.withLock { state in
            guard
                case .later(let time, let why) = state.resumeGuard.stand(
                    of: key, stream.id, at: now),
                let suspicion = state.resumeGuard.suspicion(of: key)
            else { return nil }
            if let known = state.waiting[stream.id] { return (known, suspicion) }
            state.lastSession = max(now, state.lastSession + 1)
            let waiting = Waiting(
                stream: stream, input: input, session: state.lastSession,
                untilUnixMilliseconds: time, why: why,
                isHeldBack: ResumeGuard.isHeldBack(suspicion))
            state.waiting[stream.id] = waiting
            if let place = stream.place {
                state.presences[stream.id] = StreamPresence(
                    at: place, by: stream.publisher, isKept: stream.isKept, now: .now)
            }
            return (waiting, suspicion)
        }
        guard let waiting else { return nil }
        tell(waiting.now, waiting.suspicion)
        return waiting.now.session
    }

    private func tell(_ waiting: Waiting, _ suspicion: StreamSuspicion) {
        let stream = waiting.stream
        guard waiting.isHeldBack else {
            return logger.warning("\(stream.name) (\(stream.id)): \(waiting.why)")
        }
        logger.error("\(stream.name) (\(stream.id)) is \(waiting.why)")
        send("stream.held_back", stream, waiting.status)
        tellHeldBack(stream, suspicion)
    }

    /// Reads what may be read by now, and forgets what has stood its probation.
    package func resumeDue(at now: Int64) throws {
        let step = state.withLock { $0.resumeGuard.step(at: now) }
        guard step != ResumeGuard.Step() else { return }
        do throws(ReportError) {
            // First: should the service fall with it, it is known to have been on probation.
            try store.record(step.changed, forgetting: step.forgotten)
        } catch {
            logger.error("what is suspected is not written: \(error)")
        }
        for id in step.begun { readAgain(id) }
    }

    /// Reads a stream that somebody releases by asking for it again.
    func release(_ stream: WatchedStream) throws {
        guard state.withLock({ $0.waiting[stream.id] }) != nil else { return }
        let changed = state.withLock {
            $0.resumeGuard.release(Self.key(of: stream.address), at: unixMilliseconds())
        }
        if let changed { try store.record([changed], forgetting: []) }
        readAgain(stream.id)
    }

    private func readAgain(_ id: StreamID) {
        writeWaiting()
        guard let waiting = state.withLock({ $0.waiting.removeValue(forKey: id) }) else { return }
        // Of whoever publishes now; one that waited was not seen to be away.
        let stream = (try? store.stream(id)) ?? waiting.stream
        state.withLock { _ = $0.presences.removeValue(forKey: id) }
        begin(stream, waiting.input)
        logger.notice("\(stream.name) (\(stream.id)) is read again, on probation")
    }

    /// A watch is over, or the address is.
    func forgetWaiting(_ stream: WatchedStream) {
        writeWaiting()
        let changed = state.withLock { state in
            state.waiting[stream.id] = nil
            return state.resumeGuard.ended(Self.key(of: stream.address))
        }
        guard let changed else { return }
        do throws(ReportError) { try store.record([changed], forgetting: []) } catch {
            logger.error("what is suspected is not written: \(error)")
        }
    }

    /// The service ends in order.
    func endSuspicions() {
        let changed = state.withLock { $0.resumeGuard.endAll() }
        do throws(ReportError) { try store.record(changed, forgetting: []) } catch {
            logger.error("what is suspected is not written: \(error)")
        }
    }

    /// Writes the time of those that wait into the ledger.
    func writeWaiting() {
        let now = Double(unixMilliseconds()) / 1000
        let waiting = state.withLock { Array($0.waiting.values) }
        guard !waiting.isEmpty else { return }
        write(
            waiting.flatMap { waiting in
                Absence.minutes(from: Double(waiting.session) / 1000, to: now).map {
                    CoverageEntry(
                        stream: waiting.stream.id, sessionUnixMilliseconds: waiting.session,
                        minute: $0)
                }
            })
    }
}

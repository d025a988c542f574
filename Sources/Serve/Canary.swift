// The canary: a benign stream of our own that has to raise an alert, again and again, so that a
// service that finds nothing can be told from one that would find nothing.
//
// A film that Vigil paints is encoded once, its fingerprints are a known set of their own, and every
// so often the film is sent over loopback and watched like any other stream: read, looked at,
// compared with all that is known, recorded. What came through is taken off the queue again, so that
// nobody is alerted. Invariant: one canary at a time, on a queue of its own.
//
// The film is a secret: painted from random numbers with each start, and sent only to a connection that
// this process has made. So no other process can take the canary's connection, send the film itself, or
// have it seen in another stream.

internal import Decode
internal import Foundation
internal import Known
internal import Logging
internal import Match
internal import Report
internal import Run
internal import Synchronization

/// How the canaries went.
package struct CanaryState: Sendable {
    package var passed = 0
    package var failed = 0
    package var lastPassedUnixMilliseconds: Int64?
    /// The same by a clock that nobody sets.
    package var lastPassed: ContinuousClock.Instant?
    /// From the begin of the stream until the alert was recorded, seconds.
    package var lastDelay: Double?
    /// Why the last one failed; `nil` where it passed.
    package var problem: String?

    /// None has been sent yet.
    package init() {}
}

/// Sends canaries through a live run.
final class Canary: Sendable {
    /// Name of its known set, which no other set may have.
    static let setName = "vigil.canary"

    private let film: [UInt8]
    private let state = Mutex(CanaryState())
    /// Signalled when the alert came through and when it is complete; waited for on the canary's own
    /// queue, which has nothing else to do.
    private let arrived = DispatchSemaphore(value: 0)
    private let closed = DispatchSemaphore(value: 0)
    private let isCancelled = Atomic<Bool>(false)
    /// The stream of the one that goes on, or went last.
    private let stream = Mutex<StreamID?>(nil)

    /// Longest that a canary may take, seconds.
    private static let limit = 20.0

    init(film: [UInt8]) { self.film = film }

    /// How the canaries went.
    var result: CanaryState { state.withLock { $0 } }

    /// Whether an alert of the canary's set is of the canary's own stream.
    func isOwn(_ alert: Alert) -> Bool {
        let own = stream.withLock { $0 }
        return own != nil && alert.stream?.id == own?.description
    }

    /// Takes an alert of the canary's set.
    func opened() { arrived.signal() }

    /// Ends the one that goes on, which counts for nothing.
    func cancel() {
        isCancelled.store(true, ordering: .relaxed)
        arrived.signal()
        closed.signal()
    }

    /// The alert is complete on the queue.
    func ended() { closed.signal() }

    /// Sends one through; blocks for some seconds.
    func sendThrough(_ run: LiveRun, store: any ReportStore, logger: Logger) {
        let problem: String?
        let start = ContinuousClock.now
        while arrived.wait(timeout: .now()) == .success {}
        while closed.wait(timeout: .now()) == .success {}
        do throws(ServeError) {
            problem = try watch(run)
        } catch {
            problem = error.message
        }
        if isCancelled.load(ordering: .relaxed) { return }
        let delay = (ContinuousClock.now - start) / .seconds(1)
        let wasFailing = state.withLock { state in
            defer { state.problem = problem }
            if problem == nil {
                state.passed += 1
                state.lastPassedUnixMilliseconds = unixMilliseconds()
                state.lastPassed = .now
                state.lastDelay = delay
            } else {
                state.failed += 1
            }
            return state.problem != nil
        }
        if let problem {
            logger.error("the canary did not come through: \(problem)")
        } else if wasFailing {
            logger.notice("the canary comes through again")
        }
        do throws(ReportError) { try store.removeAlerts(ofSet: Self.setName) } catch {
            logger.error("the canary's alert stays on the queue: \(error)")
        }
    }

    /// - Returns: why it did not come through; `nil` where it did.
    private func watch(_ run: LiveRun) throws(ServeError) -> String? {
        let feed = try LoopbackFeed(film, over: Self.filmSeconds)
        defer { feed.stop() }
        let input: LiveInput
        do throws(DecodeError) { input = try LiveInput("tcp://127.0.0.1:\(feed.port)") } catch {
            return error.message
        }
        let id = StreamID(newID())
        stream.withLock { $0 = id }
        let number = run.watch(input, egress: .watch, as: id, isPriority: true)
        let isThere = arrived.wait(timeout: .now() + Self.limit) == .success
        let status = run.status(of: number)
        run.unwatch(number)
        if isThere { _ = closed.wait(timeout: .now() + 5) }
        run.letGo(number)
        guard !isThere else { return nil }
        guard let status else { return "its stream was not watched" }
        return "no alert after \(Int(bounded: Self.limit)) s; \(status.connections) connections, "
            + "\(status.keyframes) keyframes, \(status.samples) looked at, "
            + "\(status.failed) undecodable, "
            + "\(status.bestDistance == nil ? "nothing" : "something") known was near"
    }
}

extension Canary {
    /// What a canary is made of.
    struct Parts {
        let film: [UInt8]
        let set: KnownSet
    }

    /// Seconds of film, and from one of its keyframes to the next.
    static let filmSeconds = 4.0, keyframeSeconds = 1.0

    /// Paints and encodes the film, and makes a known set of it; takes a second or two.
    /// - Throws: `ServeError` where no encoder is there, or the film is not recognised.
    static func make(in folder: String) throws(ServeError) -> Parts {
        let path = "\(folder)/canary-\(getpid()).ts"
        defer { unlink(path) }
        do {
            let codec = SyntheticCodec.allCases.first { SyntheticClip.canEncode($0) }
            guard let codec else {
                throw ServeError(.configuration, "the canary needs an encoder; set canary_s to 0")
            }
            var settings = SyntheticSettings(
                codec: codec, width: 320, height: 240, kilobitsPerSecond: 400,
                keyframeInterval: keyframeSeconds,
                keyframes: Int(bounded: filmSeconds / keyframeSeconds))
            settings.seed = .random(in: .min ... .max)
            let clip = try SyntheticClip(settings, limit: 30, interrupt: Interrupt())
            try clip.write(to: path, as: .mpegts, repeats: 1)
            guard let data = FileManager.default.contents(atPath: path) else {
                throw ServeError(.state, "the canary's film in \(folder) cannot be read")
            }
            return Parts(film: Array(data), set: try knownSet(ofFilm: path))
        } catch let error as ServeError {
            throw error
        } catch {
            throw ServeError(.state, "the canary cannot be made in \(folder): \(error)")
        }
    }

    private static func knownSet(ofFilm path: String) throws -> KnownSet {
        let builder = KnownMediaBuilder(
            category: "benign", minimumQuality: MatchPolicy().minimumQuality,
            stopSwitch: StopSwitch())
        var set = KnownSet(name: setName, createdUnixSeconds: unixMilliseconds() / 1000)
        for (item, hashes) in builder.build([path], taken: [], progress: { _ in }).items {
            try set.add(item, hashes: hashes)
        }
        guard !set.items.isEmpty else {
            throw ServeError(.state, "the canary's film has no picture that can be compared")
        }
        return set
    }
}

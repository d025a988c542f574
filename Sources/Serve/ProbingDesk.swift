// Raises whoever seems to try out which versions of a known picture are recognised: a warning in the
// log, an event to listeners and receivers, a metric. It stops nobody: what is to be done about an
// account is for people to decide.
//
// Invariant: what it raises names the source and the known item's id, never a fingerprint or a distance.

internal import Foundation
package import Logging
internal import Match
package import Report
package import Run
internal import Synchronization

/// Notes showings, by who publishes them.
package final class ProbingDesk: Sendable {
    private let store: any StreamStore
    private let disk = StoreQueue("vigil.serve.probing")
    private let events: EventHub
    private let reports: ServiceReports
    private let logger: Logger
    private let state = Mutex((detector: ProbingDetector(), raised: 0))

    /// - Parameter store: knows the streams and who publishes them.
    package init(
        store: any StreamStore, events: EventHub, reports: ServiceReports, logger: Logger
    ) {
        self.store = store
        self.events = events
        self.reports = reports
        self.logger = logger
    }

    /// How often something was raised.
    package var raised: Int { state.withLock { $0.raised } }

    /// Takes in a showing that is over, without waiting for anything.
    ///
    /// As many wait at a time as the run had showings that went on, which are bounded.
    func note(_ showing: BriefShowing) {
        guard showing.known.set != Canary.setName else { return }
        Task { await take(showing, at: unixMilliseconds()) }
    }

    /// Takes in a showing that is over.
    package func take(_ showing: BriefShowing, at now: Int64) async {
        let stream: WatchedStream?
        do {
            stream = try await disk.run { [store] in try store.stream(showing.stream) }
        } catch {
            return logger.error("a showing is not checked for probing: \(error)")
        }
        guard let stream else { return }
        let sources = ProbingSource.all(of: stream)
        let suspicions = state.withLock { state in
            let found = state.detector.note(showing, from: sources, at: now)
            state.raised += found.count
            return found
        }
        for suspicion in suspicions { await raise(suspicion, stream) }
    }

    private func raise(
        _ suspicion: ProbingDetector.Suspicion, _ stream: WatchedStream
    ) async {
        let source = suspicion.source
        let known = suspicion.known
        logger.warning(
            "probing suspected: \(suspicion.variants) versions of one picture of known item \(known.item) of \(known.set) came from \(source.kind.rawValue) \(source.name), the newest in stream \(stream.id): look at its alerts, and stop it where it tries out what is recognised"
        )
        events.send("probing.suspected", ProbingView(suspicion, stream.id))
        await reports.tellOfProbing(suspicion, in: stream)
    }
}

/// What listeners are told.
private struct ProbingView: Encodable {
    struct Source: Encodable {
        var kind: String
        var name: String
    }

    var source: Source
    var known: KnownReference
    var variants: Int
    var sinceUnixMs: Int64
    var streamId: String

    init(_ suspicion: ProbingDetector.Suspicion, _ stream: StreamID) {
        source = Source(kind: suspicion.source.kind.rawValue, name: suspicion.source.name)
        known = suspicion.known
        variants = suspicion.variants
        sinceUnixMs = suspicion.since
        streamId = stream.description
    }
}

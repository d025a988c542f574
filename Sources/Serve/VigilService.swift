// The service: what is watched, the API in front of it, and how both begin and end.
//
// Order of beginning: state, known sets, live run, watches that were interrupted, API. How it ends:
// VigilService+Running.swift. On SIGKILL the store has all that was acknowledged.

internal import CProcess
internal import Decode
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import HummingbirdTLS
internal import Known
public import Logging
internal import Match
internal import NIOCore
internal import NIOSSL
internal import Report
internal import Run
internal import ServiceLifecycle
internal import UnixSignals

/// Watches streams and offers the API, until it is told to end.
public struct VigilService: Sendable {
    let settings: ServiceSettings
    let tokens: Tokens
    let desk: StreamDesk
    let run: LiveRun
    let store: any LiveStore
    /// On the same state, for reading only.
    let reading: any LiveStore
    let readingDisk = StoreQueue("vigil.serve.read")
    let hookDisk = StoreQueue("vigil.serve.hooks")
    /// Of what people change: hooks do not wait for it.
    let actionDisk = StoreQueue("vigil.serve.actions")
    let events: EventHub
    let canary: Canary?
    let stops: StopDesk
    let deliveries: DeliveryDesk
    let reports: ServiceReports
    let probing: ProbingDesk
    let audit: AuditDesk
    let retention: RetentionKeeper
    let feedback = FeedbackFigures()
    let known: [KnownView]
    let logger: Logger
    let refusals: RefusalLog
    let journal: ReadingJournal?
    let ending = ServiceEnding()
    let door: Door
    let apiQuota: RequestQuota
    let hookQuota: RequestQuota
    let requests = RequestFigures()
    let methods = PathMethods()

    /// How long the end may take in all before everything is cancelled, seconds; the program then
    /// leaves.
    private static let grace = 5

    /// Opens the state and the known sets; blocks for as long as they take to read.
    /// - Parameters:
    ///   - environment: says where state and key are by default.
    ///   - version: of this program, for reports.
    /// - Throws: `ServeError`, saying what to do about it.
    public init(
        _ settings: ServiceSettings, environment: [String: String], version: String,
        logger: Logger
    ) throws(ServeError) {
        self.settings = settings
        self.logger = logger
        refusals = RefusalLog(logger)
        door = Door(settings.places, refusals)
        apiQuota = .api(of: settings.places.most)
        hookQuota = .hooks(of: settings.places.most)
        guard let path = settings.tokens else {
            throw ServeError(
                .configuration,
                "serve.tokens is missing in the pipeline file: name a file made with `vigil token`")
        }
        tokens = try Tokens(file: path)
        guard !settings.known.isEmpty else {
            throw ServeError(
                .configuration,
                "serve.known is missing in the pipeline file: list known sets, which "
                    + "`vigil known build` makes")
        }
        guard case .keyframes = settings.pipeline.sampling.mode else {
            throw ServeError(
                .configuration, "streams are looked at by their keyframes: leave sampling.mode out")
        }
        let directory =
            settings.state ?? SQLiteStore.defaultDirectory(environment: environment)
        let store: SQLiteStore
        let newestRecord: Int64?
        let index: KnownIndex
        let composer: EventComposer
        do {
            let keyPath = KeyFile.resolve(explicit: settings.keyFile, environment: environment)
            var sets = try LoadedKnown(
                settings.known, key: try KeyFile.load(path: keyPath, createIfMissing: false))
            known = sets.summaries.map(KnownView.init)
            composer = Self.composer(settings, known, version: version)
            store = try SQLiteStore(
                directory: directory, composer: composer, unaudited: [Canary.setName])
            try ServiceLock.take(in: directory)
            newestRecord = try store.newestRecordTime()
            audit = try AuditDesk(
                store, keyFile: settings.auditKeyFile, in: directory, logger: logger)
            let abandoned = try store.closeAbandonedAlerts(at: unixMilliseconds())
            if abandoned > 0 { logger.notice("alerts closed that were left open: \(abandoned)") }
            try store.removeAlerts(ofSet: Canary.setName)
            reading = try SQLiteStore(directory: directory, readOnly: true)
            canary = try Self.canary(settings, addingTo: &sets, in: directory)
            index = try sets.index(policy: settings.pipeline.matchPolicy)
        } catch let error as ServeError {
            throw error
        } catch {
            throw ServeError(.state, "\(error)")
        }
        // Not before all that may fail: a start that is refused is no fall.
        let remains: JournalRemains
        (journal, remains) = Self.journal(settings, in: directory, logger)
        // Here those are told who have to record what was erased.
        retention = RetentionKeeper(
            schedule: settings.retention, directory: directory, newestRecord: newestRecord,
            logger: logger)
        let events = EventHub(
            most: RequestQuota.listeners(of: settings.places.most),
            mostOfToken: settings.mostListenersOfToken)
        self.store = store
        self.events = events
        let stops = StopDesk(
            settings.stop, servers: settings.servers, store: store, events: events, logger: logger)
        self.stops = stops
        let deliveries = DeliveryDesk(
            settings.delivery, store: store, composer: composer, logger: logger)
        self.deliveries = deliveries
        let reports = ServiceReports(
            settings.delivery, store: store, composer: composer, logger: logger,
            queued: { deliveries.wake() })
        self.reports = reports
        let probing = ProbingDesk(
            store: reading, events: events, reports: reports, logger: logger)
        self.probing = probing
        run = LiveRun(
            pipeline: settings.pipeline, index: index, store: store, journal: journal,
            spacing: ResumeGuard.spacing(afterFalls: remains.falls)
        ) { [events, canary, logger] in
            if case .shown(let showing) = $0 { return probing.note(showing) }
            Self.tell($0, events, stops, canary, logger)
            deliveries.wake()
        }
        desk = StreamDesk(
            run: run, store: store, reading: reading, settings: settings,
            servers: settings.servers, events: events, logger: logger, remains: remains,
            heldBack: { stream, suspicion in
                Task { await reports.tellOfHeldBack(stream, suspicion) }
            })
    }

    /// Begins to note what is worked on, and reads what the last run noted.
    private static func journal(
        _ settings: ServiceSettings, in directory: String, _ logger: Logger
    ) -> (ReadingJournal?, JournalRemains) {
        // Canaries, and readers that do not end, are beside those that are watched.
        let slots = 2 * settings.mostStreams + settings.pipeline.resolvedJobs + 16
        do throws(RunError) {
            let begun = try ReadingJournal.begin(in: directory, slots: slots)
            return (begun.journal, begun.remains)
        } catch {
            logger.error(
                "a stream that fells the service will not be known, and be resumed: \(error.message)"
            )
            return (nil, JournalRemains())
        }
    }

    private static func composer(
        _ settings: ServiceSettings, _ known: [KnownView], version: String
    ) -> EventComposer {
        var facts = settings.delivery.provenance
        for set in known { facts[set.name, default: KnownFacts()].setVersion = set.version }
        return EventComposer(
            origin: EventOrigin(host: ProcessInfo.processInfo.hostName, vigilVersion: version),
            policy: settings.policy, known: facts,
            clockErrorBound: {
                let bound = vigil_clock_error_bound()
                return bound < 0 ? nil : bound
            })
    }

    private static func canary(
        _ settings: ServiceSettings, addingTo sets: inout LoadedKnown, in directory: String
    ) throws -> Canary? {
        guard !sets.summaries.contains(where: { $0.name == Canary.setName }) else {
            throw ServeError(
                .configuration, "no known set may be called \(Canary.setName): rename it")
        }
        guard settings.canarySeconds > 0 else { return nil }
        let parts = try Canary.make(in: directory)
        sets.add(parts.set)
        return Canary(film: parts.film)
    }

    /// Tells of an alert; on the recording thread, so it does not block.
    private static func tell(
        _ event: LiveRunEvent, _ events: EventHub, _ stops: StopDesk, _ canary: Canary?,
        _ logger: Logger
    ) {
        let (type, alert, problem): (String, Alert, String?)
        switch event {
        case .opened(let opened, let why): (type, alert, problem) = ("alert.opened", opened, why)
        case .closed(let closed, let why): (type, alert, problem) = ("alert.closed", closed, why)
        case .refused(let id, let name, let why):
            return logger.warning("stream \(id), \(name): \(why)")
        case .stuck(let id, let name):
            return logger.error(
                "stream \(id), \(name): its reader does not end; its watch is over all the same")
        case .shown: return
        }
        if alert.known.set == Canary.setName {
            // In another stream it says that somebody has the film, and not that the canary came.
            guard canary?.isOwn(alert) == true else {
                return logger.error("the canary's film was seen in a stream that is not its own")
            }
            if type == "alert.closed" {
                canary?.ended()
            } else if problem == nil {
                canary?.opened()
            }
            return
        }
        if let problem { logger.error("\(problem)") }
        let what = "known item \(alert.known.item) of \(alert.known.set)"
        logger.notice("\(type) \(alert.id): \(what) in \(alert.input)")
        events.send(type, alert: alert)
        // Also where the store refused it: the stream is to be stopped all the same.
        if type == "alert.opened" { stops.opened(alert) } else { stops.closed() }
    }
}

// MARK: - The API

extension VigilService {
    /// Serves until SIGTERM or SIGINT, then ends in order.
    /// - Parameter listening: is called with the port once the API can be reached.
    public func serve(listening: @escaping @Sendable (Int) -> Void) async throws {
        do {
            let resumed = try await desk.resume()
            logger.notice("known sets: \(known.count); watches resumed: \(resumed)")
        } catch {
            throw ServeError(.state, "the watches cannot be resumed: \(error)")
        }
        do {
            await reports.tellOfKnown(known)
            try await audit.begin(known: known, configuration: settings.digest)
        } catch { throw ServeError(.state, "the audit log cannot be begun: \(error)") }
        warnOfPlainText()
        var configuration = ServiceGroupConfiguration(
            // The last is ended first: callers are answered while what was found is written.
            services: (try listeners(listening)).map {
                .init(service: $0, failureTerminationBehavior: .gracefullyShutdownGroup)
            } + [
                .init(
                    service: self, successTerminationBehavior: .gracefullyShutdownGroup,
                    failureTerminationBehavior: .gracefullyShutdownGroup)
            ],
            gracefulShutdownSignals: [.sigterm, .sigint], logger: quiet)
        configuration.maximumGracefulShutdownDuration = .seconds(Self.grace)
        let group = ServiceGroup(configuration: configuration)
        do {
            try await runUntilLeft(group)
        } catch {
            await closeSettings()
            throw error
        }
        await closeSettings()
    }

    private func warnOfPlainText() {
        let isLocal = ["127.0.0.1", "::1", "localhost"].contains(settings.host)
        guard settings.tls == nil, !isLocal else { return }
        logger.warning(
            "the API at \(settings.host) has no TLS: whoever listens on the way reads the tokens")
    }

    /// What the server's own libraries say is of no use to an operator but where it is an error.
    var quiet: Logger {
        var logger = logger
        logger.logLevel = .error
        return logger
    }
}

/// Whether the service does what it is for.
struct Readiness: Encodable {
    var status: String
    var canaryLastPassedUnixMs: Int64?
    var canaryProblem: String?

    var isReady: Bool { status == "ready" }

    /// - Parameter seconds: from one canary to the next.
    init(_ canary: CanaryState?, every seconds: Double, now: ContinuousClock.Instant = .now) {
        guard let canary else {
            status = "ready"
            return
        }
        canaryLastPassedUnixMs = canary.lastPassedUnixMilliseconds
        canaryProblem = canary.problem
        // Two may fail before the service counts as not ready: one lost packet must not take it out.
        let isFresh = canary.lastPassed.map {
            $0.duration(to: now) <= .seconds(bounded: 3 * seconds)
        }
        status =
            switch isFresh {
            case true?: "ready"
            case false?: "failing"
            case nil: canary.failed > 0 ? "failing" : "starting"
            }
    }
}

extension KnownView {
    init(_ summary: LoadedKnown.Summary) {
        self.init(
            name: summary.name, version: summary.version, items: summary.items,
            hashes: summary.hashes, createdUnixS: summary.createdUnixSeconds,
            updatedUnixS: summary.updatedUnixSeconds)
    }
}

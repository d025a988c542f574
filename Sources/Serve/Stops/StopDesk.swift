// Carries out what `StopProcess` asks for: stops streams because of alerts, where a rule says so.
//
// Each stop is a task of its own, which asks the media server, records every step on the alert, and
// ends by itself after five minutes at most, unless an authority's hold keeps it waiting. A stop that
// was begun by a service that was killed is taken up again.

internal import Foundation
internal import Logging
internal import Match
internal import Report
internal import Synchronization

/// All stops of the service.
final class StopDesk: Sendable {
    /// What a stop is told from outside.
    private enum Note: Sendable { case unpublished, republished }

    private struct Course: Sendable {
        let alert: AlertID
        let place: StreamPlace
        let publisher: StreamPublisher
        let driver: any StopDriver
    }

    private let policy: StopPolicy
    private let servers: [String: MediaServer]
    private let store: any LiveStore
    private let events: EventHub
    private let logger: Logger
    private let disk = StoreQueue("vigil.serve.stop")
    /// What each stop that goes on was told and has not taken in.
    private let inboxes = Mutex<[AlertID: (place: StreamPlace, notes: [Note])]>([:])

    /// Most stops at a time, and most notes that wait for one.
    private static let mostStops = 1000, mostNotes = 16
    /// From one look at the clock, the inbox and the holds to the next.
    private static let pulse = Duration.milliseconds(50), holdPulse = Duration.seconds(2)

    init(
        _ policy: StopPolicy, servers: [MediaServer], store: any LiveStore, events: EventHub,
        logger: Logger
    ) {
        self.policy = policy
        self.servers = Dictionary(servers.map { ($0.name, $0) }) { first, _ in first }
        self.store = store
        self.events = events
        self.logger = logger
    }

    /// An alert was recorded: stops its stream where a rule says so.
    func opened(_ alert: Alert) {
        guard policy.rules.matches(alert),
            let id = alert.stream.flatMap({ StreamID($0.id) })
        else { return }
        let detected = unixMilliseconds()
        Task { await begin(alert.id, of: id, detected: detected) }
    }

    /// The media server says that nobody publishes at a place any more.
    func unpublished(_ place: StreamPlace) { tell(place, .unpublished) }

    /// Somebody publishes there again, and was let.
    func republished(_ place: StreamPlace) { tell(place, .republished) }

    /// Somebody was refused at a place that is denied.
    func denied(_ denial: Denial, peer: String?) {
        let step = AlertStep(
            .republishDenied, at: unixMilliseconds(),
            detail: peer.map { "to \($0)" } ?? "to an unknown address")
        disk.begin { [self] in record(step, denial.alert) }
    }

    private func tell(_ place: StreamPlace, _ note: Note) {
        inboxes.withLock { inboxes in
            for (id, inbox) in inboxes
            where inbox.place == place && inbox.notes.count < Self.mostNotes {
                inboxes[id]?.notes.append(note)
            }
        }
    }

    private func record(_ step: AlertStep, _ alert: AlertID) {
        do throws(ReportError) {
            try store.add(step, to: alert)
        } catch {
            logger.error("step \(step.kind.rawValue) of alert \(alert) is not recorded: \(error)")
        }
    }
}

// MARK: - Beginning

extension StopDesk {
    private func begin(_ alert: AlertID, of stream: StreamID, detected: Int64) async {
        guard let course = await course(alert, stream) else { return }
        var process = StopProcess()
        let isHeld = await isHeld(course.place)
        let actions = process.begin(isHeld: isHeld, at: detected)
        await follow(course, &process, actions)
    }

    /// Takes up what was not finished.
    func resume() async {
        let unfinished = try? await disk.run { [store] in try store.unfinishedStops() }
        for alert in unfinished ?? [] {
            Task {
                let facts = try? await disk.run { [store] in
                    (try store.report(id: alert)?.alert.stream, try store.steps(of: alert))
                }
                guard let facts, let id = facts.0.flatMap({ StreamID($0.id) }),
                    let course = await course(alert, id)
                else { return }
                var process = StopProcess()
                let isHeld = await isHeld(course.place)
                let actions = process.resume(facts.1, isHeld: isHeld, at: unixMilliseconds())
                await follow(course, &process, actions)
            }
        }
    }

    private func course(_ alert: AlertID, _ id: StreamID) async -> Course? {
        let stream = try? await disk.run { [store] in try store.stream(id) }
        guard let stream, let place = stream.place else {
            logger.warning(
                "alert \(alert): a rule asks to stop its stream, but where it is published is not known"
            )
            return nil
        }
        guard let driver = servers[place.server]?.driver else {
            let why = "media server \(place.server) is not configured to be asked (control)"
            logger.warning("alert \(alert): a rule asks to stop its stream, but \(why)")
            return nil
        }
        return Course(alert: alert, place: place, publisher: stream.publisher, driver: driver)
    }

    private func isHeld(_ place: StreamPlace) async -> Bool {
        let now = unixMilliseconds()
        // Where the store cannot tell, a hold may be there: nothing is stopped that cannot be
        // recorded either.
        return (try? await disk.run { [store] in try store.hold(of: place, at: now) != nil })
            ?? true
    }
}

// MARK: - Carrying out

extension StopDesk {
    private func follow(
        _ course: Course, _ process: inout StopProcess, _ first: [StopProcess.Action]
    ) async {
        let isTaken = inboxes.withLock { inboxes in
            guard inboxes.count < Self.mostStops, inboxes[course.alert] == nil else { return false }
            inboxes[course.alert] = (course.place, [])
            return true
        }
        guard isTaken else {
            return logger.error("alert \(course.alert): \(Self.mostStops) stops go on, too many")
        }
        var actions = first
        while !Task.isCancelled {
            if actions.isEmpty {
                guard !process.isFinished else { break }
                actions = await wait(course, &process)
            } else {
                actions += await perform(actions.removeFirst(), course, &process)
            }
        }
        inboxes.withLock { _ = $0.removeValue(forKey: course.alert) }
    }

    private func perform(
        _ action: StopProcess.Action, _ course: Course, _ process: inout StopProcess
    ) async -> [StopProcess.Action] {
        switch action {
        case .record(let step):
            await note(step, course)
            return []
        case .deny:
            await deny(course)
            return []
        case .lift:
            _ = try? await disk.run { [store] in try store.lift(course.place) }
            return []
        case .drop:
            if await isHeld(course.place) { return process.held(at: unixMilliseconds()) }
            do throws(StopError) {
                let answer = try await course.driver.drop(
                    course.place, publisher: course.publisher)
                return process.dropped(answer, at: unixMilliseconds())
            } catch {
                return process.dropFailed(error.message, at: unixMilliseconds())
            }
        case .check:
            do throws(StopError) {
                let isThere = try await course.driver.isPublished(
                    course.place, publisher: course.publisher)
                return process.looked(isThere, at: unixMilliseconds())
            } catch {
                return process.lookFailed(error.message, at: unixMilliseconds())
            }
        case .giveUp:
            logger.critical(
                "alert \(course.alert): its stream could NOT be stopped; a person has to act")
            return []
        }
    }

    private func note(_ step: AlertStep, _ course: Course) async {
        _ = try? await disk.run { [self] in record(step, course.alert) }
        let detail = step.detail.isEmpty ? "" : ": \(step.detail)"
        logger.notice("alert \(course.alert): \(step.kind.rawValue)\(detail)")
        events.send(
            "alert.step",
            ["alert_id": course.alert.description, "step": step.kind.rawValue])
    }

    private func deny(_ course: Course) async {
        let now = unixMilliseconds()
        let denial = Denial(
            place: course.place, alert: course.alert, sinceUnixMilliseconds: now,
            untilUnixMilliseconds: now + Int64(policy.denySeconds * 1000))
        do {
            try await disk.run { [store] in try store.deny(denial) }
        } catch {
            logger.error("alert \(course.alert): its place is not denied: \(error)")
        }
    }

    /// Waits until something is to be done.
    private func wait(_ course: Course, _ process: inout StopProcess) async -> [StopProcess.Action]
    {
        let isHeld = process.phase == .held
        guard (try? await Task.sleep(for: isHeld ? Self.holdPulse : Self.pulse)) != nil else {
            return []
        }
        let now = unixMilliseconds()
        if isHeld {
            return await self.isHeld(course.place) ? [] : process.holdEnded(at: now)
        }
        let note = inboxes.withLock { inboxes -> Note? in
            guard inboxes[course.alert]?.notes.isEmpty == false else { return nil }
            return inboxes[course.alert]?.notes.removeFirst()
        }
        switch note {
        case .unpublished?: return process.unpublished(at: now)
        case .republished?: return process.republished(at: now)
        case nil: return process.tick(at: now)
        }
    }
}

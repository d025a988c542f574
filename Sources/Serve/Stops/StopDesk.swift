// Carries out what `StopProcess` asks for: stops streams because of alerts, where a rule says so.
//
// That an alert calls for a stop is on record before anything else happens, so a service that was
// killed takes it up again, also where a hold kept it waiting. A place has one course at a time, which
// alerts join: two items in one stream are one stop. A course ends by itself after five minutes,
// unless an authority's hold keeps it waiting; after a hold or a restart nothing is stopped but the
// stream that the alert is about.

internal import Foundation
package import Logging
package import Match
internal import Report
internal import Synchronization

/// All stops of the service.
package final class StopDesk: Sendable {
    /// What a stop is told from outside.
    private enum Note: Sendable { case unpublished, republished }

    /// What is known from outside of a course that goes on.
    private struct Inbox {
        var alerts: [AlertID]
        var notes: [Note] = []
        var isHeld = false
        /// Nothing is done any more but to record how it ended; alerts that come now need another.
        var isOver = false
        var next: [Course] = []
    }

    private enum Entry { case begun, joined, full }

    private let policy: StopPolicy
    private let servers: [String: MediaServer]
    let store: any LiveStore
    private let events: EventHub
    private let logger: Logger
    private let disk = StoreQueue("vigil.serve.stop")
    private let inboxes = Mutex<[StreamPlace: Inbox]>([:])
    /// Steps that the store refused; they are tried again.
    private let unrecorded = Mutex<[(step: AlertStep, alert: AlertID)]>([])

    /// Most courses at a time, those that are held aside, and most alerts of one.
    private static let mostCourses = 1000, mostAlerts = 1000
    /// Most notes that wait for a course, and most steps that wait for the store.
    private static let mostNotes = 16, mostUnrecorded = 10_000
    /// From one look at the clock, the inbox and the holds to the next.
    private static let pulse = Duration.milliseconds(50), holdPulse = Duration.seconds(2)
    /// How often and how long a course waits for others to end where there are too many.
    private static let patience = (times: 60, each: Duration.seconds(5))

    package init(
        _ policy: StopPolicy, servers: [MediaServer], store: any LiveStore, events: EventHub,
        logger: Logger
    ) {
        self.policy = policy
        self.servers = Dictionary(servers.map { ($0.name, $0) }) { first, _ in first }
        self.store = store
        self.events = events
        self.logger = logger
    }

    /// An alert was raised: stops its stream where a rule says so.
    ///
    /// Called on the recording thread, right after the alert is on record, so that it may block.
    package func opened(_ alert: Alert) {
        guard policy.rules.matches(alert), let id = alert.stream.flatMap({ StreamID($0.id) })
        else { return }
        let detected = AlertStep(.detected, at: unixMilliseconds())
        record(detected, alert.id)
        tell(detected, alert.id)
        Task { await begin(alert.id, of: id) }
    }

    /// An alert is complete: what the store refused before may be taken now.
    func closed() { disk.begin { [self] in recordAgain() } }

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

    /// Somebody is back at a place that is denied, on a server that does not ask: stops it again.
    func again(_ denial: Denial, stream: StreamID) {
        Task {
            guard let course = await course(denial.alert, stream) else { return }
            var process = StopProcess()
            let isHeld = await hold(of: course.place) != nil
            await follow(course, &process) { $0.begin(isHeld: isHeld, at: $1) }
        }
    }

    private func tell(_ place: StreamPlace, _ note: Note) {
        inboxes.withLock { inboxes in
            guard let count = inboxes[place]?.notes.count, count < Self.mostNotes else { return }
            inboxes[place]?.notes.append(note)
        }
    }
}

// MARK: - Recording

extension StopDesk {
    private func record(_ step: AlertStep, _ alert: AlertID) {
        do throws(ReportError) {
            try store.add(step, to: alert)
        } catch {
            logger.error(
                "step \(step.kind.rawValue) of alert \(alert) is not recorded yet: \(error)")
            unrecorded.withLock { steps in
                if steps.count < Self.mostUnrecorded { steps.append((step, alert)) }
            }
        }
    }

    private func recordAgain() {
        let steps = unrecorded.withLock { steps in
            defer { steps = [] }
            return steps
        }
        for (step, alert) in steps { record(step, alert) }
    }

    private func note(_ step: AlertStep, _ course: Course) async {
        // That it was detected stands on record since it was.
        guard step.kind != .detected else { return }
        var step = step
        if step.kind == .held, let hold = await hold(of: course.place) {
            let until = Date(timeIntervalSince1970: Double(hold.untilUnixMilliseconds) / 1000)
            step.detail = "asked for by \(hold.authority) until \(until.formatted(.iso8601))"
        }
        let alerts = inboxes.withLock { $0[course.place]?.alerts ?? [course.alert] }
        _ = try? await disk.run { [self, step] in
            recordAgain()
            for alert in alerts { record(step, alert) }
        }
        for alert in alerts { tell(step, alert) }
    }

    private func tell(_ step: AlertStep, _ alert: AlertID) {
        let detail = step.detail.isEmpty ? "" : ": \(step.detail)"
        logger.notice("alert \(alert): \(step.kind.rawValue)\(detail)")
        events.send("alert.step", ["alert_id": alert.description, "step": step.kind.rawValue])
    }
}

// MARK: - Beginning

extension StopDesk {
    private struct Course: Sendable {
        let alert: AlertID
        let stream: StreamID
        let place: StreamPlace
        let publisher: StreamPublisher
        let driver: any StopDriver
    }

    /// The time of a course: the wall clock's when it began, and what has passed since.
    private struct CourseClock {
        private let base = unixMilliseconds()
        private let start = ContinuousClock.now

        var now: Int64 {
            base + Int64(bounded: (ContinuousClock.now - start) / .milliseconds(1))
        }
    }

    private func begin(_ alert: AlertID, of stream: StreamID) async {
        guard let course = await course(alert, stream) else { return }
        var process = StopProcess()
        let isHeld = await hold(of: course.place) != nil
        await follow(course, &process) { $0.begin(isHeld: isHeld, at: $1) }
    }

    /// Takes up what was not finished.
    package func resume() async {
        let unfinished = await patiently { [store] in try store.unfinishedStops() }
        for alert in unfinished ?? [] {
            Task {
                let facts = await patiently { [store] in
                    (try store.report(id: alert)?.alert?.stream, try store.steps(of: alert))
                }
                guard let facts, let id = facts.0.flatMap({ StreamID($0.id) }),
                    let course = await course(alert, id)
                else { return }
                guard await isStillWatched(course) else { return }
                var process = StopProcess()
                let isHeld = await hold(of: course.place) != nil
                await follow(course, &process) { $0.resume(facts.1, isHeld: isHeld, at: $1) }
            }
        }
    }

    /// Whether the stream that the alert is about goes on; what comes after it at the same place is
    /// somebody else's.
    private func isStillWatched(_ course: Course) async -> Bool {
        let stream = await patiently { [store] in try store.stream(course.stream) }
        if stream??.isWatched ?? true { return true }
        await note(AlertStep(.endedByItself, at: unixMilliseconds()), course)
        return false
    }

    private func course(_ alert: AlertID, _ id: StreamID) async -> Course? {
        let found = await patiently { [store] in try store.stream(id) }
        guard let stream = found ?? nil, let place = stream.place else {
            await cannot(alert, "where its stream is published is not known")
            return nil
        }
        guard let driver = servers[place.server]?.driver else {
            await cannot(
                alert, "media server \(place.server) is not configured to be asked (control)")
            return nil
        }
        return Course(
            alert: alert, stream: id, place: place, publisher: stream.publisher, driver: driver)
    }

    private func cannot(_ alert: AlertID, _ why: String) async {
        let step = AlertStep(.stopGivenUp, at: unixMilliseconds(), detail: why)
        _ = try? await disk.run { [self] in record(step, alert) }
        tell(step, alert)
    }

    /// Asks the store again and again where it is busy, for a minute.
    private func patiently<Result: Sendable>(
        _ work: @escaping @Sendable () throws -> Result
    ) async -> Result? {
        for _ in 0..<30 {
            do { return try await disk.run(work) } catch {
                logger.error("a stop waits for the state: \(error)")
            }
            guard (try? await Task.sleep(for: .seconds(2))) != nil else { return nil }
        }
        return nil
    }

    /// The hold of a place; while the store cannot tell, there may be one, so it is waited for.
    private func hold(of place: StreamPlace) async -> Hold? {
        await patiently { [store] in try store.hold(of: place, at: unixMilliseconds()) } ?? nil
    }
}

// MARK: - Carrying out

extension StopDesk {
    private func follow(
        _ course: Course, _ process: inout StopProcess,
        _ first: (inout StopProcess, Int64) -> [StopProcess.Action]
    ) async {
        guard await enter(course) else { return }
        let clock = CourseClock()
        var actions = first(&process, clock.now)
        while !Task.isCancelled {
            let isHeld = process.phase == .held
            inboxes.withLock {
                $0[course.place]?.isHeld = isHeld
                $0[course.place]?.isOver = process.isFinished
            }
            if actions.isEmpty {
                guard !process.isFinished else { break }
                guard let next = await wait(course, &process, clock) else { break }
                actions = next
            } else {
                actions += await perform(actions.removeFirst(), course, &process, clock)
            }
        }
        // In one go, so that nothing that comes now is taken up by nobody.
        let inbox = inboxes.withLock { $0.removeValue(forKey: course.place) }
        guard !Task.isCancelled, let inbox else { return }
        let isBack = process.isFinished && inbox.notes.contains(.republished)
        for course in inbox.next.isEmpty && isBack ? [course] : inbox.next {
            Task { await begin(course.alert, of: course.stream) }
        }
    }

    /// Makes the place's course this one, or joins the one that goes on.
    /// - Returns: whether it is this one.
    private func enter(_ course: Course) async -> Bool {
        for turn in 0..<Self.patience.times {
            let entry = inboxes.withLock { Self.enter(course, &$0) }
            guard entry == .full else { return entry == .begun }
            if turn == 0 {
                logger.critical(
                    "alert \(course.alert): its stop waits, for \(Self.mostCourses) go on")
            }
            guard (try? await Task.sleep(for: Self.patience.each)) != nil else { return false }
        }
        await cannot(course.alert, "\(Self.mostCourses) other stops went on all the time")
        return false
    }

    private static func enter(_ course: Course, _ inboxes: inout [StreamPlace: Inbox]) -> Entry {
        if let inbox = inboxes[course.place] {
            if inbox.isOver {
                if inbox.next.count < mostAlerts { inboxes[course.place]?.next.append(course) }
            } else if inbox.alerts.count < mostAlerts {
                inboxes[course.place]?.alerts.append(course.alert)
            }
            return .joined
        }
        guard inboxes.values.count(where: { !$0.isHeld }) < mostCourses else { return .full }
        inboxes[course.place] = Inbox(alerts: [course.alert])
        return .begun
    }

    private func perform(
        _ action: StopProcess.Action, _ course: Course, _ process: inout StopProcess,
        _ clock: CourseClock
    ) async -> [StopProcess.Action] {
        switch action {
        case .record(let step):
            await note(step, course)
            return []
        case .deny:
            await deny(course)
            return []
        case .lift:
            _ = try? await disk.run { [store] in
                try store.lift(course.place, at: unixMilliseconds())
            }
            return []
        case .drop:
            if await hold(of: course.place) != nil { return process.held(at: clock.now) }
            do throws(StopError) {
                let answer = try await course.driver.drop(
                    course.place, publisher: course.publisher)
                return process.dropped(answer, at: clock.now)
            } catch {
                return process.dropFailed(error.message, at: clock.now)
            }
        case .check:
            do throws(StopError) {
                let isThere = try await course.driver.isPublished(
                    course.place, publisher: course.publisher)
                return process.looked(isThere, at: clock.now)
            } catch {
                return process.lookFailed(error.message, at: clock.now)
            }
        case .giveUp:
            logger.critical(
                "alert \(course.alert): its stream could NOT be stopped; a person has to act")
            return []
        }
    }

    private func deny(_ course: Course) async {
        let now = unixMilliseconds()
        let denial = Denial(
            place: course.place, alert: course.alert, sinceUnixMilliseconds: now,
            untilUnixMilliseconds: now + Int64(bounded: policy.denySeconds * 1000))
        do {
            try await disk.run { [store] in try store.deny(denial) }
        } catch {
            logger.error("alert \(course.alert): its place is not denied yet: \(error)")
            Task {
                guard await hold(of: course.place) == nil else { return }
                let isDone = await patiently { [store] in
                    try store.deny(denial)
                    return true
                }
                if isDone == nil {
                    logger.critical("alert \(course.alert): its place is NOT denied")
                }
            }
        }
    }

    /// Waits until something is to be done; `nil` where nothing more is.
    private func wait(
        _ course: Course, _ process: inout StopProcess, _ clock: CourseClock
    ) async -> [StopProcess.Action]? {
        let isHeld = process.phase == .held
        guard (try? await Task.sleep(for: isHeld ? Self.holdPulse : Self.pulse)) != nil else {
            return nil
        }
        if isHeld {
            guard await hold(of: course.place) == nil else { return [] }
            return await isStillWatched(course) ? process.holdEnded(at: clock.now) : nil
        }
        let note = inboxes.withLock { inboxes -> Note? in
            guard inboxes[course.place]?.notes.isEmpty == false else { return nil }
            return inboxes[course.place]?.notes.removeFirst()
        }
        switch note {
        case .unpublished?: return process.unpublished(at: clock.now)
        case .republished?: return process.republished(at: clock.now)
        case nil: return process.tick(at: clock.now)
        }
    }
}

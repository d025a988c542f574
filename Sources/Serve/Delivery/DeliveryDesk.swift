// Takes reports off the queue and sends them: one loop that touches the store, and as many attempts
// beside it as the endpoints allow.
//
// Invariants: each turn of the loop is one transaction, in which the outcomes of attempts are written
// and new ones begin, so an attempt is on record before it is made, and what the store does not take
// is kept and offered again; the number of outcomes that wait is bounded by the attempts under way.
// An endpoint that is slow, broken or gone takes nothing from the others: each has its own limit and
// its own circuit breaker. No sink is handed an exact distance that its endpoint was not given by the
// configuration. After a crash what was under way is sent again, with the same id and body.

internal import Foundation
package import Logging
internal import Match
package import Report
internal import Synchronization

/// Sends reports to all endpoints.
package actor DeliveryDesk {
    private struct Lane {
        let endpoint: DeliveryEndpoint
        var breaker = CircuitBreaker()
        var underWay = 0
        /// The attempt that is to find out whether it works again.
        var probe: AlertID?
        var isDisabled = false
        var accepted = 0
        var failed = 0
    }

    /// What is told of an endpoint in metrics.
    package struct Figures: Sendable {
        package var name: String
        package var accepted: Int
        package var failed: Int
        package var underWay: Int
        package var isOpen: Bool
        package var isDisabled: Bool
    }

    private let store: any DeliveryStore
    private let disk: StoreQueue
    private let settings: DeliverySettings
    private let composer: EventComposer
    private let logger: Logger
    private var lanes: [String: Lane] = [:]
    /// Outcomes that are not written yet.
    private var steps: [DeliveryStep] = []
    /// Endpoints that want no more, until that is on record.
    private var leaving: [String: EndpointStanding] = [:]
    private var random = SystemRandomNumberGenerator()
    private let wakes: AsyncStream<Void>
    private let waker: AsyncStream<Void>.Continuation
    private var isStoreFailing = false
    /// Whether what was under way at the last end still has to be queued again.
    private var hasToTakeUp = true
    private let start = ContinuousClock.now
    private var clock = ClockWatch()

    /// From one look at the queue to the next where nothing happens, seconds: other programs queue
    /// reports too.
    private static let idleSeconds = 0.5
    /// Longest pause of the retry schedule with its jitter and a receiver's own wish, milliseconds:
    /// what is due later was written under a wrong clock.
    private static let latestDue: Int64 = 2 * 86_400_000

    /// Sends nothing yet.
    package init(
        _ settings: DeliverySettings, store: any DeliveryStore, composer: EventComposer,
        logger: Logger
    ) {
        disk = StoreQueue("vigil.serve.delivery")
        self.settings = settings
        self.store = store
        self.composer = composer
        self.logger = logger
        for endpoint in settings.endpoints { lanes[endpoint.name] = Lane(endpoint: endpoint) }
        (wakes, waker) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Looks at the queue now.
    package nonisolated func wake() { waker.yield() }

    /// Sends until the task is cancelled; then waits for attempts under way, and writes what became
    /// of them.
    package func run() async {
        guard !lanes.isEmpty else { return }
        await withDiscardingTaskGroup { group in
            group.addTask { [waker] in
                while (try? await Task.sleep(for: .seconds(bounded: Self.idleSeconds))) != nil {
                    waker.yield()
                }
                waker.finish()
            }
            for await _ in wakes where !Task.isCancelled {
                for delivery in await turn() {
                    group.addTask { await self.attempt(delivery) }
                }
            }
        }
        for lane in lanes.values { await lane.endpoint.sink.close() }
        // Those under way have ended, for their tasks were of the group.
        let left = steps
        steps = []
        try? await write(left)
    }

    /// Figures of all endpoints, by name.
    package var figures: [Figures] {
        let now = monotonicMilliseconds
        return lanes.values.map { lane in
            var breaker = lane.breaker
            let isOpen = if case .wait = breaker.ask(at: now) { true } else { false }
            return Figures(
                name: lane.endpoint.name, accepted: lane.accepted, failed: lane.failed,
                underWay: lane.underWay, isOpen: isOpen, isDisabled: lane.isDisabled)
        }.sorted { $0.name < $1.name }
    }

    // MARK: Turns

    /// The breakers' time, which nobody sets.
    private var monotonicMilliseconds: Int64 {
        Int64(bounded: (ContinuousClock.now - start) / .milliseconds(1))
    }

    /// Queues again what was under way when the last run ended, and gives up what goes to endpoints
    /// that there are no more.
    private func takeUp() async throws {
        guard hasToTakeUp else { return }
        let names = Set(lanes.keys)
        let (left, gone) = try await disk.run { [store] in
            let now = unixMilliseconds()
            let left = try store.recoverDeliveries(dueAtMost: now + Self.latestDue, at: now)
            return (left, try store.abandonDeliveries(except: names, at: now))
        }
        hasToTakeUp = false
        if left > 0 { logger.notice("deliveries taken up that were under way: \(left)") }
        if gone > 0 {
            logger.error(
                "deliveries to endpoints that are not configured any more are dead: \(gone)")
        }
    }

    private func turn() async -> [DueDelivery] {
        let offered = steps
        steps = []
        var turn = DeliveryTurn(route: settings.route, composer: composer)
        turn.steps = offered
        let isEnding = Task.isCancelled
        for (name, lane) in lanes { turn.wants[name] = isEnding ? 0 : free(lane) }
        for name in leaving.keys { turn.wants[name] = 0 }
        let left = Array(leaving.values)
        var wentBack = clock.wentBack()
        do {
            try await takeUp()
            if wentBack > 0 {
                try await disk.run { [store, wentBack] in
                    try store.clockWentBack(by: wentBack)
                }
                wentBack = 0
            }
            let (due, disabled) = try await disk.run { [store, turn] in
                var turn = turn
                for standing in left { try store.disable(standing) }
                // First: what `take` begins must be sent.
                let disabled = try store.disabledEndpoints()
                for standing in disabled { turn.wants[standing.endpoint] = 0 }
                return (try store.take(turn, at: unixMilliseconds()), disabled)
            }
            for standing in left { leaving[standing.endpoint] = nil }
            note(disabled.map(\.endpoint))
            isStoreFailing = false
            for delivery in due { begin(delivery) }
            return due
        } catch {
            steps = offered + steps
            clock.restore(wentBack)
            if !isStoreFailing { logger.error("nothing is delivered for now: \(error)") }
            isStoreFailing = true
            return []
        }
    }

    /// How many attempts an endpoint can begin now.
    private func free(_ lane: Lane) -> Int {
        guard !lane.isDisabled else { return 0 }
        var breaker = lane.breaker
        switch breaker.ask(at: monotonicMilliseconds) {
        case .wait: return 0
        case .send(let isProbe):
            return isProbe ? 1 : max(0, lane.endpoint.concurrency - lane.underWay)
        }
    }

    private func begin(_ delivery: DueDelivery) {
        let name = delivery.endpoint
        if case .send(true)? = lanes[name]?.breaker.ask(at: monotonicMilliseconds) {
            lanes[name]?.probe = delivery.report
        }
        lanes[name]?.underWay += 1
    }

    private func note(_ disabled: [String]) {
        for name in lanes.keys {
            lanes[name]?.isDisabled = disabled.contains(name) || leaving[name] != nil
        }
    }

    private func write(_ left: [DeliveryStep]) async throws {
        guard !left.isEmpty else { return }
        var turn = DeliveryTurn(route: { _ in [] }, composer: composer)
        turn.steps = left
        turn.mostRouted = 0
        do {
            _ = try await disk.run { [store, turn] in
                try store.take(turn, at: unixMilliseconds())
            }
        } catch {
            logger.error(
                "what became of \(left.count) deliveries is not written; they are sent again: \(error)"
            )
        }
    }

    // MARK: Attempts

    private func attempt(_ delivery: DueDelivery) async {
        guard let endpoint = lanes[delivery.endpoint]?.endpoint else { return }
        let result = Task.isCancelled ? nil : await Self.send(delivery, to: endpoint)
        if let result, !(Task.isCancelled && result.isFailure) {
            return ended(delivery, result)
        }
        // Not sent, or cut short because the service ends: the next start sends it at once.
        lanes[delivery.endpoint]?.underWay -= 1
        steps.append(DeliveryStep(.recovered, delivery.report, to: delivery.endpoint))
    }

    /// Every sink gets its bodies here, and so none has a distance that its receiver may not see.
    private static func send(
        _ delivery: DueDelivery, to endpoint: DeliveryEndpoint
    ) async -> SendResult {
        var delivery = delivery
        if !endpoint.isDistanceTold {
            do throws(ReportError) { delivery.body = try EventPayload.coarse(delivery.body) } catch
            {
                return .failed(error.message)
            }
        }
        return await endpoint.sink.send(delivery)
    }

    private func ended(_ delivery: DueDelivery, _ result: SendResult) {
        let name = delivery.endpoint
        guard var lane = lanes[name] else { return }
        let now = unixMilliseconds()
        lane.underWay -= 1
        let isProbe = lane.probe == delivery.report
        if isProbe { lane.probe = nil }
        defer { waker.yield() }
        switch result {
        case .accepted:
            lane.breaker.succeeded()
            lane.accepted += 1
            steps.append(DeliveryStep(.succeeded, delivery.report, to: name))
        case .failed(let why, let retryAfter):
            lane.failed += 1
            let time = monotonicMilliseconds
            lane.breaker.failed(
                isProbe: isProbe, at: time, notBefore: retryAfter.map { time + $0 * 1000 })
            steps.append(step(after: delivery, why, retryAfter, now))
        case .gone(let why):
            lane.failed += 1
            lane.isDisabled = true
            disable(name, why, now)
            // It waits, as all others do, until somebody enables the endpoint.
            steps.append(DeliveryStep(.recovered, delivery.report, to: name, error: why))
        }
        lanes[name] = lane
    }

    private func step(
        after delivery: DueDelivery, _ why: String, _ retryAfter: Int64?, _ now: Int64
    ) -> DeliveryStep {
        let delay = settings.schedule.delayMilliseconds(
            afterAttempts: delivery.attempt, retryAfterSeconds: retryAfter, using: &random)
        if let delay {
            return DeliveryStep(
                .failed, delivery.report, to: delivery.endpoint, error: why,
                nextAttempt: now + delay)
        }
        logger.error(
            "report \(delivery.report) is dead: \(delivery.endpoint) did not accept it in \(delivery.attempt) attempts, the last: \(why)"
        )
        return DeliveryStep(.abandoned, delivery.report, to: delivery.endpoint, error: why)
    }

    /// Sends it no more; the next turn that reaches the store records that.
    private func disable(_ name: String, _ why: String, _ now: Int64) {
        logger.error(
            "endpoint \(name) is disabled: \(why); its reports wait for `vigil report enable \(name)`"
        )
        leaving[name] = EndpointStanding(
            endpoint: name, reason: why, disabledUnixMilliseconds: now)
    }
}

/// Notices that the wall clock was set back: what waits for a time must not wait for longer then.
package struct ClockWatch {
    /// Nothing is known yet.
    package init() {}

    /// Steps that are none of a clock which is slewed, milliseconds.
    private static let least: Int64 = 2000
    private var start: (wall: Int64, monotonic: ContinuousClock.Instant)?

    /// By how many milliseconds the wall clock went back since the last call.
    package mutating func wentBack(
        wall: Int64 = unixMilliseconds(), monotonic: ContinuousClock.Instant = .now
    ) -> Int64 {
        defer { start = (wall, monotonic) }
        guard let start else { return 0 }
        let passed = (monotonic - start.monotonic) / .milliseconds(1)
        let lag = start.wall + Int64(bounded: passed) - wall
        return lag >= Self.least ? lag : 0
    }

    /// Takes back what the last call said, because it could not be acted on.
    package mutating func restore(_ milliseconds: Int64) { start?.wall += milliseconds }
}

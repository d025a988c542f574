// What the service does beside the API, and how it ends.
//
// Order of ending, on SIGTERM: readers are told to stop and no watch is taken any more, listeners are
// let go, what was found is recorded, the ledger and the audit log are written, callers are let go. No
// step waits for an input, a receiver or a caller for longer than its share (docs/service.md): what does
// not end is left and told, and the program ends without it. Where the store itself hangs, the program
// leaves after five seconds; it has all that was acknowledged.

internal import Foundation
internal import Logging
internal import Report
internal import Run
public import ServiceLifecycle
internal import Synchronization

// MARK: - Running

extension VigilService: Service {
    /// Runs until the surrounding service group ends it.
    public func run() async throws {
        await stops.resume()
        let work = [
            Task { await writeLedger() }, Task { await sendCanaries() },
            Task { await deliveries.run() }, Task { await reports.watchCoverage() },
            Task { await keepListeners() }, Task { await sweepStreams() },
            Task { await audit.run() }, Task { await retention.run() },
        ]
        // Ends also where it is cancelled because others took too long to end.
        try? await gracefulShutdown()
        // Whatever comes now is no fall.
        journal?.end()
        canary?.cancel()
        events.finish()
        for task in work { task.cancel() }
        // Readers end, and what was found is recorded, while those end that send and sweep.
        async let remainder = desk.close()
        do {
            try await within(Self.longestEnding) { for task in work { await task.value } }
        } catch {
            logger.error("deliveries or a sweep do not end, and are left; the next start goes on")
        }
        let left = try await remainder
        await audit.end()
        if left.readers > 0 {
            logger.error("readers that do not end, and are left: \(left.readers)")
        }
        if !left.isRecorded {
            logger.error("a picture is looked at, or a disk written, for too long: it is left")
        }
        ending.end(left)
        logger.notice("ended; watches to resume at the next start: \(desk.count)")
    }

    /// How long what sends and sweeps may take to end, seconds.
    private static let longestEnding = Duration.seconds(2)
    /// How long callers may take to leave after that.
    private static let farewell = Duration.milliseconds(500)

    /// Runs a group until it ends; callers that do not leave once everything is written are left.
    func runUntilLeft(_ group: ServiceGroup) async throws {
        let running = Task { try await group.run() }
        let leaving = Task {
            await ending.wait()
            try await Task.sleep(for: Self.farewell)
            ending.leave()
            running.cancel()
        }
        defer { leaving.cancel() }
        do {
            try await running.value
        } catch {
            // Those that were cancelled say so.
            if !ending.hasLeft { throw error }
        }
    }

    func closeSettings() async {
        try? await within(Self.farewell) { [settings] in await settings.close() }
    }

    /// Marks that the process is ended on purpose, without waiting for anything.
    public func leave() { journal?.end() }

    /// Whether threads were left that do not end, so that the process has to be ended at once.
    public var hasRemainder: Bool { ending.remainder.map { $0 != LiveRun.Remainder() } ?? false }

    /// From one writing of the ledger to the next, seconds.
    private static let ledgerSeconds = 10.0

    private func writeLedger() async {
        while (try? await Task.sleep(for: .seconds(bounded: Self.ledgerSeconds))) != nil {
            try? await desk.flush()
        }
    }

    private func sendCanaries() async {
        guard let canary else { return }
        let queue = StoreQueue("vigil.serve.canary")
        while !Task.isCancelled {
            let began = ContinuousClock.now
            try? await queue.run { [run, store, logger] in
                canary.sendThrough(run, store: store, logger: logger)
            }
            await reports.tellOfCanary(canary.result, every: settings.canarySeconds)
            let next = began + .seconds(bounded: settings.canarySeconds)
            guard (try? await Task.sleep(until: next, clock: .continuous)) != nil else { return }
        }
    }

    private func sweepStreams() async {
        while (try? await Task.sleep(for: .seconds(1))) != nil { await desk.sweep() }
    }

    /// Says now and then that there is nothing new, so that dead listeners are noticed.
    private func keepListeners() async {
        while (try? await Task.sleep(for: .seconds(15))) != nil {
            events.send(ServiceEvent(type: "", data: ""))
        }
    }
}

/// Whether the service has ended, and what it left.
final class ServiceEnding: Sendable {
    private struct State {
        var remainder: LiveRun.Remainder?
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    private let isLeft = Atomic<Bool>(false)

    /// Whether callers were left.
    var hasLeft: Bool { isLeft.load(ordering: .relaxed) }
    func leave() { isLeft.store(true, ordering: .relaxed) }

    /// What was left; `nil` until it has ended.
    var remainder: LiveRun.Remainder? { state.withLock { $0.remainder } }

    func end(_ remainder: LiveRun.Remainder) {
        let waiting = state.withLock { state in
            state.remainder = remainder
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    /// Waits for the end.
    func wait() async {
        await withCheckedContinuation { continuation in
            let hasEnded = state.withLock { state in
                if state.remainder == nil { state.waiting.append(continuation) }
                return state.remainder != nil
            }
            if hasEnded { continuation.resume() }
        }
    }
}

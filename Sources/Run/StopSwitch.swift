// The one switch that ends a run early: cancels the reads in progress and all that would come
// after.

public import Decode
internal import Synchronization

/// Stops a run from any thread; stopping twice is safe.
public final class StopSwitch: Sendable {
    private struct State {
        var isStopped = false
        var active: [ObjectIdentifier: Interrupt] = [:]
    }

    private let state = Mutex(State())

    /// Makes a switch that is not thrown.
    public init() {}

    /// Ends the run: inputs in progress are reported as stopped, what was found is kept.
    public func stop() {
        let active = state.withLock { state in
            state.isStopped = true
            return Array(state.active.values)
        }
        for interrupt in active { interrupt.cancel() }
    }

    /// Whether `stop` was called.
    public var isStopped: Bool { state.withLock { $0.isStopped } }

    /// Runs `body` with an interrupt that the switch cancels.
    public func withInterrupt<Result>(_ body: (Interrupt) -> Result) -> Result {
        let interrupt = Interrupt()
        let isStopped = state.withLock { state in
            state.active[ObjectIdentifier(interrupt)] = interrupt
            return state.isStopped
        }
        defer { state.withLock { _ = $0.active.removeValue(forKey: ObjectIdentifier(interrupt)) } }
        if isStopped { interrupt.cancel() }
        return body(interrupt)
    }
}

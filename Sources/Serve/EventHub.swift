// Hands events to everybody who listens to `/v1/events`.
//
// A listener that does not keep up loses the oldest events, which a metric counts: an alert is never
// held up by a listener, and the list of alerts has what was lost.

internal import Foundation
internal import Synchronization

/// One event, ready to be sent.
struct ServiceEvent: Sendable {
    /// For instance `alert.opened`.
    let type: String
    /// JSON.
    let data: String
}

/// Those who listen.
package final class EventHub: Sendable {
    private struct State {
        var listeners: [Int: AsyncStream<ServiceEvent>.Continuation] = [:]
        var next = 0
        var lost = 0
        var isFinished = false
    }

    /// Most listeners at a time.
    static let mostListeners = 64
    /// Events that may wait for a listener.
    static let mostWaiting = 256

    private let state = Mutex(State())

    package init() {}

    /// Begins to listen; `nil` where too many do.
    func listen() -> AsyncStream<ServiceEvent>? {
        state.withLock { state in
            guard state.listeners.count < Self.mostListeners, !state.isFinished else { return nil }
            let (stream, continuation) = AsyncStream.makeStream(
                of: ServiceEvent.self, bufferingPolicy: .bufferingNewest(Self.mostWaiting))
            let number = state.next
            state.next += 1
            state.listeners[number] = continuation
            continuation.onTermination = { [weak self] _ in
                self?.state.withLock { _ = $0.listeners.removeValue(forKey: number) }
            }
            return stream
        }
    }

    /// Sends an event to all.
    func send(_ event: ServiceEvent) {
        let listeners = state.withLock { Array($0.listeners.values) }
        var lost = 0
        for listener in listeners {
            if case .dropped = listener.yield(event) { lost += 1 }
        }
        guard lost > 0 else { return }
        state.withLock { $0.lost += lost }
    }

    /// Sends a value as JSON.
    func send(_ type: String, _ value: some Encodable) {
        guard let data = try? APICoding.encoder().encode(value) else { return }
        send(ServiceEvent(type: type, data: String(decoding: data, as: UTF8.self)))
    }

    /// Events that listeners lost because they did not keep up.
    var lost: Int { state.withLock { $0.lost } }
    /// Who listens now.
    var listeners: Int { state.withLock { $0.listeners.count } }

    /// Ends all, and takes no more.
    func finish() {
        let listeners = state.withLock { state in
            state.isFinished = true
            return Array(state.listeners.values)
        }
        for listener in listeners { listener.finish() }
    }
}

// Hands events to everybody who listens to `/v1/events`.
//
// A listener that does not keep up loses the oldest events, which a metric counts: an alert is never
// held up by a listener, and the list of alerts has what was lost.

internal import Foundation
internal import Synchronization

/// One event, ready to be sent.
package struct ServiceEvent: Sendable {
    /// For instance `alert.opened`.
    package let type: String
    /// JSON.
    package let data: String

    package init(type: String, data: String) {
        self.type = type
        self.data = data
    }
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
    package static let mostListeners = 64
    /// Events that may wait for a listener.
    package static let mostWaiting = 256

    private let state = Mutex(State())

    /// Nobody listens yet.
    package init() {}

    /// Begins to listen; `nil` where too many do.
    package func listen() -> AsyncStream<ServiceEvent>? {
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
    package func send(_ event: ServiceEvent) {
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
    package var lost: Int { state.withLock { $0.lost } }
    /// Who listens now.
    package var listeners: Int { state.withLock { $0.listeners.count } }

    /// Ends all, and takes no more.
    package func finish() {
        let listeners = state.withLock { state in
            state.isFinished = true
            return Array(state.listeners.values)
        }
        for listener in listeners { listener.finish() }
    }
}

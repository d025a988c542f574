// Hands events to everybody who listens to `/v1/events`.
//
// A listener that does not keep up loses the oldest events, which a metric counts: an alert is never
// held up by a listener, and the list of alerts has what was lost.
//
// Places are shared: a token has some of them at most, and the last eighth is for operators. A token
// that has its share gets a further one only in the stead of one of its own that does not keep up.

internal import Decode
internal import Foundation
package import Match
internal import Synchronization

/// One event, ready to be sent.
package struct ServiceEvent: Sendable {
    /// For instance `alert.opened`.
    package let type: String
    /// JSON, without exact distances.
    package let data: String
    /// JSON for listeners who may see exact distances; `nil` where it is the same.
    package let exactData: String?

    package init(type: String, data: String, exactData: String? = nil) {
        self.type = type
        self.data = data
        self.exactData = exactData
    }
}

/// Those who listen.
package final class EventHub: Sendable {
    private struct Listener {
        var token: String
        var isBehind = false
        var continuation: AsyncStream<ServiceEvent>.Continuation
    }

    /// Why somebody may not listen.
    package enum Refusal: Error, Sendable, Hashable {
        /// All places are taken, or the service ends.
        case full
        /// The token has its share.
        case share(most: Int)
    }

    private struct State {
        var listeners: [Int: Listener] = [:]
        var next = 0
        var lost = 0
        var isFinished = false
    }

    /// Most listeners at a time.
    package static let mostListeners = 64
    /// Events that may wait for a listener.
    package static let mostWaiting = 256

    /// Places of this hub.
    package let most: Int
    /// Most of them that one token has.
    package let mostOfToken: Int
    private let state = Mutex(State())

    /// Nobody listens yet.
    package init(most: Int = EventHub.mostListeners, mostOfToken: Int = 8) {
        self.most = most
        self.mostOfToken = mostOfToken
    }

    /// Begins to listen.
    /// - Parameters:
    ///   - token: which token was shown, by a name of it.
    ///   - isFirst: whether it may have one of the last places.
    package func listen(
        by token: String, isFirst: Bool = false
    ) throws(Refusal) -> AsyncStream<ServiceEvent> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: ServiceEvent.self, bufferingPolicy: .bufferingNewest(Self.mostWaiting))
        let (outcome, behind) = state.withLock { state in
            enter(Listener(token: token, continuation: continuation), isFirst, &state)
        }
        // Not under the lock: its end comes back here.
        behind?.finish()
        let number: Int
        switch outcome {
        case .success(let entered): number = entered
        case .failure(let refusal): throw refusal
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { _ = $0.listeners.removeValue(forKey: number) }
        }
        return stream
    }

    /// - Returns: the listener's number, and one that gives way to it.
    private func enter(
        _ listener: Listener, _ isFirst: Bool, _ state: inout State
    ) -> (Result<Int, Refusal>, AsyncStream<ServiceEvent>.Continuation?) {
        guard !state.isFinished else { return (.failure(.full), nil) }
        var behind: AsyncStream<ServiceEvent>.Continuation?
        let own = state.listeners.filter { $0.value.token == listener.token }
        if own.count >= mostOfToken {
            guard let slowest = own.filter(\.value.isBehind).keys.min() else {
                return (.failure(.share(most: mostOfToken)), nil)
            }
            behind = state.listeners.removeValue(forKey: slowest)?.continuation
        }
        guard state.listeners.count < (isFirst ? most : most - most / 8) else {
            return (.failure(.full), behind)
        }
        state.next += 1
        state.listeners[state.next] = listener
        return (.success(state.next), behind)
    }

    /// Sends an event to all.
    package func send(_ event: ServiceEvent) {
        let listeners = state.withLock { $0.listeners }
        var behind: [Int] = []
        for (number, listener) in listeners {
            if case .dropped = listener.continuation.yield(event) { behind.append(number) }
        }
        guard !behind.isEmpty else { return }
        state.withLock { state in
            state.lost += behind.count
            for number in behind { state.listeners[number]?.isBehind = true }
        }
    }

    /// Sends an alert, with its distance to those alone who may see it.
    package func send(_ type: String, alert: Alert) {
        guard let data = Self.json(CoarseAlert(alert)), let exact = Self.json(alert) else { return }
        send(ServiceEvent(type: type, data: data, exactData: exact))
    }

    private static func json(_ value: some Encodable) -> String? {
        (try? APICoding.encoder().encode(value)).map {
            PlainText.escapedJSON(String(decoding: $0, as: UTF8.self))
        }
    }

    /// Sends a value as JSON.
    ///
    /// Everybody gets the same; an alert is sent by ``send(_:alert:)``.
    func send(_ type: String, _ value: some Encodable) {
        guard let data = Self.json(value) else { return }
        send(ServiceEvent(type: type, data: data))
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
        for listener in listeners { listener.continuation.finish() }
    }
}

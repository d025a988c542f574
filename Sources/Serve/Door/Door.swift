// The door of a listener: gives places to connections and closes those that lose theirs.
//
// Accepting never stops because places are taken: what nobody accepts waits in the kernel, a health
// check among it. A connection is known here from its first moment, before TLS, and is closed at the
// socket, without the farewells of the layers above.

internal import Decode
internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import Synchronization

/// Lets connections in.
final class Door: Sendable {
    private struct State {
        var places: ConnectionPlaces
        var closers: [UInt64: @Sendable () -> Void] = [:]
        var next: UInt64 = 0
    }

    /// How things stand at a door.
    struct Figures: Sendable {
        /// Connections now.
        var connections = 0
        /// Connections that lost their place to others.
        var evicted = 0
        /// New connections that got no place.
        var refused = 0
    }

    private let state: Mutex<State>
    /// Told of connections that lose their place; `nil` where nobody is.
    private let refusals: RefusalLog?
    private let start = ContinuousClock.now

    /// Connections that may wait in the kernel to be accepted.
    static let backlog = 1024

    init(_ limits: ConnectionPlaces.Limits, _ refusals: RefusalLog? = nil) {
        state = Mutex(State(places: ConnectionPlaces(limits)))
        self.refusals = refusals
    }

    /// How things stand.
    var figures: Figures {
        state.withLock {
            Figures(
                connections: $0.places.count, evicted: $0.places.evicted,
                refused: $0.places.refused)
        }
    }

    private var seconds: Double { start.duration(to: .now) / .seconds(1) }

    /// Takes in a connection.
    /// - Parameter close: closes it, soon; may be called on any thread.
    /// - Returns: its number; `nil` where there is no place for it.
    func enter(from address: IPAddress?, close: @escaping @Sendable () -> Void) -> UInt64? {
        let now = seconds
        let (number, closers) = state.withLock { state -> (UInt64?, [@Sendable () -> Void]) in
            let number = state.next
            state.next += 1
            let admission = state.places.open(number, from: address, at: now)
            let closers = admission.evicted.compactMap { state.closers.removeValue(forKey: $0) }
            guard admission.isAdmitted else { return (nil, closers) }
            state.closers[number] = close
            return (number, closers)
        }
        for close in closers {
            refusals?.note("others need its place", of: "a caller")
            close()
        }
        if number == nil { refusals?.note("all places are taken", of: "a connection") }
        return number
    }

    /// A connection came to a step.
    func reach(_ step: ConnectionPlaces.Step, _ number: UInt64) {
        let now = seconds
        state.withLock { $0.places.reach(step, number, at: now) }
    }

    /// A connection is closed.
    func leave(_ number: UInt64) {
        state.withLock { state in
            state.places.close(number)
            state.closers[number] = nil
        }
    }
}

/// A connection that passes the door before anything else is set up for it.
struct GuardedChannel<Base: ServerChildChannel>: ServerChildChannel {
    let base: Base
    let door: Door

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Base.Value> {
        channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(Doorkeeper(door), position: .first)
        }.flatMap { base.setup(channel: channel, logger: logger) }
    }

    func handle(value: Base.Value, logger: Logger) async {
        await base.handle(value: value, logger: logger)
    }
}

/// Holds the place of one connection; next to the socket.
final class Doorkeeper: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let door: Door
    private var number: UInt64?

    init(_ door: Door) { self.door = door }

    func handlerAdded(context: ChannelHandlerContext) {
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        let eventLoop = context.eventLoop
        let close: @Sendable () -> Void = {
            // Later, not at once: while it is being set up, it cannot be closed.
            eventLoop.execute { bound.value.close(promise: nil) }
        }
        let address = context.remoteAddress?.ipAddress.flatMap { IPAddress($0) }
        number = door.enter(from: address, close: close)
        if number == nil { close() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        leave()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { leave() }

    /// The connection came to a step.
    func reach(_ step: ConnectionPlaces.Step) {
        if let number { door.reach(step, number) }
    }

    private func leave() {
        if let number { door.leave(number) }
        number = nil
    }
}

// Ends connections that take too long to say what they want: a caller that sends a byte now and
// then would otherwise hold its connection, and all of them together hold the API, for ever.

internal import HTTPTypes
internal import NIOCore
internal import NIOHTTPTypes

/// Closes a connection whose request is not complete in time, or that is idle for too long.
///
/// A request's time begins with the connection, or with the end of the answer before. While an
/// answer is being made nothing is due; while it is sent, the peer has to read.
final class RequestDeadline: ChannelInboundHandler, ChannelOutboundHandler, RemovableChannelHandler
{
    typealias InboundIn = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart

    /// From the connection, or the end of the last answer, to the end of a request.
    static let limit = TimeAmount.seconds(20)

    /// How long a peer may read nothing of an answer that waits for it.
    static let readingLimit = TimeAmount.seconds(30)

    /// Told of callers that were too slow.
    private let refusals: RefusalLog
    /// Whether nothing is owed: a request was answered, and no other has begun.
    private var isIdle = false
    private var due: Scheduled<Void>?
    private var stalled: Scheduled<Void>?

    init(_ refusals: RefusalLog) { self.refusals = refusals }

    func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { start(context) }
    }

    func channelActive(context: ChannelHandlerContext) {
        start(context)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        stop()
        stalled?.cancel()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        stop()
        stalled?.cancel()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        isIdle = false
        if case .end = unwrapInboundIn(data) { stop() }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .end = unwrapOutboundIn(data) {
            isIdle = true
            start(context)
        }
        context.write(data, promise: promise)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        stalled?.cancel()
        stalled = nil
        if !context.channel.isWritable {
            stalled = closing(context, in: Self.readingLimit)
        }
        context.fireChannelWritabilityChanged()
    }

    private func start(_ context: ChannelHandlerContext) {
        stop()
        due = closing(context, in: Self.limit)
    }

    private func closing(_ context: ChannelHandlerContext, in time: TimeAmount) -> Scheduled<Void> {
        let isReading = time == Self.readingLimit
        let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
        return context.eventLoop.scheduleTask(in: time) {
            let (handler, context) = bound.value
            if isReading || !handler.isIdle {
                handler.refusals.note("it is too slow", of: "a caller")
            }
            context.close(promise: nil)
        }
    }

    private func stop() {
        due?.cancel()
        due = nil
    }
}

// Tells the door how far a connection has come, from the parts of requests and answers.
//
// An answer may be complete before its request is: a body that is refused goes on coming. Requests may
// be sent ahead; the connection is idle when all are answered.

internal import HTTPTypes
internal import NIOCore
internal import NIOHTTPTypes

/// Watches requests come and answers go.
final class ConnectionSteps: ChannelInboundHandler, ChannelOutboundHandler, RemovableChannelHandler
{
    typealias InboundIn = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private var doorkeeper: Doorkeeper?
    private var isReceiving = false
    /// Requests whose answer is not complete.
    private var owed = 0
    private var isNew = true

    func handlerAdded(context: ChannelHandlerContext) {
        doorkeeper = try? context.pipeline.syncOperations.handler(type: Doorkeeper.self)
    }

    func handlerRemoved(context: ChannelHandlerContext) { doorkeeper = nil }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head:
            (isNew, isReceiving) = (false, true)
            owed += 1
        case .body: break
        case .end: isReceiving = false
        }
        tell(context)
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .end = unwrapOutboundIn(data) { owed = max(0, owed - 1) }
        context.write(data, promise: promise)
        tell(context)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        tell(context)
        context.fireChannelWritabilityChanged()
    }

    private func tell(_ context: ChannelHandlerContext) {
        let step: ConnectionPlaces.Step =
            if !context.channel.isWritable {
                .stalled
            } else if isReceiving {
                .receiving
            } else if owed > 0 {
                .answering
            } else {
                isNew ? .incomplete : .idle
            }
        doorkeeper?.reach(step)
    }
}

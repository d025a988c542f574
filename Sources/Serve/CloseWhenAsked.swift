// Closes a connection after the answer where the caller asked for that, in whatever case it wrote it, or
// where the answer says so: what a stranger may have that is large is had once a connection.
//
// The server library knows only "close"; nginx's RTMP module writes "Close", and holds the publisher
// up until the connection is closed.

internal import HTTPTypes
internal import NIOCore
internal import NIOHTTPTypes

/// Ends connections as RFC 9112, section 9.6, asks: options of `Connection` have no case.
final class CloseWhenAsked: ChannelInboundHandler, ChannelOutboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private var isLast = false
    /// Whether the answer that is being written says that it is the last.
    private var saysSo = false

    private static func asksToClose(_ fields: HTTPFields) -> Bool {
        let options = fields[.connection]?.split(separator: ",") ?? []
        return options.contains { $0.filter { $0 != " " }.lowercased() == "close" }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .head(let request) = unwrapInboundIn(data) {
            isLast = Self.asksToClose(request.headerFields)
        }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let part = unwrapOutboundIn(data)
        if case .head(let response) = part { saysSo = Self.asksToClose(response.headerFields) }
        guard isLast || saysSo, case .end = part else {
            return context.write(data, promise: promise)
        }
        let written = promise ?? context.eventLoop.makePromise(of: Void.self)
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        written.futureResult.whenComplete { _ in bound.value.close(promise: nil) }
        context.write(data, promise: written)
    }
}

// The seam to media servers: asking one to stop a stream, and whether it is gone.

public import Report

/// What a server said when it was asked to drop a stream.
public enum DropAnswer: Sendable, Hashable {
    /// It found the stream and took the order.
    case dropped
    /// It found nothing there.
    case notThere
}

/// Asks a media server to stop streams.
///
/// Calls end within the transport's limit of time, may come at the same time, and may be repeated.
public protocol StopDriver: Sendable {
    /// Asks to drop what is published at a place.
    /// - Parameters:
    ///   - place: where; its path is that of the server's hooks.
    ///   - publisher: who published when the watch began; another may be there by now.
    func drop(
        _ place: StreamPlace, publisher: StreamPublisher
    ) async throws(StopError) -> DropAnswer

    /// Whether anybody publishes there now.
    /// - Returns: `nil` where the server cannot tell.
    func isPublished(
        _ place: StreamPlace, publisher: StreamPublisher
    ) async throws(StopError) -> Bool?
}

/// Why a media server could not be asked, or did not do what it was asked.
public struct StopError: Error, Sendable, Hashable {
    /// What went wrong.
    public enum Code: Sendable, Hashable {
        /// It could not be reached, or did not answer in time.
        case unreachable
        /// It refused: the credentials are missing, wrong, or not enough.
        case refused
        /// It answered with an error, or not in its own form.
        case failed
        /// It cannot be asked this for this stream.
        case unsupported
    }

    /// What went wrong.
    public let code: Code
    /// What, where, why and what to do; without secrets.
    public let message: String

    /// Makes an error of its parts.
    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }
}

extension StopError: CustomStringConvertible {
    /// The message.
    public var description: String { message }
}

// What the service refuses to start with, or to go on with.

/// Why the service cannot start or go on.
public struct ServeError: Error, Sendable, Hashable {
    /// What went wrong.
    public enum Code: Sendable, Hashable {
        /// A setting or a file that it names.
        case configuration
        /// The network: a port that is taken, a server that does not answer.
        case network
        /// Durable state.
        case state
    }

    /// What went wrong.
    public let code: Code
    /// What, where, why and what to do; without secrets.
    public let message: String

    /// Makes an error of a code and its whole line.
    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }
}

extension ServeError: CustomStringConvertible {
    /// The message.
    public var description: String { message }
}

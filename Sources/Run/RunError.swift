// The module's one error type: what keeps a run from starting.

/// Why a run could not be set up.
public struct RunError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kinds of failure that a caller treats differently.
    public enum Code: Sendable, Hashable {
        /// A pipeline file that cannot be read or says something wrong.
        case configuration
        /// A known set that cannot be opened or compared with.
        case known
    }

    /// The kind of failure.
    public let code: Code
    /// One line for people: what, where, why and what to do.
    public let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The message.
    public var description: String { message }
}

// Why a hook's request is not acted upon.

/// Why a hook's request is not acted upon; the message holds no secret and no stream key.
public struct HookError: Error, Sendable, Hashable {
    /// What is wrong with it.
    public enum Code: Sendable, Hashable {
        /// It is not what this kind of server sends.
        case malformed
        /// Its signature or secret is missing or wrong.
        case unauthentic
        /// It is well formed and asks for something that is not granted.
        case refused
    }

    /// What is wrong with it.
    public let code: Code
    /// What, where and what to do.
    public let message: String

    /// Makes an error of its parts.
    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }
}

extension HookError: CustomStringConvertible {
    /// The message.
    public var description: String { message }
}

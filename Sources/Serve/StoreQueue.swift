// Where the service touches the disk: a queue of its own, so that no `async` function blocks one of
// the few threads that all others share.

internal import Dispatch

/// Runs blocking work, one after the other, for callers that must not block.
package final class StoreQueue: Sendable {
    private let queue: DispatchQueue

    init(_ label: String) { queue = DispatchQueue(label: label) }

    /// Runs work and returns what it gave.
    func run<Result: Sendable>(
        _ work: @escaping @Sendable () throws -> Result
    ) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Swift.Result { try work() }) }
        }
    }

    /// Begins work that nobody waits for.
    package func begin(_ work: @escaping @Sendable () -> Void) { queue.async(execute: work) }
}

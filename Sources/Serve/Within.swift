// Waiting that ends, for work that nothing can interrupt: a look-up of the system, a write to a pipe
// that nobody reads.

/// Work took longer than its limit.
struct TookTooLong: Error {}

/// Waits for work, but no longer than a limit, nor beyond the cancellation of the caller's task.
///
/// The work then goes on by itself and what it gives is dropped; so callers see to it that not more
/// and more of it is begun.
/// - Throws: what the work throws, `TookTooLong`, or `CancellationError`.
func within<Value: Sendable>(
    _ limit: Duration, _ work: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    let (results, given) = AsyncThrowingStream<Value, any Error>.makeStream(
        bufferingPolicy: .bufferingOldest(1))
    let worker = Task {
        do {
            given.yield(try await work())
            given.finish()
        } catch { given.finish(throwing: error) }
    }
    let timer = Task {
        try await Task.sleep(for: limit)
        given.finish(throwing: TookTooLong())
    }
    defer {
        worker.cancel()
        timer.cancel()
    }
    for try await value in results { return value }
    throw CancellationError()
}

// Counted threads for the stages of a run. A stage's worker blocks, on a file, on a queue or on the
// disk, for as long as the run lasts; such loops do not belong on Dispatch's shared pool, where a
// few of them starve each other (docs/decisions/0003).

internal import Foundation

/// A fixed number of threads that run one body each, and a way to wait for all of them.
struct WorkerThreads {
    private let group = DispatchGroup()

    /// Starts `count` threads.
    func start(count: Int, name: String, _ body: @escaping @Sendable () -> Void) {
        for number in 0..<count {
            group.enter()
            let title = "\(name)-\(number)"
            let thread = Thread { [group] in
                // Only a thread that runs can be named for the system, which shows 15 bytes.
                Thread.current.name = title
                body()
                group.leave()
            }
            // The decoders' call depth is bounded, but above the 512 KiB that some systems give.
            thread.stackSize = 2 << 20
            thread.start()
        }
    }

    /// Waits until every body has returned.
    func join() { group.wait() }

    /// Waits until every body has returned, but no longer than so many seconds.
    /// - Returns: whether all have.
    func join(within seconds: Double) -> Bool {
        group.wait(timeout: .now() + max(0, seconds)) == .success
    }
}

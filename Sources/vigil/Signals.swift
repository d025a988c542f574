// SIGINT and SIGTERM end a run cleanly; a second one ends it at once.

import Dispatch
import Foundation
import Run
import Synchronization

/// Turns the first stop signal into `StopSwitch.stop`, as long as it lives.
final class StopSignals {
    /// How long stopping may take, seconds.
    private static let grace = 15.0

    private var sources: [any DispatchSourceSignal] = []

    /// - Parameters:
    ///   - note: what stopping means, for people.
    ///   - leave: done before the process is ended at once.
    init(
        _ stopSwitch: StopSwitch, note: String = "what was found is kept",
        leave: @escaping @Sendable () -> Void = {}
    ) {
        for number in [SIGINT, SIGTERM] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                if stopSwitch.isStopped {
                    leave()
                    _exit(128 + number)
                }
                Console.error("vigil: stopping; \(note) (again to stop at once)")
                stopSwitch.stop()
                // Reads end at once; where one hangs in the kernel all the same, do not hang with
                // it.
                DispatchQueue.global().asyncAfter(deadline: .now() + Self.grace) {
                    Console.error("vigil: a read does not end; leaving it")
                    leave()
                    _exit(128 + number)
                }
            }
            source.resume()
            sources.append(source)
        }
    }

    deinit {
        for source in sources { source.cancel() }
    }
}

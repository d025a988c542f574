// SIGINT and SIGTERM end a run cleanly; a second one ends it at once.

import ArgumentParser
import Dispatch
import Foundation
import Run
import Synchronization

/// Turns the first stop signal into `StopSwitch.stop`, as long as it lives.
final class StopSignals {
    /// How long stopping may take, seconds: what a run itself allows its inputs and its store, and a
    /// little more.
    static let usualGrace = 4.7

    private let sources: SignalSources

    /// - Parameters:
    ///   - note: what stopping means, for people.
    ///   - grace: how long stopping may take, seconds.
    ///   - leave: done before the process is ended at once.
    init(
        _ stopSwitch: StopSwitch, note: String = "what was found is kept",
        grace: Double = StopSignals.usualGrace,
        leave: @escaping @Sendable () -> Void = {}
    ) {
        sources = SignalSources { number, isFirst in
            guard isFirst else {
                leave()
                _exit(128 + number)
            }
            Console.error("vigil: stopping; \(note) (again to stop at once)")
            stopSwitch.stop()
            // Reads end at once; where one hangs in the kernel all the same, do not hang with it.
            SignalSources.after(grace) {
                Console.error("vigil: a read does not end; leaving it")
                leave()
                _exit(128 + number)
            }
        }
    }
}

/// Ends a service that does not end by itself after the first stop signal; at once after the second, or
/// where it does not run yet.
final class ServiceSignals {
    /// How long the end of a service may take in all, seconds; docs/service.md says for what.
    private static let longestEnd = 4.8

    private let sources: SignalSources

    /// - Parameters:
    ///   - isRunning: whether the service takes the first signal itself.
    ///   - leave: done before the process is ended without waiting.
    init(isRunning: @escaping @Sendable () -> Bool, leave: @escaping @Sendable () -> Void) {
        sources = SignalSources { number, isFirst in
            guard isFirst else {
                leave()
                _exit(128 + number)
            }
            guard isRunning() else {
                leave()
                // Nothing was acknowledged yet. As it would end a program that knows nothing of it.
                signal(number, SIG_DFL)
                kill(getpid(), number)
                return
            }
            SignalSources.after(Self.longestEnd) {
                Console.error(
                    "vigil: the service does not end in \(Self.longestEnd) s (a disk that hangs?); "
                        + "leaving what is not written")
                leave()
                _exit(Exit.incomplete.rawValue)
            }
        }
    }
}

/// Says once that it is the first time.
private final class First: Sendable {
    private let isTaken = Atomic<Bool>(false)

    func take() -> Bool { !isTaken.exchange(true, ordering: .relaxed) }
}

/// Takes SIGINT and SIGTERM, as long as it lives.
private final class SignalSources {
    private var sources: [any DispatchSourceSignal] = []

    /// Neither shares a thread with work that may block all that Dispatch has.
    private static let queue = DispatchQueue(label: "vigil.signals", qos: .userInteractive)

    /// - Parameter handle: told which came, and whether it is the first.
    init(_ handle: @escaping @Sendable (_ number: Int32, _ isFirst: Bool) -> Void) {
        let first = First()
        for number in [SIGINT, SIGTERM] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: Self.queue)
            source.setEventHandler { handle(number, first.take()) }
            source.resume()
            sources.append(source)
        }
    }

    /// Does something later, on a thread of its own: Dispatch may have none left by then.
    static func after(_ seconds: Double, _ work: @escaping @Sendable () -> Void) {
        Thread.detachNewThread {
            Thread.sleep(forTimeInterval: seconds)
            work()
        }
    }

    deinit {
        for source in sources { source.cancel() }
    }
}

// The progress line of a scan: only on a terminal, on standard error, redrawn four times a second.
// The total comes from a second walk over the same inputs, which only looks at sizes.

import Foundation
import Run
import Synchronization

final class ProgressLine: Sendable {
    private struct Total {
        var bytes: Int64 = 0
        var inputs = 0
        var isKnown = false
        var isFinished = false
    }

    private let total = Mutex(Total())
    private let run: ScanRun
    private let group = DispatchGroup()

    init(_ run: ScanRun, inputs: [String]) {
        self.run = run
        let counter = Thread { [self] in
            measure(inputs)
            group.leave()
        }
        let drawer = Thread { [self] in
            draw()
            group.leave()
        }
        for thread in [counter, drawer] {
            group.enter()
            thread.start()
        }
    }

    /// Removes the line, so that what is printed next starts on a clean one.
    static func clear() { Console.raw("\r\u{1b}[K") }

    func finish() {
        total.withLock { $0.isFinished = true }
        group.wait()
        Self.clear()
    }

    private func measure(_ inputs: [String]) {
        let walker = InputWalker(inputs)
        while let step = walker.next() {
            let goesOn = total.withLock { total in
                total.inputs += 1
                if case .input(let input) = step { total.bytes += input.bytes }
                return !total.isFinished
            }
            guard goesOn else { return }
        }
        total.withLock { $0.isKnown = true }
    }

    private func draw() {
        let start = Date()
        while !total.withLock({ $0.isFinished }) {
            Console.raw("\r\u{1b}[K" + text(elapsed: Date().timeIntervalSince(start)))
            // This thread does nothing but draw.
            Thread.sleep(forTimeInterval: 0.25)
        }
    }

    private func text(elapsed: Double) -> String {
        let (progress, total) = (run.progress, total.withLock { $0 })
        let rate = elapsed > 0 ? Double(progress.frames) / elapsed : 0
        let counts =
            "\(progress.inputs) of \(total.isKnown ? "\(total.inputs)" : "…") inputs, "
            + "\(count(progress.frames, "picture")) (\(Int(bounded: rate))/s), "
            + count(progress.alerts, "alert")
        guard total.isKnown, total.bytes > 0 else { return counts }
        let share = min(1, Double(progress.bytes) / Double(total.bytes))
        let width = 20
        let filled = Int(bounded: share * Double(width))
        let bar =
            String(repeating: "#", count: filled) + String(repeating: "-", count: width - filled)
        let isTelling = share > 0.01 && elapsed > 1
        let left = isTelling ? ", \(timeText(elapsed / share - elapsed)) left" : ""
        return "[\(bar)] \(Int(bounded: share * 100)) % \(counts)\(left)"
    }
}

// Clocks and the repetition of a piece of work.
//
// Every repetition is timed by itself, by the monotonic clock and by the thread's CPU clock. What is
// reported is the median; best and 90th percentile stand beside it, so that a machine that was busy
// with something else shows. A clock read costs well under a microsecond, so what takes less than
// some ten microseconds is repeated within one reading.

internal import Glibc
internal import Run

/// Clocks, in seconds.
enum Clock {
    /// Never set back; counts while the thread waits.
    static func wall() -> Double { seconds(CLOCK_MONOTONIC) }

    /// CPU time of the calling thread.
    static func threadCPU() -> Double { seconds(CLOCK_THREAD_CPUTIME_ID) }

    /// CPU time of all threads of the process.
    static func processCPU() -> Double { seconds(CLOCK_PROCESS_CPUTIME_ID) }

    private static func seconds(_ clock: clockid_t) -> Double {
        var time = timespec()
        clock_gettime(clock, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
}

/// How repetitions of one thing spread, in seconds.
public struct Spread: Sendable, Hashable {
    /// Half of the repetitions took no longer.
    public var median: Double
    /// The quickest.
    public var best: Double
    /// Nine in ten took no longer.
    public var p90: Double
    /// Number of repetitions.
    public var count: Int

    /// Of at least one duration, in any order.
    public init(_ durations: [Double]) {
        precondition(!durations.isEmpty, "a spread is of something")
        let sorted = durations.sorted()
        func rank(_ share: Double) -> Double {
            sorted[max(0, Int(bounded: (share * Double(sorted.count)).rounded(.up)) - 1)]
        }
        median = rank(0.5)
        best = sorted[0]
        p90 = rank(0.9)
        count = sorted.count
    }
}

/// A piece of work by both clocks.
struct Timing {
    var wall: Spread
    var cpu: Spread
}

/// The run was asked to stop.
struct Stopped: Error {}

/// Repeats work until a time is up.
struct Stopwatch {
    /// Time for the repetitions of one thing, seconds.
    var budget: Double
    let stopSwitch: StopSwitch

    /// Fewest repetitions, whatever they take.
    private static let fewest = 3
    private static let most = 200_000
    /// What is shorter than this is timed several at a time, seconds.
    private static let shortest = 20e-6

    /// Runs `body` to warm up and then repeatedly.
    /// - Parameter body: gets the number of the repetition.
    func time(_ body: (Int) throws -> Void) throws -> Timing {
        try checkStop()
        let start = Clock.wall()
        // The first pays for what is made once; the second says how long one takes.
        try body(0)
        var (wall, cpu): ([Double], [Double]) = ([], [])
        var (number, batch) = (1, 1)
        while wall.count < Self.fewest
            || Clock.wall() - start < budget && wall.count < Self.most
        {
            try checkStop()
            let (wallStart, cpuStart) = (Clock.wall(), Clock.threadCPU())
            for _ in 0..<batch {
                try body(number)
                number += 1
            }
            cpu.append((Clock.threadCPU() - cpuStart) / Double(batch))
            wall.append((Clock.wall() - wallStart) / Double(batch))
            guard wall.count == 1, number == 2, wall[0] < Self.shortest else { continue }
            batch = Int(bounded: (Self.shortest / max(wall[0], 1e-9)).rounded(.up))
            (wall, cpu) = ([], [])
        }
        return Timing(wall: Spread(wall), cpu: Spread(cpu))
    }

    func checkStop() throws(Stopped) {
        if stopSwitch.isStopped { throw Stopped() }
    }
}

/// Takes a result, so that what computes it cannot be left out.
@inline(never)
func consume<Value: ~Copyable>(_ value: borrowing Value) {}

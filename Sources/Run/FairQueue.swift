// Whose turn it is, by what turns cost: a pure value, tested without streams or threads.
//
// First come, first served gives each that waits as many turns as the others, so one whose turn costs
// forty times as much takes forty times the time. Here each has an account of what its turns cost, and
// the one whose account is lowest is next; of equal ones, the one that came first. After a rest an
// account goes on at that of the one served last, so that nobody saves up turns by waiting; a new one
// begins a usual turn above it, so that those who come anew all the time are not always first.
// Accounts only grow, and a stream that waits keeps its place while the others' pass it: nobody starves.
// While turns cost alike it is first come, first served. (Start-time fair queueing: Goyal, Vin and Cheng,
// SIGCOMM 1996.)

internal import HeapModule

/// A queue of what waits for a turn.
///
/// Each is put at most once at a time.
package struct FairQueue<Element> {
    private struct Waiting: Comparable {
        let element: Element
        let account: Double
        let place: UInt64

        static func == (one: Self, other: Self) -> Bool { one.place == other.place }

        static func < (one: Self, other: Self) -> Bool {
            (one.account, one.place) < (other.account, other.place)
        }
    }

    private var waiting = Heap<Waiting>()
    /// The account of the one served last.
    private var served = 0.0
    private var puts: UInt64 = 0
    /// What turns cost of late, seconds.
    private var usualCost = 0.0

    /// What the newest turn counts in `usualCost`.
    private static var weight: Double { 1.0 / 16 }
    /// No turn counts for more, seconds: the clock of a machine that slept is nobody's account.
    private static var dearest: Double { 60 }

    package init() {}

    /// How many wait.
    package var count: Int { waiting.count }

    /// Puts one that waits, in O(log n).
    /// - Parameter account: as `charged` returned it after its last turn; `nil` where it had none.
    package mutating func put(_ element: Element, account: Double?) {
        let account = account.map { max($0, served) } ?? served + usualCost
        waiting.insert(Waiting(element: element, account: account, place: puts))
        puts &+= 1
    }

    /// Takes the next, and its account before its turn, in O(log n).
    package mutating func next() -> (element: Element, account: Double)? {
        guard let first = waiting.popMin() else { return nil }
        served = max(served, first.account)
        return (first.element, first.account)
    }

    /// Forgets all that wait; accounts stay.
    package mutating func removeAll() { waiting = Heap() }

    /// An account after a turn.
    /// - Parameter cost: processor time, seconds.
    package mutating func charged(_ account: Double, _ cost: Double) -> Double {
        let cost = cost > 0 ? min(cost, Self.dearest) : 0
        usualCost += (cost - usualCost) * Self.weight
        return account + cost
    }
}

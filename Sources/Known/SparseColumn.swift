// A column of numbers that takes no memory while all of them are zero. Lists of images have neither
// times nor lengths, and such a list may have ten million items.
//
// Invariant: `values` is there exactly if some value is not zero, so equal columns compare equal.

/// Numbers one after another, mostly or wholly zero.
struct SparseColumn<Value: Numeric & Sendable>: Sendable, Equatable {
    private(set) var count = 0
    private var values: [Value]?

    init() {}

    /// As many zeros.
    init(zeros count: Int) { self.count = count }

    /// Takes values over without a copy.
    init(_ values: [Value]) {
        count = values.count
        self.values = values.contains { $0 != 0 } ? values : nil
    }

    /// The value at a place.
    subscript(place: Int) -> Value {
        precondition(place >= 0 && place < count, "no value at this place")
        return values?[place] ?? 0
    }

    /// All values of a range are zero without looking at them.
    var isZero: Bool { values == nil }

    mutating func append(_ value: Value) {
        if value != 0, values == nil { values = Array(repeating: 0, count: count) }
        values?.append(value)
        count += 1
    }

    mutating func reserveCapacity(_ count: Int) { values?.reserveCapacity(count) }

    /// Leaves only the values at these places, which ascend.
    mutating func keep(_ places: some Sequence<Int>, count kept: Int) {
        count = kept
        guard let old = values else { return }
        var new: [Value] = []
        new.reserveCapacity(kept)
        for place in places { new.append(old[place]) }
        self = SparseColumn(new)
    }
}

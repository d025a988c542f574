// The rectangle in which something moves, within what stands still: a video on a page, a picture on
// a still background.
//
// Samples that changed between pictures are marked; marks fade. The rectangle is where rows and then
// columns have marks enough, compared with those that have most.

internal import CHashKernels

/// Follows what moves in the pictures of one stream.
package struct MovementFinder: Sendable {
    private var before: [UInt8] = []
    private var marks: [UInt8] = []
    private var heat: [UInt8] = []
    private var size = (width: 0, height: 0)

    /// Levels by which a sample must differ, above what noise does.
    private static let threshold: Int32 = 10
    /// How soon marks come and fade, in 256ths a picture.
    private static let share: Int32 = 110
    /// Share of the liveliest rows' or columns' heat that one within the rectangle has.
    private static let leastShare = 0.22

    package init() {}

    /// The rectangle in which something moves; `nil` at first, where nothing does, and where nearly
    /// all does.
    package mutating func rectangle(of small: SmallLuma) -> PixelRect? {
        let count = small.samples.count
        defer { before = small.samples }
        guard size == (small.width, small.height), before.count == count else {
            size = (small.width, small.height)
            marks = [UInt8](repeating: 0, count: count)
            heat = marks
            return nil
        }
        vigil_changes(small.samples, before, count, Self.threshold, &marks)
        vigil_age(&heat, marks, count, Self.share)
        var rect = PixelRect(left: 0, top: 0, right: size.width, bottom: size.height)
        for _ in 0..<2 {
            guard let narrower = narrowed(rect) else { return nil }
            rect = narrower
        }
        let share = Double(rect.area) / Double(max(1, count))
        return (0.04...0.9).contains(share) ? rect : nil
    }

    private func narrowed(_ rect: PixelRect) -> PixelRect? {
        var rows = [UInt32](repeating: 0, count: rect.height)
        var columns = [UInt32](repeating: 0, count: rect.width)
        heat.withUnsafeBufferPointer { heat in
            guard let base = heat.baseAddress else { return }
            vigil_profiles(
                base + rect.top * size.width + rect.left, size.width, Int32(rect.width),
                Int32(rect.height), &rows, &columns)
        }
        guard let vertical = Self.run(rows, full: 255 * rect.width),
            let horizontal = Self.run(columns, full: 255 * rect.height)
        else { return nil }
        return PixelRect(
            left: rect.left + horizontal.lowerBound, top: rect.top + vertical.lowerBound,
            right: rect.left + horizontal.upperBound, bottom: rect.top + vertical.upperBound)
    }

    /// The longest run of lines with heat, short gaps bridged.
    private static func run(_ profile: [UInt32], full: Int) -> Range<Int>? {
        let sorted = profile.sorted()
        guard let top = sorted.isEmpty ? nil : sorted[sorted.count * 9 / 10], top > 0,
            Double(top) > 0.02 * Double(full)
        else { return nil }
        let least = UInt32(bounded: Double(top) * leastShare)
        let gap = max(2, profile.count / 40)
        var best = 0..<0
        var start: Int?
        var last = 0
        for (index, value) in profile.enumerated() where value >= least {
            if let first = start, index - last <= gap {
                if index + 1 - first > best.count { best = first..<(index + 1) }
            } else {
                start = index
            }
            last = index
        }
        return best.isEmpty ? nil : best
    }
}

// Rectangles with straight edges: a picture inside another one, a player in a filmed screen, sharp
// sides on a blurred background.
//
// Marks of edges are summed along the columns and rows that have most of them. Every rectangle of two
// such columns and two such rows (or sides of the picture) is weighed by the share of each of its
// sides that is marked, against what so many marks would give by chance. Marks are those of this
// picture, or those that last (what moves leaves no lasting mark, and a frame does); or, on a coarser
// copy, steps of brightness or of liveliness, which show a picture on noise and a sharp one on a
// blurred ground.

internal import CHashKernels

/// A rectangle and how surely it is one.
struct FoundRect: Sendable {
    var rect: PixelRect
    /// How far its sides stand out, 0…1.
    var score: Float
}

/// Edge marks of a picture, 255 for a mark in this picture; less for one that fades.
struct EdgeMap: Sendable {
    private(set) var width = 0
    private(set) var height = 0
    private(set) var upright: [UInt8] = []
    private(set) var level: [UInt8] = []

    /// Smallest difference of neighbouring samples that is an edge, levels.
    private static let threshold: Int32 = 5

    /// Marks the edges of a picture.
    mutating func fill(from small: SmallLuma) {
        width = small.width
        height = small.height
        if upright.count != width * height {
            upright = [UInt8](repeating: 0, count: width * height)
            level = upright
        }
        vigil_edges(
            small.samples, Int32(width), Int32(height), Self.threshold, &upright, &level)
    }

    /// Marks the steps of a map that stand out from those of all of it.
    /// - Parameter floor: smallest step that is an edge.
    mutating func fill(stepsOf map: [UInt8], width: Int, height: Int, floor: Int) {
        self.width = width
        self.height = height
        let count = width * height
        if upright.count != count {
            upright = [UInt8](repeating: 0, count: count)
            level = upright
        }
        var (across, along) = (upright, level)
        vigil_steps(map, Int32(width), Int32(height), &across, &along)
        vigil_ridges(
            across, count, 1, Int32(Self.standingOut(across, floor: floor)), &upright)
        vigil_ridges(
            along, count, width, Int32(Self.standingOut(along, floor: floor)), &level)
    }

    /// What exceeds the median step by far: noise and texture have steps everywhere.
    private static func standingOut(_ steps: [UInt8], floor: Int) -> Int {
        var bins = [Int](repeating: 0, count: 256)
        for step in steps { bins[Int(step)] += 1 }
        var seen = 0
        // Non-nil: all steps are in some bin.
        let median =
            bins.firstIndex {
                seen += $0; return 2 * seen >= steps.count
            } ?? 0
        return min(255, max(floor, 5 * median / 2))
    }

    /// Lets older marks fade and takes in new ones.
    mutating func age(with marks: EdgeMap, share: Int32) {
        if width != marks.width || height != marks.height {
            self = marks
            for index in upright.indices {
                upright[index] *= 255
                level[index] *= 255
            }
            return
        }
        vigil_age(&upright, marks.upright, upright.count, share)
        vigil_age(&level, marks.level, level.count, share)
    }
}

/// Searches an edge map for rectangles.
struct RectSearch {
    /// Lines of one direction, sides of the picture among them.
    private struct Lines {
        var places: [Int] = []
        /// For each line, marks summed up to every place along it, 1 for a full mark.
        var sums: [[Float]] = []
        /// Share of places marked by chance.
        var chance: Float = 0
    }

    /// Lines of each direction that are tried.
    private static let mostLines = 12
    /// Shortest side of a rectangle, as a share of the picture's.
    private static let leastShare = 0.22
    /// Share of a side that must be marked.
    private static let leastSupport: Float = 0.45
    /// By how much the support must exceed what chance gives.
    private static let leastExcess: Float = 0.25

    private let width: Int
    private let height: Int
    private let columns: Lines
    private let rows: Lines

    /// Prepares the search.
    /// - Parameter full: the value of a full mark.
    init(_ map: EdgeMap, full: Float) {
        width = map.width
        height = map.height
        columns = Self.lines(
            map.upright, count: map.width, length: map.height, step: 1, along: map.width,
            full: full)
        rows = Self.lines(
            map.level, count: map.height, length: map.width, step: map.width, along: 1, full: full)
    }

    private static func lines(
        _ map: [UInt8], count: Int, length: Int, step: Int, along: Int, full: Float
    ) -> Lines {
        var totals = [Int](repeating: 0, count: count)
        map.withUnsafeBufferPointer { map in
            if step == 1 {
                for place in 0..<length {
                    for line in 0..<count { totals[line] += Int(map[place * along + line]) }
                }
            } else {
                for line in 0..<count {
                    var sum = 0
                    for place in 0..<length { sum += Int(map[line * step + place]) }
                    totals[line] = sum
                }
            }
        }
        let least = Float(length) * full * Float(leastShare) * leastSupport
        let ranked = (2..<max(2, count - 2)).filter { line in
            let total = totals[line]
            return Float(total) >= least && total >= totals[line - 1] && total >= totals[line + 1]
        }.sorted { (totals[$1], $0) < (totals[$0], $1) }
        var chosen: [Int] = []
        for line in ranked where chosen.count < mostLines {
            if chosen.allSatisfy({ abs($0 - line) > 2 }) { chosen.append(line) }
        }
        var lines = Lines()
        lines.chance = min(
            0.9, 3 * Float(totals.reduce(0, +)) / (full * Float(max(1, count * length))))
        lines.places = [0] + chosen.sorted() + [count]
        lines.sums = lines.places.map { line in
            guard line > 0, line < count - 1 else { return [] }
            var sum: Float = 0
            var sums: [Float] = [0]
            sums.reserveCapacity(length + 1)
            for place in 0..<length {
                let index = line * step + place * along
                // An edge may lie a sample beside the line.
                sum += Float(max(map[index], map[index - step], map[index + step])) / full
                sums.append(sum)
            }
            return sums
        }
        return lines
    }

    /// The surest rectangles, the best first; none that is nearly the whole picture.
    func rectangles(most: Int) -> [FoundRect] {
        var found: [FoundRect] = []
        let (leastWidth, leastHeight) = (
            Int(bounded: Self.leastShare * Double(width)),
            Int(bounded: Self.leastShare * Double(height))
        )
        for (l, left) in columns.places.enumerated() {
            for (r, right) in columns.places.enumerated() where right - left >= leastWidth {
                for (t, top) in rows.places.enumerated() {
                    for (b, bottom) in rows.places.enumerated() where bottom - top >= leastHeight {
                        let rect = PixelRect(left: left, top: top, right: right, bottom: bottom)
                        guard Double(rect.area) < 0.93 * Double(width * height),
                            let score = score(rect, l, r, t, b)
                        else { continue }
                        found.append(FoundRect(rect: rect, score: score))
                    }
                }
            }
        }
        found.sort { ($1.score, $0.rect.left, $0.rect.top) < ($0.score, $1.rect.left, $1.rect.top) }
        var best: [FoundRect] = []
        for candidate in found where best.count < most {
            if best.allSatisfy({ $0.rect.overlap(candidate.rect) < 0.93 }) {
                best.append(candidate)
            }
        }
        return best
    }

    private func score(_ rect: PixelRect, _ l: Int, _ r: Int, _ t: Int, _ b: Int) -> Float? {
        let sides = [
            Self.support(columns, l, from: rect.top, to: rect.bottom),
            Self.support(columns, r, from: rect.top, to: rect.bottom),
            Self.support(rows, t, from: rect.left, to: rect.right),
            Self.support(rows, b, from: rect.left, to: rect.right),
        ]
        var total: Float = 0
        var count: Float = 0
        for (index, side) in sides.enumerated() {
            guard let side else { continue }
            let chance = index < 2 ? columns.chance : rows.chance
            guard side >= Self.leastSupport, side - chance >= Self.leastExcess else { return nil }
            total += (side - chance) / (1 - chance)
            count += 1
        }
        // One line alone cuts every picture that has a horizon.
        guard count >= 2 else { return nil }
        return total / count + 0.05 * count
    }

    /// Share of a side that is marked; `nil` for a side of the picture.
    private static func support(_ lines: Lines, _ line: Int, from: Int, to: Int) -> Float? {
        let sums = lines.sums[line]
        guard !sums.isEmpty, to > from else { return nil }
        return (sums[to] - sums[from]) / Float(to - from)
    }
}

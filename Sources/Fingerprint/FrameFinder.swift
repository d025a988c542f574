// Rectangles with straight edges in the pictures of one stream, from all maps that can show one.

internal import CHashKernels

/// Finds rectangles with straight edges.
package struct FrameFinder: Sendable {
    private var sharp = EdgeMap()
    private var lasting = EdgeMap()
    private var coarse = EdgeMap()
    private var coarseLuma = SmallLuma()
    private var lively = SmallLuma()
    private var activity: [UInt8] = []
    private var pictures = 0

    /// Rectangles of each map, and in all.
    private static let mostOfMap = 3
    package static let most = 8
    /// How soon lasting edges come and fade, in 256ths a picture.
    private static let share: Int32 = 64
    /// Pictures after which edges are known to last.
    private static let patience = 3
    /// Smallest steps of brightness, in levels, and of liveliness, in 32nds of a doubling.
    private static let leastStep = (luma: 6, activity: 16)

    package init() {}

    /// The rectangles of the next picture, in its samples.
    package mutating func rectangles(of small: SmallLuma) -> [PixelRect] {
        pictures += 1
        sharp.fill(from: small)
        lasting.age(with: sharp, share: Self.share)
        var maps: [[PixelRect]] = []
        if pictures >= Self.patience { maps.append(Self.best(of: lasting, full: 255)) }
        maps.append(Self.best(of: sharp, full: 1))
        coarseLuma.fill(reducing: small, by: 2)
        coarse.fill(
            stepsOf: coarseLuma.samples, width: coarseLuma.width, height: coarseLuma.height,
            floor: Self.leastStep.luma)
        maps.append(Self.best(of: coarse, full: 1, scale: 2))
        fillLively(small)
        coarse.fill(
            stepsOf: lively.samples, width: lively.width, height: lively.height,
            floor: Self.leastStep.activity)
        maps.append(Self.best(of: coarse, full: 1, scale: 2))
        return Self.chosen(from: maps)
    }

    private static func best(of map: EdgeMap, full: Float, scale: Int = 1) -> [PixelRect] {
        RectSearch(map, full: full).rectangles(most: mostOfMap).map { $0.rect.scaled(by: scale) }
    }

    /// The best of every map before the second best of any: grain fills the sharp maps with what
    /// chance gives, and a later one may be the only one that shows the rectangle.
    private static func chosen(from maps: [[PixelRect]]) -> [PixelRect] {
        var found: [PixelRect] = []
        for rank in 0..<mostOfMap {
            for map in maps where map.count > rank && found.count < most {
                if found.allSatisfy({ $0.overlap(map[rank]) < 0.95 }) { found.append(map[rank]) }
            }
        }
        return found
    }

    /// The liveliness of the picture on a scale on which a doubling is 32 levels.
    private mutating func fillLively(_ small: SmallLuma) {
        if activity.count != small.samples.count {
            activity = [UInt8](repeating: 0, count: small.samples.count)
        }
        vigil_activity(small.samples, Int32(small.width), Int32(small.height), &activity)
        var map = small
        map.replace(with: activity)
        lively.fill(reducing: map, by: 2)
        lively.replace(with: lively.samples.map { Self.levels[Int($0)] })
    }

    private static let levels: [UInt8] = (0..<256).map { value in
        // log2(1 + value) by halves, to 1/32.
        var (rest, level) = (Double(value) + 1, 0.0)
        while rest >= 2 {
            rest /= 2
            level += 32
        }
        return UInt8(bounded: min(255, level + 32 * (rest - 1)))
    }
}

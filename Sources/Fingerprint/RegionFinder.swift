// Which regions of the pictures of one stream are hashed, beside each whole picture.
//
// Belongs to one stream and is given its pictures in order, because borders and frames are what
// lasts and movement is what changes. Costs are bounded: a fixed number of regions a picture, all
// found in a small copy.

/// Finds regions worth hashing in the pictures of one stream.
public struct RegionFinder: Sendable {
    /// A region in samples of the small copy.
    package struct View: Sendable, Equatable {
        package var region: PictureRegion
        package var pixels: PixelRect
        /// Within which there is picture; beyond it stands what a mirror would show.
        package var bounds: PixelRect
        /// What hides a part of the picture, and is painted over.
        package var covered: PixelRect?
    }

    private let effort: Effort
    private var borders = BorderFinder()
    private var movement = MovementFinder()
    private var frames = FrameFinder()
    private var half = SmallLuma()
    private var lastCell: Double?

    /// Shares of a side by which a widened view exceeds the picture, on each side.
    ///
    /// A hash within the weak radius reaches about 3 % of a side further, to either side.
    private static let margins: [Double] = [0.05, 0.12]
    /// Turns that are undone, degrees.
    private static let turns: [Double] = [-4, 4]

    /// Makes a finder for a stream of which nothing was seen.
    public init(effort: Effort) { self.effort = effort }

    /// Regions are found in the first picture of each such stretch of time, seconds: where every
    /// frame is sampled, neighbours have the same.
    private static let cell = 0.2

    private static func cell(of time: Double) -> Double { (time / cell).rounded(.down) }

    /// Whether regions may be wanted of a picture.
    /// - Parameter before: media time of the picture before, if known; without it they may be.
    public static func isDue(at time: Double, after before: Double?) -> Bool {
        before.map { cell(of: $0) != cell(of: time) } ?? true
    }

    /// Whether regions are wanted of the next picture.
    public func isDue(at time: Double) -> Bool { lastCell != Self.cell(of: time) }

    /// The regions of the next picture, the whole not among them.
    package mutating func views(of small: SmallLuma, at time: Double) -> [View] {
        guard effort != .fast, !small.isEmpty else { return [] }
        lastCell = Self.cell(of: time)
        var list = ViewList(width: small.width, height: small.height)
        let contents = borders.contents(of: small)
        list.add(.content, contents.lasting)
        for layer in contents.now { list.add(.content, layer) }
        let content = contents.lasting
        for degrees in Self.turns { list.addTurned(content, degrees) }
        for margin in Self.margins { list.addWidened(content, margin) }
        if effort == .thorough { addInner(content, of: small, to: &list) }
        return list.views
    }

    private mutating func addInner(
        _ content: PixelRect, of small: SmallLuma, to list: inout ViewList
    ) {
        half.fill(halving: small)
        let scale = half.width == small.width ? 1 : 2
        if let moving = movement.rectangle(of: half) {
            list.add(.moving, moving.scaled(by: scale))
        }
        for rect in frames.rectangles(of: half).map({ $0.scaled(by: scale) }) {
            list.add(.framed, rect)
            list.addUncovered(content, by: rect)
        }
        let whole = PixelRect(left: 0, top: 0, right: small.width, bottom: small.height)
        for rect in content.overlap(whole) < 0.97 ? [whole, content] : [whole] {
            for window in Self.windows { list.add(.window, rect.part(window)) }
        }
    }

    /// Halves, quarters, the middle, and the middle third: an upright film on a wide picture.
    private static let windows: [PixelRect.Shares] = [
        (0, 0, 0.5, 1), (0.5, 0, 1, 1), (0, 0, 1, 0.5), (0, 0.5, 1, 1),
        (0, 0, 0.5, 0.5), (0.5, 0, 1, 0.5), (0, 0.5, 0.5, 1), (0.5, 0.5, 1, 1),
        (0.2, 0.2, 0.8, 0.8), (1 / 3.0, 0, 2 / 3.0, 1),
    ]
}

/// The regions of one picture, without those that are nearly the same as another.
private struct ViewList {
    private let whole: PixelRect
    private(set) var views: [RegionFinder.View] = []

    /// Regions that overlap more than this have hashes that are as near as those of two copies.
    private static let same = 0.97

    init(width: Int, height: Int) {
        whole = PixelRect(left: 0, top: 0, right: width, bottom: height)
    }

    mutating func add(
        _ kind: PictureRegion.Kind, _ rect: PixelRect, within bounds: PixelRect? = nil
    ) {
        guard rect.overlap(whole) < Self.same,
            views.allSatisfy({
                $0.region.degrees != 0 || $0.covered != nil || $0.pixels.overlap(rect) < Self.same
            })
        else { return }
        views.append(
            .init(region: region(kind, rect), pixels: rect, bounds: bounds ?? whole))
    }

    mutating func addWidened(_ rect: PixelRect, _ margin: Double) {
        let (x, y) = (
            Int(bounded: margin * Double(rect.width)), Int(bounded: margin * Double(rect.height))
        )
        add(
            .widened,
            PixelRect(
                left: rect.left - x, top: rect.top - y, right: rect.right + x,
                bottom: rect.bottom + y), within: rect)
    }

    mutating func addTurned(_ rect: PixelRect, _ degrees: Double) {
        views.append(
            .init(region: region(.turned, rect, Float(degrees)), pixels: rect, bounds: rect))
    }

    /// Shares of a picture that something may hide without hiding what the picture is.
    private static let covered = 0.02...0.4

    mutating func addUncovered(_ content: PixelRect, by rect: PixelRect) {
        let hidden = content.intersection(rect)
        guard hidden.width > 0, hidden.height > 0,
            Self.covered.contains(Double(hidden.area) / Double(content.area))
        else { return }
        views.append(
            .init(
                region: region(.uncovered, hidden), pixels: content, bounds: content,
                covered: hidden))
    }

    private func region(
        _ kind: PictureRegion.Kind, _ rect: PixelRect, _ degrees: Float = 0
    ) -> PictureRegion {
        PictureRegion(
            kind, left: Float(rect.left) / Float(whole.width),
            top: Float(rect.top) / Float(whole.height),
            right: Float(rect.right) / Float(whole.width),
            bottom: Float(rect.bottom) / Float(whole.height), degrees: degrees)
    }
}

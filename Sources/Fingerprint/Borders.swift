// Uniform borders: black bars, white frames, coloured margins.
//
// A border is uniform along the edge and static over time. One picture says only the first, and a
// dark scene can look like a border; a whole picture can be shown between bordered ones. So both are
// given: what this picture shows, and the largest content that the last pictures agree on, which no
// single dark one narrows. A hash is taken of each, where they differ.

internal import CHashKernels

/// Finds uniform borders in the pictures of one stream.
package struct BorderFinder: Sendable {
    /// Contents of the last pictures that had something to show.
    private var recent: [PixelRect] = []
    private var next = 0
    private var size = (width: 0, height: 0)

    /// Pictures that the lasting estimate is of.
    private static let memory = 8
    /// A border is no wider than this share of the picture; beyond it there is no content to speak
    /// of.
    private static let mostShare = 0.46
    /// Levels by which samples of a border may differ.
    private static let tolerance = 12

    package init() {}

    /// What is inside the borders of the last pictures together, and of this one, border by border:
    /// the original may have had the inner ones itself.
    package mutating func contents(of small: SmallLuma) -> (lasting: PixelRect, now: [PixelRect]) {
        let whole = PixelRect(left: 0, top: 0, right: small.width, bottom: small.height)
        if size != (small.width, small.height) {
            size = (small.width, small.height)
            recent = []
            next = 0
        }
        let layers = Self.layers(of: small)
        guard let now = layers.last else { return (lasting ?? whole, []) }
        if recent.count < Self.memory {
            recent.append(now)
        } else {
            recent[next] = now
            next = (next + 1) % Self.memory
        }
        return (lasting ?? whole, layers)
    }

    private var lasting: PixelRect? {
        guard let first = recent.first else { return nil }
        return recent.dropFirst().reduce(first) {
            PixelRect(
                left: min($0.left, $1.left), top: min($0.top, $1.top),
                right: max($0.right, $1.right), bottom: max($0.bottom, $1.bottom))
        }
    }

    /// The picture without its outermost border, without the next one, and so on.
    ///
    /// The last is without any. None for a picture that is all border.
    package static func layers(of small: SmallLuma) -> [PixelRect] {
        let (width, height) = (small.width, small.height)
        return small.samples.withUnsafeBufferPointer { samples in
            guard let base = samples.baseAddress, width > 16, height > 16 else { return [] }
            var rect = PixelRect(left: 0, top: 0, right: width, bottom: height)
            var layers: [PixelRect] = []
            // Bars above and below, at the sides, and once more those within another border.
            for _ in 0..<2 {
                let rows = rowBorders(base, stride: width, rect)
                rect.top += rows.first
                rect.bottom -= rows.last
                guard rect.height > 0 else { return [] }
                if rows != (0, 0) { layers.append(rect) }
                let columns = columnBorders(base, stride: width, rect)
                rect.left += columns.first
                rect.right -= columns.last
                guard rect.width > 0 else { return [] }
                if columns != (0, 0) { layers.append(rect) }
                if columns == (0, 0) { break }
            }
            let least = 1 - 2 * mostShare
            guard Double(rect.width) > least * Double(width),
                Double(rect.height) > least * Double(height)
            else { return [] }
            return layers.isEmpty ? [rect] : layers
        }
    }

    /// Samples of a line that may stand out: noise, ringing.
    private static func allowed(_ length: Int) -> Int32 { Int32(length / 40) }

    private static func rowBorders(
        _ base: UnsafePointer<UInt8>, stride: Int, _ rect: PixelRect
    ) -> (first: Int, last: Int) {
        let width = rect.width
        func border(from start: Int, by step: Int) -> Int {
            let row = { (y: Int) in base + y * stride + rect.left }
            let level = median(row(start), count: width, stride: 1)
            var count = 0
            while count < rect.height,
                vigil_row_outliers(
                    row(start + count * step), Int32(width), Int32(level), Int32(tolerance))
                    <= allowed(width)
            {
                count += 1
            }
            return count
        }
        let first = border(from: rect.top, by: 1)
        guard first < rect.height else { return (first, 0) }
        return (first, border(from: rect.bottom - 1, by: -1))
    }

    private static func columnBorders(
        _ base: UnsafePointer<UInt8>, stride: Int, _ rect: PixelRect
    ) -> (first: Int, last: Int) {
        let start = base + rect.top * stride + rect.left
        var counts = [UInt16](repeating: 0, count: rect.width)
        func border(fromEnd: Bool) -> Int {
            let outermost = fromEnd ? rect.width - 1 : 0
            let level = median(start + outermost, count: rect.height, stride: stride)
            // Most pictures have no border: look at the first column before all others.
            vigil_column_outliers(
                start + outermost, stride, 1, Int32(rect.height), Int32(level), Int32(tolerance),
                &counts)
            guard counts[0] <= allowed(rect.height) else { return 0 }
            vigil_column_outliers(
                start, stride, Int32(rect.width), Int32(rect.height), Int32(level),
                Int32(tolerance), &counts)
            let isBorder = { (count: UInt16) in Int32(count) <= allowed(rect.height) }
            return fromEnd
                ? counts.reversed().prefix(while: isBorder).count
                : counts.prefix(while: isBorder).count
        }
        let first = border(fromEnd: false)
        guard first < rect.width else { return (first, 0) }
        return (first, border(fromEnd: true))
    }

    private static func median(_ first: UnsafePointer<UInt8>, count: Int, stride: Int) -> Int {
        withUnsafeTemporaryAllocation(of: Int32.self, capacity: 256) { bins in
            bins.initialize(repeating: 0)
            for index in 0..<count { bins[Int(first[index * stride])] += 1 }
            var seen = 0
            for level in 0..<256 {
                seen += Int(bins[level])
                if 2 * seen > count { return level }
            }
            return 255
        }
    }
}

// A picture for people: so small that it shows what kind of scene it is and little more. Made only
// where it was asked for.

internal import Fingerprint

/// A small picture in 256 levels of grey, rows without a gap.
public struct GreyPicture: Sendable, Hashable {
    /// Samples in a row.
    public let width: Int
    /// Number of rows.
    public let height: Int
    /// Row-major, 0 black to 255 white.
    public let samples: [UInt8]

    /// Longest side, samples.
    public static let longestSide = 160

    /// Makes a picture of the means of squares of another's samples; `nil` of an empty one.
    init?(_ copy: SmallLuma) {
        let longer = max(copy.width, copy.height)
        let factor = max(1, (longer + Self.longestSide - 1) / Self.longestSide)
        let (width, height) = (copy.width / factor, copy.height / factor)
        guard width > 0, height > 0 else { return nil }
        let samples = copy.samples
        var means = [UInt8](repeating: 0, count: width * height)
        for y in 0..<height {
            for x in 0..<width {
                var sum = 0
                for row in y * factor..<(y + 1) * factor {
                    let start = row * copy.width + x * factor
                    for place in start..<start + factor { sum += Int(samples[place]) }
                }
                let mean = sum / (factor * factor)
                means[y * width + x] =
                    copy.range == .full
                    ? UInt8(mean) : UInt8(min(255, max(0, (mean - 16) * 255 / 219)))
            }
        }
        (self.width, self.height, self.samples) = (width, height, means)
    }
}

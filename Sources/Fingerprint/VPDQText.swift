// The text form of a video's frame hashes as the vPDQ reference writes it:
// `frame,quality,hash,seconds` a line, seconds with three decimals.

extension FrameFingerprint {
    /// The line `frame,quality,hash,seconds`, without a line end.
    public var vpdqLine: String {
        "\(frame),\(quality),\(hash.hex),\(Self.thousandths(mediaTime))"
    }

    /// Reads a line that `vpdqLine` or the reference wrote; `nil` if it is malformed.
    public init?(vpdqLine line: some StringProtocol) {
        let fields = line.split(separator: ",", omittingEmptySubsequences: false)
        guard fields.count == 4,
            let frame = Int(fields[0]), frame >= 0,
            let quality = Int(fields[1]), (0...100).contains(quality),
            let hash = PDQHash(hex: fields[2]),
            let seconds = Double(fields[3]), seconds.isFinite, seconds >= 0
        else { return nil }
        self.init(hash: hash, quality: quality, mediaTime: seconds, frame: frame)
    }

    /// `seconds` with three decimals; written by hand because the module stays free of Foundation.
    static func thousandths(_ seconds: Double) -> String {
        guard seconds.isFinite, abs(seconds) < 1e12 else { return "0.000" }
        let total = Int(bounded: (seconds * 1000).rounded())
        let fraction = String(abs(total) % 1000)
        let sign = total < 0 ? "-" : ""
        return "\(sign)\(abs(total) / 1000)."
            + String(repeating: "0", count: 3 - fraction.count) + fraction
    }
}

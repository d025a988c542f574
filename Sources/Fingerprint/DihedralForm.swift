// The eight mirror and quarter-turn forms of a picture. In the DCT a mirror is a change of sign of
// the odd frequencies and a turn adds a transpose, so all eight hashes come from one spectrum.
//
// Source: facebook/ThreatExchange, pdq/cpp/hashing/pdqhashing.cpp (dct16OriginalTo…); the names are
// the reference's.

internal import CHashKernels

/// One of the eight forms that turning and mirroring give a picture.
public enum DihedralForm: String, Sendable, CaseIterable, Codable {
    /// The picture as it is.
    case original
    /// Turned a quarter counter-clockwise.
    case rotate90
    /// Turned half round.
    case rotate180
    /// Turned a quarter clockwise.
    case rotate270
    /// Upside down (mirrored in the horizontal axis).
    case flipX
    /// Mirrored left to right (in the vertical axis).
    case flipY
    /// Mirrored in the main diagonal: transposed.
    case flipPlus1
    /// Mirrored in the other diagonal.
    case flipMinus1

    fileprivate var transposes: Bool {
        switch self {
        case .original, .rotate180, .flipX, .flipY: false
        case .rotate90, .rotate270, .flipPlus1, .flipMinus1: true
        }
    }

    /// Whether the coefficient at row i, column j of the picture changes sign on its way to the
    /// form.
    ///
    /// Frequencies are i + 1 and j + 1, so an even index is an odd frequency.
    fileprivate func negates(row i: Int, column j: Int) -> Bool {
        switch self {
        case .original, .flipPlus1: false
        case .rotate90, .flipY: j & 1 == 0
        case .rotate270, .flipX: i & 1 == 0
        case .rotate180, .flipMinus1: (i + j) & 1 == 1
        }
    }
}

extension PDQSpectrum {
    /// The hash of one form of the picture.
    public func hash(_ form: DihedralForm) -> PDQHash {
        let values = form == .original ? coefficients : coefficients(of: form)
        let median = vigil_median_256(values)
        var words = SIMD4<UInt64>.zero
        for (index, value) in values.enumerated() where value > median {
            words[index >> 6] |= 1 << UInt64(index & 63)
        }
        return PDQHash(words: words)
    }

    private func coefficients(of form: DihedralForm) -> [Float] {
        var result = [Float](repeating: 0, count: 256)
        for i in 0..<16 {
            for j in 0..<16 {
                let value = coefficients[16 * i + j]
                let target = form.transposes ? 16 * j + i : 16 * i + j
                result[target] = form.negates(row: i, column: j) ? -value : value
            }
        }
        return result
    }
}

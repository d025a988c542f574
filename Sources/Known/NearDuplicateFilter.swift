// Thins out the densely sampled frames of a known video. Sparse queries need dense known videos,
// but a still scene gives the same hash hundreds of times; such repeats cost memory and find
// nothing new.
//
// Invariants: the first frame is always kept; a frame is dropped only if one of the last eight
// kept frames is within the distance, so every dropped frame still has a kept neighbour that close
// to it.

public import Fingerprint

/// Decides frame by frame whether a video's frame adds anything to those kept before it.
public struct NearDuplicateFilter: Sendable {
    /// How many kept frames a new one is compared with.
    public static let memory = 8

    private let distance: Int
    private var recent: [PDQHash] = []
    private var oldest = 0

    /// Makes a filter for one video.
    /// - Parameter distance: a frame at most this many bits from a recent kept one is dropped;
    ///   below 0 nothing is.
    public init(within distance: Int) {
        self.distance = distance
        recent.reserveCapacity(Self.memory)
    }

    /// Whether to keep this frame; if so it is remembered.
    public mutating func keeps(_ hash: PDQHash) -> Bool {
        guard recent.allSatisfy({ $0.distance(to: hash) > distance }) else { return false }
        if recent.count < Self.memory {
            recent.append(hash)
        } else {
            recent[oldest] = hash
            oldest = (oldest + 1) % Self.memory
        }
        return true
    }
}

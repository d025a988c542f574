// How near a match was, told so coarsely that it gives no known hash away.
//
// An exact distance is one: whoever changes a picture bit by bit and is told each distance has all 256
// bits after 257 pictures, and with several bits at a time after some 64. So only reviewers are told
// distances; everybody else is told a band. Its edges are fixed numbers, whatever the radius is
// set to, so that a band means the same everywhere. What an attacker still learns, and why no noise
// is added to the edges: docs/decisions/0022.

/// A coarse measure of how near a known item was.
public enum DistanceBand: String, Sendable, Hashable, CaseIterable, Codable {
    /// At most 8 bits: the same picture, mostly encoded anew. It leaves 2^48 hashes to choose from.
    case exact
    /// At most 31 bits, the radius that PDQ's authors recommend.
    case close
    /// Further: it counts only together with others.
    case weak

    /// Largest distance of a band, bits.
    public static let exactMost = 8, closeMost = 31

    /// The band of a distance in bits.
    public init(distance: Int) {
        self =
            switch distance {
            case ...Self.exactMost: .exact
            case ...Self.closeMost: .close
            default: .weak
            }
    }
}

extension Alert {
    /// How near its best frame was.
    public var band: DistanceBand { DistanceBand(distance: bestDistance) }
}

/// An alert as those are told it who must not know distances: `best_distance` is null.
public struct CoarseAlert: Sendable, Hashable, Encodable {
    /// The alert.
    public let alert: Alert

    /// Wraps an alert.
    public init(_ alert: Alert) { self.alert = alert }

    /// Writes all fields of the alert, with null for its distance.
    public func encode(to encoder: any Encoder) throws {
        try alert.encode(to: encoder, isDistanceTold: false)
    }
}

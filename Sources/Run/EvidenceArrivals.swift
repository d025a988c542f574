// When the frames of a stream arrived that came near to something known, so that an alert can tell
// when its first one did, which may be long before the one that made the evidence sufficient.
//
// Only frames with hits are noted, so on ordinary traffic nothing is kept; the newest `most` are.

/// Arrivals of a stream's frames that had hits.
package struct EvidenceArrivals {
    private var moments: [FollowSchedule.Moment] = []
    private var next = 0

    /// Frames that are remembered.
    package static let most = 128

    package init() {}

    /// Notes a frame that had hits.
    package mutating func note(_ moment: FollowSchedule.Moment) {
        guard moments.count == Self.most else { return moments.append(moment) }
        moments[next] = moment
        next = (next + 1) % Self.most
    }

    /// When the frame of a media time arrived.
    ///
    /// Where that is forgotten, it is as long before the newest as the media times say.
    package func arrival(ofFrameAt time: Double, newest: FollowSchedule.Moment) -> Double {
        let noted = moments.last { $0.time == time }?.arrival
        return min(newest.arrival, noted ?? newest.arrival - max(0, newest.time - time))
    }
}

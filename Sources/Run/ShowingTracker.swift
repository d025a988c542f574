// Which known pictures are shown, and as which version: what tells whoever tries out variants of one
// from whoever shows it.
//
// A showing is what one stream shows of one known item without a pause of `holdSeconds`. It is brief where
// it is of a few of the item's pictures: a showing of more is a film, of which no answer is about a
// single picture. Sightings somewhat beyond the radius count too, for whoever tries out where it ends
// is as often beyond it as within.
// Pure: times are given, nothing is known of who publishes. Bounded: `most` showings, of which the oldest
// ends where there are more, each with `mostPictures` fingerprints of what was shown, never of what is
// known.

package import Fingerprint
package import Match
package import Report

/// A showing of a few pictures of a known item, now over.
public struct BriefShowing: Sendable {
    /// A picture of the known item, and what was shown of it.
    package struct Picture: Sendable {
        /// Its media time in the known item, which tells it from the item's others, seconds.
        package var time: Double
        /// The nearest of the fingerprints that were shown.
        package var query: PDQHash

        package init(time: Double, query: PDQHash) {
            self.time = time
            self.query = query
        }
    }

    /// The stream.
    package var stream: StreamID
    /// The known item.
    package var known: KnownReference
    /// Its pictures that were shown.
    package var pictures: [Picture]

    package init(stream: StreamID, known: KnownReference, pictures: [Picture]) {
        self.stream = stream
        self.known = known
        self.pictures = pictures
    }
}

/// Follows what is shown of known items, stream by stream.
package struct ShowingTracker {
    /// A brief showing that is over.
    package struct Ended {
        package var stream: StreamID
        /// Number of the item in the index.
        package var item: Int
        package var pictures: [BriefShowing.Picture]
    }

    private struct Key: Hashable {
        var stream: StreamID
        var item: Int
    }

    private struct Showing {
        var last: Double
        var pictures: [(picture: BriefShowing.Picture, distance: Int)] = []
        var isFilm = false

        mutating func add(_ hit: Hit) {
            if let place = pictures.firstIndex(where: { $0.picture.time == hit.knownTime }) {
                guard hit.distance < pictures[place].distance else { return }
                pictures[place] = (.init(time: hit.knownTime, query: hit.query), hit.distance)
            } else if pictures.count < ShowingTracker.mostPictures {
                pictures.append((.init(time: hit.knownTime, query: hit.query), hit.distance))
            } else {
                isFilm = true
            }
        }
    }

    /// Most showings that are followed.
    package static let most = 4096
    /// Most pictures of a brief showing.
    package static let mostPictures = 4
    /// Without a sighting for so long a showing is over, seconds.
    package static let holdSeconds = 60.0
    /// How far beyond the radius sightings count, bits.
    package static let margin = 8

    private let farthest: Int
    private var showings: [Key: Showing] = [:]

    /// Follows nothing yet.
    /// - Parameter radius: largest distance of a hit, bits.
    package init(radius: Int) { farthest = radius + Self.margin }

    /// Showings that go on.
    package var count: Int { showings.count }

    /// Takes in what was found in a frame.
    /// - Parameter arrival: when it arrived, seconds of a clock that nobody sets.
    /// - Returns: brief showings that are over.
    package mutating func observe(_ hits: [Hit], of stream: StreamID, at arrival: Double) -> [Ended]
    {
        let near = hits.filter { $0.distance <= farthest && !$0.isLowStructure }
        guard !near.isEmpty else { return [] }
        var ended = end { arrival - $1.last > Self.holdSeconds }
        for hit in near {
            let key = Key(stream: stream, item: hit.item)
            if showings[key] == nil, showings.count >= Self.most {
                // Non-nil: it is full.
                let oldest = showings.min { $0.value.last < $1.value.last }!.key
                ended += end { key, _ in key == oldest }
            }
            showings[key, default: Showing(last: arrival)].add(hit)
            showings[key]?.last = arrival
        }
        return ended
    }

    /// Ends a stream.
    /// - Returns: its brief showings.
    package mutating func end(_ stream: StreamID) -> [Ended] {
        end { key, _ in key.stream == stream }
    }

    private mutating func end(_ isOver: (Key, Showing) -> Bool) -> [Ended] {
        let over = showings.filter { isOver($0.key, $0.value) }
        for key in over.keys { showings[key] = nil }
        return over.filter { !$0.value.isFilm }.map {
            Ended(
                stream: $0.key.stream, item: $0.key.item, pictures: $0.value.pictures.map(\.picture)
            )
        }
    }
}

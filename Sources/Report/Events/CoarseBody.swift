// The body of an event for receivers that are told no distances: all but endpoints whose operator
// asked for `exact_distances`.
//
// Invariants: a pure function of the frozen body, so each attempt sends the same bytes; nothing but
// the distance and, in bodies of earlier versions, the band is touched. A body whose distance cannot
// be found is not sent at all.

internal import Match

extension EventPayload {
    /// A body with null for its distance, and with a band beside it.
    /// - Parameter body: what ``body(id:)`` gave, of this or an earlier version.
    /// - Throws: `invalidValue` where it is of an alert and its distance cannot be found.
    public static func coarse(_ body: [UInt8]) throws(ReportError) -> [UInt8] {
        guard let type = type(of: body) else { throw unreadable }
        guard type.hasPrefix("alert.") else { return body }
        guard let evidence = JSONScan(body).member("data")?.member("evidence"),
            let members = evidence.members,
            let distance = evidence.member("best_distance")
        else { throw unreadable }
        guard !distance.isNull else { return body }
        guard let bits = Int(String(decoding: distance.bytes, as: UTF8.self)) else {
            throw unreadable
        }
        var coarse = body
        // The later place first: what lies before it stays where it is.
        coarse.replaceSubrange(distance.bytes.indices, with: Array("null".utf8))
        if !members.contains(where: { $0.name == "band" }) {
            let band = #""band":"\#(DistanceBand(distance: bits).rawValue)","#
            coarse.insert(contentsOf: Array(band.utf8), at: evidence.bytes.startIndex + 1)
        }
        return coarse
    }

    private static var unreadable: ReportError {
        ReportError(
            .invalidValue,
            "the event is not sent: the distance in its body cannot be found to be left out; "
                + "look at it with `vigil report show`")
    }
}

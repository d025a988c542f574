// What a list is, and how many openings a minute has; pure.

import Decode
import Testing

@Suite struct PlaylistRulesTests {
    @Test func aBudgetIsForAMinuteAndNotForALife() {
        var budget = OpeningBudget(perMinute: 60)
        var taken = 0
        for _ in 0..<100 where budget.take(now: 5) { taken += 1 }
        #expect(taken == 60)
        // One a second comes back; a clock that goes back gives none.
        let later = [6.5, 6.5, 1].map { budget.take(now: $0) }
        #expect(later == [true, false, false])
        let steady = (0..<100_000).count { !budget.take(now: 100 + Double($0)) }
        #expect(steady == 0)
    }

    @Test(arguments: [
        ("#EXTM3U\n#EXTINF:2,\na.ts\n", PlaylistKind.media),
        ("#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:4\n", .media),
        ("#EXTM3U\r\n#EXT-X-STREAM-INF:BANDWIDTH=1\r\na\r\n", .master(playlists: 1)),
        ("#EXTM3U\r#EXT-X-MEDIA:TYPE=AUDIO,URI=\"a\"\r", .master(playlists: 1)),
        ("#EXTM3U\n#EXT-X-STREAM-INF:\na\n#EXT-X-STREAM-INF:\nb", .master(playlists: 2)),
        ("<?xml version=\"1.0\"?>\n<MPD>", .manifest),
        ("#EXTM3U\n<MPD>", .media),
    ])
    func listsAreToldApart(_ text: String, _ kind: PlaylistKind) throws {
        #expect(PlaylistKind.isList(Array(text.utf8)))
        #expect(try PlaylistKind(Array(text.utf8)) == kind)
    }

    @Test(arguments: ["", "#EXTM3", "\u{feff}#EXTM3U", "G@", "<html>", "FLV", " #EXTM3U"])
    func otherThingsAreNoLists(_ text: String) {
        #expect(!PlaylistKind.isList(Array(text.utf8)))
    }
}

// Live streams that break or hide: each is sent by a script that keeps a log, watched by the command,
// and the ledger is compared with the log.
//
// All are watched at the same time, because each takes as long as it is.

import Foundation
import Synchronization
import TestSupport
import Testing

@Suite(.serialized) struct BrokenStreamTests {
    @Test(arguments: BrokenStream.allCases) func isWatched(_ stream: BrokenStream) throws {
        let result = try BrokenStreams.shared.result(of: stream)
        let ledger = result.ledger
        let log = result.log.map {
            "\($0.step): \($0.start - result.start)…\($0.end - result.start)"
        }
        let told = "\(ledger) \(result.finished.objects(ofType: "watch")) \(log)"
        let alerts = result.finished.objects(ofType: "alert")
        if stream.isFound {
            #expect(alerts.count == 1, "\(told)")
            #expect((alerts.first?["known"] as? [String: Any])?["item"] as? String == "rich-film")
        }
        // All is accounted for, in the lines of minutes as in the sum.
        #expect(abs(ledger.seconds - BrokenStreams.seconds) < 2, "\(told)")
        for (cause, expected) in stream.expected(result.log, BrokenStreams.seconds) {
            let seconds = cause == "examined" ? ledger.examined : ledger.missed[cause] ?? 0
            #expect(abs(seconds - expected) < 3, "\(cause): \(expected) s expected, \(told)")
        }
    }
}

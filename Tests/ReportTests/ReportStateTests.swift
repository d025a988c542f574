// The transition table, complete: each state with each event, said a second time as data. The
// names are checked too, because databases and other programs hold them.
//
// The table itself is pure; that a store applies it, and refuses what it forbids without a trace,
// is part of the conformance suite.

import Match
import Report
import Testing

@Suite struct ReportStateTests {
    static let allowed: [ReportState: [ReportEvent: ReportState]] = [
        .queued: [.started: .delivering, .abandoned: .dead],
        .delivering: [
            .succeeded: .delivered, .failed: .retrying, .abandoned: .dead, .recovered: .queued,
        ],
        .delivered: [.replayRequested: .queued],
        .retrying: [
            .started: .delivering, .retryRequested: .queued, .abandoned: .dead,
        ],
        .dead: [.retryRequested: .queued, .replayRequested: .queued], .unaddressed: [:],
    ]

    @Test func tableIsComplete() {
        #expect(Self.allowed.count == ReportState.allCases.count)
        for state in ReportState.allCases {
            for event in ReportEvent.allCases {
                #expect(state.next(on: event) == Self.allowed[state]?[event], "\(state) \(event)")
            }
        }
    }

    @Test func rawValuesAreStable() {
        #expect(
            ReportState.allCases.map(\.rawValue)
                == ["queued", "delivering", "delivered", "retrying", "dead", "unaddressed"])
    }

    @Test func onlyAPersonTakesAReportOutOfItsEnd() {
        let byHand: [ReportEvent] = [.retryRequested, .replayRequested]
        for event in ReportEvent.allCases where !byHand.contains(event) {
            for state in [ReportState.delivered, .dead, .unaddressed] {
                #expect(state.next(on: event) == nil)
            }
        }
    }

    @Test func everyErrorIsItsLine() {
        let error = ReportError(.busy, "cannot open x: held; wait")
        #expect("\(error)" == error.message)
        #expect(Set(ReportError.Code.allCases.map(\.rawValue)).count == 16)
    }
}

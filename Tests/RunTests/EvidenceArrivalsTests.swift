// When the first frame of an alert arrived, as far as it is remembered.

import Run
import Testing

@Suite struct EvidenceArrivalsTests {
    private func moment(_ time: Double, _ arrival: Double) -> FollowSchedule.Moment {
        FollowSchedule.Moment(time: time, arrival: arrival)
    }

    @Test func tellsTheArrivalOfAFrame() {
        var arrivals = EvidenceArrivals()
        for number in 0..<5 { arrivals.note(moment(Double(number) * 2, 100 + Double(number))) }
        let newest = moment(8, 104)
        #expect(arrivals.arrival(ofFrameAt: 2, newest: newest) == 101)
        #expect(arrivals.arrival(ofFrameAt: 8, newest: newest) == 104)
    }

    @Test func ofAFrameThatIsForgottenTheMediaTimesDecide() {
        var arrivals = EvidenceArrivals()
        for number in 0..<(EvidenceArrivals.most + 1) {
            arrivals.note(moment(Double(number), 1000 + Double(number)))
        }
        let newest = moment(Double(EvidenceArrivals.most), 1000 + Double(EvidenceArrivals.most))
        #expect(arrivals.arrival(ofFrameAt: 1, newest: newest) == 1001)
        #expect(arrivals.arrival(ofFrameAt: 0, newest: newest) == 1000)
        #expect(arrivals.arrival(ofFrameAt: -50, newest: newest) == 950)
    }

    /// Stamps that jump must not put the first frame after the last.
    @Test func theFirstIsNeverAfterTheNewest() {
        var arrivals = EvidenceArrivals()
        arrivals.note(moment(5, 300))
        #expect(arrivals.arrival(ofFrameAt: 5, newest: moment(6, 200)) == 200)
        #expect(arrivals.arrival(ofFrameAt: 9, newest: moment(6, 200)) == 200)
    }
}

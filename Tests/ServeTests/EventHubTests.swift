// Listeners that do not keep up, too many of them, and how the time of an absence is told.

import Match
import Report
import Serve
import Testing

@Suite struct EventHubTests {
    @Test func whoDoesNotKeepUpLosesTheOldest() async throws {
        let hub = EventHub()
        let slow = try hub.listen(by: "reader a")
        let most = EventHub.mostWaiting
        for number in 0..<most + 10 { hub.send(ServiceEvent(type: "x", data: "\(number)")) }
        #expect(hub.lost == 10)
        hub.finish()
        var heard: [String] = []
        for await event in slow { heard.append(event.data) }
        #expect(heard == (10..<most + 10).map(String.init))
        #expect(throws: EventHub.Refusal.full, "it takes listeners although it has ended") {
            _ = try hub.listen(by: "reader a")
        }
    }

    @Test func onlyReviewersAreToldDistances() async throws {
        let hub = EventHub()
        let listener = try hub.listen(by: "reviewer a")
        let alert = Alert(
            id: newID(), input: "in",
            known: KnownReference(set: "s", item: "i", category: ""), firstSeen: 0, lastSeen: 1,
            framesMatched: 2, knownShare: 1, bestDistance: 12, variant: "original", rule: "r")
        hub.send("alert.opened", alert: alert)
        hub.finish()
        for await event in listener {
            #expect(event.data.contains(#""band":"close","best_distance":null,"#))
            #expect(event.exactData?.contains(#""band":"close","best_distance":12,"#) == true)
        }
        #expect(Role.allCases.filter(\.seesDistances) == [.reviewer])
    }

    @Test func listenersAreBoundedAndForgotten() throws {
        let hub = EventHub()
        let most = EventHub.mostListeners
        var streams = try (0..<most).map {
            try hub.listen(by: "operator \($0 / 8)", isFirst: true)
        }
        #expect(hub.listeners == most)
        #expect(throws: EventHub.Refusal.full) { _ = try hub.listen(by: "z", isFirst: true) }
        // A listener that is let go makes room.
        streams.removeLast()
        #expect(hub.listeners == most - 1)
        withExtendedLifetime(streams) {}
    }

    @Test func aTokenHasItsShareAndOthersHaveRoom() throws {
        let hub = EventHub()
        var streams = try (0..<hub.mostOfToken).map { _ in try hub.listen(by: "reader a") }
        #expect(throws: EventHub.Refusal.share(most: 8)) { _ = try hub.listen(by: "reader a") }
        streams.append(try hub.listen(by: "reader b"))
        // Readers leave the last eighth to operators.
        for number in 0... {
            guard let more = try? hub.listen(by: "reader \(number)") else { break }
            streams.append(more)
        }
        #expect(hub.listeners == hub.most - hub.most / 8)
        streams.append(try hub.listen(by: "operator a", isFirst: true))
        withExtendedLifetime(streams) {}
    }

    @Test func whoIsBehindGivesWayToTheSameToken() async throws {
        let hub = EventHub(most: 8, mostOfToken: 2)
        let deaf = try hub.listen(by: "reader a")
        var good = try hub.listen(by: "reader a").makeAsyncIterator()
        for number in 0..<EventHub.mostWaiting + 1 {
            hub.send(ServiceEvent(type: "x", data: "\(number)"))
            _ = await good.next()
        }
        #expect(throws: EventHub.Refusal.full) {
            _ = try (0..<9).map { try hub.listen(by: "reader \($0)") }
        }
        let fresh = try hub.listen(by: "reader a")
        var heard = 0
        for await _ in deaf { heard += 1 }
        #expect(heard == EventHub.mostWaiting, "it has ended")
        #expect(hub.listeners == 2)
        withExtendedLifetime((good, fresh)) {}
    }

    @Test func anAbsenceIsToldMinuteByMinute() {
        let minutes = Absence.minutes(from: 130.5, to: 250.25)
        #expect(minutes.map(\.startUnixSeconds) == [120, 180, 240])
        #expect(minutes.map { $0.missedSeconds[.notRunning] } == [49.5, 60, 10.25])
        #expect(minutes.map(\.gaps) == [1, 0, 0])
        #expect(Absence.minutes(from: 5, to: 5).isEmpty && Absence.minutes(from: 6, to: 5).isEmpty)
    }

    @Test func aLongAbsenceIsBoundedAndStillWhole() {
        for days in [0.9, 1, 1.1, 30, 400] {
            let end = 1_000_000_017.25 + days * 86_400
            let minutes = Absence.minutes(from: 1_000_000_017.25, to: end)
            #expect(minutes.count <= Absence.mostMinutes, "\(days) days")
            let sum = minutes.reduce(0) { $0 + ($1.missedSeconds[.notRunning] ?? 0) }
            #expect(abs(sum - days * 86_400) < 0.001, "\(days) days")
            #expect(Set(minutes.map(\.startUnixSeconds)).count == minutes.count)
            #expect(minutes.allSatisfy { $0.startUnixSeconds % 60 == 0 })
        }
    }
}

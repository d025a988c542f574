// Listeners that do not keep up, too many of them, and how the time of an absence is told.

import Report
import Serve
import Testing

@Suite struct EventHubTests {
    @Test func whoDoesNotKeepUpLosesTheOldest() async throws {
        let hub = EventHub()
        let slow = try #require(hub.listen())
        let most = EventHub.mostWaiting
        for number in 0..<most + 10 { hub.send(ServiceEvent(type: "x", data: "\(number)")) }
        #expect(hub.lost == 10)
        hub.finish()
        var heard: [String] = []
        for await event in slow { heard.append(event.data) }
        #expect(heard == (10..<most + 10).map(String.init))
        #expect(hub.listen() == nil, "it takes listeners although it has ended")
    }

    @Test func listenersAreBoundedAndForgotten() throws {
        let hub = EventHub()
        var streams = (0..<EventHub.mostListeners).compactMap { _ in hub.listen() }
        #expect(streams.count == EventHub.mostListeners && hub.listen() == nil)
        // A listener that is let go makes room.
        streams.removeLast()
        #expect(hub.listeners == EventHub.mostListeners - 1)
        withExtendedLifetime(streams) {}
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

// Who has a place at the door, and who gives way: without sockets and without a clock.

import Decode
import Foundation
import Serve
import TestSupport
import Testing

@Suite struct ConnectionPlacesTests {
    private static func limits(
        _ most: Int, ofPeer: Int = 0, uncapped: [AddressRange] = []
    ) -> ConnectionPlaces.Limits {
        var limits = ConnectionPlaces.Limits()
        (limits.most, limits.mostOfPeer, limits.uncapped) = (most, ofPeer, uncapped)
        return limits
    }

    private let one = IPAddress("192.0.2.1")
    private let two = IPAddress("198.51.100.2")

    @Test func aNewConnectionAlwaysGetsInBesideThoseThatSayNothing() {
        var places = ConnectionPlaces(Self.limits(4))
        for id in 0..<1000 as Range<UInt64> {
            let admission = places.open(id, from: one, at: Double(id) / 1000)
            #expect(admission.isAdmitted && places.count <= 4)
            #expect(admission.evicted == (id < 4 ? [] : [id - 4]), "the oldest gives way")
        }
        #expect(places.evicted == 996 && places.refused == 0)
    }

    @Test func aRequestThatIsAnsweredKeepsItsPlace() {
        var places = ConnectionPlaces(Self.limits(3))
        for id in 0..<3 as Range<UInt64> {
            _ = places.open(id, from: one, at: 0)
            places.reach(.answering, id, at: 0)
        }
        #expect(places.open(3, from: two, at: 1) == .init(isAdmitted: false, evicted: []))
        #expect(places.refused == 1 && places.count == 3)
        places.reach(.idle, 1, at: 2)
        #expect(places.open(4, from: two, at: 3) == .init(isAdmitted: true, evicted: [1]))
    }

    @Test func incompleteOnesGoBeforeIdleOnesAndYoungOnesLast() {
        var places = ConnectionPlaces(Self.limits(5))
        for id in 0..<5 as Range<UInt64> { _ = places.open(id, from: one, at: 0) }
        places.reach(.idle, 0, at: 0)
        places.reach(.answering, 1, at: 0)
        places.reach(.stalled, 1, at: 0)
        places.reach(.receiving, 2, at: 1.5)
        // 3 and 4 have sent nothing whole for two seconds; 2 began to half a second ago.
        let order: [UInt64] = [3, 4, 0, 1, 2]
        for (number, gone) in order.enumerated() {
            let id = UInt64(10 + number)
            #expect(places.open(id, from: two, at: 2).evicted == [gone])
            places.reach(.answering, id, at: 2)
        }
    }

    @Test func drippedBytesMakeNobodyYounger() {
        var places = ConnectionPlaces(Self.limits(2))
        _ = places.open(0, from: one, at: 0)
        _ = places.open(1, from: one, at: 0.5)
        for second in 1..<4 { places.reach(.incomplete, 0, at: Double(second)) }
        #expect(places.open(2, from: two, at: 4).evicted == [0])
    }

    @Test func onceHalfIsTakenSlowOnesAreHurried() {
        var places = ConnectionPlaces(Self.limits(8))
        for id in 0..<3 as Range<UInt64> { _ = places.open(id, from: one, at: 0) }
        #expect(places.open(3, from: two, at: 19).evicted == [], "there is room")
        #expect(places.open(4, from: two, at: 19.1).evicted == [0, 1, 2])
    }

    @Test func aPeerHasOnlyItsShare() {
        var places = ConnectionPlaces(Self.limits(100, ofPeer: 3))
        for id in 0..<3 as Range<UInt64> { _ = places.open(id, from: one, at: 0) }
        #expect(places.open(3, from: one, at: 1).evicted == [0], "its own oldest gives way")
        for id in 1..<4 as Range<UInt64> { places.reach(.answering, id, at: 1) }
        #expect(!places.open(4, from: one, at: 2).isAdmitted)
        #expect(places.open(5, from: two, at: 2) == .init(isAdmitted: true, evicted: []))
        places.close(1)
        #expect(places.open(6, from: one, at: 3).isAdmitted)
    }

    @Test func aNetworkOfIPv6IsOnePeerAndAnIPv4AddressInItIsItself() throws {
        var places = ConnectionPlaces(Self.limits(100, ofPeer: 1))
        _ = places.open(0, from: IPAddress("2001:db8:1:2::1"), at: 0)
        #expect(places.open(1, from: IPAddress("2001:db8:1:2:ffff::9"), at: 0).evicted == [0])
        #expect(places.open(2, from: IPAddress("2001:db8:1:3::1"), at: 0).evicted == [])
        #expect(places.open(3, from: IPAddress("192.0.2.7"), at: 0).evicted == [])
        #expect(places.open(4, from: IPAddress("::ffff:192.0.2.7"), at: 0).evicted == [3])
    }

    @Test func loopbackAndProxiesHaveNoShare() throws {
        let defaults = ConnectionPlaces.Limits()
        #expect(defaults.uncapped.contains { $0.contains(IPAddress("127.9.9.9")!) })
        #expect(defaults.uncapped.contains { $0.contains(IPAddress("::1")!) })
        #expect(!defaults.uncapped.contains { $0.contains(IPAddress("10.0.0.1")!) })
        var places = ConnectionPlaces(
            Self.limits(50, ofPeer: 2, uncapped: [try AddressRange("10.0.7.0/24")]))
        for id in 0..<40 as Range<UInt64> {
            let admission = places.open(id, from: IPAddress("10.0.7.1"), at: 0)
            #expect(admission == .init(isAdmitted: true, evicted: []))
        }
    }

    @Test func thePeerWithMostGivesWayFirst() {
        var places = ConnectionPlaces(Self.limits(6, ofPeer: 5))
        _ = places.open(0, from: two, at: 0)
        for id in 1..<6 as Range<UInt64> { _ = places.open(id, from: one, at: 1) }
        #expect(places.open(6, from: two, at: 3).evicted == [1], "not the oldest of all")
    }

    @Test func whateverHappensItIsBounded() {
        var random = SeededGenerator(seed: 7)
        var places = ConnectionPlaces(Self.limits(20, ofPeer: 9))
        var open: Set<UInt64> = []
        let steps: [ConnectionPlaces.Step] = [.incomplete, .receiving, .answering, .stalled, .idle]
        for id in 0..<5000 as Range<UInt64> {
            let now = Double(id) / 50
            let peer = IPAddress("192.0.2.\(Int.random(in: 1...4, using: &random))")
            let admission = places.open(id, from: peer, at: now)
            #expect(open.isSuperset(of: admission.evicted))
            open.subtract(admission.evicted)
            if admission.isAdmitted { open.insert(id) }
            for _ in 0..<3 {
                guard let some = open.randomElement(using: &random) else { break }
                let step = steps.randomElement(using: &random) ?? .idle
                places.reach(step, some, at: now)
            }
            if let some = open.randomElement(using: &random), id.isMultiple(of: 3) {
                places.close(some)
                open.remove(some)
            }
            #expect(places.count == open.count && open.count <= 20)
        }
    }
}

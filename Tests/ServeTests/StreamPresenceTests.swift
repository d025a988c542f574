// When a stream of a media server is over, and who publishes it: by what hooks say and readers see.

import Report
import Serve
import Testing

private let start = ContinuousClock.now
private let first = StreamPublisher(id: "1", peer: "192.0.2.1")
private let second = StreamPublisher(id: "2", peer: "192.0.2.2")

private func at(_ seconds: Double) -> ContinuousClock.Instant { start + .seconds(seconds) }

@Suite struct StreamPresenceTests {
    private var presence = StreamPresence(
        at: StreamPlace(server: "edge", path: "live/one"), by: first, now: start)

    /// What a reader does that gets sound and no video: a connection of 6 s, and then another.
    private mutating func cycle(from begin: Int, through end: Int) {
        for second in begin...end {
            presence.saw(
                isConnected: second % 10 < 6, connections: second / 10 + 1, keyframes: 0,
                at: at(Double(second)))
        }
    }

    @Test mutating func soundAloneIsNoEnd() {
        cycle(from: 0, through: 20)
        presence.unpublished(by: second, at: at(20.5))
        var doubts = 0
        for moment in 21...300 {
            cycle(from: moment, through: moment)
            guard let doubt = presence.doubt(at: at(Double(moment))) else { continue }
            doubts += 1
            let why = presence.settle(
                doubt, isPublished: nil, isCrowded: true, at: at(Double(moment)))
            #expect(why == nil, "after \(moment) s")
        }
        #expect(doubts > 0, "there was nothing to decide")
    }

    @Test mutating func aConnectionBetweenTwoLooksCounts() {
        presence.unpublished(by: first, at: at(1))
        for second in stride(from: 2, through: 100, by: 5) {
            presence.saw(
                isConnected: false, connections: second, keyframes: 0, at: at(Double(second)))
            #expect(presence.doubt(at: at(Double(second))) == nil)
        }
    }

    @Test mutating func whatTheServerSaysDecides() throws {
        presence.saw(isConnected: true, connections: 1, keyframes: 5, at: at(1))
        presence.unpublished(by: second, at: at(2))
        presence.saw(isConnected: false, connections: 1, keyframes: 5, at: at(3))
        #expect(presence.doubt(at: at(4)) == nil, "it is too early")
        let doubt = try #require(presence.doubt(at: at(6)))
        #expect(doubt.cause == .ended)
        var gone = presence
        let why = gone.settle(doubt, isPublished: false, isCrowded: false, at: at(6))
        #expect(why == "its publisher ended")
        var unknown = presence
        #expect(unknown.settle(doubt, isPublished: nil, isCrowded: true, at: at(6)) == nil)
        let later = try #require(unknown.doubt(at: at(34)))
        #expect(unknown.settle(later, isPublished: nil, isCrowded: false, at: at(34)) != nil)
        // It goes on, so nothing is in doubt before it was away for long.
        #expect(presence.settle(doubt, isPublished: true, isCrowded: true, at: at(6)) == nil)
        #expect(presence.doubt(at: at(500)) == nil)
        #expect(presence.doubt(at: at(602))?.cause == .absent)
    }

    @Test mutating func aDoubtEndsWithThePublishHook() throws {
        presence.unpublished(by: first, at: at(1))
        let doubt = try #require(presence.doubt(at: at(40)))
        #expect(presence.isStill(doubt))
        presence.published(by: second, isCertain: false, at: at(41))
        #expect(!presence.isStill(doubt))
        #expect(presence.settle(doubt, isPublished: false, isCrowded: true, at: at(42)) == nil)
        #expect(presence.doubt(at: at(60)) == nil)
    }

    @Test mutating func pictureAfterTheEndSayThatItGoesOn() {
        presence.unpublished(by: second, at: at(1))
        presence.saw(isConnected: true, connections: 1, keyframes: 20, at: at(40))
        presence.saw(isConnected: false, connections: 1, keyframes: 20, at: at(41))
        #expect(presence.doubt(at: at(600)) == nil)
    }

    @Test mutating func whatNeverComesGivesWayToOthers() throws {
        #expect(presence.doubt(at: at(59)) == nil)
        let doubt = try #require(presence.doubt(at: at(61)))
        #expect(doubt.cause == .neverCame)
        var asked = presence
        #expect(asked.settle(doubt, isPublished: false, isCrowded: false, at: at(61)) != nil)
        var crowded = presence
        #expect(crowded.settle(doubt, isPublished: nil, isCrowded: true, at: at(61)) != nil)
        #expect(presence.settle(doubt, isPublished: nil, isCrowded: false, at: at(61)) == nil)
        #expect(presence.settle(doubt, isPublished: true, isCrowded: true, at: at(61)) == nil)
        presence.saw(isConnected: true, connections: 1, keyframes: 0, at: at(80))
        presence.saw(isConnected: false, connections: 1, keyframes: 0, at: at(90))
        #expect(presence.doubt(at: at(200)) == nil, "it came")
    }

    @Test mutating func hooksEndNothingThatIsKept() {
        presence.isKept = true
        presence.unpublished(by: first, at: at(1))
        #expect(presence.doubt(at: at(5000)) == nil)
    }

    // MARK: - Who publishes

    @Test mutating func whoIsTurnedAwayIsNotTakenForThePublisher() {
        presence.saw(isConnected: true, connections: 1, keyframes: 1, at: at(1))
        presence.published(by: second, isCertain: false, at: at(2))
        #expect(presence.publishers.current == first)
        presence.unpublished(by: second, at: at(3))
        presence.published(by: second, isCertain: false, at: at(4))
        #expect(presence.publishers.current == first, "its end told of nobody else")
        presence.unpublished(by: first, at: at(5))
        #expect(presence.publishers.current == second, "of two who were let one is left")
    }

    @Test mutating func whoComesWhileNothingIsThereIsThePublisher() {
        presence.published(by: second, isCertain: false, at: at(2))
        #expect(presence.publishers.current == second)
        presence.unpublished(by: second, at: at(3))
        #expect(presence.publishers.current == first)
        presence.saw(isConnected: true, connections: 1, keyframes: 1, at: at(4))
        presence.published(by: second, isCertain: true, at: at(5))
        #expect(presence.publishers.current == second, "the server is certain")
    }

    @Test func publishersAreBounded() {
        var publishers = Publishers(first)
        for number in 2...100 {
            let one = StreamPublisher(id: "\(number)", peer: nil)
            publishers.began(one, isCurrent: number % 2 == 0)
            #expect(publishers.all.count <= Publishers.most)
            #expect(publishers.all.contains(one))
        }
        #expect(publishers.current?.id == "100")
        publishers.ended(StreamPublisher(id: nil, peer: nil))
        #expect(publishers.all.isEmpty)
    }

    @Test func theSamePublisherIsOneAndKeepsItsAddress() {
        var publishers = Publishers(first)
        publishers.began(StreamPublisher(id: "1", peer: nil), isCurrent: true)
        #expect(publishers.all == [first])
        let unnamed = StreamPublisher(id: nil, peer: nil)
        publishers.began(unnamed, isCurrent: false)
        publishers.began(unnamed, isCurrent: false)
        #expect(publishers.all == [first, unnamed])
        publishers.ended(StreamPublisher(id: "9", peer: nil))
        #expect(publishers.all == [first], "an id that is not known may be that of one without")
    }
}

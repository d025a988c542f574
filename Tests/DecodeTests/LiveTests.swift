// The pure parts of live reading: addresses and times.

import Decode
import Testing

@Suite struct LiveClockTests {
    @Test func aStreamsOwnDifferencesCount() {
        var clock = LiveClock()
        #expect(clock.time(stamp: 1000, arrival: 50) == 0)
        // Two segments at once.
        #expect(clock.time(stamp: 1002, arrival: 54) == 2)
        #expect(clock.time(stamp: 1004, arrival: 54) == 4)
    }

    @Test(arguments: [3600.0, -3600, .infinity, -.infinity, .nan, 1e300])
    func jumpsAreNotFollowed(_ jump: Double) {
        var clock = LiveClock()
        _ = clock.time(stamp: 10, arrival: 0)
        #expect(clock.time(stamp: 12, arrival: 2) == 2)
        #expect(clock.time(stamp: 12 + jump, arrival: 4) == 4)
        // And back.
        #expect(clock.time(stamp: 16, arrival: 6) == 6)
        #expect(clock.time(stamp: 18, arrival: 8) == 8)
    }

    @Test func stampsThatStandStillStopNothing() {
        var clock = LiveClock()
        _ = clock.time(stamp: 5, arrival: 0)
        for number in 1...100 {
            let arrival = Double(number) * 2
            let time = clock.time(stamp: 5, arrival: arrival)
            #expect(abs(time - arrival) <= 15)
        }
        // Nor do those that run away.
        for number in 101...200 {
            let arrival = Double(number) * 2
            let time = clock.time(stamp: 5 + 10 * Double(number), arrival: arrival)
            #expect(abs(time - arrival) <= 17)
        }
    }

    @Test func whereThereAreNoStampsArrivalCounts() {
        var clock = LiveClock()
        #expect(clock.time(stamp: nil, arrival: 7) == 0)
        #expect(clock.time(stamp: nil, arrival: 9) == 2)
        #expect(clock.time(stamp: 100, arrival: 10) == 3)
        #expect(clock.time(stamp: 101, arrival: 11) == 4)
    }

    @Test func timeGoesOnOverANewConnection() {
        var clock = LiveClock()
        _ = clock.time(stamp: 100, arrival: 0)
        clock.reopened()
        #expect(clock.time(stamp: 101, arrival: 8) == 8)
        #expect(clock.time(stamp: 103, arrival: 10) == 10)
    }

    @Test func picturesBetweenKeyframesLieBehindThem() {
        var clock = LiveClock()
        #expect(clock.time(stamp: 100, arrival: 0) == 0)
        // Not in the order in which they are shown, and one before the keyframe.
        #expect(abs(clock.timeBetween(stamp: 100.4, arrival: 0.1) - 0.4) < 1e-9)
        #expect(abs(clock.timeBetween(stamp: 100.2, arrival: 0.2) - 0.2) < 1e-9)
        #expect(clock.timeBetween(stamp: 99.9, arrival: 0.3) == 0)
        // Jumps are not followed, there and back; nothing of it is remembered.
        #expect(clock.timeBetween(stamp: 3700, arrival: 5) == 5)
        #expect(clock.timeBetween(stamp: -3500, arrival: 6) == 6)
        #expect(clock.timeBetween(stamp: nil, arrival: 7) == 7)
        #expect(clock.time(stamp: 108, arrival: 8) == 8)
    }

    @Test func timeNeverGoesBack() {
        var clock = LiveClock()
        var last = -1.0
        var seed: UInt64 = 1
        for _ in 0..<2000 {
            seed = seed &* 6_364_136_223_846_793_005 &+ 1
            let stamp = Double(Int64(bitPattern: seed) >> 40)
            let time = clock.time(stamp: stamp, arrival: Double(seed >> 50))
            #expect(time >= last && time.isFinite)
            last = time
        }
    }
}

@Suite struct LiveInputTests {
    @Test(arguments: [
        ("rtmp://u:p@host:1935/live/abcdefgh?token=x", "rtmp://host:1935/live/ab…"),
        ("RTMP://host/live/one", "rtmp://host/live/one"),
        ("https://user:pass@host/a/b.m3u8?sig=1#f", "https://host/a/b.m3u8"),
        ("srt://host:9000?passphrase=secretsecret", "srt://host:9000"),
        ("rtsp://admin:1234@10.0.0.5/stream", "rtsp://10.0.0.5/stream"),
        ("udp://127.0.0.1:9000", "udp://127.0.0.1:9000"),
        ("rtmp://host", "rtmp://host"),
    ])
    func secretsAreLeftOut(_ url: String, _ shown: String) throws {
        #expect(try LiveInput(url).redacted == shown)
    }

    @Test func whatAStreamIsPublishedWithIsHiddenWhereItIsAsked() throws {
        let input = try LiveInput("rtsp://edge:8554/live/abcdefgh")
        #expect(input.redacted == "rtsp://edge:8554/live/abcdefgh")
        #expect(input.redacted(isKeyed: true) == "rtsp://edge:8554/live/ab…")
    }

    @Test(arguments: [
        "tcp://192.0.2.1:9000?listen=1", "srt://192.0.2.1:9000?latency=20&mode=listener",
        "srt://192.0.2.1:9000?MODE=rendezvous", "rtsp://192.0.2.1/x?listen",
    ])
    func nobodyIsListenedFor(_ url: String) {
        #expect(throws: DecodeError.self) { try LiveInput(url) }
    }

    @Test func longAddressesAreRefused() {
        #expect(throws: DecodeError.self) {
            try LiveInput("rtmp://host/" + String(repeating: "a", count: LiveInput.longest))
        }
    }
}

// The sampler by itself: streams are lists of times here.

import Decode
import Testing

@Suite struct KeyframeSamplerTests {
    /// Sampled times of a stream whose keyframes lie at `keys`, filled in at `frameRate` where
    /// asked.
    private func samples(
        keys: [Double], until end: Double, frameRate: Double = 25, policy: SamplingPolicy
    ) -> (times: [Double], sampler: KeyframeSampler) {
        var sampler = KeyframeSampler(policy: policy)
        var times: [Double] = []
        var previous = 0.0
        func fill(_ sampler: inout KeyframeSampler, to: Double) {
            var frame = (previous * frameRate).rounded(.up)
            while frame / frameRate < to {
                let time = frame / frameRate
                if time > sampler.lastSample ?? -1, sampler.wantsFill(at: time) {
                    sampler.sampled(at: time)
                    times.append(time)
                }
                frame += 1
            }
        }
        for key in keys {
            if sampler.needsFilling(until: key) { fill(&sampler, to: key) }
            if sampler.wantsKeyframe(at: key) {
                sampler.sampled(at: key)
                times.append(key)
            }
            previous = key
        }
        if sampler.needsFilling(until: end) { fill(&sampler, to: end) }
        sampler.ended(at: end)
        return (times, sampler)
    }

    @Test func regularKeyframesAreAllSampled() {
        let keys = (0..<20).map { Double($0) * 2 }
        let result = samples(keys: keys, until: 40, policy: SamplingPolicy())
        #expect(result.times == keys)
        #expect(result.sampler.longestGap == 2)
    }

    @Test func allIntraIsThinnedToTheMinimumInterval() {
        let keys = (0..<500).map { Double($0) / 25 }
        let policy = SamplingPolicy(minimumInterval: 0.5)
        let times = samples(keys: keys, until: 20, policy: policy).times
        #expect(zip(times, times.dropFirst()).allSatisfy { $1 - $0 >= 0.5 })
        #expect(times.count >= 38)
    }

    @Test(arguments: [13.0, 60, 600, 7200])
    func aGOPThatNeverEndsIsSampledWithinTheLongestGap(_ length: Double) {
        let policy = SamplingPolicy()
        let result = samples(keys: [0], until: length, policy: policy)
        let ends = result.times + [length]
        #expect(zip(ends, ends.dropFirst()).allSatisfy { $1 - $0 <= policy.maximumGap })
        #expect(result.sampler.longestGap <= policy.maximumGap)
    }

    @Test func lateFirstKeyframeIsAGapToo() {
        let result = samples(keys: [50], until: 52, policy: SamplingPolicy())
        #expect(result.times.first == 0)
        #expect(result.sampler.longestGap <= 12)
    }

    @Test func gapThatCouldNotBeFilledIsKept() {
        var sampler = KeyframeSampler(policy: SamplingPolicy())
        sampler.sampled(at: 1)
        sampler.sampled(at: 40)
        sampler.ended(at: 41)
        #expect(sampler.longestGap == 39)
        #expect(sampler.longestGapStart == 1)
    }

    @Test func timesThatStartOverAreSampled() {
        var sampler = KeyframeSampler(policy: SamplingPolicy())
        sampler.sampled(at: 10)
        #expect(!sampler.wantsKeyframe(at: 10.1))
        sampler.restart()
        #expect(sampler.wantsKeyframe(at: 10.1))
        #expect(sampler.wantsFill(at: 10.1))
    }

    @Test func smallStepsBackAreTooEarly() {
        var sampler = KeyframeSampler(policy: SamplingPolicy())
        sampler.sampled(at: 5)
        #expect(!sampler.wantsKeyframe(at: 4.9))
    }

    @Test func aJumpOfTheTimeStampsIsNoGap() {
        var sampler = KeyframeSampler(policy: SamplingPolicy())
        sampler.sampled(at: 10)
        sampler.hole(from: 14, to: 3614)
        #expect(!sampler.needsFilling(until: 3620))
        #expect(sampler.wantsFill(at: 3614))
        sampler.sampled(at: 3620)
        #expect(sampler.longestGap == 10)
    }

    @Test func samplesThatCannotBeComparedLeaveTheGapOpen() {
        var sampler = KeyframeSampler(policy: SamplingPolicy())
        sampler.sampled(at: 0)
        sampler.sampled(at: 10, isUsable: false)
        #expect(sampler.needsFilling(until: 20))
        #expect(!sampler.wantsFill(at: 10.5) && sampler.wantsFill(at: 11))
        sampler.sampled(at: 11)
        #expect(!sampler.needsFilling(until: 20) && !sampler.wantsFill(at: 12))
        // Flat pictures are no stretch that nothing was decoded of.
        #expect(sampler.longestGap == 10)
    }

    @Test(arguments: [(4.0, 1.0), (20, 5), (600, 12), (0.2, 1)])
    func shortInputsAreSampledMoreDensely(_ length: Double, _ gap: Double) {
        #expect(SamplingPolicy().fitted(toLength: length).maximumGap == gap)
        #expect(SamplingPolicy().fitted(toLength: nil) == SamplingPolicy())
    }

    @Test func gridKeepsItsPhaseAndSkipsHoles() {
        var sampler = KeyframeSampler(policy: SamplingPolicy(mode: .every(seconds: 1)))
        var times: [Double] = []
        for frame in 0..<250 {
            let time = Double(frame) * 0.04
            // A hole of three seconds.
            if (4.0..<7.0).contains(time) { continue }
            if sampler.wantsFrame(at: time, isKey: false) {
                sampler.sampled(at: time)
                times.append(time)
            }
        }
        #expect(times.map { ($0 * 100).rounded() / 100 } == [0, 1, 2, 3, 7, 8, 9])
    }

    @Test func allMeansAll() {
        var sampler = KeyframeSampler(policy: SamplingPolicy(mode: .all))
        for time in [0.0, 0.01, 0.01, 5, 1] {
            #expect(sampler.wantsFrame(at: time, isKey: false))
            sampler.sampled(at: time)
        }
    }
}

@Suite struct PathTextTests {
    @Test(arguments: [
        Array("plain/é/日本.mp4".utf8), [0x63, 0xe9, 0x2e], [0xff, 0xfe], [0xe2, 0x82], [0x80],
        Array("a".utf8) + [0xc3] + Array("b".utf8),
    ])
    func namesSurviveTheRoundTrip(_ name: [UInt8]) {
        let text = PathText.text(ofName: name)
        let back = PathText.withName(text) { pointer in
            (0..<name.count + 1).map { UInt8(bitPattern: pointer[$0]) }
        }
        #expect(back == name + [0])
    }

    @Test func bytesThatAreNoTextAreReadable() {
        let text = PathText.text(ofName: [0x63, 0xe9, 0x2e])
        #expect(PathText.readable(text) == "c\\xe9.")
        #expect(PathText.readable("é") == "é")
    }
}

@Suite struct MediaInputTests {
    @Test func schemesThatAreReadMakeURLsAndAllElsePaths() {
        #expect(MediaInput("https://example.org/a.mp4") == .url("https://example.org/a.mp4"))
        for path in ["a.mp4", "/x/a:b", "concat:a|b", "file:///etc/passwd", "http:lookalike", "-"] {
            #expect(MediaInput(path) == .file(path))
        }
    }

    @Test func credentialsAndQueriesAreRedacted() {
        let text = "https://user:secret@example.org:8443/live/a.m3u8?token=abc#x"
        #expect(MediaInput(text).redacted == "https://example.org:8443/live/a.m3u8")
        #expect(MediaInput("https://example.org").redacted == "https://example.org")
        #expect(MediaInput("http://a@b@c/d@e").redacted == "http://c/d@e")
        #expect(MediaInput("dir/a?b").redacted == "dir/a?b")
    }
}

// The time stamps of one track as one line of times: a pure value, tested without media.
//
// Stamps come from the outside: they can be missing, jump, start over, or be absurd. Where decoding
// time stamps go backwards (joined recordings, a reset encoder, or someone who hopes that we trust
// them) time goes on from where it was, and missing ones are made from the frame rate. Stamps that
// lead further than a recording can be long are not believed: time goes on there too, and they are
// counted, because an input whose times are invented must not read as one that was examined in full.
//
// Invariants: no stamp, time base or frame rate traps; every time is finite and lies within
// `longestTrack` and a frame's length for each packet; rewritten stamps fit in 63 bits.

/// Rewrites the stamps of a track's packets, in reading order.
package struct StampLine: Sendable {
    /// What changes with each packet; a place to return to holds it.
    package struct State: Sendable {
        /// First time stamp of the track in its unit.
        package fileprivate(set) var start: Int64?
        /// What is added to original stamps.
        fileprivate var shift = 0.0
        /// Newest decoding stamp, in the track's unit, shift included.
        fileprivate var lastDecoding: Double?
        /// Newest presentation stamp since the stamps last started over, likewise.
        fileprivate var newestPresentation: Double?
        /// The newest of all stamps, likewise: where time goes on.
        fileprivate var newest: Double?
        /// Presentation time of the newest keyframe, in the track's unit, shift included.
        fileprivate var lastKey: Double?
        /// Packets so far.
        package fileprivate(set) var packets: Int64 = 0
        /// Packets whose stamps were not believed.
        package fileprivate(set) var absurd: Int64 = 0
    }

    /// A packet's stamps and its place in time.
    package struct Step: Sendable {
        /// When to show it, in the track's unit; `nil` where nothing tells.
        package var presentation: Int64?
        /// When to decode it, likewise.
        package var decoding: Int64?
        /// Seconds from the start of the track.
        package var time: Double
        /// Whether the stamps start over here.
        package var isDiscontinuity: Bool
    }

    /// A step of time stamps larger than this between two packets that follow each other is a jump
    /// and no pause, seconds.
    static let longestPause = 10.0
    /// Furthest that a frame is shown before one that is decoded earlier, seconds.
    private static let longestReordering = 2.0
    /// A single frame, and a tick of a time base, is believed to last this long at most, seconds.
    static let longestFrame = 600.0
    /// No recording has a longer hole: three years, seconds.
    package static let longestJump = 1.0e8
    /// No recording is longer: some thirty years, seconds.
    package static let longestTrack = 1.0e9
    /// Stamps beyond this are no times; below 2^53, so that sums of them are exact.
    package static let largestStamp = 9.0e15
    /// The range of rewritten stamps; real ones lie well within it.
    private static let stampRange = -(1 << 62)...1 << 62

    /// Seconds of a tick.
    package let unit: Double
    /// Seconds of a frame, as far as the container tells.
    package let frameDuration: Double
    /// Whether the time base is none of a recording: it was replaced by the frame's length.
    package let isUnitAbsurd: Bool
    package private(set) var state: State

    /// - Parameters:
    ///   - timeBase: seconds of a tick, as a fraction.
    ///   - frameRate: frames a second, as a fraction; 0 where it is not known.
    ///   - start: the stamp of the track's start, where the container tells.
    package init(
        timeBase: (num: Int32, den: Int32), frameRate: (num: Int32, den: Int32), start: Int64?
    ) {
        frameDuration =
            frameRate.num > 0 && frameRate.den > 0
            ? min(10, max(0.001, Double(frameRate.den) / Double(frameRate.num))) : 0.04
        let isTold = timeBase.num > 0 && timeBase.den > 0
        let told = isTold ? Double(timeBase.num) / Double(timeBase.den) : 1.0 / 90_000
        isUnitAbsurd = told > Self.longestFrame
        unit = isUnitAbsurd ? frameDuration : told
        state = State(start: start.flatMap { Self.isStamp($0) ? $0 : nil })
    }

    /// Goes back to a state, because what followed is to be read again; `nil` is the start.
    package mutating func rewind(to state: State?) {
        self.state = state ?? State(start: self.state.start)
    }

    /// Whether a number can be a time stamp.
    package static func isStamp(_ value: Int64) -> Bool { abs(Double(value)) < largestStamp }

    /// Seconds from the start of the track of a stamp that was rewritten.
    package func seconds(_ stamp: Double) -> Double { (stamp - Double(state.start ?? 0)) * unit }

    /// Sees to the packet that comes next in reading order.
    /// - Parameters:
    ///   - presentation: when to show it, as it came; `nil` where it does not say.
    ///   - decoding: when to decode it, likewise.
    package mutating func next(
        presentation told: Int64?, decoding toldDecoding: Int64?, isKey: Bool
    ) -> Step {
        state.packets += 1
        let step = frameDuration / unit
        let pts = told.flatMap { Self.isStamp($0) ? $0 : nil }
        let anyDTS = toldDecoding.flatMap { Self.isStamp($0) ? $0 : nil }
        // Where the library does not know how far frames are reordered, it gives both stamps one
        // value: such a decoding stamp is none.
        let dts = anyDTS == pts ? nil : anyDTS
        let original = anyDTS ?? pts
        let isFar = original.map(isTooFar) ?? false
        if isFar || pts == nil && told != nil || anyDTS == nil && toldDecoding != nil {
            state.absurd += 1
        }
        let isDiscontinuity = isFar || startsOver(isKey: isKey, pts: pts, dts: dts)
        if isDiscontinuity, let original {
            state.shift = (state.newest.map { $0 + step } ?? origin) - Double(original)
            state.newestPresentation = nil
        }
        let decoding = dts.map { Double($0) + state.shift }
        var shown = pts.map { Double($0) + state.shift } ?? decoding
        if let decoding, let late = shown, abs(late - decoding) * unit > Self.longestPause {
            // Absurdly far from when it is decoded.
            shown = decoding
        }
        let presentation = shown ?? state.newest.map { $0 + step } ?? origin
        note(isKey: isKey, decoding: decoding, presentation: presentation)
        return Step(
            presentation: pts != nil || decoding == nil ? Self.stamp(presentation) : nil,
            decoding: decoding.map(Self.stamp), time: seconds(presentation),
            isDiscontinuity: isDiscontinuity)
    }

    private var origin: Double { Double(state.start ?? 0) }

    private static func stamp(_ value: Double) -> Int64 {
        Int64(Int(bounded: value, in: stampRange))
    }

    private mutating func note(isKey: Bool, decoding: Double?, presentation: Double) {
        if let decoding { state.lastDecoding = decoding }
        state.newest = max(state.newest ?? presentation, presentation, decoding ?? presentation)
        state.newestPresentation = max(state.newestPresentation ?? presentation, presentation)
        if isKey { state.lastKey = presentation }
        if state.start == nil { state.start = Self.stamp(presentation) }
    }

    /// Whether a stamp leads where no recording does.
    private func isTooFar(_ original: Int64) -> Bool {
        guard let start = state.start else { return false }
        let stamp = Double(original) + state.shift
        let (jump, length) = (stamp - (state.newest ?? Double(start)), stamp - Double(start))
        return abs(jump) * unit > Self.longestJump || length * unit > Self.longestTrack
            || length > Self.largestStamp
    }

    /// Whether the stamps go backwards at a packet, where they never may.
    private func startsOver(isKey: Bool, pts: Int64?, dts: Int64?) -> Bool {
        if let dts {
            guard let last = state.lastDecoding else { return false }
            let decoding = Double(dts) + state.shift
            // Muxers may round two frames to one stamp, but not two keyframes.
            return decoding < last || isKey && decoding == last
        }
        guard let pts else { return false }
        let shown = Double(pts) + state.shift
        if isKey, let last = state.lastKey, shown <= last {
            // Keyframes are not reordered among each other.
            return true
        }
        // Other frames are, a little.
        return state.newestPresentation.map { shown < $0 - Self.longestReordering / unit } ?? false
    }
}

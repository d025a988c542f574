// What came of a stream since its newest keyframe, kept because it may have to be decoded.
//
// A stream whose keyframes come often needs none of it: each keyframe throws away what was kept since
// the one before. When the wait becomes too long, what was kept is decoded and what comes after it as
// it comes ("following"), by a decoder of the stream's own. Invariants: a run begins with a packet
// that is said to be a keyframe and has no holes; packets, bytes and decoders are bounded, for each
// stream and for all together; what exceeds them ends the run, and whoever keeps it is told. What is
// only kept for the case never takes the room of what is decoded.

package import Decode
internal import DequeModule
internal import Synchronization

/// How much all streams of a run may keep and how many may be followed; safe to use from any thread.
package final class FollowLimits: Sendable {
    private let bytes = Atomic<Int>(0)
    private let places = Atomic<Int>(0)
    private let largeBytes = Atomic<Int>(0)
    private let mostBytes: Int
    private let mostPlaces: Int
    private let pictureLimits: PictureLimits
    /// What the decoders of streams that are followed hold.
    package let pictures: PictureBudget

    /// Most bytes that are kept of all streams: what 100 streams of 4 Mb/s bring in five seconds.
    package static let mostBytes = 256 << 20
    /// Streams that may be followed for each core: a core decodes about eight of 1080p in full, and a
    /// decoder takes some 15 MB.
    package static let placesPerCore = 16

    /// What a decoder of 1080p takes, bytes, and the least that all have together: a stream of the
    /// largest size may hold half of it.
    private static let usualDecoderBytes = 16 << 20, leastPictureBytes = 512 << 20
    /// Larger keyframes, bytes, are not kept: those of 4K at best quality are a quarter of it.
    static let mostKeyframeBytes = 16 << 20
    /// From here on keyframes that wait for a core share a room, bytes.
    static let largeKeyframeBytes = KeyframeQueue<Int>.mostBytes
    /// Most bytes of large keyframes that wait, of all streams.
    package static let mostLargeBytes = 256 << 20

    /// - Parameters:
    ///   - mostBytes: of packets that are kept.
    ///   - mostPlaces: streams that are followed.
    ///   - pictureLimits: what pictures of a stream may take.
    package init(
        mostBytes: Int = FollowLimits.mostBytes, mostPlaces: Int,
        pictureLimits: PictureLimits = .live
    ) {
        self.mostBytes = mostBytes
        self.mostPlaces = mostPlaces
        self.pictureLimits = pictureLimits
        pictures = PictureBudget(
            mostBytes: max(Self.leastPictureBytes, mostPlaces * Self.usualDecoderBytes))
    }

    /// Makes a decoder for a stream that is followed.
    func newDecoder() -> FollowingDecoder {
        FollowingDecoder(limits: pictureLimits, sharing: pictures)
    }

    /// A part of the room for large keyframes, given back when nobody has it.
    package final class Room: Sendable {
        private let limits: FollowLimits
        private let count: Int

        fileprivate init(_ limits: FollowLimits, _ count: Int) {
            (self.limits, self.count) = (limits, count)
        }

        deinit { limits.largeBytes.subtract(count, ordering: .relaxed) }
    }

    /// Takes room for a large keyframe that waits, where there is some.
    package func takeRoom(_ count: Int) -> Room? {
        let all = largeBytes.add(count, ordering: .relaxed).newValue
        // Given back where there is none.
        let room = Room(self, count)
        return all <= Self.mostLargeBytes ? room : nil
    }

    /// Streams that are followed now.
    package var followed: Int { places.load(ordering: .relaxed) }
    /// Bytes that are kept now.
    package var keptBytes: Int { bytes.load(ordering: .relaxed) }

    /// Counts bytes of a stream as kept.
    ///
    /// A quarter is for streams that are followed alone: however much is kept for the case that it has
    /// to be decoded, what is being decoded has room. The others may each keep as much as is left for
    /// all of them, so where room is short those that keep the most give way first, and a few large
    /// ones do not crowd out the many.
    /// - Parameter kept: bytes that the stream keeps already.
    /// - Returns: `false` where there are too many, and they are not counted.
    package func take(bytes count: Int, beside kept: Int, isFollowed: Bool) -> Bool {
        let all = bytes.add(count, ordering: .relaxed).newValue
        let isRoom =
            isFollowed
            ? all <= mostBytes : kept + count <= mostBytes - mostBytes / Self.reservedPart - all
        if isRoom { return true }
        // They are given back at once: another stream may be refused for that while, no more.
        give(bytes: count)
        return false
    }

    /// One in so many bytes is for streams that are followed.
    private static let reservedPart = 4

    package func give(bytes count: Int) { bytes.subtract(count, ordering: .relaxed) }

    /// Takes a place for a stream to be followed, if there is one.
    func takePlace() -> Bool {
        if places.add(1, ordering: .relaxed).newValue <= mostPlaces { return true }
        givePlace()
        return false
    }

    func givePlace() { places.subtract(1, ordering: .relaxed) }
}

/// The packets of one stream from a keyframe on.
struct PacketRun: ~Copyable {
    private var packets = Deque<CodedPacket>()
    private var byteCount = 0
    private let limits: FollowLimits
    /// Whether a decoder of the stream's own is given the packets.
    private(set) var isFollowed = false

    /// Bounds of one stream: 12 s of 10 Mb/s, and of 150 frames a second.
    static let mostBytes = 16 << 20
    static let mostPackets = 2048

    init(_ limits: FollowLimits) { self.limits = limits }

    deinit {
        limits.give(bytes: byteCount)
        if isFollowed { limits.givePlace() }
    }

    var first: CodedPacket? { packets.first }
    var last: CodedPacket? { packets.last }
    var count: Int { packets.count }
    /// Whether there is room for what comes in a moment.
    var isNearlyFull: Bool {
        packets.count > Self.mostPackets * 3 / 4 || byteCount > Self.mostBytes * 3 / 4
    }

    /// Keeps a packet.
    /// - Returns: `false` where there is no room; the run is over then.
    mutating func append(_ packet: CodedPacket) -> Bool {
        // A keyframe begins anew, unless a decoder wants all of them in order.
        if packet.isKey, !isFollowed { clear() }
        guard packet.isKey || !packets.isEmpty || isFollowed else { return true }
        let size = packet.byteCount
        guard packets.count < Self.mostPackets, byteCount + size <= Self.mostBytes,
            limits.take(bytes: size, beside: byteCount, isFollowed: isFollowed)
        else {
            end()
            clear()
            return false
        }
        byteCount += size
        packets.append(packet)
        return true
    }

    /// Begins to be followed, if there is a place.
    mutating func follow() -> Bool {
        guard !isFollowed, limits.takePlace() else { return isFollowed }
        isFollowed = true
        return true
    }

    /// Ends being followed; what is kept stays.
    mutating func end() {
        guard isFollowed else { return }
        isFollowed = false
        limits.givePlace()
        // What is left may have lost its beginning.
        while let first = packets.first, !first.isKey { drop(first) }
    }

    /// Forgets what is kept.
    mutating func clear() {
        limits.give(bytes: byteCount)
        byteCount = 0
        packets.removeAll()
    }

    /// Takes the oldest packets.
    /// - Parameter end: arrival of the first that is not to be taken.
    mutating func take(_ most: Int, before end: Double) -> [CodedPacket] {
        var taken: [CodedPacket] = []
        while taken.count < most, let first = packets.first, first.arrival < end {
            drop(first)
            taken.append(first)
        }
        return taken
    }

    private mutating func drop(_ first: CodedPacket) {
        packets.removeFirst()
        byteCount -= first.byteCount
        limits.give(bytes: first.byteCount)
    }
}

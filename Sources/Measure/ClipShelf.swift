// The clips of a run: each encoded once, kept as packets, and written to a file only while it is
// read.

internal import Decode
internal import Fingerprint
internal import Known
internal import Match
internal import Run

/// A kind of stream: its picture size and the bits that such a stream commonly has.
struct ClipProfile: Sendable, Hashable {
    var name: String
    var width: Int
    var height: Int
    var kilobitsPerSecond: Int

    var resolution: String { "\(width)x\(height)" }

    static let all = [
        ClipProfile(name: "360p30", width: 640, height: 360, kilobitsPerSecond: 800),
        ClipProfile(name: "1080p30", width: 1920, height: 1080, kilobitsPerSecond: 4000),
    ]
}

/// There is no way to make a clip of this kind here, which is no fault of the measurement.
struct ClipUnavailable: Error, CustomStringConvertible {
    let description: String
}

/// Makes and keeps clips; also the list that they are compared with.
final class ClipShelf {
    private struct Key: Hashable {
        var codec: SyntheticCodec
        var profile: ClipProfile
    }

    /// Seconds that encoding one clip may take.
    private static let encodingLimit = 60.0
    /// A file holds at least this much, seconds: shorter inputs are sampled more densely.
    private static let fileSeconds = 50.0

    let folder: TemporaryFolder
    private let settings: BenchSettings
    private let stopSwitch: StopSwitch
    private let handle: (BenchEvent) -> Void
    private var clips: [Key: Result<SyntheticClip, DecodeError>] = [:]
    private var list: KnownIndex?

    init(
        _ settings: BenchSettings, folder: TemporaryFolder, stopSwitch: StopSwitch,
        handle: @escaping (BenchEvent) -> Void
    ) {
        self.settings = settings
        self.folder = folder
        self.stopSwitch = stopSwitch
        self.handle = handle
    }

    /// The clip of a kind, made if it is not there yet.
    /// - Throws: `ClipUnavailable` where there is no encoder, or too slow a one.
    func clip(_ codec: SyntheticCodec, _ profile: ClipProfile) throws -> SyntheticClip {
        let key = Key(codec: codec, profile: profile)
        let made = clips[key] ?? encode(codec, profile)
        clips[key] = made
        do {
            return try made.get()
        } catch {
            guard error.code == .unsupported || error.code == .timedOut else { throw error }
            throw ClipUnavailable(description: error.message)
        }
    }

    private func encode(
        _ codec: SyntheticCodec, _ profile: ClipProfile
    ) -> Result<SyntheticClip, DecodeError> {
        handle(.progress("making a clip: \(codec.name) \(profile.name)"))
        let settings = SyntheticSettings(
            codec: codec, width: profile.width, height: profile.height,
            kilobitsPerSecond: profile.kilobitsPerSecond,
            keyframeInterval: settings.keyframeInterval, keyframes: settings.keyframes)
        return stopSwitch.withInterrupt { interrupt in
            Result { () throws(DecodeError) in
                try SyntheticClip(settings, limit: Self.encodingLimit, interrupt: interrupt)
            }
        }
    }

    /// Times that a clip has to be repeated for a file.
    func repeats(of clip: SyntheticClip) -> Int {
        max(1, Int(bounded: (Self.fileSeconds / clip.settings.seconds).rounded(.up)))
    }

    /// Lends a file with the clip in it.
    func withFile<Value: ~Copyable>(
        _ clip: SyntheticClip, as container: SyntheticContainer, repeats: Int,
        _ body: (_ path: String) throws -> Value
    ) throws -> Value {
        let name = container == .mp4 ? "clip.mp4" : "clip.ts"
        defer { folder.remove(name) }
        try clip.write(to: folder.file(name), as: container, repeats: repeats)
        return try body(folder.file(name))
    }

    /// A list of random hashes, made once: none of the clips' frames is in it, as on ordinary
    /// traffic.
    func knownList() throws -> KnownIndex {
        if let list { return list }
        let count = settings.listSize
        handle(.progress("building a list of \(count) hashes"))
        try Memory.require(bytes: count * 450)
        let hashesOfItem = 100
        var random = NoiseGenerator(seed: 3)
        var set = KnownSet(name: "bench", createdUnixSeconds: 0)
        for first in stride(from: 0, to: count, by: hashesOfItem) {
            let hashes = Bench.randomHashes(min(hashesOfItem, count - first), &random)
                .enumerated().map { KnownHash(hash: $1, quality: 100, time: Float($0)) }
            try set.add(
                KnownItem(id: "item-\(first)", kind: .video, durationSeconds: 100), hashes: hashes)
        }
        let made = KnownIndex([set], policy: MatchPolicy())
        list = made
        return made
    }
}

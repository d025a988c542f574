// What a DASH manifest (MPD, ISO/IEC 23009-1) says of the one rendition that is read: for each Period
// an initialization and the addresses of media segments.
//
// A pure function of the text, its address and the time. Everything is bounded: the text, what the
// XML library takes, segments listed, numbers (53 bits), and templates' widths. Remote elements
// (xlink) are not fetched. What is not understood gives no segments, never a guess.

/// The chosen rendition of a manifest.
struct DASHManifest {
    /// Something to fetch: an address, and a part of it where not all.
    struct Piece: Hashable {
        let url: String
        /// First byte and count.
        var offset: Int?
        var count: Int?
    }

    /// A media segment.
    struct Segment {
        /// What stays when its address does not: its time in its Period or its number in a list; only
        /// where there is neither, its name.
        struct Key: Hashable {
            let source: String
            var time = 0
            var name = ""
        }

        let key: Key
        let piece: Piece
        /// How long it plays, seconds.
        let seconds: Double
    }

    /// A Period's segments, in order.
    struct Stretch {
        /// Which representation of which Period it is.
        let source: String
        /// What is to be read before them.
        let map: Piece?
        let segments: [Segment]
    }

    /// Whether segments will be added.
    let isLive: Bool
    /// Stretches with segments, in order.
    let stretches: [Stretch]

    /// Largest manifest that is read, bytes.
    static let mostBytes = 4 << 20
    /// Most Periods, and renditions of one, that are looked at.
    static let mostPeriods = 64, mostRenditions = 256
    /// Most segments that are listed: of a live stream the newest, else the first.
    static let mostLive = 64, mostStatic = 10_000

    /// Whether a text looks like a manifest.
    static func isManifest(_ text: [UInt8]) -> Bool {
        var start = text.prefix(4096)
        if start.starts(with: [0xef, 0xbb, 0xbf]) { start = start.dropFirst(3) }
        start = start.drop { $0 <= 0x20 }
        guard start.first == UInt8(ascii: "<") else { return false }
        return String(decoding: start, as: UTF8.self).split(separator: "<").contains {
            let name = $0.prefix { $0.isLetter || $0 == ":" }
            return name == "MPD" || name.hasSuffix(":MPD")
        }
    }

    /// Reads a manifest.
    /// - Parameters:
    ///   - url: where it came from; addresses in it are relative to it.
    ///   - now: seconds since 1970.
    ///   - attempt: which of several base addresses is taken, counted on and round.
    /// - Returns: `nil` where it is none or is refused.
    init?(_ text: [UInt8], url: String, choice: RenditionChoice, now: Double, attempt: Int = 0) {
        guard text.count <= Self.mostBytes, let document = XMLDocument(text) else { return nil }
        let read = document.read { root -> (Bool, [Stretch])? in
            guard root.name == "MPD" else { return nil }
            let presentation = DASHPresentation(
                root, url: url, choice: choice, now: now, attempt: attempt)
            return (presentation.isLive, presentation.stretches())
        }
        guard let read else { return nil }
        (isLive, stretches) = (read.0, read.1.filter { !$0.segments.isEmpty })
    }
}

/// A manifest's root, while it is read.
private struct DASHPresentation {
    let root: XMLElement
    let base: String
    let choice: RenditionChoice
    let attempt: Int
    let isLive: Bool
    /// Seconds since the presentation began to be available; nothing where it always was.
    let age: Double?

    init(_ root: XMLElement, url: String, choice: RenditionChoice, now: Double, attempt: Int) {
        self.root = root
        self.choice = choice
        self.attempt = attempt
        base = Self.resolve(url, root, attempt)
        isLive = root["type"] == "dynamic"
        // The server's clock is at least as far as it says itself.
        let now = max(now, DASHTime.date(root["publishTime"]) ?? now)
        age = isLive ? DASHTime.date(root["availabilityStartTime"]).map { now - $0 } : nil
    }

    /// The base address with what an element says of it.
    private static func resolve(_ base: String, _ element: XMLElement, _ attempt: Int) -> String {
        let addresses = element.children("BaseURL").prefix(16).compactMap(\.text)
        guard !addresses.isEmpty else { return base }
        let index = Int(UInt(bitPattern: attempt) % UInt(addresses.count))
        return PlaylistAddress.resolve(addresses[index], against: base)
    }

    func stretches() -> [DASHManifest.Stretch] {
        let periods = root.children("Period").suffix(DASHManifest.mostPeriods)
        let starts = periods.map { DASHTime.duration($0["start"]) }
        let whole = DASHTime.duration(root["mediaPresentationDuration"])
        var found: [DASHManifest.Stretch] = []
        var start = 0.0
        for (index, period) in periods.enumerated() {
            start = starts[index] ?? start
            // A Period that is announced, without saying when it begins.
            if isLive, index > 0, starts[index] == nil,
                periods[periods.startIndex + index - 1]["duration"] == nil
            {
                break
            }
            let next = index + 1 < starts.count ? starts[index + 1] : whole
            let length = DASHTime.duration(period["duration"]) ?? next.map { $0 - start }
            if let stretch = stretch(of: period, start: start, length: length) {
                found.append(stretch)
            }
            start += length ?? 0
        }
        return found
    }

    private func stretch(
        of period: XMLElement, start: Double, length: Double?
    ) -> DASHManifest.Stretch? {
        let candidates = DASHCandidate.all(in: period)
        guard let index = choice.pick(from: candidates.map(\.rendition)) else { return nil }
        let chosen = candidates[index]
        let base = [period, chosen.set, chosen.representation].reduce(self.base) {
            Self.resolve($0, $1, attempt)
        }
        let addressing = DASHAddressing(
            source: "\(start)/\(chosen.representation["id"] ?? "")",
            levels: [chosen.representation, chosen.set, period], base: base,
            length: length.map { max(0, $0) }, age: age.map { $0 - start }, isLive: isLive)
        return addressing.stretch()
    }
}

/// A representation with video, or which may have it.
private struct DASHCandidate {
    let set: XMLElement
    let representation: XMLElement
    let rendition: Rendition

    /// Those of a Period, in order.
    static func all(in period: XMLElement) -> [DASHCandidate] {
        var found: [DASHCandidate] = []
        for set in period.children("AdaptationSet") where !isTrickMode(set) {
            for representation in set.children("Representation") {
                guard found.count < DASHManifest.mostRenditions else { return found }
                if let rendition = rendition(representation, of: set) {
                    found.append(
                        DASHCandidate(
                            set: set, representation: representation, rendition: rendition))
                }
            }
        }
        return found
    }

    /// A few pictures, for showing while a user winds.
    private static func isTrickMode(_ set: XMLElement) -> Bool {
        (set.children("EssentialProperty") + set.children("SupplementalProperty")).contains {
            $0["schemeIdUri"] == "http://dashif.org/guidelines/trickmode"
        }
    }

    private static func rendition(_ representation: XMLElement, of set: XMLElement) -> Rendition? {
        let levels = [representation, set]
        let first = { (name: String) in levels.lazy.compactMap { $0[name] }.first }
        let codecs = first("codecs") ?? ""
        let component = set.child("ContentComponent")?["contentType"]
        let kinds = [first("mimeType"), first("contentType"), component].compactMap { $0 }
        let isVideo = kinds.contains { $0.hasPrefix("video") }
        // Other kinds: sound, text, pictures of previews.
        guard isVideo || kinds.isEmpty || kinds.allSatisfy({ $0.hasPrefix("application/mp4") })
        else { return nil }
        var rendition = Rendition(
            width: first("width").flatMap { PlaylistNumber.whole($0) },
            height: first("height").flatMap { PlaylistNumber.whole($0) },
            bandwidth: representation.number("bandwidth"), codecs: codecs)
        if rendition.fitness == .noVideo { return nil }
        if !isVideo, codecs.isEmpty, rendition.lines == nil { rendition.fitness = .doubtful }
        if levels.contains(where: { $0.child("ContentProtection") != nil }) {
            rendition.fitness = .undecodable
        }
        return rendition
    }
}

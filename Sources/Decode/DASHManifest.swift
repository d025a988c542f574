// What a DASH manifest (MPD, ISO/IEC 23009-1) says of the one rendition that is read: for each Period
// an initialization and the addresses of media segments.
//
// A pure function of the text, its address and the time. Everything is bounded: the text and its
// elements, numbers (53 bits), templates' widths, and by one budget for all Periods together
// (`ListLoad`) segments, bytes and processor time. Remote elements (xlink) are not fetched. What is
// not understood gives no segments, never a guess.

/// The chosen rendition of a manifest.
struct DASHManifest {
    /// Something to fetch: an address, and a part of it where not all.
    struct Piece: Hashable {
        let url: [UInt8]
        /// First byte and count.
        var range: Range?
    }

    /// First byte and count.
    struct Range: Hashable {
        let offset: Int
        let count: Int
    }

    /// A media segment; its address stands in its stretch.
    struct Segment {
        let address: Swift.Range<Int>
        let range: Range?
        /// Its time in its Period or its number in a list.
        let time: Int
        /// In lists without numbers, what it is called.
        let name: [UInt8]
        /// How long it plays, seconds.
        let seconds: Double
    }

    /// What stays of a segment when its address does not.
    struct Key: Hashable {
        let source: String
        let time: Int
        let name: [UInt8]
    }

    /// A Period's segments, in order.
    struct Stretch {
        /// Which representation of which Period it is.
        let source: String
        /// What is to be read before them.
        let map: Piece?
        /// The addresses of all segments, one behind the other.
        var addresses: [UInt8] = []
        var segments: [Segment] = []

        func key(of segment: Segment) -> Key {
            Key(source: source, time: segment.time, name: segment.name)
        }
    }

    /// Whether segments will be added.
    let isLive: Bool
    /// Stretches with segments, in order.
    let stretches: [Stretch]

    /// Most Periods, and renditions of one, that are looked at.
    static let mostPeriods = 64, mostRenditions = 256
    /// Newest segments of a Period that are listed of a live stream.
    static let mostLive = 64

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

    /// Reads a manifest; `nil` where it is none.
    /// - Parameters:
    ///   - url: where it came from; addresses in it are relative to it.
    ///   - now: seconds since 1970.
    ///   - attempt: which of several base addresses is taken, counted on and round.
    /// - Throws: `DecodeError` where it is more than a budget allows.
    init?(
        _ text: [UInt8], url: String, choice: RenditionChoice, now: Double, attempt: Int = 0,
        load: ListLoad
    ) throws(DecodeError) {
        guard text.count <= ListLimits.textBytes else {
            throw DecodeError(
                .refused, "the manifest is longer than \(ListLimits.textBytes >> 20) MiB")
        }
        guard let document = try XMLDocument(text, load: load) else { return nil }
        let presentation = DASHPresentation(
            document.root, url: url, choice: choice, now: now, attempt: attempt, load: load)
        isLive = presentation.isLive
        stretches = try presentation.stretches().filter { !$0.segments.isEmpty }
    }
}

/// A manifest's root, while it is read.
private struct DASHPresentation {
    let root: XMLElement
    let base: [UInt8]
    let choice: RenditionChoice
    let attempt: Int
    let load: ListLoad
    let isLive: Bool
    /// Seconds since the presentation began to be available; nothing where it always was.
    let age: Double?

    /// A Period with its place in time, seconds.
    private struct Period {
        let element: XMLElement
        let start: Double
        let length: Double?
    }

    init(
        _ root: XMLElement, url: String, choice: RenditionChoice, now: Double, attempt: Int,
        load: ListLoad
    ) {
        self.root = root
        self.choice = choice
        self.attempt = attempt
        self.load = load
        base = Self.resolve(Array(url.utf8), root, attempt)
        isLive = root[.type] == "dynamic"
        // The server's clock is at least as far as it says itself.
        let now = max(now, DASHTime.date(root[.publishTime]) ?? now)
        age = isLive ? DASHTime.date(root[.availabilityStartTime]).map { now - $0 } : nil
    }

    /// The base address with what an element says of it.
    private static func resolve(
        _ base: [UInt8], _ element: XMLElement, _ attempt: Int
    ) -> [UInt8] {
        let addresses = element.children(.baseURL).prefix(16).compactMap(\.text)
        guard !addresses.isEmpty else { return base }
        let index = Int(UInt(bitPattern: attempt) % UInt(addresses.count))
        return PlaylistAddress.resolve(Array(addresses[index]), against: base)
    }

    /// The segments of all Periods; of a live stream, the newest within the budget.
    func stretches() throws(DecodeError) -> [DASHManifest.Stretch] {
        guard isLive else {
            var found: [DASHManifest.Stretch] = []
            for period in periods() {
                if let stretch = try stretch(of: period) { found.append(stretch) }
            }
            return found
        }
        var newestFirst: [DASHManifest.Stretch] = []
        var segments = 0
        var bytes = 0
        for period in periods().reversed() {
            guard let stretch = try stretch(of: period) else { continue }
            newestFirst.append(stretch)
            segments += stretch.segments.count
            bytes += stretch.addresses.count
            // What is older was read, or is too far behind what is shown now.
            if segments >= ListLimits.liveManifestSegments || bytes >= ListLimits.liveManifestBytes
            {
                break
            }
        }
        return newestFirst.reversed()
    }

    private func periods() -> [Period] {
        let elements = root.children(.period).suffix(DASHManifest.mostPeriods)
        let starts = elements.map { DASHTime.duration($0[.start]) }
        let whole = DASHTime.duration(root[.mediaPresentationDuration])
        var found: [Period] = []
        var start = 0.0
        for (index, element) in elements.enumerated() {
            start = starts[index] ?? start
            // A Period that is announced, without saying when it begins.
            if isLive, index > 0, starts[index] == nil,
                elements[elements.startIndex + index - 1][.duration] == nil
            {
                break
            }
            let next = index + 1 < starts.count ? starts[index + 1] : whole
            let length = DASHTime.duration(element[.duration]) ?? next.map { $0 - start }
            found.append(Period(element: element, start: start, length: length))
            start += length ?? 0
        }
        return found
    }

    private func stretch(of period: Period) throws(DecodeError) -> DASHManifest.Stretch? {
        let candidates = try DASHCandidate.all(in: period.element, load)
        guard let index = choice.pick(from: candidates.map(\.rendition)) else { return nil }
        let chosen = candidates[index]
        let base = [period.element, chosen.set, chosen.representation].reduce(self.base) {
            Self.resolve($0, $1, attempt)
        }
        let addressing = DASHAddressing(
            source: "\(period.start)/\(chosen.representation[.id] ?? "")",
            levels: [chosen.representation, chosen.set, period.element], base: base,
            length: period.length.map { max(0, $0) }, age: age.map { $0 - period.start },
            isLive: isLive, load: load)
        return try addressing.stretch()
    }
}

/// A representation with video, or which may have it.
private struct DASHCandidate {
    let set: XMLElement
    let representation: XMLElement
    let rendition: Rendition

    /// Those of a Period, in order.
    static func all(
        in period: XMLElement, _ load: ListLoad
    ) throws(DecodeError) -> [DASHCandidate] {
        var found: [DASHCandidate] = []
        for set in period.children(.adaptationSet) where !isTrickMode(set) {
            let common = SetDescription(set)
            for representation in set.children(.representation) {
                guard found.count < DASHManifest.mostRenditions else { return found }
                try load.step(32)
                if let rendition = common.rendition(of: representation) {
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
        (set.children(.essentialProperty) + set.children(.supplementalProperty)).contains {
            $0[.schemeIdUri] == "http://dashif.org/guidelines/trickmode"
        }
    }
}

/// What an AdaptationSet says of all of its representations, read once.
private struct SetDescription {
    private let mimeType: String?
    private let contentType: String?
    private let component: String?
    private let codecs: String?
    private let width: Int?
    private let height: Int?
    private let isProtected: Bool
    /// What can be done with the codecs that the set names.
    private let fitness: Rendition.Fitness

    init(_ set: XMLElement) {
        mimeType = set[.mimeType]
        contentType = set[.contentType]
        component = set.child(.contentComponent)?[.contentType]
        codecs = set[.codecs]
        width = set.number(.width)
        height = set.number(.height)
        isProtected = set.child(.contentProtection) != nil
        fitness = CodecNames.fitness(of: codecs ?? "")
    }

    func rendition(of representation: XMLElement) -> Rendition? {
        let ownCodecs = representation[.codecs]
        let kinds = [
            representation[.mimeType] ?? mimeType, representation[.contentType] ?? contentType,
            component,
        ].compactMap { $0 }
        let isVideo = kinds.contains { $0.hasPrefix("video") }
        // Other kinds: sound, text, pictures of previews.
        guard isVideo || kinds.isEmpty || kinds.allSatisfy({ $0.hasPrefix("application/mp4") })
        else { return nil }
        let saysCodecs = !(ownCodecs ?? codecs ?? "").isEmpty
        var rendition = Rendition(
            width: representation.bytes(.width) == nil ? width : representation.number(.width),
            height: representation.bytes(.height) == nil ? height : representation.number(.height),
            bandwidth: representation.number(.bandwidth),
            fitness: ownCodecs.map { CodecNames.fitness(of: $0) } ?? fitness,
            saysCodecs: saysCodecs)
        if rendition.fitness == .noVideo { return nil }
        if !isVideo, !saysCodecs, rendition.lines == nil { rendition.fitness = .doubtful }
        if isProtected || representation.child(.contentProtection) != nil {
            rendition.fitness = .undecodable
        }
        return rendition
    }
}

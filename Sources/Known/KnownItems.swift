// The items of a set, packed: a list of ten million pictures must not cost ten million objects.
// Ids stand one after another in one array of bytes; kind, category and source are interned
// together as a label, since a list has few of them; lengths are there only if an item has one. An
// item takes its id's bytes and 8 more, and is made a `KnownItem` when it is asked for.
//
// Invariants: ids are UTF-8 (they come from strings or were validated); `idEnds` and
// `labelOfItem` are as long as there are items; labels stand in the order of their first use and
// all are used, so that equal items compare equal.

/// Items in order, made one by one as they are asked for.
public struct KnownItems: Sendable, Equatable {
    /// What many items share.
    struct Label: Hashable, Sendable {
        var kind: KnownKind
        var category: String
        var source: String
    }

    private(set) var labels: [Label] = []
    private var labelPlaces: [Label: UInt32] = [:]
    private var labelOfItem: [UInt32] = []
    private(set) var idBytes: [UInt8] = []
    private var idEnds: [UInt32] = []
    private var durations = SparseColumn<Double>()

    /// Most bytes that the ids of a set may have together.
    static let mostIDBytes = Int(UInt32.max)

    init() {}

    /// Makes room, so that as many items can be added without copying.
    mutating func reserveCapacity(_ count: Int, idBytes: Int) {
        labelOfItem.reserveCapacity(count)
        idEnds.reserveCapacity(count)
        durations.reserveCapacity(count)
        self.idBytes.reserveCapacity(idBytes)
    }

    /// Whether a label is there, which means that its texts were checked.
    func has(_ label: Label) -> Bool { lastLabel(is: label) || labelPlaces[label] != nil }

    /// Adds an item that the caller has checked; the ids stay below `mostIDBytes`.
    mutating func append(_ item: KnownItem) {
        let label = place(
            of: Label(kind: item.kind, category: item.category, source: item.source))
        idBytes.append(contentsOf: item.id.utf8)
        append(label: label, duration: item.durationSeconds)
    }

    /// As above, from bytes that were found to be UTF-8.
    mutating func append(id: ArraySlice<UInt8>, label: UInt32, duration: Double) {
        idBytes.append(contentsOf: id)
        append(label: label, duration: duration)
    }

    private mutating func append(label: UInt32, duration: Double) {
        idEnds.append(UInt32(idBytes.count))
        labelOfItem.append(label)
        durations.append(duration)
    }

    /// Where a label stands, made if it is new.
    mutating func place(of label: Label) -> UInt32 {
        if lastLabel(is: label), let last = labelOfItem.last { return last }
        if let place = labelPlaces[label] { return place }
        let place = UInt32(labels.count)
        labels.append(label)
        labelPlaces[label] = place
        return place
    }

    private func lastLabel(is label: Label) -> Bool {
        labelOfItem.last.map { labels[Int($0)] == label } ?? false
    }

    /// Leaves only the items at these places, which ascend.
    mutating func keep(_ places: [Int]) {
        let old = self
        self = KnownItems()
        reserveCapacity(places.count, idBytes: old.idBytes.count)
        for place in places {
            append(
                id: old.idBytes[old.idRange(at: place)],
                label: self.place(of: old.label(at: place)), duration: old.duration(at: place))
        }
    }

    private func idRange(at place: Int) -> Range<Int> {
        (place == 0 ? 0 : Int(idEnds[place - 1]))..<Int(idEnds[place])
    }

    /// The bytes of an id.
    func idBytes(at place: Int) -> ArraySlice<UInt8> { idBytes[idRange(at: place)] }

    /// Where the label of an item stands in `labels`.
    func labelPlace(at place: Int) -> Int { Int(labelOfItem[place]) }

    private func label(at place: Int) -> Label { labels[labelPlace(at: place)] }

    /// The id of an item.
    /// - Parameter place: a valid place.
    public func id(at place: Int) -> String {
        let range = idRange(at: place)
        return idBytes.withUnsafeBufferPointer {
            String(decoding: UnsafeBufferPointer(rebasing: $0[range]), as: UTF8.self)
        }
    }

    /// The length of a video in seconds, as `KnownItem.durationSeconds`.
    /// - Parameter place: a valid place.
    public func duration(at place: Int) -> Double { durations[place] }
}

extension KnownItems: RandomAccessCollection {
    /// 0.
    public var startIndex: Int { 0 }
    /// Number of items.
    public var endIndex: Int { idEnds.count }

    /// The item at a place.
    public subscript(place: Int) -> KnownItem {
        let label = label(at: place)
        return KnownItem(
            id: id(at: place), kind: label.kind, category: label.category, source: label.source,
            durationSeconds: duration(at: place))
    }
}

/// What the items of a set amount to.
public struct KnownTally: Sendable, Hashable {
    /// Number of pictures.
    public var images: Int
    /// Number of videos.
    public var videos: Int
    /// Length of all videos together, seconds.
    public var videoSeconds: Double
    /// Number of items of each category.
    public var categories: [String: Int]
    /// Number of items of each source.
    public var sources: [String: Int]

    /// Makes a tally of its parts.
    public init(
        images: Int = 0, videos: Int = 0, videoSeconds: Double = 0,
        categories: [String: Int] = [:], sources: [String: Int] = [:]
    ) {
        self.images = images
        self.videos = videos
        self.videoSeconds = videoSeconds
        self.categories = categories
        self.sources = sources
    }
}

extension KnownItems {
    /// Counts the items, in one pass that makes none of them.
    public var tally: KnownTally {
        var counts = [Int](repeating: 0, count: labels.count)
        var tally = KnownTally()
        for place in indices {
            counts[labelPlace(at: place)] += 1
            tally.videoSeconds += durations[place]
        }
        for (label, count) in zip(labels, counts) {
            switch label.kind {
            case .image: tally.images += count
            case .video: tally.videos += count
            }
            tally.categories[label.category, default: 0] += count
            tally.sources[label.source, default: 0] += count
        }
        return tally
    }
}

// How a DASH representation names its segments (ISO/IEC 23009-1, 5.3.9): by a template with a timeline
// or a fixed duration, by a list, or as one file.

/// The segments of one representation in one Period, while the manifest is read.
struct DASHAddressing {
    /// Which representation of which Period it is.
    let source: String
    /// Representation, AdaptationSet, Period: what the first says counts before what the next says.
    let levels: [XMLElement]
    let base: String
    /// The Period's length, seconds, where it is known.
    let length: Double?
    /// Seconds since the Period began, where segments become available by the clock.
    let age: Double?
    let isLive: Bool

    private typealias Piece = DASHManifest.Piece
    private typealias Segment = DASHManifest.Segment

    /// Segments of equal length: the first's time and each one's length, in ticks, and how many.
    private struct Repeated {
        let time: Int
        let length: Int
        let count: Int
    }

    private static let mostTicks = 1 << 38, mostCount = 1 << 22, mostRuns = 50_000
    private static let latestTime = 1 << 53

    private var most: Int { isLive ? DASHManifest.mostLive : DASHManifest.mostStatic }

    func stretch() -> DASHManifest.Stretch? {
        let templates = levels.compactMap { $0.child("SegmentTemplate") }
        if !templates.isEmpty { return stretch(templates: templates) }
        let lists = levels.compactMap { $0.child("SegmentList") }
        if !lists.isEmpty { return stretch(lists: lists) }
        // One file, which begins with its own initialization.
        guard let piece = piece(base, range: nil), !isLive else { return nil }
        return DASHManifest.Stretch(
            source: source, map: nil,
            segments: [Segment(key: key(0), piece: piece, seconds: length ?? 1)])
    }

    // MARK: - Templates

    private func stretch(templates: [XMLElement]) -> DASHManifest.Stretch? {
        let first = { (name: String) in templates.lazy.compactMap { $0[name] }.first }
        let number = { (name: String) in first(name).flatMap { PlaylistNumber.whole($0) } }
        guard let media = first("media") else { return nil }
        let scale = max(1, number("timescale") ?? 1)
        let firstNumber = max(0, number("startNumber") ?? 1)
        let shift = number("presentationTimeOffset") ?? 0
        let names = DASHTemplate(
            identifier: levels[0]["id"] ?? "", bandwidth: levels[0]["bandwidth"] ?? "")
        var map = first("initialization").flatMap {
            piece(names.filled($0, number: 0, time: 0), range: nil)
        }
        if map == nil { map = initialization(of: templates, names) }
        let runs: [Repeated]
        if let timeline = templates.lazy.compactMap({ $0.child("SegmentTimeline") }).first {
            runs = timelineRuns(timeline, scale: scale, shift: shift)
        } else if let ticks = number("duration"), (1...Self.mostTicks).contains(ticks) {
            let last = number("endNumber").map { max(0, $0 - firstNumber + 1) }
            let count = min(count(ticks: ticks, scale: scale), last ?? .max)
            runs = [Repeated(time: shift, length: ticks, count: count)]
        } else {
            return nil
        }
        let segments = listed(runs).compactMap { index, time, ticks -> Segment? in
            let name = names.filled(media, number: firstNumber + index, time: time)
            guard let piece = piece(name, range: nil) else { return nil }
            return Segment(
                key: key(time), piece: piece, seconds: Double(ticks) / Double(scale))
        }
        return DASHManifest.Stretch(source: source, map: map, segments: segments)
    }

    /// Segments of a fixed duration that there are; of a live stream, that are there by now.
    ///
    /// The newest is left out: clocks differ, and one that is asked for too early is lost.
    private func count(ticks: Int, scale: Int) -> Int {
        let each = Double(ticks) / Double(scale)
        let whole = length.map { ($0 / each).rounded(.up) }
        let available = age.map { ($0 / each).rounded(.down) - 1 }
        guard let count = [whole, available].compactMap({ $0 }).min(), count > 0 else { return 0 }
        return count < Double(Self.latestTime) ? Int(bounded: count) : 0
    }

    private func timelineRuns(_ timeline: XMLElement, scale: Int, shift: Int) -> [Repeated] {
        let entries = timeline.children("S").prefix(Self.mostRuns)
        var runs: [Repeated] = []
        var time = 0
        for (index, entry) in entries.enumerated() {
            time = max(0, entry.number("t") ?? time)
            guard time < Self.latestTime, let ticks = entry.number("d"),
                (1...Self.mostTicks).contains(ticks)
            else { break }
            var repeats = entry.number("r") ?? 0
            if repeats < 0 {
                let next = index + 1 < entries.count ? entries[index + 1].number("t") : nil
                let seconds = [length, age].compactMap { $0 }.min() ?? 0
                let end =
                    Double(next ?? 0) + (next == nil ? seconds * Double(scale) + Double(shift) : 0)
                let count = ((end - Double(time)) / Double(ticks)).rounded(age == nil ? .up : .down)
                repeats = Int(bounded: min(Double(Self.mostCount), max(1, count))) - 1
            }
            let count = min(repeats, Self.mostCount - 1) + 1
            runs.append(Repeated(time: time, length: ticks, count: count))
            // Below 2^53 + 2^60.
            time += ticks * count
        }
        return runs
    }

    /// The segments to list: index, time and length in ticks.
    private func listed(_ runs: [Repeated]) -> [(index: Int, time: Int, ticks: Int)] {
        let total = runs.reduce(0) { $0 + $1.count }
        let range = isLive ? max(0, total - most)..<total : 0..<min(total, most)
        var found: [(Int, Int, Int)] = []
        var start = 0
        for run in runs {
            let here = range.clamped(to: start..<(start + run.count))
            for index in here {
                // Fixed durations since 1970 in nanoseconds are still below 2^63.
                let (span, overflow) = run.length.multipliedReportingOverflow(by: index - start)
                guard !overflow, span < 1 << 62 else { return found }
                found.append((index, run.time + span, run.length))
            }
            start += run.count
        }
        return found
    }

    // MARK: - Lists

    private func stretch(lists: [XMLElement]) -> DASHManifest.Stretch? {
        let first = { (name: String) in
            lists.lazy.compactMap { $0[name] }.first.flatMap { PlaylistNumber.whole($0) }
        }
        let scale = max(1, first("timescale") ?? 1)
        let seconds = first("duration").map { Double($0) / Double(scale) } ?? 1
        guard let urls = lists.lazy.map({ $0.children("SegmentURL") }).first(where: { !$0.isEmpty })
        else { return nil }
        let firstNumber = first("startNumber")
        let places = isLive ? max(0, urls.count - most)..<urls.count : 0..<min(urls.count, most)
        let segments = places.compactMap { place -> Segment? in
            let (media, range) = (urls[place]["media"], urls[place]["mediaRange"])
            let key = Segment.Key(
                source: source, time: firstNumber.map { $0 + place } ?? 0,
                name: firstNumber == nil ? "\(media ?? "") \(range ?? "")" : "")
            return piece(media ?? base, range: range).map {
                Segment(key: key, piece: $0, seconds: seconds)
            }
        }
        return DASHManifest.Stretch(
            source: source,
            map: initialization(of: lists, DASHTemplate(identifier: "", bandwidth: "")),
            segments: segments)
    }

    private func key(_ time: Int) -> Segment.Key { Segment.Key(source: source, time: time) }

    private func initialization(of levels: [XMLElement], _ names: DASHTemplate) -> Piece? {
        guard let element = levels.lazy.compactMap({ $0.child("Initialization") }).first else {
            return nil
        }
        let address = element["sourceURL"].map { names.filled($0, number: 0, time: 0) }
        return piece(address ?? base, range: element["range"])
    }

    private func piece(_ address: String, range: String?) -> Piece? {
        let url = PlaylistAddress.resolve(address, against: base)
        guard url.utf8.count <= PlaylistAddress.longest else { return nil }
        guard let range else { return Piece(url: url) }
        let ends = range.split(separator: "-").compactMap { PlaylistNumber.whole($0) }
        guard ends.count == 2, ends[0] >= 0, ends[1] >= ends[0] else { return nil }
        return Piece(url: url, offset: ends[0], count: ends[1] - ends[0] + 1)
    }
}

/// Fills a template's identifiers (ISO/IEC 23009-1, 5.3.9.4.4).
struct DASHTemplate {
    let identifier: String
    let bandwidth: String

    private static let mostDigits = 20

    func filled(_ template: String, number: Int, time: Int) -> String {
        var text = ""
        var parts = template.split(separator: "$", omittingEmptySubsequences: false)[...]
        text += parts.popFirst() ?? ""
        while let name = parts.popFirst() {
            guard let after = parts.popFirst() else { return text + "$" + name }
            text += value(of: name, number: number, time: time) + after
        }
        return text
    }

    private func value(of name: Substring, number: Int, time: Int) -> String {
        let parts = name.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
        let format = parts.count > 1 ? parts[1] : ""
        switch parts.first {
        case "": return "$"
        case "RepresentationID": return identifier
        case "Bandwidth": return padded(bandwidth, format)
        case "Number": return padded("\(number)", format)
        case "Time": return padded("\(time)", format)
        default: return "$\(name)$"
        }
    }

    /// With zeros in front, as `%05d` asks for.
    private func padded(_ digits: String, _ format: Substring) -> String {
        guard format.hasPrefix("0"), format.hasSuffix("d"), let width = Int(format.dropLast())
        else {
            return digits
        }
        let missing = min(width, Self.mostDigits) - digits.utf8.count
        return String(repeating: "0", count: max(0, missing)) + digits
    }
}

/// Addresses in playlists and manifests.
enum PlaylistAddress {
    /// Longest that the library takes, bytes.
    static let longest = 4000

    /// An address relative to another (RFC 3986, 5.2), but for dot segments, which servers and
    /// clients remove; what would end a playlist's line or quotes is escaped.
    static func resolve(_ address: String, against base: String) -> String {
        let bare = base.utf8.prefix { $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") }
        let text = escaped(address)
        if text.isEmpty { return base }
        if hasScheme(text) { return text }
        let whole = String(Substring(bare))
        guard let colon = whole.utf8.firstIndex(of: UInt8(ascii: ":")) else {
            return joined(whole, text)
        }
        if text.hasPrefix("//") { return whole[...colon] + text }
        let authority = whole.utf8[whole.utf8.index(after: colon)...].dropFirst(2)
        let path = authority.firstIndex(of: UInt8(ascii: "/")) ?? whole.utf8.endIndex
        if text.hasPrefix("/") { return whole[..<path] + text }
        if text.hasPrefix("?") { return whole + text }
        return path == whole.utf8.endIndex ? whole + "/" + text : joined(whole, text)
    }

    private static func joined(_ base: String, _ text: String) -> String {
        guard let slash = base.utf8.lastIndex(of: UInt8(ascii: "/")) else { return text }
        return base[...slash] + text
    }

    private static func hasScheme(_ text: String) -> Bool {
        guard let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) else { return false }
        let scheme = text.utf8[..<colon]
        return !scheme.isEmpty
            && scheme.allSatisfy {
                (0x61...0x7a).contains($0 | 0x20)
                    || (0x2b...0x39).contains($0) && $0 != 0x2f
                        && $0 != 0x2c
            }
    }

    private static func escaped(_ text: String) -> String {
        let isBad: (UInt8) -> Bool = { $0 <= 0x20 || $0 == 0x22 || $0 == 0x7f }
        guard text.utf8.contains(where: isBad) else { return text }
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            guard isBad(byte) else {
                bytes.append(byte)
                continue
            }
            let digits = Array("0123456789ABCDEF".utf8)
            bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

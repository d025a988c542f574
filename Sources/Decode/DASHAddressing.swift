// How a DASH representation names its segments (ISO/IEC 23009-1, 5.3.9): by a template with a timeline
// or a fixed duration, by a list, or as one file. How many there are is known before any is written.

/// The segments of one representation in one Period, while the manifest is read.
struct DASHAddressing {
    /// Which representation of which Period it is.
    let source: String
    /// Representation, AdaptationSet, Period: what the first says counts before what the next says.
    let levels: [XMLElement]
    let base: [UInt8]
    /// The Period's length, seconds, where it is known.
    let length: Double?
    /// Seconds since the Period began, where segments become available by the clock.
    let age: Double?
    let isLive: Bool
    let load: ListLoad

    private typealias Piece = DASHManifest.Piece
    private typealias Segment = DASHManifest.Segment

    /// Segments of equal length: the first's time and each one's length, in ticks, and how many.
    private struct Repeated {
        let time: Int
        let length: Int
        let count: Int
    }

    private static let mostTicks = 1 << 38, mostCount = 1 << 22
    private static let latestTime = 1 << 53

    func stretch() throws(DecodeError) -> DASHManifest.Stretch? {
        let templates = levels.compactMap { $0.child(.segmentTemplate) }
        if !templates.isEmpty { return try stretch(templates: templates) }
        let lists = levels.compactMap { $0.child(.segmentList) }
        if !lists.isEmpty { return try stretch(lists: lists) }
        // One file, which begins with its own initialization.
        guard !isLive else { return nil }
        var found = DASHManifest.Stretch(source: source, map: nil)
        try load.take(segments: 1)
        try append(
            PlaylistAddress.escaped(base), range: nil, to: &found, seconds: length ?? 1)
        return found
    }

    /// Which of so many segments are listed: of a live stream the newest, else all.
    private func places(of total: Int) throws(DecodeError) -> Range<Int> {
        if isLive { return max(0, total - DASHManifest.mostLive)..<total }
        try load.take(segments: total)
        return 0..<total
    }

    /// Adds a segment by its whole address.
    private func append(
        _ address: [UInt8], range: DASHManifest.Range?, to stretch: inout DASHManifest.Stretch,
        time: Int = 0, name: [UInt8] = [], seconds: Double
    ) throws(DecodeError) {
        try PlaylistAddress.check(address.count)
        try load.take(bytes: address.count)
        let start = stretch.addresses.count
        stretch.addresses += address
        stretch.segments.append(
            Segment(
                address: start..<start + address.count, range: range, time: time, name: name,
                seconds: seconds))
    }

    // MARK: - Templates

    private func stretch(templates: [XMLElement]) throws(DecodeError) -> DASHManifest.Stretch? {
        let first = { (name: DASHAttribute) in templates.lazy.compactMap { $0.bytes(name) }.first }
        let number = { (name: DASHAttribute) in first(name).flatMap { PlaylistNumber.whole($0) } }
        guard let media = first(.media) else { return nil }
        let scale = max(1, number(.timescale) ?? 1)
        let firstNumber = max(0, number(.startNumber) ?? 1)
        let names = DASHTemplate.Names(
            identifier: levels[0].bytes(.id), bandwidth: levels[0].bytes(.bandwidth))
        var map: Piece?
        if let text = first(.initialization) {
            map = try piece(DASHTemplate(text, names).filled(number: 0, time: 0), range: nil)
        }
        if map == nil { map = try initialization(of: templates, names) }
        guard let runs = try runs(of: templates, scale: scale, firstNumber: firstNumber, number)
        else { return nil }
        let total = runs.reduce(0) { $0 + $1.count }
        let places = try places(of: total)
        let template = DASHTemplate(media, names).against(base)
        var found = DASHManifest.Stretch(source: source, map: map)
        found.segments.reserveCapacity(places.count)
        var start = 0
        for run in runs {
            try load.step()
            let here = places.clamped(to: start..<(start + run.count))
            for index in here {
                // Fixed durations since 1970 in nanoseconds are still below 2^63.
                let (span, overflow) = run.length.multipliedReportingOverflow(by: index - start)
                guard !overflow, span < 1 << 62 else { return found }
                let time = run.time + span
                let from = found.addresses.count
                template.fill(&found.addresses, number: firstNumber + index, time: time)
                let address = from..<found.addresses.count
                try PlaylistAddress.check(address.count)
                try load.take(bytes: address.count)
                found.segments.append(
                    Segment(
                        address: address, range: nil, time: time, name: [],
                        seconds: Double(run.length) / Double(scale)))
            }
            start += run.count
        }
        return found
    }

    private func runs(
        of templates: [XMLElement], scale: Int, firstNumber: Int,
        _ number: (DASHAttribute) -> Int?
    ) throws(DecodeError) -> [Repeated]? {
        let shift = number(.presentationTimeOffset) ?? 0
        if let timeline = templates.lazy.compactMap({ $0.child(.segmentTimeline) }).first {
            return try timelineRuns(timeline, scale: scale, shift: shift)
        }
        guard let ticks = number(.duration), (1...Self.mostTicks).contains(ticks) else {
            return nil
        }
        let last = number(.endNumber).map { max(0, $0 - firstNumber + 1) }
        let count = min(count(ticks: ticks, scale: scale), last ?? .max)
        return [Repeated(time: shift, length: ticks, count: count)]
    }

    /// Segments of a fixed duration that there are; of a live stream, that are there by now.
    ///
    /// The newest is left out: clocks differ, and one that is asked for too early is lost.
    private func count(ticks: Int, scale: Int) -> Int {
        let each = Double(ticks) / Double(scale)
        let whole = length.map { ($0 / each).rounded(.up) }
        let available = age.map { ($0 / each).rounded(.down) - 1 }
        guard let count = [whole, available].compactMap({ $0 }).min(), count > 0,
            count < Double(Self.latestTime)
        else { return 0 }
        return Int(exactly: count) ?? 0
    }

    private func timelineRuns(
        _ timeline: XMLElement, scale: Int, shift: Int
    ) throws(DecodeError) -> [Repeated] {
        let entries = timeline.children(.entry)
        var runs: [Repeated] = []
        var time = 0
        for (index, entry) in entries.enumerated() {
            try load.step(2)
            time = max(0, entry.number(.t) ?? time)
            guard time < Self.latestTime, let ticks = entry.number(.d),
                (1...Self.mostTicks).contains(ticks)
            else { break }
            var repeats = entry.number(.r) ?? 0
            if repeats < 0 {
                let next = index + 1 < entries.count ? entries[index + 1].number(.t) : nil
                let seconds = [length, age].compactMap { $0 }.min() ?? 0
                let end =
                    Double(next ?? 0) + (next == nil ? seconds * Double(scale) + Double(shift) : 0)
                let count = ((end - Double(time)) / Double(ticks)).rounded(age == nil ? .up : .down)
                repeats = (Int(exactly: min(Double(Self.mostCount), max(1, count))) ?? 1) - 1
            }
            let count = min(repeats, Self.mostCount - 1) + 1
            runs.append(Repeated(time: time, length: ticks, count: count))
            // Below 2^53 + 2^60.
            time += ticks * count
        }
        return runs
    }

    // MARK: - Lists

    private func stretch(lists: [XMLElement]) throws(DecodeError) -> DASHManifest.Stretch? {
        let first = { (name: DASHAttribute) in
            lists.lazy.compactMap { $0.bytes(name) }.first.flatMap { PlaylistNumber.whole($0) }
        }
        let scale = max(1, first(.timescale) ?? 1)
        let seconds = first(.duration).map { Double($0) / Double(scale) } ?? 1
        guard let urls = lists.lazy.map({ $0.children(.segmentURL) }).first(where: { !$0.isEmpty })
        else { return nil }
        let firstNumber = first(.startNumber)
        var found = DASHManifest.Stretch(
            source: source, map: try initialization(of: lists, DASHTemplate.Names()))
        let whole = PlaylistAddress.escaped(base)
        for place in try places(of: urls.count) {
            let (media, text) = (urls[place].bytes(.media), urls[place].bytes(.mediaRange))
            guard text == nil || Self.range(text) != nil else { continue }
            let isNamed = isLive && firstNumber == nil
            try append(
                media.map { PlaylistAddress.resolve(Array($0), against: base) } ?? whole,
                range: Self.range(text), to: &found, time: firstNumber.map { $0 + place } ?? 0,
                name: isNamed ? (media ?? []) + [0x20] + (text ?? []) : [], seconds: seconds)
        }
        return found
    }

    private func initialization(
        of levels: [XMLElement], _ names: DASHTemplate.Names
    ) throws(DecodeError) -> Piece? {
        guard let element = levels.lazy.compactMap({ $0.child(.initialization) }).first else {
            return nil
        }
        let address = element.bytes(.sourceURL).map {
            DASHTemplate($0, names).filled(number: 0, time: 0)
        }
        return try piece(address ?? base, range: element.bytes(.range))
    }

    private func piece(
        _ address: [UInt8], range: ArraySlice<UInt8>?
    ) throws(DecodeError) -> Piece? {
        let url = PlaylistAddress.resolve(address, against: base)
        try PlaylistAddress.check(url.count)
        try load.take(bytes: url.count)
        guard let range else { return Piece(url: url) }
        return Self.range(range).map { Piece(url: url, range: $0) }
    }

    /// First and last byte, as a manifest writes them.
    private static func range(_ text: ArraySlice<UInt8>?) -> DASHManifest.Range? {
        guard let text else { return nil }
        let ends = text.split(separator: UInt8(ascii: "-"), maxSplits: 2)
            .compactMap { PlaylistNumber.whole($0) }
        // Below 2^53.
        guard ends.count == 2, ends[0] >= 0, ends[1] >= ends[0] else { return nil }
        return DASHManifest.Range(offset: ends[0], count: ends[1] - ends[0] + 1)
    }
}

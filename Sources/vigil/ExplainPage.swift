// `vigil explain --format html`: one page that needs nothing else: no script, no font, no link,
// and a policy that lets a browser fetch none. It is well-formed XML too, so that tools can read
// it.
//
// Whatever comes from outside (names of inputs, items and sets, messages) passes `HTML.text`. No
// hash is in it, and pictures only where they were asked for. Bounded: of long inputs the page
// shows of each few neighbouring frames the most telling one.

import Decode
import Fingerprint
import Foundation
import Match
import Run

/// Collects what is told and writes the page at the end.
final class ExplainPage: ExplainWriter {
    /// Most frames on a page.
    static let mostFrames = 3000
    /// Most pictures on a page.
    static let mostPictures = 200
    /// Most tracks that are drawn.
    private static let mostTracks = 8
    private static let mostStretches = 64

    private let file: ExplainFile
    private let pipeline: Pipeline
    private let hasPictures: Bool
    private var frames = ThinnedFrames(most: mostFrames, mostPictures: mostPictures)
    /// Whether looks differ, so that they need a column.
    private var hasLooks = false
    private var stretches: [(track: Int, times: ClosedRange<Double>)] = []

    init(_ file: ExplainFile, _ pipeline: Pipeline, hasPictures: Bool) {
        self.file = file
        self.pipeline = pipeline
        self.hasPictures = hasPictures
    }

    func take(_ event: ExplainEvent) {
        switch event {
        case .frame(let frame): frames.add(frame)
        case .closerLook(let track, let times):
            if stretches.count < Self.mostStretches { stretches.append((track, times)) }
        case .alert: break
        }
    }

    func finish(_ explanation: Explanation) {
        frames.finish()
        let name = HTML.text(explanation.result.input)
        let title =
            explanation.alertCount > 0
            ? "Why it matched" : explanation.frames > 0 ? "Why nothing matched" : "Not examined"
        file.line(
            """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8"/>
            <meta http-equiv="Content-Security-Policy" content="\(HTML.policy)"/>
            <meta name="referrer" content="no-referrer"/>
            <meta name="robots" content="noindex"/>
            <meta name="viewport" content="width=device-width, initial-scale=1"/>
            <meta name="color-scheme" content="light dark"/>
            <title>\(title): \(name)</title>
            <style>\(HTML.style)</style>
            </head>
            <body>
            <main>
            <h1>\(title)</h1>
            <p class="name">\(name)</p>
            """)
        if hasPictures { file.line(Self.warning) }
        verdict(explanation)
        for track in Set(frames.kept.map(\.track)).sorted().prefix(Self.mostTracks) {
            plot(track, explanation)
        }
        if !frames.kept.isEmpty { table() }
        file.line("</main>\n</body>\n</html>")
    }

    private static let warning = """
        <p class="warning" role="note"><strong>This page holds pictures of the input.</strong> They may show \
        abuse. Keep the page as you would keep the input itself, pass it on to nobody who may not see that, and \
        delete it when it has served.</p>
        """

    private func verdict(_ explanation: Explanation) {
        let verdict = ExplainVerdict(explanation, pipeline)
        let kind = explanation.alertCount > 0 ? "found" : "quiet"
        file.line("<section class=\"verdict \(kind)\" aria-label=\"Verdict\">")
        for line in verdict.lines { file.line("<p>\(HTML.text(line))</p>") }
        if !verdict.help.isEmpty {
            file.line("<p>What may help:</p>\n<ul>")
            for line in verdict.help { file.line("<li>\(HTML.text(line))</li>") }
            file.line("</ul>")
        }
        file.line("</section>")
        let limits = explanation.limits
        let bits = limits.likelihoodBits
        let facts = [
            ("known hashes", "\(limits.hashCount)"),
            ("a hit by itself", "distance ≤ \(limits.radius)"),
            ("followed as weak", "distance ≤ \(limits.reach)"),
            ("enough evidence", bits.isFinite ? "\(HTML.number(bits)) bits" : "none"),
            ("least quality", "\(limits.minimumQuality)"), ("effort", pipeline.effort.rawValue),
        ]
        file.line("<dl>")
        for (name, value) in facts {
            file.line("<div><dt>\(name)</dt><dd>\(HTML.text(value))</dd></div>")
        }
        file.line("</dl>")
    }

    private func plot(_ track: Int, _ explanation: Explanation) {
        let alerts = explanation.alerts.enumerated().filter { $0.element.track == track }
            .map { (number: $0.offset + 1, alert: $0.element) }
        let plot = ExplainPlot(
            track: track, frames: frames.kept.filter { $0.track == track },
            stretches: stretches.filter { $0.track == track }.map(\.times),
            alerts: alerts, limits: explanation.limits,
            duration: explanation.result.duration)
        let name = frames.kept.allSatisfy { $0.track == 1 } ? "" : " of track \(track)"
        file.line("<h2>Course\(name)</h2>\n<div class=\"scroll\" tabindex=\"0\">")
        file.line(plot.svg)
        file.line("</div>")
        file.line(plot.legend)
    }

    private func table() {
        hasLooks = frames.kept.contains { $0.isCloserLook || $0.track > 1 }
        file.line("<h2>Pictures</h2>")
        if frames.stride > 1 {
            file.line(
                "<p>Of each \(frames.stride) neighbouring pictures the most telling one is shown, "
                    + "\(frames.kept.count) of \(frames.total). The formats table and jsonl have all.</p>"
            )
        }
        if hasPictures, frames.hasLostPictures {
            file.line(
                "<p>Small pictures are shown of the \(Self.mostPictures) nearest to a known item.</p>"
            )
        }
        let heads = [
            "time", hasLooks ? "look" : nil, hasPictures ? "picture" : nil, "quality", "probes",
            "distance", "nearest item", "known at", "variant", "region", "bits", "evidence for",
            "note",
        ].compactMap { $0 }.map { "<th scope=\"col\">\($0)</th>" }
        file.line(
            """
            <p id="about">Each sampled picture with the known hash that is nearest to it. The region is what was \
            hashed of the picture, drawn to scale. Bits are the evidence so far for the item that has most; with a \
            question mark, what it would have, were it followed.</p>
            <div class="scroll" tabindex="0" role="region" aria-label="Table of the pictures">
            <table aria-describedby="about">
            <caption>Sampled pictures</caption>
            <thead><tr>\(heads.joined())</tr></thead>
            <tbody>
            """)
        for frame in frames.kept { file.line(row(frame)) }
        file.line("</tbody>\n</table>\n</div>")
    }

    private func row(_ frame: ExplainedFrame) -> String {
        let cells = ExplainTable.cells(of: frame)
        let number = { (text: String) in "<td class=\"n\">\(text)</td>" }
        let text = { (text: String) in "<td>\(HTML.text(text))</td>" }
        let item = { (text: String) in "<td class=\"item\">\(HTML.text(text))</td>" }
        var row = frame.opened.isEmpty ? "<tr>" : "<tr class=\"opened\">"
        row += "<th scope=\"row\">\(cells.time)</th>"
        if hasLooks { row += text(cells.look) }
        if hasPictures {
            row += "<td>\(frame.picture.map { HTML.image($0, at: frame.mediaTime) } ?? "")</td>"
        }
        row += number(cells.quality) + number(cells.probes)
        row += number(
            frame.nearest.map {
                "<span class=\"\($0.strength.rawValue)\">\($0.distance)&#160;"
                    + "\($0.strength.rawValue)</span>"
            } ?? "")
        row += item(cells.item) + number(cells.knownTime)
        row += "<td class=\"place\">\(cells.variant)</td>"
        row += "<td class=\"place\">\(HTML.drawing(of: frame))\(HTML.text(cells.region))</td>"
        row += number(cells.bits) + item(cells.bitsItem)
        row += "<td class=\"note\">\(HTML.text(cells.note))</td>"
        return row + "</tr>"
    }
}

/// Frames of an input of any length, at most so many: of each `stride` neighbours the most telling one.
struct ThinnedFrames {
    /// Those that are shown, in order.
    private(set) var kept: [ExplainedFrame] = []
    /// How many stand for one.
    private(set) var stride = 1
    /// Frames added.
    private(set) var total = 0
    /// Whether some picture was left out.
    private(set) var hasLostPictures = false

    private let most: Int
    private let mostPictures: Int
    private var group: ExplainedFrame?
    private var grouped = 0
    private var pictures = 0

    init(most: Int, mostPictures: Int) {
        self.most = most
        self.mostPictures = mostPictures
    }

    mutating func add(_ frame: ExplainedFrame) {
        total += 1
        if let group, !Self.isSameLook(group, frame) { finish() }
        group = group.map { Self.moreTelling($0, frame) } ?? frame
        grouped += 1
        if grouped == stride { finish() }
    }

    /// Takes in what is left of the last group.
    mutating func finish() {
        guard let frame = group else { return }
        (group, grouped) = (nil, 0)
        kept.append(frame)
        pictures += frame.picture == nil ? 0 : 1
        if pictures > mostPictures { dropPicture() }
        if kept.count >= most { halve() }
    }

    private mutating func halve() {
        stride *= 2
        var thinned: [ExplainedFrame] = []
        for (place, frame) in kept.enumerated() {
            if place % 2 == 1, let last = thinned.last, Self.isSameLook(last, frame) {
                thinned[thinned.count - 1] = Self.moreTelling(last, frame)
            } else {
                thinned.append(frame)
            }
        }
        kept = thinned
        pictures = kept.count { $0.picture != nil }
    }

    /// The picture of the frame that is furthest from anything known makes room.
    private mutating func dropPicture() {
        let furthest = kept.indices.filter { kept[$0].picture != nil }.max {
            kept[$0].nearest?.distance ?? .max < kept[$1].nearest?.distance ?? .max
        }
        guard let furthest else { return }
        kept[furthest].picture = nil
        pictures -= 1
        hasLostPictures = true
    }

    private static func isSameLook(_ one: ExplainedFrame, _ other: ExplainedFrame) -> Bool {
        one.track == other.track && one.isCloserLook == other.isCloserLook
    }

    private static func moreTelling(
        _ one: ExplainedFrame, _ other: ExplainedFrame
    ) -> ExplainedFrame {
        if one.opened.isEmpty != other.opened.isEmpty { return one.opened.isEmpty ? other : one }
        return other.nearest?.distance ?? .max < one.nearest?.distance ?? .max ? other : one
    }
}

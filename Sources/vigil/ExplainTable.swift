// `vigil explain --format table`: a line for each picture as it is compared, then the verdict.

import Foundation
import Match
import Run

final class ExplainTable: ExplainWriter {
    private let file: ExplainFile
    private let pipeline: Pipeline
    private var hasHeader = false

    init(_ file: ExplainFile, _ pipeline: Pipeline) {
        self.file = file
        self.pipeline = pipeline
    }

    func take(_ event: ExplainEvent) {
        switch event {
        case .frame(let frame):
            if !hasHeader { header() }
            line(Self.cells(of: frame))
        case .closerLook(let track, let stretch):
            let place = track == 1 ? "" : " of track \(track)"
            file.line(
                "-- closer look at \(timeText(stretch.lowerBound)) to \(timeText(stretch.upperBound))"
                    + "\(place): something was seen, but too little")
        case .alert: break
        }
        file.flush()
    }

    func finish(_ explanation: Explanation) {
        if hasHeader { file.line("") }
        let verdict = ExplainVerdict(explanation, pipeline)
        for line in verdict.lines { file.line(Console.printable(line)) }
        if !verdict.help.isEmpty { file.line("What may help:") }
        for line in verdict.help { file.line(Console.printable("- " + line)) }
    }

    private func header() {
        hasHeader = true
        line(
            ExplainCells(
                time: "time", look: "look", quality: "quality", probes: "probes",
                distance: "distance", knownTime: "known at", variant: "variant", region: "region",
                item: "nearest item", bits: "bits", bitsItem: "evidence for"))
    }

    private func line(_ cells: ExplainCells) {
        // The heading is wider than the numbers under it.
        let distance =
            cells.strength.isEmpty ? cells.distance : left(cells.distance, 3) + " " + cells.strength
        let text = [
            left(cells.time, 9), right(cells.look, 8), left(cells.quality, 7),
            left(cells.probes, 6), right(distance, 8), left(cells.knownTime, 9),
            right(cells.variant, 19), right(cells.region, 24), right(cells.item, 24),
            left(cells.bits, 7), cells.bitsItem, cells.note,
        ].joined(separator: "  ")
        let end = text.lastIndex { $0 != " " }
        file.line(Console.printable(String(text[...(end ?? text.startIndex)])))
    }

    private func left(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }

    private func right(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
}

/// The columns of a frame's line, for the text and for the page.
struct ExplainCells {
    var time = ""
    var look = ""
    var quality = ""
    var probes = ""
    var distance = ""
    var strength = ""
    var knownTime = ""
    var variant = ""
    var region = ""
    var item = ""
    var bits = ""
    var bitsItem = ""
    var note = ""
}

extension ExplainTable {
    static func cells(of frame: ExplainedFrame) -> ExplainCells {
        var cells = ExplainCells(
            time: timeText(frame.mediaTime), look: look(of: frame), quality: "\(frame.quality)",
            probes: "\(frame.probes)")
        if let best = frame.evidence.first {
            cells.bits = String(format: "%.1f", best.bits) + (best.isFollowed ? "" : "?")
            cells.bitsItem = name(of: best.known)
        }
        var notes: [String] = []
        if !frame.isUsable { notes.append("too flat to compare") }
        if frame.isLowStructure { notes.append("little structure") }
        if let nearest = frame.nearest {
            cells.distance = "\(nearest.distance)"
            cells.strength = nearest.strength.rawValue
            cells.knownTime = timeText(nearest.knownTime)
            cells.variant = "\(nearest.variant)"
            cells.region = "\(nearest.region)"
            cells.item = name(of: nearest.known)
        }
        notes += frame.opened.map { "ALERT \(name(of: $0.known)) by rule \($0.rule)" }
        cells.note = notes.joined(separator: "; ")
        return cells
    }

    private static func look(of frame: ExplainedFrame) -> String {
        let track = frame.track == 1 ? "" : "track \(frame.track)"
        return frame.isCloserLook ? (track.isEmpty ? "closer" : "\(track)+") : track
    }

    static func name(of known: KnownReference) -> String { "\(known.set)/\(known.item)" }
}

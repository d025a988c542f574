// `vigil explain --format jsonl`: a `frame` line for each picture as it is compared, an `alert`
// line as scan prints it, and a `verdict` line last. Units stand last in the names.

import Fingerprint
import Foundation
import Match
import Run

struct ExplainLines: ExplainWriter {
    private let file: ExplainFile
    private let pipeline: Pipeline

    init(_ file: ExplainFile, _ pipeline: Pipeline) {
        self.file = file
        self.pipeline = pipeline
    }

    func take(_ event: ExplainEvent) {
        switch event {
        case .frame(let frame): file.line(JSONLine.text(type: "frame", FrameLine(frame)))
        case .alert(let alert):
            let line = AlertLine(alert: alert.alert.rounded, isRecorded: false)
            file.line(JSONLine.text(type: "alert", line))
        case .closerLook(let track, let stretch):
            let line = CloserLookLine(
                track: track, from: milliseconds(stretch.lowerBound),
                to: milliseconds(stretch.upperBound))
            file.line(JSONLine.text(type: "closer_look", line))
        }
        file.flush()
    }

    func finish(_ explanation: Explanation) {
        let line = VerdictLine(explanation, ExplainVerdict(explanation, pipeline))
        file.line(JSONLine.text(type: "verdict", line))
    }
}

private struct LikenessLine: Encodable {
    var known: KnownReference
    var distance: Int
    var strength: Likeness.Strength
    var variant: Variant
    var region: String
    var knownTime: Double

    init(_ likeness: Likeness) {
        known = likeness.known
        distance = likeness.distance
        strength = likeness.strength
        variant = likeness.variant
        region = "\(likeness.region)"
        knownTime = milliseconds(likeness.knownTime)
    }

    private enum CodingKeys: String, CodingKey {
        case known, strength, variant, region
        case distance = "distance_bits"
        case knownTime = "known_media_s"
    }
}

private struct EvidenceLine: Encodable {
    var known: KnownReference
    var bits: Double
    var witnesses: Int
    var isFollowed: Bool

    init(_ item: WeighedItem) {
        known = item.known
        bits = tenths(item.bits)
        witnesses = item.witnesses
        isFollowed = item.isFollowed
    }

    private enum CodingKeys: String, CodingKey {
        case known, witnesses
        case bits = "evidence_bits"
        case isFollowed = "followed"
    }
}

private struct OpenedLine: Encodable {
    var id: AlertID
    var known: KnownReference
    var rule: String

    private enum CodingKeys: String, CodingKey {
        case id = "alert_id"
        case known, rule
    }
}

private struct FrameLine: Encodable {
    var frame: ExplainedFrame

    init(_ frame: ExplainedFrame) { self.frame = frame }

    private enum CodingKeys: String, CodingKey {
        case track, quality, usable, regions, probes, nearest, evidence, opened
        case mediaTime = "media_s"
        case isCloserLook = "closer_look"
        case isLowStructure = "low_structure"
        case width = "width_px"
        case height = "height_px"
    }

    func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(frame.track, forKey: .track)
        try values.encode(milliseconds(frame.mediaTime), forKey: .mediaTime)
        try values.encode(frame.isCloserLook, forKey: .isCloserLook)
        try values.encode(frame.quality, forKey: .quality)
        try values.encode(frame.isUsable, forKey: .usable)
        try values.encode(frame.isLowStructure, forKey: .isLowStructure)
        try values.encode(frame.regions, forKey: .regions)
        try values.encode(frame.probes, forKey: .probes)
        try values.encode(frame.size.width, forKey: .width)
        try values.encode(frame.size.height, forKey: .height)
        try values.encodeIfPresent(frame.nearest.map(LikenessLine.init), forKey: .nearest)
        try values.encode(frame.evidence.map(EvidenceLine.init), forKey: .evidence)
        let opened = frame.opened.map { OpenedLine(id: $0.id, known: $0.known, rule: $0.rule) }
        try values.encode(opened, forKey: .opened)
    }
}

private struct CloserLookLine: Encodable {
    var track: Int
    var from: Double
    var to: Double

    private enum CodingKeys: String, CodingKey {
        case track
        case from = "from_media_s"
        case to = "to_media_s"
    }
}

private struct VerdictLine: Encodable {
    let explanation: Explanation
    let verdict: ExplainVerdict

    init(_ explanation: Explanation, _ verdict: ExplainVerdict) {
        self.explanation = explanation
        self.verdict = verdict
    }

    private enum CodingKeys: String, CodingKey {
        case input, status, error, stopped, matched, alerts, text, help, frames, nearest, strongest
        case duration = "duration_s"
        case alertsOnOthers = "alerts_on_others"
        case closer = "frames_closer_look"
        case lowQuality = "frames_low_quality"
        case nearestTime = "nearest_media_s"
        case strongestTime = "strongest_media_s"
        case threshold = "threshold_bits"
        case radius = "radius_bits"
        case reach = "reach_bits"
    }

    func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        let result = explanation.result
        try values.encode(result.input, forKey: .input)
        try values.encode(result.status, forKey: .status)
        try values.encodeIfPresent(result.error, forKey: .error)
        try values.encode(milliseconds(result.duration), forKey: .duration)
        try values.encode(explanation.stopped, forKey: .stopped)
        try values.encode(explanation.alertCount > 0, forKey: .matched)
        try values.encode(explanation.alertCount, forKey: .alerts)
        try values.encode(explanation.otherAlertCount, forKey: .alertsOnOthers)
        try values.encode(explanation.frames, forKey: .frames)
        try values.encode(explanation.framesOfCloserLooks, forKey: .closer)
        try values.encode(explanation.frames - explanation.framesUsable, forKey: .lowQuality)
        if let nearest = explanation.nearest {
            try values.encode(LikenessLine(nearest.likeness), forKey: .nearest)
            try values.encode(milliseconds(nearest.mediaTime), forKey: .nearestTime)
        }
        if let strongest = explanation.strongest {
            try values.encode(EvidenceLine(strongest), forKey: .strongest)
            try values.encode(milliseconds(explanation.strongestTime), forKey: .strongestTime)
        }
        let threshold = explanation.limits.likelihoodBits
        if threshold.isFinite { try values.encode(tenths(threshold), forKey: .threshold) }
        try values.encode(explanation.limits.radius, forKey: .radius)
        try values.encode(explanation.limits.reach, forKey: .reach)
        try values.encode(verdict.lines, forKey: .text)
        try values.encode(verdict.help, forKey: .help)
    }
}

/// Bits to the tenth, as they are printed.
func tenths(_ bits: Double) -> Double { (bits * 10).rounded() / 10 }

// What an explanation comes to, in plain words: what matched by which rule, or what came nearest
// and what would help. Says only what was seen or what follows from the settings.

import Decode
import Fingerprint
import Foundation
import Match
import Run

/// The last words of an explanation.
struct ExplainVerdict {
    /// What decided.
    private(set) var lines: [String] = []
    /// What would find more, if nothing matched.
    private(set) var help: [String] = []

    private let explanation: Explanation
    private let pipeline: Pipeline
    private var limits: Explanation.Limits { explanation.limits }

    /// Alerts that are told of one by one.
    private static let mostNamed = 20

    init(_ explanation: Explanation, _ pipeline: Pipeline) {
        self.explanation = explanation
        self.pipeline = pipeline
        lines.append(examined)
        if explanation.alertCount > 0 {
            lines += explanation.alerts.prefix(Self.mostNamed).enumerated().map {
                let label = explanation.alertCount > 1 ? "alert \($0.offset + 1): " : ""
                return label + matched($0.element)
            }
            let rest = explanation.alertCount - Self.mostNamed
            if rest > 0 { lines.append("and \(count(rest, "more alert"))") }
        } else {
            lines += missed
            help = advice
        }
        if explanation.otherAlertCount > 0 {
            lines.append(
                "\(count(explanation.otherAlertCount, "alert")) on other items: explain without --item shows them"
            )
        }
    }

    /// What became of the input.
    private var examined: String {
        let result = explanation.result
        var text = "\(result.input): \(result.status.rawValue)"
        if explanation.frames > 0 {
            text += ", " + count(explanation.frames, "picture")
            if result.duration > 0 { text += " of \(timeText(result.duration))" }
        }
        let closer = explanation.framesOfCloserLooks
        if closer > 0 { text += ", \(closer) of them in closer looks" }
        let flat = explanation.frames - explanation.framesUsable
        if flat > 0 { text += ", \(flat) too flat to compare" }
        if let error = result.error { text += ": \(error)" }
        return text
    }

    private func matched(_ opening: ExplainedAlert) -> String {
        let alert = opening.alert
        let place = opening.openedAt.map { "at \(timeText($0))" } ?? "at the end"
        let look = opening.isCloserLook ? " (a closer look)" : ""
        var text =
            "matched \(ExplainTable.name(of: alert.known)) by rule \(alert.rule) \(place)\(look)"
        if let bits = opening.bits { text += " with \(whole(bits)) bits" }
        text +=
            alert.rule == "likelihood"
            ? " (needs \(threshold))"
            : " (\(Self.need(of: alert.rule, limits.rules)))"
        return text + ", best distance \(alert.bestDistance), \(alert.variant)"
    }

    /// What a rule asks for.
    private static func need(of rule: String, _ rules: EvidenceRules) -> String {
        switch rule {
        case "image_frames": "needs \(count(rules.imageFrames, "picture")) within the radius"
        case "video_frames":
            "needs \(count(rules.videoFrames, "different picture")) within the radius"
        case "known_share": "needs \(percent(rules.knownShare)) of the known item"
        case "input_share": "needs \(percent(rules.inputShare)) of the input's pictures"
        default: "see docs"
        }
    }

    private static func percent(_ share: Double) -> String {
        "\(Int(bounded: (share * 100).rounded())) %"
    }

    /// Bits that are there count when they are whole.
    private func whole(_ bits: Double) -> String { "\(Int(bounded: bits.rounded(.down)))" }

    /// Bits that are needed.
    private var threshold: String {
        let bits = limits.likelihoodBits
        return bits.isFinite ? "\(Int(bounded: bits.rounded(.up)))" : "more than there can be"
    }
}

// MARK: - Nothing matched

extension ExplainVerdict {
    private var missed: [String] {
        guard let sight = explanation.nearest else {
            return [
                explanation.frames == 0
                    ? "nothing could be compared"
                    : "nothing matched: no picture has the quality that comparing needs "
                        + "(\(limits.minimumQuality) or more)"
            ]
        }
        let likeness = sight.likeness
        var text =
            "nothing matched: nearest was \(ExplainTable.name(of: likeness.known)) at distance "
            + "\(likeness.distance) (a hit is \(limits.radius) or less), at \(timeText(sight.mediaTime)), "
            + "\(likeness.variant), \(likeness.region)"
        if sight.framesWithinRadius > 0 {
            text += "; \(count(sight.framesWithinRadius, "picture")) within the radius, too few"
        }
        return [text, weighed, chance].compactMap { $0 }
    }

    private var weighed: String? {
        guard let strongest = explanation.strongest else {
            return "nothing came within the reach of \(limits.reach) bits, so no item was followed"
        }
        let name = ExplainTable.name(of: strongest.known)
        let sum =
            "\(whole(strongest.bits)) bits of \(threshold), from "
            + count(strongest.witnesses, "different picture")
        guard strongest.isFollowed else {
            return
                "nothing came within the reach of \(limits.reach) bits, so \(name) was not followed; "
                + "followed, it would have had \(sum)"
        }
        return "most evidence: \(name), \(sum), at \(timeText(explanation.strongestTime))"
    }

    /// Expected numbers of chance likenesses, base-2 logarithm, above which a distance says nothing.
    private static let plainChance = -3.0

    private var isChance: Bool {
        (explanation.log2ExpectedByChance ?? 0) > Self.plainChance
            && (explanation.strongest?.bits ?? 0) < 12
    }

    private var chance: String? {
        guard isChance else { return nil }
        return
            "unrelated pictures come this near by chance: nothing that was seen says that it is a copy"
    }

    private var advice: [String] {
        var advice: [String] = []
        if explanation.result.status == .failed { return [] }
        if let sampling { advice.append(sampling) }
        switch pipeline.effort {
        case .fast:
            advice.append(
                "--effort standard also tries mirrored, turned and negative pictures, borders and crops"
            )
        case .standard:
            var text = "--effort thorough also looks for pictures within the picture"
            if limits.thoroughReach > limits.reach {
                text += ", and follows items up to distance \(limits.thoroughReach)"
            }
            advice.append(text)
        case .thorough: break
        }
        return advice
    }

    private var sampling: String? {
        let (sampled, duration) = (
            explanation.frames - explanation.framesOfCloserLooks, explanation.result.duration
        )
        guard duration > 0, sampled > 0, pipeline.sampling.mode != .all else { return nil }
        let spacing = duration / Double(sampled)
        if spacing > 1.25 {
            return "--sample 1 looks at a picture each second (here it was one each "
                + String(format: "%.1f s)", spacing)
        }
        return "--sample all looks at every picture (here it was one each "
            + String(format: "%.1f s)", spacing)
    }
}

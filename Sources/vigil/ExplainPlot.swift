// The course of one track: above, how near each frame came to anything known; below, the evidence
// for the items that had most. Both share the axis of time; up is more alike in both.

import Foundation
import Match
import Run

struct ExplainPlot {
    let track: Int
    let frames: [ExplainedFrame]
    let stretches: [ClosedRange<Double>]
    /// With their numbers in the verdict.
    let alerts: [(number: Int, alert: ExplainedAlert)]
    let limits: Explanation.Limits
    private let length: Double
    private let items: [(known: KnownReference, bits: Double)]
    /// Bits at the upper end of the lower panel.
    private let mostBits: Double

    private static let width = 960.0
    private static let (left, right) = (46.0, 872.0)
    private static let near = (top: 44.0, bottom: 228.0)
    private static let weighed = (top: 272.0, bottom: 414.0)
    private static let height = 446.0
    private static let mostItems = 4
    private static let farthest = 128.0

    init(
        track: Int, frames: [ExplainedFrame], stretches: [ClosedRange<Double>],
        alerts: [(number: Int, alert: ExplainedAlert)], limits: Explanation.Limits, duration: Double
    ) {
        self.track = track
        self.frames = frames
        self.stretches = stretches
        self.alerts = alerts
        self.limits = limits
        length = max(duration, frames.map(\.mediaTime).max() ?? 0, 0.1)
        var most: [KnownReference: Double] = [:]
        for item in frames.flatMap(\.evidence) {
            most[item.known] = max(most[item.known] ?? -.infinity, item.bits)
        }
        items = most.sorted { ($1.value, $0.key.item) < ($0.value, $1.key.item) }
            .prefix(Self.mostItems).map { ($0.key, $0.value) }
        let needed = limits.likelihoodBits.isFinite ? limits.likelihoodBits : 30
        mostBits = min(5 * needed, max(1.3 * needed, items.first?.bits ?? 0))
    }

    var svg: String {
        let parts = [axes, bands, limitLines, trace, dots, evidence, marks]
        return """
            <svg class="plot" role="img" viewBox="0 0 \(Int(bounded: Self.width)) \(Int(bounded: Self.height))" \
            aria-labelledby="t\(track) d\(track)">
            <title id="t\(track)">Distance and evidence over time</title>
            <desc id="d\(track)">\(HTML.text(summary))</desc>
            \(parts.joined(separator: "\n"))
            </svg>
            """
    }

    /// The plot in words.
    private var summary: String {
        let nearest = frames.compactMap(\.nearest).min { $0.distance < $1.distance }
        var text = "\(count(frames.count, "picture")) in \(timeText(length))."
        if let nearest {
            text +=
                " The nearest has distance \(nearest.distance) from "
                + "\(ExplainTable.name(of: nearest.known)); a hit is \(limits.radius) or less."
        }
        if let first = items.first {
            text +=
                " Most evidence: \(HTML.number(first.bits)) bits for "
                + "\(ExplainTable.name(of: first.known)); \(HTML.number(limits.likelihoodBits)) are enough."
        }
        return text + " \(count(alerts.count, "alert")), \(count(stretches.count, "closer look"))."
            + " The table below has all values."
    }

    // MARK: - Places

    private func x(_ time: Double) -> Double {
        Self.left + (Self.right - Self.left) * min(1, max(0, time / length))
    }

    private func y(distance: Int) -> Double {
        let share = min(1, Double(distance) / Self.farthest)
        return Self.near.top + (Self.near.bottom - Self.near.top) * share
    }

    private func y(bits: Double) -> Double {
        let share = min(1, max(0, bits / mostBits))
        return Self.weighed.bottom - (Self.weighed.bottom - Self.weighed.top) * share
    }

    private func n(_ value: Double) -> String { HTML.number(value) }

    private func line(
        _ kind: String, _ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double
    ) -> String {
        "<line class=\"\(kind)\" x1=\"\(n(x1))\" y1=\"\(n(y1))\" x2=\"\(n(x2))\" y2=\"\(n(y2))\"/>"
    }

    private func label(
        _ text: String, _ x: Double, _ y: Double, anchor: String = "start", kind: String = ""
    ) -> String {
        "<text class=\"\(kind)\" x=\"\(n(x))\" y=\"\(n(y))\" text-anchor=\"\(anchor)\">\(HTML.text(text))</text>"
    }
}

// MARK: - Frame of the plot

extension ExplainPlot {
    private var axes: String {
        var parts = [
            label("distance, bits (nearer is higher)", Self.left, 14, kind: "strong"),
            label(evidenceTitle, Self.left, Self.weighed.top - 12, kind: "strong"),
        ]
        for distance in stride(from: 0, through: 128, by: 32) {
            let y = y(distance: distance)
            parts.append(line("grid", Self.left, y, Self.right, y))
            parts.append(label("\(distance)", Self.left - 6, y + 4, anchor: "end"))
        }
        for bits in Self.ticks(to: mostBits, about: 4) {
            let y = y(bits: bits)
            parts.append(line("grid", Self.left, y, Self.right, y))
            parts.append(label("\(Int(bounded: bits))", Self.left - 6, y + 4, anchor: "end"))
        }
        for time in Self.ticks(to: length, about: 8) {
            for panel in [Self.near, Self.weighed] {
                parts.append(line("grid", x(time), panel.bottom, x(time), panel.bottom + 5))
            }
            parts.append(
                label(timeText(time), x(time), Self.weighed.bottom + 20, anchor: "middle"))
        }
        return parts.joined(separator: "\n")
    }

    private var evidenceTitle: String {
        items.first?.bits ?? 0 > mostBits
            ? "evidence, bits (drawn up to \(Int(bounded: mostBits)))" : "evidence, bits"
    }

    /// Round numbers from 0 to an end.
    private static func ticks(to end: Double, about count: Int) -> [Double] {
        let rough = end / Double(count)
        let magnitude = pow(10, floor(log10(max(rough, 1e-3))))
        let step = [1, 2, 5, 10].map { $0 * magnitude }.first { $0 >= rough } ?? rough
        return Array(stride(from: 0, through: end, by: step))
    }

    private var bands: String {
        stretches.map { stretch in
            let (from, to) = (x(stretch.lowerBound), x(stretch.upperBound))
            let rects = [Self.near, Self.weighed].map { panel in
                "<rect class=\"band\" x=\"\(n(from))\" y=\"\(n(panel.top))\" "
                    + "width=\"\(n(max(1, to - from)))\" height=\"\(n(panel.bottom - panel.top))\"/>"
            }
            return "<g><title>closer look, \(timeText(stretch.lowerBound)) to "
                + "\(timeText(stretch.upperBound))</title>\(rects.joined())</g>"
        }.joined(separator: "\n")
    }

    private var limitLines: String {
        let (radius, reach) = (y(distance: limits.radius), y(distance: limits.reach))
        var parts = [
            line("limit", Self.left, radius, Self.right, radius),
            label("radius \(limits.radius)", Self.right + 6, radius + 4),
        ]
        if limits.reach > limits.radius {
            parts.append(line("limit dashed", Self.left, reach, Self.right, reach))
            parts.append(
                label("reach \(limits.reach)", Self.right + 6, max(reach, radius + 14) + 4))
        }
        if limits.likelihoodBits.isFinite {
            let enough = y(bits: limits.likelihoodBits)
            parts.append(line("limit", Self.left, enough, Self.right, enough))
            parts.append(label("enough \(n(limits.likelihoodBits))", Self.right + 6, enough + 4))
        }
        return parts.joined(separator: "\n")
    }

    private var marks: String {
        var parts: [String] = []
        var labels: [Double] = []
        for (number, alert) in alerts {
            let x = x(alert.openedAt ?? length)
            parts.append(
                "<g>\(line("alert", x, Self.near.top - 4, x, Self.near.bottom))"
                    + line("alert", x, Self.weighed.top, x, Self.weighed.bottom)
                    + "<title>alert \(number): \(HTML.text(ExplainTable.name(of: alert.alert.known))), "
                    + "rule \(HTML.text(alert.alert.rule))</title></g>")
            guard labels.allSatisfy({ abs($0 - x) > 56 }) else { continue }
            labels.append(x)
            parts.append(
                label("alert \(number)", x, Self.near.top - 8, anchor: "middle", kind: "mark"))
        }
        return parts.joined(separator: "\n")
    }
}

// MARK: - What was seen

extension ExplainPlot {
    /// Joins the frames of the first look.
    private var trace: String {
        let points = frames.filter { !$0.isCloserLook }.compactMap { frame in
            frame.nearest.map { "\(n(x(frame.mediaTime))),\(n(y(distance: $0.distance)))" }
        }
        return "<polyline class=\"trace\" points=\"\(points.joined(separator: " "))\"/>"
    }

    private var dots: String {
        frames.map { frame in
            let x = x(frame.mediaTime)
            guard let nearest = frame.nearest else {
                return line("flat", x, Self.near.bottom - 5, x, Self.near.bottom)
            }
            let y = y(distance: nearest.distance)
            let title =
                "<title>\(timeText(frame.mediaTime)): distance \(nearest.distance), "
                + "\(HTML.text(ExplainTable.name(of: nearest.known)))</title>"
            let kind = "dot \(nearest.strength.rawValue)"
            guard frame.isCloserLook else {
                return
                    "<circle class=\"\(kind)\" cx=\"\(n(x))\" cy=\"\(n(y))\" r=\"4\">\(title)</circle>"
            }
            return "<path class=\"\(kind)\" d=\"\(Self.diamond(x, y))\">\(title)</path>"
        }.joined(separator: "\n")
    }

    private static func diamond(_ x: Double, _ y: Double) -> String {
        let place = { (value: Double) in HTML.number(value) }
        return "M\(place(x)) \(place(y - 5))L\(place(x + 5)) \(place(y))"
            + "L\(place(x)) \(place(y + 5))L\(place(x - 5)) \(place(y))Z"
    }

    private var evidence: String {
        var parts: [String] = []
        for (number, item) in items.enumerated() {
            for isCloser in [false, true] {
                for run in runs(of: item.known, isCloser) where !run.isEmpty {
                    let kind = "evidence e\(number)\(isCloser ? " closer" : "")"
                    // A lone frame is drawn as a short dash.
                    let points = run.count == 1 ? Self.dash(run[0]) : run
                    let text = points.map { "\(n($0.x)),\(n($0.y))" }.joined(separator: " ")
                    parts.append("<polyline class=\"\(kind)\" points=\"\(text)\"/>")
                }
            }
        }
        return parts.joined(separator: "\n")
    }

    private typealias Place = (x: Double, y: Double)

    private static func dash(_ place: Place) -> [Place] {
        [(place.x - 4, place.y), (place.x + 4, place.y)]
    }

    /// The stretches in which an item had evidence without a break.
    private func runs(of known: KnownReference, _ isCloser: Bool) -> [[Place]] {
        var runs: [[Place]] = [[]]
        var last = -Double.infinity
        for frame in frames where frame.isCloserLook == isCloser {
            let item = frame.evidence.first { $0.known == known }
            // Another stretch begins where time jumps back.
            if item == nil || frame.mediaTime < last { runs.append([]) }
            last = frame.mediaTime
            if let item { runs[runs.count - 1].append((x(frame.mediaTime), y(bits: item.bits))) }
        }
        return runs
    }

    /// What the signs mean.
    var legend: String {
        let swatch = { (sign: String) in
            "<svg width=\"22\" height=\"12\" viewBox=\"0 0 22 12\" aria-hidden=\"true\">\(sign)</svg>"
        }
        let circle = { (kind: String) in
            swatch("<circle class=\"\(kind)\" cx=\"11\" cy=\"6\" r=\"4\"/>")
        }
        var entries = [
            circle("hit") + "within the radius", circle("weak") + "within reach",
            circle("far") + "further away",
        ]
        if frames.contains(where: { !$0.isUsable }) {
            entries.append(swatch(line("flat", 11, 3, 11, 10)) + "too flat to compare")
        }
        if !stretches.isEmpty {
            entries.append(
                swatch("<path class=\"weak\" d=\"\(Self.diamond(11, 6))\"/>")
                    + "of a closer look (shaded)")
        }
        for (number, item) in items.enumerated() {
            entries.append(
                swatch(line("evidence e\(number)", 0, 6, 22, 6)) + "evidence for "
                    + HTML.text(ExplainTable.name(of: item.known))
                    + ", up to \(n(item.bits)) bits")
        }
        return "<ul class=\"legend\">\n"
            + entries.map { "<li>\($0)</li>" }.joined(separator: "\n") + "\n</ul>"
    }
}

// The figures of `vigil bench` as a table for people, at most 80 columns wide, or as JSON lines.
// Each is printed when it is there; progress goes to standard error, on a terminal only.

import Foundation
import Measure

final class BenchOutput {
    private let format: OutputFormat
    private let showsProgress = Console.isTerminal
    private var section = ""
    private var streamNote = ""

    init(format: OutputFormat) { self.format = format }

    func begin(_ machine: Machine, _ settings: BenchSettings) {
        streamNote =
            "a keyframe every \(String(format: "%g", settings.keyframeInterval)) s, "
            + "\(grouped(settings.listSize)) known hashes"
        switch format {
        case .jsonl: Console.line(JSONLine.text(type: "machine", machine))
        case .text:
            Console.line(
                Console.printable(
                    "\(machine.cpu), \(count(machine.cores, "core")), \(machine.kernels) kernels"))
            Console.line("Vigil \(machine.vigil), FFmpeg \(machine.ffmpeg)")
            Console.line(
                "One core at a time. Where CPU is far below the median, others used it too.")
        }
        Console.flush()
    }

    func take(_ event: BenchEvent) {
        if showsProgress { ProgressLine.clear() }
        switch event {
        case .progress(let text):
            if showsProgress { Console.raw(text) }
            return
        case .figure(let figure):
            switch format {
            case .jsonl: Console.line(figure.json)
            case .text: row(figure.section, figure.cells)
            }
        case .skipped(let skip):
            switch format {
            case .jsonl: Console.line(JSONLine.text(type: "skipped", skip))
            case .text:
                let verdict = skip.isFailure ? "NOT MEASURED" : "skipped"
                header(of: skip.section)
                Console.line(Console.printable("  \(skip.what): \(verdict), \(skip.reason)"))
            }
            if skip.isFailure {
                Console.error("vigil: \(skip.section): \(skip.what): \(skip.reason)")
            }
        }
        Console.flush()
    }

    func finish() {
        if showsProgress { ProgressLine.clear() }
        guard format == .text, section == BenchSection.streams.rawValue else { return }
        Console.line("")
        Console.line("A core is full at 100 % here; plan with what you would load it to.")
    }
}

// MARK: - Tables

extension BenchOutput {
    /// A column: its title and width; the first is set to the left.
    private typealias Column = (title: String, width: Int)

    private static let times: [Column] = [
        ("median", 10), ("best", 10), ("p90", 10), ("CPU", 10),
    ]

    private func columns(of section: String) -> [Column] {
        switch BenchSection(rawValue: section) {
        case .luma: [("  picture", 20)] + Self.times
        case .pdq: [("  picture", 20)] + Self.times + [("a second", 12)]
        case .index:
            [("  hashes", 13), ("engine", 12)] + Self.times + [("build", 8), ("B/hash", 7)]
        case .decode:
            [("  codec, picture", 20)] + Self.times + [("a second", 10), ("KB each", 8)]
        case .pipeline:
            [("  codec, picture", 20), ("media", 9), ("CPU", 11), ("best", 11), ("wall", 11)]
                + [("x real time", 13)]
        case .streams:
            [("  codec, stream", 17), ("kb/s", 6), ("read", 8), ("decode", 8), ("hash", 8)]
                + [("match", 8), ("CPU ms/s", 10), ("streams", 9)]
        case nil: []
        }
    }

    private func title(of section: String) -> String {
        switch BenchSection(rawValue: section) {
        case .luma: "Luma down-sampled to 64x64"
        case .pdq: "PDQ hash of a luma plane"
        case .index: "Look-up within radius 31, half of the queries planted"
        case .decode: "Keyframe decoded by itself, one thread"
        case .pipeline: "vigil scan of one file; \(streamNote)"
        case .streams: "Live streams on one core; \(streamNote)"
        case nil: section
        }
    }

    private func header(of section: String) {
        guard section != self.section else { return }
        self.section = section
        Console.line("\n\(title(of: section))")
        Console.line(line(columns(of: section).map(\.title), in: section))
    }

    private func row(_ section: String, _ cells: [String]) {
        header(of: section)
        Console.line(line(["  " + (cells.first ?? "")] + cells.dropFirst(), in: section))
    }

    private func line(_ cells: [String], in section: String) -> String {
        var text = ""
        for (position, (cell, column)) in zip(cells, columns(of: section)).enumerated() {
            let room = String(repeating: " ", count: max(0, column.width - cell.count))
            text += position == 0 ? cell + room : room + cell
        }
        return text
    }
}

extension BenchFigure {
    fileprivate var section: String {
        switch self {
        case .luma: "luma"
        case .pdq: "pdq"
        case .index: "index"
        case .decode: "decode"
        case .pipeline: "pipeline"
        case .streams: "streams"
        }
    }

    fileprivate var json: String {
        switch self {
        case .luma(let figure): JSONLine.text(type: section, figure)
        case .pdq(let figure): JSONLine.text(type: section, figure)
        case .index(let figure): JSONLine.text(type: section, figure)
        case .decode(let figure): JSONLine.text(type: section, figure)
        case .pipeline(let figure): JSONLine.text(type: section, figure)
        case .streams(let figure): JSONLine.text(type: section, figure)
        }
    }

    /// One row of the section's table.
    fileprivate var cells: [String] {
        switch self {
        case .luma(let figure):
            [figure.resolution]
                + figure.time.cells
        case .pdq(let figure):
            [figure.resolution]
                + figure.time.cells + [grouped(Int(bounded: figure.perSecond))]
        case .index(let figure):
            [grouped(figure.hashes), figure.engine]
                + [
                    figure.medianMicroseconds, figure.bestMicroseconds, figure.p90Microseconds,
                    figure.cpuMicroseconds,
                ].map { number($0) + " us" }
                + [
                    number(figure.buildSeconds, digits: 2) + " s",
                    String(Int(bounded: figure.bytesPerHash.rounded())),
                ]
        case .decode(let figure):
            ["\(codecName(figure.codec)) \(figure.resolution)"]
                + figure.time.cells
                + [
                    grouped(Int(bounded: 1000 / figure.time.median)),
                    grouped(figure.keyframeBytes / 1000),
                ]
        case .pipeline(let figure):
            [
                "\(codecName(figure.codec)) \(figure.resolution)",
                "\(Int(bounded: figure.mediaSeconds)) s",
            ]
                + [figure.cpuSeconds, figure.bestCPUSeconds, figure.wallSeconds]
                .map { number($0) + " s" }
                + [grouped(Int(bounded: figure.mediaSeconds / figure.wallSeconds))]
        case .streams(let figure): figure.row
        }
    }
}

extension CallTime {
    fileprivate var cells: [String] { [median, best, p90, cpu].map { number($0) + " ms" } }
}

extension StreamFigure {
    fileprivate var row: [String] {
        let parts = [
            cost.demux, cost.perSecond(cost.decode), cost.perSecond(cost.hash),
            cost.perSecond(cost.match), cost.cpuPerMediaSecond,
        ]
        return ["\(codecName(codec)) \(profile)", "\(Int(bounded: kilobitsPerSecond))"]
            + parts.map { number($0 * 1000) } + [grouped(Int(bounded: cost.streamsPerCore))]
    }
}

private func codecName(_ codec: String) -> String {
    ["h264": "H.264", "hevc": "HEVC", "mpeg2": "MPEG-2", "mpeg4": "MPEG-4"][codec]
        ?? codec.uppercased()
}

/// A number to three significant digits, without an exponent.
private func number(_ value: Double, digits: Int? = nil) -> String {
    guard value.isFinite else { return "?" }
    let magnitude = abs(value) < 1e-9 ? 0 : Int(bounded: log10(abs(value)).rounded(.down))
    let places = digits ?? max(0, min(6, 2 - magnitude))
    return String(format: "%.\(places)f", value)
}

/// `1 000 000`.
private func grouped(_ value: Int) -> String {
    let digits = Array(String(value))
    return digits.enumerated().reduce(into: "") { text, digit in
        if digit.offset > 0, (digits.count - digit.offset).isMultiple(of: 3) { text += " " }
        text.append(digit.element)
    }
}

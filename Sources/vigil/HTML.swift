// The pieces of a page: escaped text, the style sheet, small drawings and pictures.

import Fingerprint
import Foundation
import Run

enum HTML {
    /// Nothing is fetched, whatever stands in the page.
    static let policy =
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; "
        + "base-uri 'none'"

    /// Text from outside, as text.
    ///
    /// By scalars, as a browser reads them: a `<` with a letter or an accent that joins it is one
    /// character, and not `<`.
    static func text(_ text: String) -> String {
        var escaped = String.UnicodeScalarView()
        for scalar in Console.printable(text).unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;".unicodeScalars
            case "<": escaped += "&lt;".unicodeScalars
            case ">": escaped += "&gt;".unicodeScalars
            case "\"": escaped += "&quot;".unicodeScalars
            case "'": escaped += "&#39;".unicodeScalars
            default: escaped.append(scalar)
            }
        }
        return String(escaped)
    }

    /// A number to the tenth.
    static func number(_ value: Double) -> String { String(format: "%.1f", value) }

    /// The region that came nearest, to scale in its picture.
    static func drawing(of frame: ExplainedFrame) -> String {
        guard let region = frame.nearest?.region, frame.size.width > 0, frame.size.height > 0
        else { return "" }
        let height = 26.0
        // A strip is drawn no wider than this.
        let width = min(
            80, max(10, height * Double(frame.size.width) / Double(frame.size.height)))
        let (left, top) = (Double(region.left) * width, Double(region.top) * height)
        let (wide, high) = (
            Double(region.right) * width - left, Double(region.bottom) * height - top
        )
        // Room for what lies beyond the picture.
        let (x, y) = (width * 0.15, height * 0.15)
        let turn =
            region.degrees == 0
            ? ""
            : " transform=\"rotate(\(number(Double(region.degrees))) "
                + "\(number(left + wide / 2)) \(number(top + high / 2)))\""
        return "<svg class=\"region\" role=\"img\" width=\"\(number(width + 2 * x))\" "
            + "height=\"\(number(height + 2 * y))\" "
            + "viewBox=\"\(number(-x)) \(number(-y)) \(number(width + 2 * x)) "
            + "\(number(height + 2 * y))\"><title>\(text("\(region)")) of the picture</title>"
            + "<rect class=\"whole\" width=\"\(number(width))\" height=\"\(number(height))\"/>"
            + "<rect class=\"part\" x=\"\(number(left))\" y=\"\(number(top))\" "
            + "width=\"\(number(wide))\" height=\"\(number(high))\"\(turn)/></svg>"
    }

    /// A picture, in the page itself.
    static func image(_ picture: GreyPicture, at time: Double) -> String {
        let data = Data(GreyBitmap.bytes(of: picture)).base64EncodedString()
        return "<img alt=\"picture at \(timeText(time))\" width=\"\(picture.width)\" "
            + "height=\"\(picture.height)\" src=\"data:image/bmp;base64,\(data)\"/>"
    }

    static let style = """

        :root { --ink: #1d2430; --soft: #5b6472; --paper: #fbfbfa; --line: #d5d8dd; --box: #f0f1f3;
          --hit: #b3261e; --weak: #96600a; --far: #6c7480; --found: #fbe9e7; --quiet: #eef3f8;
          --a: #1f5fbf; --b: #8a3ea8; --c: #15795a; --d: #a5510f; --band: #1f5fbf22; }
        @media screen and (prefers-color-scheme: dark) {
          :root { --ink: #e6e8eb; --soft: #a4acb8; --paper: #15181d; --line: #3a414c;
            --box: #20252c;
            --hit: #ff8a80; --weak: #f0b757; --far: #98a1ae; --found: #3d2220; --quiet: #1d2732;
            --a: #7fb0ff; --b: #d59af0; --c: #63d0a8; --d: #f0a061; --band: #7fb0ff2b; } }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--paper); color: var(--ink);
          font: 15px/1.45 system-ui, "Liberation Sans", "DejaVu Sans", sans-serif; }
        main { max-width: 78rem; margin: 0 auto; padding: 1rem 1.2rem 3rem; }
        h1 { font-size: 1.5rem; margin: .4rem 0 0; } h2 { font-size: 1.1rem;
          margin: 1.6rem 0 .4rem; }
        .name { margin: .1rem 0 .8rem; color: var(--soft); overflow-wrap: anywhere; }
        .warning { border: 2px solid var(--hit); border-radius: .4rem; padding: .6rem .8rem; }
        .verdict { border-radius: .4rem; padding: .2rem .9rem; overflow-wrap: anywhere; }
        .verdict p { margin: .45rem 0; } .verdict ul { margin: .2rem 0 .6rem;
          padding-left: 1.2rem; }
        .found { background: var(--found); } .quiet { background: var(--quiet); }
        dl { display: flex; flex-wrap: wrap; gap: .3rem 1.6rem; margin: .8rem 0; }
        dt { color: var(--soft); font-size: .82rem; } dd { margin: 0; }
        .scroll { overflow-x: auto; } .scroll:focus-visible { outline: 2px solid var(--a); }
        .plot { display: block; width: 100%; min-width: 44rem; height: auto; }
        .plot text { fill: var(--soft); font-size: 12px; } .plot .strong { fill: var(--ink);
          font-weight: 600; }
        .grid { stroke: var(--line); stroke-width: 1; } .limit { stroke: var(--soft);
          stroke-width: 1.2; }
        .dashed { stroke-dasharray: 6 4; } .band { fill: var(--band); }
        .trace { fill: none; stroke: var(--line); stroke-width: 1.5; }
        .dot { stroke: var(--paper); stroke-width: 1; }
        .plot .hit { fill: var(--hit); } .plot .weak { fill: var(--weak); }
        .plot .far { fill: var(--far); }
        .flat { stroke: var(--far); stroke-width: 1.5; }
        .alert { stroke: var(--hit); stroke-width: 1.5; } .plot .mark { fill: var(--hit);
          font-weight: 600; }
        .evidence { fill: none; stroke-width: 2; stroke-linejoin: round; }
        .e0 { stroke: var(--a); } .e1 { stroke: var(--b); stroke-dasharray: 7 3; }
        .e2 { stroke: var(--c); stroke-dasharray: 2 3; } .e3 { stroke: var(--d);
          stroke-dasharray: 9 3 2 3; }
        .closer { stroke-width: 1.2; }
        .legend { list-style: none; display: flex; flex-wrap: wrap; gap: .2rem 1.3rem;
          margin: .4rem 0; padding: 0;
          font-size: .87rem; color: var(--soft); }
        .legend li { display: inline-flex; align-items: center; gap: .4rem;
          overflow-wrap: anywhere; }
        .legend .hit { fill: var(--hit); } .legend .weak { fill: var(--weak); }
        .legend .far { fill: var(--far); }
        table { border-collapse: collapse; width: 100%; font-size: .87rem; }
        caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
        #about { color: var(--soft); font-size: .87rem; margin: .2rem 0 .5rem; }
        th, td { text-align: left; padding: .25rem .55rem; border-bottom: 1px solid var(--line);
          vertical-align: middle; }
        thead th { background: var(--box); white-space: nowrap; } tbody th { font-weight: 400; }
        tbody th, .n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
        td { overflow-wrap: break-word; max-width: 22rem; }
        .item { min-width: 9rem; }
        .note:not(:empty) { min-width: 13rem; }
        span.hit { color: var(--hit); font-weight: 600; } span.weak { color: var(--weak); }
        span.far { color: var(--far); }
        .opened { background: var(--found); } td img { display: block; max-width: none; }
        .place { white-space: nowrap; }
        .region { vertical-align: middle; margin-right: .4rem; }
        .region .whole { fill: var(--box); stroke: var(--far); }
        .region .part { fill: var(--band); stroke: var(--a); stroke-width: 1.5; }
        @page { margin: 12mm; }
        @media print {
          :root { color-scheme: light; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
          body { font-size: 10pt; } main { max-width: none; padding: 0; }
          .scroll { overflow: visible; } .plot { min-width: 0; }
          table { font-size: 7.5pt; } th, td { padding: .15rem .3rem; }
          thead { display: table-header-group; } thead th { white-space: normal; }
          tr, .plot, .legend, .verdict, .warning { break-inside: avoid; }
          h2 { break-after: avoid; } .item, .note:not(:empty) { min-width: 0; }
          td, tbody th { white-space: normal; overflow-wrap: anywhere; } }

        """
}

/// A bitmap file in 256 levels of grey: the simplest form that every browser shows.
///
/// Source: Microsoft, "Bitmap Storage" (BITMAPFILEHEADER, BITMAPINFOHEADER).
enum GreyBitmap {
    static func bytes(of picture: GreyPicture) -> [UInt8] {
        let rowBytes = (picture.width + 3) / 4 * 4
        let start = 14 + 40 + 4 * 256
        let length = start + rowBytes * picture.height
        var bytes: [UInt8] = Array("BM".utf8)
        bytes.reserveCapacity(length)
        func put(_ value: Int, _ count: Int) {
            for place in 0..<count { bytes.append(UInt8(truncatingIfNeeded: value >> (8 * place))) }
        }
        put(length, 4)
        put(0, 4)
        put(start, 4)
        put(40, 4)
        put(picture.width, 4)
        put(picture.height, 4)
        put(1, 2)
        put(8, 2)
        put(0, 4)
        put(rowBytes * picture.height, 4)
        put(0, 4 * 2)
        put(256, 4)
        put(0, 4)
        for level in 0..<256 { put(level | level << 8 | level << 16, 4) }
        // The last row first.
        for row in (0..<picture.height).reversed() {
            bytes += picture.samples[row * picture.width..<(row + 1) * picture.width]
            bytes += [UInt8](repeating: 0, count: rowBytes - picture.width)
        }
        return bytes
    }
}

// Where output goes: data to standard output, all else to standard error. Text from outside (names,
// messages) passes `printable` before it reaches a terminal.

import Decode
import Foundation
import Synchronization

enum Console {
    private struct Output {
        var waiting: [UInt8] = []
        var hasFailed = false
    }

    private static let output = Mutex(Output())
    private static let bufferBytes = 1 << 16

    /// Writes a line of data.
    static func line(_ text: String) {
        output.withLock { output in
            output.waiting += text.utf8
            output.waiting.append(UInt8(ascii: "\n"))
            if output.waiting.count >= bufferBytes { flush(&output) }
        }
    }

    /// Writes whole lines of data at once, so that whoever waits for them has them.
    static func lines(_ lines: [UInt8]) {
        output.withLock { output in
            output.waiting += lines
            flush(&output)
        }
    }

    /// Writes out what is buffered.
    static func flush() { output.withLock { flush(&$0) } }

    /// Whether everything written so far has reached standard output.
    static func isComplete() -> Bool {
        output.withLock { output in
            flush(&output)
            return !output.hasFailed
        }
    }

    private static func flush(_ output: inout Output) {
        if !writeAll(output.waiting, to: STDOUT_FILENO) { output.hasFailed = true }
        output.waiting.removeAll(keepingCapacity: true)
    }

    /// Writes a line for people to standard error.
    static func error(_ text: String) { raw(printable(text) + "\n") }

    /// Writes text with terminal control in it to standard error.
    static func raw(_ text: String) { _ = writeAll(Array(text.utf8), to: STDERR_FILENO) }

    static func writeAll(_ bytes: [UInt8], to descriptor: CInt) -> Bool {
        bytes.withUnsafeBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty {
                let written = write(
                    descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if written < 0, errno == EINTR { continue }
                guard written > 0 else { return false }
                rest = rest.dropFirst(written)
            }
            return true
        }
    }

    /// Whether standard error is a terminal.
    static var isTerminal: Bool { isatty(STDERR_FILENO) == 1 }

    /// Text without control characters, so that a file name cannot drive the terminal.
    static func printable(_ text: String) -> String { PlainText.escaped(PathText.readable(text)) }
}

/// JSON lines: one object a line, `type` first, the other keys in the order of the alphabet.
enum JSONLine {
    static func text(type: String?, _ value: some Encodable) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(value) else {
            // Only a number that JSON does not have can do this, and those are kept out upstream.
            return #"{"type":"error","error":"a result could not be written as JSON"}"#
        }
        let object = PlainText.escapedJSON(String(decoding: data, as: UTF8.self))
        guard let type else { return object }
        let rest = object.dropFirst()
        return #"{"type":"\#(type)""# + (rest == "}" ? "" : ",") + rest
    }
}

/// Seconds to the millisecond, as they are printed.
func milliseconds(_ seconds: Double) -> Double {
    seconds.isFinite ? (seconds * 1000).rounded() / 1000 : 0
}

/// A media time for people: `1:02:03.4`, `2:03.4`.
func timeText(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds >= 0, seconds <= 1e9 else { return "?" }
    let tenths = Int(bounded: (seconds * 10).rounded())
    let (whole, fraction) = (tenths / 10, tenths % 10)
    let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60)
    let padded = { (value: Int) in value < 10 ? "0\(value)" : "\(value)" }
    let tail = "\(padded(rest)).\(fraction)"
    return hours > 0 ? "\(hours):\(padded(minutes)):\(tail)" : "\(minutes):\(tail)"
}

/// `1 input`, `2 inputs`.
func count(_ number: Int, _ singular: String, _ plural: String? = nil) -> String {
    "\(number) \(number == 1 ? singular : plural ?? singular + "s")"
}

// The one way of a log line to standard error: whatever a message or its metadata hold, they make one
// line, and nothing in it drives a terminal or reads as another line (`PlainText`).
//
// Invariant: a line is bounded and handed to the kernel in one piece.

internal import Decode
internal import Foundation
public import Logging

/// Where log lines go.
public enum PlainLog {
    /// Longest line, characters; of a longer one the end is left out, and the line says so.
    package static let longestLine = 8192

    /// Handles what a logger of some label is told.
    public static func handler(label: String) -> any LogHandler {
        StreamLogHandler(label: label, stream: StandardError(), metadataProvider: nil)
    }

    /// The line of a text, with its end.
    package static func line(_ text: String) -> String {
        let line = text.hasSuffix("\n") ? text.dropLast() : text[...]
        let shown = line.unicodeScalars.prefix(longestLine)
        let rest = line.unicodeScalars.count - shown.count
        let more = rest > 0 ? " … (\(rest) more characters)" : ""
        return PlainText.escaped(String(shown)) + more + "\n"
    }

    private struct StandardError: TextOutputStream, Sendable {
        mutating func write(_ string: String) {
            let bytes = Array(PlainLog.line(string).utf8)
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = rest.withUnsafeBytes {
                    Foundation.write(STDERR_FILENO, $0.baseAddress, $0.count)
                }
                if count < 0, errno == EINTR { continue }
                // Nobody is left who could be told.
                guard count > 0 else { return }
                rest = rest.dropFirst(count)
            }
        }
    }
}

// Files of the audit log: one that is read line by line, in memory that does not grow, and one that
// is made new, for its user alone, and never over another.

import Foundation

/// Reads a file line by line.
final class LineReader {
    private let descriptor: CInt
    private var buffer: [UInt8] = []
    private var start = 0
    private var isAtEnd = false
    /// Whether reading failed.
    private(set) var hasFailed = false
    /// Whether the last line that was read ended with a line feed.
    private(set) var isWhole = false

    private static let chunk = 1 << 16

    init?(_ path: String) {
        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return nil }
        var facts = stat()
        guard fstat(descriptor, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            errno = EINVAL
            return nil
        }
    }

    deinit { close(descriptor) }

    /// The next line without its line feed; of a longer one, the first `most` bytes and one more.
    func next(most: Int) -> [UInt8]? {
        var line: [UInt8] = []
        while true {
            if let end = buffer[start...].firstIndex(of: UInt8(ascii: "\n")) {
                line += buffer[start..<end].prefix(most + 1 - line.count)
                start = end + 1
                isWhole = true
                return line
            }
            line += buffer[start...].prefix(most + 1 - line.count)
            guard fill() else {
                guard !line.isEmpty else { return nil }
                isWhole = false
                return line
            }
        }
    }

    private func fill() -> Bool {
        start = 0
        buffer = [UInt8](repeating: 0, count: Self.chunk)
        let count = isAtEnd ? 0 : read(descriptor, &buffer, Self.chunk)
        buffer.removeLast(Self.chunk - max(count, 0))
        if count < 0 { hasFailed = true }
        isAtEnd = count <= 0
        return count > 0
    }
}

/// A file that is made new.
final class NewFile {
    private let descriptor: CInt
    private var waiting: [UInt8] = []

    /// - Throws: after a line that says why it cannot be made; where one is there, it stays.
    init(_ path: String) throws {
        descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw fail("\(path): it cannot be made: \(String(cString: strerror(errno)))")
        }
    }

    deinit { close(descriptor) }

    func write(_ text: String) -> Bool { write(Array(text.utf8)) }

    /// - Returns: whether it could be written.
    func write(_ bytes: [UInt8]) -> Bool {
        waiting += bytes
        guard waiting.count >= 1 << 16 else { return true }
        defer { waiting.removeAll(keepingCapacity: true) }
        return Console.writeAll(waiting, to: descriptor)
    }

    /// Writes what waits, and has all of it on the disk.
    func finish() throws -> Bool {
        defer { waiting.removeAll() }
        return Console.writeAll(waiting, to: descriptor) && fsync(descriptor) == 0
    }
}

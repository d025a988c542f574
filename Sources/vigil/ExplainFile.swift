// Where an explanation is written: standard output, or a file that appears when it is complete and
// that its owner alone can read, since it says what was found in somebody's media.

import ArgumentParser
import Foundation
import Synchronization

/// The output of one explanation.
final class ExplainFile: Sendable {
    private struct State {
        var descriptor: CInt
        var temporary: String?
        var waiting: [UInt8] = []
        var hasFailed = false
    }

    private let path: String?
    private let state: Mutex<State>
    private static let bufferBytes = 1 << 16

    /// - Parameters:
    ///   - path: `nil` for standard output.
    ///   - sources: files that must not be written over.
    init(path: String?, sources: [String]) throws {
        self.path = path
        guard let path else {
            state = Mutex(State(descriptor: STDOUT_FILENO))
            return
        }
        var status = stat()
        let exists = stat(path, &status) == 0
        if exists, status.st_mode & S_IFMT == S_IFDIR {
            throw ValidationError("--output \(path) is a folder; name a file")
        }
        if exists, sources.contains(where: { Self.isSame($0, status) }) {
            throw ValidationError("--output \(path) would write over what is read")
        }
        if exists, status.st_mode & S_IFMT != S_IFREG {
            // A pipe or device: nothing to put in place later.
            state = Mutex(State(descriptor: open(path, O_WRONLY | O_CLOEXEC)))
        } else {
            var name = Array((path + ".XXXXXX").utf8CString)
            let descriptor = mkstemp(&name)
            let temporary = name.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
            state = Mutex(State(descriptor: descriptor, temporary: temporary))
        }
        if state.withLock({ $0.descriptor }) < 0 {
            throw fail("\(path): cannot be written: \(String(cString: strerror(errno)))")
        }
    }

    private static func isSame(_ source: String, _ status: stat) -> Bool {
        var other = stat()
        return stat(source, &other) == 0 && other.st_dev == status.st_dev
            && other.st_ino == status.st_ino
    }

    /// Writes a line of data.
    func line(_ text: String) {
        guard path != nil else { return Console.line(text) }
        state.withLock { state in
            state.waiting += text.utf8
            state.waiting.append(UInt8(ascii: "\n"))
            if state.waiting.count >= Self.bufferBytes { Self.flush(&state) }
        }
    }

    /// Writes out what is buffered for whoever watches standard output.
    func flush() { if path == nil { Console.flush() } }

    private static func flush(_ state: inout State) {
        if !Console.writeAll(state.waiting, to: state.descriptor) { state.hasFailed = true }
        state.waiting.removeAll(keepingCapacity: true)
    }

    /// Puts the file in its place.
    /// - Returns: what went wrong, if something did.
    func close() -> String? {
        guard let path else {
            return Console.isComplete()
                ? nil : "not all results could be written to standard output"
        }
        return state.withLock { state in
            Self.flush(&state)
            let isWritten = !state.hasFailed && Foundation.close(state.descriptor) == 0
            state.descriptor = -1
            guard let temporary = state.temporary else {
                return isWritten ? nil : "\(path): cannot be written in full"
            }
            state.temporary = nil
            if isWritten, rename(temporary, path) == 0 { return nil }
            let reason = String(cString: strerror(errno))
            unlink(temporary)
            return "\(path): cannot be written in full: \(reason)"
        }
    }

    /// Leaves nothing behind of an explanation that is not complete.
    func discard() {
        state.withLock { state in
            if let temporary = state.temporary { unlink(temporary) }
            state.temporary = nil
        }
    }

    deinit { discard() }
}

// Reports as lines: to a file that is rotated, or to standard output.
//
// Invariants: a line is whole or not there, however many attempts go on at a time; an acceptance means
// that the line is on the disk (of standard output: that it was written). Lines that come together
// are synced together. A line of a crash that was cut short is ended before the next one.

internal import Glibc
internal import Report
internal import Synchronization

/// Appends lines.
final class LineSink: DeliverySink {
    private let rendering: EventRendering
    private let disk: StoreQueue
    private let target: any LineTarget
    private let waiting = Mutex<[Waiting]>([])

    private struct Waiting {
        let line: [UInt8]
        let resume: CheckedContinuation<String?, Never>
    }

    init(_ target: any LineTarget, rendering: EventRendering) {
        self.target = target
        self.rendering = rendering
        disk = StoreQueue("vigil.delivery.lines")
    }

    func send(_ delivery: DueDelivery) async -> SendResult {
        let line: [UInt8]
        do {
            line =
                try rendering.render(delivery.body, id: delivery.report).body.filter {
                    $0 != 0x0a && $0 != 0x0d
                } + [0x0a]
        } catch {
            return .failed("\(error)")
        }
        let problem = await withCheckedContinuation { continuation in
            let isFirst = waiting.withLock { waiting in
                waiting.append(Waiting(line: line, resume: continuation))
                return waiting.count == 1
            }
            if isFirst { disk.begin { [self] in writeAll() } }
        }
        return problem.map { .failed($0) } ?? .accepted
    }

    private func writeAll() {
        let lines = waiting.withLock { waiting in
            defer { waiting = [] }
            return waiting
        }
        guard !lines.isEmpty else { return }
        let problem = target.append(lines.flatMap(\.line))
        for line in lines { line.resume.resume(returning: problem) }
    }

    func close() async { try? await disk.run { [target] in target.close() } }
}

/// What lines are appended to; used by one thread at a time.
protocol LineTarget: Sendable {
    /// Appends whole lines.
    /// - Returns: what kept it from that; `nil` where they are safe.
    func append(_ bytes: [UInt8]) -> String?
    func close()
}

/// A file, which is moved aside when it has grown.
final class LineFile: LineTarget {
    private let path: String
    private let mostBytes: Int
    private let kept: Int
    private let state = Mutex<(descriptor: CInt, size: Int)>((-1, 0))

    /// - Parameters:
    ///   - mostBytes: size at which it is moved aside.
    ///   - kept: how many that were moved aside stay.
    init(path: String, mostBytes: Int, kept: Int) {
        self.path = path
        self.mostBytes = mostBytes
        self.kept = kept
    }

    func append(_ bytes: [UInt8]) -> String? {
        state.withLock { state in
            if state.size > 0, state.size + bytes.count > mostBytes { rotate(&state) }
            if state.descriptor < 0, let problem = open(&state) { return problem }
            let before = state.size
            guard writeWhole(state.descriptor, bytes), fdatasync(state.descriptor) == 0 else {
                let problem = String(cString: strerror(errno))
                // What was written of it would be half a line.
                ftruncate(state.descriptor, off_t(before))
                return "the file \(path) cannot be written: \(problem)"
            }
            state.size += bytes.count
            return nil
        }
    }

    func close() {
        state.withLock { state in
            if state.descriptor >= 0 { Glibc.close(state.descriptor) }
            state = (-1, 0)
        }
    }

    private func open(_ state: inout (descriptor: CInt, size: Int)) -> String? {
        let flags = O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK
        let descriptor = Glibc.open(path, flags, 0o600)
        guard descriptor >= 0 else {
            return "the file \(path) cannot be opened: \(String(cString: strerror(errno)))"
        }
        // Pipes and terminals have no end to go to.
        let size = lseek(descriptor, 0, SEEK_END)
        guard size >= 0 else {
            Glibc.close(descriptor)
            return "\(path) is not a file"
        }
        state = (descriptor, Int(size))
        var last: UInt8 = 0x0a
        if state.size > 0, pread(descriptor, &last, 1, off_t(state.size - 1)) == 1, last != 0x0a,
            writeWhole(descriptor, [0x0a])
        {
            state.size += 1
        }
        return nil
    }

    private func rotate(_ state: inout (descriptor: CInt, size: Int)) {
        for number in stride(from: kept - 1, through: 1, by: -1) {
            rename("\(path).\(number)", "\(path).\(number + 1)")
        }
        if kept > 0 { rename(path, "\(path).1") } else { unlink(path) }
        if state.descriptor >= 0 { Glibc.close(state.descriptor) }
        state = (-1, 0)
    }
}

/// Standard output.
struct StandardOutputLines: LineTarget {
    func append(_ bytes: [UInt8]) -> String? {
        writeWhole(STDOUT_FILENO, bytes) ? nil : "standard output cannot be written"
    }

    func close() {}
}

private func writeWhole(_ descriptor: CInt, _ bytes: [UInt8]) -> Bool {
    bytes.withUnsafeBytes { bytes in
        var done = 0
        while done < bytes.count {
            let count = write(descriptor, bytes.baseAddress! + done, bytes.count - done)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            done += count
        }
        return true
    }
}

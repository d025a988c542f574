// Reports as lines: to a file that is rotated, or to standard output.
//
// Invariants: a line is whole or not there, however many attempts go on at a time; an acceptance means
// that the line is on the disk (of standard output: that it was written). Lines that come together
// are synced together. A line of a crash that was cut short is ended before the next one. A target
// that is stuck fails attempts and holds up nothing else; what it took is then written twice.

internal import Glibc
package import Report
internal import Synchronization

/// Appends lines.
package final class LineSink: DeliverySink {
    private let rendering: EventRendering
    private let disk: StoreQueue
    private let target: any LineTarget
    private let state = Mutex(State())

    /// Where the lines go, which only one sink may write to.
    var place: String { target.place }

    /// How long a line may take: standard output may be a pipe that nobody reads.
    private let limit: Duration
    /// How long closing may take.
    private static let closingLimit = Duration.seconds(2)

    private struct State {
        var waiting: [Waiting] = []
        var isWriting = false
        var count = 0
    }

    private struct Waiting {
        let number: Int
        let line: [UInt8]
        let resume: CheckedContinuation<String?, Never>
    }

    package init(
        _ target: any LineTarget, rendering: EventRendering, limit: Duration = .seconds(20)
    ) {
        self.limit = limit
        self.target = target
        self.rendering = rendering
        disk = StoreQueue("vigil.delivery.lines")
    }

    package func send(_ delivery: DueDelivery) async -> SendResult {
        let line: [UInt8]
        do {
            line =
                try rendering.render(delivery.body, id: delivery.report).body.filter {
                    $0 != 0x0a && $0 != 0x0d
                } + [0x0a]
        } catch {
            return .failed("\(error)")
        }
        let number = state.withLock { state in
            state.count += 1
            return state.count
        }
        // Not of the caller's task: a line that is being written when the service ends is waited for.
        let writing = Task {
            try await within(limit) { [self] in await written(line, number) }
        }
        do {
            return try await writing.value.map { .failed($0) } ?? .accepted
        } catch {
            takeBack(number)
            return .failed("\(place) took nothing for \(limit)")
        }
    }

    /// What kept the line from being written.
    private func written(_ line: [UInt8], _ number: Int) async -> String? {
        // Taken back before it began.
        if Task.isCancelled { return nil }
        return await withCheckedContinuation { continuation in
            let isFirst = state.withLock { state in
                state.waiting.append(Waiting(number: number, line: line, resume: continuation))
                defer { state.isWriting = true }
                return !state.isWriting
            }
            if isFirst { disk.begin { [self] in writeAll() } }
        }
    }

    private func takeBack(_ number: Int) {
        let taken = state.withLock { state in
            let taken = state.waiting.filter { $0.number == number }
            state.waiting.removeAll { $0.number == number }
            return taken
        }
        for waiting in taken { waiting.resume.resume(returning: nil) }
    }

    private func writeAll() {
        while true {
            let lines = state.withLock { state in
                defer { state.waiting = [] }
                if state.waiting.isEmpty { state.isWriting = false }
                return state.waiting
            }
            guard !lines.isEmpty else { return }
            let problem = target.append(lines.flatMap(\.line))
            for line in lines { line.resume.resume(returning: problem) }
        }
    }

    package func close() async {
        let closing = Task {
            try await within(Self.closingLimit) { [disk, target] in
                try await disk.run { target.close() }
            }
        }
        try? await closing.value
    }
}

/// What lines are appended to; used by one thread at a time.
package protocol LineTarget: Sendable {
    /// Path of a file, or what else it is.
    var place: String { get }

    /// Appends whole lines.
    /// - Returns: what kept it from that; `nil` where they are safe.
    func append(_ bytes: [UInt8]) -> String?
    func close()
}

/// A file, which is moved aside when it has grown.
package final class LineFile: LineTarget {
    private let path: String
    private let mostBytes: Int
    private let kept: Int
    package var place: String { path }
    private let state = Mutex(Open())

    private struct Open {
        var descriptor: CInt = -1
        var size = 0
        var location: [CChar] = []
    }

    /// - Parameters:
    ///   - mostBytes: size at which it is moved aside.
    ///   - kept: how many that were moved aside stay.
    package init(path: String, mostBytes: Int, kept: Int) {
        self.path = path
        self.mostBytes = mostBytes
        self.kept = kept
    }

    package func append(_ bytes: [UInt8]) -> String? {
        state.withLock { state in
            // Others may have moved or removed it.
            if state.descriptor >= 0, Self.location(state.descriptor) != state.location {
                leave(&state)
            }
            if state.size > 0, state.size + bytes.count > mostBytes { rotate(&state) }
            if state.descriptor < 0, let problem = open(&state) { return problem }
            let before = state.size
            guard written(bytes, to: state.descriptor) == bytes.count,
                fdatasync(state.descriptor) == 0
            else {
                let problem = String(cString: strerror(errno))
                // What was written of it would be half a line.
                ftruncate(state.descriptor, off_t(before))
                return "the file \(path) cannot be written: \(problem)"
            }
            state.size += bytes.count
            return nil
        }
    }

    package func close() { state.withLock { leave(&$0) } }

    private func leave(_ state: inout Open) {
        if state.descriptor >= 0 { Glibc.close(state.descriptor) }
        state = Open()
    }

    /// Where an open file lies now; the system marks one that was removed.
    private static func location(_ descriptor: CInt) -> [CChar] {
        var text = [CChar](repeating: 0, count: Int(PATH_MAX) + 20)
        let count = readlink("/proc/self/fd/\(descriptor)", &text, text.count)
        return Array(text.prefix(max(0, count)))
    }

    private func open(_ state: inout Open) -> String? {
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
        state = Open(
            descriptor: descriptor, size: Int(size), location: Self.location(descriptor))
        var last: UInt8 = 0x0a
        if state.size > 0, pread(descriptor, &last, 1, off_t(state.size - 1)) == 1, last != 0x0a {
            guard written([0x0a], to: descriptor) == 1 else {
                let problem = String(cString: strerror(errno))
                leave(&state)
                return "the file \(path) cannot be written: \(problem)"
            }
            state.size += 1
        }
        let problem = syncFolder()
        if problem != nil { leave(&state) }
        return problem
    }

    /// A file that was just made is there after a power cut only if its folder was synced.
    private func syncFolder() -> String? {
        let folder = path.split(separator: "/").dropLast().joined(separator: "/")
        let descriptor = Glibc.open("/\(folder)", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        defer { if descriptor >= 0 { Glibc.close(descriptor) } }
        // One that may not be read cannot be synced, nor can folders of some file systems.
        let isSynced = descriptor >= 0 ? fsync(descriptor) == 0 || errno == EINVAL : errno == EACCES
        guard isSynced else {
            return "the folder of \(path) cannot be synced: \(String(cString: strerror(errno)))"
        }
        return nil
    }

    private func rotate(_ state: inout Open) {
        for number in stride(from: kept - 1, through: 1, by: -1) {
            rename("\(path).\(number)", "\(path).\(number + 1)")
        }
        if kept > 0 { rename(path, "\(path).1") } else { unlink(path) }
        leave(&state)
    }
}

/// Lines to a descriptor that cannot be cut back, such as standard output.
package final class StreamLines: LineTarget {
    package let place: String
    private let descriptor: CInt
    /// Whether the last line is not whole.
    private let isCut = Mutex(false)

    package init(_ descriptor: CInt = STDOUT_FILENO, place: String = "standard output") {
        self.descriptor = descriptor
        self.place = place
    }

    package func append(_ bytes: [UInt8]) -> String? {
        isCut.withLock { isCut in
            if isCut {
                guard written([0x0a], to: descriptor) == 1 else { return problem }
                isCut = false
            }
            let count = written(bytes, to: descriptor)
            guard count < bytes.count else { return nil }
            let problem = problem
            isCut = count > 0
            return problem
        }
    }

    private var problem: String {
        "\(place) cannot be written: \(String(cString: strerror(errno)))"
    }

    package func close() {}
}

/// Writes bytes.
/// - Returns: how many were written; fewer than all where something kept it from that.
private func written(_ bytes: [UInt8], to descriptor: CInt) -> Int {
    bytes.withUnsafeBytes { bytes in
        var done = 0
        while done < bytes.count {
            let count = write(descriptor, bytes.baseAddress! + done, bytes.count - done)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            done += count
        }
        return done
    }
}

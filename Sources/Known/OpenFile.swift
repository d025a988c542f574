// POSIX files as owned values: every descriptor and mapping is closed by the value that holds it.
//
// Invariants: a descriptor is closed exactly once, in `deinit`; reading loops over short reads and
// EINTR; only a list may come through a pipe, and only there does opening wait for a writer. Lists
// are mapped, not copied; as with every mapping, a list that another program shortens while it is
// being read ends the process, which is why sealed sets, read by services, are read with `pread`
// instead.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Text of a POSIX error number.
func errorText(_ number: Int32) -> String { String(cString: strerror(number)) }

/// An open file.
struct OpenFile: ~Copyable {
    let path: String
    let descriptor: Int32

    private init(path: String, descriptor: Int32) {
        self.path = path
        self.descriptor = descriptor
    }

    deinit { _ = close(descriptor) }

    /// Opens for reading; `mayWait` says whether a named pipe's writer is waited for.
    static func reading(_ path: String, mayWait: Bool = false) throws(KnownError) -> OpenFile {
        guard !path.utf8.contains(0) else {
            throw KnownError(.fileUnreadable, "a file path cannot hold a zero byte")
        }
        let waiting = mayWait ? 0 : O_NONBLOCK
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | waiting)
        guard descriptor >= 0 else {
            let number = errno
            throw KnownError(
                number == ENOENT ? .fileMissing : .fileUnreadable,
                "cannot read \(path): \(errorText(number))")
        }
        return OpenFile(path: path, descriptor: descriptor)
    }

    /// Makes a new file of mode 0600; `nil` with `errno` set if that fails or something is there.
    static func creating(_ path: String) -> OpenFile? {
        guard !path.utf8.contains(0) else {
            errno = EINVAL
            return nil
        }
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { return nil }
        let file = OpenFile(path: path, descriptor: descriptor)
        guard fchmod(descriptor, 0o600) == 0 else {
            let number = errno
            _ = unlink(path)
            errno = number
            return nil
        }
        return file
    }

    func status() throws(KnownError) -> stat {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw KnownError(.fileUnreadable, "cannot examine \(path): \(errorText(errno))")
        }
        return status
    }

    /// Size of a regular file; anything else is an error.
    func regularSize() throws(KnownError) -> Int {
        let status = try status()
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw KnownError(
                .notRegularFile, "\(path) is \(kindText(status.st_mode)), not a file")
        }
        return Int(status.st_size)
    }

    /// Reads until the buffer is full or the file ends; says how many bytes came.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(KnownError) -> Int
    {
        var filled = 0
        while filled < buffer.count {
            let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
            let count = pread(descriptor, rest.baseAddress, rest.count, off_t(offset + filled))
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else {
                throw KnownError(.fileUnreadable, "cannot read \(path): \(errorText(errno))")
            }
            if count == 0 { break }
            filled += count
        }
        return filled
    }

    /// Up to `count` bytes from an offset; fewer where the file ends.
    func bytes(at offset: Int, count: Int) throws(KnownError) -> [UInt8] {
        var result = [UInt8](repeating: 0, count: count)
        let filled = try result.withMutableRawBytes { buffer throws(KnownError) in
            try read(into: buffer, at: offset)
        }
        result.removeLast(count - filled)
        return result
    }

    /// Writes everything; false with `errno` set on failure.
    func write(all bytes: some Sequence<UInt8>) -> Bool {
        let whole = bytes.withContiguousStorageIfAvailable { writeAll(UnsafeRawBufferPointer($0)) }
        return whole ?? Array(bytes).withUnsafeBytes { writeAll($0) }
    }

    /// Makes what was written outlast a loss of power; false with `errno` set on failure.
    func synchronize() -> Bool { fsync(descriptor) == 0 }

    private func writeAll(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var written = 0
        while written < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[written...])
            let count = sendBytes(descriptor, rest.baseAddress, rest.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            written += count
        }
        return true
    }
}

/// `write(2)`, reachable from inside a type that has a method of that name.
private func sendBytes(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    write(descriptor, bytes, count)
}

private func kindText(_ mode: mode_t) -> String {
    switch mode & S_IFMT {
    case S_IFDIR: "a directory"
    case S_IFIFO: "a pipe"
    case S_IFSOCK: "a socket"
    default: "a device"
    }
}

/// Flushes a directory, so that a name just made or replaced in it outlasts a loss of power.
func synchronizeDirectory(_ path: String) -> Bool {
    let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { return false }
    defer { _ = close(descriptor) }
    // Some file systems cannot flush a directory and say EINVAL; there is nothing better to do.
    return fsync(descriptor) == 0 || errno == EINVAL
}

/// The directory part of a path, "." if it has none.
func directory(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
}

/// A list's bytes: a regular file mapped, a pipe read up to a limit.
struct ListBytes: ~Copyable {
    /// Most that is taken from a pipe, whose length is not known beforehand.
    static let pipeLimit = 1 << 30

    private let mapping: UnsafeMutableRawPointer?
    private let count: Int
    private let copied: [UInt8]

    private init(mapping: UnsafeMutableRawPointer?, count: Int, copied: [UInt8]) {
        self.mapping = mapping
        self.count = count
        self.copied = copied
    }

    static func opening(_ path: String) throws(KnownError) -> ListBytes {
        let file = try OpenFile.reading(path, mayWait: true)
        if try file.status().st_mode & S_IFMT == S_IFIFO {
            return ListBytes(mapping: nil, count: 0, copied: try drain(file))
        }
        let count = try file.regularSize()
        guard count > 0 else { return ListBytes(mapping: nil, count: 0, copied: []) }
        let address = mmap(nil, count, PROT_READ, MAP_PRIVATE, file.descriptor, 0)
        guard let address, address != MAP_FAILED else {
            throw KnownError(.fileUnreadable, "cannot map \(path): \(errorText(errno))")
        }
        return ListBytes(mapping: address, count: count, copied: [])
    }

    deinit {
        if let mapping { _ = munmap(mapping, count) }
    }

    /// Lends the bytes, and the pages that they lie in.
    func withSpan<R>(
        _ body: (Span<UInt8>, ListPages) throws(KnownError) -> R
    ) throws(KnownError) -> R {
        guard let mapping else { return try body(copied.span, ListPages()) }
        let buffer = UnsafeRawBufferPointer(start: mapping, count: count)
        return try buffer.withMemoryRebound(to: UInt8.self) { bytes throws(KnownError) in
            try body(bytes.span, ListPages(mapping))
        }
    }

    private static func drain(_ file: borrowing OpenFile) throws(KnownError) -> [UInt8] {
        var result: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = block.withUnsafeMutableBytes {
                receiveBytes(file.descriptor, $0.baseAddress, $0.count)
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else {
                throw KnownError(.fileUnreadable, "cannot read \(file.path): \(errorText(errno))")
            }
            if count == 0 { return result }
            guard result.count + count <= pipeLimit else {
                throw KnownError(
                    .fileUnreadable,
                    "\(file.path) gives more than \(pipeLimit) bytes; save it to a file first")
            }
            result += block[..<count]
        }
    }
}

/// The pages of a mapped list, which need not stay in memory once they were read.
struct ListPages {
    private static let step = 16 << 20
    private let mapping: UnsafeMutableRawPointer?
    private var forgotten = 0

    /// The pages of a mapping, which has to outlive this; none for bytes that are not mapped.
    init(_ mapping: UnsafeMutableRawPointer? = nil) { self.mapping = mapping }

    /// Says that reading has come to a place: what lies before it leaves memory, in large steps.
    ///
    /// Sound: the mapping is of a file and read-only, so a page that is looked at again is read
    /// again.
    mutating func passed(_ place: Int) {
        guard let mapping, place - forgotten >= Self.step else { return }
        _ = madvise(mapping + forgotten, Self.step, MADV_DONTNEED)
        forgotten += Self.step
    }
}

/// `read(2)`, reachable from inside a type that has a method of that name.
func receiveBytes(
    _ descriptor: Int32, _ bytes: UnsafeMutableRawPointer?, _ count: Int
)
    -> Int
{
    read(descriptor, bytes, count)
}

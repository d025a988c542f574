// Files of this machine: opened once, checked by descriptor, and read by that descriptor for as long
// as their input is looked at. Never by name again: whoever can rename a file could put a pipe, a
// device or another file in its place between a look and the next.
//
// Opening waits for no pipe's writer and takes no terminal (O_NONBLOCK, O_NOCTTY). Reading a file on
// a network mount that stalls waits in the kernel, where nothing can end it but the end of the
// process.

internal import CFFmpeg
internal import Glibc

/// An open regular file with something in it; read by any number of readers, each at its own place.
package final class LocalFile: Sendable {
    static let flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC
    /// Pause before what is held by another process is tried again, microseconds.
    private static let pause: UInt32 = 10_000

    private let descriptor: CInt

    /// Why a file could not be opened.
    enum Failure: Error {
        /// An errno.
        case system(CInt)
        case notRegular, empty
        /// The interrupt ended the wait for it.
        case stopped
    }

    /// Takes over a descriptor.
    private init(checking descriptor: CInt) throws(Failure) {
        self.descriptor = descriptor
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .system(errno) }
        try Self.check(status)
    }

    deinit { close(descriptor) }

    /// Opens what a user named; a link that they named is followed.
    static func named(_ path: String, interrupt: Interrupt) throws(Failure) -> LocalFile {
        var status = stat()
        // A device may do something on being opened. The check that counts is the descriptor's.
        if PathText.withName(path, { stat($0, &status) }) == 0 { try check(status) }
        return try opening(interrupt) { PathText.withName(path) { open($0, flags) } }
    }

    /// Opens what lies beneath a directory; no link is followed.
    static func beneath(
        _ folder: OpenFolder, _ name: String, interrupt: Interrupt
    ) throws(Failure) -> LocalFile { try opening(interrupt) { folder.file(name) } }

    private static func opening(
        _ interrupt: Interrupt, _ open: () -> CInt
    ) throws(Failure) -> LocalFile {
        while true {
            let descriptor = open()
            if descriptor >= 0 { return try LocalFile(checking: descriptor) }
            let number = errno
            // Somebody has a lease on it, which the system takes back now; or something on the way
            // was moved while it was looked up.
            guard number == EINTR || number == EAGAIN else { throw .system(number) }
            guard !interrupt.isOverdue else { throw .stopped }
            usleep(pause)
        }
    }

    private static func check(_ status: stat) throws(Failure) {
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notRegular }
        guard status.st_size > 0 else { throw .empty }
    }

    /// Bytes that are in it now; `nil` with `errno` set where that cannot be told.
    var size: Int64? {
        var status = stat()
        return fstat(descriptor, &status) == 0 ? Int64(status.st_size) : nil
    }

    /// Reads once.
    /// - Returns: bytes that came; 0 at the end; or an errno, negative.
    func read(into target: UnsafeMutableRawBufferPointer, at place: Int64) -> Int {
        while true {
            let count = pread(descriptor, target.baseAddress, target.count, off_t(place))
            if count >= 0 { return count }
            if errno != EINTR { return -Int(errno) }
        }
    }

    /// The first bytes, as many as there are up to a number.
    /// - Returns: `nil` where they cannot be read.
    package func beginning(_ most: Int) -> [UInt8]? {
        var failed = false
        let bytes = [UInt8](unsafeUninitializedCapacity: most) { buffer, filled in
            while filled < most {
                let rest = UnsafeMutableBufferPointer(rebasing: buffer[filled...])
                let count = read(into: .init(rest), at: Int64(filled))
                failed = count < 0
                guard count > 0 else { return }
                filled += count
            }
        }
        return failed ? nil : bytes
    }
}

extension LocalFile.Failure {
    /// What to tell of an input.
    func error(_ interrupt: Interrupt) -> DecodeError {
        switch self {
        case .stopped:
            interrupt.reason ?? DecodeError(.timedOut, "another program does not let go of it")
        case .empty: DecodeError(.notMedia, "is empty (0 bytes)")
        case .notRegular, .system(ENXIO), .system(ENODEV), .system(EISDIR):
            DecodeError(.notMedia, "is no regular file (a directory, pipe or device)")
        case .system(ENOENT), .system(ENOTDIR):
            DecodeError(.notFound, "no such file or directory")
        case .system(EACCES), .system(EPERM): DecodeError(.permission, "permission denied")
        case .system(ELOOP), .system(EXDEV):
            DecodeError(.notMedia, "is a link that is not followed: name what it leads to")
        case .system(let number):
            DecodeError(.io, "cannot be opened: \(String(cString: strerror(number)))")
        }
    }

    /// Why it is no part of a playlist.
    var ofPart: PartProblem {
        switch self {
        case .empty: .empty
        case .notRegular, .system(ENXIO), .system(ENODEV), .system(EISDIR): .notRegular
        case .system(ENOENT), .system(ENOTDIR): .missing
        case .system(EACCES), .system(EPERM): .permission
        case .system(EXDEV): .leadsOut
        case .system(ELOOP): .link
        case .system, .stopped: .unreadable
        }
    }
}

/// One reader of a file, at its own place; belongs to the thread that reads.
final class FileReader: ByteSource {
    private let file: LocalFile
    private let interrupt: Interrupt
    private var place: Int64 = 0

    /// As large as the library's own for files.
    private static let bufferSize: CInt = 32 << 10

    init(_ file: LocalFile, interrupt: Interrupt) {
        self.file = file
        self.interrupt = interrupt
    }

    /// Makes the context that the library reads, which can seek; closed with `vigil_io_close`.
    /// - Parameter location: what the library is to take for its address.
    consuming func makeContext(
        location: String
    ) throws(DecodeError) -> UnsafeMutablePointer<AVIOContext> {
        let owner = Unmanaged.passRetained(self)
        // Sound: the context holds the reference until `release`.
        let io = vigil_io_open(
            Self.bufferSize, location, nil, owner.toOpaque(),
            { Unmanaged<FileReader>.fromOpaque($0!).release() },
            { opaque, target, count in
                guard let opaque, let target, let owner = vigil_io_owner(opaque) else {
                    return -EIO
                }
                return Unmanaged<FileReader>.fromOpaque(owner).takeUnretainedValue()
                    .status(reading: .init(start: target, count: Int(count)))
            })
        guard let io else {
            owner.release()
            throw DecodeError(.io, "out of memory")
        }
        io.pointee.seek = { opaque, offset, whence in
            guard let opaque, let owner = vigil_io_owner(opaque) else { return Int64(-EIO) }
            return Unmanaged<FileReader>.fromOpaque(owner).takeUnretainedValue()
                .seek(offset, whence)
        }
        io.pointee.seekable = AVIO_SEEKABLE_NORMAL
        return io
    }

    private func status(reading target: UnsafeMutableRawBufferPointer) -> CInt {
        guard !interrupt.isOverdue else { return vigil_AVERROR_EXIT }
        let count = file.read(into: target, at: place)
        guard count > 0 else { return count == 0 ? vigil_AVERROR_EOF : CInt(count) }
        place += Int64(count)
        return CInt(count)
    }

    private func seek(_ offset: Int64, _ whence: CInt) -> Int64 {
        // The flag asks for force, of which a file needs none.
        switch whence & ~AVSEEK_FORCE {
        case AVSEEK_SIZE: return file.size ?? Int64(-errno)
        case SEEK_SET: return move(from: 0, by: offset)
        case SEEK_CUR: return move(from: place, by: offset)
        case SEEK_END: return move(from: file.size ?? .min, by: offset)
        default: return Int64(-EINVAL)
        }
    }

    private func move(from base: Int64, by offset: Int64) -> Int64 {
        let (target, overflows) = base.addingReportingOverflow(offset)
        guard base >= 0, !overflows, target >= 0 else { return Int64(-EINVAL) }
        place = target
        return target
    }

    func read(into target: UnsafeMutableRawBufferPointer) -> HTTPTransfer.Read {
        let status = status(reading: target)
        return status > 0 ? .bytes(Int(status)) : status == vigil_AVERROR_EOF ? .end : .failed
    }
}

// A small file that somebody named, read whole: settings, secrets, evidence packages. Opening it waits
// for nothing, it is checked by its descriptor, and no more of it is read than a limit, whatever its
// size is said to be.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Reads small files whole.
package enum SmallFile {
    /// Why a file was not read.
    package enum Problem: Error {
        /// There is none, or its folder may not be searched.
        case missing
        /// It is a directory, a device, or a pipe where none is taken.
        case notRegular
        /// Every user of this machine can use it.
        case exposed
        /// It holds more bytes than the limit.
        case tooLarge
        /// Nothing came through a pipe.
        case nothingWritten
        /// An errno.
        case system(Int32)
    }

    /// What is to be kept from other users, and what may come through a pipe.
    package enum Manner {
        /// A file that not every user may read or write.
        case secret
        /// A file.
        case plain
        /// A file, or a pipe whose writer is there: a shell's `<(…)`.
        case plainOrPiped
    }

    /// Reads a file.
    /// - Parameter most: bytes that it may have.
    package static func read(
        _ path: String, most: Int, as manner: Manner
    ) throws(Problem) -> [UInt8] {
        guard !path.utf8.contains(0) else { throw .system(EINVAL) }
        let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
        guard descriptor >= 0 else {
            let number = errno
            throw number == ENOENT || number == ENOTDIR
                ? .missing : number == ENXIO ? .notRegular : .system(number)
        }
        defer { _ = close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .system(errno) }
        let isPipe = status.st_mode & S_IFMT == S_IFIFO && manner == .plainOrPiped
        guard isPipe || status.st_mode & S_IFMT == S_IFREG else { throw .notRegular }
        guard manner != .secret || status.st_mode & 0o007 == 0 else { throw .exposed }
        if isPipe { _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) & ~O_NONBLOCK) }
        let bytes = try all(of: descriptor, most: most)
        guard !isPipe || !bytes.isEmpty else { throw .nothingWritten }
        return bytes
    }

    private static func all(of descriptor: Int32, most: Int) throws(Problem) -> [UInt8] {
        var bytes: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = receiveBytes(descriptor, &block, block.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .system(errno) }
            if count == 0 { return bytes }
            guard bytes.count + count <= most else { throw .tooLarge }
            bytes += block[..<count]
        }
    }
}

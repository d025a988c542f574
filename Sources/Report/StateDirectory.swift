// The state directory and the database file in it, before SQLite sees them.
//
// Invariants: what this file makes is private to its user (directories 0700, database 0600) at the
// moment it appears, whatever the umask; SQLite gives its -wal and -shm files the database's mode.
// What already exists keeps its mode: an operator may have opened it to a group on purpose. New
// names are synced into their directories, so that a power loss cannot take them back.
//
// The database file is only ever opened here with O_EXCL, that is, when no connection to it can
// exist: closing any descriptor of a file drops all POSIX locks that this process has on it, and
// those are SQLite's. For the same reason the lock that serialises opening (two processes that
// both find no tables would both make them) is on the directory, not on the file.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A directory that holds `vigil.sqlite`.
struct StateDirectory: Sendable {
    static let fileName = "vigil.sqlite"
    /// How long to wait for another process that is opening the same directory.
    static let lockPolls = 100
    static let lockPollMicroseconds: UInt32 = 50_000

    let directory: String
    var database: String { (directory == "/" ? "" : directory) + "/\(Self.fileName)" }

    init(_ directory: String) {
        var text = Substring(directory)
        while text.count > 1, text.hasSuffix("/") { text = text.dropLast() }
        // SQLite would take a relative path that starts with "file:" for a URI.
        let prefix = text.hasPrefix("file:") ? "./" : ""
        self.directory = text.isEmpty ? "." : prefix + text
    }

    /// Makes the directory and its missing parents.
    func create() throws(ReportError) {
        var missing: [String] = []
        var path = directory
        while !Self.exists(path) {
            missing.append(path)
            path = Self.parent(of: path)
        }
        for path in missing.reversed() {
            guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
                throw failure(errno, doing: "make the state directory", at: path)
            }
            Self.sync(directory: Self.parent(of: path))
        }
        var facts = stat()
        guard stat(directory, &facts) == 0 else {
            throw failure(errno, doing: "open the state directory", at: directory)
        }
        guard facts.st_mode & S_IFMT == S_IFDIR else {
            throw failure(ENOTDIR, doing: "open the state directory", at: directory)
        }
    }

    /// Makes an empty database file unless one is there, and checks that it can be written.
    func createDatabase() throws(ReportError) {
        let descriptor = open(database, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        if descriptor >= 0 {
            _ = fchmod(descriptor, 0o600)
            close(descriptor)
            Self.sync(directory: directory)
            return
        }
        guard errno == EEXIST else {
            throw failure(errno, doing: "make the database", at: database)
        }
        try requireFile()
        guard access(database, W_OK) == 0 else {
            throw failure(errno, doing: "write the database", at: database)
        }
    }

    /// Checks that there is something to read.
    func requireDatabase() throws(ReportError) {
        var facts = stat()
        if stat(database, &facts) != 0 {
            guard errno == ENOENT else {
                throw failure(errno, doing: "open the database", at: database)
            }
            throw noDatabase
        }
        try requireFile()
        if facts.st_size == 0 { throw noDatabase }
        guard access(database, R_OK) == 0 else {
            throw failure(errno, doing: "read the database", at: database)
        }
    }

    private func requireFile() throws(ReportError) {
        var facts = stat()
        guard stat(database, &facts) == 0 else {
            throw failure(errno, doing: "open the database", at: database)
        }
        guard facts.st_mode & S_IFMT == S_IFREG else {
            throw ReportError(
                .cannotOpen, doing: "open the database", at: database, why: "it is not a file",
                fix: "move it away or choose another state directory")
        }
    }

    /// Runs `body` while no other process opens the same directory.
    ///
    /// A file system without directory locks lets it run unlocked; then the worst of two first
    /// openings at the same moment is an error for one of them.
    func locked<Result>(
        _ body: () throws(ReportError) -> Result
    ) throws(ReportError) -> Result {
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw failure(errno, doing: "open the state directory", at: directory)
        }
        defer { close(descriptor) }
        var polls = 0
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK || errno == EINTR {
            polls += 1
            guard polls < Self.lockPolls else {
                throw ReportError(
                    .busy, doing: "open the database", at: directory,
                    why: "another process has been opening it for too long",
                    fix: "look for a stuck vigil process, then try again")
            }
            // Polled, because a blocking flock has no time-out; callers are on threads that may block.
            usleep(Self.lockPollMicroseconds)
        }
        return try body()
    }

    /// Whether the file system has practically no room left for the caller.
    ///
    /// SQLite says only "I/O error" when it cannot extend its -shm file, which grows by 32 KiB.
    var isFull: Bool {
        var facts = statvfs()
        guard statvfs(directory, &facts) == 0 else { return false }
        let blocks = geteuid() == 0 ? facts.f_bfree : facts.f_bavail
        let noInodes = facts.f_files > 0 && facts.f_ffree == 0
        return UInt64(blocks) * UInt64(facts.f_frsize) < 64 * 1024 || noInodes
    }

    var noDatabase: ReportError {
        ReportError(
            .noDatabase,
            "no reports yet at \(database): the first scan with alerts makes the database;"
                + " use --state to name another directory")
    }

    private static func exists(_ path: String) -> Bool {
        var facts = stat()
        return path == "/" || path == "." || stat(path, &facts) == 0 || errno != ENOENT
    }

    private static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// Makes new names in a directory durable.
    ///
    /// A file system that cannot sync a directory has no stronger promise to give, so a failure
    /// here is none of the caller's.
    private static func sync(directory: String) {
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        _ = fsync(descriptor)
        close(descriptor)
    }
}

extension StateDirectory {
    /// Names a failed system call.
    func failure(_ number: CInt, doing what: String, at place: String) -> ReportError {
        let reason = String(cString: strerror(number))
        let elsewhere = "choose another state directory"
        return switch number {
        case ENOSPC, EDQUOT:
            ReportError(
                .diskFull, doing: what, at: place, why: "no space is left",
                fix: "free space and try again")
        case EROFS:
            ReportError(
                .readOnly, doing: what, at: place, why: "the file system is read-only",
                fix: elsewhere)
        case ENOTDIR:
            ReportError(
                .cannotOpen, doing: what, at: place, why: "it, or a part of its path, is a file",
                fix: elsewhere)
        case EACCES, EPERM:
            ReportError(
                .cannotOpen, doing: what, at: place, why: reason.lowercased(),
                fix: "allow this user to use it or \(elsewhere)")
        default:
            ReportError(.cannotOpen, doing: what, at: place, why: reason, fix: elsewhere)
        }
    }
}

// A directory that names are looked up beneath. Whoever can change what lies in it (an uploader, say)
// can swap a directory for a link at any moment, so no name is resolved by path: the kernel is given
// the directory's descriptor and told to follow no link and to stay beneath (openat2; name by name
// where there is no openat2).
//
// A hard link is a name like any other: it cannot be told from the file's first name.

internal import CProcess
internal import Glibc

/// A directory of which only what lies beneath it can be opened.
public final class OpenFolder: Sendable, Hashable {
    private let descriptor: CInt

    private init(descriptor: CInt) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    /// Opens a directory that somebody named; links on the way to it are followed.
    /// - Returns: `nil` with `errno` set where it cannot be opened.
    public static func named(_ path: String) -> OpenFolder? {
        let descriptor = PathText.withName(path) {
            open($0, vigil_path_only | O_DIRECTORY | O_CLOEXEC)
        }
        return descriptor < 0 ? nil : OpenFolder(descriptor: descriptor)
    }

    /// What lies beneath under a name.
    public enum Kind: Sendable, Hashable {
        /// A regular file, and its size in bytes.
        case file(bytes: Int64)
        /// A directory, a symbolic link, or anything else.
        case folder, link, other
    }

    /// Says what lies beneath, without opening it.
    /// - Returns: `nil` with `errno` set where that cannot be told.
    public func kind(of name: String) -> Kind? {
        let opened = beneath(name, vigil_path_only | O_NOFOLLOW | O_CLOEXEC)
        guard opened >= 0 else { return nil }
        defer { close(opened) }
        var status = stat()
        guard fstat(opened, &status) == 0 else { return nil }
        switch status.st_mode & S_IFMT {
        case S_IFREG: return .file(bytes: Int64(status.st_size))
        case S_IFDIR: return .folder
        case S_IFLNK: return .link
        default: return .other
        }
    }

    /// The names in a directory beneath, or in this one, as `PathText`; in no order.
    /// - Returns: `nil` with `errno` set where it cannot be listed.
    public func names(in name: String) -> [String]? {
        let opened = beneath(
            name.isEmpty ? "." : name, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC)
        guard opened >= 0 else { return nil }
        guard let directory = fdopendir(opened) else {
            close(opened)
            return nil
        }
        defer { closedir(directory) }
        var names: [String] = []
        errno = 0
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            if name != Array(".".utf8), name != Array("..".utf8) {
                names.append(PathText.text(ofName: name))
            }
        }
        return errno == 0 ? names : nil
    }

    /// Opens a file beneath for reading.
    /// - Returns: a descriptor, or -1 with `errno` set: `EXDEV` where the name leads out, `ELOOP`
    ///   where there is a link.
    func file(_ name: String) -> CInt { beneath(name, LocalFile.flags) }

    /// Opens a directory beneath, or this one again.
    func folder(_ name: String) -> OpenFolder? {
        let opened = beneath(name.isEmpty ? "." : name, vigil_path_only | O_DIRECTORY | O_CLOEXEC)
        return opened < 0 ? nil : OpenFolder(descriptor: opened)
    }

    private func beneath(_ name: String, _ flags: CInt) -> CInt {
        PathText.withName(name) { vigil_open_beneath(descriptor, $0, flags) }
    }

    /// Whether both are the same value: a directory that is opened twice is two.
    public static func == (one: OpenFolder, other: OpenFolder) -> Bool { one === other }

    /// Feeds in which value it is.
    public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}

/// A file that the walk of a directory came upon.
public struct FoundFile: Sendable, Hashable {
    /// Its path, for people, as `PathText`.
    public let path: String
    /// Its name beneath the directory that was walked, as `PathText`.
    public let name: String
    let folder: OpenFolder

    /// Names a file beneath a directory.
    public init(path: String, name: String, beneath folder: OpenFolder) {
        self.path = path
        self.name = name
        self.folder = folder
    }
}

// From the paths and URLs of a command line to the inputs to examine. Directories are walked depth
// first in the order of names; what is a picture or video is decided later, by content.
//
// Symbolic links to directories inside a walked one are not followed (no loops) and, like pipes,
// devices and broken links, counted as skipped; a link to a file is that file. A directory that
// cannot be read is an input that failed, never a silent hole. Holds one directory's names per
// level, not the whole tree.

public import Decode
internal import Foundation
internal import Synchronization

/// One thing to examine.
public struct ScanInput: Sendable, Hashable {
    /// Where it is.
    public var media: MediaInput
    /// Whether the user named it; otherwise a walk found it, and it may turn out to be no media at
    /// all.
    public var isNamed: Bool
    /// Size in bytes; 0 where unknown.
    public var bytes: Int64
}

/// Hands out inputs one at a time, to any number of workers.
public final class InputWalker: Sendable {
    /// What the walk came upon.
    public enum Step: Sendable, Hashable {
        /// Something to examine.
        case input(ScanInput)
        /// A place that could not be looked into, and why.
        case unreadable(path: String, reason: String)
    }

    private struct Level {
        var directory: String
        var names: [String]  // descending, taken from the end
    }

    private struct State {
        var arguments: [String]  // reversed
        var levels: [Level] = []
        var skipped = 0
    }

    private let state: Mutex<State>

    /// Whether there is no more than one input, so that all cores can go to it.
    public let isSingleInput: Bool

    /// Makes a walker over what the user named.
    public init(_ arguments: [String]) {
        state = Mutex(State(arguments: arguments.reversed()))
        isSingleInput = arguments.count == 1 && !Self.isDirectory(arguments[0])
    }

    /// Links, pipes and devices passed over so far.
    public var skipped: Int { state.withLock { $0.skipped } }

    /// The next step; `nil` at the end.
    public func next() -> Step? {
        state.withLock { state in
            while true {
                if let step = Self.nextInTree(&state) { return step }
                guard state.levels.isEmpty else { continue }
                guard let argument = state.arguments.popLast() else { return nil }
                if let step = Self.start(argument, &state) { return step }
            }
        }
    }

    /// One step of the walk in progress; `nil` where a level was opened or left.
    private static func nextInTree(_ state: inout State) -> Step? {
        guard let level = state.levels.indices.last else { return nil }
        guard let name = state.levels[level].names.popLast() else {
            state.levels.removeLast()
            return nil
        }
        let directory = state.levels[level].directory
        let path = directory.hasSuffix("/") ? directory + name : directory + "/" + name
        var status = stat()
        guard PathText.withName(path, { lstat($0, &status) }) == 0 else {
            return .unreadable(
                path: PathText.readable(path), reason: String(cString: strerror(errno)).lowercased()
            )
        }
        if status.st_mode & S_IFMT == S_IFLNK, PathText.withName(path, { stat($0, &status) }) == 0,
            status.st_mode & S_IFMT == S_IFDIR
        {
            // Not followed: it could lead out of the tree, or round in it.
            state.skipped += 1
            return nil
        }
        switch status.st_mode & S_IFMT {
        case S_IFDIR: return open(path, &state)
        case S_IFREG:
            return .input(
                ScanInput(media: .file(path), isNamed: false, bytes: Int64(status.st_size)))
        default:
            state.skipped += 1
            return nil
        }
    }

    private static func start(_ argument: String, _ state: inout State) -> Step? {
        let media = MediaInput(argument)
        guard case .file(let path) = media else {
            return .input(ScanInput(media: media, isNamed: true, bytes: 0))
        }
        guard !isDirectory(path) else { return open(path, &state) }
        var status = stat()
        let bytes = PathText.withName(path, { stat($0, &status) }) == 0 ? Int64(status.st_size) : 0
        return .input(ScanInput(media: media, isNamed: true, bytes: bytes))
    }

    private static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return PathText.withName(path) { stat($0, &status) } == 0
            && status.st_mode & S_IFMT == S_IFDIR
    }

    private static func open(_ path: String, _ state: inout State) -> Step? {
        guard let directory = PathText.withName(path, { opendir($0) }) else {
            let reason = String(cString: strerror(errno)).lowercased()
            return .unreadable(
                path: PathText.readable(path), reason: "directory: \(reason)")
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
        if errno != 0 {
            return .unreadable(path: PathText.readable(path), reason: "directory: cannot be listed")
        }
        state.levels.append(Level(directory: path, names: names.sorted(by: >)))
        return nil
    }
}

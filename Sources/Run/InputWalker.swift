// From the paths and URLs of a command line to the inputs to examine. Directories are walked depth
// first in the order of names; what is a picture or video is decided later, by content.
//
// Whoever fills a directory that is walked may not lead the walk out of it: all of it is looked up
// beneath the descriptor of the directory that the user named, and no link is followed on the way,
// whatever is swapped for what meanwhile. Symbolic links to directories inside a walked one are not
// followed (no loops) and, like pipes, devices and broken links, counted as skipped. A link to a file
// beneath the walked directory is that file; one that leads out is reported where it is called like
// a picture or video, as a file that cannot be examined. A directory that cannot be read is an input
// that failed, never a silent hole. Holds one directory's names per level, not the whole tree.
//
// What the user named may itself be a link, or lie behind one: they chose it.

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

    /// A directory that the user named.
    private struct Tree {
        var folder: OpenFolder
        /// As they named it.
        var path: String
        /// Where it is, without links.
        var place: String?
    }

    private struct Level {
        var tree: Tree
        /// Beneath the tree's directory; empty for itself.
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
        let (tree, directory) = (state.levels[level].tree, state.levels[level].directory)
        return step(tree, directory.isEmpty ? name : directory + "/" + name, &state)
    }

    private static func step(_ tree: Tree, _ name: String, _ state: inout State) -> Step? {
        let path = Self.path(of: name, in: tree)
        switch tree.folder.kind(of: name) {
        case .folder: return open(tree, name, &state)
        case .file(let bytes): return input(tree, path, name, bytes: bytes)
        case .link:
            // One to a directory is not followed: it could lead out of the tree, or round in it.
            if let target = target(of: path, in: tree),
                case .file(let bytes)? = tree.folder.kind(of: target)
            {
                return input(tree, path, target, bytes: bytes)
            }
            // Opening it fails, and says why.
            if isFile(path) { return input(tree, path, name, bytes: 0) }
            state.skipped += 1
            return nil
        case .other:
            state.skipped += 1
            return nil
        case nil:
            return .unreadable(path: PathText.readable(path), reason: Self.reason())
        }
    }

    private static func path(of name: String, in tree: Tree) -> String {
        tree.path.hasSuffix("/") ? tree.path + name : tree.path + "/" + name
    }

    private static func input(
        _ tree: Tree, _ path: String, _ name: String, bytes: Int64
    ) -> Step {
        let found = FoundFile(path: path, name: name, beneath: tree.folder)
        return .input(ScanInput(media: .found(found), isNamed: false, bytes: bytes))
    }

    /// The name beneath the tree's directory of what a link leads to; `nil` where it leads out.
    private static func target(of path: String, in tree: Tree) -> String? {
        guard let place = tree.place, let target = Self.place(of: path) else { return nil }
        let prefix = place.hasSuffix("/") ? place : place + "/"
        return target.hasPrefix(prefix) ? String(target.dropFirst(prefix.count)) : nil
    }

    /// A path without links; `nil` where there is nothing.
    private static func place(of path: String) -> String? {
        guard let resolved = PathText.withName(path, { realpath($0, nil) }) else { return nil }
        defer { free(resolved) }
        return PathText.text(
            ofName: Array(UnsafeRawBufferPointer(start: resolved, count: strlen(resolved))))
    }

    private static func reason() -> String { String(cString: strerror(errno)).lowercased() }

    private static func start(_ argument: String, _ state: inout State) -> Step? {
        let media = MediaInput(argument)
        guard case .file(let path) = media else {
            return .input(ScanInput(media: media, isNamed: true, bytes: 0))
        }
        guard !isDirectory(path) else {
            guard let folder = OpenFolder.named(path) else {
                return .unreadable(
                    path: PathText.readable(path), reason: "directory: \(reason())")
            }
            return open(Tree(folder: folder, path: path, place: Self.place(of: path)), "", &state)
        }
        var status = stat()
        let bytes = PathText.withName(path, { stat($0, &status) }) == 0 ? Int64(status.st_size) : 0
        return .input(ScanInput(media: media, isNamed: true, bytes: bytes))
    }

    private static func isDirectory(_ path: String) -> Bool { kind(of: path) == S_IFDIR }

    private static func isFile(_ path: String) -> Bool { kind(of: path) == S_IFREG }

    private static func kind(of path: String) -> mode_t? {
        var status = stat()
        return PathText.withName(path, { stat($0, &status) }) == 0
            ? status.st_mode & S_IFMT : nil
    }

    private static func open(_ tree: Tree, _ name: String, _ state: inout State) -> Step? {
        guard let names = tree.folder.names(in: name) else {
            let path = name.isEmpty ? tree.path : Self.path(of: name, in: tree)
            return .unreadable(path: PathText.readable(path), reason: "directory: \(reason())")
        }
        state.levels.append(Level(tree: tree, directory: name, names: names.sorted(by: >)))
        return nil
    }
}

// Opening beneath a directory: what is found there, what leads out, and what is swapped meanwhile.

import CProcess
import Decode
import Foundation
import Synchronization
import Testing

/// A directory `in` to open beneath, a directory `out` beside it, and all sorts of things in them.
private final class Place {
    let root: String

    init() throws {
        root =
            FileManager.default.temporaryDirectory
            .appending(path: "vigil-beneath-\(UUID().uuidString)").path
        for folder in ["in/sub/deep", "out"] {
            try FileManager.default.createDirectory(
                atPath: "\(root)/\(folder)", withIntermediateDirectories: true)
        }
        for file in ["in/a", "in/sub/b", "in/sub/deep/c", "out/secret"] {
            try Data("\(file.prefix(3))".utf8).write(to: URL(filePath: "\(root)/\(file)"))
        }
        let links = [
            "in/up": "..", "in/secret": "\(root)/out/secret", "in/relative": "../out/secret",
            "in/folder": "\(root)/out", "in/inside": "a", "in/gone": "nowhere", "in/loop": "loop",
            "in/self": "/proc/self/cwd", "in/zero": "/dev/zero",
        ]
        for (name, target) in links {
            try FileManager.default.createSymbolicLink(
                atPath: "\(root)/\(name)", withDestinationPath: target)
        }
        #expect(mkfifo("\(root)/in/pipe", 0o600) == 0)
        try Data().write(to: URL(filePath: "\(root)/in/empty"))
    }

    deinit { try? FileManager.default.removeItem(atPath: root) }
}

@Suite struct OpenFolderTests {
    private typealias Open = (CInt, UnsafePointer<CChar>, CInt) -> CInt

    private func expect(
        _ open: Open, _ folder: CInt, _ name: String, gives expected: CInt,
        _ comment: Comment
    ) {
        let opened = open(folder, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        let number = opened < 0 ? errno : 0
        if opened >= 0 { close(opened) }
        #expect(number == expected, "\(comment): \(name)")
    }

    @Test func bothWaysToOpenStayBeneath() throws {
        let place = try Place()
        let folder = open("\(place.root)/in", O_RDONLY | O_DIRECTORY)
        try #require(folder >= 0)
        defer { close(folder) }
        let cases: [(String, CInt)] = [
            ("a", 0), ("sub/b", 0), ("./sub//deep/./c", 0), ("sub/deep/", 0),
            ("none", ENOENT), ("sub/none/c", ENOENT), ("a/b", ENOTDIR), ("", ENOENT),
            ("..", EXDEV), ("../out/secret", EXDEV), ("sub/../../out/secret", EXDEV),
            ("/etc/passwd", EXDEV), ("\(place.root)/in/a", EXDEV),
            ("up/out/secret", ELOOP), ("secret", ELOOP), ("relative", ELOOP),
            ("folder/secret", ELOOP), ("inside", ELOOP), ("gone", ELOOP), ("loop", ELOOP),
            ("self/etc/passwd", ELOOP), ("zero", ELOOP), ("pipe", 0),
        ]
        for (name, expected) in cases {
            expect(vigil_open_beneath, folder, name, gives: expected, "openat2")
            expect(vigil_open_beneath_walking, folder, name, gives: expected, "walking")
        }
    }

    @Test func kindsAndNames() throws {
        let place = try Place()
        let folder = try #require(OpenFolder.named(place.root + "/in"))
        #expect(folder.kind(of: "a") == .file(bytes: 3))
        #expect(folder.kind(of: "sub") == .folder)
        #expect(folder.kind(of: "secret") == .link && folder.kind(of: "gone") == .link)
        #expect(folder.kind(of: "pipe") == .other)
        #expect(folder.kind(of: "folder/secret") == nil && folder.kind(of: "../out") == nil)
        #expect(folder.names(in: "sub")?.sorted() == ["b", "deep"])
        #expect(folder.names(in: "folder") == nil && folder.names(in: "..") == nil)
        #expect(OpenFolder.named(place.root + "/in/a") == nil)
    }

    /// What is opened of a name that changes all the time, many times.
    private func openings(
        of input: MediaInput, swapping names: [String]
    ) -> (bytes: Set<String>, codes: Set<DecodeError.Code>) {
        let isDone = Atomic<Bool>(false)
        let path = input.path ?? ""
        let swapper = Thread {
            var next = 0
            while !isDone.load(ordering: .relaxed) {
                let name = names[next % names.count]
                next += 1
                guard rename(name, path) == 0 else { continue }
                sched_yield()
                rename(path, name)
            }
        }
        swapper.start()
        var bytes: Set<String> = []
        var codes: Set<DecodeError.Code> = []
        for _ in 0..<4000 {
            do {
                let media = try OpenMedia(input, interrupt: Interrupt())
                bytes.insert(String(decoding: media.file?.beginning(9) ?? [], as: UTF8.self))
            } catch {
                codes.insert(error.code)
            }
        }
        isDone.store(true, ordering: .relaxed)
        while !swapper.isFinished { usleep(1000) }
        return (bytes, codes)
    }

    @Test func whatIsSwappedWhileItIsOpenedNeitherHangsNorLeadsOut() throws {
        let place = try Place()
        let folder = try #require(OpenFolder.named(place.root + "/in"))
        let names = ["a", "pipe", "zero", "empty", "sub", "secret", "gone", "loop"]
            .map { "\(place.root)/in/\($0)" }
        let path = "\(place.root)/in/x"
        let found = openings(
            of: .found(FoundFile(path: path, name: "x", beneath: folder)), swapping: names)
        #expect(found.bytes.subtracting(["in/"]).isEmpty, "\(found)")
        #expect(found.codes.isSubset(of: [.notFound, .notMedia]), "\(found)")
        // A user's own name may be a link, but never a pipe or a device.
        let named = openings(of: .file(path), swapping: names)
        #expect(named.bytes.subtracting(["in/", "out"]).isEmpty, "\(named)")
        #expect(named.codes.isSubset(of: [.notFound, .notMedia]), "\(named)")
    }

    @Test func foldersSwappedForLinksLeadNowhere() throws {
        let place = try Place()
        let folder = try #require(OpenFolder.named(place.root + "/in"))
        try Data("out".utf8).write(to: URL(filePath: "\(place.root)/out/b"))
        let path = "\(place.root)/in/now"
        let others = ["sub", "folder"].map { "\(place.root)/in/\($0)" }
        let isDone = Atomic<Bool>(false)
        let swapper = Thread {
            while !isDone.load(ordering: .relaxed) {
                for name in others {
                    guard rename(name, path) == 0 else { continue }
                    sched_yield()
                    rename(path, name)
                }
            }
        }
        swapper.start()
        var bytes: Set<String> = []
        for _ in 0..<4000 {
            let file = FoundFile(path: path + "/b", name: "now/b", beneath: folder)
            let media = try? OpenMedia(.found(file), interrupt: Interrupt())
            if let media {
                bytes.insert(String(decoding: media.file?.beginning(9) ?? [], as: UTF8.self))
            }
            if let names = folder.names(in: "now") { #expect(!names.contains("secret")) }
        }
        isDone.store(true, ordering: .relaxed)
        while !swapper.isFinished { usleep(1000) }
        #expect(bytes.subtracting(["in/"]).isEmpty, "\(bytes)")
    }
}

// The walk: order, links, special files, and any number of workers at once.

import Decode
import Foundation
import Run
import Synchronization
import Testing

@Suite struct InputWalkerTests {
    private func withTree(_ body: (String) throws -> Void) throws {
        let root = FileManager.default.temporaryDirectory
            .appending(path: "vigil-walk-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: root) }
        for folder in ["a/deep/deeper", "b", "empty"] {
            try FileManager.default.createDirectory(
                atPath: "\(root)/\(folder)", withIntermediateDirectories: true)
        }
        for file in ["a/2", "a/1", "a/deep/deeper/x", "b/y", "top"] {
            try Data("x".utf8).write(to: URL(filePath: "\(root)/\(file)"))
        }
        try body(root)
    }

    private func paths(_ walker: InputWalker) -> [String] {
        var paths: [String] = []
        while let step = walker.next() {
            if case .input(let input) = step { paths.append(input.media.redacted) }
        }
        return paths
    }

    @Test func walksDepthFirstInOrderOfNames() throws {
        try withTree { root in
            let found = paths(InputWalker([root])).map { $0.dropFirst(root.count + 1) }
            #expect(found == ["a/1", "a/2", "a/deep/deeper/x", "b/y", "top"])
            #expect(paths(InputWalker([root + "/"])).count == 5)
        }
    }

    @Test func namedInputsAreHandedOutEvenIfMissing() {
        let walker = InputWalker(["/no/such/file", "https://example.org/a"])
        #expect(paths(walker) == ["/no/such/file", "https://example.org/a"])
        #expect(!walker.isSingleInput)
        #expect(InputWalker(["/no/such/file"]).isSingleInput)
    }

    @Test func linksToFilesAreFilesAndTheRestIsCounted() throws {
        try withTree { root in
            try FileManager.default.createSymbolicLink(
                atPath: root + "/b/loop", withDestinationPath: root)
            try FileManager.default.createSymbolicLink(
                atPath: root + "/b/link", withDestinationPath: root + "/top")
            #expect(mkfifo(root + "/b/pipe", 0o600) == 0)
            let walker = InputWalker([root])
            let found = paths(walker).map { String($0.dropFirst(root.count + 1)) }
            #expect(found.count == 6 && found.contains("b/link"))
            #expect(walker.skipped == 2)
        }
    }

    @Test func linksThatLeadOutCannotBeOpened() throws {
        try withTree { root in
            let link = root + "/a/out.mp4"
            try FileManager.default.createSymbolicLink(
                atPath: link, withDestinationPath: root + "/top")
            // Beneath the walked folder it is a file; beneath one that it leads out of, none.
            for (folder, isBeneath) in [(root, true), (root + "/a", false)] {
                let walker = InputWalker([folder])
                var media: MediaInput?
                while let step = walker.next() {
                    if case .input(let input) = step, input.media.path == link {
                        media = input.media
                    }
                }
                let found = try #require(media)
                let opened = try? OpenMedia(found, interrupt: Interrupt())
                #expect((opened != nil) == isBeneath, "\(folder)")
                #expect(walker.skipped == 0)
            }
        }
    }

    @Test func aFolderSwappedForALinkIsNotWalked() throws {
        try withTree { root in
            let walker = InputWalker([root + "/a"])
            // The walk lists a folder before it goes into those below.
            #expect(walker.next() != nil)
            try FileManager.default.moveItem(atPath: root + "/a/deep", toPath: root + "/moved")
            try FileManager.default.createSymbolicLink(
                atPath: root + "/a/deep", withDestinationPath: root + "/b")
            #expect(paths(walker) == [root + "/a/2"])
            #expect(walker.skipped == 1)
        }
    }

    @Test func eachInputIsHandedOutOnceToManyWorkers() throws {
        try withTree { root in
            for number in 0..<500 {
                try Data().write(to: URL(filePath: "\(root)/b/\(number)"))
            }
            let walker = InputWalker([root])
            let seen = Mutex<[String]>([])
            DispatchQueue.concurrentPerform(iterations: 8) { _ in
                let mine = paths(walker)
                seen.withLock { $0 += mine }
            }
            let all = seen.withLock { $0 }
            #expect(all.count == 505 && Set(all).count == 505)
        }
    }
}

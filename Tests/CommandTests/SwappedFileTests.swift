// Files that somebody swaps, lengthens or shortens while they are scanned: the scan ends, and says
// what it did not see.

import Foundation
import Synchronization
import Testing

@Suite struct SwappedFileTests {
    private let place: Workplace
    private let known: String

    init() throws {
        place = try Workplace()
        known = try place.known("film", media: Clips.film())
    }

    /// Does something over and over while the body runs.
    private func meanwhile(
        _ act: @escaping @Sendable () -> Void, _ body: () throws -> Void
    ) rethrows {
        let isDone = Atomic<Bool>(false)
        let thread = Thread {
            while !isDone.load(ordering: .relaxed) {
                act()
                sched_yield()
            }
        }
        thread.start()
        defer {
            isDone.store(true, ordering: .relaxed)
            while !thread.isFinished { usleep(1000) }
        }
        try body()
    }

    @Test func whatIsSwappedForAPipeOrADeviceNeverHangsAScan() throws {
        let folder = place.file("up")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let path = folder + "/a.mp4"
        try FileManager.default.copyItem(atPath: try Clips.film(), toPath: path)
        #expect(mkfifo(place.file("pipe"), 0o600) == 0)
        try FileManager.default.createSymbolicLink(
            atPath: place.file("zero"), withDestinationPath: "/dev/zero")
        try FileManager.default.createDirectory(
            atPath: place.file("folder"), withIntermediateDirectories: true)
        let others = ["pipe", "zero", "folder"].map { place.file($0) }
        let aside = place.file("aside")
        try meanwhile({
            for other in others {
                rename(path, aside)
                rename(other, path)
                rename(path, other)
                rename(aside, path)
            }
        }) {
            for round in 0..<16 {
                let result = try place.scan([round % 2 == 0 ? path : folder], known: known)
                #expect([0, 1, 2].contains(result.status), "\(result.status) \(result.error)")
                let inputs = result.objects(ofType: "input")
                #expect(inputs.count <= 1)
                // A file that the walk did not come upon is no input; one that was is told of.
                if round % 2 == 0 { #expect(inputs.count == 1, "\(result.output)") }
                let status = inputs.first?["status"] as? String
                #expect(result.status != 2 || status != "examined", "\(result.output)")
            }
        }
    }

    @Test func aFileThatGrowsIsReadToAnEnd() throws {
        let segment = try Clips.make(
            "segment-film.ts", "-i \(try Clips.film()) -t 6 -c copy -f mpegts")
        let data = try Data(contentsOf: URL(filePath: segment))
        let path = try place.write("grows.ts", data)
        let handle = try FileHandle(forWritingTo: URL(filePath: path))
        try handle.seekToEnd()
        let left = Mutex(200)
        try meanwhile({
            let isLeft = left.withLock {
                $0 -= 1
                return $0 > 0
            }
            if isLeft { try? handle.write(contentsOf: Data(data.prefix(18_800))) }
            usleep(2000)
        }) {
            let result = try place.scan([path], known: known)
            #expect(result.status == 1, "\(result.status) \(result.output)\(result.error)")
        }
    }

    @Test func aFileThatIsCutWhileItIsReadIsNotCalledWhole() throws {
        let path = place.file("cut.mp4")
        try FileManager.default.copyItem(atPath: try Clips.film(), toPath: path)
        let size = try Data(contentsOf: URL(filePath: path)).count
        try meanwhile({
            truncate(path, off_t(size / 3))
            truncate(path, off_t(size))
        }) {
            for _ in 0..<4 {
                let result = try place.scan([path], known: known)
                #expect([0, 1, 2].contains(result.status), "\(result.status) \(result.error)")
            }
        }
    }

    @Test func sparseAndSpecialFilesEnd() throws {
        let path = try place.write("sparse.mp4", Data())
        #expect(truncate(path, 1 << 42) == 0)
        for input in [path, "/proc/self/mem", "/proc/kmsg", "/dev/null", "/proc/self/status"] {
            let result = try place.scan([input], known: known)
            #expect(result.status == 2, "\(input): \(result.output)")
        }
        let server = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(server) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let name = "/tmp/vigil-\(UUID().uuidString.prefix(8)).mp4"
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name.utf8) }
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(server, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(bound == 0)
        defer { unlink(name) }
        let result = try place.scan([name], known: known)
        #expect(result.status == 2 && result.output.contains("no regular file"))
    }

    @Test func linksInAFolderLeadNowhereElse() throws {
        let folder = place.file("up")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let film = try Clips.film()
        try FileManager.default.createSymbolicLink(
            atPath: folder + "/out.mp4", withDestinationPath: film)
        try FileManager.default.createSymbolicLink(
            atPath: folder + "/notes", withDestinationPath: film)
        let result = try place.scan([folder], known: known)
        #expect(result.status == 2 && result.objects(ofType: "alert").isEmpty, "\(result.output)")
        let inputs = result.objects(ofType: "input")
        #expect(inputs.count == 1 && inputs.first?["status"] as? String == "failed")
        #expect((inputs.first?["error"] as? String)?.contains("link") == true, "\(inputs)")
        // A user who names the link means what it leads to.
        #expect(try place.scan([folder + "/out.mp4"], known: known).status == 1)
        // Beneath the folder nothing is left out.
        try FileManager.default.removeItem(atPath: folder + "/out.mp4")
        try FileManager.default.copyItem(atPath: film, toPath: folder + "/film.mp4")
        try FileManager.default.createSymbolicLink(
            atPath: folder + "/again.mp4", withDestinationPath: "film.mp4")
        let beneath = try place.scan([folder], known: known)
        #expect(beneath.status == 1 && beneath.objects(ofType: "alert").count == 2)
    }
}

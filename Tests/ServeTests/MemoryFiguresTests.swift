// The allocator is the one that the program is set up for, and says what is in use.

import Foundation
import Serve
import Testing

struct MemoryFiguresTests {
    @Test func whatIsTakenIsInUseUntilItIsFreed() throws {
        let size = 1 << 30
        let before = try #require(MemoryFigures()).allocatedBytes
        let block = try #require(malloc(size))
        let during = try #require(MemoryFigures()).allocatedBytes
        free(block)
        let after = try #require(MemoryFigures()).allocatedBytes
        // Tests that run beside this one take and free some too.
        #expect(during - before > size - size / 4)
        #expect(during - after > size - size / 4)
    }

    /// Its own thread is there only with the settings of the program.
    @Test func freedMemoryIsGivenBackByAThreadOfTheAllocators() throws {
        let tasks = URL(filePath: "/proc/self/task")
        let names = try FileManager.default.contentsOfDirectory(atPath: tasks.path).compactMap {
            try? String(contentsOf: tasks.appending(path: "\($0)/comm"), encoding: .utf8)
        }
        #expect(names.contains { $0.hasPrefix("jemalloc_bg_thd") })
    }
}

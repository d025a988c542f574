// Pages that hold nothing are given back, and what is in the others stays.

import Decode
import Foundation
import Testing

@Suite struct ZeroPagesTests {
    private static let page = sysconf(CInt(_SC_PAGESIZE))
    private static let pages = 64

    /// Pages of memory that are there.
    private static func resident(_ memory: UnsafeMutableRawPointer) -> [Int] {
        var states = [UInt8](repeating: 0, count: pages)
        #expect(mincore(memory, pages * page, &states) == 0)
        return states.indices.filter { states[$0] & 1 == 1 }
    }

    @Test func whatHoldsOnlyZerosIsGivenBackAndReadsAsBefore() {
        let size = Self.pages * Self.page
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: Self.page)
        defer { memory.deallocate() }
        memory.initializeMemory(as: UInt8.self, repeating: 0)
        // The first byte of one page, the last of another, and one in the midst.
        let used = [0: 1, 7 * Self.page - 1: 2, 40 * Self.page + 100: 3]
        for (place, value) in used { memory[place] = UInt8(value) }
        #expect(Self.resident(memory.baseAddress!).count == Self.pages)

        ZeroPages.release(in: memory)

        #expect(Self.resident(memory.baseAddress!) == [0, 6, 40])
        for place in memory.indices where memory[place] != UInt8(used[place] ?? 0) {
            Issue.record("byte \(place) has changed")
        }
        memory.initializeMemory(as: UInt8.self, repeating: 9)
        #expect(memory.allSatisfy { $0 == 9 })
    }

    @Test func nothingBeyondTheBlockIsTouched() {
        let memory = UnsafeMutableRawBufferPointer.allocate(
            byteCount: 4 * Self.page, alignment: Self.page)
        defer { memory.deallocate() }
        memory.initializeMemory(as: UInt8.self, repeating: 0)
        // Begins and ends within pages: only the two in between are whole.
        ZeroPages.release(
            in: UnsafeMutableRawBufferPointer(rebasing: memory[1..<(4 * Self.page - 1)]))
        var states = [UInt8](repeating: 0, count: 4)
        #expect(mincore(memory.baseAddress!, 4 * Self.page, &states) == 0)
        #expect(states.map { $0 & 1 } == [1, 0, 0, 1])
        ZeroPages.release(ofAllocation: nil)
    }
}

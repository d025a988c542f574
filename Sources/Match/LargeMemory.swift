// Memory for large tables that are read at random: in huge pages where the system gives them, which
// saves a walk through the page tables for most reads. Without them all works the same, slower.

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// One block of uninitialised memory of a trivial type, freed with its owner.
struct LargeMemory<Element: BitwiseCopyable>: ~Copyable {
    let start: UnsafeMutablePointer<Element>
    let count: Int

    var byteCount: Int { count * MemoryLayout<Element>.stride }

    /// Allocates room for at least one element, on a cache line's border.
    init(count: Int) {
        let bytes = max(1, count) * MemoryLayout<Element>.stride
        let alignment = bytes >= hugePage ? hugePage : 64
        let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: alignment)
        #if os(Linux)
            // Only advice: what it returns makes no difference.
            if bytes >= hugePage { _ = madvise(memory, bytes, MADV_HUGEPAGE) }
        #endif
        start = memory.bindMemory(to: Element.self, capacity: max(1, count))
        self.count = count
    }

    deinit { start.deallocate() }
}

private let hugePage = 2 << 20

/// Asks for huge pages under memory that is already in use; only advice.
func gatherHugePages(_ memory: UnsafeRawBufferPointer) {
    #if os(Linux)
        guard let base = memory.baseAddress, memory.count >= 2 * hugePage else { return }
        let start = base.alignedUp(toMultipleOf: hugePage)
        let length = (base + memory.count).alignedDown(toMultipleOf: hugePage) - start
        // MADV_COLLAPSE, since Linux 6.1, which the C library's headers may not know.
        if length > 0 { _ = madvise(UnsafeMutableRawPointer(mutating: start), length, 25) }
    #endif
}

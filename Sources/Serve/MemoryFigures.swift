// What the program's allocator says of itself.
//
// The system's figure for a process has in it what was freed and is kept for the next use, so it
// rises and falls with the load. A leak shows in what is in use.

internal import CAllocator

/// Memory of the whole program as its allocator counts it, without what is mapped past it.
package struct MemoryFigures: Sendable, Hashable {
    /// What is in use, bytes.
    package let allocatedBytes: Int
    /// What of the system's memory the allocator holds, in use or freed lately, bytes.
    package let residentBytes: Int

    /// Asks the allocator; `nil` where another has taken its place, as tools that check memory do.
    package init?() {
        var (allocated, resident) = (0, 0)
        guard vigil_allocator_figures(&allocated, &resident) else { return nil }
        (allocatedBytes, residentBytes) = (allocated, resident)
    }
}

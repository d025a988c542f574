// Memory that was freed and that the allocator keeps.
//
// Hundreds of readers take and free packets side by side, and glibc's allocator returns to the
// system only what is free at the end of one of its heaps. What lies between is used again in part:
// the service grew with every opening and closing of many streams, though of 295 MB that the
// allocator held only 23 were in use (200 HLS inputs, opened and closed four times).

internal import CFFmpeg

/// Keeps the allocator from holding much that was freed before.
package enum FreedMemory {
    /// Has the allocator use no more heaps than there are cores; before threads begin.
    ///
    /// By itself it makes eight for each core, and hundreds of readers leave holes in all of them:
    /// 250 HLS inputs, opened and closed six times, left 214 to 324 MB with 16 heaps, and 151 to
    /// 163 MB with two. Does nothing where the C library is not glibc, or `MALLOC_ARENA_MAX` says how
    /// many.
    package static func useFewHeaps(cores: Int) {
        vigil_limit_arenas(Int32(clamping: max(2, cores)))
    }

    /// Gives back all whole pages that were freed; takes tens of milliseconds for some hundred MB.
    ///
    /// Does nothing where the C library is not glibc.
    package static func giveBack() {
        vigil_trim_allocator()
    }
}

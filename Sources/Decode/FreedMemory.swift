// Memory that was freed and that the allocator keeps.
//
// Hundreds of readers take and free packets side by side, and glibc's allocator returns to the
// system only what is free at the end of one of its heaps. What lies between is used again in part:
// the service grew with every opening and closing of many streams, though of 295 MB that the
// allocator held only 23 were in use (200 HLS inputs, opened and closed four times).

internal import CFFmpeg

/// Gives memory back to the system that was freed before.
package enum FreedMemory {
    /// Gives back all whole pages that were freed; takes tens of milliseconds for some hundred MB.
    ///
    /// Does nothing where the C library is not glibc.
    package static func giveBack() {
        vigil_trim_allocator()
    }
}

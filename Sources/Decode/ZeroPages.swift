// Memory that a library has zeroed and never used.
//
// libavformat's FLV reader, which reads RTMP, has 2 MiB in its context for the search of the next
// tag in broken data. They are zeroed with the rest of it and so take real memory, though hardly a
// stream ever needs them: with hundreds of streams it was about half of what they took. Pages of
// private anonymous memory that were given back read as zeros again, so giving back those that hold
// nothing else changes no content.

internal import CFFmpeg
internal import Glibc

/// Gives memory back to the system that holds nothing but zeros.
package enum ZeroPages {
    /// Gives back the whole pages of a block that hold only zeros; its content stays as it is.
    ///
    /// The block must be one that libavutil allocated, and nobody else may write to it meanwhile.
    /// - Parameter block: nil is nothing.
    package static func release(ofAllocation block: UnsafeMutableRawPointer?) {
        guard let block else { return }
        release(in: UnsafeMutableRawBufferPointer(start: block, count: vigil_allocated_size(block)))
    }

    /// Gives back the whole pages that hold only zeros, of private anonymous memory.
    package static func release(in memory: UnsafeMutableRawBufferPointer) {
        guard let start = memory.baseAddress else { return }
        let page = sysconf(CInt(_SC_PAGESIZE))
        let end = start + memory.count
        var next = start.alignedUp(toMultipleOf: page)
        var zeros: UnsafeMutableRawPointer?
        while next + page <= end {
            if isZero(next, count: page) {
                zeros = zeros ?? next
            } else {
                giveBack(&zeros, until: next)
            }
            next += page
        }
        giveBack(&zeros, until: next)
    }

    private static func giveBack(
        _ start: inout UnsafeMutableRawPointer?, until end: UnsafeMutableRawPointer
    ) {
        // Where the system refuses, the memory stays as it was.
        if let first = start.take() { madvise(first, end - first, MADV_DONTNEED) }
    }

    private static func isZero(_ memory: UnsafeMutableRawPointer, count: Int) -> Bool {
        // The first byte is, and each is as the one before.
        memory.load(as: UInt8.self) == 0 && memcmp(memory, memory + 1, count - 1) == 0
    }
}

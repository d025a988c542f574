// Standard input as lines, in batches: as many as are there already, so that a pipe that gives a
// line at a time gets each answer at once, and a file is read in large pieces.
//
// Invariants: `next` waits only while it has no whole line to give; memory is bounded by the block
// and by the longest line; of one that is longer a zero byte and its end are given.

import Foundation

/// Reads lines without waiting for more than there is.
struct LineBatches {
    private static let blockBytes = 1 << 16
    /// Nothing that is longer can be of use.
    private static let longestLine = 1 << 16

    private let descriptor: CInt
    private var block = [UInt8](repeating: 0, count: blockBytes)
    /// What was read and not yet given: part of a line, after each batch.
    private var waiting: [UInt8] = []
    private var isAtEnd = false
    /// Why reading ended before the end; `nil` where it did not.
    private(set) var failure: String?

    init(descriptor: CInt = STDIN_FILENO) { self.descriptor = descriptor }

    /// Calls `body` with each line of the next batch, without its LF or CRLF.
    /// - Returns: whether there may be more.
    mutating func next(_ body: (ArraySlice<UInt8>) -> Void) -> Bool {
        guard !isAtEnd else { return false }
        let seen = waiting.count
        let count = receive()
        guard count > 0 else {
            isAtEnd = true
            if !waiting.isEmpty { body(waiting[...]) }
            return false
        }
        waiting += block[..<count]
        var start = 0
        var place = seen
        while let end = waiting[place...].firstIndex(of: UInt8(ascii: "\n")) {
            let hasReturn = end > start && waiting[end - 1] == UInt8(ascii: "\r")
            body(waiting[start..<(hasReturn ? end - 1 : end)])
            start = end + 1
            place = start
        }
        waiting.removeFirst(start)
        // A line that begins with a zero byte is no hash, whatever follows.
        if waiting.count > Self.longestLine { waiting = [0] }
        return true
    }

    /// Bytes read into the block; 0 at the end, or where reading fails, which `failure` tells.
    private mutating func receive() -> Int {
        let descriptor = descriptor
        let count = block.withUnsafeMutableBytes { bytes in
            while true {
                let count = read(descriptor, bytes.baseAddress, bytes.count)
                if count >= 0 { return count }
                switch errno {
                case EINTR: continue
                case EAGAIN:
                    // Whoever gave it to us does not want reads to wait; we do.
                    var wait = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                    _ = poll(&wait, 1, -1)
                default: return -Int(errno)
                }
            }
        }
        if count < 0 { failure = String(cString: strerror(CInt(-count))) }
        return max(0, count)
    }
}

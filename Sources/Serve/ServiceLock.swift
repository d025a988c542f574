// One service on a state directory: two would watch every stream twice and write one ledger.

internal import Foundation

/// Held for as long as the process lives; the system lets it go, however the process ends.
enum ServiceLock {
    /// Takes the lock of a state directory.
    /// - Throws: `ServeError` where another service has it.
    static func take(in directory: String) throws(ServeError) {
        let path = "\(directory)/serve.lock"
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw ServeError(
                .state, "\(path) cannot be opened: \(String(cString: strerror(errno)))")
        }
        // Never closed: that would let it go.
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw ServeError(
                .state,
                "another vigil serve runs on \(directory); end it, or name another state directory")
        }
    }
}

// Reads files that hold what not everybody may know: secrets of media servers, hashes of tokens.

internal import Foundation

enum PrivateFile {
    /// Reads a file whole.
    /// - Parameters:
    ///   - what: what is in it, for the error.
    ///   - most: bytes that are read at most; a longer file is an error.
    /// - Throws: `configuration` where it cannot be read, is no plain file (a pipe would be waited
    ///   for), or every user may use it.
    static func read(_ path: String, _ what: String, most: Int) throws(ServeError) -> [UInt8] {
        func failed(_ why: String) -> ServeError {
            ServeError(.configuration, "cannot read the \(what) in \(path): \(why)")
        }
        guard !path.utf8.contains(0) else { throw failed("a path cannot hold a zero byte") }
        let manager = FileManager.default
        let resolved = URL(filePath: path).resolvingSymlinksInPath().path
        guard let facts = try? manager.attributesOfItem(atPath: resolved) else {
            throw failed("there is no such file, or its folder may not be searched")
        }
        guard facts[.type] as? FileAttributeType == .typeRegular else {
            throw failed("it is not a file")
        }
        guard let mode = (facts[.posixPermissions] as? NSNumber)?.intValue, mode & 0o007 == 0
        else { throw failed("every user of this machine can use it; run: chmod 600 \(path)") }
        guard let size = (facts[.size] as? NSNumber)?.intValue, size <= most else {
            throw failed("it is larger than \(most) bytes")
        }
        guard let data = manager.contents(atPath: resolved), data.count <= most else {
            throw failed("this user may not read it")
        }
        return Array(data)
    }
}

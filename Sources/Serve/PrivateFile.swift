// Reads files that hold what not everybody may know: secrets of media servers, hashes of tokens.

internal import Foundation
internal import Known

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
        do throws(SmallFile.Problem) {
            return try SmallFile.read(path, most: most, as: .secret)
        } catch {
            switch error {
            case .missing: throw failed("there is no such file, or its folder may not be searched")
            case .notRegular, .nothingWritten: throw failed("it is not a file")
            case .exposed:
                throw failed("every user of this machine can use it; run: chmod 600 \(path)")
            case .tooLarge: throw failed("it is larger than \(most) bytes")
            case .system(EACCES): throw failed("this user may not read it")
            case .system(let number): throw failed(String(cString: strerror(number)))
            }
        }
    }
}

// The private folder that clips and a report queue lie in while they are measured.

internal import Foundation
internal import Glibc

/// A folder that only its owner may look into; goes with its contents when it is removed.
///
/// Safe to use from any thread; removing twice is safe.
public final class TemporaryFolder: Sendable {
    /// Where it is.
    public let path: String

    /// Makes the folder in `$TMPDIR`, or in the system's place for such.
    /// - Throws: what the system says, with the place.
    public init() throws {
        let place = FileManager.default.temporaryDirectory.path
        var template = Array("\(place)/vigil-bench-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw MeasureError(
                "no temporary folder can be made in \(place): \(String(cString: strerror(errno)))")
        }
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    deinit { remove() }

    /// Path of a file in it.
    func file(_ name: String) -> String { "\(path)/\(name)" }

    /// Removes one file.
    func remove(_ name: String) { try? FileManager.default.removeItem(atPath: file(name)) }

    /// Removes all of it.
    public func remove() { try? FileManager.default.removeItem(atPath: path) }
}

/// Why something could not be measured, one line for people.
public struct MeasureError: Error, Sendable, CustomStringConvertible {
    /// What went wrong.
    public let description: String

    init(_ description: String) { self.description = description }
}

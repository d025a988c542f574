// An input that was opened. A file's descriptor is kept for as long as the input is looked at, and is
// what every further reading goes through: another track, a closer look, a second pass, the check for
// truncation. So all that is said of an input is said of one file.

/// An input, opened once.
public final class OpenMedia: Sendable {
    /// What was opened.
    public let input: MediaInput
    /// The file; `nil` for a URL, which each reading connects to.
    package let file: LocalFile?

    /// Opens a file; of a URL nothing is opened yet.
    /// - Throws: `DecodeError` where there is no regular file, it is empty, or may not be read.
    public init(_ input: MediaInput, interrupt: Interrupt) throws(DecodeError) {
        self.input = input
        interrupt.arm(seconds: DemuxLimits.stallSeconds)
        do throws(LocalFile.Failure) {
            switch input {
            case .file(let path): file = try .named(path, interrupt: interrupt)
            case .found(let found):
                file = try .beneath(found.folder, found.name, interrupt: interrupt)
            case .url: file = nil
            }
        } catch {
            throw error.error(interrupt)
        }
    }

    /// The folder that a playlist lies in, and the playlist's name there.
    func playlistFolder() throws(DecodeError) -> (folder: OpenFolder, name: String) {
        let folder: OpenFolder?
        let name: Substring
        switch input {
        case .file(let path):
            (name, folder) = Self.split(path) { OpenFolder.named($0.isEmpty ? "." : $0) }
        case .found(let found):
            (name, folder) = Self.split(found.name) { found.folder.folder($0) }
        case .url: throw DecodeError(.unsupported, "is no file")
        }
        guard let folder else {
            throw DecodeError(.permission, "the playlist's folder cannot be opened")
        }
        return (folder, String(name))
    }

    private static func split(
        _ path: String, _ open: (String) -> OpenFolder?
    ) -> (Substring, OpenFolder?) {
        let name = path.split(separator: "/", omittingEmptySubsequences: false).last ?? ""
        let folder = path.dropLast(name.count)
        return (name, open(String(folder)))
    }
}

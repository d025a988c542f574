// Where the sealing key lies, how it is read, and how the default one is made once.
//
// Invariants: only the default path is ever created, never one that somebody named (a mistyped
// path must not silently give a new key). A key file that everyone can read or write is refused.
// Creation is race-safe: the whole file is written and flushed under another name (mode 0600,
// O_EXCL) and then hard-linked to its place, which fails if another process was first; the loser
// reads the winner's key, and no reader ever sees half a key. No message holds key bytes.

import FoundationEssentials

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Finds, reads and, at the default place, makes the key of sealed known sets.
public enum KeyFile {
    /// The environment variable that names the key file.
    public static let environmentName = "VIGIL_KEY_FILE"

    private static let longestFile = 1024

    /// Path of the key file: the explicit one, else `VIGIL_KEY_FILE`, else the default.
    public static func resolve(explicit: String?, environment: [String: String]) -> String {
        if let explicit { return explicit }
        if let named = environment[environmentName], !named.isEmpty { return named }
        return defaultPath(environment: environment)
    }

    /// `vigil/key` under `XDG_CONFIG_HOME` (if that is absolute), else under `~/.config`.
    public static func defaultPath(environment: [String: String]) -> String {
        if let base = environment["XDG_CONFIG_HOME"], base.hasPrefix("/") {
            return base + "/vigil/key"
        }
        if let home = environment["HOME"], home.hasPrefix("/") {
            return home + "/.config/vigil/key"
        }
        return FileManager.default.homeDirectoryForCurrentUser.path + "/.config/vigil/key"
    }

    /// Reads the key: 32 raw bytes, 64 hex digits, or base64 of 32 bytes (a line end may follow).
    /// - Parameters:
    ///   - path: what `resolve` gave.
    ///   - createIfMissing: whether to make a random key if there is no file; honoured only for the
    ///     default path.
    ///   - environment: says which path is the default one; without it, the process's own.
    public static func load(
        path: String, createIfMissing: Bool,
        environment: [String: String]? = nil
    ) throws(KnownError) -> SealKey {
        do {
            return try load(path: path)
        } catch  where error.code == .fileMissing {
            guard createIfMissing,
                path
                    == defaultPath(
                        environment: environment ?? ProcessInfo.processInfo.environment)
            else {
                throw missing(path)
            }
        }
        try create(path)
        return try load(path: path)
    }

    private static func missing(_ path: String) -> KnownError {
        KnownError(
            .keyMissing,
            "there is no key file at \(path); name the right one with --key-file or "
                + "\(environmentName)")
    }

    private static func load(path: String) throws(KnownError) -> SealKey {
        let file = try OpenFile.reading(path)
        let size = try file.regularSize()
        guard try file.status().st_mode & 0o007 == 0 else {
            throw KnownError(
                .keyExposed,
                "the key file \(path) can be read or written by every user of this machine; run: "
                    + "chmod 600 \(path)")
        }
        guard size <= longestFile,
            let key = key(in: try file.bytes(at: 0, count: longestFile))
        else {
            throw KnownError(
                .keyMalformed,
                "the file \(path) (\(size) bytes) holds no key; a key file holds 32 bytes, "
                    + "64 hex digits, or base64 of 32 bytes")
        }
        return key
    }

    /// Reads any of the three forms.
    static func key(in bytes: [UInt8]) -> SealKey? {
        if let raw = SealKey(bytes: bytes) { return raw }
        let end = bytes.lastIndex { ![9, 10, 13, 32].contains($0) } ?? -1
        let text = bytes[...end]
        if text.count == 2 * SealKey.byteCount {
            return hexBytes(Array(text)).flatMap { SealKey(bytes: $0) }
        }
        return Base64.bytes(of: text).flatMap { SealKey(bytes: $0) }
    }

    private static func hexBytes(_ digits: [UInt8]) -> [UInt8]? {
        let values = digits.map(HexDigit.value)
        guard values.allSatisfy({ $0 < 16 }) else { return nil }
        return stride(from: 0, to: values.count - 1, by: 2).map { values[$0] << 4 | values[$0 + 1] }
    }

    private static func create(_ path: String) throws(KnownError) {
        let folder = directory(of: path)
        try makeDirectories(folder)
        let draft = folder + "/.key." + SealedFormat.randomName()
        guard let file = OpenFile.creating(draft) else { throw failed(path, errno) }
        defer { _ = unlink(draft) }
        guard file.write(all: SealKey.random().fileLine()), file.synchronize() else {
            throw failed(path, errno)
        }
        guard link(draft, path) == 0 || errno == EEXIST else { throw failed(path, errno) }
        guard synchronizeDirectory(folder) else { throw failed(path, errno) }
    }

    private static func failed(_ path: String, _ number: Int32) -> KnownError {
        KnownError(
            .writeFailed,
            "cannot make the key file \(path): \(errorText(number)); make one elsewhere (32 random "
                + "bytes, mode 600) and name it with --key-file")
    }

    /// Makes a directory and those above it, mode 0700; ones that stand already stay as they are.
    private static func makeDirectories(_ path: String) throws(KnownError) {
        if mkdir(path, 0o700) == 0 || errno == EEXIST { return }
        guard errno == ENOENT, path != "/", path != "." else { throw failed(path, errno) }
        try makeDirectories(directory(of: path))
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw failed(path, errno) }
    }
}

/// Base64 through Foundation, kept in one place.
enum Base64 {
    static func text(of bytes: some Sequence<UInt8>) -> String { Data(bytes).base64EncodedString() }

    static func bytes(of text: some Collection<UInt8>) -> [UInt8]? {
        Data(base64Encoded: Data(text)).map { Array($0) }
    }
}

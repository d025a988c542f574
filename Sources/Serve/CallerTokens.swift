// Who may call the API: bearer tokens, each with a role, of which the service knows only hashes.
//
// A token is 256 random bits, so one round of SHA-256 is all that its hash needs. The file has one
// line for each: role, name, hash. All hashes are compared with every token that is shown, each in
// constant time, so that an answer's time tells nothing about them.

internal import Crypto
internal import Foundation

/// What a caller may do.
public enum Role: String, Sendable, CaseIterable {
    /// Everything but see exact distances.
    case `operator`
    /// Look, and change nothing.
    case reader
    /// Look as a reader does, and see exact distances, which give known hashes away to whoever can
    /// have pictures of their own compared.
    case reviewer
    /// Tell of streams that begin and end, as media servers do.
    case hook
    /// Say what became of alerts, as those who receive them do.
    case consumer

    /// Whether it may do what another role may.
    package func covers(_ other: Role) -> Bool {
        switch self {
        case .operator: other != .reviewer
        case .reviewer: other == .reviewer || other == .reader
        case .reader, .hook, .consumer: self == other
        }
    }

    /// Whether it is told exact distances, and not bands alone.
    package var seesDistances: Bool { covers(.reviewer) }
}

/// A caller who showed a token.
public struct Caller: Sendable, Hashable {
    /// What the caller may do.
    public let role: Role
    /// Who it is, as the file names it.
    public let name: String

    package init(role: Role, name: String) {
        self.role = role
        self.name = name
    }
}

/// The tokens that are known.
public struct Tokens: Sendable {
    private struct Entry: Sendable {
        let caller: Caller
        let hash: [UInt8]
    }

    private var entries: [Entry] = []

    private static let roles = Role.allCases.map(\.rawValue).joined(separator: ", ")

    /// Most tokens in a file.
    private static let most = 1000
    private static let longestFile = 1 << 20
    private static let prefix = "vigil_"

    /// Reads a token file, which not everybody may read or write.
    public init(file path: String) throws(ServeError) {
        let bytes = try PrivateFile.read(path, "tokens", most: Self.longestFile)
        try self.init(text: String(decoding: bytes, as: UTF8.self), name: path)
    }

    /// Reads the text of a token file.
    init(text: String, name: String) throws(ServeError) {
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false)
            .enumerated()
        {
            let words = line.split(separator: " ", omittingEmptySubsequences: true)
            guard let first = words.first, !first.hasPrefix("#") else { continue }
            guard words.count == 3, let role = Role(rawValue: String(first)),
                let hash = Self.bytes(ofHex: words[2]), hash.count == SHA256.byteCount
            else {
                throw ServeError(
                    .configuration,
                    "\(name):\(number + 1): a line is a role (\(Self.roles)), a name and the SHA-256 "
                        + "of the token in hex")
            }
            entries.append(
                Entry(caller: Caller(role: role, name: String(words[1])), hash: hash))
        }
        guard (1...Self.most).contains(entries.count) else {
            throw ServeError(
                .configuration,
                "\(name): has \(entries.count) tokens; it must have 1 to \(Self.most)")
        }
    }

    /// Whose token this is.
    package func caller(showing token: some StringProtocol) -> Caller? {
        let shown = Array(SHA256.hash(data: Data(token.utf8)))
        var found: Caller?
        for entry in entries where Self.isEqual(entry.hash, shown) { found = entry.caller }
        return found
    }

    /// Compares all bytes, whatever they are.
    private static func isEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard left.count == right.count else { return false }
        return zip(left, right).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }

    /// Makes a token.
    /// - Returns: the token, which is shown once, and its line for the file.
    public static func make(_ role: Role, name: String) -> (token: String, line: String) {
        let secret = SymmetricKey(size: .bits256).withUnsafeBytes { Data($0) }
        let token =
            prefix
            + secret.base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
            .replacing("=", with: "")
        let hash = SHA256.hash(data: Data(token.utf8)).map { byte in
            String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
        }
        return (token, "\(role.rawValue) \(name) \(hash.joined())")
    }

    private static func bytes(ofHex text: Substring) -> [UInt8]? {
        let digits = text.utf8.map { Character(UnicodeScalar($0)).hexDigitValue }
        guard digits.count.isMultiple(of: 2), !digits.contains(nil) else { return nil }
        return stride(from: 0, to: digits.count, by: 2).map { place in
            UInt8((digits[place] ?? 0) << 4 | (digits[place + 1] ?? 0))
        }
    }
}

// A playlist on a disk, and what it may lead to: regular files beneath its own folder, and nothing
// else. Pure decisions on text; opening is OpenFolder's.
//
// The library is given addresses of a made-up folder (`file:here/…`) and resolves what the playlist
// names against them, so that a name which leads out is one that no longer begins so, whatever way
// out it took; what `..` leads to is the kernel's decision. The library drops some names without a
// word (of protocols that it does not take in playlists), so the text is looked through for those.

/// Why something that an input names was not opened.
package enum PartProblem: CaseIterable {
    case missing, permission, leadsOut, link, notRegular, empty, address, coded, key, unreadable
    case longList, tooMany, notPlaylist

    /// The reason, in words that follow a colon.
    var text: String {
        switch self {
        case .missing: "no such file"
        case .permission: "permission denied"
        case .leadsOut: "outside the playlist's folder"
        case .link: "a link or behind one, which is not followed"
        case .notRegular: "no regular file"
        case .empty: "empty"
        case .address: "an address, which a playlist on a disk may not name"
        case .coded: "a name with a backslash or with encoded dots, slashes or controls"
        case .key: "encrypted in an unknown way"
        case .unreadable: "cannot be read"
        case .longList:
            "playlists with more than \(LocalPlaylist.mostNames) names "
                + "or \(LocalPlaylist.mostBytes >> 20) MiB"
        case .tooMany:
            "more than \(OpenGuard.maximumOpens) parts or \(OpenGuard.maximumPlaylists) playlists"
        case .notPlaylist: "named by a file that is no playlist"
        }
    }
}

/// What could not be opened of what an input names, counted; a pure value.
package struct PartTally {
    private struct Entry {
        var count = 0
        var first = ""
    }

    /// Longest name that is shown, characters.
    private static let longestName = 80

    private var entries: [PartProblem: Entry] = [:]
    /// Hashes of names, so that a part that is tried again counts once.
    private var seen: Set<Int> = []

    package init() {}

    /// Parts that could not be opened.
    package var count: Int { entries.values.reduce(0) { $0 + $1.count } }

    /// Whether any failed for this reason.
    func has(_ problem: PartProblem) -> Bool { entries[problem] != nil }

    /// Counts a part.
    /// - Parameter name: as the playlist has it.
    package mutating func note(_ problem: PartProblem, _ name: some StringProtocol) {
        guard seen.count < OpenGuard.maximumOpens, seen.insert(name.hashValue).inserted else {
            return
        }
        entries[problem, default: Entry(first: Self.shown(name, problem))].count += 1
    }

    /// An address may hold a password, and its host is nobody's business: only its scheme is shown.
    private static func shown(_ name: some StringProtocol, _ problem: PartProblem) -> String {
        let part =
            problem == .address ? name.prefix { $0 != ":" } + ":…" : name.prefix { $0 != "?" }
        let text = PathText.readable(String(part))
        return text.count <= longestName ? text : text.prefix(longestName) + "…"
    }

    /// One line for people; `nil` where all could be opened.
    package var line: String? {
        guard count > 0 else { return nil }
        let reasons = PartProblem.allCases.compactMap { problem -> String? in
            guard let entry = entries[problem] else { return nil }
            guard !entry.first.isEmpty else { return problem.text }
            return problem.text
                + (entry.count == 1 ? " (\(entry.first))" : " (\(entry.count): \(entry.first), …)")
        }
        return "\(count) of the parts that it names could not be opened: "
            + reasons.joined(separator: "; ")
    }
}

package enum LocalPlaylist {
    /// Suffixes that a playlist's name must have, to be followed.
    private static let suffixes: Set<String> = ["m3u8", "m3u"]
    /// Bytes of all playlists of an input: a day of two-second segments in some renditions.
    static let mostBytes = 16 << 20
    /// Names in them.
    static let mostNames = 250_000

    private static let base = "file:here/"

    /// The address that the library is to take for a file beneath the folder.
    package static func address(of name: String) -> String { base + name }

    /// Why a playlist by this name is not followed; `nil` where it is.
    package static func refusal(ofName path: String) -> String? {
        let name = path.split(separator: "/", omittingEmptySubsequences: false).last ?? ""
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count > 1, let suffix = parts.last else {
            return "is a playlist in a file that is not called .m3u8: not followed"
        }
        guard !suffixes.contains(suffix.lowercased()) else { return nil }
        let shown = PathText.readable(String(suffix.prefix(16)))
        return "is a playlist in a file called .\(shown): not followed"
    }

    /// The name beneath the folder that an address stands for.
    package static func name(of address: some StringProtocol) throws(PartError) -> String {
        guard address.hasPrefix(base) else {
            throw PartError(address.hasPrefix("file:") ? .leadsOut : .address)
        }
        let name = String(address.dropFirst(base.count))
        guard !isCoded(name) else { throw PartError(.coded) }
        return name
    }

    /// Names that mean a way out to whoever decodes them, and are no names of files to anybody.
    private static func isCoded(_ name: String) -> Bool {
        guard !name.utf8.contains(UInt8(ascii: "\\")) else { return true }
        let parts = name.utf8.split(separator: UInt8(ascii: "%"), omittingEmptySubsequences: false)
        return parts.dropFirst().contains { part in
            guard let code = UInt8(String(decoding: part.prefix(2), as: UTF8.self), radix: 16),
                part.count >= 2
            else { return false }
            return code < 0x20 || [0x2e, 0x2f, 0x5c, 0x7f].contains(code)
        }
    }

    /// What a playlist's text names.
    package struct Names {
        package var count = 0
        /// Those that the library would not ask for.
        package var addresses: [Substring] = []
    }

    /// Looks through a text as the library reads it: lines end at a line feed, a carriage return or
    /// a zero.
    package static func names(in text: [UInt8]) -> Names {
        var names = Names()
        for line in text.split(whereSeparator: { $0 == 0x0a || $0 == 0x0d || $0 == 0 }) {
            guard let name = name(in: line) else { continue }
            names.count += 1
            guard isForeign(name), names.addresses.count < OpenGuard.maximumOpens else { continue }
            names.addresses.append(Substring(PathText.text(ofName: Array(name))))
        }
        return names
    }

    /// The name in a line of a playlist: of a part or a list, of a key, of a header, of a rendition.
    private static func name(in line: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard line.first == UInt8(ascii: "#") else {
            let name = line.drop { $0 <= 0x20 }
            return name.isEmpty ? nil : name
        }
        let tags = ["#EXT-X-KEY:", "#EXT-X-MAP:", "#EXT-X-MEDIA:"]
        guard tags.contains(where: { line.starts(with: $0.utf8) }) else { return nil }
        let mark = Array("URI=\"".utf8)
        var rest = line
        while let place = rest.firstIndex(of: mark[0]) {
            rest = rest[place...]
            if rest.starts(with: mark) {
                return rest.dropFirst(mark.count).prefix { $0 != UInt8(ascii: "\"") }
            }
            rest = rest.dropFirst()
        }
        return nil
    }

    /// Whether the library takes a name's beginning for a protocol's, other than of files.
    private static func isForeign(_ name: ArraySlice<UInt8>) -> Bool {
        let scheme = name.prefix { !":/?#".utf8.contains($0) }
        return name.dropFirst(scheme.count).first == UInt8(ascii: ":")
            && !scheme.elementsEqual("file".utf8)
    }
}

/// A part that is not opened, and why.
package struct PartError: Error {
    package let problem: PartProblem
    init(_ problem: PartProblem) { self.problem = problem }
}
